"""What of a picture is in sight, resampled to device pixels: numpy only, one array per kind of content.

The canvas keeps these arrays between paints. A new threshold changes a table of 256 colours and no array; a
stroke resamples the part of the evidence it touched; only zoom and pan resample everything in sight. So the
cost of a frame grows with the screen and not with the picture.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core import evidence as ev
from vesselapp.core.geometry import Box
from vesselapp.core.pyramid import Pyramid
from vesselapp.ui.looks import Colour, PictureLook
from vesselapp.ui.view import View


def level_for(zoom: float, levels: int) -> int:
    """Give the reduced level to paint from: the coarsest that still has a pixel for every device pixel."""
    if zoom >= 1:
        return 0
    return min(math.floor(math.log2(1 / zoom) + 1e-9), levels - 1)


def device_box(box: Box, view: View, height: int, width: int) -> Box:
    """Give the device pixels that may show a box of the picture, on a canvas of that size."""
    # A reduced level spreads a change over whole blocks of its pixels, at most two device px wide.
    return view.box_on_canvas(box).grown(3).clipped(height, width)


def sample_pixels(
    pixels: Pyramid, view: View, box: Box, surround: Colour, look: PictureLook | None = None
) -> NDArray[np.uint8]:
    """Resample a picture: nearest pixel when zoomed in, smooth when zoomed out.

    Parameters
    ----------
    pixels : Pyramid of (H, W, 3) uint8
    view : View
    box : Box
        Wanted device pixels.
    surround : (r, g, b)
        Colour where there is no picture.
    look : PictureLook, optional
        How the pixels are shown; as they are where None.

    Returns
    -------
    (h, w, 4) uint8
        B, G, R, 255: what QImage calls Format_RGB32 on little-endian machines.
    """
    out = np.empty((box.bottom - box.top, box.right - box.left, 4), np.uint8)
    seen = _picture_box(view.turned_plane(pixels.levels[0]).shape, view, box)
    if seen != box:
        word = np.array([surround[2], surround[1], surround[0], 255], np.uint8).view(np.uint32)
        out.view(np.uint32)[...] = word
    if seen.empty:
        return out
    level = level_for(view.zoom, len(pixels.levels))
    plane = view.turned_plane(pixels.levels[level])
    near = view.zoom >= 1
    shown = _nearest_pixels(plane, view, seen) if near else _smooth_pixels(plane, view, seen, level)
    shown = shown if look is None else look.apply(shown)
    if seen == box:
        return shown
    out[seen.top - box.top : seen.bottom - box.top, seen.left - box.left : seen.right - box.left] = shown
    return out


def sample_evidence(evidence: Pyramid, view: View, box: Box) -> NDArray[np.uint8]:
    """Resample evidence to the wanted device pixels, nearest value; (h, w) uint8, 1 off the picture."""
    level = level_for(view.zoom, len(evidence.levels))
    plane = view.turned_plane(evidence.levels[level])
    out = np.full((box.bottom - box.top, box.right - box.left), ev.LOWEST, np.uint8)
    seen = _picture_box(view.turned_plane(evidence.levels[0]).shape, view, box)
    if seen.empty:
        return out
    target = out[seen.top - box.top : seen.bottom - box.top, seen.left - box.left : seen.right - box.left]
    rows, columns = _indices(plane, view, seen, level)
    target[...] = _gather(plane, rows, columns)
    return out


def _picture_box(shape: tuple[int, ...], view: View, box: Box) -> Box:
    """Give the part of a box (device px) whose pixel centres lie on the picture."""
    right, bottom = view.x + shape[1] * view.zoom, view.y + shape[0] * view.zoom
    picture = Box(view.x, view.y, math.ceil(right - 0.5), math.ceil(bottom - 0.5))
    return Box(
        max(box.left, picture.left),
        max(box.top, picture.top),
        min(box.right, picture.right),
        min(box.bottom, picture.bottom),
    )


def _indices(
    plane: NDArray[np.uint8], view: View, seen: Box, level: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the row and column of a level that each device row and column shows."""
    step = view.zoom * 2**level
    rows = np.floor((np.arange(seen.top, seen.bottom) + 0.5 - view.y) / step).astype(np.intp)
    columns = np.floor((np.arange(seen.left, seen.right) + 0.5 - view.x) / step).astype(np.intp)
    return np.clip(rows, 0, plane.shape[0] - 1), np.clip(columns, 0, plane.shape[1] - 1)


def _gather(
    plane: NDArray[np.generic], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.generic]:
    """Give ``plane[rows][:, columns]`` by way of the smaller of the two halves."""
    first, last = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    part = plane[first:last, left:right]
    if part.shape == (len(rows), len(columns)):
        return part
    if last - first <= len(rows):
        return np.take(np.take(part, columns - left, axis=1), rows - first, axis=0)
    return np.take(np.take(part, rows - first, axis=0), columns - left, axis=1)


def _nearest_pixels(plane: NDArray[np.uint8], view: View, seen: Box) -> NDArray[np.uint8]:
    rows, columns = _indices(plane, view, seen, 0)
    part = plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    packed = np.asarray(cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2BGRA), np.uint8)
    words = packed.view(np.uint32)[:, :, 0]
    gathered = _gather(words, rows - rows[0], columns - columns[0])
    return np.ascontiguousarray(gathered).view(np.uint8).reshape(len(rows), len(columns), 4)


def _smooth_pixels(plane: NDArray[np.uint8], view: View, seen: Box, level: int) -> NDArray[np.uint8]:
    step = view.zoom * 2**level
    rows, columns = _indices(plane, view, seen, level)
    top, left = max(0, int(rows[0]) - 1), max(0, int(columns[0]) - 1)
    part = np.ascontiguousarray(plane[top : rows[-1] + 3, left : columns[-1] + 3])
    place = np.array(
        [
            [1 / step, 0, (seen.left + 0.5 - view.x) / step - 0.5 - left],
            [0, 1 / step, (seen.top + 0.5 - view.y) / step - 0.5 - top],
        ]
    )
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (len(columns), len(rows))
    # Four channels first: OpenCV warps those three times as fast as three.
    packed = cv2.cvtColor(part, cv2.COLOR_RGB2BGRA)
    warped = cv2.warpAffine(packed, place, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)
