"""The retrain window, with a trainer that trains nothing but writes what one would."""

import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget
from pytestqt.qtbot import QtBot

from tests import fake_trainer
from tests.reviewed_study import drawn_study, review
from tests.tiny_models import tiny_vessel_model
from vesselapp.core.errors import VesselError
from vesselapp.core.geometry import Box
from vesselapp.core.image import read_image
from vesselapp.inference.catalog import find_model, user_folder
from vesselapp.state.judged import JudgedPicture, bases_of
from vesselapp.state.pictures import Entry
from vesselapp.state.sources import Source
from vesselapp.state.trainer_process import TrainingOptions
from vesselapp.study.models import ModelEntry, Registry
from vesselapp.study.run_folder import RunFolder
from vesselapp.study.run_progress import Example, Plan
from vesselapp.study.run_state import RunState
from vesselapp.study.study import Study
from vesselapp.ui.plain import tip
from vesselapp.ui.retrain.compare_box import CompareBox
from vesselapp.ui.retrain.desk import RetrainDesk
from vesselapp.ui.retrain.disagreement import BOTH, NONE, ONLY_NEW, ONLY_OLD, STRIPE, codes_of
from vesselapp.ui.retrain.panes import ComparisonPanes
from vesselapp.ui.retrain.plot import Curve, Plot, parts_of, smoothed, ticks
from vesselapp.ui.retrain.strip import ExampleStrip
from vesselapp.ui.retrain.window import RetrainWindow
from vesselapp.ui.window import MainWindow

LEFT = Qt.MouseButton.LeftButton
LONG = 60000


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Three drawn pictures, of which two are reviewed; the tiny model is number 1, and in use."""
    study = drawn_study(tmp_path / "study")
    for picture in study.pictures()[:2]:
        review(study, picture, boxes=[Box(10, 10, 30, 20)])
    registry = Registry(study.folder)
    registry.add(tiny_vessel_model(tmp_path / "tiny.onnx"), who="tester")
    registry.use(1)
    tiny_vessel_model(study.folder / "candidate-for-tests.onnx", name="Tiny tuned", threshold=0.45)
    return study


class Stand:
    """A main window with a desk of its own for a study, and how often its model was said to be another."""

    def __init__(self, qtbot: QtBot, study: Study, main: MainWindow) -> None:
        self.qtbot, self.study, self.main = qtbot, study, main
        self.changes: list[int] = []
        self.desk = self.new_desk()

    def study_model_changed(self, *, by_hand: bool = True) -> None:
        self.changes += [1] * by_hand

    def new_desk(self) -> RetrainDesk:
        desk = RetrainDesk(self.main)
        desk.retraining._command = (sys.executable, fake_trainer.__file__)
        desk.set_study(self.study.folder, self.study.name)
        return desk

    @property
    def window(self) -> RetrainWindow:
        assert self.desk.window is not None
        return self.desk.window

    def begin(self, settings: str = "steps=20") -> None:
        """Open the window and start a training with some settings of the fake trainer."""
        self.desk.show()
        page = self.window.offer_page
        page.options.settings.setText(settings + f" incumbent={self.incumbent()}")
        page.options.settings.editingFinished.emit()
        self.qtbot.waitUntil(page.start_button.isEnabled, timeout=LONG)
        page.start_button.click()

    def incumbent(self) -> str:
        return hashlib.sha256(Registry(self.study.folder).entry(1).path.read_bytes()).hexdigest()

    def until_judged(self) -> None:
        self.qtbot.waitUntil(lambda: self.desk.retraining.state is RunState.DONE, timeout=LONG)
        self.qtbot.waitUntil(lambda: self.window.verdict_page.table.rowCount() > 0, timeout=LONG)


@pytest.fixture
def stand(
    qtbot: QtBot, qapp: QApplication, study: Study, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stand]:
    stand = Stand(qtbot, study, window)
    monkeypatch.setattr(window.workspace, "study_model_changed", stand.study_model_changed)
    yield stand
    retraining = stand.desk.retraining
    if retraining.state.live:
        retraining.wish("cancel")
        qtbot.waitUntil(lambda: not retraining.state.live, timeout=LONG)
    stand.desk.close()
    qapp.processEvents()


def test_the_first_page_says_what_will_be_learnt_from(
    stand: Stand, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures, workspace, opened = stand.study.pictures(), stand.main.workspace, list[Entry]()
    entries = [Entry(Source(one.name, partial(read_image, one.path), one.path), one.key) for one in pictures]
    workspace.pictures.set_entries(entries)
    monkeypatch.setattr(workspace, "open", opened.append)
    stand.desk.show()
    page = stand.window.offer_page
    assert not stand.window.isModal()
    assert not page.start_button.isEnabled()
    qtbot.waitUntil(page.start_button.isEnabled, timeout=LONG)
    qtbot.waitUntil(lambda: "CPU" in page.facts.text(), timeout=LONG)
    qtbot.waitUntil(lambda: page.table.item(0, 3).text() != "…", timeout=LONG)
    assert page.table.item(0, 1).text() == ""
    assert page.table.rowCount() == 2
    assert "2 of 3 pictures are reviewed" in page.summary.text()
    assert page.table.textElideMode() is Qt.TextElideMode.ElideMiddle  # names may differ at their end alone
    assert "Left out: 1 not begun." in page.summary.text()
    assert "Only 2 pictures are reviewed" in page.warnings.text()
    assert "CPU, 2 cores" in page.facts.text()
    assert page.facts.text().startswith("Starts from fundus-vessels, compared with model 1 · ")
    assert "about 2 min" in page.facts.text()
    assert page.table.item(0, 2).text() == "1.28%"
    page.show_plan(Plan(20, 90.0, "CPU", ("p0.png", "p1.png"), (), (("p0.png",), ("p1.png",))))
    assert page.table.item(0, 1).text() == "learn, judge"
    assert "in 2 parts" in page.facts.text()
    page.table.itemActivated.emit(page.table.item(1, 0))
    assert opened == [entries[1]]


def test_models_that_are_not_the_studys_can_be_started_from(
    stand: Stand, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = find_model(task="cells")
    picture = stand.study.pictures()[2]
    review(stand.study, picture, model="cells", model_sha256=hashlib.sha256(cells.read_bytes()).hexdigest())
    foreign = user_folder() / "foreign.onnx"
    foreign.parent.mkdir(parents=True)
    tiny_vessel_model(foreign)  # no way back to its weights
    asked: list[TrainingOptions] = []
    monkeypatch.setattr(stand.desk.retraining, "ask_plan", asked.append)
    stand.desk.show()
    base = stand.window.offer_page.options.base
    qtbot.waitUntil(lambda: base.count() > 1, timeout=LONG)
    words = [base.itemText(row) for row in range(1, base.count())]
    assert words == [
        "model 1: Tiny vessels",
        "cells (answered 1 of the reviewed pictures)",
        "fundus-vessels",
    ]
    assert asked[-1].base == ""
    base.setCurrentIndex(2)
    base.activated.emit(2)
    assert asked[-1].base == str(cells)


def test_the_model_that_answered_most_reviewed_pictures_suggests_itself(stand: Stand) -> None:
    cells = find_model(task="cells")
    assert bases_of(stand.study.folder).suggested == ""
    for picture in stand.study.pictures():
        answered = hashlib.sha256(cells.read_bytes()).hexdigest()
        review(stand.study, picture, model="cells", model_sha256=answered)
    assert bases_of(stand.study.folder).suggested == ""  # a numbered one is in use
    Registry(stand.study.folder).use(None)
    assert bases_of(stand.study.folder).suggested == str(cells)
    stand.study.set_model(str(cells))
    assert bases_of(stand.study.folder).suggested == ""


def test_no_reviewed_picture_no_training(stand: Stand, qtbot: QtBot, tmp_path: Path) -> None:
    empty = drawn_study(tmp_path / "empty")
    stand.desk.set_study(empty.folder, empty.name)
    stand.desk.show()
    page = stand.window.offer_page
    qtbot.waitUntil(lambda: "None of the 3" in page.summary.text(), timeout=LONG)
    qtbot.waitUntil(lambda: "CPU" in page.facts.text(), timeout=LONG)
    assert not page.start_button.isEnabled()


def test_what_the_trainer_refuses_is_said(stand: Stand, qtbot: QtBot) -> None:
    stand.desk.show()
    page = stand.window.offer_page
    page.options.settings.setText("refuse=1")
    page.options.settings.editingFinished.emit()
    qtbot.waitUntil(lambda: "No picture is reviewed yet" in page.facts.text(), timeout=LONG)
    assert not page.start_button.isEnabled()


def test_what_is_typed_is_looked_at_after_a_pause_and_nothing_started_before(
    stand: Stand, qtbot: QtBot
) -> None:
    stand.desk.show()
    page = stand.window.offer_page
    qtbot.waitUntil(page.start_button.isEnabled, timeout=LONG)
    qtbot.keyClicks(page.options.settings, "steps=7")
    assert not page.start_button.isEnabled()
    qtbot.waitUntil(page.start_button.isEnabled, timeout=LONG)
    assert page._plan is not None
    assert page._plan.steps == 7
    qtbot.keyClicks(page.options.settings, "7\b")  # the same again
    qtbot.waitUntil(page.start_button.isEnabled, timeout=LONG)


def test_a_run_is_watched_and_steered(stand: Stand, qtbot: QtBot) -> None:
    stand.begin("steps=100000")
    page, retraining = stand.window.live_page, stand.desk.retraining
    qtbot.waitUntil(lambda: page.strip.count() >= 2, timeout=LONG)
    assert stand.window.pages.currentWidget() is page
    assert "judge pictures 0.9" in page.dice.accessibleDescription()
    assert "before 0.900" in page.dice.accessibleDescription()
    assert "loss" in page.loss.accessibleDescription()
    assert "left" in page.words.text()
    assert "best so far: step" in page.words.text()
    assert "kept" not in page.words.text()  # a training that runs to its end keeps its last model
    assert not page.strip.item(0).icon().isNull()
    assert stand.desk.button.text().startswith("Training 0 %")
    page.pause_button.click()
    qtbot.waitUntil(lambda: retraining.state is RunState.PAUSED, timeout=LONG)
    assert page.pause_button.text() == "Go on"
    assert "paused" in stand.desk.button.text()
    page.pause_button.click()
    qtbot.waitUntil(lambda: retraining.state is RunState.RUNNING, timeout=LONG)
    page.stop_button.click()
    stand.until_judged()


def test_a_wish_that_fails_is_told_until_the_next(
    stand: Stand, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.begin("steps=100000")
    page, retraining = stand.window.live_page, stand.desk.retraining
    qtbot.waitUntil(lambda: retraining.progress.step > 1, timeout=LONG)

    def full(_run: RunFolder, _word: str) -> None:
        raise VesselError("The disk is full.", "Make room.")

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "wish", full)
        page.pause_button.click()
        before = retraining.progress.step
        qtbot.waitUntil(lambda: retraining.progress.step > before + 3, timeout=LONG)
        assert page.words.text().startswith("The disk is full. Make room.\nStep ")
    page.pause_button.click()
    assert "full" not in page.words.text()
    qtbot.waitUntil(lambda: retraining.state is RunState.PAUSED, timeout=LONG)
    retraining.wish("cancel")
    qtbot.waitUntil(lambda: not retraining.state.live, timeout=LONG)


def test_the_buttons_that_steer_are_in_sight_in_a_small_window(stand: Stand, qtbot: QtBot) -> None:
    stand.begin("steps=100000")
    stand.window.resize(669, 345)
    page, retraining = stand.window.live_page, stand.desk.retraining
    qtbot.waitUntil(lambda: page.strip.count() >= 2, timeout=LONG)
    qtbot.waitUntil(lambda: page.strip.isVisible() and stand.window._area.verticalScrollBar().maximum() > 0)
    for button in (page.pause_button, page.stop_button, page.cancel_button):
        assert button.visibleRegion().boundingRect() == button.rect()
    retraining.progress.examples.clear()
    page.refresh()
    assert not page.strip.isVisible()
    retraining.wish("cancel")
    qtbot.waitUntil(lambda: not retraining.state.live, timeout=LONG)


def test_why_to_look_again_is_told_whole_of_the_chosen_picture(stand: Stand, qtbot: QtBot) -> None:
    stand.desk.show()
    page = stand.window.offer_page
    qtbot.waitUntil(lambda: page.table.rowCount() == 2 and page.table.item(0, 3).text() != "…", timeout=LONG)
    assert not page.reason.isVisible()
    assert page._offer is not None
    first, second = page._offer.pictures
    page.show_offer(replace(page._offer, pictures=(first, replace(second, doubt="It is empty."))))
    page.table.setCurrentCell(0, 0)
    assert page.reason.isVisible()
    assert not page.reason.text().strip()
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_Down)
    assert page.reason.text() == f"{second.name}: It is empty."
    qtbot.waitUntil(page.start_button.isEnabled, timeout=LONG)


def test_why_lists_are_empty_stays_in_sight(
    stand: Stand, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_folder: Path) -> list[object]:
        raise VesselError("The drive is gone.")

    monkeypatch.setattr("vesselapp.ui.retrain.window.earlier_runs", gone)
    stand.desk.show()
    page = stand.window.offer_page
    qtbot.waitUntil(page.start_button.isEnabled, timeout=LONG)
    qtbot.waitUntil(lambda: page.warnings.text().startswith("⚠ The drive is gone.\n"), timeout=LONG)
    monkeypatch.undo()
    stand.window.choose_anew()
    assert "gone" not in page.warnings.text()
    qtbot.waitUntil(page.start_button.isEnabled, timeout=LONG)


def test_the_stop_button_says_what_it_ends(stand: Stand, qtbot: QtBot) -> None:
    stand.begin("steps=100000")
    page, retraining = stand.window.live_page, stand.desk.retraining
    qtbot.waitUntil(lambda: retraining.progress.step > 1, timeout=LONG)
    assert page.stop_button.text() == "Stop and keep the best"
    retraining.progress.take({"event": "stopping", "step": 2})
    page.refresh()
    assert not page.stop_button.isEnabled()
    retraining.progress.take({"event": "stage", "name": "learning for judging, 1 of 2", "begun": 2})
    page.refresh()
    assert page.stop_button.text() == "Stop judging"
    assert "left out" in page.stop_button.toolTip()
    assert page.stop_button.isEnabled()
    retraining.progress.take({"event": "stopping", "step": 10**7})
    page.refresh()
    assert not page.stop_button.isEnabled()
    assert "judging stopped" in page.words.text()
    retraining.wish("cancel")
    qtbot.waitUntil(lambda: not retraining.state.live, timeout=LONG)


def test_closing_the_window_leaves_the_run_alone(stand: Stand, qtbot: QtBot) -> None:
    stand.begin("steps=100000")
    retraining = stand.desk.retraining
    qtbot.waitUntil(lambda: retraining.progress.step > 3, timeout=LONG)
    stand.window.close()
    at_close = retraining.progress.step
    qtbot.waitUntil(lambda: retraining.progress.step > at_close + 3, timeout=LONG)
    stand.desk.button.click()
    assert stand.window.isVisible()
    assert stand.window.pages.currentWidget() is stand.window.live_page
    # and so does closing the app: another one finds it
    stand.desk.close()
    stand.desk = stand.new_desk()
    qtbot.waitUntil(lambda: stand.desk.retraining.state is RunState.RUNNING, timeout=LONG)
    assert stand.desk.button.isVisibleTo(stand.main)
    stand.desk.button.click()
    assert stand.window.pages.currentWidget() is stand.window.live_page
    cancel = stand.window.live_page.cancel_button
    cancel.click()
    assert cancel.text() == "Cancel: keep nothing?"
    assert stand.desk.retraining.wished is None
    cancel.click()
    qtbot.waitUntil(lambda: stand.desk.retraining.state is RunState.STOPPED, timeout=LONG)
    assert "cancelled" in stand.window.live_page.headline.text()
    strip = stand.window.live_page.strip
    assert (strip.count(), strip.isVisible()) == (0, False)
    assert not stand.desk.button.isVisibleTo(stand.main)


def test_a_dead_trainer_is_shown_with_its_last_words(stand: Stand, qtbot: QtBot) -> None:
    stand.begin("steps=20 die=8")
    page = stand.window.live_page
    qtbot.waitUntil(lambda: "broke off" in page.headline.text(), timeout=LONG)
    assert "Killed by the test" in page.log.toPlainText()
    assert stand.desk.button.text() == "Training broke off"
    page.on_button.click()
    stand.until_judged()


def test_one_that_broke_off_is_shown_whole_when_it_is_found_again(stand: Stand, qtbot: QtBot) -> None:
    stand.begin("steps=20 die=8")
    qtbot.waitUntil(lambda: stand.desk.retraining.state is RunState.DEAD, timeout=LONG)
    stand.desk.close()
    stand.desk = stand.new_desk()
    qtbot.waitUntil(lambda: stand.desk.retraining.state is RunState.DEAD, timeout=LONG)
    stand.desk.show()
    stand.window.resize(1080, 640)
    page = stand.window.live_page
    qtbot.waitUntil(lambda: "broke off" in page.headline.text(), timeout=LONG)
    assert "Killed by the test" in page.log.toPlainText()
    qtbot.waitUntil(lambda: page.anew_button.visibleRegion().boundingRect() == page.anew_button.rect())
    page.on_button.click()
    seen: list[tuple[RunState, bool]] = []
    stand.desk.retraining.changed.connect(
        lambda: seen.append((stand.desk.retraining.state, page.stop_button.isEnabled()))
    )
    stand.until_judged()
    told_anew = next(number for number, (state, _) in enumerate(seen) if state is not RunState.STARTING)
    assert not any(stoppable for _, stoppable in seen[:told_anew])


def test_a_failed_training_goes_on_where_it_has_a_plan(stand: Stand, qtbot: QtBot) -> None:
    stand.begin("steps=20 fail=8")
    page, retraining = stand.window.live_page, stand.desk.retraining
    qtbot.waitUntil(lambda: retraining.state is RunState.FAILED, timeout=LONG)
    assert page.on_button.isVisible()
    page.on_button.click()
    assert retraining.state.live
    stand.until_judged()
    assert [step for step, _ in retraining.progress.losses] == list(range(1, 21))


def test_a_failed_training_is_left_behind(stand: Stand, qtbot: QtBot) -> None:
    stand.begin("steps=20 fail=3")
    page = stand.window.live_page
    qtbot.waitUntil(lambda: page.headline.text().endswith("failed: The disk is full."), timeout=LONG)
    assert stand.desk.button.text() == "Training failed"
    assert (page.strip.count(), page.strip.isVisible()) == (0, False)  # its log needs the room
    page.anew_button.click()
    assert stand.window.pages.currentWidget() is stand.window.offer_page
    assert stand.desk.button.text() == ""


def test_a_better_candidate_is_promoted_and_rolled_back(stand: Stand, qtbot: QtBot) -> None:
    stand.begin()
    stand.until_judged()
    page = stand.window.verdict_page
    assert page.sentence.text().endswith(fake_trainer.SENTENCES["better"])
    assert page.table.item(0, 4).text() == "+3.0  (+2.0 to +4.0)"
    assert page.table.item(1, 4).text() == "−0.1  (−0.3 to +0.1)  within 0.5 points"
    assert page.table.item(2, 4).text() == "−0.2  (−0.4 to +0.0)  enough"
    assert page.promote_button.isEnabled()
    assert not page.anyway_button.isVisible()
    page.promote_button.click()
    qtbot.waitUntil(lambda: bool(stand.changes), timeout=LONG)
    registry = Registry(stand.study.folder)
    active = registry.active()
    assert active is not None
    assert (active.number, active.name, active.verdict) == (2, "Tiny tuned", "better")
    assert "Promoted as model 2" in page.decided.text()
    assert "It answers" in page.decided.text()
    assert not page.promote_button.isEnabled()
    # What the promotion did not wait for goes on after it.
    qtbot.waitUntil(lambda: page.compare.panes.compared is not None, timeout=LONG)
    page.models_button.click()
    models = stand.desk.models
    assert models is not None
    qtbot.waitUntil(lambda: models.table.rowCount() == 3)
    assert [models.table.item(row, 0).text() for row in range(3)] == ["", "", "● in use"]
    assert models.table.item(0, 2).text().endswith(", as the study began")
    assert not models.use_button.isEnabled()
    models.table.setCurrentCell(1, 0)
    models.use_button.click()
    qtbot.waitUntil(lambda: len(stand.changes) == 2, timeout=LONG)
    active = registry.active()
    assert active is not None
    assert active.number == 1
    models.table.setCurrentCell(0, 0)
    models.use_button.click()
    qtbot.waitUntil(lambda: len(stand.changes) == 3, timeout=LONG)
    assert registry.active() is None
    assert len(registry.entries()) == 2
    assert "Promoted as model 2" in page.decided.text()
    assert "It answers" not in page.decided.text()


def test_the_models_are_named_on_a_small_screen(stand: Stand, qtbot: QtBot, tmp_path: Path) -> None:
    name = "Vessels of a clinic with a name that is too long for any column of a table on a small screen"
    Registry(stand.study.folder).add(tiny_vessel_model(tmp_path / "long.onnx", name=name), who="tester")
    stand.desk.show_models()
    models = stand.desk.models
    assert models is not None
    qtbot.waitUntil(lambda: models.table.rowCount() == 3)
    models.resize(615, 346)
    QApplication.processEvents()
    table = models.table
    for row in range(table.rowCount()):
        for column in range(table.columnCount()):
            item = table.item(row, column)
            assert item.toolTip() == tip(item.text())
            whole = table.fontMetrics().horizontalAdvance(item.text())
            assert table.columnWidth(column) > whole or item.text() == name
    assert table.columnWidth(2) > 200


def test_the_models_are_read_beside_the_window_and_only_those_of_the_study_can_be_chosen(
    stand: Stand, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A choice made while the list is read anew stays."""
    may, entries = threading.Event(), Registry.entries

    def slowly(registry: Registry) -> tuple[ModelEntry, ...]:
        assert may.wait(30)
        return entries(registry)

    registry = Registry(stand.study.folder)
    registry.add(tiny_vessel_model(tmp_path / "other.onnx", name="Other"), who="tester")
    monkeypatch.setattr(Registry, "entries", slowly)
    stand.desk.show_models()
    models = stand.desk.models
    assert models is not None
    assert models.table.rowCount() == 0
    assert not models.use_button.isEnabled()
    may.set()
    qtbot.waitUntil(lambda: models.table.rowCount() == 3)
    assert models.table.currentRow() == 1
    registry.add(tiny_vessel_model(tmp_path / "third.onnx", name="Third"), who="tester")
    may.clear()
    models.refresh()
    models.table.setCurrentCell(2, 0)
    may.set()
    qtbot.waitUntil(lambda: models.table.rowCount() == 4)
    assert models.table.currentRow() == 2
    assert models.use_button.isEnabled()
    (registry.folder / "registry.json").write_bytes(b"{")
    models.refresh()
    qtbot.waitUntil(lambda: "registry.json" in models.detail.text())
    models.show_study(tmp_path)
    assert models.table.rowCount() == 0
    assert not models.use_button.isEnabled()


def test_the_verdict_fits_into_a_small_window(stand: Stand, qtbot: QtBot) -> None:
    stand.begin()
    stand.until_judged()
    page, area = stand.window.verdict_page, stand.window._area
    qtbot.waitUntil(lambda: page.compare.panes.compared is not None, timeout=LONG)
    stand.window.resize(669, 345)  # nearly all of a screen of 1366x768 px at twice the scale
    legend = page.compare.legend
    one_line = legend.fontMetrics().height() + 8
    qtbot.waitUntil(lambda: legend.height() == legend.minimumSizeHint().height() > one_line)
    assert area.horizontalScrollBar().maximum() == 0
    assert page.sentence.width() <= area.viewport().width()
    header = page.table.horizontalHeader()
    assert header.length() <= page.table.viewport().width()
    page.table.item(0, 0).setText("New: pictures of which somebody knows a long name")
    page.resizeEvent(QResizeEvent(page.size(), page.size()))
    assert header.length() <= page.table.viewport().width()
    assert header.sectionSize(4) >= page.table.sizeHintForColumn(4)
    assert header.sectionSize(0) < page.table.sizeHintForColumn(0)
    panes = page.compare.panes
    whole = panes.view
    assert turn_wheel(panes, 120)
    assert panes.view.zoom > whole.zoom
    assert turn_wheel(panes, -240)
    assert panes.view == whole
    assert not turn_wheel(panes, -120)  # so that the page scrolls
    assert panes.view == whole
    stand.window.resize(1500, 345)
    qtbot.waitUntil(lambda: legend.height() == one_line)


def test_a_score_that_is_no_dice_says_so(stand: Stand, qtbot: QtBot) -> None:
    stand.desk.show()
    box = CompareBox(stand.window.comparing)
    qtbot.addWidget(box)
    place = stand.study.place(stand.study.pictures()[0])
    eye = JudgedPicture("p4_fundus.png", Path("eye"), place, "learn", 0.9986, 0.9838)
    empty = JudgedPicture("p2_fundus.png", Path("empty"), place, "learn", 0.8632, 0.8613, "specificity")
    box.resize(1100, 400)
    box.show()
    box.show_pictures([eye, empty], None, None)
    rows = [[box.table.item(row, column).text() for column in range(2, 5)] for row in range(2)]
    assert rows == [["0.999", "0.984", "−1.5"], ["0.863 spec.", "0.861 spec.", "−0.2"]]
    assert "nothing is to be found" in box.table.item(1, 2).toolTip()
    for column in (2, 3):
        assert box.table.columnWidth(column) >= box.table.sizeHintForColumn(column)
    assert box.table.horizontalScrollBar().maximum() == 0


def test_a_verdict_follows_the_model_in_use(stand: Stand, qtbot: QtBot, tmp_path: Path) -> None:
    registry = Registry(stand.study.folder)
    registry.add(tiny_vessel_model(tmp_path / "other.onnx", name="Other"), who="tester")
    stand.begin()
    stand.until_judged()
    page = stand.window.verdict_page
    page.compare.table.setCurrentCell(1, 0)
    assert page.promote_button.isEnabled()
    page.models_button.click()
    models = stand.desk.models
    assert models is not None
    qtbot.waitUntil(lambda: models.table.rowCount() == 3)
    models.table.setCurrentCell(2, 0)
    models.use_button.click()
    qtbot.waitUntil(page.anyway_button.isVisible, timeout=LONG)
    assert not page.promote_button.isEnabled()
    assert "another model by now" in page.decided.text()
    models.table.setCurrentCell(1, 0)
    models.use_button.click()
    qtbot.waitUntil(page.promote_button.isEnabled, timeout=LONG)
    assert not page.anyway_button.isVisible()
    assert page.compare.table.currentRow() == 1
    registry.use(2, who="bob")  # on another computer
    page.promote_button.click()
    qtbot.waitUntil(page.anyway_button.isVisible, timeout=LONG)
    assert "another model by now" in page.decided.text()
    assert "give a reason" in page.decided.text()
    assert "--" not in page.decided.text()


def test_a_worse_candidate_needs_a_reason_which_is_kept(stand: Stand, qtbot: QtBot) -> None:
    stand.begin("steps=20 verdict=worse")
    stand.until_judged()
    page = stand.window.verdict_page
    assert not page.promote_button.isEnabled()
    page.anyway_button.click()
    assert page.reason.isVisible()
    assert not page.reason_button.isEnabled()
    qtbot.keyClicks(page.reason, "  better on smears")
    qtbot.keyClick(page.reason, Qt.Key.Key_Escape)
    assert stand.window.isVisible()
    assert not page.reason.isVisible()
    page.anyway_button.click()
    qtbot.keyClick(page.reason, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(stand.changes), timeout=LONG)
    run = stand.desk.retraining.run
    assert run is not None
    overruled = run.verdict().overruled
    assert overruled is not None
    assert overruled.reason == "better on smears"
    active = Registry(stand.study.folder).active()
    assert active is not None
    assert active.reason == "better on smears"
    assert "better on smears" in page.decided.text()


def test_a_candidate_that_was_not_judged_is_shown_and_not_offered(stand: Stand, qtbot: QtBot) -> None:
    stand.begin("steps=5 verdict=none")
    page = stand.window.verdict_page
    qtbot.waitUntil(lambda: page.sentence.text().endswith(fake_trainer.SENTENCES["none"]), timeout=LONG)
    assert page.table.rowCount() == 0
    assert not page.promote_button.isEnabled()
    assert page.anyway_button.isEnabled()


@pytest.mark.parametrize(("button", "word"), [("keep_button", "kept"), ("discard_button", "discarded")])
def test_no_clear_difference_is_kept_or_discarded(stand: Stand, qtbot: QtBot, button: str, word: str) -> None:
    stand.begin("steps=5 verdict=same")
    stand.until_judged()
    page = stand.window.verdict_page
    assert not page.promote_button.isEnabled()
    getattr(page, button).click()
    run = stand.desk.retraining.run
    assert run is not None
    assert json.loads((run.folder / "decision.json").read_text())["decision"] == word
    assert Registry(stand.study.folder).entry(1) == Registry(stand.study.folder).active()
    assert stand.desk.button.text() == ""
    page.anew_button.click()
    first = stand.window.offer_page
    qtbot.waitUntil(lambda: first.earlier.count() == 1, timeout=LONG)
    assert first.earlier.currentText().endswith(f"no clear difference, {word}")
    first.show_button.click()
    stand.until_judged()
    assert stand.window.pages.currentWidget() is page


def test_another_file_than_the_judged_one_is_not_promoted(stand: Stand, qtbot: QtBot) -> None:
    stand.begin()
    stand.until_judged()
    page, run = stand.window.verdict_page, stand.desk.retraining.run
    assert run is not None
    (run.folder / "candidate.onnx").write_bytes(b"something else")
    page.promote_button.click()
    qtbot.waitUntil(lambda: "not the one that was judged" in page.decided.text(), timeout=LONG)
    active = Registry(stand.study.folder).active()
    assert active is not None
    assert active.number == 1


def test_both_models_are_seen_on_any_picture(stand: Stand, qtbot: QtBot) -> None:
    stand.begin()
    stand.until_judged()
    box = stand.window.verdict_page.compare
    assert box.table.rowCount() == 3
    qtbot.waitUntil(lambda: box.panes.compared is not None, timeout=LONG)
    compared = box.panes.compared
    assert compared is not None
    old = compared.incumbent.evidence.levels[0] >= compared.incumbent.level
    new = compared.candidate.evidence.levels[0] >= compared.candidate.level
    assert compared.only_new == pytest.approx(float((new & ~old).mean()))
    assert compared.only_new > 0
    assert compared.only_old == 0
    assert f"only candidate {compared.only_new:.2%}" in box.legend.accessibleDescription()
    rows = {box.table.item(row, 0).text(): row for row in range(3)}
    box.table.setCurrentCell(rows["p0.png"], 0)
    qtbot.waitUntil(
        lambda: box.panes.compared is not None and box.panes.compared.reviewed is not None, timeout=LONG
    )
    shown = grabbed(box.panes)
    assert not box.outline_box.isChecked()
    box.outline_box.setChecked(True)
    assert (grabbed(box.panes) != shown).any()


def test_zoom_and_pan_are_one_for_all_panes(stand: Stand, qtbot: QtBot) -> None:
    stand.begin()
    stand.until_judged()
    panes = stand.window.verdict_page.compare.panes
    qtbot.waitUntil(lambda: panes.compared is not None, timeout=LONG)
    qtbot.keyClick(panes, Qt.Key.Key_H)
    fitted = panes.view
    under = panes.view.to_picture(20, 30)
    turn_wheel(panes, 120)
    assert panes.view.zoom == pytest.approx(fitted.zoom * 1.25)
    assert panes.view.to_picture(20, 30) == pytest.approx(under, abs=1)
    # with the masks hidden, incumbent and candidate show the same pixels
    qtbot.keyPress(panes, Qt.Key.Key_H)
    seen = grabbed(panes)[panes.header() :]
    wide = panes.pane_width()
    first, second = (
        seen[2:-2, left + 2 : left + wide - 2] for left in (panes.pane_left(0), panes.pane_left(1))
    )
    assert np.array_equal(first, second)
    qtbot.keyRelease(panes, Qt.Key.Key_H)
    before = panes.view
    qtbot.mousePress(panes, LEFT, pos=QPoint(40, 60))
    qtbot.mouseMove(panes, QPoint(50, 66))
    qtbot.mouseRelease(panes, LEFT, pos=QPoint(50, 66))
    assert (panes.view.x - before.x, panes.view.y - before.y) == (10, 6)
    qtbot.keyClick(panes, Qt.Key.Key_F)
    assert panes.view == fitted


def test_the_page_scrolls_over_panes_that_show_nothing_yet(qtbot: QtBot) -> None:
    panes = ComparisonPanes()
    qtbot.addWidget(panes)
    panes.show()
    assert not turn_wheel(panes, -120)
    assert not turn_wheel(panes, 120)


def turn_wheel(panes: ComparisonPanes, by: int) -> bool:
    """Turn the wheel over the second pane, and tell whether that does anything there."""
    at = QPointF(panes.pane_left(1) + 20, panes.header() + 30)
    wheel = QWheelEvent(
        at, panes.mapToGlobal(at), QPoint(), QPoint(0, by), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(panes, wheel)
    return wheel.isAccepted()


def grabbed(widget: QWidget) -> np.ndarray:
    """Give what a widget shows: (h, w, 3) uint8."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    raw = np.frombuffer(image.bits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return raw[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def test_the_map_tells_the_four_cases_apart() -> None:
    old = np.array([[False, True, False, True, True, True, True]])
    new = np.array([[False, False, True, True, False, False, False]])
    codes = codes_of(old, new, 2)
    assert codes[0, [0, 2, 3]].tolist() == [NONE, ONLY_NEW, BOTH]
    assert set(codes[0, [1, 4, 5, 6]].tolist()) == {ONLY_OLD, STRIPE}
    assert np.array_equal(codes_of(old, new, 2, x=4), codes)


def test_everything_is_named_and_reached_by_the_keyboard(stand: Stand, qtbot: QtBot) -> None:
    stand.begin()
    stand.until_judged()
    stand.desk.show_models()
    window, models = stand.window, stand.desk.models
    assert models is not None
    for widget in (*window.findChildren(QWidget), *models.findChildren(QWidget)):
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and not widget.objectName().startswith("qt_"):
            named = widget.accessibleName() or (isinstance(widget, QAbstractButton) and widget.text())
            inside = type(widget).__name__ in ("QWidget", "QListView")  # parts of a combo box
            assert named or inside, f"{type(widget).__name__} has no name"
    assert window.sizeHint().width() <= 1366
    assert window.sizeHint().height() <= 700
    assert window.minimumSizeHint().width() <= 1100


def test_a_plot_says_in_words_what_it_draws(qtbot: QtBot) -> None:
    plot = Plot("Dice")
    qtbot.addWidget(plot)
    plot.resize(300, 200)
    empty = grabbed(plot)
    assert plot.in_words() == "nothing yet."
    plot.show_curves(
        [Curve("judge", [(0, 0.5), (10, 0.75)], before=[(10, 0.6)]), Curve("old", [(10, 0.9)], 1)], 20
    )
    assert plot.accessibleDescription() == "judge 0.750 at step 10, before 0.600; old 0.900 at step 10."
    assert (grabbed(plot) != empty).any()


def test_curves_of_two_trainings_are_not_joined(qtbot: QtBot) -> None:
    points = [(1.0, 0.5), (10.0, 0.7), (11.0, 0.5), (20.0, 0.7)]
    assert parts_of(points, [10]) == [points[:2], points[2:]]
    assert parts_of(points, [0, 30]) == [points]
    assert parts_of([], [10]) == []
    plot = Plot("Dice")
    qtbot.addWidget(plot)
    plot.resize(300, 200)
    plot.show_curves([Curve("judge", points, before=points)], 20)
    joined = grabbed(plot)
    plot.show_curves([Curve("judge", points, before=points)], 20, [10])
    assert (grabbed(plot) != joined).any()


def test_the_newest_example_stays_in_sight_unless_a_person_looks_back(qtbot: QtBot, tmp_path: Path) -> None:
    strip, run = ExampleStrip(), RunFolder(tmp_path)
    qtbot.addWidget(strip)
    strip.resize(400, strip.height())
    strip.show()
    bar = strip.horizontalScrollBar()
    examples: list[Example] = []
    for number in range(20):
        examples.append(Example(number, "a.png", "none.png"))
        strip.show_examples(run, examples)
    qtbot.waitUntil(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    reach = bar.maximum()
    bar.setValue(0)
    strip.show_examples(run, [*examples, Example(20, "a.png", "none.png")])
    qtbot.waitUntil(lambda: bar.maximum() > reach)
    assert bar.value() == 0


def test_ticks_are_round_and_few() -> None:
    assert ticks(0, 1, 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks(0.78, 0.83, 5) == pytest.approx([0.78, 0.79, 0.80, 0.81, 0.82, 0.83])
    assert ticks(0, 300, 4) == [0, 100, 200, 300]
    assert ticks(1, 1, 4) == []
    assert ticks(0, float("nan"), 4) == []


def test_smoothing_begins_at_the_first_value_and_forgets() -> None:
    assert smoothed([]) == []
    out = smoothed([(0, 1.0), (1, 0.0)] + [(n, 0.0) for n in range(2, 100)])
    assert out[0] == (0, 1.0)
    assert out[1] == (1, 0.5)
    assert out[-1][1] < 1e-3
