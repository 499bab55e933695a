"""Closing the window while nothing can be written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.ui.conftest import document_of, export, wait_until_saved
from tests.ui.test_end_to_end import LEFT, drag
from tests.ui.test_studies import kept, open_study, press, study, until_kept, wait_for
from vesselapp.core.errors import VesselError
from vesselapp.state.rescue import Rescue
from vesselapp.study.study import Study
from vesselapp.study.writer import Writer
from vesselapp.ui.window import MainWindow

__all__ = ["study"]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """While set, neither a journal nor the rescue folder takes anything."""
    monkeypatch.setattr("vesselapp.state.sitting.RETRY_S", 0.05)
    full, append, keep = threading.Event(), Writer.append, Rescue.keep

    def checked_append(self: Writer, operations: list[object]) -> None:
        if full.is_set() and operations:
            raise VesselError("The disk is full.")
        append(self, operations)  # type: ignore[arg-type]

    def checked_keep(self: Rescue, *what: object) -> None:
        if full.is_set():
            raise VesselError("The rescue folder is full.")
        keep(self, *what)  # type: ignore[arg-type]

    monkeypatch.setattr(Writer, "append", checked_append)
    monkeypatch.setattr(Rescue, "keep", checked_keep)
    yield full
    full.clear()


def fail_to_save(qtbot: QtBot, window: MainWindow, study: Study, full: threading.Event) -> None:
    open_study(qtbot, window, study)
    full.set()
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    qtbot.waitUntil(lambda: "NOT SAVED: a.png" in window.notice.label.text(), timeout=20000)


def fail_to_close(qtbot: QtBot, window: MainWindow, full: threading.Event, y: int = 150) -> None:
    full.set()
    drag(qtbot, window, [(100, y), (140, y)], LEFT)
    qtbot.waitUntil(lambda: bool(window.workspace.keeper.unsaved()), timeout=20000)
    assert not window.close()
    assert window.isVisible()
    assert "NOT SAVED: a.png" in window.notice.label.text()
    assert "Close the window again" in window.notice.label.text()


def test_the_window_that_stays_open_keeps_what_is_done_in_it(
    qtbot: QtBot, window: MainWindow, study: Study, full: threading.Event
) -> None:
    open_study(qtbot, window, study)
    fail_to_close(qtbot, window, full)
    document = document_of(window)
    drag(qtbot, window, [(100, 170), (140, 170)], LEFT)
    full.clear()
    wait_until_saved(qtbot, window)
    drag(qtbot, window, [(100, 200), (140, 200)], LEFT)
    assert all(document.corrections[y, 120] == 2 for y in (150, 170, 200))
    found = until_kept(qtbot, study, "a.png", lambda found: len(found.done) == 3)
    assert np.array_equal(found.corrections, document.corrections)
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "b.png")
    assert window.close()
    assert np.array_equal(kept(study, "a.png").corrections, document.corrections)


def test_what_no_disk_takes_is_said_to_be_in_memory_only(
    qtbot: QtBot, window: MainWindow, study: Study, full: threading.Event
) -> None:
    open_study(qtbot, window, study)
    full.set()
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    qtbot.waitUntil(lambda: "in memory only" in window.notice.label.text(), timeout=20000)
    full.clear()
    wait_until_saved(qtbot, window)
    qtbot.waitUntil(lambda: not window.notice.isVisible(), timeout=20000)


def test_a_study_opened_again_in_the_same_window_shows_what_is_not_saved_yet(
    qtbot: QtBot, window: MainWindow, study: Study, full: threading.Event
) -> None:
    open_study(qtbot, window, study)
    full.set()
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    qtbot.waitUntil(lambda: bool(window.workspace.keeper.unsaved()), timeout=20000)
    before, listed = window.workspace.desk.review, window.workspace.pictures.current
    window.workspace.turning.to_study(study.folder)
    qtbot.waitUntil(lambda: window.workspace.pictures.current not in (None, listed), timeout=20000)
    qtbot.waitUntil(lambda: window.workspace.desk.review is not None, timeout=20000)
    review, document = window.workspace.desk.review, window.workspace.document
    assert review is not None
    assert document is not None
    assert review is before
    assert review.entry is window.workspace.pictures.current
    assert document.corrections[150, 120] == 2
    assert not document.locked
    full.clear()
    wait_until_saved(qtbot, window)
    assert np.array_equal(kept(study, "a.png").corrections, document.corrections)


def test_the_second_close_leaves_all_the_same(
    qtbot: QtBot, window: MainWindow, study: Study, full: threading.Event
) -> None:
    open_study(qtbot, window, study)
    fail_to_close(qtbot, window, full)
    assert window.close()


def test_what_is_done_after_a_refused_close_is_warned_of_again(
    qtbot: QtBot, window: MainWindow, study: Study, full: threading.Event
) -> None:
    open_study(qtbot, window, study)
    fail_to_close(qtbot, window, full)
    drag(qtbot, window, [(100, 170), (140, 170)], LEFT)
    assert not window.close()
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "b.png")
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    qtbot.waitUntil(lambda: "b.png" in window.notice.label.text(), timeout=20000)
    assert not window.close()
    assert "a.png, b.png" in window.notice.label.text()
    assert window.close()


def test_what_fails_later_is_told_anew(
    qtbot: QtBot, window: MainWindow, study: Study, full: threading.Event
) -> None:
    open_study(qtbot, window, study)
    fail_to_close(qtbot, window, full)
    full.clear()
    qtbot.waitUntil(lambda: window.status.saved.text().startswith("saved"), timeout=20000)
    fail_to_close(qtbot, window, full, 200)


def test_what_is_told_of_saving_goes_when_all_is_saved(
    qtbot: QtBot, window: MainWindow, study: Study, full: threading.Event
) -> None:
    fail_to_save(qtbot, window, study, full)
    full.clear()
    qtbot.waitUntil(lambda: not window.notice.isVisible(), timeout=20000)
    fail_to_close(qtbot, window, full, 200)
    full.clear()
    qtbot.waitUntil(lambda: not window.notice.isVisible(), timeout=20000)


def test_what_was_added_to_it_stays(
    qtbot: QtBot, window: MainWindow, study: Study, full: threading.Event
) -> None:
    fail_to_save(qtbot, window, study, full)
    window.notice.add_text("The answer may mean nothing.")
    full.clear()
    qtbot.waitUntil(lambda: "NOT SAVED" not in window.notice.label.text(), timeout=20000)
    assert window.notice.label.text() == "The answer may mean nothing."
    assert window.notice.isVisible()


def test_what_is_told_meanwhile_stays(
    qtbot: QtBot, window: MainWindow, study: Study, full: threading.Event, tmp_path: Path
) -> None:
    fail_to_save(qtbot, window, study, full)
    (tmp_path / "file").write_bytes(b"")
    export(qtbot, window, tmp_path / "file", "mask")
    told = window.notice.label.text()
    assert "NOT SAVED" not in told
    full.clear()
    qtbot.waitUntil(lambda: window.status.saved.text().startswith("saved"), timeout=20000)
    assert window.notice.isVisible()
    assert window.notice.label.text() == told
