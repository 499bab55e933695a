"""Studies in the real window: states, going on, somebody else, what is kept."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.study.studies import let_no_one_list
from tests.tiny_models import fundus_picture, tiny_vessel_model
from tests.ui.conftest import document_of, export, wait_for_answer, wait_until_saved
from tests.ui.test_end_to_end import LEFT, drag
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import mask_of
from vesselapp.core.files import file_sha256
from vesselapp.core.geometry import Box
from vesselapp.state.pictures import Mark, Order, Show
from vesselapp.state.retraining import Retraining
from vesselapp.state.sitting import Sitting
from vesselapp.study.journal import Operation
from vesselapp.study.kept import Kept
from vesselapp.study.lock import holder_of
from vesselapp.study.record import State
from vesselapp.study.run_state import RunState
from vesselapp.study.study import Study
from vesselapp.study.verify import verify_study
from vesselapp.study.writer import Writer
from vesselapp.ui.app import make_window
from vesselapp.ui.study_dialog import StudyDialog
from vesselapp.ui.study_export_dialog import StudyExportDialog
from vesselapp.ui.window import MainWindow


@pytest.fixture
def study(pictures: Path, tmp_path: Path) -> Study:
    """A study in the folder of its three pictures, with the window's tiny model."""
    return Study.create(pictures, "Trial", model=str(tmp_path / "tiny.onnx"))


def open_study(qtbot: QtBot, window: MainWindow, study: Study) -> None:
    window.open_paths([study.folder])
    qtbot.waitUntil(lambda: window.workspace.study is not None, timeout=20000)
    wait_for_answer(qtbot, window)
    wait_until_free(qtbot, window)


def wait_until_free(qtbot: QtBot, window: MainWindow) -> None:
    """Wait until the open picture may be changed."""

    def free() -> bool:
        document = window.workspace.document
        return document is not None and not document.locked

    qtbot.waitUntil(free, timeout=20000)


def wait_for(qtbot: QtBot, window: MainWindow, name: str) -> None:
    qtbot.waitUntil(lambda: window.windowTitle().startswith(name), timeout=20000)
    wait_for_answer(qtbot, window)
    wait_until_free(qtbot, window)


def press(qtbot: QtBot, window: MainWindow, key: Qt.Key) -> None:
    qtbot.keyClick(window.canvas, key)


def kept(study: Study, name: str) -> Kept:
    """Read what is kept of a picture of the study."""
    picture = next(one for one in study.pictures() if one.name == name)
    record = study.place(picture).record()
    assert record is not None
    found = study.place(picture).load(record.sha256, record.height, record.width)
    assert found is not None
    return found


def until_kept(qtbot: QtBot, study: Study, name: str, true: Callable[[Kept], bool]) -> Kept:
    """Wait until what is kept of a picture is as it should be."""

    def look() -> bool:
        try:
            return true(kept(study, name))
        except AssertionError:
            return False

    qtbot.waitUntil(look, timeout=20000)
    return kept(study, name)


@pytest.fixture
def again(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Callable[[], MainWindow]]:
    """Makes further windows on the same folders, as if the app were started again."""
    windows: list[MainWindow] = []

    def make() -> MainWindow:
        window = make_window(tmp_path / "data", tmp_path / "config")
        window.workspace.settings.model = str(tmp_path / "tiny.onnx")
        window.workspace.use_model(str(tmp_path / "tiny.onnx"))
        qtbot.addWidget(window)
        window.resize(1000, 700)
        window.show()
        qtbot.waitExposed(window)
        windows.append(window)
        return window

    yield make
    for window in windows:
        window.workspace.close()
        window.workspace.jobs.close()
    qapp.processEvents()


def test_a_study_is_made_listed_and_worked_through(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    model = str(tmp_path / "tiny.onnx")
    window.workspace.turning.to_new_study(tmp_path / "my study", "Pilot", pictures, model)
    qtbot.waitUntil(lambda: window.workspace.study is not None, timeout=20000)
    wait_for(qtbot, window, "a.png – Pilot")
    study = window.workspace.study
    assert study is not None
    assert window.pictures.count.text() == "0 of 3 reviewed"
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    until_kept(qtbot, study, "a.png", lambda found: len(found.done) == 1)
    press(qtbot, window, Qt.Key.Key_Q)
    wait_for(qtbot, window, "b.png")
    assert window.pictures.count.text() == "1 of 3 reviewed"
    press(qtbot, window, Qt.Key.Key_3)
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "c.png")
    press(qtbot, window, Qt.Key.Key_4)
    marks = [entry.mark for entry in window.workspace.pictures.shown]
    assert marks == [Mark.REVIEWED, Mark.NOTHING_THERE, Mark.FLAGGED]
    assert window.close()
    states = {record.image: (record.state, record.nothing_there) for _, record in study.records()}
    assert states == {
        "a.png": (State.REVIEWED, False),
        "b.png": (State.REVIEWED, True),
        "c.png": (State.FLAGGED, False),
    }
    empty = kept(study, "b.png")
    assert not empty.mask().any()


def test_a_study_of_the_picture_in_sight_opens_at_it(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures)
    window.open_paths([Path("b.png")])
    wait_for(qtbot, window, "b.png")
    window.workspace.turning.to_new_study(tmp_path / "my study", "Pilot", pictures, "")
    wait_for(qtbot, window, "b.png – Pilot")
    assert [entry.name for entry in window.workspace.pictures.shown] == ["a.png", "b.png", "c.png"]


def test_work_on_a_picture_alone_comes_along_into_a_study(
    qtbot: QtBot, window: MainWindow, study: Study, pictures: Path
) -> None:
    window.open_paths([pictures / "a.png"])
    wait_for(qtbot, window, "a.png")
    drag(qtbot, window, [(40, 40), (60, 60)], LEFT)
    corrections = document_of(window).corrections.copy()
    press(qtbot, window, Qt.Key.Key_2)
    open_study(qtbot, window, study)
    assert np.array_equal(document_of(window).corrections, corrections)
    assert document_of(window).history.names[0] == ["Brush"]
    assert "brought along" in window.notice.label.text()
    found = kept(study, "a.png")
    assert found.record is not None
    assert (found.record.state, found.record.path) == (State.REVIEWED, "a.png")
    assert [finding for finding in verify_study(study.folder) if finding.problem] == []
    window.open_paths([pictures / "a.png"])
    qtbot.waitUntil(lambda: window.workspace.study is None, timeout=20000)
    wait_for(qtbot, window, "a.png")
    assert np.array_equal(document_of(window).corrections, corrections)  # and stays where it was


def test_a_folder_that_can_not_be_listed_is_told(
    qtbot: QtBot, window: MainWindow, study: Study, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pictures / "more").mkdir()
    let_no_one_list(monkeypatch, pictures / "more")
    open_study(qtbot, window, study)
    assert "more can't be listed just now" in window.notice.label.text()


def test_going_on_keeps_tool_and_zoom(qtbot: QtBot, window: MainWindow, study: Study) -> None:
    open_study(qtbot, window, study)
    press(qtbot, window, Qt.Key.Key_E)
    canvas = window.canvas
    canvas.show_view(canvas.view.centred_on(150, 120, canvas.pane_size(), 7.0))
    before = canvas.view
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "b.png")
    assert window.toolbox.key == "ERASE"
    assert canvas.view == before
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "c.png")
    assert canvas.view.zoom == 7.0
    height, width = canvas.pane_size()
    x, y = canvas.view.to_picture(width / 2, height / 2)
    assert x / 260 == pytest.approx(150 / 320, abs=0.01)
    assert y / 240 == pytest.approx(120 / 300, abs=0.01)


def test_that_a_training_goes_on_is_told_with_the_next_picture(
    qtbot: QtBot, window: MainWindow, study: Study, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_study(qtbot, window, study)
    monkeypatch.setattr(Retraining, "state", property(lambda _self: RunState.RUNNING))
    window.open_paths([pictures / "b.png"])
    wait_for(qtbot, window, "b.png")
    assert window.notice.isVisible()
    assert "The training of Trial isn't ended by this" in window.notice.label.text()


def test_that_a_review_is_taken_back_is_told(qtbot: QtBot, window: MainWindow, study: Study) -> None:
    open_study(qtbot, window, study)
    press(qtbot, window, Qt.Key.Key_2)
    assert window.status.task.text() == "a.png: reviewed"
    drag(qtbot, window, [(40, 40), (60, 60)], LEFT)
    assert (
        window.status.task.text() == "a.png was reviewed, and was changed: in progress again (2: reviewed)."
    )


def test_opening_a_picture_tells_of_no_review_taken_back(
    qtbot: QtBot, window: MainWindow, study: Study
) -> None:
    told: list[str] = []
    window.workspace.desk.taken_back.connect(lambda: told.append("taken back"))
    open_study(qtbot, window, study)
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "b.png")
    assert not told


def test_a_file_that_was_written_anew_is_read_when_it_is_opened_again(
    qtbot: QtBot, window: MainWindow, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.open_paths([pictures / "a.png"])
    wait_for(qtbot, window, "a.png")
    before = window.workspace.document
    PIL.Image.fromarray(np.full((300, 320, 3), 7, np.uint8)).save(pictures / "a.png")
    with monkeypatch.context() as held:
        held.setattr(Sitting, "close", lambda _sitting: None)  # as long as the one before hasn't ended
        window.open_paths([pictures / "a.png"])
        qtbot.waitUntil(lambda: window.workspace.document not in (None, before), timeout=10000)
    assert window.workspace.document is not None
    assert (window.workspace.document.image.pixels == 7).all()


def test_of_a_much_larger_picture_as_much_is_in_sight(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    for name, side in (("a.png", 100), ("b.png", 400)):
        (tmp_path / "alone").mkdir(exist_ok=True)
        PIL.Image.fromarray(np.full((side, side, 3), 90, np.uint8)).save(tmp_path / "alone" / name)
    window.open_paths([tmp_path / "alone"])
    wait_for(qtbot, window, "a.png")
    canvas = window.canvas
    canvas.show_view(canvas.view.centred_on(50, 50, canvas.pane_size(), 12.0))
    canvas.marked = Box(10, 10, 20, 20)
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "b.png")
    assert canvas.view.zoom == 3.0
    assert canvas.marked is None


def test_filter_and_order_lead_the_way(qtbot: QtBot, window: MainWindow, study: Study) -> None:
    open_study(qtbot, window, study)
    press(qtbot, window, Qt.Key.Key_2)
    panel = window.pictures
    panel.show_box.setCurrentIndex(panel.show_box.findData(Show.TO_DO))
    panel.show_box.activated.emit(panel.show_box.currentIndex())
    assert [panel.model.index(row).data() for row in range(panel.model.rowCount())] == [
        "a.png",
        "b.png",
        "c.png",
    ]
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "b.png")
    assert panel.model.rowCount() == 2
    assert not window.action("previous").isEnabled()
    panel.text_field.setText("c")
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "c.png")
    assert panel.model.rowCount() == 1
    assert "1 shown" in panel.count.text()


def test_a_reviewed_picture_keeps_its_mask_whatever_model_is_chosen(
    qtbot: QtBot, window: MainWindow, study: Study, tmp_path: Path
) -> None:
    open_study(qtbot, window, study)
    document = document_of(window)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    document.set_level(document.level + 9)
    judged = document.mask().copy()
    press(qtbot, window, Qt.Key.Key_2)
    until_kept(qtbot, study, "a.png", lambda found: found.answer is not None and found.record is not None)
    other = tiny_vessel_model(tmp_path / "other.onnx", name="Other", threshold=0.2, blur=9)
    window.workspace.use_model(str(other))
    assert np.array_equal(document.mask(), judged)
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "b.png")
    on_its_way = window.workspace.desk.just_left  # once there, it is read from the disk
    qtbot.waitUntil(lambda: len(on_its_way) == 0, timeout=20000)
    press(qtbot, window, Qt.Key.Key_A)
    wait_for(qtbot, window, "a.png")
    again = document_of(window)
    assert np.array_equal(again.mask(), judged)
    assert window.workspace.answer is not None
    assert window.workspace.answer.judged
    assert window.controls.model.badge.text() == "KEPT"
    assert "Tiny vessels" in window.controls.model._detail.text()
    assert np.array_equal(kept(study, "a.png").mask(), judged)
    window.action("run").trigger()
    qtbot.waitUntil(lambda: window.controls.model.badge.text() == "CPU", timeout=20000)
    review = window.workspace.review
    assert review is not None
    assert review.record.state is State.IN_PROGRESS
    assert review.record.model == "Other"
    assert again.probability is not None
    wait_until_saved(qtbot, window)
    found = kept(study, "a.png")
    assert found.record is not None
    assert (found.record.state, found.record.model) == (State.IN_PROGRESS, "Other")
    assert np.array_equal(found.answer, again.probability)


def test_a_note_is_kept_when_the_picture_is_left(qtbot: QtBot, window: MainWindow, study: Study) -> None:
    open_study(qtbot, window, study)
    window.action("note").trigger()
    qtbot.keyClicks(window.pictures.note, "drusen, d and a")
    assert window.windowTitle().startswith("a.png")
    qtbot.keyClick(window.pictures.note, Qt.Key.Key_Escape)
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "b.png")
    assert window.pictures.note.toPlainText() == ""
    found = until_kept(qtbot, study, "a.png", lambda found: found.record is not None)
    assert found.record is not None
    assert found.record.note == "drusen, d and a"
    press(qtbot, window, Qt.Key.Key_A)
    wait_for(qtbot, window, "a.png")
    assert window.pictures.note.toPlainText() == "drusen, d and a"


def test_it_opens_again_where_it_was_left(
    qtbot: QtBot, window: MainWindow, study: Study, again: Callable[[], MainWindow]
) -> None:
    open_study(qtbot, window, study)
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "b.png")
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    drag(qtbot, window, [(100, 170), (140, 170)], LEFT)
    window.action("undo").trigger()
    canvas = window.canvas
    canvas.show_view(canvas.view.centred_on(150, 120, canvas.pane_size(), 5.0))
    view, document = canvas.view, window.workspace.document
    assert document is not None
    qtbot.waitUntil(lambda: kept(study, "b.png").view is not None, timeout=20000)
    assert window.close()
    window.workspace.jobs.close()
    second = again()
    open_study(qtbot, second, study)
    assert second.windowTitle().startswith("b.png")
    assert second.canvas.view == view
    reopened = document_of(second)
    assert reopened.history.names == document.history.names == (["Brush"], ["Brush"])
    assert np.array_equal(reopened.corrections, document.corrections)
    reopened.redo()
    assert reopened.corrections[170, 120] == 2


def test_of_two_windows_the_second_looks_on_until_the_first_leaves(
    qtbot: QtBot, window: MainWindow, study: Study, again: Callable[[], MainWindow]
) -> None:
    open_study(qtbot, window, study)
    second = again()
    second.open_paths([study.folder])
    qtbot.waitUntil(second.banner.isVisible, timeout=20000)
    assert "has this picture open" in second.banner.label.text()
    assert not second.banner.button.isVisible()
    assert second.status.saved.text() == "read-only"
    wait_for_answer(qtbot, second)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    drag(qtbot, second, [(200, 150), (240, 150)], LEFT)
    theirs = document_of(second)
    assert not theirs.corrections.any()
    assert "only be looked at" in second.status.task.text()
    wait_until_saved(qtbot, window)
    window.action("next").trigger()
    qtbot.waitUntil(lambda: not theirs.locked, timeout=20000)
    assert not second.banner.isVisible()
    assert theirs.corrections[150, 120] == 2
    drag(qtbot, second, [(200, 150), (240, 150)], LEFT)
    assert theirs.corrections[150, 220] == 2
    until_kept(qtbot, study, "a.png", lambda found: len(found.done) == 2)


def test_a_stale_lock_can_be_taken_over(
    qtbot: QtBot, window: MainWindow, study: Study, again: Callable[[], MainWindow]
) -> None:
    open_study(qtbot, window, study)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    wait_until_saved(qtbot, window)
    for file in study.place(study.pictures()[0]).folder.glob("*lock*"):
        os.utime(file, (1, 1))
    second = again()
    second.open_paths([study.folder])
    qtbot.waitUntil(second.banner.button.isVisible, timeout=20000)
    second.banner.button.click()
    qtbot.waitUntil(lambda: not second.banner.isVisible(), timeout=20000)
    drag(qtbot, second, [(200, 150), (240, 150)], LEFT)
    drag(qtbot, window, [(100, 200), (140, 200)], LEFT)
    qtbot.waitUntil(window.banner.isVisible, timeout=20000)
    document = document_of(window)
    assert document.locked
    second.action("next").trigger()
    qtbot.waitUntil(lambda: not document.locked, timeout=20000)
    for y, x in ((150, 120), (150, 220), (200, 120)):
        assert document.corrections[y, x] == 2
    wait_until_saved(qtbot, window)
    assert "Nobody else has this picture open" in window.notice.label.text()
    for file in study.place(study.pictures()[0]).folder.glob("*lock*"):
        os.utime(file, (1, 1))
    second.action("previous").trigger()
    qtbot.waitUntil(second.banner.button.isVisible, timeout=20000)
    second.banner.button.click()
    qtbot.waitUntil(lambda: not second.banner.isVisible(), timeout=20000)
    drag(qtbot, window, [(100, 220), (140, 220)], LEFT)
    qtbot.waitUntil(window.banner.isVisible, timeout=20000)
    assert not window.notice.isVisible()


def test_a_picture_that_changed_on_disk_is_told(
    qtbot: QtBot, window: MainWindow, study: Study, again: Callable[[], MainWindow]
) -> None:
    open_study(qtbot, window, study)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    wait_until_saved(qtbot, window)
    assert window.close()
    window.workspace.jobs.close()
    PIL.Image.fromarray(fundus_picture(300, 320, 270, seed=5)).save(study.folder / "a.png")
    second = again()
    second.open_paths([study.folder])
    qtbot.waitUntil(lambda: second.workspace.document is not None, timeout=20000)
    qtbot.waitUntil(second.notice.isVisible, timeout=20000)
    assert "replaced" in second.notice.label.text()
    document = document_of(second)
    assert not document.corrections.any()


def test_a_disk_that_is_full_is_said_and_nothing_is_lost(
    qtbot: QtBot, window: MainWindow, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vesselapp.state.sitting.RETRY_S", 0.05)
    open_study(qtbot, window, study)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    wait_until_saved(qtbot, window)
    full: list[int] = [1]
    fsync = os.fsync

    def checked(handle: int) -> None:
        if full and "annotations" in str(Path(f"/proc/self/fd/{handle}").readlink()):
            raise OSError(28, os.strerror(28))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", checked)
    drag(qtbot, window, [(100, 200), (140, 200)], LEFT)
    qtbot.waitUntil(lambda: "NOT SAVED" in window.status.saved.text(), timeout=20000)
    assert "the disk is full" in window.notice.label.text()
    rescue = window.workspace.keeper.rescue
    qtbot.waitUntil(lambda: bool(list(rescue.folder.glob("*.rescue"))), timeout=20000)
    press(qtbot, window, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: window.windowTitle().startswith("b.png"), timeout=20000)
    assert "NOT SAVED: a.png" in window.status.saved.text()
    press(qtbot, window, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: window.windowTitle().startswith("a.png"), timeout=20000)
    document = document_of(window)
    assert document.corrections[200, 120] == 2
    full.clear()
    qtbot.waitUntil(lambda: window.status.saved.text().startswith("saved"), timeout=20000)
    until_kept(qtbot, study, "a.png", lambda found: len(found.done) == 2)


def test_pictures_without_a_study_work_the_same(
    qtbot: QtBot, window: MainWindow, pictures: Path, again: Callable[[], MainWindow]
) -> None:
    window.open_paths([pictures])
    wait_for(qtbot, window, "a.png")
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    press(qtbot, window, Qt.Key.Key_Q)
    wait_for(qtbot, window, "b.png")
    assert window.close()
    window.workspace.jobs.close()
    (pictures / "a.png").rename(pictures / "z.png")
    (pictures / "b.png").unlink()
    second = again()
    second.open_paths([pictures])
    wait_for(qtbot, second, "c.png")
    press(qtbot, second, Qt.Key.Key_D)
    wait_for(qtbot, second, "z.png")
    document, review = second.workspace.document, second.workspace.review
    assert document is not None
    assert review is not None
    assert document.corrections[150, 120] == 2
    assert review.record.state is State.REVIEWED


def test_states_of_loose_pictures_are_listed_at_once(
    qtbot: QtBot, window: MainWindow, pictures: Path, again: Callable[[], MainWindow]
) -> None:
    window.open_paths([pictures])
    wait_for(qtbot, window, "a.png")
    for _ in range(2):
        press(qtbot, window, Qt.Key.Key_Q)
        wait_for(qtbot, window, ["b.png", "c.png"][_])
    assert window.close()
    window.workspace.jobs.close()
    second = again()
    second.open_paths([pictures])
    qtbot.waitUntil(lambda: second.pictures.count.text() == "2 of 3 reviewed", timeout=20000)


def test_a_dropped_folder_of_a_study_opens_it(qtbot: QtBot, window: MainWindow, study: Study) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(study.folder))])
    window.dropEvent(
        QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier)
    )
    qtbot.waitUntil(lambda: window.workspace.study is not None, timeout=20000)
    wait_for(qtbot, window, "a.png – Trial")
    assert window.workspace.settings.recent_studies == (str(study.folder),)
    window.recent.aboutToShow.emit()
    (action,) = window.recent.actions()
    assert study.folder.name in action.text()


def test_a_study_that_is_none_is_told(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    (pictures / "study.json").write_text("{")
    window.open_paths([pictures])
    qtbot.waitUntil(window.notice.isVisible, timeout=20000)
    assert "damaged" in window.notice.label.text()


def test_a_study_whose_pictures_are_away_is_open_and_nothing_is_under_way(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study.create(tmp_path / "trial", "Trial", [pictures], str(tmp_path / "tiny.onnx"), "ann")
    pictures.rename(tmp_path / "away")
    asking = set[threading.Thread]()

    def missing(one: Study) -> list[Path]:
        asking.add(threading.current_thread())
        return one.roots

    monkeypatch.setattr(Study, "missing_roots", property(missing))
    window.open_paths([study.folder])
    assert not window.status.progress.isHidden()
    qtbot.waitUntil(lambda: "is not there now" in window.notice.label.text(), timeout=20000)
    assert window.status.task.text() == ""
    assert not window.status.progress.isVisible()
    assert threading.main_thread() not in asking  # a drive that is away may take long to say so


def test_the_dialog_says_what_is_missing(qtbot: QtBot, pictures: Path, study: Study, tmp_path: Path) -> None:
    dialog = StudyDialog([], "", lambda call: call())
    qtbot.addWidget(dialog)
    assert not dialog.make_button.isEnabled()
    dialog.pictures_field.setText(str(pictures))
    assert dialog.name == pictures.name
    assert "already" in dialog.words.text()
    dialog.elsewhere.setChecked(True)
    assert "Choose a folder" in dialog.words.text()
    dialog.folder_field.setText(str(tmp_path / "new"))
    assert dialog.make_button.isEnabled()
    dialog.name_field.clear()
    assert not dialog.make_button.isEnabled()


def test_an_export_tells_where_its_mask_comes_from(
    qtbot: QtBot, window: MainWindow, study: Study, tmp_path: Path
) -> None:
    open_study(qtbot, window, study)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    export(qtbot, window, tmp_path / "out", "mask")
    facts = json.loads((tmp_path / "out" / "a_mask.json").read_text())
    document = document_of(window)
    assert facts["model"] == "Tiny vessels"
    assert len(facts["model_sha256"]) == 64
    assert facts["strokes"] == 1
    assert facts["state"] == "in-progress"
    assert facts["software"].startswith("vesselapp ")
    assert facts["corrected_share"] == pytest.approx((document.corrections > 0).mean())
    assert facts["sha256"] == document.image.sha256
    mask = np.asarray(PIL.Image.open(tmp_path / "out" / "a_mask.png")) > 0
    assert np.array_equal(mask, mask_of(document.evidence.levels[0], facts["level"]))


def test_ranking_sorts_by_doubt_and_is_remembered(
    qtbot: QtBot, window: MainWindow, study: Study, again: Callable[[], MainWindow]
) -> None:
    open_study(qtbot, window, study)
    window.action("rank").setChecked(True)
    window.studies.rank(True)
    qtbot.waitUntil(lambda: not window.workspace.ranking.running, timeout=60000)
    shown = window.workspace.pictures.shown
    doubts = [entry.doubt for entry in shown]
    assert None not in doubts
    assert doubts == sorted(doubts, reverse=True)  # type: ignore[type-var]
    assert window.pictures.order_box.currentData() is Order.DOUBT
    assert not window.action("rank").isChecked()
    expected = {entry.name: entry.doubt for entry in shown}
    assert window.close()
    window.workspace.jobs.close()
    second = again()
    open_study(qtbot, second, study)
    qtbot.waitUntil(
        lambda: all(entry.doubt is not None for entry in second.workspace.pictures.entries), timeout=20000
    )
    for entry in second.workspace.pictures.entries:
        assert entry.doubt == pytest.approx(expected[entry.name], abs=0.01)


def test_a_whole_study_is_exported_from_the_window(
    qtbot: QtBot, window: MainWindow, study: Study, tmp_path: Path
) -> None:
    assert not window.action("export_study").isEnabled()
    open_study(qtbot, window, study)
    window.action("export_study").trigger()
    dialog = window.findChild(StudyExportDialog)
    assert isinstance(dialog, StudyExportDialog)
    dialog.start_button.click()
    qtbot.waitUntil(dialog.start_button.isEnabled, timeout=20000)
    assert "reviewed" in dialog.words.text(), dialog.words.text()
    window.action("reviewed").trigger()
    until_kept(qtbot, study, "a.png", lambda found: found.record is not None and found.answer is not None)
    dialog.out_field.setText(str(tmp_path / "out"))
    dialog.start_button.click()
    qtbot.waitUntil(lambda: "1 picture written" in dialog.words.text(), timeout=20000)
    assert sorted(path.name for path in (tmp_path / "out" / "masks").iterdir()) == ["a.png", "a_mask.json"]
    qtbot.waitUntil(lambda: "replaces" in dialog.replaces.text())
    dialog.out_field.setText(str(tmp_path / "coco"))
    assert not dialog.replaces.text().strip()
    qtbot.wait(300)
    assert not dialog.replaces.text().strip()
    dialog.kind.setCurrentIndex(1)
    dialog.everything_box.setChecked(True)
    assert dialog.progress.value() == dialog.progress.maximum()
    dialog.start_button.click()
    assert dialog.progress.value() == 0
    qtbot.waitUntil(lambda: "3 pictures written" in dialog.words.text(), timeout=20000)
    assert len(json.loads((tmp_path / "coco" / "annotations.json").read_text())["images"]) == 3
    dialog.close_button.click()


def test_coco_is_exported_from_the_window_also_where_the_model_is_gone(
    qtbot: QtBot, window: MainWindow, study: Study, tmp_path: Path
) -> None:
    open_study(qtbot, window, study)
    window.action("reviewed").trigger()
    until_kept(qtbot, study, "a.png", lambda found: found.record is not None and found.answer is not None)
    study.set_model("gone.onnx")
    window.action("export_study").trigger()
    dialog = window.findChild(StudyExportDialog)
    assert isinstance(dialog, StudyExportDialog)
    dialog.out_field.setText(str(tmp_path / "<b>coco"))
    formats = [dialog.kind.itemText(row) for row in range(dialog.kind.count())]
    dialog.kind.setCurrentIndex(formats.index("COCO"))
    assert dialog.parted_box.isEnabled()
    dialog.start_button.click()
    qtbot.waitUntil(lambda: "can't be told" in dialog.words.text(), timeout=20000)
    assert "--" not in dialog.words.text()
    dialog.kind.setCurrentIndex(formats.index("COCO, whole (vessels)"))
    assert not dialog.parted_box.isEnabled()
    dialog.start_button.click()
    qtbot.waitUntil(lambda: "1 picture written" in dialog.words.text(), timeout=20000)
    assert dialog.words.textFormat() is Qt.TextFormat.PlainText  # a folder's name is no markup
    (category,) = json.loads((tmp_path / "<b>coco" / "annotations.json").read_text())["categories"]
    assert category["name"] == "vessel"
    dialog.close_button.click()


def test_an_export_waits_for_what_is_being_saved_and_refuses_what_can_not_be(
    qtbot: QtBot, window: MainWindow, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Writer.append
    slow, full = threading.Event(), threading.Event()

    def slowly(self: Writer, operations: Sequence[Operation]) -> None:
        slow.wait(0.6)
        if full.is_set():
            raise VesselError("No space is left on the drive.")
        append(self, operations)

    monkeypatch.setattr(Writer, "append", slowly)
    open_study(qtbot, window, study)
    window.action("export_study").trigger()
    dialog = window.findChild(StudyExportDialog)
    assert isinstance(dialog, StudyExportDialog)
    dialog.out_field.setText(str(tmp_path / "out"))
    drag(qtbot, window, [(30, 30), (70, 30)], LEFT)
    window.action("reviewed").trigger()
    shown = document_of(window).mask()
    dialog.start_button.click()
    qtbot.waitUntil(lambda: "1 picture written" in dialog.words.text(), timeout=20000)
    with PIL.Image.open(tmp_path / "out" / "masks" / "a.png") as mask:
        assert np.array_equal(np.array(mask) > 0, shown)
    full.set()
    drag(qtbot, window, [(30, 60), (70, 60)], LEFT)
    dialog.start_button.click()
    qtbot.waitUntil(lambda: "a.png is not saved yet" in dialog.words.text(), timeout=20000)
    full.clear()
    slow.set()
    qtbot.waitUntil(lambda: not window.workspace.keeper.unsaved(), timeout=20000)
    dialog.close_button.click()


def test_a_picture_that_was_replaced_after_it_was_made_ready_is_read_anew(
    qtbot: QtBot, window: MainWindow, study: Study
) -> None:
    open_study(qtbot, window, study)
    ahead = window.workspace.desk.ahead
    qtbot.waitUntil(lambda: ahead._opened is not None, timeout=20000)
    PIL.Image.fromarray(fundus_picture(300, 320, 270, seed=9)).save(study.roots[0] / "b.png")
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "b.png")
    assert document_of(window).image.sha256 == file_sha256(study.roots[0] / "b.png")


def test_the_list_tells_of_work_that_can_not_be_read(
    qtbot: QtBot, window: MainWindow, study: Study, again: Callable[[], MainWindow]
) -> None:
    open_study(qtbot, window, study)
    window.action("reviewed_next").trigger()
    until_kept(qtbot, study, "a.png", lambda found: found.record is not None and found.answer is not None)
    qtbot.waitUntil(lambda: holder_of(study.place(study.pictures()[0]).folder) is None, timeout=20000)
    path = study.place(study.pictures()[0]).folder / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    second = again()
    second.open_paths([study.folder])
    pictures = second.workspace.pictures
    qtbot.waitUntil(lambda: [one.mark for one in pictures.entries[:1]] == [Mark.IN_PROGRESS], timeout=20000)
