"""While a model is at work on a picture, what is in sight is neither judged nor given away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.ui.conftest import document_of, export, wait_for_answer, wait_for_rest
from tests.ui.test_learning import correct, end, new_window
from tests.ui.test_learning import pictures as bars_pictures
from tests.ui.test_slow_drive import assert_set
from tests.ui.test_studies import kept, press, study, until_kept
from vesselapp.core.errors import Cancelled
from vesselapp.state import asking
from vesselapp.state.finding import Finder
from vesselapp.state.jobs import Job
from vesselapp.study.record import State
from vesselapp.study.study import Study
from vesselapp.ui.window import MainWindow

__all__ = ["bars_pictures", "study"]
AT_WORK = "The model is still at work on this picture."


@pytest.fixture
def halfway(
    qtbot: QtBot, window: MainWindow, study: Study, monkeypatch: pytest.MonkeyPatch
) -> Iterator[threading.Event]:
    """The model has shown the left half of its answer for a.png; it goes on when the event is set."""
    monkeypatch.setattr(asking, "SHOW_PARTS_PX", 1)
    go_on, find = threading.Event(), Finder.find

    def slow(self: Finder, question: Any, image: Any, job: Job, **how: Any) -> Any:
        if how.get("on_tile") is not None:
            how["on_tile"]((0, 0, 160, 300), np.full((300, 160), 0.9, np.float32))
            assert go_on.wait(30)
            if job.cancelled():
                raise Cancelled
        return find(self, question, image, job, **how)

    monkeypatch.setattr(Finder, "find", slow)
    window.open_paths([study.folder])

    def half_shown() -> bool:
        document = window.workspace.document
        return document is not None and not document.locked and bool(document.mask().any())

    qtbot.waitUntil(half_shown, timeout=20000)
    yield go_on
    go_on.set()


@pytest.mark.parametrize("key", [Qt.Key.Key_2, Qt.Key.Key_3, Qt.Key.Key_Q])
def test_half_an_answer_is_not_reviewed(
    qtbot: QtBot, window: MainWindow, study: Study, halfway: threading.Event, key: Qt.Key
) -> None:
    press(qtbot, window, key)
    assert window.status.task.text() == AT_WORK
    assert window.windowTitle().startswith("a.png")
    halfway.set()
    wait_for_answer(qtbot, window)
    assert window.status.task.text() == ""
    press(qtbot, window, Qt.Key.Key_2)
    shown = document_of(window).mask()
    found = until_kept(qtbot, study, "a.png", lambda found: found.record is not None)
    assert found.answer is not None
    assert np.array_equal(found.mask(), shown)


def test_half_an_answer_is_not_exported(
    qtbot: QtBot, window: MainWindow, halfway: threading.Event, tmp_path: Path
) -> None:
    export(qtbot, window, tmp_path / "out", "mask")
    assert AT_WORK in window.notice.label.text()
    assert not (tmp_path / "out").exists()
    halfway.set()
    wait_for_answer(qtbot, window)
    export(qtbot, window, tmp_path / "out", "mask")
    assert (tmp_path / "out" / "a_mask.png").exists()


def test_a_run_that_is_stopped_takes_its_parts_back_at_once(
    qtbot: QtBot, window: MainWindow, study: Study, halfway: threading.Event
) -> None:
    document = document_of(window)
    window.action("cancel").trigger()
    assert not document.mask().any()
    assert window.status.task.text() == "The model was stopped; F5 runs it."
    window.action("run").trigger()
    window.workspace.progress.emit("Finding", 0.1)
    assert window.status.task.text() == "Finding"
    window.status.cancel.click()
    assert window.status.task.text() == "The model was stopped; F5 runs it."
    press(qtbot, window, Qt.Key.Key_2)
    review = window.workspace.review
    assert review is not None
    assert review.record.state is State.REVIEWED
    halfway.set()
    after = list[None]()
    window.workspace.jobs.submit("after it", lambda _job: None, after.append, pytest.fail)
    qtbot.waitUntil(lambda: bool(after), timeout=20000)
    assert not document.mask().any()
    assert window.close()
    assert not kept(study, "a.png").mask().any()


@pytest.mark.parametrize("stopped", [False, True])
def test_why_nothing_is_learnt_yet_goes_with_the_answer(
    qtbot: QtBot, window: MainWindow, halfway: threading.Event, *, stopped: bool
) -> None:
    if stopped:  # an answer was there before, and is so again
        halfway.set()
        wait_for_answer(qtbot, window)
        halfway.clear()
        window.action("run").trigger()
    press(qtbot, window, Qt.Key.Key_L)
    assert "no answer to learn on yet" in window.notice.label.text()
    assert window.notice.isVisible()
    if stopped:
        window.action("cancel").trigger()
    halfway.set()
    wait_for_rest(qtbot, window)
    wait_for_answer(qtbot, window)
    qtbot.waitUntil(lambda: "no answer" not in window.notice.label.text() or not window.notice.isVisible())


@pytest.mark.parametrize("key", ["doubtful", "doubtful_back", "own_threshold"])
def test_what_only_an_answer_tells_is_not_known_before_it(
    qtbot: QtBot, window: MainWindow, halfway: threading.Event, key: str
) -> None:
    view = window.canvas.view
    window.action(key).trigger()
    what = "The model's own threshold is" if key == "own_threshold" else "Doubtful places are"
    assert window.status.task.text() == f"{what} not known before the model has answered (F5)."
    assert window.status.doubt.text() == ""
    assert window.canvas.view == view
    halfway.set()
    wait_for_answer(qtbot, window)
    assert window.status.task.text() == ""


@pytest.mark.parametrize("key", ["doubtful", "doubtful_back", "own_threshold"])
def test_without_a_picture_that_is_said(window: MainWindow, key: str) -> None:
    window.action(key).trigger()
    assert "No picture is open" in window.status.task.text()


def test_learning_that_is_stopped_is_told(qtbot: QtBot, tmp_path: Path, bars_pictures: Path) -> None:
    window = new_window(qtbot, tmp_path)
    window.open_paths([bars_pictures])
    wait_for_answer(qtbot, window)
    correct(document_of(window))
    go_on = threading.Event()
    window.workspace.jobs.aside("in the way", lambda: assert_set(go_on))
    press(qtbot, window, Qt.Key.Key_L)
    window.action("cancel").trigger()
    assert window.status.task.text() == "Learning from this picture was stopped; L learns again."
    go_on.set()
    wait_for_rest(qtbot, window)
    window.action("cancel").trigger()
    assert "Learning" in window.status.task.text()
    assert document_of(window).adapted is None
    end(qtbot, window)


def test_an_answer_that_is_being_adapted_is_not_judged(
    qtbot: QtBot, tmp_path: Path, bars_pictures: Path
) -> None:
    window = new_window(qtbot, tmp_path)
    window.open_paths([bars_pictures])
    wait_for_answer(qtbot, window)
    document, go_on = document_of(window), threading.Event()
    correct(document)
    window.workspace.jobs.aside("in the way", lambda: assert_set(go_on))
    press(qtbot, window, Qt.Key.Key_L)
    press(qtbot, window, Qt.Key.Key_2)
    review = window.workspace.review
    assert review is not None
    assert review.record.state is State.IN_PROGRESS
    assert "still being adapted" in window.status.task.text()
    go_on.set()
    wait_for_rest(qtbot, window)
    assert document.adapted is not None
    press(qtbot, window, Qt.Key.Key_2)
    assert review.record.state is State.REVIEWED
    end(qtbot, window)
