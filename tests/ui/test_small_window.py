"""What a small window shows: nothing is cut without a sign, and the picture stays in sight."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, QRect, Qt
from PySide6.QtGui import QHelpEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from tests.ui.conftest import wait_for_answer
from vesselapp.core.errors import VesselError
from vesselapp.ui.elided import ElidedLabel
from vesselapp.ui.window import MainWindow

SMALL = (683, 384)
"""A screen of 1366x768 at twice the scale, px."""
LONG = "No vessel here: point at one, or drag along where it is."


@pytest.fixture
def opened(qtbot: QtBot, window: MainWindow, pictures: Path) -> MainWindow:
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)
    qtbot.waitUntil(lambda: window._models_listed, timeout=20000)
    return window


def small(window: MainWindow) -> None:
    window.resize(*SMALL)
    QApplication.processEvents()


def tooltip_of(label: ElidedLabel, shown: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Give what the tooltip says over a label; empty where there is none."""
    monkeypatch.setattr("vesselapp.ui.elided.QToolTip.showText", lambda _at, text, _over: shown.append(text))
    middle = label.rect().center()
    QApplication.sendEvent(label, QHelpEvent(QEvent.Type.ToolTip, middle, label.mapToGlobal(middle)))
    return shown[-1] if shown else ""


def test_words_that_can_be_selected_are_painted_once(qtbot: QtBot) -> None:
    painted: list[int] = []

    class Counted(ElidedLabel):
        def paintEvent(self, event: QPaintEvent) -> None:
            painted.append(1)
            super().paintEvent(event)

    label = Counted()
    qtbot.addWidget(label)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setText("Too little is corrected to learn from. " * 3)
    label.resize(300, 200)
    label.show()
    qtbot.waitExposed(label)
    qtbot.wait(300)
    assert 1 <= len(painted) < 10


def over(window: MainWindow, widget: QWidget) -> QRect:
    """Give where a widget is in the window, px."""
    return QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())


def controls_are_whole(window: MainWindow) -> bool:
    QApplication.processEvents()
    controls = window.controls
    return controls.widget().width() <= controls.viewport().width()


@pytest.mark.parametrize(
    "model", ["", "a-rather-long-folder/of-somebody/and-a-rather-long-name-of-a-model.onnx"]
)
def test_the_controls_are_not_cut_off_whatever_model_is_chosen(
    qtbot: QtBot, opened: MainWindow, tmp_path: Path, model: str
) -> None:
    """Found or not, the path of its file needs no room."""
    names = opened.controls.model._names
    if model:
        opened.workspace.use_model(str(tmp_path / model))
        qtbot.waitUntil(lambda: names.currentIndex() < 0, timeout=20000)
        assert names.placeholderText() == f"not found: {Path(model).name}"
        assert str(tmp_path / model) in names.toolTip().replace("\u200b", "")
    else:
        assert names.currentIndex() >= 0
    assert controls_are_whole(opened)


def test_the_controls_are_whole_in_a_squeezed_window_and_after_it(qtbot: QtBot, opened: MainWindow) -> None:
    for size in ((500, 350), (1000, 700)):
        opened.resize(*size)
        qtbot.waitUntil(lambda: controls_are_whole(opened))


def test_only_the_tool_in_hand_is_lit(opened: MainWindow) -> None:
    for key in ("RESTORE", "TRACE", "RESTORE", "PAINT"):
        opened.action(key).trigger()
        lit = [name for name in ("PAINT", "ERASE", "RESTORE", "TRACE") if opened.action(name).isChecked()]
        assert lit == [key]


def test_enter_in_the_filter_gives_the_keyboard_to_the_canvas(qtbot: QtBot, opened: MainWindow) -> None:
    opened.action("find_picture").trigger()
    field = opened.pictures.text_field
    qtbot.waitUntil(field.hasFocus)
    qtbot.keyClicks(field, "b")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert opened.canvas.hasFocus()
    assert field.text() == "b"
    assert "b.png" in [entry.name for entry in opened.workspace.pictures.shown]


@pytest.mark.parametrize("modifier", [Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier])
def test_what_tab_leads_to_is_in_sight(
    qtbot: QtBot, opened: MainWindow, modifier: Qt.KeyboardModifier
) -> None:
    small(opened)
    opened.activateWindow()
    opened.pictures.note.setFocus()
    seen: list[QWidget] = []
    while (control := opened.focusWidget()) not in seen:
        assert control is not opened.controls
        assert not control.visibleRegion().isEmpty(), f"{control.accessibleName()} is out of sight"
        seen.append(control)
        if control is opened.canvas and not modifier:  # there, Tab folds the panels
            opened.focusNextPrevChild(True)
        else:
            qtbot.keyClick(control, Qt.Key.Key_Tab, modifier)
        QApplication.processEvents()
    assert opened.controls.history in seen
    assert opened.controls.model._names in seen


def test_a_passing_message_has_the_room_of_what_matters_less(opened: MainWindow) -> None:
    small(opened)
    status, bar = opened.status, opened.statusBar()
    status.saved.setText("saved 12:34:56")
    status.show_doubt(1234)
    status.show_place((100, 100))
    assert status.doubt.isVisible()
    status.tell(LONG)
    QApplication.processEvents()
    assert not status.task.is_cut
    assert status.task.width() >= status.task.fontMetrics().horizontalAdvance(LONG)
    ends = 0
    for label in (status.place, status.task, status.saved, status.zoom):
        left = label.mapTo(bar, QPoint(0, 0)).x()
        assert left >= ends
        ends = left + label.width()
    assert ends <= bar.width()
    status._end_passing()
    QApplication.processEvents()
    assert status.doubt.isVisible()
    assert not status.place.is_cut


def test_a_wide_window_hides_nothing_for_a_passing_message(opened: MainWindow) -> None:
    status = opened.status
    status.show_doubt(12)
    status.tell("Trace: the vessel's own width +1 px")
    assert status.doubt.isVisible()
    assert not status.task.is_cut


def test_a_message_that_is_cut_says_so_and_all_of_it_in_a_tooltip(
    opened: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(opened)
    task, shown = opened.status.task, list[str]()
    opened.status.tell("Saved.")
    QApplication.processEvents()
    assert not tooltip_of(task, shown, monkeypatch)
    opened.status.tell(LONG * 4)
    QApplication.processEvents()
    assert task.lines_in_sight()[0].endswith("…")
    assert LONG * 4 in tooltip_of(task, shown, monkeypatch)


def test_a_message_under_the_pointer_stays(opened: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    status = opened.status
    status.tell(LONG)
    monkeypatch.setattr(status.task, "underMouse", lambda: True)
    status._end_passing()
    assert status.task.text() == LONG
    monkeypatch.setattr(status.task, "underMouse", lambda: False)
    status._end_passing()
    assert status.task.text() == ""


def test_a_notice_leaves_most_of_a_small_canvas_free(opened: MainWindow) -> None:
    small(opened)
    notice = opened.notice
    for words in ("This picture keeps its answer; F5 asks the chosen model.", LONG, f"{LONG} {LONG}"):
        notice.show_text(words)
        QApplication.processEvents()
        canvas, covered = over(opened, opened.canvas), over(opened, notice)
        assert covered.intersected(canvas).height() <= canvas.height() / 4
        assert opened.rect().contains(covered)
        assert not notice.label.is_cut
        assert notice.label.text() == words


def test_a_very_long_error_is_cut_with_all_of_it_in_a_tooltip_and_stays(
    opened: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(opened)
    notice, error = opened.notice, VesselError("The disk <sda> is full. " * 30, "Make room.")
    notice.show_error(error)
    QApplication.processEvents()
    assert notice.height() <= opened.canvas.height() / 4
    lines = notice.label.lines_in_sight()
    assert len(lines) >= 2
    assert lines[-1].endswith("…")
    told = tooltip_of(notice.label, [], monkeypatch)
    assert "&lt;sda&gt;" in told
    assert "Make room." in told
    opened.status._end_passing()
    assert notice.isVisible()


def test_a_long_name_without_spaces_is_broken_and_not_cut_at_the_edge(opened: MainWindow) -> None:
    name = "Aufnahme" * 28 + ".png"
    opened.notice.show_text(f"{name} is gone. Look for it.")
    QApplication.processEvents()
    label = opened.notice.label
    assert not label.is_cut
    lines = label.lines_in_sight()
    assert "".join(lines).replace(" ", "") == f"{name}isgone.Lookforit."
    assert max(label.fontMetrics().horizontalAdvance(line) for line in lines) <= label.width()
    assert is_free_at_its_edge(label)


def is_free_at_its_edge(label: ElidedLabel) -> bool:
    """Tell whether the last column of px holds nothing, as where Qt would cut a name there."""
    image = label.grab().toImage()
    edge = {image.pixel(image.width() - 1, y) for y in range(image.height())}
    return len(edge) == 1


def test_a_notice_follows_the_window(opened: MainWindow) -> None:
    small(opened)
    opened.notice.show_text(LONG)
    opened.resize(1000, 700)
    QApplication.processEvents()
    assert over(opened, opened.canvas).contains(over(opened, opened.notice))
    assert not opened.notice.label.is_cut
