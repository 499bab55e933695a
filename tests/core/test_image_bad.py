"""Whatever is wrong with a file: one clear sentence, at once, and never another kind of error."""

import contextlib
import io
import os
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from tests.core.pictures import COLOUR, GRAY, colour_picture, png_bytes, png_chunk
from vesselapp.core.errors import VesselError
from vesselapp.core.export import write_mask
from vesselapp.core.image import image_size, is_stored_turned, read_image
from vesselapp.core.mask_file import read_mask
from vesselapp.core.thumbnail import thumbnail

# Pillow warns about broken EXIF data; the app sends warnings to its log.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def error_of(path: Path) -> VesselError:
    with pytest.raises(VesselError) as caught:
        read_image(path)
    message = caught.value.message
    assert message.endswith(".")
    assert "\n" not in message
    assert "Error" not in message
    assert path.name in message
    return caught.value


def huge_png(side: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    chunks = (b"IHDR", header), (b"IDAT", body), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def huge_tiff(side: int) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((16, 16, 3), np.uint8), photometric="rgb", tile=(16, 16))
    data = bytearray(file.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        for name in ("ImageWidth", "ImageLength"):
            tag = tiff.pages.first.tags[name]
            data[tag.offset + 2 : tag.offset + 12] = struct.pack("<HII", 4, 1, side)
    return bytes(data)


def huge_bmp(side: int) -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (8, 8)).save(file, "BMP")
    data = bytearray(file.getvalue())
    data[18:26] = struct.pack("<ii", side, side)
    return bytes(data)


def huge_jpeg(side: int) -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (8, 8)).save(file, "JPEG")
    data = bytearray(file.getvalue())
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", side, side)
    return bytes(data)


@pytest.mark.parametrize(
    ("make", "side"), [(huge_png, 100_000), (huge_tiff, 100_000), (huge_bmp, 100_000), (huge_jpeg, 65_500)]
)
def test_a_header_of_gigapixels_is_refused_at_once(make, side: int, tmp_path: Path) -> None:
    path = tmp_path / "huge.img"
    path.write_bytes(make(side))
    started = time.perf_counter()
    error = error_of(path)
    assert f"{side} x {side}" in error.message
    assert time.perf_counter() - started < 2  # a decoder would need minutes and tens of gigabytes


def test_channels_without_number_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "channels.tif"
    tifffile.imwrite(path, np.zeros((16, 16, 3), np.uint8), photometric="rgb", tile=(16, 16))
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        for name, value in (("ImageWidth", 20_000), ("ImageLength", 20_000), ("SamplesPerPixel", 60_000)):
            tag = page.tags[name]
            data[tag.offset + 2 : tag.offset + 12] = struct.pack("<HII", 4, 1, value)
    path.write_bytes(data)
    error_of(path)


def test_an_ordinary_big_picture_is_not_taken_for_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "big.png"
    Pillow.new("1", (16_000, 12_000)).save(path)
    assert image_size(path) == (12_000, 16_000)


@pytest.mark.parametrize("name", [*COLOUR, *GRAY, "jpeg", "jpeg progressive"])
def test_a_file_cut_short_is_an_error_or_still_whole(name: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.img"
    pixels = colour_picture()
    if name.startswith("jpeg"):
        Pillow.fromarray(pixels).save(path, "JPEG", progressive="progressive" in name)
    else:
        suffix, write = {**COLOUR, **GRAY}[name]
        write(tmp_path / f"whole.{suffix}", pixels)
        path.write_bytes((tmp_path / f"whole.{suffix}").read_bytes())
    data = path.read_bytes()
    whole = read_image(path).pixels
    for length in (1, 3, 9, 30, len(data) // 3, len(data) // 2, (len(data) * 9) // 10):
        path.write_bytes(data[:length])
        try:
            pixels = read_image(path).pixels
        except VesselError:
            continue
        np.testing.assert_array_equal(pixels, whole)  # the pixels were all there: the rest was padding


def test_noise_in_a_file_never_gives_another_error(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for number, (suffix, write) in enumerate([*COLOUR.values(), *GRAY.values()]):
        path = tmp_path / f"{number}.{suffix}"
        write(path, colour_picture())
        data = path.read_bytes()
        for _ in range(6):
            broken = bytearray(data)
            for place in random.integers(4, len(data), 4):
                broken[place] = int(random.integers(256))
            path.write_bytes(broken)
            with contextlib.suppress(VesselError):
                assert read_image(path).pixels.ndim == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello, I am a letter to my aunt", "not a picture"),
        (b"%PDF-1.7", "PDF"),
        (bytes(128) + b"DICM" + bytes(50), "DICOM"),
        (b"II*\0" + bytes(124) + b"DICM" + bytes(50), "DICOM"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC"),
        (b"BM", "damaged"),
        (b"II*\0\x08\0\0\0", "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\xff\xd8\xff", "damaged"),
    ],
)
def test_what_is_no_picture_is_told(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    error = error_of(path)
    assert words in error.message
    assert error.hint


def test_a_folder_and_a_missing_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    assert "folder" in error_of(tmp_path / "folder.png").message
    assert "doesn't exist" in error_of(tmp_path / "nowhere.png").message
    with pytest.raises(VesselError):
        image_size(tmp_path / "nowhere.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.timeout(30)
def test_a_pipe_is_told_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", tmp_path / "link.jpg"):
        assert "is a pipe or a device" in error_of(path).message
        for look in (image_size, is_stored_turned, lambda path: thumbnail(path, 50)):
            with pytest.raises(VesselError, match="is a pipe or a device"):
                look(path)
        with pytest.raises(VesselError, match="it is a pipe or a device"):
            read_mask(path)
    os.mkfifo(tmp_path / "a_mask.png")
    with pytest.raises(VesselError, match="wasn't written by vesselapp"):
        write_mask(tmp_path / "a_mask.png", np.ones((3, 4), bool))


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything"
)
def test_a_file_without_permission_is_told(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(png_bytes(colour_picture()))
    path.chmod(0)
    assert "permission" in error_of(path).message


def test_permission_is_named_as_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "secret.png"
    path.write_bytes(png_bytes(colour_picture()))
    monkeypatch.setattr(Path, "open", refuse)
    assert "permission" in error_of(path).message


def test_broken_exif_data_does_not_cost_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "exif.jpg"
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\xff\xff\xff\xff\0\0\0\0"
    Pillow.fromarray(colour_picture()).save(path, exif=exif)
    assert read_image(path).pixels.shape == colour_picture().shape


def test_text_in_a_huge_png_does_not_make_it_decoded(tmp_path: Path) -> None:
    data = huge_png(100_000)
    path = tmp_path / "huge.png"
    path.write_bytes(data[:-12] + png_chunk(b"tEXt", b"Comment\0hello") + data[-12:])
    assert "100000 x 100000" in error_of(path).message


def test_the_size_is_read_from_the_head_alone(tmp_path: Path) -> None:
    path = tmp_path / "picture.img"
    for data in (huge_png(100_000), huge_tiff(100_000), huge_bmp(100_000)):
        path.write_bytes(data)
        assert image_size(path) == (100_000, 100_000)


def test_orientation_behind_the_pixels_of_a_png_is_found(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    data = png_bytes(colour_picture(20, 30))
    late = png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    path = tmp_path / "late.png"
    path.write_bytes(data[:-12] + late + data[-12:])
    assert image_size(path) == (30, 20)
    np.testing.assert_array_equal(read_image(path).pixels, np.rot90(colour_picture(20, 30), -1))
