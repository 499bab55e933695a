import dataclasses
import errno
import gzip
import io
import json
import os
import sys
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.trainer.conftest import draw_fundus, save
from trainer.lineage import Seen, split_after
from trainer.metrics import count_objects
from trainer.pictures import cell_truth, prepare, read_picture
from trainer.readers import read_sets
from trainer.recipes import RECIPES, Recipe, scale_of
from trainer.split import make_split, read_split
from vesselapp.core.errors import VesselError
from vesselapp.inference.objects import median_diameter

PIXELS, VESSELS, FIELD = draw_fundus(0)


def save_gif(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)


def save_ppm_gz(path: Path, plane: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.fromarray(plane.astype(np.uint8) * (255 if plane.dtype == bool else 1)).save(buffer, "PPM")
    path.write_bytes(gzip.compress(buffer.getvalue()))


def drive(root: Path) -> None:
    for half, number in (("training", 21), ("test", 1)):
        save(root / half / "images" / f"{number:02d}_{half}.tif", PIXELS)
        save_gif(root / half / "1st_manual" / f"{number:02d}_manual1.gif", VESSELS)
        save_gif(root / half / "mask" / f"{number:02d}_{half}_mask.gif", FIELD)
    save_gif(root / "test" / "2nd_manual" / "01_manual2.gif", VESSELS)


def stare(root: Path) -> None:
    save_ppm_gz(root / "im0001.ppm.gz", PIXELS)
    save_ppm_gz(root / "labels-ah" / "im0001.ah.ppm.gz", VESSELS)
    save_ppm_gz(root / "labels-vk" / "im0001.vk.ppm.gz", VESSELS)


def chase(root: Path) -> None:
    for eye in "LR":
        save(root / f"Image_01{eye}.jpg", PIXELS)
        save(root / f"Image_01{eye}_1stHO.png", VESSELS)
        save(root / f"Image_01{eye}_2ndHO.png", VESSELS)


def hrf(root: Path) -> None:
    for stem, ending in (("01_h", "jpg"), ("01_dr", "JPG")):
        save(root / "images" / f"{stem}.{ending}", PIXELS)
        save(root / "manual1" / f"{stem}.tif", VESSELS)
        save(
            root / "mask" / f"{stem}_mask.tif", np.repeat(FIELD[:, :, None].astype(np.uint8) * 255, 3, axis=2)
        )


def plain(root: Path) -> None:
    save(root / "images" / "a.png", PIXELS)
    save(root / "masks" / "a.png", VESSELS)


def test_pictures_of_stare_without_a_mask_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    stare(tmp_path)
    save_ppm_gz(tmp_path / "im0002.ppm.gz", PIXELS)
    assert [case.key for case in read_sets([tmp_path])] == [f"{tmp_path.name}/im0001"]
    assert "left out (first: im0002.ppm.gz)" in capsys.readouterr().err


def test_what_else_lies_in_a_sets_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    plain(tmp_path / "set")
    assert len(read_sets([tmp_path / "set"])) == 1
    assert not capsys.readouterr().err
    chase(tmp_path / "set" / "chase")
    assert len(read_sets([tmp_path / "set"])) == 1
    assert f"{tmp_path / 'set'} was read as one set; 6 of the picture files" in capsys.readouterr().err
    stare(tmp_path / "chase")
    chase(tmp_path / "chase")
    assert len(read_sets([tmp_path / "chase"])) == 1
    assert "left out (first: Image_01L.jpg)" in capsys.readouterr().err


def test_parts_of_one_set_share_their_people(tmp_path: Path):
    for person in range(10):
        for side, half in (("L", "train"), ("R", "val")):
            save(tmp_path / "eyes" / half / "images" / f"p{person}_{side}.png", PIXELS[:8, :8])
            save(tmp_path / "eyes" / half / "masks" / f"p{person}_{side}.png", VESSELS[:8, :8])
    cases = read_sets([tmp_path / "eyes" / "train", tmp_path / "eyes" / "val"])
    assert [c.key for c in cases] == [c.key for c in read_sets([tmp_path])]
    sides = make_split(cases)
    learn, held = ({c.subject for c in cases if c.key in sides[side]} for side in ("train", "validation"))
    assert held
    assert not learn & held


def test_parts_of_two_sets_stay_two_sets(tmp_path: Path):
    for name in ("one", "two"):
        plain(tmp_path / name / "train")
    keys = [case.key for case in read_sets([tmp_path / "one" / "train", tmp_path / "two" / "train"])]
    assert keys == ["one/train/a", "two/train/a"]


def test_a_set_is_named_where_one_stands_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plain(tmp_path / "eyes")
    (tmp_path / "eyes" / "x").mkdir()
    for here, folder in (("eyes", "."), ("eyes/x", ".."), (".", "eyes"), ("eyes/x", "../images/..")):
        monkeypatch.chdir(tmp_path / here)
        assert [case.key for case in read_sets([Path(folder)])] == ["eyes/a"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_no_file_could_keep_is_told(tmp_path: Path):
    plain(tmp_path / "set")
    for folder in ("images", "masks"):
        (tmp_path / "set" / folder / "a.png").rename(tmp_path / "set" / folder / os.fsdecode(b"\xe4.png"))
    with pytest.raises(VesselError, match=r"The name set/\\udce4 is no UTF-8"):
        read_sets([tmp_path / "set"])


def test_a_picture_packed_and_unpacked_is_told(tmp_path: Path):
    stare(tmp_path)
    (tmp_path / "im0001.ppm").write_bytes(gzip.decompress((tmp_path / "im0001.ppm.gz").read_bytes()))
    with pytest.raises(VesselError, match=r"im0001\.ppm and im0001\.ppm\.gz in .* Leave one"):
        read_sets([tmp_path])


@pytest.mark.parametrize(
    ("layout", "count", "second", "fov"),
    [(drive, 2, 1, 2), (stare, 1, 1, 0), (chase, 2, 2, 0), (hrf, 2, 0, 2), (plain, 1, 0, 0)],
)
def test_fundus_layouts(tmp_path: Path, layout, count: int, second: int, fov: int):
    layout(tmp_path / "set")
    cases = read_sets([tmp_path / "set"])
    assert len(cases) == count
    assert sum(case.second is not None for case in cases) == second
    assert sum(case.fov is not None for case in cases) == fov
    assert read_sets([tmp_path]) == cases  # a folder of sets
    for case in cases:
        picture = read_picture(case, "vessels")
        assert np.array_equal(picture.mask, VESSELS)
        assert picture.pixels.shape == PIXELS.shape
        assert (picture.inside & FIELD).sum() > 0.9 * FIELD.sum()


def test_chase_keeps_both_eyes_of_a_child_together(tmp_path: Path):
    chase(tmp_path / "set")
    assert {case.subject for case in read_sets([tmp_path / "set"])} == {"01"}


def objects() -> np.ndarray:
    plane = np.zeros((40, 60), np.int32)
    plane[5:15, 5:15], plane[5:15, 15:25], plane[25:35, 30:40] = 1, 2, 3
    return plane


def test_stage1_train(tmp_path: Path):
    folder = tmp_path / "stage1_train" / "abc"
    save(folder / "images" / "abc.png", np.zeros((40, 60, 3), np.uint8))
    for number in (1, 2, 3):
        save(folder / "masks" / f"{number}.png", objects() == number)
    (case,) = read_sets([tmp_path / "stage1_train"])
    picture = read_picture(case, "cells")
    assert picture.instances is not None
    assert len(np.unique(picture.instances)) == 4
    assert np.array_equal(picture.mask, objects() > 0)
    assert median_diameter(picture.instances) == pytest.approx(np.sqrt(400 / np.pi))


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32])
@pytest.mark.parametrize("beside", [True, False])
def test_numbers_below_0_are_no_objects(tmp_path: Path, kind: type, beside: bool):
    numbers = objects()
    numbers[:, 12] = -1  # left out, or a line between objects
    save(tmp_path / "set" / "images" / "a.png", np.zeros((40, 60, 3), np.uint8))
    save(tmp_path / "set" / "masks" / "a.png", numbers > 0)
    folder = tmp_path / "set" / ("labels" if beside else "masks")
    folder.mkdir(exist_ok=True)
    if not beside:
        (folder / "a.png").unlink()
    tifffile.imwrite(folder / "a.tif", numbers.astype(kind))
    picture = read_picture(read_sets([tmp_path / "set"])[0], "cells")
    assert np.array_equal(picture.mask, numbers > 0)
    assert picture.instances is not None
    assert np.array_equal(picture.instances, np.maximum(numbers, 0))
    counted = count_objects(objects(), picture.instances)
    assert (counted.said, counted.there, counted.hits) == (3, 3, 3)


def test_instances_as_one_file_and_bccd(tmp_path: Path):
    save(tmp_path / "nuclei" / "images" / "a.png", np.zeros((40, 60, 3), np.uint8))
    save(tmp_path / "nuclei" / "masks" / "a.png", objects() > 0)
    save(tmp_path / "nuclei" / "labels" / "a.png", objects().astype(np.uint16))
    save(tmp_path / "bccd" / "original" / "b.png", np.zeros((40, 60, 3), np.uint8))
    save(tmp_path / "bccd" / "mask" / "b.png", objects() > 0)
    bccd, nuclei = read_sets([tmp_path])
    assert np.array_equal(read_picture(nuclei, "cells").instances, objects())
    assert np.array_equal(read_picture(bccd, "cells").mask, objects() > 0)


@pytest.mark.parametrize("name", ["mask", "Mask", "MASK"])
def test_truth_is_never_the_field_of_view_too(tmp_path: Path, name: str):
    save(tmp_path / "set" / "Original" / "b.png", PIXELS)
    save(tmp_path / "set" / name / "b.png", VESSELS)
    (case,) = read_sets([tmp_path / "set"])
    assert case.fov is None


def test_touching_cells_are_parted_by_border():
    inside, border, background = (cell_truth(objects())[..., c] > 0 for c in range(3))
    assert np.array_equal(inside | border, objects() > 0)
    assert np.array_equal(background, objects() == 0)
    assert border[10, 14]
    assert border[10, 15]
    assert cv2.connectedComponents(inside.astype(np.uint8))[0] - 1 == 3


def test_working_scale(tmp_path: Path):
    plain(tmp_path / "set")
    picture = read_picture(read_sets([tmp_path / "set"])[0], "vessels")
    recipe = RECIPES["fundus-vessels"]
    scaled = prepare(picture, recipe)
    assert abs(scaled.pixels.shape[0] - recipe.size) <= 12
    assert scaled.truth.shape == (*scaled.valid.shape, 1)
    assert scaled.truth.mean() / 255 == pytest.approx(VESSELS.sum() / FIELD.sum() * np.pi / 4, rel=0.05)


def test_finely_resolved_pictures_are_learnt_at_the_scale_they_are_used_at(tmp_path: Path):
    plain(tmp_path / "set")
    picture = read_picture(read_sets([tmp_path / "set"])[0], "vessels")
    assert picture.field is not None
    recipe = dataclasses.replace(RECIPES["fundus-vessels"], size=40, share=0.5)
    side = prepare(picture, recipe).pixels.shape[0]
    assert side == pytest.approx(scale_of(recipe).working_diameter(picture.field.diameter), abs=3)
    assert side > 45
    assert abs(prepare(picture, dataclasses.replace(recipe, share=0.0)).pixels.shape[0] - 40) <= 3


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda root: (root / "masks" / "a.png").unlink(), "have no mask"),
        (lambda root: save(root / "masks" / "a.png", VESSELS[:50]), "it is 160 x 50 px, its picture"),
        (lambda root: (root / "images" / "a.png").write_bytes(b"no"), "a.png"),
    ],
)
def test_bad_sets_are_one_sentence(tmp_path: Path, spoil, said: str):
    plain(tmp_path)
    spoil(tmp_path)
    with pytest.raises(VesselError, match=said):
        [read_picture(case, "vessels") for case in read_sets([tmp_path])]


def test_no_pictures_and_no_folder(tmp_path: Path):
    with pytest.raises(VesselError, match="No pictures with masks"):
        read_sets([tmp_path])
    with pytest.raises(VesselError, match="doesn't exist"):
        read_sets([tmp_path / "nowhere"])
    (tmp_path / "file").touch()
    with pytest.raises(VesselError, match="file is no folder"):
        read_sets([tmp_path / "file"])


def test_split_keeps_subjects_and_is_stable(tmp_path: Path):
    for child in range(1, 11):
        for eye in "LR":
            save(tmp_path / "chase" / f"Image_{child:02d}{eye}.jpg", PIXELS[:8, :8])
            save(tmp_path / "chase" / f"Image_{child:02d}{eye}_1stHO.png", VESSELS[:8, :8])
    cases = read_sets([tmp_path])
    sides = make_split(cases)
    assert len(sides["validation"]) == 4
    assert not {key[:-1] for key in sides["train"]} & {key[:-1] for key in sides["validation"]}
    assert make_split(cases[::-1]) == sides
    (tmp_path / "split.json").write_text(json.dumps(sides))
    learn, held = read_split(tmp_path / "split.json", cases)
    assert [case.key for case in held] == sides["validation"]
    assert len(learn) == 16
    with pytest.raises(VesselError, match="is in none of the data folders"):
        read_split(tmp_path / "split.json", cases[:3])


def test_recipes_are_whole():
    assert all(isinstance(recipe, Recipe) and recipe.name == name for name, recipe in RECIPES.items())


def test_both_eyes_of_a_person_stay_together_under_any_names(tmp_path: Path):
    for person in range(1, 7):
        for eye in ("OD", "OS"):
            save(tmp_path / "clinic" / "images" / f"p{person}_{eye}.png", PIXELS[:8, :8])
            save(tmp_path / "clinic" / "masks" / f"p{person}_{eye}_mask.png", VESSELS[:8, :8])
    sides = make_split(read_sets([tmp_path / "clinic"]))
    people = [{key.partition("/")[2][:2] for key in sides[side]} for side in ("train", "validation")]
    assert people[1]
    assert not people[0] & people[1]


def test_two_files_of_one_stem_are_told(tmp_path: Path):
    plain(tmp_path)
    save(tmp_path / "masks" / "a_mask.png", VESSELS & False)
    with pytest.raises(VesselError, match=r"a\.png and a_mask\.png in .*masks are both of 'a'"):
        read_sets([tmp_path])
    (tmp_path / "masks" / "a_mask.png").unlink()
    save(tmp_path / "images" / "a.tif", PIXELS)
    with pytest.raises(VesselError, match=r"a\.png and a\.tif in .*images"):
        read_sets([tmp_path])


def test_sets_two_levels_down_are_found_beside_others(tmp_path: Path):
    plain(tmp_path / "eyes")
    for half in ("train", "test"):
        save(tmp_path / "lay" / half / "original" / f"{half}.png", PIXELS)
        save(tmp_path / "lay" / half / "mask" / f"{half}.png", VESSELS)
    assert {case.key for case in read_sets([tmp_path])} == {"eyes/a", "lay/train/train", "lay/test/test"}


def test_hidden_files_are_no_pictures_and_capitals_do_not_matter(tmp_path: Path):
    save(tmp_path / "Images" / "Image.png", PIXELS)
    save(tmp_path / "Masks" / "Image.png", VESSELS)
    for folder in ("Images", "Masks"):
        (tmp_path / folder / "._Image.png").write_bytes(b"Mac OS X")
    (case,) = read_sets([tmp_path])
    assert case.name == "Image"
    stage = tmp_path / "cells" / "stage1_train" / "abc"
    save(stage / "images" / "abc.png", PIXELS)
    save(stage / "masks" / "1.png", VESSELS)
    for folder in ("images", "masks"):
        (stage / folder / "._abc.png").write_bytes(b"Mac OS X")
    (case,) = read_sets([tmp_path / "cells"])
    assert len(case.masks) == 1


def test_umlauts_match_however_a_system_writes_them(tmp_path: Path):
    apart, joined = (unicodedata.normalize(form, "M\u00fcller") for form in ("NFD", "NFC"))
    save(tmp_path / apart / "images" / f"{apart}.png", PIXELS)
    save(tmp_path / apart / "masks" / f"{joined}.png", VESSELS)
    (case,) = cases = read_sets([tmp_path / apart])
    assert case.key == f"{joined}/{joined}"
    (tmp_path / "split.json").write_text(json.dumps({"train": [f"{apart}/{apart}"], "validation": []}))
    assert read_split(tmp_path / "split.json", cases) == (cases, [])


@pytest.mark.parametrize("name", ["01_test_mask.gif", "03_dr_mask.tif"])
def test_a_field_of_view_is_no_truth(tmp_path: Path, name: str):
    test = tmp_path / "DRIVE" / "test"
    save(test / "images" / name.replace("_mask", "").replace("gif", "tif"), PIXELS)
    (test / "mask").mkdir()
    save_gif(test / "mask" / name, FIELD)
    for folder in (tmp_path / "DRIVE", test):
        with pytest.raises(VesselError, match="fields of view"):
            read_sets([folder])


def test_specks_do_not_decide_how_far_cells_are_enlarged(tmp_path: Path):
    mask = np.zeros((256, 256), np.uint8)
    for row, column in ((60, 60), (60, 180), (180, 120)):
        cv2.circle(mask, (column, row), 15, 1, -1)
    mask[::16, ::16] = 1
    save(tmp_path / "set" / "images" / "a.png", np.zeros((256, 256, 3), np.uint8))
    save(tmp_path / "set" / "masks" / "a.png", mask > 0)
    picture = read_picture(read_sets([tmp_path / "set"])[0], "cells")
    assert prepare(picture, RECIPES["cells"]).pixels.shape[0] == pytest.approx(256 * 28 / 31, rel=0.1)
    labels = np.arange(256 * 256).reshape(256, 256).astype(np.int32)
    tiny = dataclasses.replace(picture, instances=labels)
    assert prepare(tiny, RECIPES["cells"]).pixels.shape[0] == 1024


def test_numbers_of_objects_for_a_mask_are_read_as_objects(tmp_path: Path):
    numbers = np.zeros((100, 100), np.uint16)
    for n in range(25):
        row, column = divmod(n, 5)
        numbers[20 * row + 3 : 20 * row + 17, 20 * column : 20 * column + 20] = 10 * (n + 1)
    for depth in (np.uint8, np.uint16):
        save(tmp_path / "set" / "images" / "a.png", np.zeros((100, 100, 3), np.uint8))
        save(tmp_path / "set" / "masks" / "a.png", numbers.astype(depth))
        picture = read_picture(read_sets([tmp_path / "set"])[0], "cells")
        assert np.array_equal(picture.mask, numbers > 0)
        assert picture.instances is not None
        assert np.array_equal(picture.instances, numbers)
    soft = cv2.GaussianBlur(np.where(numbers > 0, 255, 0).astype(np.uint8), (0, 0), 2)
    save(tmp_path / "soft" / "images" / "a.png", np.zeros((100, 100, 3), np.uint8))
    save(tmp_path / "soft" / "masks" / "a.png", soft)
    picture = read_picture(read_sets([tmp_path / "soft"])[0], "cells")
    assert picture.instances is None
    assert np.array_equal(picture.mask, soft > 127)


@pytest.mark.parametrize("spoilt", ["images", "masks", "images/a.png"])
def test_what_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoilt: str):
    plain(tmp_path / "set")

    def refused(real):
        def call(path: Path, *args, **more):
            if path == tmp_path / "set" / spoilt:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return real(path, *args, **more)

        return call

    for name in ("iterdir", "open"):
        monkeypatch.setattr(Path, name, refused(getattr(Path, name)))
    with pytest.raises(VesselError, match=rf"{spoilt} can't be read: you have no permission there"):
        split_after(Seen(), read_sets([tmp_path]))
