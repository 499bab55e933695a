"""The very same picture in any encoding gives the very same pixels."""

import hashlib
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from tests.core import pictures
from tests.core.pictures import COLOUR, FEW_COLOURS, GRAY, colour_picture, few_colours, gray_picture
from vesselapp.core.errors import VesselError
from vesselapp.core.image import image_size, is_stored_turned, read_image
from vesselapp.core.image_values import lay_on_black, to_bytes, upright
from vesselapp.core.walk import find_pictures

EXIF_ORIENTATION = 0x0112
SOURCES = {
    **{name: (*how, colour_picture()) for name, how in COLOUR.items()},
    **{name: (*how, few_colours(colour_picture())) for name, how in FEW_COLOURS.items()},
    **{name: (*how, gray_picture()) for name, how in GRAY.items()},
}


@pytest.mark.parametrize("name", SOURCES)
def test_same_picture_same_pixels(name: str, tmp_path: Path) -> None:
    suffix, write, expected = SOURCES[name]
    path = tmp_path / f"picture.{suffix}"
    write(path, expected)
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.pixels.dtype == np.uint8
    assert image.pixels.flags.c_contiguous
    assert image.path == path
    assert image.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert image_size(path) == expected.shape[:2]


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_fill_the_range(bits: int, tmp_path: Path) -> None:
    levels = np.arange(2**bits, dtype=np.uint8).repeat(3)[None].repeat(5, 0)
    expected = levels * np.uint8(255 // (2**bits - 1))
    values = levels.astype(bool) if bits == 1 else levels
    tifffile.imwrite(tmp_path / "few.tif", values, bitspersample=bits, photometric="minisblack")
    np.testing.assert_array_equal(read_image(tmp_path / "few.tif").pixels[..., 1], expected)
    if bits == 1:
        Pillow.fromarray(expected).convert("1").save(tmp_path / "few.png")
        np.testing.assert_array_equal(read_image(tmp_path / "few.png").pixels[..., 1], expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_orientation_is_undone(orientation: int, suffix: str, tmp_path: Path) -> None:
    pixels = colour_picture()
    stored = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, 1),
        7: pixels[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(pixels, -1),
    }[orientation]
    path = tmp_path / f"turned.{suffix}"
    if suffix == "tif":
        extra = [(274, "H", 1, orientation, True)]
        tifffile.imwrite(path, np.ascontiguousarray(stored), photometric="rgb", extratags=extra)
    else:
        exif = Pillow.Exif()
        exif[EXIF_ORIENTATION] = orientation
        options = {"jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}.get(suffix, {})
        Pillow.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, **options)
    read = read_image(path).pixels
    assert read.shape == pixels.shape
    assert np.abs(read.astype(int) - pixels).mean() < (1.0 if suffix == "jpg" else 1e-9)
    assert image_size(path) == pixels.shape[:2]
    assert is_stored_turned(path) == (orientation != 1)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_near_its_source(mode: str, progressive: bool, tmp_path: Path) -> None:
    smooth = np.asarray(Pillow.fromarray(colour_picture()[..., :2].repeat(2, 2)[..., :3]))
    expected = np.asarray(Pillow.fromarray(smooth).convert(mode).convert("RGB")).astype(int)
    path = tmp_path / "picture.jpg"
    Pillow.fromarray(smooth).convert(mode).save(path, quality=98, subsampling=0, progressive=progressive)
    assert np.abs(read_image(path).pixels - expected).mean() < 2


def test_jpeg_pixels_are_those_of_pillow(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    Pillow.fromarray(colour_picture(333, 517)).save(path, quality=85)
    np.testing.assert_array_equal(read_image(path).pixels, np.asarray(Pillow.open(path)))


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_transparency_is_laid_on_black(suffix: str, tmp_path: Path) -> None:
    pixels = colour_picture()
    alpha = np.linspace(0, 255, pixels.shape[1]).astype(np.uint8)[None].repeat(len(pixels), 0)
    path = tmp_path / f"alpha.{suffix}"
    values = np.dstack([pixels, alpha])
    if suffix == "tif":
        tifffile.imwrite(path, values, photometric="rgb", extrasamples=["unassalpha"])
    else:
        Pillow.fromarray(values).save(path, **({"lossless": True, "exact": True} if suffix == "webp" else {}))
    expected = np.floor(pixels * (alpha[..., None] / 255.0) + 0.5)
    np.testing.assert_allclose(read_image(path).pixels, expected, atol=1e-9)


def test_transparent_colour_of_a_gray_png_is_black(tmp_path: Path) -> None:
    gray = np.array([[10, 200, 30]], np.uint8)
    Pillow.fromarray(gray).save(tmp_path / "key.png", transparency=200)
    np.testing.assert_array_equal(read_image(tmp_path / "key.png").pixels[..., 0], [[10, 0, 30]])


def test_an_empty_alpha_channel_is_ignored() -> None:
    pixels = colour_picture()
    np.testing.assert_array_equal(lay_on_black(pixels, np.zeros(pixels.shape[:2], np.uint8)), pixels)


def test_associated_alpha_is_not_multiplied_again(tmp_path: Path) -> None:
    values = np.dstack([np.full((4, 5, 3), 100, np.uint8), np.full((4, 5), 128, np.uint8)])
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=["assocalpha"])
    assert (read_image(tmp_path / "a.tif").pixels == 100).all()


def test_a_preview_is_not_taken_for_the_picture(tmp_path: Path) -> None:
    small, large = np.full((6, 8, 3), 90, np.uint8), np.full((60, 80, 3), 90, np.uint8)
    with tifffile.TiffWriter(tmp_path / "raw.tif") as file:
        file.write(small, photometric="rgb", subifds=1, subfiletype=1)
        file.write(large, photometric="rgb")
    with pytest.raises(VesselError, match="only a preview"):
        read_image(tmp_path / "raw.tif")


def test_a_slice_of_a_volume_is_told(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.zeros((4, 16, 16), np.uint8),
        volumetric=True,
        tile=(4, 16, 16),
        photometric="minisblack",
    )
    assert "4 slices" in " ".join(read_image(tmp_path / "a.tif").notes)


def test_the_first_of_several_pages_is_taken_with_a_note(tmp_path: Path) -> None:
    first = colour_picture()
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([first, first[::-1]]), photometric="rgb")
    image = read_image(tmp_path / "pages.tif")
    np.testing.assert_array_equal(image.pixels, first)
    assert "2 pages" in " ".join(image.notes)
    frames = [Pillow.fromarray(few_colours(first)), Pillow.fromarray(few_colours(first)[::-1])]
    frames[0].save(tmp_path / "frames.gif", save_all=True, append_images=frames[1:])
    image = read_image(tmp_path / "frames.gif")
    np.testing.assert_array_equal(image.pixels, few_colours(first))
    assert "frames" in " ".join(image.notes)


@pytest.mark.parametrize(("highest", "depth"), [(300, 10), (1023, 10), (1024, 12), (4097, 14), (40001, 16)])
def test_wide_values_use_the_smallest_depth(highest: int, depth: int) -> None:
    values = np.array([[0, 1, highest // 2 + 1, highest]], np.uint16)
    out, note = to_bytes(values)
    np.testing.assert_array_equal(out, np.floor(values.astype(float) * 255 / (2**depth - 1) + 0.5))
    assert note is not None
    assert f"{depth}-bit" in note


def test_twelve_bits_by_the_files_own_word_are_scaled_as_twelve(tmp_path: Path) -> None:
    out, _ = to_bytes(np.array([[0, 30, 255]], np.uint16), bits=12)
    np.testing.assert_array_equal(out, [[0, 2, 16]])


def test_negative_and_broken_values_are_told() -> None:
    out, note = to_bytes(np.array([[-100, 0, 100]], np.int16))
    np.testing.assert_array_equal(out, [[0, 128, 255]])
    assert note is not None
    out, _ = to_bytes(np.array([[np.nan, 0.5, np.inf, 1.0]], np.float32))
    np.testing.assert_array_equal(out, [[0, 128, 0, 255]])


def test_upright_leaves_unknown_orientations_alone() -> None:
    pixels = colour_picture()
    assert upright(pixels, 0) is pixels
    assert upright(pixels, 99) is pixels


def test_folders_are_taken_whole_in_natural_order(tmp_path: Path) -> None:
    names = ["b10.PNG", "b2.png", "A1.jpg", "notes.txt", ".hidden.png", "sub/c.tif", ".cache/d.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = [path.relative_to(tmp_path).as_posix() for path in find_pictures([tmp_path])]
    assert found == ["A1.jpg", "b2.png", "b10.PNG", "sub/c.tif"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.timeout(30)
def test_a_folders_pipes_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "whole.png").write_bytes(pictures.png_bytes(colour_picture()))
    (tmp_path / "link.png").symlink_to(tmp_path / "whole.png")
    (tmp_path / "lost.png").symlink_to(tmp_path / "nowhere.png")
    for name in ("a.png", "a_mask.png"):
        os.mkfifo(tmp_path / name)
    found = [path.name for path in find_pictures([tmp_path])]
    assert found == ["link.png", "lost.png"]  # and whole.png is link.png


def test_a_file_named_twice_is_taken_once_and_any_suffix_is_tried(tmp_path: Path) -> None:
    odd = tmp_path / "picture.dat"
    odd.write_bytes(pictures.png_bytes(colour_picture()))
    plain = tmp_path / "a.png"
    plain.write_bytes(odd.read_bytes())
    again = tmp_path / "sub" / ".." / "a.png"
    (tmp_path / "sub").mkdir()
    assert find_pictures([odd, plain, again, tmp_path]) == [odd, plain]


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(VesselError, match="holds no pictures"):
        find_pictures([tmp_path])
    with pytest.raises(VesselError, match="doesn't exist"):
        find_pictures([tmp_path / "nowhere"])


def test_an_rgb_jpeg_without_chroma_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rgb.jpg"
    Pillow.fromarray(colour_picture()).save(path, quality=95, keep_rgb=True)
    with Pillow.open(path) as picture:
        np.testing.assert_array_equal(read_image(path).pixels, np.asarray(picture))


def test_a_stack_is_in_memory_once_and_no_longer_than_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "stack.tif"
    tifffile.imwrite(file, np.zeros((400, 200, 200), np.uint16), photometric="minisblack")
    tracemalloc.start()
    try:
        for _ in range(3):
            read_image(file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.3 * file.stat().st_size
