"""Exported files: what other programs read, under names that never clash, over no original."""

import json
import os
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from tests.core.pictures import colour_picture
from vesselapp.core import export
from vesselapp.core.errors import VesselError
from vesselapp.core.export import (
    write_mask,
    write_outputs,
    write_overlay,
    write_probability,
    written_by_vesselapp,
)
from vesselapp.core.files import atomic_write, file_sha256
from vesselapp.core.image import read_image
from vesselapp.core.overlay import UNSURE_COLOUR, UNSURE_OPACITY, overlay_pixels
from vesselapp.core.stems import unique_stems
from vesselapp.core.walk import find_pictures


def checks(height: int = 37, width: int = 53) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return (x // 5 + y // 3) % 2 == 1


def test_a_mask_is_an_eight_bit_gray_png(tmp_path: Path) -> None:
    write_mask(tmp_path / "a_mask.png", checks())
    with Pillow.open(tmp_path / "a_mask.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", "L")
        picture.verify()
    with Pillow.open(tmp_path / "a_mask.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), np.where(checks(), 255, 0))


def test_an_overlay_is_an_rgb_png(tmp_path: Path) -> None:
    write_overlay(tmp_path / "a_overlay.png", colour_picture())
    with Pillow.open(tmp_path / "a_overlay.png") as picture:
        assert picture.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(picture), colour_picture())


def test_probabilities_come_back_exactly(tmp_path: Path) -> None:
    probability = np.random.default_rng(0).random((40, 60), np.float32)
    write_probability(tmp_path / "a_probability.tif", probability)
    stored = tifffile.imread(tmp_path / "a_probability.tif")
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(stored, probability)
    with Pillow.open(tmp_path / "a_probability.tif") as picture:
        np.testing.assert_array_equal(np.asarray(picture), probability)


def test_overlay_tints_the_mask_and_nothing_else() -> None:
    pixels, mask = colour_picture(37, 53), checks()
    out = overlay_pixels(pixels, mask, (255, 0, 0), 0.45)
    np.testing.assert_array_equal(out[~mask], pixels[~mask])
    expected = np.rint(pixels[mask] * 0.55 + np.array([255, 0, 0]) * 0.45)
    np.testing.assert_array_equal(out[mask], expected)
    np.testing.assert_array_equal(overlay_pixels(pixels, mask, opacity=0), pixels)
    assert (overlay_pixels(pixels, mask, (1, 2, 3), 1.0)[mask] == (1, 2, 3)).all()


@pytest.mark.parametrize("name", ["a_mask.png", "a_overlay.png", "a_probability.tif"])
def test_our_own_files_are_replaced_and_originals_never(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    original = tmp_path / "original"
    write_overlay(original, colour_picture())
    path.write_bytes(b"drawn by hand")
    writers = {
        "a_mask.png": lambda: write_mask(path, checks()),
        "a_overlay.png": lambda: write_overlay(path, colour_picture()),
        "a_probability.tif": lambda: write_probability(path, np.zeros((30, 40), np.float32)),
    }
    with pytest.raises(VesselError, match="wasn't written by vesselapp"):
        writers[name]()
    assert path.read_bytes() == b"drawn by hand"
    path.unlink()
    writers[name]()
    first = path.read_bytes()
    assert written_by_vesselapp(path)
    writers[name]()
    assert path.read_bytes() == first


def test_a_persons_mask_is_not_replaced_by_a_models(tmp_path: Path) -> None:
    pixels, mask = colour_picture(), checks(*colour_picture().shape[:2])
    kinds = ("mask", "overlay")
    write_outputs(tmp_path, "a", kinds, pixels, mask, None, provenance={"state": "reviewed"})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(VesselError, match="a person's corrections"):
        write_outputs(tmp_path, "a", kinds, pixels, ~mask, None)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    write_outputs(tmp_path, "a", kinds, pixels, ~mask, None, provenance={"state": "flagged"})
    assert (tmp_path / "a_mask.png").read_bytes() != before["a_mask.png"]
    write_outputs(tmp_path, "b", kinds, pixels, mask, None)
    write_outputs(tmp_path, "b", kinds, pixels, ~mask, None)


def test_another_picture_of_the_same_name_is_not_replaced(tmp_path: Path) -> None:
    pixels, mask = colour_picture(37, 53), checks()
    write_outputs(tmp_path, "OD", ("mask", "overlay"), pixels, mask, None, provenance={"sha256": "a"})
    before = (tmp_path / "OD_mask.png").read_bytes()
    for kinds in (("mask",), ("overlay",)):
        with pytest.raises(VesselError, match="another picture that is called OD"):
            write_outputs(tmp_path, "OD", kinds, pixels, ~mask, None, provenance={"sha256": "b"})
    assert (tmp_path / "OD_mask.png").read_bytes() == before
    write_outputs(tmp_path, "OD", ("mask",), pixels, ~mask, None, provenance={"sha256": "a"})
    assert (tmp_path / "OD_mask.png").read_bytes() != before


def test_unsure_places_go_beside_the_mask_into_the_overlay_and_the_provenance(tmp_path: Path) -> None:
    pixels = colour_picture()
    mask = checks(*pixels.shape[:2])
    unsure = np.zeros_like(mask)
    unsure[3:7, 4:9] = True
    mask &= ~unsure

    def write(unsure: np.ndarray) -> dict[str, object]:
        kinds = ("mask", "overlay")
        paths = write_outputs(tmp_path, "a", kinds, pixels, mask, None, provenance={}, unsure=unsure)
        told: dict[str, object] = json.loads(paths["provenance"].read_text())["unsure"]
        return told

    assert write(unsure) == {"pixels": 20, "file": "a_unsure.png"}
    with Pillow.open(tmp_path / "a_unsure.png") as kept:
        np.testing.assert_array_equal(np.asarray(kept) > 0, unsure)
    assert written_by_vesselapp(tmp_path / "a_unsure.png")
    with Pillow.open(tmp_path / "a_overlay.png") as overlay:
        shown = np.asarray(overlay)[unsure]
    tinted = overlay_pixels(pixels, unsure, UNSURE_COLOUR, UNSURE_OPACITY)[unsure]
    np.testing.assert_array_equal(shown, tinted)
    assert write(np.zeros_like(mask)) == {"pixels": 0, "file": ""}
    assert not (tmp_path / "a_unsure.png").exists()


def test_the_provenance_tells_which_files_are_of_its_export(tmp_path: Path) -> None:
    pixels = colour_picture()
    mask = checks(*pixels.shape[:2])

    def write(mask: np.ndarray, *kinds: str) -> list[str]:
        write_outputs(
            tmp_path, "a", kinds, pixels, mask, mask.astype(np.float32), provenance={}, unsure=~mask
        )
        files = json.loads((tmp_path / "a_mask.json").read_text())["files"]
        return [name for name, sha256 in files.items() if file_sha256(tmp_path / name) == sha256]

    of_all = ["a_mask.png", "a_overlay.png", "a_probability.tif", "a_unsure.png"]
    assert sorted(write(mask, "mask", "overlay", "probability")) == of_all
    assert sorted(write(~mask, "mask")) == ["a_mask.png", "a_unsure.png"]
    assert (tmp_path / "a_overlay.png").exists()
    write(mask, "mask", "overlay")
    assert sorted(write(~mask, "overlay")) == ["a_mask.png", "a_unsure.png"]


@pytest.mark.parametrize("shape", [(3000, 40), (40, 3000), (1200, 1100)])
def test_our_own_probabilities_of_any_size_are_known_again(shape: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "a_probability.tif"
    probability = np.random.default_rng(0).random(shape, np.float32)
    for _ in range(2):
        write_probability(path, probability)
    assert written_by_vesselapp(path)
    np.testing.assert_array_equal(tifffile.imread(path), probability)


def test_our_own_files_are_no_input_of_a_folder(tmp_path: Path) -> None:
    write_overlay(tmp_path / "picture.png", colour_picture())
    write_mask(tmp_path / "picture_mask.png", checks())
    write_overlay(tmp_path / "picture_overlay.png", colour_picture())
    (tmp_path / "expert_mask.png").write_bytes(b"by someone else")
    assert [p.name for p in find_pictures([tmp_path])] == ["expert_mask.png", "picture.png"]
    assert find_pictures([tmp_path / "picture_mask.png"]) == [tmp_path / "picture_mask.png"]
    assert read_image(tmp_path / "picture_mask.png").pixels.max() == 255


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (["d/a.png", "d/b.png"], ["a", "b"]),
        (["d/a.jpg", "d/a.png", "d/b.png"], ["a_jpg", "a_png", "b"]),
        (["d/a.jpg", "d/A.png"], ["a_jpg", "A_png"]),
        (["left/a.jpg", "right/a.jpg"], ["left_a_jpg", "right_a_jpg"]),
        (["x/left/a.jpg", "y/left/a.jpg"], ["x_left_a_jpg", "y_left_a_jpg"]),
        (["d/a.jpg", "d/a.png", "d/a_jpg.bmp"], ["a_jpg", "a_png", "a_jpg_bmp"]),
        (["d/a.b.png", "d/a.c.png"], ["a.b", "a.c"]),
        (["l/Mu\u0308ller.png", "r/m\xfcller.png"], ["l_Mu\u0308ller_png", "r_m\xfcller_png"]),
        ([], []),
    ],
)
def test_stems_never_clash(names: list[str], stems: list[str]) -> None:
    paths = [Path("/pictures", name) for name in names]
    got = unique_stems(paths)
    assert len({unicodedata.normalize("NFC", stem).casefold() for stem in got}) == len(got)
    if names[-1:] != ["d/a_jpg.bmp"]:
        assert got == stems
    assert sorted(unique_stems(paths[::-1])) == sorted(got)


def test_a_picture_may_be_called_as_macos_calls_what_it_keeps_beside_files(tmp_path: Path) -> None:
    write_outputs(tmp_path, "._a", ("mask",), colour_picture(37, 53), checks(), None, provenance={})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["._a_mask.json", "._a_mask.png"]


def test_what_macos_keeps_beside_each_file_of_a_foreign_drive_is_none_of_an_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(path: Path, data: bytes) -> None:
        atomic_write(path, data)
        path.with_name(f"._{path.name}").write_bytes(b"x")  # macOS itself moves it with its file

    monkeypatch.setattr("vesselapp.core.export.atomic_write", write)
    write_outputs(tmp_path, "a", ("mask",), colour_picture(37, 53), checks(), None, provenance={})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_mask.json", "a_mask.png"]


def test_the_same_path_twice_still_gets_two_stems() -> None:
    stems = unique_stems([Path("/d/a.png")] * 3)
    assert len(set(stems)) == 3


def test_very_long_names_are_cut_and_stay_apart(tmp_path: Path) -> None:
    long, bytes_of_no_text = "網膜" * 41, "x" + "\udcff" * 240
    paths = [tmp_path / f"{name}.png" for name in (long + "a", long + "b", bytes_of_no_text, "short")]
    stems = unique_stems(paths)
    assert len(set(stems)) == 4
    assert stems[3] == "short"
    pixels, kinds = colour_picture(37, 53), ("mask", "overlay", "probability", "objects")
    numbers = checks().astype(np.int32)
    for stem in stems:
        write_outputs(
            tmp_path,
            stem,
            kinds,
            pixels,
            checks(),
            numbers / 1,
            provenance={},
            unsure=checks(),
            objects=numbers,
        )
    with pytest.raises(VesselError, match="the name is too long"):
        write_outputs(tmp_path, long * 2, ("mask",), pixels, checks(), None)


def test_a_former_unsure_file_that_stays_keeps_the_former_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = colour_picture(37, 53)
    write_outputs(tmp_path, "a", ("mask",), pixels, checks(), None, provenance={}, unsure=checks())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def refuse(self: Path, missing_ok: bool = False) -> None:
        if self.name == "a_unsure.png":
            raise PermissionError(13, "another program has it open")
        os.unlink(self)  # noqa: PTH108

    with monkeypatch.context() as held:
        held.setattr(Path, "unlink", refuse)
        with pytest.raises(VesselError, match="can't be written to"):
            write_outputs(tmp_path, "a", ("mask",), pixels, ~checks(), None, provenance={})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("locked", ["a_mask.png", "a_mask.json", "a_overlay.png", "a_unsure.png"])
@pytest.mark.parametrize("first", [True, False])
def test_a_file_that_cannot_be_replaced_keeps_the_former_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: str, first: bool, links: bool
) -> None:
    pixels, kinds = colour_picture(37, 53), ("mask", "overlay")
    if not first:
        write_outputs(tmp_path, "a", kinds, pixels, checks(), None, provenance={}, unsure=checks())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    move = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if target == tmp_path / locked:
            raise PermissionError(13, "another program has it open")
        return move(self, target)

    def no_links(source: Path, target: Path) -> None:
        raise PermissionError(1, "this disk has none")

    with monkeypatch.context() as held:
        held.setattr(Path, "replace", refuse)
        if not links:
            held.setattr(os, "link", no_links)
        with pytest.raises(VesselError, match="can't be written to"):
            write_outputs(
                tmp_path, "a", kinds, pixels, ~checks(), None, provenance={"turn": 2}, unsure=~checks()
            )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_former_unsure_file_stays_where_the_new_files_cannot_take_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = colour_picture(37, 53)
    write_outputs(tmp_path, "a", ("mask",), pixels, checks(), None, provenance={}, unsure=checks())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    move = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if target == tmp_path / "a_mask.png":
            raise PermissionError(13, "another program has it open")
        return move(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(VesselError, match="can't be written to"):
        write_outputs(tmp_path, "a", ("mask",), pixels, ~checks(), None, provenance={})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_export_that_fails_leaves_the_former_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, kinds = colour_picture(37, 53), ("mask", "overlay")
    look = {"colour": (255, 0, 0), "opacity": 0.5}
    write_outputs(tmp_path, "a", kinds, pixels, checks(), None, provenance={"threshold": 0.5}, **look)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def refuse(path: Path, *_: object) -> None:
        raise VesselError(f"{path} can't be written: no space is left on the drive.")

    monkeypatch.setattr(export, "write_overlay", refuse)
    named = re.escape(f"{tmp_path / 'a_overlay.png'} can't be written: no space")
    with pytest.raises(VesselError, match=f"^{named}"):
        write_outputs(tmp_path, "a", kinds, pixels, ~checks(), None, provenance={"threshold": 0.1}, **look)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_a_killed_export_left_goes_when_the_same_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = colour_picture(37, 53)
    with monkeypatch.context() as killed:
        killed.setattr(export, "_take_places", lambda *_: None)
        killed.setattr(export.shutil, "rmtree", lambda *_args, **_named: None)
        write_outputs(tmp_path, "a", ("mask",), pixels, checks(), None)
    (left,) = tmp_path.iterdir()
    assert left.is_dir()
    write_outputs(tmp_path, "b", ("mask",), pixels, checks(), None)
    write_outputs(tmp_path, "a", ("mask",), pixels, checks(), None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_mask.png", "b_mask.png"]
