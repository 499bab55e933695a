"""Retraining from the main window: what is reviewed keeps its mask, the rest is asked anew."""

import hashlib
import sys
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests import fake_trainer
from tests.reviewed_study import drawn_study, review
from tests.tiny_models import tiny_vessel_model
from tests.ui.conftest import document_of, wait_for_answer, wait_until_saved
from vesselapp.core.evidence import threshold_of
from vesselapp.core.geometry import Box
from vesselapp.state import ahead
from vesselapp.state import workspace as workspace_module
from vesselapp.state.opening import Opened
from vesselapp.study.models import Registry
from vesselapp.study.record import State
from vesselapp.study.study import Study
from vesselapp.ui.window import MainWindow

LONG = 60000


def open_study(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> Study:
    study = drawn_study(tmp_path / "study")
    for picture in study.pictures()[:2]:
        review(study, picture, boxes=[Box(10, 10, 30, 20)])
    registry = Registry(study.folder)
    registry.add(tiny_vessel_model(tmp_path / "first.onnx"), who="tester")
    registry.use(1)
    tiny_vessel_model(study.folder / "candidate-for-tests.onnx", name="Tiny tuned", threshold=0.3)
    window.open_paths([study.folder])
    qtbot.waitUntil(lambda: window.workspace.study is not None, timeout=LONG)
    wait_for_answer(qtbot, window)
    return study


def go_to(qtbot: QtBot, window: MainWindow, name: str) -> None:
    entry = next(entry for entry in window.workspace.pictures.entries if entry.name == name)
    window.workspace.open(entry)
    qtbot.waitUntil(lambda: window.workspace.name == name, timeout=LONG)
    wait_for_answer(qtbot, window)


def is_unsaved(window: MainWindow) -> bool:
    assert window.workspace.sitting is not None
    return window.workspace.sitting.standing.unsaved


def draw(qtbot: QtBot, window: MainWindow) -> None:
    """Draw a stroke into the open picture."""
    canvas = window.canvas
    canvas.set_diameter(9)
    for act, place in (
        (qtbot.mousePress, (20, 30)),
        (qtbot.mouseMove, (60, 30)),
        (qtbot.mouseRelease, (60, 30)),
    ):
        extra = () if act is qtbot.mouseMove else (Qt.MouseButton.LeftButton,)
        act(canvas, *extra, pos=canvas.place_of(*place))


def promote(qtbot: QtBot, window: MainWindow, study: Study) -> None:
    """Train with the trainer that trains nothing, and promote what it gives."""
    desk = window.commands.retrain
    desk.retraining._command = (sys.executable, fake_trainer.__file__)
    incumbent = hashlib.sha256(Registry(study.folder).entry(1).path.read_bytes()).hexdigest()
    window.action("retrain").trigger()
    shown = desk.window
    assert shown is not None
    page = shown.offer_page
    page.options.settings.setText(f"steps=5 incumbent={incumbent}")
    page.options.settings.editingFinished.emit()
    qtbot.waitUntil(page.start_button.isEnabled, timeout=LONG)
    page.start_button.click()
    qtbot.waitUntil(shown.verdict_page.promote_button.isVisible, timeout=LONG)
    qtbot.waitUntil(shown.verdict_page.promote_button.isEnabled, timeout=LONG)
    shown.verdict_page.promote_button.click()
    qtbot.waitUntil(lambda: "Promoted as model 2" in shown.verdict_page.decided.text(), timeout=LONG)


def test_retraining_needs_a_study(qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path) -> None:
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)
    assert not window.action("retrain").isEnabled()
    assert not window.controls.model.study_button.isVisibleTo(window)
    open_study(qtbot, window, tmp_path)
    assert window.action("retrain").isEnabled()
    assert window.controls.model.study_button.isVisibleTo(window)
    window.open_paths([pictures])
    qtbot.waitUntil(lambda: not window.action("retrain").isEnabled(), timeout=LONG)


def test_the_unreviewed_open_picture_is_asked_of_the_new_model(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    study = open_study(qtbot, window, tmp_path)
    go_to(qtbot, window, "p2.png")
    document = document_of(window)
    assert window.workspace.answer is not None
    assert window.workspace.answer.model == "Tiny vessels"
    draw(qtbot, window)
    corrected = document.corrections.copy()
    assert corrected.any()
    window.workspace.settings.reviewer = "Ann Müller"
    promote(qtbot, window, study)
    assert Registry(study.folder).entry(2).who == "Ann Müller"
    qtbot.waitUntil(
        lambda: window.workspace.answer is not None and window.workspace.answer.model == "Tiny tuned",
        timeout=LONG,
    )
    assert window.workspace.document is document
    assert np.array_equal(document.corrections, corrected)
    assert document.threshold < 0.35  # the new model's own, since no person chose one
    assert document.mask()[30, 20:60].all()
    # and back, with one click
    window.controls.model.study_button.click()
    models = window.commands.retrain.models
    assert models is not None
    qtbot.waitUntil(lambda: models.table.rowCount() > 1)
    models.table.setCurrentCell(1, 0)
    models.use_button.click()
    qtbot.waitUntil(
        lambda: window.workspace.answer is not None and window.workspace.answer.model == "Tiny vessels",
        timeout=LONG,
    )
    assert np.array_equal(document.corrections, corrected)


def test_what_was_just_corrected_is_on_the_first_page(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    open_study(qtbot, window, tmp_path)
    desk = window.commands.retrain
    desk.retraining._command = (sys.executable, fake_trainer.__file__)
    window.action("retrain").trigger()
    assert desk.window is not None
    page = desk.window.offer_page
    qtbot.waitUntil(lambda: page.table.rowCount() == 2, timeout=LONG)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=LONG)
    go_to(qtbot, window, "p0.png")
    draw(qtbot, window)  # it isn't reviewed any more
    assert is_unsaved(window)
    desk.window.activateWindow()
    qtbot.waitUntil(lambda: page.table.rowCount() == 1, timeout=LONG)
    assert "Left out: 1 in progress" in page.summary.text()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=LONG)
    qtbot.keyClick(window.canvas, Qt.Key.Key_2)
    desk.window.activateWindow()
    qtbot.waitUntil(lambda: page.table.rowCount() == 2, timeout=LONG)
    assert not is_unsaved(window)


def test_a_model_chosen_elsewhere_is_taken_when_the_models_are_looked_at(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    study = open_study(qtbot, window, tmp_path)
    go_to(qtbot, window, "p2.png")
    promote(qtbot, window, study)
    qtbot.waitUntil(
        lambda: window.workspace.answer is not None and window.workspace.answer.model == "Tiny tuned",
        timeout=LONG,
    )
    Registry(study.folder).use(1, who="ann")
    window.controls.model.study_button.click()
    qtbot.waitUntil(
        lambda: window.workspace.answer is not None and window.workspace.answer.model == "Tiny vessels",
        timeout=LONG,
    )
    assert "changed elsewhere" in window.notice.label.text()
    models = window.commands.retrain.models
    assert models is not None
    qtbot.waitUntil(lambda: models._active == 1, timeout=LONG)
    Registry(study.folder).use(2, who="ann")
    window.workspace.study_model_changed(by_hand=False)
    qtbot.waitUntil(lambda: models._active == 2, timeout=LONG)
    go_to(qtbot, window, "p0.png")  # is reviewed
    Registry(study.folder).use(1, who="ann")
    window.workspace.study_model_changed(by_hand=False)
    qtbot.waitUntil(lambda: models._active == 1, timeout=LONG)
    assert "changed elsewhere" in window.notice.label.text()
    assert "keeps its answer" in window.notice.label.text()


def test_a_model_chosen_elsewhere_answers_the_next_picture(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(qtbot, window, tmp_path)
    registry, workspace = Registry(study.folder), window.workspace
    registry.add(tiny_vessel_model(tmp_path / "second.onnx", name="Tiny second", threshold=0.3), who="ann")
    registry.use(2, who="ann")
    monkeypatch.setattr(workspace_module, "_LOOK_AGAIN_S", 0.0)
    go_to(qtbot, window, "p2.png")
    qtbot.waitUntil(
        lambda: workspace.answer is not None and workspace.answer.model == "Tiny second", timeout=LONG
    )
    assert "changed elsewhere" in window.notice.label.text()
    chosen = workspace.asking.of_study
    (study.folder / "study.json").rename(tmp_path / "away")  # a drive gone just now is no other choice
    Registry(study.folder).use(1, who="ann")
    workspace.look_again()
    qtbot.wait(200)
    assert workspace.asking.of_study == chosen


def test_a_picture_that_is_waited_for_comes_though_the_model_changes(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_study(qtbot, window, tmp_path)
    workspace = window.workspace
    go_to(qtbot, window, "p0.png")
    reading, go_on, read = Event(), Event(), ahead.open_picture

    def slow(*args: Any, **options: Any) -> Opened:
        reading.set()
        assert go_on.wait(60)
        return read(*args, **options)

    monkeypatch.setattr(ahead, "open_picture", slow)
    workspace.desk.ahead.forget()
    workspace.run_model()  # once it has answered, the next picture is made ready
    qtbot.waitUntil(reading.is_set, timeout=LONG)
    workspace.step(1)
    workspace.use_model("cells")
    go_on.set()
    qtbot.waitUntil(lambda: workspace.document is not None and workspace.name == "p1.png", timeout=LONG)
    wait_for_answer(qtbot, window)


def test_what_was_reviewed_once_keeps_its_answer_and_says_so(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    study = open_study(qtbot, window, tmp_path)
    go_to(qtbot, window, "p2.png")
    window.action("reviewed").trigger()
    window.action("in_progress").trigger()
    go_to(qtbot, window, "p1.png")
    registry = Registry(study.folder)
    registry.add(tiny_vessel_model(tmp_path / "second.onnx", name="Tiny second", threshold=0.3), who="ann")
    registry.use(2, who="ann")
    workspace, keeps = window.workspace, "This picture keeps its answer; F5 asks the chosen model."
    workspace.study_model_changed()
    qtbot.waitUntil(lambda: str(workspace.asking.of_study).endswith("second.onnx"), timeout=LONG)
    window.notice.hide()
    workspace.desk._direction = -1
    go_to(qtbot, window, "p2.png")  # no picture was asked of the new model yet
    assert workspace.answer is not None
    assert workspace.answer.model == "Tiny vessels"
    qtbot.waitUntil(lambda: window.notice.isVisible() and window.notice.label.text() == keeps, timeout=LONG)
    beside = workspace.pictures.beside(-1)  # is made ready all the same
    qtbot.waitUntil(lambda: workspace.desk.ahead._wanted is not None, timeout=LONG)
    assert workspace.desk.ahead._wanted is not None
    assert workspace.desk.ahead._wanted[0] is beside
    wait_until_saved(qtbot, window)
    qtbot.waitUntil(lambda: window.status.saved.text().startswith("saved"), timeout=LONG)
    before = window.status.saved.text()
    qtbot.waitUntil(lambda: f"saved {datetime.now():%H:%M:%S}" > before, timeout=LONG)
    window.action("run").trigger()
    qtbot.waitUntil(lambda: not window.notice.isVisible(), timeout=LONG)  # it doesn't keep it any longer
    assert workspace.answer.model == "Tiny second"
    qtbot.waitUntil(lambda: window.status.saved.text() > before, timeout=LONG)
    window.action("reviewed").trigger()
    window.action("in_progress").trigger()
    go_to(qtbot, window, "p0.png")
    go_to(qtbot, window, "p2.png")
    told: list[bool] = []
    workspace.jobs.submit("behind it", lambda _job: None, lambda _none: told.append(True), print)
    qtbot.waitUntil(lambda: bool(told), timeout=LONG)
    assert not window.notice.isVisible()


def test_a_reviewed_picture_keeps_its_mask(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    study = open_study(qtbot, window, tmp_path)
    go_to(qtbot, window, "p2.png")
    window.action("reviewed").trigger()  # judged just now: nothing was read from disk
    document, mine = window.workspace.document, window.workspace.review
    assert document is not None
    assert mine is not None
    mask = document.mask().copy()
    promote(qtbot, window, study)
    answers: list[int] = []
    window.workspace.answered.connect(lambda: answers.append(1))
    go_to(qtbot, window, "p0.png")
    assert window.workspace.answer is not None
    assert window.workspace.answer.judged
    go_to(qtbot, window, "p2.png")
    back = document_of(window)
    assert np.array_equal(back.mask(), mask)
    assert mine.record.state is State.REVIEWED
    assert dict(study.records())[study.pictures()[2].key].state is State.REVIEWED


def test_a_reviewed_mask_is_seen_as_it_was_judged(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    study = drawn_study(tmp_path / "judged", 1)
    review(study, study.pictures()[0], level=90, threshold=threshold_of(90))
    window.open_paths([study.folder])
    qtbot.waitUntil(lambda: window.workspace.study is not None, timeout=LONG)
    wait_for_answer(qtbot, window)
    assert window.workspace.document is not None
    assert window.workspace.document.level == 90


def test_a_study_without_a_model_of_its_own_takes_the_shipped_one(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    study = drawn_study(tmp_path / "plain", 1)
    assert window.workspace.wanted_model()[0] is not None
    window.open_paths([study.folder])
    qtbot.waitUntil(lambda: window.workspace.study is not None, timeout=LONG)
    assert window.workspace.wanted_model() == (None, "vessels")
    assert window.workspace.settings.model.endswith("tiny.onnx")


@pytest.mark.parametrize("spoil", ["gone", "changed"])
def test_a_numbered_model_whose_file_is_gone_or_another_is_told(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, spoil: str
) -> None:
    study = drawn_study(tmp_path / spoil, 1)
    registry = Registry(study.folder)
    registry.add(tiny_vessel_model(tmp_path / "first.onnx"))
    registry.use(1)
    file = registry.entry(1).path
    file.unlink() if spoil == "gone" else tiny_vessel_model(file, threshold=0.3)
    window.open_paths([study.folder])
    told = window.notice.label
    qtbot.waitUntil(lambda: "of model 1 " in told.text() and spoil in told.text(), timeout=LONG)
    assert window.workspace.wanted_model() == (None, "vessels")
