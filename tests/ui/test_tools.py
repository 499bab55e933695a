"""Tools, views and keys of the real canvas, by pointer and key events."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QColor,
    QCursor,
    QEnterEvent,
    QHelpEvent,
    QPointingDevice,
    QTabletEvent,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QScrollArea, QToolTip, QWidget
from pytestqt.qtbot import QtBot

from tests.ui.conftest import document_of, wait_for_answer
from tests.ui.test_end_to_end import drag, shot
from vesselapp.core.evidence import Correction
from vesselapp.core.geometry import Box
from vesselapp.state.cleanup import CLEANUPS
from vesselapp.state.document import Document
from vesselapp.ui.actions import ACTIONS
from vesselapp.ui.palette import CommandPalette
from vesselapp.ui.scene import Split
from vesselapp.ui.toolbox import TOOL_KEYS
from vesselapp.ui.tools.grow import GrowTool
from vesselapp.ui.tools.outline import OutlineTool
from vesselapp.ui.tools.trace import TraceTool
from vesselapp.ui.view import View
from vesselapp.ui.window import MainWindow

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
VESSEL_ROW = 150


@pytest.fixture
def vessel(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> Document:
    """A bright ground with one dark vessel, 7 px wide, that the model does not find."""
    pixels = np.full((300, 400, 3), 190, np.uint8)
    pixels[VESSEL_ROW - 3 : VESSEL_ROW + 4] = 140
    PIL.Image.fromarray(pixels).save(tmp_path / "vessel.png")
    window.open_paths([tmp_path / "vessel.png"])
    wait_for_answer(qtbot, window)
    document = document_of(window)
    document.set_level(200)
    assert not document.mask().any()
    return document


def click(qtbot: QtBot, window: MainWindow, x: float, y: float, button: Qt.MouseButton = LEFT) -> None:
    qtbot.mouseClick(window.canvas, button, pos=window.canvas.place_of(x, y))


def key(qtbot: QtBot, window: MainWindow, which: Qt.Key, *, shift: bool = False) -> None:
    modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    qtbot.keyClick(window.canvas, which, modifier)


def test_trace_follows_the_vessel_at_its_own_width(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    key(qtbot, window, Qt.Key.Key_T)
    click(qtbot, window, 60, VESSEL_ROW + 2)
    qtbot.mouseMove(window.canvas, window.canvas.place_of(300, VESSEL_ROW - 2))
    assert not vessel.mask().any()
    click(qtbot, window, 300, VESSEL_ROW - 2)
    mask = vessel.mask()
    assert mask[VESSEL_ROW, 70:290].all()
    widths = mask[:, 100:260].sum(axis=0)
    assert abs(float(np.median(widths)) - 7) <= 1
    click(qtbot, window, 380, VESSEL_ROW)
    assert vessel.mask()[VESSEL_ROW, 310:370].all()
    key(qtbot, window, Qt.Key.Key_Backspace)
    assert not vessel.mask()[VESSEL_ROW, 320:370].any()
    assert vessel.mask()[VESSEL_ROW, 70:290].all()
    key(qtbot, window, Qt.Key.Key_Return)
    assert not window.canvas.tool.busy
    assert vessel.history.names[0] == ["Trace"]


def test_the_right_button_untraces(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    key(qtbot, window, Qt.Key.Key_T)
    click(qtbot, window, 60, VESSEL_ROW)
    click(qtbot, window, 300, VESSEL_ROW)
    key(qtbot, window, Qt.Key.Key_Escape)
    click(qtbot, window, 120, VESSEL_ROW)
    click(qtbot, window, 200, VESSEL_ROW, RIGHT)
    assert not vessel.mask()[VESSEL_ROW, 130:190].any()
    assert vessel.mask()[VESSEL_ROW, 70:110].all()
    assert vessel.mask()[VESSEL_ROW, 210:290].all()


def test_grow_takes_the_region_under_the_press(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    key(qtbot, window, Qt.Key.Key_G)
    click(qtbot, window, 200, VESSEL_ROW)
    mask = vessel.mask()
    assert mask[VESSEL_ROW - 2 : VESSEL_ROW + 3, 50:350].all()
    assert not mask[: VESSEL_ROW - 12].any()
    assert vessel.undo()
    assert not vessel.mask().any()


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_grow_reaches_further_to_the_right_of_the_screen_in_each_view(
    qtbot: QtBot,
    window: MainWindow,
    vessel: Document,
    monkeypatch: pytest.MonkeyPatch,
    turns: int,
    mirrored: bool,
) -> None:
    canvas = window.canvas
    canvas.view = replace(canvas.view, turns=turns, mirrored=mirrored)
    key(qtbot, window, Qt.Key.Key_G)
    tool = canvas.tool
    assert isinstance(tool, GrowTool)
    at = canvas.view.to_canvas(200, VESSEL_ROW)
    tool.press((200, VESSEL_ROW), opposite=False, shift=False)
    reach: list[float] = []
    monkeypatch.setattr(tool, "_show", reach.append)
    for right in (-20, 0, 60):
        tool.drag(canvas.view.to_picture(at[0] + right, at[1]))
    assert reach[0] < reach[1] < reach[2]
    tool.cancel()


def test_going_back_tells_no_number_of_doubtful_places(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    doubt = window.status.doubt
    window.action("doubtful_back").trigger()
    assert doubt.text() == ""
    window.action("doubtful").trigger()
    assert "left" in doubt.text()
    vessel.set_level(210)
    assert doubt.text() == ""


def test_escape_lets_go_of_what_grows(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    key(qtbot, window, Qt.Key.Key_G)
    qtbot.mousePress(window.canvas, LEFT, pos=window.canvas.place_of(200, VESSEL_ROW))
    assert window.canvas.tool.busy
    key(qtbot, window, Qt.Key.Key_Escape)
    qtbot.mouseRelease(window.canvas, LEFT, pos=window.canvas.place_of(200, VESSEL_ROW))
    assert not vessel.corrections.any()


def test_lasso_polygon_piece_hole_and_split(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    key(qtbot, window, Qt.Key.Key_F)
    for corner in ((100, 40), (200, 40), (200, 120), (100, 120)):
        click(qtbot, window, *corner)
    key(qtbot, window, Qt.Key.Key_Return)
    assert vessel.mask()[45:115, 105:195].all()
    drag(qtbot, window, [(140, 70), (160, 70), (160, 90), (140, 90), (140, 74)], RIGHT)
    assert not vessel.mask()[75:85, 145:155].any()
    key(qtbot, window, Qt.Key.Key_K)
    click(qtbot, window, 150, 80)
    assert vessel.mask()[45:115, 105:195].all()
    key(qtbot, window, Qt.Key.Key_J)
    drag(qtbot, window, [(150, 30), (150, 130)])
    assert not vessel.mask()[45:115, 147:153].any(axis=0).all()
    key(qtbot, window, Qt.Key.Key_K)
    click(qtbot, window, 120, 80)
    assert not vessel.mask()[45:115, 105:145].any()
    assert vessel.mask()[45:115, 155:195].all()
    vessel.set_level(50)
    assert vessel.mask()[VESSEL_ROW, 10:390].all()
    click(qtbot, window, 200, VESSEL_ROW, RIGHT)
    vessel.set_level(253)
    assert (vessel.corrections[VESSEL_ROW, 10:390] == Correction.FOREGROUND).all()
    assert vessel.mask()[VESSEL_ROW, 10:390].all()
    names = vessel.history.names[0]
    assert names == ["Fill", "Cut out", "Fill hole", "Split", "Remove piece", "Keep piece"]
    for _ in names:
        assert vessel.undo()
    assert not vessel.corrections.any()


def test_shift_draws_a_straight_line(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    key(qtbot, window, Qt.Key.Key_B)
    window.canvas.set_diameter(5)
    click(qtbot, window, 50, 50)
    qtbot.mouseClick(window.canvas, LEFT, Qt.KeyboardModifier.ShiftModifier, window.canvas.place_of(250, 50))
    assert vessel.mask()[50, 50:250].all()
    assert len(vessel.history.names[0]) == 2


def test_the_history_list_jumps(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    for x in (50, 100, 150):
        click(qtbot, window, x, 60)
    panel = window.controls.history
    assert [panel.item(row).text() for row in range(panel.count())] == [
        "As opened",
        "Brush",
        "Brush",
        "Brush",
    ]
    panel.itemClicked.emit(panel.item(1))
    assert vessel.mask()[60, 50]
    assert not vessel.mask()[60, 100]
    assert panel.currentRow() == 1
    panel.itemClicked.emit(panel.item(3))
    assert vessel.mask()[60, 150]


def test_a_pen_paints_by_pressure_and_its_eraser_end_erases(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    canvas = window.canvas
    canvas.set_diameter(40)

    def pen(kind: QEvent.Type, x: float, pressure: float, pointer: QPointingDevice.PointerType) -> None:
        device = QPointingDevice(
            "pen", 1, QPointingDevice.DeviceType.Stylus, pointer, QPointingDevice.Capability.Pressure, 1, 1
        )
        at = QPointF(canvas.place_of(x, 60))
        event = QTabletEvent(
            kind, device, at, canvas.mapToGlobal(at), pressure, 0, 0, 0, 0, 0,
            Qt.KeyboardModifier.NoModifier, LEFT, LEFT,
        )  # fmt: skip
        QApplication.sendEvent(canvas, event)

    tip, eraser = QPointingDevice.PointerType.Pen, QPointingDevice.PointerType.Eraser
    for pressure, x in ((1.0, 60), (0.25, 200)):
        pen(QEvent.Type.TabletPress, x, pressure, tip)
        pen(QEvent.Type.TabletRelease, x, 0.0, tip)
    strong, light = vessel.mask()[:, 60].sum(), vessel.mask()[:, 200].sum()
    assert strong == 40
    assert light == 10
    pen(QEvent.Type.TabletPress, 60, 1.0, eraser)
    pen(QEvent.Type.TabletRelease, 60, 0.0, eraser)
    assert not vessel.mask()[:, 60].any()


def test_zoom_and_pan_work_in_the_middle_of_a_stroke(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    canvas = window.canvas
    qtbot.mousePress(canvas, LEFT, pos=canvas.place_of(50, 50))
    canvas.zoom_by(2.0)
    key(qtbot, window, Qt.Key.Key_Left)
    qtbot.mouseMove(canvas, canvas.place_of(120, 50))
    qtbot.mouseRelease(canvas, LEFT, pos=canvas.place_of(120, 50))
    assert vessel.mask()[50, 52:118].all()
    assert vessel.history.names[0] == ["Brush"]


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_painting_on_a_turned_view_touches_the_pixel_under_the_pointer(
    qtbot: QtBot, window: MainWindow, vessel: Document, turns: int, mirrored: bool
) -> None:
    canvas = window.canvas
    for _ in range(turns):
        window.action("turn").trigger()
    if mirrored:
        window.action("mirror").trigger()
    canvas.show_view(canvas.view.centred_on(90, 70, canvas.pane_size(), 8.0))
    canvas.set_diameter(1)
    click(qtbot, window, 90.5, 70.5)
    assert np.argwhere(vessel.mask()).tolist() == [[70, 90]]


def test_side_by_side_paints_from_either_pane(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    canvas = window.canvas
    window.action("split").trigger()
    assert canvas.split is Split.SIDE
    canvas.set_diameter(9)
    click(qtbot, window, 90, 70)
    place = canvas.place_of(200, 70) + QPoint(canvas.second_pane(), 0)
    qtbot.mouseClick(canvas, LEFT, pos=place)
    assert vessel.mask()[70, 90]
    assert vessel.mask()[70, 200]
    window.action("split").trigger()
    assert canvas.split is Split.WIPE
    line = canvas.wipe_x()
    qtbot.mousePress(canvas, LEFT, pos=QPoint(line, 40))
    qtbot.mouseMove(canvas, QPoint(line - 200, 40))
    qtbot.mouseRelease(canvas, LEFT, pos=QPoint(line - 200, 40))
    assert abs(canvas.wipe_x() - (line - 200)) <= 1
    assert len(vessel.history.names[0]) == 2


def test_holding_h_shows_nothing_but_the_picture(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    canvas = window.canvas
    canvas.show_view(View(20.0, -1000, -2900, vessel.height, vessel.width))
    vessel.set_level(2)
    qtbot.keyPress(canvas, Qt.Key.Key_H)
    bare = shot(window)
    qtbot.keyRelease(canvas, Qt.Key.Key_H)
    assert (shot(window) != bare).any()
    inner = bare[5:-5, 5:-5].reshape(-1, 3)
    greys = {tuple(colour) for colour in np.unique(inner, axis=0).tolist()}
    assert (190, 190, 190) in greys or (140, 140, 140) in greys


def test_loupe_and_minimap_are_seen(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    canvas = window.canvas
    canvas.show_view(canvas.view.centred_on(200, 150, canvas.pane_size(), 6.0))
    with_map = shot(window)
    window.action("minimap").trigger()
    assert (shot(window) != with_map).any()
    middle = QPointF(canvas.width() / 2, canvas.height() / 2)
    QApplication.sendEvent(canvas, QEnterEvent(middle, middle, middle))
    without = shot(window)
    window.action("loupe").trigger()
    assert (shot(window) != without).any()


def test_the_minimap_pans(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    canvas = window.canvas
    canvas.show_view(canvas.view.centred_on(200, 150, canvas.pane_size(), 10.0))
    place = canvas.minimap.place(canvas.view, canvas.rect())
    qtbot.mouseClick(canvas, LEFT, pos=QPoint(place.left() + place.width() // 4, place.center().y()))
    height, width = canvas.pane_size()
    assert canvas.view.to_picture(width / 2, height / 2)[0] == pytest.approx(100, abs=6)
    assert not vessel.corrections.any()


def test_a_small_window_is_not_covered(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    window.resize(640, 400)
    canvas = window.canvas
    canvas.show_view(canvas.view.centred_on(200, 150, canvas.pane_size(), 10.0))
    minimap = canvas.minimap.place(canvas.view, canvas.rect())
    assert max(minimap.width(), minimap.height()) <= 0.4 * min(canvas.width(), canvas.height())
    window.action("palette").trigger()
    palette = window.findChild(CommandPalette)
    assert palette is not None
    assert palette.geometry().bottom() <= window.geometry().bottom() + 4  # the test platform frames windows
    palette.close()
    window.action("help").trigger()
    keys = next(one for one in window.findChildren(QDialog) if one.windowTitle() == "Keys")
    assert keys.width() <= window.screen().availableSize().width()
    area = keys.findChild(QScrollArea)
    assert area is not None
    assert area.widget().height() >= area.viewport().height()
    keys.close()


def test_every_action_is_in_a_menu_and_the_palette_runs_it(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    in_menus = {action for menu in window.menuBar().actions() for action in menu.menu().actions()}
    assert all(window.action(spec.key) in in_menus for spec in ACTIONS)
    keys = [shortcut for spec in ACTIONS for shortcut in spec.shortcuts]
    assert len(keys) == len(set(keys))
    palette = CommandPalette(list(window.actions_by_key.values()), window)
    palette.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(palette)
    palette.field.setText("near thresh")
    assert palette.list.count() == 1
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert window.controls.overlay.band > 0


def test_what_cannot_be_done_comes_last_in_the_palette_and_says_why(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    palette = CommandPalette(list(window.actions_by_key.values()), window)
    palette.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(palette)
    palette.show()
    rows = [palette.list.item(row).data(Qt.ItemDataRole.UserRole) for row in range(palette.list.count())]
    can = [action.isEnabled() for action in rows]
    assert can == sorted(can, reverse=True)
    assert not all(can)
    for action in rows:
        assert action.isEnabled() or action.whatsThis()
        assert action.whatsThis() in action.toolTip()
    palette.field.setText("retrain")
    assert palette.list.currentItem().text().endswith("Needs a study")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.isVisible()
    assert window.action("save").toolTip().endswith("(Ctrl+S)")


def test_a_menu_says_why_something_is_greyed_out_and_nothing_else(
    window: MainWindow, vessel: Document
) -> None:
    menu = next(a.menu() for a in window.menuBar().actions() if window.action("undo") in a.menu().actions())
    menu.popup(QPoint(0, 0))
    said = []
    for key in ("history", "undo"):
        action = window.action(key)
        at = menu.actionGeometry(action).center()
        QApplication.sendEvent(menu, QHelpEvent(QEvent.Type.ToolTip, at, menu.mapToGlobal(at)))
        said.append(QToolTip.text())
    menu.close()
    assert said == ["", "Take back the newest edit (Ctrl+Z)\nNothing to undo"]


def test_every_control_has_a_name_for_screen_readers(window: MainWindow) -> None:
    from PySide6.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QListWidget, QScrollBar

    for kind in (QAbstractSlider, QAbstractSpinBox, QComboBox, QListWidget):
        for control in window.findChildren(kind):
            if not isinstance(control, QScrollBar):
                assert control.accessibleName(), (kind, control.parentWidget())


def test_the_look_can_be_light(window: MainWindow) -> None:
    dark = QApplication.palette().color(QApplication.palette().ColorRole.Window)
    window.action("light").trigger()
    light = QApplication.palette().color(QApplication.palette().ColorRole.Window)
    assert light.lightness() > 200 > dark.lightness()
    window.action("light").trigger()
    assert QApplication.palette().color(QApplication.palette().ColorRole.Window) == QColor(dark)


def test_tab_folds_the_panels(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    panels: list[QWidget] = [window.controls, window.pictures]
    assert all(panel.isVisible() for panel in panels)
    window.action("panels").trigger()
    assert not any(panel.isVisible() for panel in panels)


def test_a_cleanup_is_shown_before_it_is_made(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    for x in (50, 100):
        click(qtbot, window, x, 60)
    panel, canvas = window.controls.cleanup, window.canvas
    panel.kind.setCurrentText("Remove specks")
    panel.size_field.setValue(200)
    panel.preview.setChecked(True)
    qtbot.waitUntil(lambda: len(canvas.preview) > 0, timeout=5000)
    assert vessel.mask().any()
    panel.apply_button.click()
    qtbot.waitUntil(lambda: not vessel.mask().any(), timeout=5000)
    qtbot.waitUntil(lambda: not canvas.preview, timeout=5000)
    assert vessel.history.names[0][-1] == "Remove specks"
    assert vessel.undo()
    assert vessel.mask()[60, 50]


def test_a_cleanups_preview_follows_a_new_answer_and_a_new_picture(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    panel, canvas = window.controls.cleanup, window.canvas
    click(qtbot, window, 50, 60)
    panel.kind.setCurrentText("Remove specks")
    panel.size_field.setValue(200)
    panel.preview.setChecked(True)
    qtbot.waitUntil(lambda: len(canvas.preview) > 0, timeout=5000)
    assert vessel.probability is not None
    vessel.set_probability(np.full_like(vessel.probability, 253))
    qtbot.waitUntil(lambda: not canvas.preview, timeout=5000)
    canvas.set_preview([(Box(0, 0, 2, 2), np.ones((2, 2), bool))])
    canvas.set_document(vessel)
    assert canvas.preview == []


def run_command(qtbot: QtBot, window: MainWindow, words: str) -> None:
    """Run what the command palette finds first."""
    window.action("palette").trigger()
    palette = window.findChild(CommandPalette)
    assert palette is not None
    palette.field.setText(words)
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.findChild(CommandPalette) is None, timeout=5000)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("remove specks", "Remove specks"),
        ("fill holes", "Fill holes"),
        ("holes", "Fill holes"),
        ("bridge", "Bridge gaps"),
        ("gaps", "Bridge gaps"),
        ("spurs", "Prune spurs"),
        ("dilate", "Widen by 1 px"),
        ("widen", "Widen by 1 px"),
        ("erode", "Thin by 1 px"),
        ("thin", "Thin by 1 px"),
    ],
)
def test_a_cleanup_is_found_by_its_name_and_by_other_words(
    qtbot: QtBot, window: MainWindow, vessel: Document, words: str, name: str
) -> None:
    run_command(qtbot, window, words)
    panel = window.controls.cleanup
    assert panel.kind.currentText() == name
    assert panel.preview.isChecked()


def test_the_commands_of_clean_ups_are_called_as_in_their_panel(window: MainWindow) -> None:
    assert [window.action(one.key).text().replace("&", "") for one in CLEANUPS] == [
        one.name for one in CLEANUPS
    ]


def test_fill_finds_the_tool_and_the_holes(qtbot: QtBot, window: MainWindow) -> None:
    palette = CommandPalette(list(window.actions_by_key.values()), window)
    palette.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(palette)
    palette.field.setText("fill")
    first = [palette.list.item(row).text() for row in range(2)]
    assert first[0].startswith("Fill")
    assert first[1].startswith("Fill holes")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("bright", "Brightness"),
        ("contrast", "Contrast"),
        ("gamma", "Gamma"),
        ("opacity", "Overlay opacity"),
        ("transparency", "Overlay opacity"),
        ("overlay colour", "Overlay colour"),
        ("color", "Overlay colour"),
        ("history", "History of edits"),
    ],
)
def test_a_command_leads_to_the_control(
    qtbot: QtBot, window: MainWindow, vessel: Document, words: str, name: str
) -> None:
    window.show_panels(False)
    run_command(qtbot, window, words)
    focused = window.focusWidget()
    assert focused is not None
    assert focused.accessibleName() == name
    assert focused.isVisible()


def test_local_contrast_is_a_command(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    run_command(qtbot, window, "clahe")
    assert window.canvas.picture_look.equalised
    window.controls.picture.reset()
    assert not window.action("equalised").isChecked()


def test_after_a_command_the_control_keeps_the_keys_until_the_pointer_moves(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    canvas, kind = window.canvas, window.controls.cleanup.kind
    at = QPointF(canvas.rect().center())

    def come_over() -> None:
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow, timeout=5000)
        QApplication.sendEvent(canvas, QEnterEvent(at, at, canvas.mapToGlobal(at)))
        QApplication.processEvents()

    QCursor.setPos(canvas.mapToGlobal(at.toPoint()))
    canvas.setFocus()
    run_command(qtbot, window, "clean up")
    come_over()  # as the list above it closes
    qtbot.waitUntil(lambda: window.focusWidget() is kind, timeout=5000)
    QTest.keyClick(kind, Qt.Key.Key_Down)
    assert kind.currentIndex() == 1
    QCursor.setPos(canvas.mapToGlobal(at.toPoint() + QPoint(60, 40)))
    come_over()
    assert window.focusWidget() is canvas


def test_a_cleanup_says_how_much_it_would_change_and_what_it_did(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    for x in (50, 100):
        click(qtbot, window, x, 60)
    panel, drawn = window.controls.cleanup, int(vessel.mask().sum())
    panel.choose("specks")
    panel.size_field.setValue(200)
    qtbot.waitUntil(lambda: panel.amount.text() == f"2 specks, {drawn} px", timeout=5000)
    panel.apply_button.click()
    qtbot.waitUntil(lambda: window.status.task.text() == "Removed 2 specks", timeout=5000)
    qtbot.waitUntil(lambda: panel.amount.text() == "Nothing to do", timeout=5000)
    panel.apply_button.click()
    qtbot.waitUntil(lambda: window.status.task.text() == "Nothing to do", timeout=5000)
    window.canvas.zoom_by(8)
    qtbot.waitUntil(lambda: panel.amount.text() == "Nothing to do in sight", timeout=5000)
    panel.preview.setChecked(False)
    qtbot.waitUntil(lambda: not panel.amount.text(), timeout=5000)


def test_a_cleanup_without_a_size_shows_no_number(window: MainWindow) -> None:
    panel = window.controls.cleanup
    for cleanup in CLEANUPS:
        panel.choose(cleanup.key)
        assert panel.size_field.isVisible() is (cleanup.size is not None)
    panel.choose("gaps")
    assert panel.size_field.text() == "up to 15 px"


def test_a_cleanups_preview_ends_as_its_panel_is_folded(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    click(qtbot, window, 50, 60)
    panel, canvas = window.controls.cleanup, window.canvas
    panel.choose("widen")
    qtbot.waitUntil(lambda: len(canvas.preview) > 0, timeout=5000)
    window.action("panels").trigger()
    assert not canvas.preview
    assert not panel.preview.isChecked()


def test_preferences_are_taken(
    qtbot: QtBot, window: MainWindow, vessel: Document, monkeypatch: pytest.MonkeyPatch
) -> None:

    from vesselapp.ui.preferences import PreferencesDialog

    def choose(dialog: PreferencesDialog) -> QDialog.DialogCode:
        dialog.reviewer.setText(" Ann Müller ")
        dialog.history.setValue(64)
        dialog.provider.setCurrentText("cpu")
        return QDialog.DialogCode.Accepted

    monkeypatch.setattr(PreferencesDialog, "exec", choose)
    answers: list[int] = []
    window.workspace.answered.connect(lambda: answers.append(1))
    window.action("preferences").trigger()
    assert vessel.history.cap_bytes == 64 * 2**20
    assert window.workspace.settings.provider == "cpu"
    assert window.workspace.settings.reviewer == window.workspace.keeper.who == "Ann Müller"
    qtbot.waitUntil(lambda: bool(answers), timeout=20000)


def test_a_narrow_status_line_shows_what_is_left_and_what_is_saved(
    window: MainWindow, vessel: Document
) -> None:
    window.resize(683, 340)  # 1366x768 at twice the scale
    status, bar = window.status, window.statusBar()
    status.show_doubt(1234)
    status.show_zoom(12.345)
    status.saved.setText("saved 12:34:56")
    QApplication.processEvents()
    for label in (status.doubt, status.saved, status.zoom):
        assert label.width() >= label.sizeHint().width()
        left = label.mapTo(bar, QPoint(0, 0)).x()
        assert left >= status.place.geometry().left() + status.place.minimumWidth()
        assert left + label.width() <= bar.width()
    status.show_progress("Finding", 0.5)
    QApplication.processEvents()
    assert status.cancel.isVisible()
    assert status.cancel.mapTo(bar, QPoint(0, 0)).x() >= status.place.geometry().left()


def test_what_is_told_in_passing_outlasts_the_next_progress(window: MainWindow) -> None:
    status = window.status
    status.tell("The model is still at work on this picture.")
    status.show_progress("Finding", 0.2)
    assert status.task.text() == "The model is still at work on this picture."
    status._passing.stop()
    status._end_passing()
    assert status.task.text() == "Finding"
    status.show_idle()
    assert status.task.text() == ""


def test_n_goes_to_doubtful_places_and_says_how_many_are_left(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    plane = np.full((vessel.height, vessel.width), 5, np.uint8)
    plane[60:66, 70:140] = plane[250:254, 320:360] = vessel.level
    vessel.set_probability(plane)
    canvas = window.canvas
    key(qtbot, window, Qt.Key.Key_N)
    box = canvas.box_in_sight()
    assert box is not None
    assert box.left < 100 < box.right
    assert box.top < 63 < box.bottom
    assert canvas.view.zoom > canvas.view.fitted(canvas.pane_size()).zoom
    assert window.status.doubt.text() == "1 doubtful place left"
    key(qtbot, window, Qt.Key.Key_N)
    assert window.status.doubt.text() == "0 doubtful places left"
    key(qtbot, window, Qt.Key.Key_N, shift=True)
    back = canvas.box_in_sight()
    assert back is not None
    assert back.top < 63 < back.bottom


def test_each_tool_has_a_cursor_of_its_own(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    cursors = []
    for tool in TOOL_KEYS:
        window.choose_tool(tool)
        cursors.append(window.canvas.cursor().pixmap().toImage())
    assert all(not cursor.isNull() for cursor in cursors)
    assert all(one != other for at, one in enumerate(cursors) for other in cursors[:at])


def test_two_fingers_pan_and_zoom_and_paint_nothing(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    canvas = window.canvas
    screen = QTest.createTouchDevice()
    before = canvas.view.zoom
    left, right = QPoint(200, 200), QPoint(300, 200)
    QTest.touchEvent(canvas, screen).press(0, left, canvas).commit()
    QTest.touchEvent(canvas, screen).move(0, left, canvas).press(1, right, canvas).commit()
    for step in range(1, 6):
        grown = QPoint(10 * step, 0)
        QTest.touchEvent(canvas, screen).move(0, left - grown, canvas).move(1, right + grown, canvas).commit()
    QTest.touchEvent(canvas, screen).release(0, left, canvas).release(1, right, canvas).commit()
    assert canvas.view.zoom == pytest.approx(2 * before, rel=0.1)
    assert not vessel.corrections.any()


@pytest.mark.parametrize("zoom", [0.5, 1.0, 2.3, 5.0, 17.0, 64.0])
def test_painting_at_any_zoom_touches_the_pixel_under_the_pointer_and_no_other(
    qtbot: QtBot, window: MainWindow, vessel: Document, zoom: float
) -> None:
    canvas, random = window.canvas, np.random.default_rng(round(zoom * 10))
    canvas.show_view(canvas.view.centred_on(200.3, 149.7, canvas.pane_size(), zoom))
    canvas.set_diameter(1)
    for _ in range(8):
        at = QPoint(
            *(int(value) for value in random.integers(5, (canvas.width() - 200, canvas.height() - 200)))
        )
        x, y = canvas.to_picture(QPointF(at))
        if not (0 <= x < vessel.width and 0 <= y < vessel.height):
            continue
        qtbot.mouseClick(canvas, LEFT, pos=at)
        assert np.argwhere(vessel.corrections).tolist() == [[int(y), int(x)]]
        assert vessel.undo()


def test_one_finger_paints(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    canvas, screen = window.canvas, QTest.createTouchDevice()
    start, end = canvas.place_of(60, 60), canvas.place_of(160, 60)
    QTest.touchEvent(canvas, screen).press(0, start, canvas).commit()
    QTest.touchEvent(canvas, screen).move(0, end, canvas).commit()
    QTest.touchEvent(canvas, screen).release(0, end, canvas).commit()
    assert vessel.mask()[60, 62:158].all()
    assert vessel.history.names[0] == ["Brush"]


def test_the_wheel_scrolls_the_controls_and_changes_none(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    controls = window.controls
    before = (vessel.level, controls.overlay.opacity, controls.overlay.colour, controls.picture.look)
    guarded = [controls.threshold.slider, controls.overlay.opacity_slider, controls.overlay.colours]
    guarded += [
        controls.picture.channel,
        controls.picture.gamma,
        controls.cleanup.kind,
        controls.cleanup.size_field,
    ]
    for control in guarded:
        at = QPointF(control.rect().center())
        event = QWheelEvent(
            at, control.mapToGlobal(at), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(control, event)
    now = (vessel.level, controls.overlay.opacity, controls.overlay.colour, controls.picture.look)
    assert now == before
    assert controls.cleanup.kind.currentIndex() == 0


@pytest.mark.parametrize(("pressed", "steps"), [(",", -1), (".", 1), ("shift ,", -10), ("shift .", 10)])
def test_threshold_keys(qtbot: QtBot, window: MainWindow, vessel: Document, pressed: str, steps: int) -> None:
    before = vessel.level
    which = Qt.Key.Key_Comma if pressed.endswith(",") else Qt.Key.Key_Period
    key(qtbot, window, which, shift=pressed.startswith("shift"))
    assert vessel.level == before + steps


def test_what_is_saved_is_said(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)
    assert window.status.saved.text() == "no edits yet"
    click(qtbot, window, 100, 150)
    qtbot.waitUntil(lambda: window.status.saved.text().startswith("saved "), timeout=5000)
    for name, start in (("next", "b.png"), ("previous", "a.png")):
        window.action(name).trigger()
        qtbot.waitUntil(lambda start=start: window.windowTitle().startswith(start), timeout=20000)
    assert window.status.saved.text().startswith("saved ")


def test_the_readout_follows_an_undo_without_a_move(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    click(qtbot, window, 100, 60)
    qtbot.mouseMove(window.canvas, window.canvas.place_of(100, 60))
    assert "corrected: foreground" in window.status.place.text()
    window.action("undo").trigger()
    assert "corrected" not in window.status.place.text()


def test_trace_can_be_wider_than_the_vessel(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    key(qtbot, window, Qt.Key.Key_T)
    for _ in range(4):
        window.action("larger").trigger()
    click(qtbot, window, 60, VESSEL_ROW)
    click(qtbot, window, 300, VESSEL_ROW)
    widths = vessel.mask()[:, 100:260].sum(axis=0)
    assert abs(float(np.median(widths)) - 11) <= 1


def traced(window: MainWindow, vessel: Document) -> np.ndarray:
    tool = window.canvas.tool
    assert isinstance(tool, TraceTool)
    out = np.zeros((vessel.height, vessel.width), np.bool_)
    for box, chosen in tool.preview:
        out[box.slices] |= chosen
    return out


def test_a_trace_paints_what_was_shown(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    key(qtbot, window, Qt.Key.Key_T)
    click(qtbot, window, 60, VESSEL_ROW)
    qtbot.mouseMove(window.canvas, window.canvas.place_of(300, VESSEL_ROW))
    before = traced(window, vessel)
    assert before.any()
    click(qtbot, window, 300, VESSEL_ROW)
    assert np.array_equal(vessel.mask(), before)


@pytest.mark.parametrize("view", ["mirror", "turn", "actual", "pan", "split"])
def test_a_trace_paints_what_was_shown_where_the_view_moved_under_a_still_pointer(
    qtbot: QtBot, window: MainWindow, vessel: Document, view: str
) -> None:
    canvas = window.canvas
    key(qtbot, window, Qt.Key.Key_T)
    click(qtbot, window, 60, VESSEL_ROW)
    at = canvas.place_of(280, VESSEL_ROW + 20)
    qtbot.mouseMove(canvas, at)
    if view == "pan":
        key(qtbot, window, Qt.Key.Key_Left)
    else:
        window.action(view).trigger()
    before = traced(window, vessel)
    qtbot.mouseClick(canvas, LEFT, pos=at)
    assert np.array_equal(vessel.mask(), before)


def test_an_outlines_side_leads_to_a_still_pointer_where_the_view_moved(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    canvas = window.canvas
    key(qtbot, window, Qt.Key.Key_F)
    click(qtbot, window, 60, VESSEL_ROW)
    at = canvas.place_of(280, VESSEL_ROW + 20)
    qtbot.mouseMove(canvas, at)
    canvas.mirror()
    assert isinstance(canvas.tool, OutlineTool)
    assert canvas.tool._pointer == canvas.to_picture(QPointF(at))


def test_a_right_trace_takes_the_mask_away_however_wide_it_is(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    wide = Box(40, VESSEL_ROW - 10, 340, VESSEL_ROW + 11)
    whole = np.ones((wide.bottom - wide.top, wide.right - wide.left), np.bool_)
    vessel.change("Brush", [(wide, whole)], Correction.FOREGROUND)
    key(qtbot, window, Qt.Key.Key_T)
    click(qtbot, window, 80, VESSEL_ROW, RIGHT)
    qtbot.mouseMove(window.canvas, window.canvas.place_of(300, VESSEL_ROW))
    before = traced(window, vessel)
    click(qtbot, window, 300, VESSEL_ROW, RIGHT)
    assert not vessel.mask()[:, 100:280].any()
    assert vessel.mask()[wide.top : wide.bottom, 45:65].all()
    assert not (vessel.mask() & before).any()


def test_a_split_that_parts_nothing_says_so_and_the_right_button_joins(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    box = Box(100, 40, 200, 120)
    vessel.change("Fill", [(box, np.ones((80, 100), np.bool_))], Correction.FOREGROUND)
    key(qtbot, window, Qt.Key.Key_J)
    drag(qtbot, window, [(150, 80), (150, 130)])
    assert vessel.mask()[box.slices].all()
    assert "parts nothing" in window.status.task.text()
    drag(qtbot, window, [(150, 30), (150, 130)])
    assert not vessel.mask()[40:120, 145:155].all(axis=1).any()
    drag(qtbot, window, [(140, 80), (160, 80)], RIGHT)
    assert vessel.mask()[40:120, 145:155].all(axis=1).sum() == 1
    assert vessel.history.names[0] == ["Fill", "Split", "Join"]
