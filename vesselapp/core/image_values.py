"""From the values of a file to upright eight-bit sRGB: bit depth, transparency, inks, orientation."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

DEPTHS = (8, 10, 12, 14, 16, 24, 32)
_STRIP_VALUES = 2**20
_PHOTOMETRIC, _SAMPLE_FORMAT, _UNSIGNED, _SIGNED = 262, 339, 1, 2


def to_bytes(values: NDArray[Any], bits: int | None = None) -> tuple[NDArray[np.uint8], str | None]:
    """Bring values of any type to 0-255.

    Parameters
    ----------
    values : (H, W) or (H, W, C), bool, integer or float
    bits : int, optional
        Bits a sample has by the file's word, where that is to be believed (1-7, 9-15).

    Returns
    -------
    values : uint8, the same shape
    note : str or None
        What was done, where it changes how bright the picture looks.
    """
    kind = values.dtype.kind
    if kind == "b":
        return values.astype(np.uint8) * np.uint8(255), None
    if kind == "f":
        return _floats_to_bytes(values)
    if kind not in "ui":
        raise ValueError(f"values of type {values.dtype} have no brightness")
    lowest, highest = int(values.min()), int(values.max())
    if lowest < 0:
        return _stretch(
            values, float(lowest), float(highest)
        ), f"Values from {lowest} to {highest} are shown stretched."
    if bits is not None and highest < 1 << bits:
        return _scale(values, (1 << bits) - 1), None
    if highest < 256:
        return values.astype(np.uint8, copy=False), None
    if highest < 1 << 16 and _is_widened(values):
        return (values >> 8).astype(np.uint8), None
    depth = next(depth for depth in DEPTHS if highest < 1 << depth or depth == DEPTHS[-1])
    return _scale(values, (1 << depth) - 1), f"{depth}-bit values are shown in 8 bits."


def stored_values(picture: Pillow.Image) -> NDArray[Any]:
    """Give a mask's values ((H, W) or (H, W, C)) as they are stored.

    Pillow turns those of a TIFF that calls 0 white. Who writes a mask so means what is stored: tifffile
    writes bool arrays thus, ImageJ masks with an inverted lookup table, and scanners ink. It also takes
    bytes with a sign for such without, and numbers of 32 bit without one for such with.
    """
    values, tags = np.asarray(picture), getattr(picture, "tag_v2", {})
    if picture.mode in ("1", "L") and tags.get(_PHOTOMETRIC) == 0:
        values = np.invert(values)
    if picture.mode == "L" and tags.get(_SAMPLE_FORMAT) == (_SIGNED,):
        values = values.view(np.int8)
    unsigned = bool(tags) and tags.get(_SAMPLE_FORMAT, (_UNSIGNED,)) == (_UNSIGNED,)
    if picture.mode == "I" and unsigned and values.min() < 0:
        values = values.view(np.uint32)
    return values


def gray_to_rgb(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give ``(H, W, 3)`` of ``(H, W)``, three equal channels."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(gray), cv2.COLOR_GRAY2RGB), np.uint8)


def lay_on_black(pixels: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay a picture with transparency on black.

    Parameters
    ----------
    pixels : (H, W) or (H, W, C) uint8
    alpha : (H, W) uint8
        0 transparent, 255 opaque. Zero everywhere is taken for a channel nobody filled, and ignored.

    Returns
    -------
    uint8, the shape of `pixels`
    """
    lowest, highest = int(alpha.min()), int(alpha.max())
    if lowest == 255 or highest == 0:
        return np.ascontiguousarray(pixels)
    out = np.empty(pixels.shape, np.uint8)
    for rows in strips(pixels):
        share = alpha[rows].astype(np.uint16)
        share = share if pixels.ndim == 2 else share[..., None]
        out[rows] = (pixels[rows] * share + np.uint16(127)) // np.uint16(255)
    return out


def inks_to_rgb(inks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn cyan, magenta, yellow, black (``(H, W, 4) uint8``, 0 no ink) into sRGB without a profile."""
    out = np.empty((*inks.shape[:2], 3), np.uint8)
    for rows in strips(inks):
        light = (255 - inks[rows]).astype(np.uint16)
        out[rows] = (light[..., :3] * light[..., 3:4] + np.uint16(127)) // np.uint16(255)
    return out


def upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn and flip pixels as an orientation tag (TIFF 6.0, EXIF: 1-8) says; other values do nothing."""
    if orientation in (5, 6, 7, 8):
        pixels = np.asarray(cv2.transpose(pixels), np.uint8)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return pixels if flip is None else np.asarray(cv2.flip(pixels, flip), np.uint8)


def turned_size(height: int, width: int, orientation: int) -> tuple[int, int]:
    """Give height and width after `upright`."""
    return (width, height) if orientation in (5, 6, 7, 8) else (height, width)


def strips(values: NDArray[Any]) -> list[slice]:
    """Give slices of rows that cut an array into pieces of about a million values."""
    rows = max(1, _STRIP_VALUES // max(1, int(np.prod(values.shape[1:]))))
    return [slice(top, top + rows) for top in range(0, values.shape[0], rows)]


def _is_widened(values: NDArray[Any]) -> bool:
    """Tell 16-bit values that are 8-bit ones in disguise: both bytes alike, or the low one zero."""
    alike = empty = True
    for rows in strips(values):
        low, high = values[rows] & 255, values[rows] >> 8
        alike = alike and bool((low == high).all())
        empty = empty and not low.any()
        if not (alike or empty):
            return False
    return True


def _scale(values: NDArray[Any], highest: int) -> NDArray[np.uint8]:
    """Map 0-``highest`` to 0-255, rounded."""
    out = np.empty(values.shape, np.uint8)
    table: NDArray[np.uint8] | None = None
    if highest < 1 << 16:
        table = ((np.arange(highest + 1, dtype=np.uint64) * 255 + highest // 2) // highest).astype(np.uint8)
    for rows in strips(values):
        if table is not None:
            out[rows] = table[values[rows]]
        else:
            out[rows] = np.rint(values[rows].astype(np.float64) * (255.0 / highest)).astype(np.uint8)
    return out


def _floats_to_bytes(values: NDArray[Any]) -> tuple[NDArray[np.uint8], str | None]:
    finite = np.isfinite(values)
    if not finite.all():
        values = np.where(finite, values, 0)
    lowest, highest = float(values.min()), float(values.max())
    if lowest >= 0 and highest <= 1:
        return _stretch(values, 0.0, 1.0), None
    if lowest >= 0 and highest <= 255:
        return _stretch(values, 0.0, 255.0), None
    depth = next((depth for depth in DEPTHS if highest < 1 << depth), None)
    if lowest >= 0 and depth is not None:
        return _stretch(values, 0.0, float((1 << depth) - 1)), f"{depth}-bit values are shown in 8 bits."
    return _stretch(values, lowest, highest), f"Values from {lowest:g} to {highest:g} are shown stretched."


def _stretch(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Map ``low``-``high`` to 0-255, rounded; a flat picture becomes 0."""
    out = np.zeros(values.shape, np.uint8)
    if high > low:
        for rows in strips(values):
            share = (values[rows].astype(np.float64) - low) / (high - low)
            out[rows] = np.rint(np.clip(share, 0.0, 1.0) * 255.0).astype(np.uint8)
    return out
