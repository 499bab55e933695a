"""Two windows on one study: who looks on sees what the other does, and leaves it as it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.ui.conftest import wait_for_answer, wait_until_saved
from tests.ui.test_end_to_end import LEFT, drag
from tests.ui.test_studies import again, kept, open_study, study, wait_for
from vesselapp.state import workspace
from vesselapp.state.pictures import Mark
from vesselapp.study.lock import holder_of
from vesselapp.study.record import State
from vesselapp.study.study import Study
from vesselapp.ui.window import MainWindow

__all__ = ["again", "study"]  # fixtures


def looked_on(qtbot: QtBot, window: MainWindow, study: Study, again: Callable[[], MainWindow]) -> MainWindow:
    """Work on a picture, and give another window in which it can only be looked at."""
    open_study(qtbot, window, study)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    wait_until_saved(qtbot, window)
    second = again()
    second.open_paths([study.folder])
    qtbot.waitUntil(second.banner.isVisible, timeout=20000)
    return second


def test_who_looks_on_sees_the_review_of_another_and_leaves_it(
    qtbot: QtBot, window: MainWindow, study: Study, again: Callable[[], MainWindow]
) -> None:
    second = looked_on(qtbot, window, study, again)
    wait_for_answer(qtbot, second)
    theirs, review = second.workspace.document, second.workspace.review
    assert theirs is not None
    assert review is not None
    theirs.suggest_threshold(0.9)  # as another model would
    assert window.workspace.review is not None
    window.workspace.review.set_note("haemorrhage at 3 o'clock")
    window.action("reviewed_next").trigger()
    qtbot.waitUntil(lambda: not theirs.locked, timeout=20000)
    assert (review.record.state, review.record.note) == (State.REVIEWED, "haemorrhage at 3 o'clock")
    assert np.array_equal(theirs.mask(), kept(study, "a.png").mask())
    second.action("next").trigger()
    qtbot.waitUntil(lambda: holder_of(study.place(study.pictures()[0]).folder) is None, timeout=20000)
    record = kept(study, "a.png").record
    assert record is not None
    assert (record.state, record.note) == (State.REVIEWED, "haemorrhage at 3 o'clock")


def test_who_comes_back_sees_what_another_has_reviewed_meanwhile(
    qtbot: QtBot,
    window: MainWindow,
    study: Study,
    again: Callable[[], MainWindow],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workspace, "_LOOK_AGAIN_S", 0.0)
    open_study(qtbot, window, study)
    second = again()
    second.open_paths([study.folder])
    qtbot.waitUntil(second.banner.isVisible, timeout=20000)
    wait_for_answer(qtbot, second)
    window.action("next").trigger()
    wait_for(qtbot, window, "b.png")
    window.action("reviewed_next").trigger()
    qtbot.waitUntil(lambda: study.place(study.pictures()[1]).record() is not None, timeout=20000)
    marks = [entry.mark for entry in second.workspace.pictures.entries]
    assert marks[1] is Mark.NEW
    second.activateWindow()
    QApplication.sendEvent(second, QEvent(QEvent.Type.ActivationChange))
    entries = second.workspace.pictures.entries
    qtbot.waitUntil(lambda: entries[1].mark is Mark.REVIEWED, timeout=20000)


def test_what_another_program_put_there_is_told_though_the_picture_was_left(
    qtbot: QtBot, window: MainWindow, study: Study
) -> None:
    open_study(qtbot, window, study)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    wait_until_saved(qtbot, window)
    folder = study.place(study.pictures()[0]).folder
    (folder / "corrections.png").write_bytes(b"another's corrections")
    window.action("next").trigger()
    wait_for(qtbot, window, "b.png")
    told = window.notice.label
    qtbot.waitUntil(lambda: window.notice.isVisible() and "aside-1" in told.text(), timeout=20000)
    assert told.text().startswith("a.png: Another program replaced corrections.png")
