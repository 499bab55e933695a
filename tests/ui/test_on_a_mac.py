"""What Qt tells on macOS, as its cocoa plugin does: a trackpad's fingers, its wheel, menus that take keys."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QInputDevice, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from vesselapp.state.brush import Brush
from vesselapp.ui.canvas import Canvas
from vesselapp.ui.tools.brush import BrushTool

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
