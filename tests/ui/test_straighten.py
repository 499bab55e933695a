"""Straighten, by pointer and key events on the real canvas."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from pytestqt.qtbot import QtBot

from tests.ui.conftest import document_of, wait_for_answer
from vesselapp.core.geometry import Box
from vesselapp.core.tools.straight import Straight
from vesselapp.state.document import Document
from vesselapp.ui.looks import PREVIEW_COLOUR
from vesselapp.ui.scene import Split
from vesselapp.ui.tools.card import ACROSS, ALONG, CardPicture, Layout, lay_out
from vesselapp.ui.tools.card_painter import words_place
from vesselapp.ui.tools.straighten import STRETCH_SCREEN_PX, StraightenTool
from vesselapp.ui.view import View
from vesselapp.ui.window import MainWindow

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
ROW = 150


@pytest.fixture
def vessel(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> Document:
    """A bright ground with one dark vessel, 7 px wide, in the mask between columns 40 and 360."""
    pixels = np.full((300, 400, 3), 190, np.uint8)
    pixels[ROW - 3 : ROW + 4] = 140
    PIL.Image.fromarray(pixels).save(tmp_path / "vessel.png")
    window.open_paths([tmp_path / "vessel.png"])
    wait_for_answer(qtbot, window)
    document = document_of(window)
    answer = np.ones((300, 400), np.uint8)
    answer[ROW - 3 : ROW + 4, 40:360] = 240
    document.set_probability(answer)
    return document


def layout_of(window: MainWindow) -> Layout:
    tool = window.canvas.tool
    assert isinstance(tool, StraightenTool)
    layout = tool._layout()
    assert layout is not None
    return layout


def on_card(window: MainWindow, x: float, across: float, row: int = ROW) -> QPoint:
    """Give the canvas's place for a column of the picture's vessel and a distance below its middle."""
    layout = layout_of(window)
    along, _ = layout.straight.from_picture(x, row + 0.5)
    down = layout.straight.normals[0][1] > 0
    place = layout.to_device(along, across if down else -across)
    ratio = window.canvas.devicePixelRatioF()
    return QPoint(round(place[0] / ratio), round(place[1] / ratio))


def stroke(
    qtbot: QtBot,
    window: MainWindow,
    places: list[tuple[float, float]],
    button: Qt.MouseButton = LEFT,
    row: int = ROW,
) -> None:
    points = [on_card(window, *place, row) for place in places]
    qtbot.mousePress(window.canvas, button, pos=points[0])
    for point in points[1:]:
        qtbot.mouseMove(window.canvas, point)
    qtbot.mouseRelease(window.canvas, button, pos=points[-1])


def open_by_key(qtbot: QtBot, window: MainWindow, x: float, y: float = ROW) -> None:
    qtbot.mouseMove(window.canvas, window.canvas.place_of(x, y))
    qtbot.keyClick(window.canvas, Qt.Key.Key_Y)


def test_the_key_opens_the_vessel_under_the_pointer_and_closes_it(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    open_by_key(qtbot, window, 200)
    layout = layout_of(window)
    assert len(layout.straight) > 300
    here = window.canvas.view.to_canvas(200.5, ROW + 0.5)
    along, _ = layout.straight.from_picture(200.5, ROW + 0.5)
    assert layout.to_device(along, 0.0) == pytest.approx(here, abs=1.5)
    qtbot.keyClick(window.canvas, Qt.Key.Key_Y)
    assert not window.canvas.tool.busy
    assert vessel.history.names[0] == []


def test_the_key_opens_a_vessel_that_the_threshold_leaves_out(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    answer = np.ones((300, 400), np.uint8)
    answer[ROW - 3 : ROW + 4, 40:360] = vessel.level // 2 + 5
    vessel.set_probability(answer)
    assert not vessel.mask().any()
    open_by_key(qtbot, window, 200)
    stroke(qtbot, window, [(100, 3), (300, 3), (300, -3), (100, -3)])
    widths = vessel.mask()[:, 110:290].sum(axis=0)
    assert (widths.min(), widths.max()) == pytest.approx((6, 6), abs=1)


def test_a_stroke_draws_an_edge_as_one_edit(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    open_by_key(qtbot, window, 200)
    stroke(qtbot, window, [(100, 7), (150, 7), (300, 7)])
    mask = vessel.mask()
    assert mask[ROW - 3 : ROW + 7, 110:290].all()
    assert not mask[ROW + 8 :].any()
    assert not mask[: ROW - 3].any()
    assert not mask[ROW + 4 :, :90].any()
    assert vessel.history.names[0] == ["Draw edges"]
    qtbot.keyClick(window.canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not vessel.corrections.any()
    assert window.canvas.tool.busy


def test_a_stroke_on_the_card_is_drawn_also_over_the_minimap(
    qtbot: QtBot, window: MainWindow, vessel: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window.canvas, "on_minimap", lambda at: True)
    open_by_key(qtbot, window, 200)
    stroke(qtbot, window, [(100, 7), (300, 7)])
    assert vessel.history.names[0] == ["Draw edges"]


def test_the_mask_does_not_cover_the_edges_on_the_card(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    open_by_key(qtbot, window, 200)
    places = [on_card(window, 250, across) for across in (1.5, 3.3, 8.0)]
    shown = window.canvas.grab().toImage()
    middle, edge, beside = (shown.pixelColor(place).getRgb()[:3] for place in places)
    assert edge == PREVIEW_COLOUR
    assert max(middle) - min(middle) == 0 == max(beside) - min(beside)


def test_out_and_back_draws_both_edges(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    open_by_key(qtbot, window, 200)
    stroke(qtbot, window, [(100, 2), (300, 2), (300, -2), (100, -2)])
    widths = vessel.mask()[:, 110:290].sum(axis=0)
    assert widths.min() >= 3
    assert widths.max() <= 5
    assert vessel.mask()[:, 60:90].sum(axis=0).max() == 7


def test_the_right_button_takes_the_vessel_away(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    open_by_key(qtbot, window, 200)
    stroke(qtbot, window, [(100, 0), (300, 0)], RIGHT)
    assert not vessel.mask()[:, 105:295].any()
    assert vessel.mask()[ROW, 50:90].all()
    assert vessel.history.names[0] == ["Take vessel away"]


def test_keys_choose_a_line(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    told: list[str] = []
    window.canvas.told.connect(told.append)
    open_by_key(qtbot, window, 200)
    for _ in range(3):
        qtbot.keyClick(window.canvas, Qt.Key.Key_BracketRight)
    assert "3 px" in told[-1]
    stroke(qtbot, window, [(100, 4), (300, 4)])
    mask = vessel.mask()
    assert (mask[:, 110:290].sum(axis=0) == 3).all()
    assert mask[ROW + 4, 110:290].all()
    assert vessel.history.names[0] == ["Draw line"]


def test_escape_takes_the_stroke_back_first_then_closes(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    open_by_key(qtbot, window, 200)
    qtbot.mousePress(window.canvas, LEFT, pos=on_card(window, 100, 7))
    qtbot.mouseMove(window.canvas, on_card(window, 200, 7))
    qtbot.keyClick(window.canvas, Qt.Key.Key_Escape)
    qtbot.mouseRelease(window.canvas, LEFT, pos=on_card(window, 200, 7))
    assert not vessel.corrections.any()
    assert window.canvas.tool.busy
    qtbot.keyClick(window.canvas, Qt.Key.Key_Escape)
    assert not window.canvas.tool.busy


def test_a_drag_opens_a_vessel_that_the_model_missed(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    vessel.set_probability(np.ones((300, 400), np.uint8))
    qtbot.keyClick(window.canvas, Qt.Key.Key_Y)
    assert not window.canvas.tool.busy
    canvas = window.canvas
    qtbot.mousePress(canvas, LEFT, pos=canvas.place_of(80, ROW))
    qtbot.mouseMove(canvas, canvas.place_of(200, ROW + 2))
    qtbot.mouseMove(canvas, canvas.place_of(320, ROW))
    qtbot.mouseRelease(canvas, LEFT, pos=canvas.place_of(320, ROW))
    assert abs(len(layout_of(window).straight) - 240) <= 6
    stroke(qtbot, window, [(100, 3), (300, 3), (300, -3), (100, -3)])
    widths = vessel.mask()[:, 110:290].sum(axis=0)
    assert widths.min() >= 5
    assert widths.max() <= 7


def test_a_click_off_the_card_opens_what_is_there(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    answer = np.ones((300, 400), np.uint8)
    answer[ROW - 3 : ROW + 4, 40:360] = answer[280:287, 40:360] = 240
    vessel.set_probability(answer)
    open_by_key(qtbot, window, 200)
    qtbot.mouseClick(window.canvas, LEFT, pos=window.canvas.place_of(200, 283))
    assert layout_of(window).straight.centres[:, 1].min() > 270
    told: list[str] = []
    window.canvas.told.connect(told.append)
    qtbot.mouseClick(window.canvas, LEFT, pos=window.canvas.place_of(200, 20))
    assert not window.canvas.tool.busy
    assert "No vessel" in told[-1]


def test_nothing_is_changed_where_nothing_may_be(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    vessel.lock("Somebody else has this picture.")
    open_by_key(qtbot, window, 200)
    stroke(qtbot, window, [(100, 7), (300, 7)])
    assert not vessel.corrections.any()


@pytest.mark.parametrize("split", list(Split))
def test_the_card_is_painted_in_every_view(
    qtbot: QtBot, window: MainWindow, vessel: Document, split: Split
) -> None:
    window.canvas.set_split(split)
    qtbot.mouseMove(window.canvas, window.canvas.place_of(200, ROW))
    qtbot.keyClick(window.canvas, Qt.Key.Key_Y)
    before = window.canvas.grab().toImage()
    stroke(qtbot, window, [(100, 7), (300, 7)])
    window.canvas.turn(1)
    window.canvas.mirror()
    window.canvas.overlay_look = window.canvas.overlay_look.__class__(contour_only=True)
    window.canvas.resample()
    assert window.canvas.grab().toImage() != before
    assert window.canvas.tool.busy


def test_side_by_side_the_card_acts_in_its_own_pane_alone(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    canvas, places = window.canvas, list[tuple[float, float]]()
    canvas.set_split(Split.SIDE)
    pane = QPoint(canvas.second_pane(), 0)
    qtbot.mouseMove(canvas, pane + canvas.place_of(200, ROW))
    qtbot.keyClick(canvas, Qt.Key.Key_Y)
    beside = on_card(window, 200, 6)
    canvas.hovered.connect(places.append)
    for at, seen in ((pane + beside, (200, ROW + 6)), (beside, canvas.to_picture(QPointF(beside)))):
        qtbot.mouseMove(canvas, at)
        assert places[-1] == pytest.approx(seen, abs=1.5)
    along = [on_card(window, x, 6) for x in (180, 200, 220)]
    for left in (pane, QPoint()):
        qtbot.mousePress(canvas, LEFT, pos=left + along[0])
        for at in along[1:]:
            qtbot.mouseMove(canvas, left + at)
        qtbot.mouseRelease(canvas, LEFT, pos=left + along[-1])
        assert vessel.history.names[0] == ["Draw edges"]
    open_by_key(qtbot, window, 200)
    qtbot.keyClick(canvas, Qt.Key.Key_Y)  # there is no card to close in the bare pane
    assert canvas.tool.busy


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_card_shows_each_place_of_the_picture_where_it_says(turns: int, mirrored: bool) -> None:
    way = np.stack([np.arange(20, 200), 60 + np.arange(180) // 3], axis=1).astype(np.int32)
    straight = Straight(way, 14.0, 200, 300)
    view = View(zoom=2.0, x=405, y=407, height=200, width=300, turns=turns, mirrored=mirrored)
    layout = lay_out(straight, 90.0, view)
    assert np.hypot(*layout.across) == pytest.approx(ACROSS * view.zoom)
    assert np.hypot(*layout.along) == pytest.approx(ALONG * view.zoom)
    assert layout.to_frame(*layout.to_device(33.0, 4.0)) == pytest.approx((33.0, 4.0))
    assert layout.to_device(90.0, 0.0) == pytest.approx(view.to_canvas(*straight.to_picture(90.0, 0.0)))
    # Across points to the same side on the card as in the view.
    middle, beside = (view.to_canvas(*straight.to_picture(90.0, across)) for across in (0.0, 5.0))
    aside = np.subtract(layout.to_device(90.0, 5.0), layout.to_device(90.0, 0.0))
    assert float(np.dot(np.subtract(beside, middle), aside)) > 0
    box = layout.box(2000, 2000)
    picture = CardPicture(layout, box)
    plane = np.ones((200, 300), np.uint8)
    x, y = (int(v) for v in straight.to_picture(120.0, 6.0))
    plane[y, x] = 200
    seen = picture.evidence(plane, Box(0, 0, 300, 200))
    rows, columns = np.nonzero(seen == 200)
    there = layout.to_device(*straight.from_picture(x + 0.5, y + 0.5))
    assert columns.mean() + box.left == pytest.approx(there[0], abs=3)
    assert rows.mean() + box.top == pytest.approx(there[1], abs=3)


@pytest.mark.parametrize("corner", [(0, 0), (500, 0), (0, 590), (-300, 590)])
def test_a_card_near_the_rim_is_moved_in_as_far_as_it_fits(corner: tuple[int, int]) -> None:
    way = np.stack([np.arange(20, 200), np.full(180, 4)], axis=1).astype(np.int32)
    straight = Straight(way, 14.0, 200, 300)
    view = View(zoom=2.0, x=corner[0], y=corner[1], height=200, width=300)
    layout = lay_out(straight, 90.0, view, (600, 800))
    for x, y in layout.corners():
        assert -1e-6 <= x <= 800 + 1e-6
        assert -1e-6 <= y <= 600 + 1e-6
    small = lay_out(straight, 90.0, view, (40, 800))  # too low for the card: it stays over its vessel
    assert small.to_device(90.0, 0.0)[1] == pytest.approx(view.to_canvas(*straight.to_picture(90.0, 0.0))[1])


def two_vessels(window: MainWindow, vessel: Document) -> None:
    """Let the mask hold a second vessel, 80 px below the first."""
    answer = np.ones((300, 400), np.uint8)
    for row in (ROW, ROW + 80):
        answer[row - 3 : row + 4, 40:360] = 240
    vessel.set_probability(answer)


def middle_row(window: MainWindow) -> float:
    return float(layout_of(window).straight.centres[:, 1].mean())


def test_the_next_vessel_comes_to_the_pointer(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    two_vessels(window, vessel)
    window.canvas.zoom_by(2.0)
    open_by_key(qtbot, window, 200)
    pointer = window.canvas.place_pointed()
    assert pointer is not None
    at = window.canvas.view.to_canvas(*pointer)
    qtbot.keyClick(window.canvas, Qt.Key.Key_N)
    assert middle_row(window) == pytest.approx(ROW + 80, abs=2)
    layout = layout_of(window)
    assert layout.to_device(0.0, 0.0) == pytest.approx(at, abs=8)
    assert vessel.history.names[0] == []
    qtbot.keyClick(window.canvas, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    assert middle_row(window) == pytest.approx(ROW, abs=2)


def test_looking_at_the_next_vessel_works_out_nothing_of_its_pixels(
    qtbot: QtBot, window: MainWindow, vessel: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_vessels(window, vessel)
    open_by_key(qtbot, window, 200)
    frames: list[Straight] = []
    work_out = Straight._frame.func

    def counted(straight: Straight) -> object:
        frames.append(straight)
        return work_out(straight)

    monkeypatch.setattr(Straight._frame, "func", counted)
    qtbot.keyClick(window.canvas, Qt.Key.Key_N)
    assert frames == []
    stroke(qtbot, window, [(100, 7), (200, 7), (300, 7)], row=ROW + 80)
    assert frames == [layout_of(window).straight]


def test_after_the_last_vessel_it_is_told_and_the_round_begins_again(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    two_vessels(window, vessel)
    open_by_key(qtbot, window, 200)
    told: list[str] = []
    window.canvas.told.connect(told.append)
    qtbot.keyClick(window.canvas, Qt.Key.Key_N)
    qtbot.keyClick(window.canvas, Qt.Key.Key_N)
    assert told == ["Every vessel was looked at; N begins again."]
    assert middle_row(window) == pytest.approx(ROW + 80, abs=2)
    qtbot.keyClick(window.canvas, Qt.Key.Key_N)
    assert middle_row(window) == pytest.approx(ROW, abs=2)


def test_a_stroke_on_a_vessel_of_the_round_lands_on_that_vessel(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    two_vessels(window, vessel)
    open_by_key(qtbot, window, 200)
    qtbot.keyClick(window.canvas, Qt.Key.Key_N)
    stroke(qtbot, window, [(100, 7), (300, 7)], row=ROW + 80)
    mask = vessel.mask()
    assert mask[ROW + 80 + 4 : ROW + 80 + 6, 110:290].all()
    assert not mask[ROW + 4 : ROW + 20].any()


def test_without_a_card_the_key_goes_to_doubtful_places(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    open_by_key(qtbot, window, 200)
    qtbot.keyClick(window.canvas, Qt.Key.Key_Y)
    assert not window.canvas.tool.busy
    qtbot.keyClick(window.canvas, Qt.Key.Key_N)
    assert not window.canvas.tool.busy
    assert "doubtful" in window.status.doubt.text()


def test_arrows_move_along_the_vessel_under_the_pointer(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    window.canvas.zoom_by(3.0)
    open_by_key(qtbot, window, 200)
    pointer = window.canvas.place_pointed()
    assert pointer is not None
    device = window.canvas.view.to_canvas(*pointer)
    before = layout_of(window).to_frame(*device)
    qtbot.keyClick(window.canvas, Qt.Key.Key_Right)
    after = layout_of(window).to_frame(*device)
    assert abs(after[0] - before[0]) == pytest.approx(
        STRETCH_SCREEN_PX / (ALONG * window.canvas.view.zoom), abs=1
    )
    assert after[1] == pytest.approx(before[1], abs=0.5)
    place = layout_of(window).straight.to_picture(*after)
    assert place[0] > pointer[0]
    assert window.canvas.view.to_canvas(place[0], ROW + 0.5) == pytest.approx(device, abs=8)


KEYS = Qt.Key
SHIFT, PLAIN = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(
    ("key", "held", "row", "painted"),
    [
        (KEYS.Key_Up, PLAIN, ROW - 4, True),
        (KEYS.Key_Down, PLAIN, ROW + 4, True),
        (KEYS.Key_Up, SHIFT, ROW + 3, False),
        (KEYS.Key_Down, SHIFT, ROW - 3, False),
    ],
)
def test_arrows_across_push_an_edge_that_way_where_the_pointer_is(
    qtbot: QtBot,
    window: MainWindow,
    vessel: Document,
    key: Qt.Key,
    held: Qt.KeyboardModifier,
    row: int,
    painted: bool,
    mirrored: bool,
) -> None:
    if mirrored:
        window.canvas.mirror()
    window.canvas.zoom_by(3.0)
    open_by_key(qtbot, window, 200)
    before, view = vessel.mask().copy(), window.canvas.view
    qtbot.keyClick(window.canvas, key, held)
    changed = before ^ vessel.mask()
    rows, columns = np.nonzero(changed)
    assert set(rows.tolist()) == {row}
    assert (vessel.mask()[changed] == painted).all()
    length = STRETCH_SCREEN_PX / (ALONG * window.canvas.view.zoom)
    assert len(columns) == pytest.approx(length, abs=1.5)
    assert columns.mean() == pytest.approx(200, abs=2)
    assert window.canvas.view == view
    vessel.undo()
    assert (vessel.mask() == before).all()


def test_on_an_upright_vessel_the_arrows_change_places(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    window.canvas.turn(1)
    window.canvas.zoom_by(3.0)
    open_by_key(qtbot, window, 200)
    before, view = vessel.mask().copy(), window.canvas.view
    qtbot.keyClick(window.canvas, KEYS.Key_Left)
    qtbot.keyClick(window.canvas, KEYS.Key_Right)
    assert set(np.nonzero(before ^ vessel.mask())[0].tolist()) == {ROW - 4, ROW + 4}
    assert window.canvas.view == view
    qtbot.keyClick(window.canvas, KEYS.Key_Down)
    assert window.canvas.view != view


def test_arrows_fill_a_gap_that_the_mask_leaves(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    answer = np.ones((300, 400), np.uint8)
    answer[ROW - 3 : ROW + 4, 40:360] = 240
    answer[:, 185:216] = 1
    answer[ROW - 1 : ROW + 2, 185:216] = 60
    vessel.set_probability(answer)
    window.canvas.zoom_by(3.0)
    open_by_key(qtbot, window, 200)
    qtbot.keyClick(window.canvas, KEYS.Key_Up)
    assert vessel.mask()[ROW, 200]
    assert vessel.mask()[:, 200].sum() == 1
    for key in (KEYS.Key_Up, KEYS.Key_Down):
        qtbot.keyClick(window.canvas, key)
    assert vessel.mask()[:, 200].sum() == 3


def test_pushing_what_is_not_there_is_told_and_changes_nothing(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    vessel.set_probability(np.full((300, 400), 60, np.uint8))
    answer = np.full((300, 400), 1, np.uint8)
    answer[ROW - 1 : ROW + 2, 40:360] = 60
    vessel.set_probability(answer)
    open_by_key(qtbot, window, 200)
    with qtbot.waitSignal(window.canvas.told) as told:
        qtbot.keyClick(window.canvas, KEYS.Key_Up, SHIFT)
    assert "Nothing to move" in told.args[0]
    assert not vessel.corrections.any()


def test_what_is_told_of_a_push_goes_with_it(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    open_by_key(qtbot, window, 200)
    task = window.status.task
    qtbot.keyClick(window.canvas, Qt.Key.Key_Up)
    assert "Ctrl+Z takes it back" in task.text()
    window.action("undo").trigger()
    assert task.text() == ""
    window.status.tell("Something else.")
    window.action("redo").trigger()
    window.action("undo").trigger()
    assert task.text() == "Something else."


def test_a_push_that_is_refused_leaves_the_reason_in_sight(
    qtbot: QtBot, window: MainWindow, vessel: Document
) -> None:
    open_by_key(qtbot, window, 200)
    vessel.lock("Somebody else has it.")
    qtbot.keyClick(window.canvas, Qt.Key.Key_Up)
    assert not vessel.corrections.any()
    assert window.status.task.text() == "Somebody else has it."


def test_in_a_stroke_arrows_pan(qtbot: QtBot, window: MainWindow, vessel: Document) -> None:
    window.canvas.zoom_by(3.0)
    open_by_key(qtbot, window, 200)
    before = window.canvas.view
    qtbot.mousePress(window.canvas, LEFT, pos=on_card(window, 200, 3))
    qtbot.keyClick(window.canvas, KEYS.Key_Up)
    qtbot.mouseRelease(window.canvas, LEFT, pos=on_card(window, 200, 3))
    assert window.canvas.view.y > before.y


@pytest.mark.parametrize("pane", [QSize(800, 600), QSize(330, 600)])
@pytest.mark.parametrize("lowest", [QPointF(500, 560), QPointF(100, 300), QPointF(780, 470)])
def test_card_words_keep_off_the_minimap_and_inside(pane: QSize, lowest: QPointF):
    minimap = QRect(pane.width() - 170, pane.height() - 130, 160, 120)
    words = QSize(200, 15)
    corners = [lowest, lowest - QPointF(0, 200), lowest + QPointF(300, -50)]
    place = words_place(corners, words, pane, minimap)
    covered = QRectF(place.x(), place.y() - words.height(), words.width(), words.height())
    assert not covered.intersects(QRectF(minimap))
    assert QRectF(0, 0, pane.width(), pane.height()).contains(covered)
    alone = words_place(corners, words, pane, None)
    assert alone.y() == pytest.approx(min(lowest.y() + 15, pane.height() - 4))
