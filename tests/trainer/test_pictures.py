"""How the parts of a case are read, however they are turned."""

import dataclasses
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.trainer.conftest import save
from trainer.pictures import prepare, read_picture
from trainer.readers import read_sets
from trainer.recipes import RECIPES, Recipe
from vesselapp.core.errors import VesselError

MASK = np.zeros((40, 60), bool)
MASK[4:20, 8:30] = True


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


def test_a_sets_own_field_of_view_counts_in_training_as_in_measuring(
    tmp_path: Path, fundus_set: Path, tiny: Recipe
):
    data = shutil.copytree(fundus_set, tmp_path / "eyes")
    half = np.zeros((160, 160), bool)
    half[:, :80] = True
    for file in (data / "fov").iterdir():
        save(file, half)
    case = read_sets([data])[0]
    lesson = prepare(read_picture(case, "vessels"), tiny)
    found = prepare(read_picture(dataclasses.replace(case, fov=None), "vessels"), tiny)
    middle = lesson.valid.shape[1] // 2
    assert np.array_equal(lesson.valid[:, : middle - 2], found.valid[:, : middle - 2])
    assert not lesson.valid[:, middle + 2 :].any()


def test_a_field_of_view_apart_from_the_eye_that_is_found_is_refused(
    tmp_path: Path, fundus_set: Path, tiny: Recipe
):
    corner = np.zeros((160, 160), bool)
    corner[:5, :5] = True
    save(tmp_path / "corner.png", corner)
    case = dataclasses.replace(read_sets([fundus_set])[0], fov=tmp_path / "corner.png")
    with pytest.raises(VesselError, match=r"corner\.png lies apart from the eye"):
        prepare(read_picture(case, "vessels"), tiny)


@pytest.mark.parametrize("first", [1, 2**16, 2**24 * 4, 2**31 - 100, 2**32 - 100])
def test_object_numbers_may_be_of_any_size(tmp_path: Path, first: int):
    objects = np.zeros((40, 60), np.uint32)
    objects[4:20, 8:20], objects[4:20, 20:30], objects[25:30, 5:10] = first, first + 1, first + 9
    for kind, plane in (("images", MASK * np.uint8(255)), ("masks", (objects > 0) * np.uint8(255))):
        save(tmp_path / kind / "a.png", plane)
    (tmp_path / "labels").mkdir()
    tifffile.imwrite(tmp_path / "labels" / "a.tif", objects if first > 2**31 else objects.astype(np.int32))
    picture = read_picture(read_sets([tmp_path])[0], "cells")
    assert picture.instances is not None
    assert picture.instances.dtype == np.int32
    assert picture.instances.max() < 2**16
    expected = np.unique(objects, return_inverse=True)[1].reshape(objects.shape)
    assert np.array_equal(np.unique(picture.instances, return_inverse=True)[1].reshape(40, 60), expected)
    assert np.array_equal(picture.instances > 0, objects > 0)
    inside = prepare(picture, RECIPES["cells"]).truth[..., 0]
    assert cv2.connectedComponents(inside)[0] == 4  # touching cells too are told apart
