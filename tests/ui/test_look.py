"""What the looks (dark, light) do to toolbar, signs and buttons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPalette, QPixmap
from PySide6.QtWidgets import QApplication, QRadioButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from tests.ui.conftest import wait_for_answer
from vesselapp.ui.marks import mark_icon
from vesselapp.ui.panels.pictures import STATE_ACTIONS
from vesselapp.ui.scene import Split
from vesselapp.ui.theme import apply_theme
from vesselapp.ui.window import MainWindow


def pixels(shown: QWidget | QPixmap) -> np.ndarray:
    """Give what a widget looks like, or a pixmap: (h, w, 4) uint8."""
    pixmap = shown.grab() if isinstance(shown, QWidget) else shown
    image = pixmap.toImage().convertToFormat(QImage.Format.Format_RGBA8888)
    raw = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return raw[:, : 4 * image.width()].reshape(image.height(), image.width(), 4).copy()


def contrast(shown: np.ndarray) -> float:
    """Give the contrast between the lightest and the darkest pixel, as WCAG 2 defines it (1-21)."""
    share = shown[..., :3].astype(float) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    light = linear @ (0.2126, 0.7152, 0.0722)
    return float((light.max() + 0.05) / (light.min() + 0.05))


def take_look(window: MainWindow, qapp: QApplication, light: bool) -> None:
    window.commands.set_light(light)
    qapp.processEvents()


@pytest.fixture(autouse=True)
def _dark_again(qapp: QApplication) -> Iterator[None]:
    yield
    apply_theme(qapp, "dark")


@pytest.mark.parametrize("light", [False, True])
def test_what_finds_no_room_in_the_toolbar_is_behind_a_button_that_is_seen(
    qtbot: QtBot, qapp: QApplication, window: MainWindow, light: bool
) -> None:
    take_look(window, qapp, light)
    more = window.findChild(QToolButton, "qt_toolbar_ext_button")
    assert isinstance(more, QToolButton)
    window.resize(1600, 600)
    qtbot.waitUntil(lambda: not more.isVisible())
    window.resize(700, 600)
    qtbot.waitUntil(more.isVisible)
    assert more.accessibleName()
    assert contrast(pixels(more)) > 4.5


@pytest.mark.parametrize("light", [False, True])
def test_hints_can_be_read(qapp: QApplication, window: MainWindow, light: bool) -> None:
    take_look(window, qapp, light)
    hint = window.controls.brush.hint
    ground, colour = (
        hint.palette().color(role) for role in (QPalette.ColorRole.Window, hint.foregroundRole())
    )
    assert contrast(np.array([[ground.getRgb(), colour.getRgb()]])) > 4.5
    assert hint.isEnabled()


def test_the_signs_under_the_list_follow_the_look(
    qtbot: QtBot, qapp: QApplication, window: MainWindow
) -> None:
    for light in (True, False, True):
        take_look(window, qapp, light)
        for key, mark in STATE_ACTIONS.items():
            shown = pixels(window.action(key).icon().pixmap(20))
            wanted = pixels(mark_icon(mark, qapp.palette()).pixmap(20))
            assert np.array_equal(shown, wanted)


def test_the_button_is_lit_while_the_view_is_parted(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    window.open_paths([pictures / "a.png"])
    wait_for_answer(qtbot, window)
    button, seen = window.action("split"), []
    for _ in range(3):
        qtbot.keyClick(window.canvas, Qt.Key.Key_W)
        seen.append((window.canvas.split, button.isChecked()))
    assert seen == [(Split.SIDE, True), (Split.WIPE, True), (Split.NONE, False)]


def test_what_the_status_line_says_is_told_apart_by_gaps(qapp: QApplication, window: MainWindow) -> None:
    status, bar = window.status, window.statusBar()
    status.show_doubt(199)
    status.saved.setText("saved 21:26")
    qapp.processEvents()
    ends = status.doubt.mapTo(bar, status.doubt.contentsRect().topRight()).x()
    for label in (status.saved, status.zoom):
        inside = label.contentsRect()
        assert label.mapTo(bar, inside.topLeft()).x() - ends > bar.fontMetrics().horizontalAdvance("  ")
        ends = label.mapTo(bar, inside.topRight()).x()


@pytest.mark.parametrize("look", ["dark", "light"])
@pytest.mark.parametrize("checked", [False, True])
def test_a_radio_button_is_seen_whether_chosen_or_not(
    qtbot: QtBot, qapp: QApplication, look: str, checked: bool
) -> None:
    apply_theme(qapp, look)
    button = QRadioButton()
    qtbot.addWidget(button)
    button.setAutoExclusive(False)
    button.setChecked(checked)
    assert contrast(pixels(button)) > 3
