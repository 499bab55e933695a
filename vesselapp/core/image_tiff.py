"""Decoding of TIFF: the first page, whatever its layout, depth and colours."""

import io
import logging
from operator import index
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from vesselapp.core import image_values as v
from vesselapp.core.image_decode import Damaged, Decoded, Unsupported, decode_pillow_frame
from vesselapp.core.image_spacing import tiff_spacing

# tifffile logs about every oddity; without a handler Python would print that on the terminal.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_BLACK_IS_ZERO, _WHITE_IS_ZERO, _RGB, _PALETTE, _INKS, _YCBCR = 1, 0, 2, 3, 5, 6
_ASSOCIATED, _UNASSOCIATED = 1, 2
_JPEG = 7
_TURNED = (5, 6, 7, 8)
_MOST_BYTES = 16 * 2**30


def tiff_head(file: BinaryIO) -> tuple[int, int, int]:
    """Give height and width in px of the first page as they are stored, and its orientation."""
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        height, width = index(page.imagelength), index(page.imagewidth)  # broken tags may hold anything
        return height, width, _orientation(page)


def decode_tiff(data: bytes) -> Decoded:
    """Decode the first page.

    Raises
    ------
    Damaged, Unsupported
    """
    with io.BytesIO(data) as stream, tifffile.TiffFile(stream) as file:  # closed: tifffile lets go of it late
        page = file.pages.first
        if page.nbytes > _MOST_BYTES:
            raise Unsupported(f"its {page.samplesperpixel} channels would fill the memory")
        if page.is_reduced and page.subifds:
            raise Unsupported("it shows only a preview of what it holds, as raw files of cameras do")
        notes = []
        if page.imagedepth > 1:
            notes.append(f"The file holds {page.imagedepth} slices; the first is shown.")
        if len(file.pages) > 1:
            notes.append(f"The file holds {len(file.pages)} pages; the first is shown.")
        if page.photometric == _YCBCR and page.compression != _JPEG:
            return Decoded(decode_pillow_frame(data, ("TIFF",)), tuple(notes))
        _check_is_whole(page, len(data))
        try:
            values = _rows_columns_samples(page)
        except (NotImplementedError, ValueError) as problem:
            return Decoded(_second_try(data, problem), tuple(notes))
        pixels, note = _colours_to_rgb(page, values)
        if note:
            notes.append(note)
        pixels = v.upright(pixels, _orientation(page))
        spacing = tiff_spacing(file, page)
        if spacing is not None and _orientation(page) in _TURNED:
            spacing = spacing[::-1]
        return Decoded(np.ascontiguousarray(pixels), tuple(notes), spacing)


def _second_try(data: bytes, problem: Exception) -> NDArray[np.uint8]:
    """Let Pillow decode what tifffile can't (old-style JPEG and other rare codecs)."""
    try:
        return decode_pillow_frame(data, ("TIFF",))
    except Exception:  # noqa: BLE001 - the first decoder's reason is the better one
        raise Damaged(str(problem)) from problem


def _check_is_whole(page: Any, length: int) -> None:
    """Refuse a file that ends before its pixels do: tifffile would fill the rest with zeros."""
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if offset + count > length:
            raise Damaged("pixels lie behind the file's end")


def _rows_columns_samples(page: Any) -> NDArray[Any]:
    """Give ``(H, W, S)`` values of a page, of the file's own type."""
    values = np.asarray(page.asarray())
    axes = page.axes
    while axes and axes[0] not in "SYX":
        values, axes = values[0], axes[1:]
    if axes == "YX":
        return values[..., None]
    if axes == "YXS":
        return values
    if axes == "SYX":
        return np.moveaxis(values, 0, 2)
    raise Unsupported(f"its pixels lie in an order ({page.axes}) that isn't known")


def _colours_to_rgb(page: Any, values: NDArray[Any]) -> tuple[NDArray[np.uint8], str | None]:
    photometric = int(page.photometric)
    if photometric == _PALETTE:
        table = np.asarray(page.colormap)
        table = (table >> 8 if table.max() > 255 else table).astype(np.uint8)
        return np.ascontiguousarray(table.T[values[..., 0].astype(np.intp)]), None
    bits = page.bitspersample
    bits = bits if isinstance(bits, int) and bits not in (8, 16, 24, 32, 64) else None
    if photometric == _INKS and values.shape[2] >= 4:
        inks, note = v.to_bytes(values[..., :4], bits)
        return v.inks_to_rgb(inks), note
    if photometric in (_RGB, _YCBCR) and values.shape[2] >= 3:
        return _with_alpha(page, values, 3, bits)
    if photometric in (_BLACK_IS_ZERO, _WHITE_IS_ZERO):
        return _gray_to_rgb(page, values, bits)
    raise Unsupported(f"its kind of colour ({page.photometric.name}) isn't supported")


def _gray_to_rgb(page: Any, values: NDArray[Any], bits: int | None) -> tuple[NDArray[np.uint8], str | None]:
    """Treat a page without named colours: one channel is gray, three or more are red, green and blue."""
    channels = values.shape[2] - len(_alpha_kinds(page))
    if channels >= 3:
        pixels, _ = _with_alpha(page, values, 3, bits)
        note: str | None = f"{channels} channels; the first three are shown as red, green and blue."
    else:
        pixels, note = _with_alpha(page, values, 1, bits)
        if channels == 2:
            note = "2 channels; the first is shown."
        pixels = v.gray_to_rgb(pixels[..., 0])
    return (255 - pixels if page.photometric == _WHITE_IS_ZERO else pixels), note


def _alpha_kinds(page: Any) -> list[int]:
    return [int(kind) for kind in page.extrasamples if int(kind) in (_ASSOCIATED, _UNASSOCIATED)]


def _with_alpha(
    page: Any, values: NDArray[Any], colours: int, bits: int | None
) -> tuple[NDArray[np.uint8], str | None]:
    """Give the first channels as ``(H, W, colours) uint8``, laid on black where alpha follows them.

    Associated alpha means that the values have been multiplied with it already: that is how they look on
    black.
    """
    pixels, note = v.to_bytes(values[..., :colours], bits)
    if _alpha_kinds(page) == [_UNASSOCIATED] and values.shape[2] == colours + 1:
        pixels = v.lay_on_black(pixels, v.to_bytes(values[..., colours], bits)[0])
    return np.ascontiguousarray(pixels), note


def _orientation(page: Any) -> int:
    tag = page.tags.get(274)
    return int(tag.value) if tag is not None and isinstance(tag.value, int) else 1
