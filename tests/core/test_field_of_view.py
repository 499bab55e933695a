from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from tests.tiny_models import fundus_picture
from vesselapp.core.field_of_view import find_field_of_view

Pixels = NDArray[np.uint8]


def _disc(height: int, width: int, diameter: float) -> NDArray[np.bool_]:
    y, x = np.mgrid[0:height, 0:width]
    return np.hypot(x + 0.5 - width / 2, y + 0.5 - height / 2) <= diameter / 2


def _overlap(pixels: Pixels, wanted: NDArray[np.bool_]) -> float:
    found = find_field_of_view(pixels).mask(*wanted.shape) > 0
    return float((found & wanted).sum() / (found | wanted).sum())


def _captioned(pixels: Pixels) -> Pixels:
    captioned = pixels.copy()
    for x, y, words in ((4, 18, "OD 0042"), (pixels.shape[1] - 110, 18, "2019-03-12"), (4, 392, "FOV 45")):
        cv2.putText(captioned, words, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
    return captioned


@pytest.mark.parametrize(
    "surround", [(0, 0, 0), (40, 40, 40), (128, 128, 128), (255, 255, 255), (20, 40, 160)]
)
def test_the_field_is_found_on_any_plain_surround(surround: tuple[int, int, int]) -> None:
    pixels = fundus_picture(400, 460, 360, surround=surround)
    field = find_field_of_view(pixels)
    assert field.circular
    assert field.diameter == pytest.approx(360, rel=0.02)
    assert _overlap(pixels, _disc(400, 460, 360)) > 0.97


@pytest.mark.parametrize("size", [(100, 115), (1500, 1725)])
def test_the_field_is_found_at_any_size(size: tuple[int, int]) -> None:
    pixels = fundus_picture(*size, 0.9 * size[0])
    assert _overlap(pixels, _disc(*size, 0.9 * size[0])) > 0.96


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(slice(30, 370), slice(None)), (slice(None), slice(80, 380)), (slice(None), slice(50, None))],
    ids=["above and below", "left and right", "one side"],
)
def test_a_field_that_the_frame_clips_keeps_its_true_diameter(rows: slice, columns: slice) -> None:
    pixels = np.ascontiguousarray(fundus_picture(400, 460, 380)[rows, columns])
    field = find_field_of_view(pixels)
    assert field.circular
    assert field.diameter == pytest.approx(380, rel=0.02)
    assert _overlap(pixels, _disc(400, 460, 380)[rows, columns]) > 0.98


def test_four_corners_are_enough_for_a_field_clipped_all_round() -> None:
    pixels = np.ascontiguousarray(fundus_picture(400, 460, 380)[40:360, 70:390])
    field = find_field_of_view(pixels)
    assert field.circular
    assert field.diameter == pytest.approx(380, rel=0.03)


def test_a_field_cut_flat_by_the_camera_is_cut_flat_here_too() -> None:
    wanted = _disc(500, 500, 400)
    wanted[:90] = wanted[410:] = False
    pixels = fundus_picture(500, 500, 400)
    pixels[~wanted] = 0
    assert find_field_of_view(pixels).diameter == pytest.approx(400, rel=0.02)
    assert _overlap(pixels, wanted) > 0.97


def test_burned_in_text_and_bars_do_not_move_the_field() -> None:
    pixels = _captioned(fundus_picture(400, 460, 360))
    assert _overlap(pixels, _disc(400, 460, 360)) > 0.97
    barred = np.concatenate([np.full((30, 460, 3), 230, np.uint8), pixels])
    wanted = np.pad(_disc(400, 460, 360), ((30, 0), (0, 0)))
    assert _overlap(barred, wanted) > 0.95


def test_a_field_without_a_border_is_the_whole_picture() -> None:
    pixels = np.ascontiguousarray(fundus_picture(700, 700, 690)[130:570, 130:570])
    field = find_field_of_view(pixels)
    assert not field.found
    assert field.mask(440, 440).all()


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((300, 400, 3), np.uint8),
        np.full((300, 400, 3), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((1, 500, 3), np.uint8),
        skimage.data.chelsea(),
        skimage.data.astronaut(),
        skimage.data.immunohistochemistry(),
    ],
    ids=["black", "white", "noise", "one pixel", "one row", "cat", "astronaut", "tissue"],
)
def test_what_is_no_fundus_has_no_field(pixels: Pixels) -> None:
    field = find_field_of_view(pixels)
    assert not field.found
    assert field.mask(*pixels.shape[:2]).all()


def test_the_mask_of_a_strip_is_the_strip_of_the_mask() -> None:
    field = find_field_of_view(fundus_picture(300, 340, 280))
    whole = field.mask(300, 340)
    strips = [field.mask(min(37, 300 - top), 340, top=top) for top in range(0, 300, 37)]
    assert np.array_equal(np.concatenate(strips), whole)


def test_the_field_found_is_the_one_that_was_drawn_by_hand(shared_data: Path) -> None:
    """All 35 pictures of both sets, at a third of their width or less to be quick."""
    overlaps = {}
    for name, pattern in (("chase_db1", "{}*"), ("hrf", "{}_mask*")):
        for path in sorted((shared_data / "fundus" / name / "images").iterdir()):
            drawn = next((shared_data / "fundus" / name / "fov").glob(pattern.format(path.stem)))
            with Image.open(path) as image, Image.open(drawn) as mask:
                size = (min(image.width, 1100), round(image.height * min(1, 1100 / image.width)))
                image.draft("RGB", size)
                pixels = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX))
                wanted = np.asarray(mask.convert("L").resize(size, Image.Resampling.NEAREST)) > 127
            overlaps[path.name] = _overlap(pixels, wanted)
    assert len(overlaps) == 35
    assert min(overlaps.values()) > 0.98, min(overlaps, key=overlaps.__getitem__)
    assert sum(overlaps.values()) / 35 > 0.99
