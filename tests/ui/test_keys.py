"""The list of keys: by menu, and no larger than the screen; keys that are held."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import PIL.Image
import pytest
from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QLabel, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from tests.tiny_models import fundus_picture
from tests.ui.conftest import document_of, wait_for_answer
from vesselapp.study.record import State
from vesselapp.ui.about import key_table
from vesselapp.ui.actions import ACTIONS, make_actions
from vesselapp.ui.keyboard import HeldKeys
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


def hold(qtbot: QtBot, window: MainWindow, key: Qt.Key, text: str, repeats: int = 8) -> None:
    """Hold a key until it has repeated so often, slowly enough for the next picture to be there."""
    window.activateWindow()
    window.canvas.setFocus()
    none = Qt.KeyboardModifier.NoModifier
    QTest.simulateEvent(window.canvas, True, key, none, text, False, -1)
    for _ in range(repeats):
        qtbot.wait(100)
        QTest.simulateEvent(window.canvas, True, key, none, text, True, -1)
    QTest.simulateEvent(window.canvas, False, key, none, text, False, -1)


def test_holding_q_judges_one_picture(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(5):
        pixels = fundus_picture(300, 320, 200 + 5 * number, seed=number)
        PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    window.open_paths([folder])
    wait_for_answer(qtbot, window)
    hold(qtbot, window, Qt.Key.Key_Q, "q")
    words = [entry.words for entry in window.workspace.pictures.entries]
    assert words == ["reviewed", "new", "new", "new", "new"]
    assert window.workspace.name == "1.png"


def test_holding_a_key_of_the_threshold_goes_on(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    window.open_paths([pictures / "a.png"])
    wait_for_answer(qtbot, window)
    document = document_of(window)
    before = document.level
    hold(qtbot, window, Qt.Key.Key_Period, ".", repeats=4)
    assert document.level == before + 5


def test_only_what_moves_by_steps_is_repeated(window: MainWindow) -> None:
    repeated = {key for key, action in window.actions_by_key.items() if action.autoRepeat()}
    steps = {"undo", "redo", "next", "previous", "smaller", "larger", "zoom_in", "zoom_out"}
    assert repeated == steps | {"lower", "raise", "lower_coarse", "raise_coarse"}


def test_a_key_held_is_told_from_one_pressed_again_where_the_system_does_not_say_so(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QGuiApplication, "platformName", lambda: "xcb")
    held, none = HeldKeys(), Qt.KeyboardModifier.NoModifier
    qtbot.wait(1)

    def heard(kind: QEvent.Type, at: int, key: Qt.Key = Qt.Key.Key_Q) -> bool:
        event = QKeyEvent(kind, key, none, "q")
        event.setTimestamp(at)
        held.heed(event)
        return held.repeats

    press, release = QEvent.Type.ShortcutOverride, QEvent.Type.KeyRelease
    assert not heard(press, 1000)
    assert not heard(release, 1600)
    assert heard(press, 1600)
    heard(release, 1640)
    assert heard(press, 1640)
    heard(release, 1680)
    assert not heard(press, 1690)  # by the person
    assert not heard(release, 1700)
    assert not heard(press, 1700, Qt.Key.Key_D)
    done: list[str] = []
    window._held = held
    actions = make_actions(
        QWidget(window), {spec.key: partial(done.append, spec.key) for spec in ACTIONS}, held
    )
    heard(release, 1800)
    heard(press, 1800)
    for key in ("reviewed_next", "undo", "next"):
        actions[key].trigger()
    assert done == ["undo", "next"]
    qtbot.waitUntil(lambda: not held.repeats)  # what is clicked later counts
    actions["reviewed_next"].trigger()
    assert done[-1] == "reviewed_next"


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_H, Qt.Key.Key_Q])
def test_a_click_counts_after_a_key_was_held(
    qtbot: QtBot, pictures: Path, window: MainWindow, key: Qt.Key
) -> None:
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)
    hold(qtbot, window, key, "", repeats=3)
    qtbot.wait(50)
    wait_for_answer(qtbot, window)  # of the next picture, where the key went on
    assert window.workspace.review is not None
    assert window.workspace.review.record.state is not State.FLAGGED
    window.action("flagged").trigger()
    assert window.workspace.review.record.state is State.FLAGGED
