"""A drive that takes its time: the window answers meanwhile, and what is waited for can be stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.tiny_models import tiny_vessel_model
from tests.ui.conftest import document_of, wait_for_answer
from tests.ui.test_end_to_end import LEFT, drag
from vesselapp.core import walk
from vesselapp.core.errors import VesselError
from vesselapp.study import study
from vesselapp.study.record import State
from vesselapp.study.verify import verify_study
from vesselapp.ui import study_export_dialog
from vesselapp.ui.batch_dialog import BatchDialog
from vesselapp.ui.study_export_dialog import StudyExportDialog
from vesselapp.ui.window import MainWindow


class SlowWalk:
    """Folders are gone through only when they may be, or when it is asked to stop."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.may, self.began = threading.Event(), threading.Event()
        self._walk = walk.walk
        patch.setattr(walk, "walk", self.walk)

    def walk(
        self,
        folder: Path,
        *,
        stopped: Callable[[], bool] = lambda: False,
        failed: Callable[[OSError], object],
    ) -> Iterator[Path]:
        self.began.set()
        assert threading.current_thread() is not threading.main_thread()
        for _ in range(3000):
            if stopped() or self.may.wait(0.01):
                yield from self._walk(folder, stopped=stopped, failed=failed)
                return
        raise AssertionError("nobody stopped it")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowWalk]:
    one = SlowWalk(monkeypatch)
    yield one
    one.may.set()


@pytest.fixture
def opened(qtbot: QtBot, window: MainWindow, pictures: Path) -> MainWindow:
    """A picture is open."""
    window.open_paths([pictures / "a.png"])
    wait_for_answer(qtbot, window)
    return window


def names(window: MainWindow) -> list[str]:
    return [entry.name for entry in window.workspace.pictures.shown]


def test_the_open_picture_can_be_corrected_while_a_folder_is_gone_through(
    qtbot: QtBot, opened: MainWindow, pictures: Path, slow: SlowWalk
) -> None:
    document = document_of(opened)
    opened.open_paths([pictures])
    assert slow.began.wait(10)
    drag(qtbot, opened, [(100, 150), (140, 150)], LEFT)
    assert document.corrections[150, 120] == 2
    assert names(opened) == ["a.png"]
    assert opened.status.task.text() == "Looking for pictures"
    slow.may.set()
    qtbot.waitUntil(lambda: names(opened) == ["a.png", "b.png", "c.png"])
    qtbot.waitUntil(lambda: opened.workspace.document not in (None, document), timeout=20000)
    again = document_of(opened)
    assert again.corrections[150, 120] == 2


def test_cancel_ends_the_search_and_leaves_the_open_picture(
    qtbot: QtBot, opened: MainWindow, pictures: Path, slow: SlowWalk
) -> None:
    document = opened.workspace.document
    opened.open_paths([pictures])
    opened.status.cancel.click()
    assert opened.status.task.text() == "Opening was stopped."
    assert not opened.workspace.desk.busy
    slow.may.set()
    qtbot.wait(200)
    assert names(opened) == ["a.png"]
    assert opened.workspace.document is document
    assert document is not None
    assert not document.locked


def test_cancel_goes_on_to_the_picture_that_was_being_opened(
    qtbot: QtBot, opened: MainWindow, pictures: Path, slow: SlowWalk
) -> None:
    opened.workspace.open(opened.workspace.pictures.shown[0])
    opened.open_paths([pictures])
    opened.status.cancel.click()
    qtbot.waitUntil(lambda: opened.workspace.review is not None, timeout=20000)
    assert names(opened) == ["a.png"]


def test_another_picture_that_is_wanted_ends_the_search(
    qtbot: QtBot, window: MainWindow, pictures: Path, slow: SlowWalk
) -> None:
    window.open_paths([pictures / "a.png", pictures / "b.png"])
    wait_for_answer(qtbot, window)
    window.open_paths([pictures])
    window.action("next").trigger()
    slow.may.set()
    qtbot.waitUntil(lambda: window.workspace.name == "b.png", timeout=20000)
    wait_for_answer(qtbot, window)
    assert names(window) == ["a.png", "b.png"]


def test_a_search_does_not_wait_for_the_model(qtbot: QtBot, opened: MainWindow, pictures: Path) -> None:
    done = threading.Event()
    opened.workspace.jobs.aside("a long run", lambda: assert_set(done))
    opened.open_paths([pictures])
    qtbot.waitUntil(lambda: names(opened) == ["a.png", "b.png", "c.png"])
    assert not done.is_set()
    done.set()


def assert_set(event: threading.Event) -> None:
    assert event.wait(30)


def test_closing_during_a_search_opens_nothing(
    qtbot: QtBot, opened: MainWindow, pictures: Path, slow: SlowWalk
) -> None:
    opened.open_paths([pictures])
    assert opened.close()
    slow.may.set()
    qtbot.wait(200)
    assert names(opened) == ["a.png"]


def test_a_model_dropped_with_a_folder_without_pictures_is_asked_of_the_open_one(
    qtbot: QtBot, opened: MainWindow, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    model = tiny_vessel_model(tmp_path / "other.onnx", name="Other")
    opened.open_paths([tmp_path / "empty"], str(model))
    qtbot.waitUntil(
        lambda: opened.workspace.model is not None and opened.workspace.model.card.name == "Other",
        timeout=20000,
    )
    assert names(opened) == ["a.png"]


def test_the_picture_that_is_read_while_the_app_starts_is_not_looked_for(
    window: MainWindow, pictures: Path
) -> None:
    window.workspace.first_read.start(pictures / "b.png")
    window.open_paths([pictures / "b.png"])
    assert names(window) == ["b.png"]


def batch_dialog(window: MainWindow, pictures: Path, out: Path) -> BatchDialog:
    window.action("batch").trigger()
    dialog = window.commands.batch_dialog
    assert dialog is not None
    dialog.pictures_field.setText(str(pictures))
    dialog.out_field.setText(str(out))
    return dialog


def test_a_batch_goes_through_its_folder_beside_the_window(
    qtbot: QtBot, opened: MainWindow, pictures: Path, tmp_path: Path, slow: SlowWalk
) -> None:
    dialog = batch_dialog(opened, pictures, tmp_path / "out")
    dialog.start_button.click()
    assert slow.began.wait(10)
    assert dialog.words.text() == "Looking for pictures"
    assert not dialog.start_button.isEnabled()
    slow.may.set()
    qtbot.waitUntil(lambda: not opened.commands.batch.running, timeout=60000)
    assert dialog.words.text() == "3 of 3 done."


def test_cancel_ends_a_batch_that_goes_through_its_folder(
    qtbot: QtBot, opened: MainWindow, pictures: Path, tmp_path: Path, slow: SlowWalk
) -> None:
    dialog = batch_dialog(opened, pictures, tmp_path / "out")
    dialog.start_button.click()
    dialog.cancel_button.click()
    qtbot.waitUntil(lambda: not opened.commands.batch.running)
    assert not slow.may.is_set()
    assert dialog.words.text().startswith("Cancelled")
    assert dialog.start_button.isEnabled()
    assert not (tmp_path / "out").exists()


def test_the_open_picture_can_be_corrected_while_a_study_is_made(
    qtbot: QtBot, opened: MainWindow, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may, make_folder = threading.Event(), study.make_folder

    def slowly(path: Path) -> Path:
        assert may.wait(30)
        return make_folder(path)

    monkeypatch.setattr(study, "make_folder", slowly)
    opened.workspace.jobs.aside("a long run", lambda: assert_set(may))
    opened.workspace.turning.to_new_study(tmp_path / "study", "Pilot", pictures, "")
    document = document_of(opened)
    drag(qtbot, opened, [(100, 150), (140, 150)], LEFT)
    assert document.corrections[150, 120] == 2
    assert not (tmp_path / "study").exists()
    may.set()
    qtbot.waitUntil(lambda: names(opened) == ["a.png", "b.png", "c.png"], timeout=20000)
    assert opened.workspace.study is not None
    assert opened.workspace.study.name == "Pilot"


def test_a_study_whose_making_is_turned_away_from_is_made_and_told(
    qtbot: QtBot, opened: MainWindow, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may, make_folder = threading.Event(), study.make_folder
    began = threading.Event()

    def slowly(path: Path) -> Path:
        began.set()
        assert may.wait(30)
        return make_folder(path)

    monkeypatch.setattr(study, "make_folder", slowly)
    opened.workspace.turning.to_new_study(tmp_path / "study", "Pilot", pictures, "")
    assert began.wait(30)
    opened.status.cancel.click()
    may.set()
    qtbot.waitUntil(lambda: "study Pilot is made" in opened.notice.label.text(), timeout=20000)
    assert names(opened) == ["a.png"]
    assert study.is_study(tmp_path / "study")


def test_why_a_study_is_not_made_is_told_where_it_was_turned_away_from(
    qtbot: QtBot, opened: MainWindow, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may, began = threading.Event(), threading.Event()

    def full(path: Path) -> Path:
        began.set()
        assert may.wait(30)
        raise VesselError("The disk is full.")

    monkeypatch.setattr(study, "make_folder", full)
    opened.workspace.turning.to_new_study(tmp_path / "study", "Pilot", pictures, "")
    assert began.wait(30)
    opened.status.cancel.click()
    may.set()
    qtbot.waitUntil(lambda: opened.notice.label.text() == "The disk is full.", timeout=20000)


def test_what_is_told_of_a_study_outlasts_turning_to_other_pictures(
    qtbot: QtBot, opened: MainWindow, pictures: Path, slow: SlowWalk
) -> None:
    opened.open_paths([pictures])
    assert slow.began.wait(10)
    opened.workspace.desk.telling.also_with_next("The study Pilot is made.")
    slow.may.set()
    qtbot.waitUntil(lambda: len(names(opened)) == 3, timeout=20000)
    wait_for_answer(qtbot, opened)
    assert opened.notice.isVisible()
    assert "The study Pilot is made." in opened.notice.label.text()


def test_closing_waits_until_a_study_is_whole(
    qtbot: QtBot, opened: MainWindow, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, make_folder = threading.Event(), study.make_folder

    def slowly(path: Path) -> Path:
        began.set()
        time.sleep(0.3)
        return make_folder(path)

    monkeypatch.setattr(study, "make_folder", slowly)
    opened.workspace.turning.to_new_study(tmp_path / "study", "Pilot", pictures, "")
    assert began.wait(30)
    opened.close()
    assert not [found for found in verify_study(tmp_path / "study") if found.problem]


def test_the_rest_of_a_note_is_no_command_on_the_picture_that_comes(
    qtbot: QtBot, window: MainWindow, pictures: Path, slow: SlowWalk
) -> None:
    window.open_paths([pictures / "b.png"])
    wait_for_answer(qtbot, window)
    window.activateWindow()
    window.open_paths([pictures])
    assert slow.began.wait(10)
    window.action("note").trigger()
    note = window.pictures.note
    window.pictures._rest_of_note.setInterval(60000)  # nobody pauses
    qtbot.waitUntil(note.hasFocus)
    qtbot.keyClicks(note, "about ")
    slow.may.set()
    qtbot.waitUntil(lambda: window.workspace.name == "a.png", timeout=20000)
    wait_for_answer(qtbot, window)
    focused = QApplication.focusWidget()
    assert focused is note
    qtbot.keyClicks(focused, "2 lesions")
    assert window.workspace.review is not None
    assert window.workspace.review.record.state is State.NEW
    assert note.toPlainText() == ""
    qtbot.keyClick(note, Qt.Key.Key_Escape)
    assert not note.hasFocus()
    window.action("note").trigger()
    qtbot.keyClicks(note, "mine")
    assert note.toPlainText() == "mine"
    window.workspace.step(1)
    qtbot.waitUntil(lambda: window.workspace.name == "b.png", timeout=20000)
    wait_for_answer(qtbot, window)
    assert note.toPlainText() == "about "


def test_what_is_looked_for_is_said_again_once_the_model_has_answered(
    qtbot: QtBot, opened: MainWindow, pictures: Path, slow: SlowWalk
) -> None:
    opened.open_paths([pictures])
    assert slow.began.wait(10)
    opened.action("run").trigger()
    qtbot.waitUntil(lambda: not opened.workspace.asking.running, timeout=20000)
    qtbot.waitUntil(lambda: opened.status.task.text() == "Looking for pictures")


def test_what_could_not_be_saved_last_time_is_told_with_the_first_picture(
    qtbot: QtBot, window: MainWindow, pictures: Path, slow: SlowWalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rescue, left = window.workspace.keeper.rescue, [SimpleNamespace(image="x.png")]
    monkeypatch.setattr(rescue, "left", lambda: left)
    window.open_paths([pictures])
    window.safety.tell_of_rescue()
    qtbot.waitUntil(lambda: "Work on x.png" in window.notice.label.text())
    monkeypatch.setattr(rescue, "left", list)
    slow.may.set()
    wait_for_answer(qtbot, window)
    assert window.notice.isVisible()
    assert "Work on x.png" in window.notice.label.text()


def test_why_a_study_can_not_be_made_is_told_over_the_open_picture(
    qtbot: QtBot, opened: MainWindow, pictures: Path
) -> None:
    document = opened.workspace.document
    opened.workspace.turning.to_new_study(pictures / "a.png", "Pilot", pictures, "")
    qtbot.waitUntil(opened.notice.isVisible)
    assert "is a file" in opened.notice.label.text()
    assert opened.workspace.document is document
    assert opened.workspace.study is None
    assert not opened.workspace.desk.busy


def test_whether_an_export_is_there_is_looked_for_once_and_beside_the_window(
    qtbot: QtBot, opened: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[tuple[str, bool]] = []

    def is_export(folder: Path) -> bool:
        looked.append((folder.name, threading.current_thread() is threading.main_thread()))
        return folder.name == "there"

    monkeypatch.setattr(study_export_dialog, "is_export", is_export)
    deliver = opened.workspace.jobs.deliver
    dialog = StudyExportDialog(tmp_path, "Pilot", opened.workspace.keeper, deliver, opened)
    dialog.show()
    dialog.out_field.setText(str(tmp_path) + "/")
    qtbot.keyClicks(dialog.out_field, "there")
    qtbot.waitUntil(lambda: "replaces" in dialog.replaces.text())
    assert looked == [("there", False)]
    qtbot.keyClicks(dialog.out_field, "s")
    assert "replaces" not in dialog.replaces.text()
    dialog.close()
    qtbot.wait(300)
    assert looked == [("there", False)]
