"""Clean-ups are found while the window goes on: what is shown or made is only of the picture as it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.ui.conftest import document_of, wait_for_answer
from tests.ui.test_end_to_end import LEFT, drag
from tests.ui.test_export import next_is_slow, opened, to_the_next
from tests.ui.test_studies import press
from vesselapp.core.geometry import Pixels
from vesselapp.state import cleaning
from vesselapp.state.cleanup import CLEANUPS, Cleanup, Frozen, found_by
from vesselapp.study.record import State
from vesselapp.ui.window import MainWindow

__all__ = ["next_is_slow", "opened"]
WIDEN = next(cleanup for cleanup in CLEANUPS if cleanup.key == "widen")
UNDER_WAY = "The clean-up of this picture is still under way."


class Slow:
    """Finding that takes until it is let go."""

    def __init__(self) -> None:
        self.go_on, self.asked = threading.Event(), threading.Event()
        self.times = 0

    def find(self, *what: Any) -> Any:
        self.times += 1
        self.asked.set()
        assert self.go_on.wait(30)
        return found_by(*what)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    slow = Slow()
    monkeypatch.setattr(cleaning, "found_by", slow.find)
    yield slow
    slow.go_on.set()


def union(parts: list[Pixels], window: MainWindow) -> np.ndarray:
    plane = np.zeros(document_of(window).corrections.shape, bool)
    for box, chosen in parts:
        plane[box.slices] |= chosen
    return plane


def expected(window: MainWindow, cleanup: Cleanup = WIDEN) -> np.ndarray:
    panel, document = window.controls.cleanup, document_of(window)
    found = found_by(cleanup, Frozen.of(document), panel.size_field.value(), window.canvas.box_in_sight())
    return union(found.parts, window)


def wait_for_preview(qtbot: QtBot, window: MainWindow) -> None:
    panel = window.controls.cleanup
    qtbot.waitUntil(lambda: panel.amount.text() not in ("", "Looking…"), timeout=20000)


def stroke(qtbot: QtBot, window: MainWindow, y: int = 150) -> None:
    drag(qtbot, window, [(100, y), (160, y)], LEFT)


def test_the_window_goes_on_while_a_preview_is_looked_for_and_shows_none_of_before(
    qtbot: QtBot, opened: MainWindow, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, shown = opened.controls.cleanup, []
    show = opened.canvas.set_preview
    monkeypatch.setattr(opened.canvas, "set_preview", lambda parts: (shown.append(parts), show(parts)))
    panel.choose("widen")
    qtbot.waitUntil(slow.asked.is_set, timeout=20000)
    stroke(qtbot, opened)
    assert document_of(opened).mask()[150, 110:150].all()
    assert panel.amount.text() == "Looking…"
    slow.go_on.set()
    wait_for_preview(qtbot, opened)
    assert [parts for parts in shown if parts] == [opened.canvas.preview]
    assert np.array_equal(union(opened.canvas.preview, opened), expected(opened))


def other_threshold(qtbot: QtBot, window: MainWindow) -> None:
    document_of(window).set_level(document_of(window).level + 20)


def other_kind(qtbot: QtBot, window: MainWindow) -> None:
    window.controls.cleanup.kind.setCurrentText("Thin by 1 px")


def other_answer(qtbot: QtBot, window: MainWindow) -> None:
    document = document_of(window)
    assert document.probability is not None
    document.set_probability(np.roll(document.probability, 9, axis=1))


@pytest.mark.parametrize("change", [stroke, other_threshold, other_kind, other_answer])
def test_what_is_shown_goes_as_soon_as_it_is_of_another_state(
    qtbot: QtBot, opened: MainWindow, slow: Slow, change: Callable[[QtBot, MainWindow], None]
) -> None:
    slow.go_on.set()
    panel = opened.controls.cleanup
    panel.choose("widen")
    wait_for_preview(qtbot, opened)
    assert opened.canvas.preview
    slow.go_on.clear()
    change(qtbot, opened)
    assert not opened.canvas.preview
    assert panel.amount.text() == "Looking…"
    slow.go_on.set()
    wait_for_preview(qtbot, opened)
    assert np.array_equal(union(opened.canvas.preview, opened), expected(opened, panel.cleanup))


def test_after_a_pan_what_is_in_sight_is_counted_anew(qtbot: QtBot, opened: MainWindow, slow: Slow) -> None:
    slow.go_on.set()
    panel = opened.controls.cleanup
    panel.choose("widen")
    wait_for_preview(qtbot, opened)
    slow.go_on.clear()
    opened.canvas.zoom_by(4)
    assert panel.amount.text() == "Looking…"
    slow.go_on.set()
    wait_for_preview(qtbot, opened)
    assert panel.amount.text().endswith(" in sight")
    assert np.array_equal(union(opened.canvas.preview, opened), expected(opened))


def test_apply_makes_what_is_found_as_one_edit(qtbot: QtBot, opened: MainWindow, slow: Slow) -> None:
    panel, document = opened.controls.cleanup, document_of(opened)
    whole = document.mask() | expected(opened)
    panel.kind.setCurrentText("Widen by 1 px")
    panel.apply_button.click()
    assert panel.apply_button.text() == "Looking…"
    panel.apply_button.click()
    assert document.history.names[0] == []
    slow.go_on.set()
    qtbot.waitUntil(lambda: document.history.names[0] == ["Widen by 1 px"], timeout=20000)
    assert np.array_equal(document.mask(), whole)
    assert panel.apply_button.text() == "Apply to the whole picture"
    assert opened.status.task.text().startswith("Widened by 1 px")
    assert slow.times == 1


def test_apply_makes_what_the_preview_shows_without_looking_again(
    qtbot: QtBot, opened: MainWindow, slow: Slow
) -> None:
    slow.go_on.set()
    panel, document = opened.controls.cleanup, document_of(opened)
    panel.choose("widen")
    wait_for_preview(qtbot, opened)
    whole = document.mask() | union(opened.canvas.preview, opened)
    slow.go_on.clear()
    panel.apply_button.click()
    assert document.history.names[0] == ["Widen by 1 px"]
    assert np.array_equal(document.mask(), whole)
    assert not opened.canvas.preview


def test_nothing_is_made_of_a_picture_that_was_changed_meanwhile(
    qtbot: QtBot, opened: MainWindow, slow: Slow
) -> None:
    panel, document = opened.controls.cleanup, document_of(opened)
    panel.kind.setCurrentText("Widen by 1 px")
    panel.apply_button.click()
    qtbot.waitUntil(slow.asked.is_set, timeout=20000)
    stroke(qtbot, opened)
    seen = document.mask()
    slow.go_on.set()
    qtbot.waitUntil(lambda: "nothing was changed" in opened.notice.label.text(), timeout=20000)
    assert "a.png was changed before it was done" in opened.notice.label.text()
    assert document.history.names[0] == ["Brush"]
    assert np.array_equal(document.mask(), seen)


def test_nothing_is_made_of_a_picture_that_was_left_meanwhile(
    qtbot: QtBot, opened: MainWindow, slow: Slow
) -> None:
    panel, left = opened.controls.cleanup, document_of(opened)
    panel.kind.setCurrentText("Widen by 1 px")
    panel.apply_button.click()
    to_the_next(qtbot, opened)
    assert panel.apply_button.text() == "Apply to the whole picture"
    assert "a.png was left before it was done" in opened.notice.label.text()
    slow.go_on.set()
    panel.apply_button.click()
    qtbot.waitUntil(lambda: document_of(opened).history.names[0] == ["Widen by 1 px"], timeout=20000)
    assert left.history.names[0] == []


def test_a_picture_is_neither_judged_nor_exported_before_its_clean_up_is_made(
    qtbot: QtBot, opened: MainWindow, slow: Slow, tmp_path: Path
) -> None:
    panel, review = opened.controls.cleanup, opened.workspace.review
    assert review is not None
    panel.kind.setCurrentText("Widen by 1 px")
    panel.apply_button.click()
    press(qtbot, opened, Qt.Key.Key_Q)
    assert opened.status.task.text() == UNDER_WAY
    assert opened.workspace.review is review
    opened.commands.exports.export(tmp_path / "out", ("mask",))
    assert UNDER_WAY in opened.notice.label.text()
    slow.go_on.set()
    qtbot.waitUntil(lambda: document_of(opened).history.names[0] == ["Widen by 1 px"], timeout=20000)
    press(qtbot, opened, Qt.Key.Key_2)
    assert review.record.state is State.REVIEWED


def test_closing_waits_for_a_clean_up_that_was_applied(qtbot: QtBot, opened: MainWindow, slow: Slow) -> None:
    panel, document = opened.controls.cleanup, document_of(opened)
    panel.kind.setCurrentText("Widen by 1 px")
    panel.apply_button.click()
    assert not opened.close()
    assert "as soon as this is done: the clean-up of this picture." in opened.notice.label.text()
    slow.go_on.set()
    qtbot.waitUntil(lambda: not opened.isVisible(), timeout=20000)
    assert document.history.names[0] == ["Widen by 1 px"]
    assert opened.workspace.keeper.at_work() == set()


def test_a_window_stays_where_its_clean_up_changed_nothing(
    qtbot: QtBot, opened: MainWindow, slow: Slow
) -> None:
    panel = opened.controls.cleanup
    panel.kind.setCurrentText("Widen by 1 px")
    panel.apply_button.click()
    assert not opened.close()
    stroke(qtbot, opened)
    slow.go_on.set()
    qtbot.waitUntil(lambda: "nothing was changed" in opened.notice.label.text(), timeout=20000)
    qtbot.wait(50)
    assert opened.isVisible()


def test_a_window_stays_where_the_picture_of_its_clean_up_was_left(
    qtbot: QtBot, opened: MainWindow, slow: Slow
) -> None:
    panel = opened.controls.cleanup
    panel.kind.setCurrentText("Widen by 1 px")
    panel.apply_button.click()
    assert not opened.close()
    to_the_next(qtbot, opened)
    qtbot.wait(50)
    assert opened.isVisible()
    assert "a.png was left before it was done" in opened.notice.label.text()
    assert "The window stays open" in opened.notice.label.text()


@pytest.mark.parametrize("shown", [False, True])
def test_between_two_pictures_a_clean_up_is_refused_and_holds_up_nothing(
    qtbot: QtBot, opened: MainWindow, slow: Slow, next_is_slow: threading.Event, shown: bool
) -> None:
    panel = opened.controls.cleanup
    panel.kind.setCurrentText("Widen by 1 px")
    if shown:
        slow.go_on.set()
        panel.choose("widen")
        wait_for_preview(qtbot, opened)
        slow.go_on.clear()
    press(qtbot, opened, Qt.Key.Key_D)
    panel.apply_button.click()
    assert opened.status.task.text() == "The next picture is being opened."
    assert not opened.workspace.desk.cleaning.applying
    next_is_slow.set()
    qtbot.waitUntil(lambda: opened.workspace.review is not None, timeout=20000)
    wait_for_answer(qtbot, opened)
    press(qtbot, opened, Qt.Key.Key_2)
    assert opened.workspace.review is not None
    assert opened.workspace.review.record.state is State.REVIEWED


def test_a_picture_that_can_only_be_looked_at_is_not_looked_through(opened: MainWindow, slow: Slow) -> None:
    document_of(opened).lock("Somebody else has this picture open.")
    opened.controls.cleanup.apply_button.click()
    assert opened.status.task.text() == "Somebody else has this picture open."
    assert slow.times == 0
