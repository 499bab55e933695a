"""The list of keys: by menu, and no larger than the screen."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QDialog, QLabel, QScrollArea
from pytestqt.qtbot import QtBot

from vesselapp.ui.about import key_table
from vesselapp.ui.actions import ACTIONS
from vesselapp.ui.window import MainWindow


def test_the_keys_stand_under_the_names_of_their_menus(qtbot: QtBot) -> None:
    table = key_table(QSize(1200, 700))
    qtbot.addWidget(table)
    words = [label.text() for label in table.findChildren(QLabel)]
    menus = list(dict.fromkeys(spec.menu for spec in ACTIONS if spec.shortcuts))
    headings = [word for word in words if word.startswith("<b>")]
    assert headings == [*(f"<b>{menu}</b>" for menu in menus), "<b>On the picture</b>"]
    under_view = words[words.index("<b>View</b>") : words.index("<b>Help</b>")]
    assert "Ctrl+F" in under_view
    assert "Brush" not in under_view
    assert sum(word == "Learn from this picture" for word in words) == 1


def test_all_keys_are_seen_at_once_on_a_small_screen(qtbot: QtBot, window: MainWindow) -> None:
    room = QSize(1366, 768) * 0.9
    table = key_table(room)
    qtbot.addWidget(table)
    assert table.sizeHint().width() <= room.width()
    assert table.sizeHint().height() <= room.height()


@pytest.mark.parametrize("width", [683, 900])
def test_on_a_smaller_one_they_are_scrolled_up_and_down_alone(
    qtbot: QtBot, window: MainWindow, width: int
) -> None:
    table = key_table(QSize(width, 384) * 0.9)  # 683: 1366x768 at twice the scale
    qtbot.addWidget(table)
    assert table.sizeHint().width() <= width * 0.9


def test_f1_shows_them_inside_the_screen(window: MainWindow) -> None:
    window.action("help").trigger()
    dialog = next(one for one in window.findChildren(QDialog) if one.windowTitle() == "Keys")
    room = window.screen().availableSize()
    assert dialog.width() <= room.width()
    assert dialog.height() <= room.height()
    area = dialog.findChild(QScrollArea)
    assert isinstance(area, QScrollArea)
    assert area.widget().width() <= area.viewport().width()
    dialog.close()
