"""Masks made elsewhere: what a file marks, and the numbers of its objects where it holds such."""

import contextlib
import gzip
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
from numpy.typing import NDArray

import vesselapp.core.image_decode  # noqa: F401 - lifts Pillow's limit of 89 megapixels
from vesselapp.core.errors import VesselError
from vesselapp.core.files import is_special, reason
from vesselapp.core.image_values import stored_values

_ORIENTATION = 0x0112
_FEW = 128
"""Whole numbers below it are numbers of objects, never soft edges."""
_MOSTLY = 0.6
_OUTLINED = 3
"""So many values of a bright mask may stand for something else than objects (an outline in gray)."""


@dataclass(frozen=True, eq=False)
class MaskFile:
    """What a mask file holds.

    Attributes
    ----------
    marked : (H, W) bool
    numbers : (H, W) int32 or None
        The number of each object, 0 outside, where the file holds more than one.
    """

    marked: NDArray[np.bool_]
    numbers: NDArray[np.int32] | None = None


def read_mask(path: Path, size: tuple[int, int] | None = None) -> MaskFile:
    """Read a mask, turned as its EXIF data say; ``.gz`` is unpacked.

    Of two values the higher is foreground, and all of a single one unless it is 0. Of more, all but 0 are
    foreground where they are numbers of objects: whole ones, most of them like their neighbours in both
    directions. Else (soft edges, a probability, gray outlines) the upper half is. A JPEG has no exact
    values: what is bright is foreground. Of a palette the numbers count, but where its colours are gray, or
    black lies behind another one, how bright they are. Transparent is outside, and so is what is below 0
    (px that were left out, lines between objects).

    Parameters
    ----------
    path : Path
    size : (int, int), optional
        Rows and columns of its picture (px).

    Raises
    ------
    VesselError
        Where it can't be read, has another size than `size`, or holds values that are no numbers. The
        sentence begins with "it": the file is named by who asks.
    """
    stored = open_stored(path, size)
    lossy = stored.format == "JPEG"
    if stored.mode == "CMYK":
        stored = stored.convert("RGB")  # black would be taken for what is opaque
    values = _of_palette(stored) if stored.mode == "P" else stored_values(stored)
    if values.ndim == 3:
        values, brightness = _of_colours(values)
    else:
        brightness = values
    if values.ndim != 2 or values.dtype.kind not in "buif":
        raise VesselError("it is no picture with one value a pixel.")
    lowest, highest = brightness.min(), brightness.max()
    if not np.isfinite([lowest, highest]).all():
        raise VesselError("it holds values that are no numbers.")
    if lowest < 0:
        values = brightness = np.maximum(values, 0)
        lowest, highest = values.min(), values.max()
    if lossy:
        return MaskFile(np.asarray(brightness > _FEW - 1))
    if bool(((brightness == lowest) | (brightness == highest)).all()):
        return MaskFile(np.asarray(brightness == highest) & bool(highest))
    if _are_numbers(values, brightness):
        return MaskFile(np.asarray(values != 0), _as_numbers(values))
    return MaskFile(np.asarray(brightness > highest / 2))


def open_stored(path: Path, size: tuple[int, int] | None = None) -> PIL.Image.Image:
    """Open a picture file as it is stored, upright; with `size` (rows, columns) no other is decoded.

    Raises
    ------
    VesselError
        As `read_mask`.
    """
    if is_special(path):
        raise VesselError("it is a pipe or a device.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a file's metadata may hold is no matter here
            data = path.read_bytes()
            if path.name.lower().endswith(".gz"):
                data = gzip.decompress(data)
            stored = PIL.Image.open(io.BytesIO(data))
            _check_size(_upright_size(stored), size)
            stored.load()
            with contextlib.suppress(Exception):  # broken EXIF data must not cost the picture
                PIL.ImageOps.exif_transpose(stored, in_place=True)
            _check_size((stored.height, stored.width), size)
            return stored
    except OSError as problem:
        why = reason(problem) if problem.errno else "it is no picture, or it is damaged"
        raise VesselError(f"it can't be read ({why}).") from problem
    except VesselError:
        raise
    except Exception as problem:  # Pillow lets through whatever a damaged file makes its decoders raise
        raise VesselError("it can't be read (it is damaged).") from problem


def _check_size(found: tuple[int, int], size: tuple[int, int] | None) -> None:
    if size is not None and found != size:
        raise VesselError(f"it is {found[1]} x {found[0]} px, its picture {size[1]} x {size[0]} px.")


def _upright_size(stored: PIL.Image.Image) -> tuple[int, int]:
    width, height = stored.size
    if _ORIENTATION in getattr(stored, "tag_v2", {}):  # of a TIFF: Pillow has turned its size already
        return height, width
    with contextlib.suppress(Exception):
        if stored.getexif().get(_ORIENTATION) in (5, 6, 7, 8):
            return width, height
    return height, width


def _of_palette(stored: PIL.Image.Image) -> NDArray[np.uint8]:
    """Give the numbers of a palette's colours, or their brightness where the numbers mean nothing.

    That is so where all colours in use are gray, and where black isn't the first of them: a program that
    saved a mask as GIF, or made its colours fewer, numbered them by itself.
    """
    table = np.zeros((256, 3), np.uint8)
    known = np.array(stored.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    table[: len(known)] = known
    numbers = np.asarray(stored)
    colours = table[numbers]
    brightest = colours.max(axis=2)
    gray = bool((colours.min(axis=2) == brightest).all())
    black_behind = bool(brightest[numbers == 0].any()) and not brightest.all()
    return brightest if gray or black_behind else numbers


def _of_colours(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give one value for each colour of (H, W, C), and how bright it is; transparent is 0."""
    channels = values.shape[2]
    colours = values[..., :3] if channels >= 3 else values[..., :1]
    brightness = colours.max(axis=2)
    value = brightness
    if colours.dtype == np.uint8 and bool((colours.min(axis=2) != brightness).any()):
        value = colours.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    if channels in (2, 4):
        opaque = values[..., -1] > 0
        return np.where(opaque, value, 0), np.where(opaque, brightness, 0)
    return value, brightness


def _are_numbers(values: NDArray[Any], brightness: NDArray[Any]) -> bool:
    """Tell numbers of objects from a mask with values between its two."""
    if values.dtype.kind == "f" and not np.all(values == np.round(values)):
        return False
    highest = float(brightness.max())
    if highest < _FEW:
        return True
    if highest == (np.iinfo(brightness.dtype).max if brightness.dtype.kind == "u" else 255):
        marked = brightness[brightness > highest / 8]
        if np.mean(marked >= highest * 7 / 8) >= _MOSTLY or len(np.unique(values)) <= _OUTLINED:
            return False
    largest = values.max()
    for one, other in ((values[1:], values[:-1]), (values[:, 1:], values[:, :-1])):
        counts = (one > 0) & (other > 0) & (np.minimum(one, other) < largest)
        if (counts & (one == other)).sum() < counts.sum() / 2:
            return False
    return True


def _as_numbers(values: NDArray[Any]) -> NDArray[np.int32]:
    """Give numbers as int32; such as don't fit are counted anew."""
    if values.max() < 2**31:
        return values.astype(np.int32)
    found, numbers = np.unique(values, return_inverse=True)
    outside = int(np.searchsorted(found, 0)) if 0 in found else -1
    return (numbers.reshape(values.shape) - outside).astype(np.int32)
