"""Decoding of the formats that Pillow knows, and the choice of a decoder by a file's first bytes."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin
from PIL import Image as Pillow

from vesselapp.core import image_values as v

MAX_PIXELS = 500_000_000
HEAD_BYTES = 4096

# The limit of Pillow, 89 megapixels, would refuse honest pictures; `MAX_PIXELS` is checked instead, on the
# header, before anything is decoded.
Pillow.MAX_IMAGE_PIXELS = None

_PLUGINS = (BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
_Given = TypeVar("_Given")
_Answer = TypeVar("_Answer")

_ORIENTATION_TAG = 0x0112
_PNG_SIGNATURE_BYTES = 8
_PNG_TEXTS = {b"eXIf", b"iTXt", b"zTXt", b"tEXt"}


class Unsupported(Exception):
    """The file is no picture, or of a kind that isn't read; the text completes "it can't be read: ..."."""


class Damaged(Exception):
    """The file is a picture that can't be decoded."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """What a decoder gives: see `vesselapp.core.image.Image`."""

    pixels: NDArray[np.uint8]
    notes: tuple[str, ...] = ()
    spacing_um: tuple[float, float] | None = None


def picture_kind(head: bytes) -> str:
    """Tell the format from a file's first bytes: ``"tiff"``, or ``"pillow"`` for what Pillow decodes.

    Raises
    ------
    Unsupported
    """
    if not head:
        raise Unsupported("it is empty (0 bytes)")
    if head[128:132] == b"DICM":  # asked first: some DICOM files are TIFF files as well
        raise Unsupported("it is a DICOM file, which isn't supported yet")
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "tiff"
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM")):
        return "pillow"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "pillow"
    known = {
        "it is a PDF document": head.startswith(b"%PDF"),
        "it is an HEIC or AVIF picture, which isn't supported yet": head[4:8] == b"ftyp",
        "it is a JPEG 2000 picture, which isn't supported yet": head[4:8] == b"jP  ",
    }
    raise Unsupported(next((text for text, true in known.items() if true), "it is not a picture"))


def decode_size(file: BinaryIO) -> tuple[int, int]:
    """Give height and width in px of the upright picture from its header; the pixels are not read.

    Raises
    ------
    Unsupported, Damaged
    """
    return v.turned_size(*_decode_head(file))


def decode_orientation(file: BinaryIO) -> int:
    """Give the orientation (1-8; 1: stored upright) from a picture's header; the pixels are not read.

    Raises
    ------
    Unsupported, Damaged
    """
    return _decode_head(file)[2]


def decode(data: bytes) -> Decoded:
    """Decode a whole file; its size has been checked before with `decode_size`.

    Raises
    ------
    Unsupported, Damaged
    """
    if picture_kind(data) == "tiff":
        from vesselapp.core.image_tiff import decode_tiff

        return _guarded(decode_tiff, data)
    return _guarded(_decode_pillow, data)


def decode_pillow_frame(data: bytes, formats: tuple[str, ...]) -> NDArray[np.uint8]:
    """Give ``(H, W, 3) uint8`` of the first frame; a TIFF comes upright, since Pillow turns it."""
    with Pillow.open(io.BytesIO(data), formats=formats) as picture:
        return _to_rgb(picture)


def _guarded(function: Callable[[_Given], _Answer], given: _Given) -> _Answer:
    try:
        return function(given)
    except (Unsupported, Damaged, MemoryError):
        raise
    except Exception as problem:  # decoders raise whatever a broken file leads them to
        raise Damaged(f"{type(problem).__name__}: {problem}") from problem


def _decode_head(file: BinaryIO) -> tuple[int, int, int]:
    """Give height and width in px as they are stored, and the orientation."""
    kind = picture_kind(file.read(HEAD_BYTES))
    file.seek(0)
    if kind == "tiff":
        from vesselapp.core.image_tiff import tiff_head

        return _guarded(tiff_head, file)
    return _guarded(_pillow_head, file)


def _pillow_head(file: BinaryIO) -> tuple[int, int, int]:
    with Pillow.open(file, formats=_FORMATS) as picture:
        width, height = picture.size
        if height * width > MAX_PIXELS:
            return height, width, 1
        # Pillow decodes a PNG to find EXIF data behind the pixels: it is asked only where there may be some.
        asked = picture.format != "PNG" or _PNG_TEXTS & _png_chunks(file)
        return height, width, _orientation(picture) if asked else 1


def _png_chunks(file: BinaryIO) -> set[bytes]:
    """Give the kinds of chunks of a PNG file, skipping their content; the file's position is kept."""
    before = file.tell()
    file.seek(_PNG_SIGNATURE_BYTES)
    kinds = set()
    while len(head := file.read(8)) == 8:
        kinds.add(head[4:])
        file.seek(int.from_bytes(head[:4], "big") + 4, io.SEEK_CUR)
    file.seek(before)
    return kinds


def _decode_pillow(data: bytes) -> Decoded:
    with Pillow.open(io.BytesIO(data), formats=_FORMATS) as picture:
        notes = []
        if picture.format != "MPO" and getattr(picture, "is_animated", False):
            notes.append("The file holds several frames; the first is shown.")
        pixels, note = _fast_pixels(data, picture)
        if pixels is None:
            pixels = _to_rgb(picture)
        if note:
            notes.append(note)
        return Decoded(np.ascontiguousarray(v.upright(pixels, _orientation(picture))), tuple(notes))


def _fast_pixels(data: bytes, picture: Pillow.Image) -> tuple[NDArray[np.uint8] | None, str | None]:
    """Decode straight into an array where that gives what Pillow would, or more (16-bit PNG)."""
    if picture.format in ("JPEG", "MPO") and picture.mode in ("L", "RGB") and _jpeg_is_whole(data):
        from imagecodecs import Jpeg8Error, jpeg8_decode

        try:
            pixels = np.asarray(jpeg8_decode(data), np.uint8)
        except Jpeg8Error:  # Pillow may know this kind
            return None, None
        if pixels.shape[:2] != picture.size[::-1]:
            return None, None
        return (v.gray_to_rgb(pixels) if pixels.ndim == 2 else pixels), None
    if picture.format == "PNG":
        bits, interlaced = data[24], data[28]
        if bits == 16 and interlaced:
            return channels_to_rgb(_interlaced_png(data))
        if bits == 16:
            from imagecodecs import png_decode

            return channels_to_rgb(png_decode(data))
    return None, None


def _interlaced_png(data: bytes) -> NDArray[Any]:
    """Decode with OpenCV: Pillow drops half of the 16 bits, and imagecodecs reads no interlaced files."""
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise Damaged("OpenCV can't decode it")
    if values.ndim == 3:
        values = values[..., [2, 1, 0, 3][: values.shape[2]]]
    return values


def channels_to_rgb(values: NDArray[Any]) -> tuple[NDArray[np.uint8], str | None]:
    """Turn gray, gray + alpha, RGB or RGBA of any depth into ``(H, W, 3) uint8``; say what was done."""
    if values.ndim == 2 or values.shape[2] == 1:
        gray, note = v.to_bytes(values.reshape(values.shape[:2]))
        return v.gray_to_rgb(gray), note
    colours = values.shape[2] - (values.shape[2] in (2, 4))
    pixels, note = v.to_bytes(values[..., :colours])
    if colours < values.shape[2]:
        pixels = v.lay_on_black(pixels, v.to_bytes(values[..., colours])[0])
    return (v.gray_to_rgb(pixels[..., 0]) if colours == 1 else np.ascontiguousarray(pixels)), note


def _jpeg_is_whole(data: bytes) -> bool:
    """Tell whether the last scan has an end marker; the fast decoder would fill a lost rest with grey."""
    return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda") > 0


def _to_rgb(picture: Pillow.Image) -> NDArray[np.uint8]:
    if picture.mode == "CMYK":
        return v.inks_to_rgb(np.asarray(picture))
    if picture.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        return channels_to_rgb(np.asarray(picture))[0]
    if picture.has_transparency_data:
        values = np.asarray(picture.convert("RGBA"))
        return v.lay_on_black(values[..., :3], values[..., 3])
    if picture.mode in ("1", "L"):
        return v.gray_to_rgb(np.asarray(picture.convert("L")))
    return np.array(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _orientation(picture: Pillow.Image) -> int:
    """Give the EXIF (or XMP) orientation, 1 where there is none or it can't be read."""
    try:
        return int(picture.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # noqa: BLE001 - broken EXIF data must not cost the picture
        return 1
