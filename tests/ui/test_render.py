import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vesselapp.core.geometry import Box
from vesselapp.core.pyramid import Pyramid, halve_evidence, halve_pixels
from vesselapp.ui.looks import OverlayLook, PictureLook, contour_of
from vesselapp.ui.render import device_box, sample_evidence, sample_pixels
from vesselapp.ui.view import View

zooms = st.floats(1 / 16, 64, allow_nan=False)
offsets = st.integers(-3000, 3000)
PLANE = np.random.default_rng(0).integers(1, 256, (1100, 1300)).astype(np.uint8)
PIXELS = np.random.default_rng(1).integers(0, 256, (1100, 1300, 3)).astype(np.uint8)
EVIDENCE = Pyramid(PLANE, halve_evidence)
PICTURE = Pyramid(PIXELS, halve_pixels)
CANVAS = Box(0, 0, 200, 150)


@given(st.floats(1, 64), offsets, offsets)
def test_zoomed_in_each_device_pixel_shows_the_pixel_under_its_centre(zoom: float, x: int, y: int) -> None:
    view = View(zoom, x, y)
    shown, pixels = sample_evidence(EVIDENCE, view, CANVAS), sample_pixels(PICTURE, view, CANVAS, (9, 8, 7))
    for dy, dx in ((0, 0), (75, 100), (149, 199), (31, 190)):
        px, py = view.to_picture(dx + 0.5, dy + 0.5)
        if 0 <= px < 1300 and 0 <= py < 1100:
            row, column = min(math.floor(py), 1099), min(math.floor(px), 1299)
            assert shown[dy, dx] == PLANE[row, column]
            assert pixels[dy, dx, :3].tolist() == PIXELS[row, column, ::-1].tolist()
        else:
            assert shown[dy, dx] == 1
            assert pixels[dy, dx, :3].tolist() == [7, 8, 9]


@given(zooms, st.integers(-1500, 200), st.integers(-1500, 200))
def test_a_part_is_sampled_as_in_the_whole(zoom: float, x: int, y: int) -> None:
    view, part = View(zoom, x, y), Box(37, 21, 141, 99)
    whole = sample_evidence(EVIDENCE, view, CANVAS)
    assert np.array_equal(sample_evidence(EVIDENCE, view, part), whole[part.slices])


@given(zooms, st.integers(-1500, 200), st.integers(-1500, 200), st.data())
def test_a_change_shows_only_inside_its_device_box(zoom: float, x: int, y: int, data: st.DataObject) -> None:
    left, top = data.draw(st.integers(0, 1299)), data.draw(st.integers(0, 1099))
    box = Box(left, top, left + data.draw(st.integers(1, 90)), top + data.draw(st.integers(1, 90)))
    box = box.clipped(1100, 1300)
    view = View(zoom, x, y)
    pyramid = Pyramid(PLANE.copy(), halve_evidence)
    before = sample_evidence(pyramid, view, CANVAS)
    pyramid.levels[0][box.slices] = 255 - pyramid.levels[0][box.slices]
    pyramid.update(box)
    changed = sample_evidence(pyramid, view, CANVAS) != before
    changed[device_box(box, view, 150, 200).slices] = False
    assert not changed.any()


def test_zoomed_out_pixels_keep_their_mean() -> None:
    smooth = np.broadcast_to(np.linspace(0, 255, 1300)[None, :, None], (1100, 1300, 3)).astype(np.uint8)
    view = View(0.13, 10, 0)
    shown = sample_pixels(Pyramid(np.ascontiguousarray(smooth), halve_pixels), view, CANVAS, (0, 0, 0))
    for dx in (20, 90, 170):
        expected = view.to_picture(dx + 0.5, 0)[0] / 1300 * 255
        assert abs(int(shown[50, dx, 0]) - expected) < 2


@given(zooms, offsets, offsets, st.floats(0.2, 5), st.integers(0, 200), st.integers(0, 150))
def test_zoom_holds_the_place_under_the_pointer(
    zoom: float, x: int, y: int, factor: float, at_x: int, at_y: int
) -> None:
    assume(1 / 200 < zoom * factor < 64)
    view = View(zoom, x, y)
    after = view.zoomed(factor, at_x, at_y)
    place = after.to_canvas(*view.to_picture(at_x, at_y))
    assert place == pytest.approx((at_x, at_y), abs=0.51)


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(50, 4000), st.integers(50, 4000))
def test_fit_shows_all_of_the_picture(height: int, width: int, high: int, wide: int) -> None:
    view = View(height=height, width=width).fitted((high, wide))
    left, top = view.to_canvas(0, 0)
    right, bottom = view.to_canvas(width, height)
    assert left >= -1
    assert top >= -1
    assert right <= wide + 1
    assert bottom <= high + 1


def test_a_view_stays_in_sight() -> None:
    view = View(2.0, 99999, -99999, 100, 100).kept_in_sight((400, 600))
    assert 0 <= view.x <= 600
    assert -200 <= view.y <= 400
    assert View(height=100, width=100).centred((400, 600), 1.0) == View(1.0, 250, 150, 100, 100)


def test_the_overlay_table_shows_the_mask_and_nothing_else() -> None:
    table = OverlayLook((255, 0, 0), 0.5).table(100)
    assert [value for value in range(256) if table[value] and value != 254] == [*range(100, 254), 255]
    assert table[100] == 0x80FF0000
    assert table[254] != table[255]


def test_the_contour_is_the_inner_edge() -> None:
    evidence = np.ones((20, 20), np.uint8)
    evidence[5:15, 5:15] = 255
    evidence[0, 0] = 254
    edge = contour_of(evidence, 100)
    ring = np.zeros((20, 20), bool)
    ring[5:15, 5:15] = True
    ring[6:14, 6:14] = False
    assert np.array_equal(edge == 1, ring)
    assert edge[0, 0] == 2


@given(
    st.floats(0.25, 20),
    st.integers(-300, 300),
    st.integers(0, 3),
    st.booleans(),
    st.integers(0, 199),
    st.integers(0, 149),
)
def test_turned_views_show_the_pixel_they_point_at(
    zoom: float, x: int, turns: int, mirrored: bool, dx: int, dy: int
) -> None:
    view = View(zoom, x, -x // 2, 1100, 1300, turns, mirrored)
    px, py = view.to_picture(dx + 0.5, dy + 0.5)
    assert view.to_canvas(px, py) == pytest.approx((dx + 0.5, dy + 0.5), abs=1e-6)
    if zoom >= 1 and 0 <= px < 1300 and 0 <= py < 1100:
        near_edge = min(px % 1, 1 - px % 1, py % 1, 1 - py % 1) < 1e-6
        assume(not near_edge)
        shown = sample_evidence(EVIDENCE, view, CANVAS)
        assert shown[dy, dx] == PLANE[math.floor(py), math.floor(px)]


@given(st.integers(0, 3), st.booleans(), st.integers(0, 1200), st.integers(0, 1000))
def test_boxes_go_to_the_canvas_and_back(turns: int, mirrored: bool, left: int, top: int) -> None:
    view = View(2.0, 30, -40, 1100, 1300, turns, mirrored)
    box = Box(left, top, left + 40, top + 60)
    assert view.box_in_picture(view.box_on_canvas(box)) == box


def test_turning_about_the_middle_keeps_it_there() -> None:
    view = View(1.5, -200, -300, 1100, 1300)
    middle = view.to_picture(100, 75)
    turned = View(1.5, 0, 0, 1100, 1300, 1, True).centred_on(*middle, (150, 200))
    assert turned.to_picture(100, 75) == pytest.approx(middle, abs=0.5)


@pytest.mark.parametrize("channel", ["colour", "red", "red-free (green)", "blue"])
def test_looks_change_what_is_shown_and_nothing_else(channel: str) -> None:
    pixels = sample_pixels(PICTURE, View(1.0), CANVAS, (0, 0, 0))
    before = pixels.copy()
    shown = PictureLook(channel).apply(pixels)
    place = {"red": 2, "red-free (green)": 1, "blue": 0}.get(channel)
    if place is None:
        assert shown is pixels
    else:
        assert np.array_equal(shown[:, :, 0], before[:, :, place])
        assert np.array_equal(shown[:, :, 2], before[:, :, place])
    for look in (PictureLook(channel, equalised=True), PictureLook(channel, gamma=2.0, contrast=0.3)):
        assert (look.apply(pixels)[:, :, :3] != shown[:, :, :3]).any()
    assert np.array_equal(pixels, before)


def test_gamma_and_brightness_lighten_contrast_spreads() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (2, 1, 4))
    middle = ramp[0, 128, 0]
    assert PictureLook(gamma=2.0).apply(ramp)[0, 128, 0] > middle
    assert PictureLook(brightness=0.2).apply(ramp)[0, 128, 0] > middle
    spread = PictureLook(contrast=0.5).apply(ramp)
    assert spread[0, 60, 0] < 60
    assert spread[0, 200, 0] > 200


def test_the_band_and_the_persons_part_have_colours_of_their_own() -> None:
    plain = OverlayLook((255, 0, 0), 0.5).table(100)
    told = OverlayLook((255, 0, 0), 0.5, band=10, tell_corrections=True).table(100)
    changed = {value for value in range(256) if plain[value] != told[value]}
    assert changed == {0, 255, *range(90, 111)}
    assert told[95] == told[105]


def test_pictures_wider_than_32767_px_are_shown() -> None:
    plane = np.ones((60, 40_000), np.uint8)
    plane[:, 39_990:] = 255
    pixels = np.zeros((60, 40_000, 3), np.uint8)
    pixels[:, 39_990:] = 200
    evidence, picture = Pyramid(plane, halve_evidence), Pyramid(pixels, halve_pixels)
    for zoom in (0.004, 0.3, 1.0, 7.0):
        view = View(zoom, round(190 - 39_995 * zoom), 20, 60, 40_000)
        place = view.to_canvas(39_995, 0)
        dx, dy = int(place[0]), 20
        assert sample_evidence(evidence, view, CANVAS)[dy, dx] in (255, 1)
        shown = sample_pixels(picture, view, CANVAS, (1, 2, 3))
        if zoom >= 0.3:
            assert sample_evidence(evidence, view, CANVAS)[dy, dx] == 255
            assert shown[dy, dx, 0] > 150


def test_a_contour_shows_band_and_corrections_too() -> None:
    evidence = np.full((20, 20), 20, np.uint8)
    evidence[5:15, 5:15] = 200
    evidence[2, 2], evidence[17, 17], evidence[2, 17], evidence[8, 8] = 95, 0, 254, 105
    look = OverlayLook((255, 0, 0), 0.5, contour_only=True)
    assert np.array_equal(look.contour(evidence, 100), contour_of(evidence, 100))
    told = OverlayLook((255, 0, 0), 0.5, contour_only=True, band=10, tell_corrections=True)
    plane, table, fill = told.contour(evidence, 100), told.contour_table(), told.table(100)
    for place in ((2, 2), (17, 17), (2, 17), (8, 8)):
        assert table[plane[place]] == fill[evidence[place]] != 0
    assert table[plane[5, 5]] == 0xFFFF0000
    assert table[plane[10, 10]] == table[plane[0, 0]] == 0
