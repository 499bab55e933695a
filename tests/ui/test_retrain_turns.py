"""The retrain window turns to another study or another run: nothing stays of the one before."""

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtTest import QSignalSpy
from pytestqt.qtbot import QtBot

from tests.reviewed_study import drawn_study, review
from tests.ui.test_retrain import LONG, Stand, stand, study
from vesselapp.core.errors import VesselError
from vesselapp.core.geometry import Box
from vesselapp.state.jobs import Job
from vesselapp.state.judged import Bases
from vesselapp.state.offer import Offer, OfferedPicture, with_warnings
from vesselapp.study.run_folder import RunFolder
from vesselapp.study.run_progress import Plan
from vesselapp.study.run_state import RunState
from vesselapp.study.unusable import only_one_told
from vesselapp.ui.retrain.offer_page import OfferPage
from vesselapp.ui.retrain.options_box import OptionsBox

__all__ = ["stand", "study"]
ASKING = "Asking the trainer"


def another_run(stand: Stand, name: str = "20200101T000000Z") -> RunFolder:
    """Copy the run in sight, as an earlier one of the study that nobody has decided on."""
    run = stand.desk.retraining.run
    assert run is not None
    shutil.copytree(run.folder, run.folder.with_name(name), ignore=shutil.ignore_patterns("decision.json"))
    return RunFolder(run.folder.with_name(name))


def hold_the_lane(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing run that is asked of the window's lane from now on."""
    job = Job("held", lambda _call: None, lambda _share: None)
    monkeypatch.setattr(stand.window._jobs, "submit", lambda *_words, **_named: job)


def test_nothing_of_another_study_stays_on_the_first_page(stand: Stand, qtbot: QtBot, tmp_path: Path) -> None:
    stand.begin()
    stand.until_judged()
    stand.window.verdict_page.anew_button.click()
    page = stand.window.offer_page
    qtbot.waitUntil(page.start_button.isEnabled, timeout=LONG)
    qtbot.waitUntil(lambda: page.earlier.count() == 1, timeout=LONG)
    qtbot.waitUntil(lambda: page.options.base.count() > 1, timeout=LONG)
    page.options.base.setCurrentIndex(1)
    empty = drawn_study(tmp_path / "empty")
    stand.desk.set_study(empty.folder, empty.name)
    assert not page.start_button.isEnabled()
    assert page.table.rowCount() == 0
    assert page.earlier.count() == 0
    assert page.options.options().base == ""
    qtbot.waitUntil(lambda: "None of the 3" in page.summary.text(), timeout=LONG)
    qtbot.waitUntil(lambda: "CPU" in page.facts.text(), timeout=LONG)
    assert not page.start_button.isEnabled()
    assert stand.window.pages.currentWidget() is page


def test_what_was_asked_of_another_study_is_dropped(
    stand: Stand, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.desk.show()
    page, empty = stand.window.offer_page, drawn_study(tmp_path / "empty")
    with monkeypatch.context() as held:
        hold_the_lane(stand, held)  # only what was asked of the first study still comes
        stand.desk.set_study(empty.folder, empty.name)
    done: list[int] = []
    stand.window._jobs.submit("last", lambda _job: 1, done.append, lambda _error: None)
    qtbot.waitUntil(lambda: bool(done), timeout=LONG)
    assert page.table.rowCount() == 0
    assert page.options.base.count() == 1


def test_that_a_training_goes_on_in_another_study_is_told(
    stand: Stand, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(stand.main.workspace.desk.telling, "with_next", lambda *words: told.extend(words))
    empty = drawn_study(tmp_path / "empty")
    stand.begin("steps=2000")
    qtbot.waitUntil(lambda: stand.desk.retraining.state is RunState.RUNNING, timeout=LONG)
    stand.desk.set_study(empty.folder, empty.name)
    assert len(told) == 1
    assert stand.study.name in told[0]
    stand.desk.set_study(stand.study.folder, stand.study.name)
    assert len(told) == 1  # none is under way in the empty one
    qtbot.waitUntil(lambda: stand.desk.retraining.state is RunState.RUNNING, timeout=LONG)
    stand.desk.retraining.wish("cancel")
    qtbot.waitUntil(lambda: stand.desk.retraining.state is RunState.STOPPED, timeout=LONG)


def test_what_went_wrong_with_a_training_is_not_told_of_another(
    stand: Stand, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_run: RunFolder, _word: str) -> None:
        raise VesselError("The disk is full.")

    empty, desk = drawn_study(tmp_path / "empty"), stand.desk
    stand.begin("steps=100000")
    page, other = stand.window.live_page, RunFolder(empty.folder / "runs" / desk.retraining.run.name)
    qtbot.waitUntil(lambda: desk.retraining.state is RunState.RUNNING, timeout=LONG)
    shutil.copytree(desk.retraining.run.folder, other.folder)  # by another computer, at work too
    (other.folder / "process.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "wish", full)
        page.pause_button.click()
    assert "full" in page.words.text()
    desk.set_study(empty.folder, empty.name)
    qtbot.waitUntil(lambda: desk.retraining.run == other and desk.retraining.progress.step > 0, timeout=LONG)
    assert page.isVisible()
    assert "full" not in page.words.text()
    desk.set_study(stand.study.folder, stand.study.name)
    qtbot.waitUntil(lambda: desk.retraining.state is RunState.RUNNING, timeout=LONG)
    desk.retraining.wish("cancel")
    qtbot.waitUntil(lambda: desk.retraining.state is RunState.STOPPED, timeout=LONG)


def test_a_promotion_is_not_noted_on_another_study(stand: Stand, qtbot: QtBot, tmp_path: Path) -> None:
    stand.begin()
    stand.until_judged()
    empty = drawn_study(tmp_path / "empty")
    stand.window.verdict_page.promote_button.click()
    stand.desk.set_study(empty.folder, empty.name)
    qtbot.waitUntil(lambda: bool(stand.changes), timeout=LONG)
    assert stand.desk.retraining.decision is None


def test_a_verdict_being_read_leaves_nothing_to_decide_on(
    stand: Stand, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.begin()
    stand.until_judged()
    page, retraining, other = stand.window.verdict_page, stand.desk.retraining, another_run(stand)
    assert page.promote_button.isEnabled()
    hold_the_lane(stand, monkeypatch)
    stand.window._show_run(other)
    qtbot.waitUntil(lambda: retraining.state is RunState.DONE, timeout=LONG)
    assert stand.window.pages.currentWidget() is page
    assert page.sentence.text() == "Reading the verdict…"
    for button in (page.promote_button, page.anyway_button, page.keep_button, page.discard_button):
        assert not button.isEnabled()
    assert page.table.rowCount() == page.compare.table.rowCount() == 0
    # nor does what is told of the run before come on top of it
    assert retraining.run == other
    first = max((stand.study.folder / "runs").iterdir())
    stand.window._on_unjudged(RunFolder(first), VesselError("It is gone."))
    assert page.sentence.text() == "Reading the verdict…"


def test_a_verdict_that_cannot_be_read_can_be_discarded(stand: Stand, qtbot: QtBot) -> None:
    stand.begin()
    stand.until_judged()
    page, broken = stand.window.verdict_page, another_run(stand)
    (broken.folder / "verdict.json").write_text("{")
    stand.window._show_run(broken)
    qtbot.waitUntil(lambda: "can't be shown" in page.sentence.text(), timeout=LONG)
    assert not page.promote_button.isEnabled()
    page.discard_button.click()
    decision = broken.decision()
    assert decision is not None
    assert decision.decision == "discarded"


def test_an_earlier_verdict_does_not_wait_for_the_first_page(stand: Stand, qtbot: QtBot) -> None:
    stand.begin()
    stand.until_judged()
    stand.window.verdict_page.anew_button.click()
    look = stand.window._look._job
    assert look is not None
    stand.window._show_run(another_run(stand))
    assert look.cancelled()
    stand.until_judged()


def test_a_chosen_base_outlives_a_new_list(qtbot: QtBot) -> None:
    box = OptionsBox()
    qtbot.addWidget(box)
    changed = QSignalSpy(box.changed)
    box.show_bases(Bases((("model 2", "2"),)))
    box.base.setCurrentIndex(1)
    box.base.activated.emit(1)
    box.show_bases(Bases((("model 1", "1"), ("model 2", "2")), "1"))
    assert box.options().base == "2"
    assert changed.count() == 1
    box.show_bases(Bases((("model 1", "1"),)))
    assert box.options().base == ""
    assert changed.count() == 2


def test_the_model_that_answered_most_is_started_from(qtbot: QtBot) -> None:
    box = OptionsBox()
    qtbot.addWidget(box)
    changed = QSignalSpy(box.changed)
    bases = Bases((("model 1", "1"), ("cells", "cells.onnx")), "cells.onnx")
    box.show_bases(bases)
    assert box.options().base == "cells.onnx"
    assert changed.count() == 1
    box.base.setCurrentIndex(0)  # a person knows better
    box.base.activated.emit(0)
    box.show_bases(bases)
    assert box.options().base == ""


def test_minimising_the_window_leaves_its_questions_alone(stand: Stand, qtbot: QtBot) -> None:
    stand.desk.show()
    page = stand.window.offer_page
    assert page.facts.text().startswith(ASKING)
    hidden: list[bool] = []

    class Watch(QObject):
        def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
            if event.type() is QEvent.Type.Hide:
                hidden.append(event.spontaneous())
            return False

    watch = Watch()
    stand.window.installEventFilter(watch)
    stand.window.showMinimized()
    qtbot.waitUntil(lambda: hidden == [True], timeout=LONG)
    qtbot.waitUntil(lambda: "CPU" in page.facts.text(), timeout=LONG)
    qtbot.waitUntil(page.start_button.isEnabled, timeout=LONG)


def test_nothing_is_started_before_the_trainer_has_said_that_it_can(
    stand: Stand, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(stand.desk.retraining, "ask_plan", asked.append)
    stand.desk.show()
    window, page = stand.window, stand.window.offer_page
    qtbot.waitUntil(lambda: page.table.rowCount() == 2, timeout=LONG)
    assert not page.start_button.isEnabled()
    assert page.facts.text().startswith(ASKING)
    window._on_plan(VesselError("The trainer doesn't answer.", "Try again."))
    assert not page.start_button.isEnabled()
    # It is asked again when the person comes back, though the study offers the same.
    assert len(asked) == 1
    stand.main.activateWindow()
    qtbot.waitUntil(stand.main.isActiveWindow, timeout=LONG)
    window.activateWindow()
    qtbot.waitUntil(lambda: len(asked) == 2, timeout=LONG)
    assert page.facts.text().startswith(ASKING)
    assert not page.start_button.isEnabled()
    window._on_plan(Plan(20, 90.0, "CPU", ("p0.png",), ("p1.png",)))
    assert page.start_button.isEnabled()


def test_what_page_and_trainer_both_say_is_said_once(qtbot: QtBot) -> None:
    page = OfferPage()
    qtbot.addWidget(page)
    alone = with_warnings(Offer((OfferedPicture("a", "a", "a", "a", 0.01, 1, False),), 7, 0, 0))
    page.show_offer(alone)
    assert "Only one picture" in page.warnings.text()
    page.show_plan(None, f"Left out: b.png can't be read. {only_one_told()}")
    assert "Only one picture" in page.facts.text()
    assert page.warnings.text() == ""


def test_coming_back_from_a_correction_shows_it(
    stand: Stand, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(stand.main.workspace, "save", lambda: told.append("saved"))
    stand.desk.show()
    page = stand.window.offer_page
    qtbot.waitUntil(lambda: "CPU" in page.facts.text(), timeout=LONG)
    qtbot.waitUntil(lambda: page.table.item(0, 3).text() != "…", timeout=LONG)
    qtbot.waitUntil(lambda: page.options.base.count() > 1, timeout=LONG)
    page.options.base.setCurrentIndex(1)
    page.options.settings.setText("steps=77")
    page.options.settings.editingFinished.emit()
    qtbot.waitUntil(lambda: "77 steps" in page.facts.text(), timeout=LONG)
    retraining = stand.desk.retraining
    ask, show = retraining.ask_plan, page.show_offer
    monkeypatch.setattr(retraining, "ask_plan", lambda options: (told.append("plan"), ask(options)))
    monkeypatch.setattr(page, "show_offer", lambda offer: (told.append("offer"), show(offer)))

    def go_and_come_back() -> None:
        told.clear()
        stand.main.activateWindow()
        qtbot.waitUntil(stand.main.isActiveWindow, timeout=LONG)
        stand.window.activateWindow()
        qtbot.waitUntil(lambda: told[:1] == ["saved"], timeout=LONG)
        done: list[int] = []
        stand.window._jobs.submit("last", lambda _job: 1, done.append, lambda _error: None)
        qtbot.waitUntil(lambda: bool(done), timeout=LONG)

    go_and_come_back()
    assert told == ["saved"]  # nothing else is to be shown, and nothing was
    review(stand.study, stand.study.pictures()[2], boxes=[Box(10, 10, 40, 30)])
    go_and_come_back()
    assert told == ["saved", "offer", "plan"]
    assert page.table.rowCount() == 3
    assert page.table.item(2, 3).text() != "…"
    assert "3 of 3 pictures are reviewed" in page.summary.text()
    qtbot.waitUntil(lambda: "77 steps" in page.facts.text(), timeout=LONG)
    assert page.options.options().base == "1"
    told.clear()
    page.start_button.click()
    assert told == ["saved"]
    qtbot.waitUntil(lambda: retraining.state is RunState.DONE, timeout=LONG)


@pytest.mark.parametrize("way", ["Escape", "Close"])
def test_a_verdict_that_was_left_while_models_were_asked_compares_again(
    stand: Stand, qtbot: QtBot, way: str
) -> None:
    stand.begin()
    stand.until_judged()
    compare = stand.window.verdict_page.compare
    compare._on_chosen(0)
    qtbot.keyClick(stand.window, Qt.Key.Key_Escape) if way == "Escape" else stand.window.close()
    assert not stand.window.isVisible()
    stand.desk._on_model_changed()
    assert stand.window.comparing._job is None  # nobody sees it
    stand.desk.show()
    qtbot.waitUntil(lambda: compare.panes.compared is not None, timeout=LONG)


def test_another_model_of_the_study_is_told_on_the_first_page(stand: Stand, qtbot: QtBot) -> None:
    stand.desk.show()
    page = stand.window.offer_page
    qtbot.waitUntil(lambda: "CPU" in page.facts.text(), timeout=LONG)
    stand.desk._on_model_changed()
    assert page.facts.text().startswith(ASKING)
    qtbot.waitUntil(lambda: "CPU" in page.facts.text(), timeout=LONG)


def test_the_first_page_asks_anew_when_it_is_opened_again(stand: Stand, qtbot: QtBot) -> None:
    stand.begin()
    stand.until_judged()
    stand.window.verdict_page.anew_button.click()
    page = stand.window.offer_page
    assert page.facts.text().startswith(ASKING)
    stand.window.close()
    stand.desk.show()
    assert stand.window.pages.currentWidget() is page
    qtbot.waitUntil(lambda: "CPU" in page.facts.text(), timeout=LONG)
