"""How masks are read, whatever values they are written with and however they are turned."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainer.pictures import read_mask, read_picture
from trainer.readers import read_sets
from vesselapp.core.errors import VesselError

MASK = np.zeros((40, 60), bool)
MASK[4:20, 8:30] = True
RED = MASK[:, :, None] * np.array([255, 0, 0], np.uint8)


@pytest.mark.parametrize(
    "plane",
    [MASK * np.uint8(1), MASK * np.uint8(76), MASK * np.uint8(255), RED, MASK * np.uint16(65535)],
    ids=["one", "gray", "white", "red", "16 bit"],
)
def test_a_mask_of_two_values_is_foreground_where_it_is_not_0(tmp_path: Path, plane: np.ndarray):
    Image.fromarray(plane).save(tmp_path / "a.png")
    assert np.array_equal(read_mask(tmp_path / "a.png"), MASK)
    Image.fromarray(plane * 0).save(tmp_path / "a.png")
    assert not read_mask(tmp_path / "a.png").any()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_numbers_of_few_objects_are_foreground(tmp_path: Path, count: int, kind: type):
    plane = np.zeros((40, 60), kind)
    for number in range(count):
        plane[4:20, 2 + 20 * number : 15 + 20 * number] = number + 1
    Image.fromarray(plane).save(tmp_path / "a.png")
    assert np.array_equal(read_mask(tmp_path / "a.png"), plane > 0)


@pytest.mark.parametrize(("gray", "counts"), [(127, False), (128, True)])
def test_of_a_bright_mask_with_gray_areas_the_upper_half_is_foreground(
    tmp_path: Path, gray: int, counts: bool
):
    plane = MASK * np.uint8(255)
    plane[25:35, 20:50] = gray
    Image.fromarray(plane).save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png")[25:35, 20:50].all() == counts
    assert read_mask(tmp_path / "a.png")[MASK].all()


@pytest.mark.parametrize("plane", [MASK * np.uint8(255), RED], ids=["white", "red"])
def test_noise_of_jpeg_is_no_foreground(tmp_path: Path, plane: np.ndarray):
    Image.fromarray(plane).save(tmp_path / "a.jpg", quality=85)
    assert np.mean(read_mask(tmp_path / "a.jpg") != MASK) < 0.02
    Image.fromarray(MASK * np.uint8(1)).save(tmp_path / "a.jpg", quality=85)
    assert not read_mask(tmp_path / "a.jpg").any()


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_masks_are_turned_as_their_pictures_are(tmp_path: Path, orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    gray = np.where(MASK, 40, 200).astype(np.uint8)
    for kind, plane in (("images", gray), ("masks", MASK), ("masks_2nd", MASK), ("fov", MASK)):
        (tmp_path / kind).mkdir()
        plane = plane * np.uint8(255) if plane.dtype == bool else plane
        Image.fromarray(plane).save(tmp_path / kind / "a.png", exif=exif)
    (tmp_path / "labels").mkdir()
    Image.fromarray(MASK.astype(np.uint16) * 3).save(tmp_path / "labels" / "a.png", exif=exif)
    picture = read_picture(read_sets([tmp_path])[0], "cells")
    dark = picture.pixels[:, :, 0] < 100
    assert dark.shape == (MASK.shape if orientation < 5 else MASK.shape[::-1])
    for plane in (picture.mask, picture.second, picture.inside, picture.instances == 3):
        assert np.array_equal(plane, dark)


def test_a_field_of_view_in_which_nothing_is_marked_is_refused(tmp_path: Path):
    for kind, plane in (("images", MASK), ("masks", MASK), ("fov", MASK & False)):
        (tmp_path / kind).mkdir()
        Image.fromarray(plane * np.uint8(255)).save(tmp_path / kind / "a.png")
    with pytest.raises(VesselError, match="nothing is marked"):
        read_picture(read_sets([tmp_path])[0], "vessels")
