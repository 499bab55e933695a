"""Between two pictures: the one that was left stays in sight until the next has been read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.ui.conftest import document_of, wait_until_saved
from tests.ui.test_end_to_end import LEFT, drag
from tests.ui.test_studies import kept, open_study, press, study, until_kept, wait_for
from vesselapp.core.image import Image
from vesselapp.state.pictures import Entry
from vesselapp.study import writer
from vesselapp.study.kept import Kept
from vesselapp.study.record import State
from vesselapp.study.study import Study
from vesselapp.ui.window import MainWindow

__all__ = ["study"]


class Slow:
    """A picture that is read only when it may be."""

    def __init__(self, entry: Entry) -> None:
        self.entry, self.may = entry, threading.Event()
        self._read = entry.source.read
        entry.source = replace(entry.source, read=self.read)

    def read(self) -> Image:
        assert self.may.wait(30)
        return self._read()


@pytest.fixture
def slow(qtbot: QtBot, window: MainWindow, study: Study) -> Iterator[Slow]:
    """The study is open at a.png; c.png, which nobody makes ready, takes its time."""
    open_study(qtbot, window, study)
    entry = Slow(window.workspace.pictures.shown[2])
    yield entry
    entry.may.set()


def is_reviewed(found: Kept) -> bool:
    return found.record is not None and found.record.state is State.REVIEWED


def test_what_was_left_takes_no_more_strokes_and_says_so(
    qtbot: QtBot, window: MainWindow, study: Study, slow: Slow
) -> None:
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    press(qtbot, window, Qt.Key.Key_2)
    document = document_of(window)
    judged = document.mask().copy()
    window.workspace.open(slow.entry)
    drag(qtbot, window, [(100, 200), (140, 200)], LEFT)
    document.set_level(document.level + 9)
    window.action("undo").trigger()
    assert window.workspace.document is document
    assert np.array_equal(document.mask(), judged)
    assert window.status.task.text() == "The next picture is being opened."
    slow.may.set()
    wait_for(qtbot, window, "c.png")
    found = until_kept(qtbot, study, "a.png", is_reviewed)
    assert np.array_equal(found.mask(), judged)
    press(qtbot, window, Qt.Key.Key_A)
    wait_for(qtbot, window, "b.png")
    drag(qtbot, window, [(100, 200), (140, 200)], LEFT)
    until_kept(qtbot, study, "b.png", lambda found: len(found.done) == 1)


def test_marking_what_was_left_is_refused_in_words(
    qtbot: QtBot, window: MainWindow, slow: Slow, study: Study
) -> None:
    window.workspace.open(slow.entry)
    press(qtbot, window, Qt.Key.Key_2)
    assert window.status.task.text() == "The next picture is being opened."
    slow.may.set()
    wait_for(qtbot, window, "c.png")
    assert window.pictures.count.text() == "0 of 3 reviewed"


def test_a_stroke_under_way_is_kept_as_far_as_it_was_drawn(
    qtbot: QtBot, window: MainWindow, study: Study, slow: Slow
) -> None:
    canvas, document = window.canvas, window.workspace.document
    assert document is not None
    qtbot.mousePress(canvas, LEFT, pos=canvas.place_of(100, 150))
    qtbot.mouseMove(canvas, canvas.place_of(140, 150))
    window.workspace.open(slow.entry)
    qtbot.mouseMove(canvas, canvas.place_of(140, 220))
    qtbot.mouseRelease(canvas, LEFT, pos=canvas.place_of(140, 220))
    assert document.corrections[150, 120] == 2
    assert not document.corrections[200].any()
    slow.may.set()
    wait_for(qtbot, window, "c.png")
    found = until_kept(qtbot, study, "a.png", lambda found: len(found.done) == 1)
    assert np.array_equal(found.corrections, document.corrections)


def test_an_outline_under_way_is_let_go(qtbot: QtBot, window: MainWindow, slow: Slow) -> None:
    window.choose_tool("OUTLINE")
    canvas = window.canvas
    for place in ((100, 100), (140, 100), (140, 140)):
        qtbot.mouseClick(canvas, LEFT, pos=canvas.place_of(*place))
    assert canvas.tool.busy
    window.workspace.open(slow.entry)
    assert not canvas.tool.busy


def test_no_note_is_written_on_what_was_left(
    qtbot: QtBot, window: MainWindow, study: Study, slow: Slow
) -> None:
    note = window.pictures.note
    window.action("note").trigger()
    qtbot.keyClicks(note, "drusen")
    window.workspace.open(slow.entry)
    assert note.isReadOnly()
    slow.may.set()
    wait_for(qtbot, window, "c.png")
    qtbot.waitUntil(window.canvas.hasFocus)  # who types no more can go on with keys
    assert note.isEnabled()
    assert not note.isReadOnly()
    assert note.toPlainText() == ""
    found = until_kept(qtbot, study, "a.png", lambda found: found.record is not None)
    assert found.record is not None
    assert found.record.note == "drusen"


def test_the_canvas_has_the_keys_again_though_the_next_picture_takes_long(
    qtbot: QtBot, window: MainWindow, study: Study, slow: Slow
) -> None:
    note = window.pictures.note
    window.pictures._rest_of_note.setInterval(300)
    window.action("note").trigger()
    qtbot.keyClicks(note, "drusen")
    window.workspace.open(slow.entry)
    qtbot.keyClicks(note, "2")
    assert note.hasFocus()
    control, alt = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
    for key, more, text, is_of_note in (
        (Qt.Key.Key_2, Qt.KeyboardModifier.NoModifier, "2", True),
        (Qt.Key.Key_Q, control | alt, "@", True),
        (Qt.Key.Key_S, control, "s", False),
        (Qt.Key.Key_F5, Qt.KeyboardModifier.NoModifier, "", False),
    ):
        asked = QKeyEvent(QEvent.Type.ShortcutOverride, key, more, text)
        QApplication.sendEvent(note, asked)
        assert asked.isAccepted() is is_of_note
    qtbot.waitUntil(window.canvas.hasFocus)
    assert not note.isEnabled()
    slow.may.set()
    wait_for(qtbot, window, "c.png")
    assert window.canvas.hasFocus()


def test_a_picture_that_comes_back_can_be_corrected(
    qtbot: QtBot, window: MainWindow, study: Study, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vesselapp.state.sitting.RETRY_S", 0.05)
    slow_disk, write = threading.Event(), writer.Writer.write_record

    def wait(self: writer.Writer, *what: object) -> None:
        assert slow_disk.wait(30)
        write(self, *what)  # type: ignore[arg-type]

    monkeypatch.setattr(writer.Writer, "write_record", wait)
    document, entry = window.workspace.document, window.workspace.entry
    assert document is not None
    assert entry is not None
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    press(qtbot, window, Qt.Key.Key_2)
    judged = document.mask().copy()
    window.workspace.open(slow.entry)
    assert document.locked
    window.workspace.open(entry)
    assert window.workspace.document is document
    assert not document.locked
    review = window.workspace.review
    assert review is not None
    assert review.record.state is State.REVIEWED
    assert np.array_equal(document.mask(), judged)
    drag(qtbot, window, [(100, 200), (140, 200)], LEFT)
    assert document.corrections[200, 120] == 2
    slow_disk.set()
    wait_until_saved(qtbot, window)
    assert len(kept(study, "a.png").done) == 2


def test_what_waited_is_told_before_what_the_answer_of_a_picture_that_comes_back_warns_of(
    qtbot: QtBot, window: MainWindow, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_disk, append = threading.Event(), writer.Writer.append

    def wait(self: writer.Writer, *what: object) -> None:
        assert slow_disk.wait(30)
        append(self, *what)  # type: ignore[arg-type]

    monkeypatch.setattr(writer.Writer, "append", wait)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    asking, notice = window.workspace.asking, window.notice
    assert asking.answer is not None
    asking.take(asking.model, replace(asking.answer, warnings=("The answer may mean nothing.",)))
    back = window.workspace.entry
    assert back is not None
    window.workspace.open(slow.entry)
    window.workspace.desk.telling.with_next("That was not done.")
    window.workspace.open(back)
    wait_for(qtbot, window, "a.png")
    qtbot.waitUntil(lambda: "mean nothing" in notice.label.text(), timeout=5000)
    assert notice.label.text() == "That was not done. The answer may mean nothing."
    slow_disk.set()
    wait_until_saved(qtbot, window)


def test_a_study_that_cant_be_opened_leaves_the_next_picture_on_its_way(
    qtbot: QtBot, window: MainWindow, slow: Slow, study: Study
) -> None:
    window.workspace.open(slow.entry)
    broken = study.folder.parent / "broken"
    broken.mkdir()
    (broken / "study.json").write_text("{")
    window.open_paths([broken])
    slow.may.set()
    wait_for(qtbot, window, "c.png")
    assert "damaged" in window.notice.label.text()
    assert window.notice.isVisible()
    document = document_of(window)
    assert not document.locked
