"""What Qt tells on macOS, as its cocoa plugin does: a trackpad's fingers, its wheel, menus that take keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QAction, QGuiApplication, QInputDevice, QKeyEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from tests.ui.conftest import wait_for_answer, wait_for_rest
from vesselapp.state.brush import Brush
from vesselapp.ui.canvas import Canvas
from vesselapp.ui.tools.brush import BrushTool
from vesselapp.ui.window import MainWindow

PAD = QInputDevice.DeviceType.TouchPad


def test_a_finger_that_moves_the_pointer_on_a_trackpad_paints_nothing(canvas: Canvas) -> None:
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    pad = QTest.createTouchDevice(PAD)
    at, view = canvas.place_of(60, 40), canvas.view
    QTest.touchEvent(canvas, pad).press(0, at, canvas).commit()
    for x in range(10, 100, 10):
        QTest.touchEvent(canvas, pad).move(0, at + QPoint(x, 0), canvas).commit()
    QTest.touchEvent(canvas, pad).release(0, at + QPoint(90, 0), canvas).commit()
    QTest.touchEvent(canvas, pad).press(0, at, canvas).press(1, at + QPoint(50, 0), canvas).commit()
    for y in range(10, 60, 10):
        moved = at + QPoint(0, y)
        touches = QTest.touchEvent(canvas, pad).move(0, moved, canvas)
        touches.move(1, moved + QPoint(50, 0), canvas).commit()
    QTest.touchEvent(canvas, pad).release(0, at, canvas).release(1, at, canvas).commit()
    assert canvas.document is not None
    assert not canvas.document.corrections.any()
    assert canvas.view == view  # the wheel tells of two fingers


def wheel(canvas: Canvas, phase: Qt.ScrollPhase) -> None:
    """Scroll by a device of both wheel and trackpad, as it is one since the trackpad was used first."""
    pad, at = QTest.createTouchDevice(PAD), QPointF(canvas.rect().center())
    event = QWheelEvent(
        at, canvas.mapToGlobal(at), QPoint(0, 20), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, phase, False, Qt.MouseEventSource.MouseEventNotSynthesized, pad,
    )  # fmt: skip
    QApplication.sendEvent(canvas, event)


def test_a_mouses_wheel_zooms_also_after_a_trackpad_was_used(canvas: Canvas) -> None:
    before = canvas.view.zoom
    wheel(canvas, Qt.ScrollPhase.NoScrollPhase)
    assert canvas.view.zoom == pytest.approx(1.25 * before)


@pytest.mark.parametrize("phase", [Qt.ScrollPhase.ScrollUpdate, Qt.ScrollPhase.ScrollMomentum])
def test_two_fingers_on_a_trackpad_pan(canvas: Canvas, phase: Qt.ScrollPhase) -> None:
    canvas.show_view(canvas.view.zoomed(4.0, 100, 100))
    before = canvas.view
    wheel(canvas, phase)
    assert canvas.view.zoom == before.zoom
    assert canvas.view.y - before.y == 20 * canvas.devicePixelRatioF()


@pytest.fixture
def cocoa(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QGuiApplication, "platformName", lambda: "cocoa")


def menu_key(qtbot: QtBot, window: MainWindow, key: Qt.Key, name: str, *, command: bool = False) -> None:
    """Press a menu's key, or let the system repeat it, which the plugin tells in the same words."""
    modifiers = Qt.KeyboardModifier.ControlModifier if command else Qt.KeyboardModifier.NoModifier
    override = QKeyEvent(QEvent.Type.ShortcutOverride, key, modifiers)
    override.ignore()
    QApplication.sendEvent(window.canvas, override)
    assert not override.isAccepted()
    window.action(name).trigger()
    qtbot.wait(30)
    wait_for_rest(qtbot, window)
    wait_for_answer(qtbot, window)


def reviewed(window: MainWindow) -> int:
    return [entry.words for entry in window.workspace.pictures.entries].count("reviewed")


@pytest.mark.usefixtures("cocoa")
def test_a_menus_key_that_is_held_reviews_one_picture(
    qtbot: QtBot, window: MainWindow, pictures: Path
) -> None:
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)
    for _ in range(4):
        menu_key(qtbot, window, Qt.Key.Key_Q, "reviewed_next")
    QTest.keyClick(window.canvas, Qt.Key.Key_Shift)  # while Q is held
    menu_key(qtbot, window, Qt.Key.Key_Q, "reviewed_next")
    assert reviewed(window) == 1
    QTest.keyRelease(window.canvas, Qt.Key.Key_Q)
    menu_key(qtbot, window, Qt.Key.Key_Q, "reviewed_next")
    assert reviewed(window) == 2


@pytest.mark.usefixtures("cocoa")
@pytest.mark.parametrize("by", ["click", "key", "window", "press"])
def test_a_release_that_is_never_told_leaves_no_key_dead(
    qtbot: QtBot, window: MainWindow, pictures: Path, by: str
) -> None:
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)
    menu_key(qtbot, window, Qt.Key.Key_Q, "reviewed_next")
    if by == "click":
        window.action("reviewed_next").trigger()
    else:
        if by == "key":
            menu_key(qtbot, window, Qt.Key.Key_D, "next")
        elif by == "window":
            QApplication.sendEvent(window, QEvent(QEvent.Type.WindowDeactivate))
        else:
            menu_key(qtbot, window, Qt.Key.Key_Q, "reviewed_next")
            assert reviewed(window) == 1
            QTest.keyRelease(window.canvas, Qt.Key.Key_Q)  # of this press
        menu_key(qtbot, window, Qt.Key.Key_Q, "reviewed_next")
    assert reviewed(window) == 2


@pytest.mark.usefixtures("cocoa")
def test_keys_with_command_count_without_a_release_which_macos_does_not_tell(
    qtbot: QtBot, window: MainWindow, pictures: Path
) -> None:
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)
    views = [window.canvas.view]
    for _ in range(2):
        menu_key(qtbot, window, Qt.Key.Key_M, "mirror", command=True)
        views.append(window.canvas.view)
    assert views[0] == views[2] != views[1]


def test_only_what_belongs_there_moves_to_the_apps_own_menu(window: MainWindow) -> None:
    role = QAction.MenuRole
    roles = {key: action.menuRole() for key, action in window.actions_by_key.items()}
    moved = {key: kind for key, kind in roles.items() if kind is not role.NoRole}
    own = {"quit": role.QuitRole, "preferences": role.PreferencesRole, "about": role.AboutRole}
    assert moved == own
    window.workspace.settings.recent_studies = ["/studies/Settings", "/studies/About cells"]
    menu = QMenu(window)
    window.studies.fill_recent(menu)
    assert [action.menuRole() for action in menu.actions()] == [role.NoRole, role.NoRole]
