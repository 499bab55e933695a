"""Areas: a drawn outline, the piece or hole under a click, specks and holes by size, one px more or less.

Pieces of the mask hold together by sides and corners, holes by sides only, so that a line of one pixel is
one piece and still a wall.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.draw import line as straight_line

from vesselapp.core.evidence import UNSURE, mask_of
from vesselapp.core.geometry import Box, Pixels, box_of, pixels_at
from vesselapp.core.tools.pieces import Mask, Place, Plane, bands, by_tiles, trimmed

_FIRST_WINDOW = 256
_BAND_ROWS = 2048
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


def polygon_pixels(points: NDArray[np.float64], height: int, width: int) -> Pixels | None:
    """Give the pixels whose middles lie inside a closed outline.

    Parameters
    ----------
    points : (N, 2) float
        x, y in px (pixel corners at whole numbers); the last joins the first. Where the outline crosses
        itself, places surrounded twice are outside.
    height, width : int
        Size of the picture in px; nothing outside it is given.

    Returns
    -------
    Box, (h, w) bool or None
        None where no pixel's middle is inside.
    """
    points = np.asarray(points, np.float64)
    low, high = np.floor(points.min(axis=0)).astype(int), np.ceil(points.max(axis=0)).astype(int)
    box = Box(int(low[0]), int(low[1]), int(high[0]), int(high[1])).clipped(height, width)
    if box.empty:
        return None
    x, y = points[:, 0] - box.left - 0.5, points[:, 1] - box.top - 0.5
    x_next, y_next = np.roll(x, -1), np.roll(y, -1)
    rows, columns = box.bottom - box.top, box.right - box.left
    # Each side flips inside and outside, on every row whose middle it crosses, from its crossing on.
    flips = np.zeros((rows, columns + 1), np.int32)
    first = np.clip(np.ceil(np.minimum(y, y_next)), 0, rows).astype(int)
    last = np.clip(np.ceil(np.maximum(y, y_next)), 0, rows).astype(int)
    crossed = np.repeat(np.arange(len(x)), last - first)
    row = np.arange(len(crossed)) - np.repeat(np.cumsum(last - first) - (last - first), last - first)
    row += first[crossed]
    slope = (x_next - x)[crossed] / (y_next - y)[crossed]
    at = np.ceil(x[crossed] + (row - y[crossed]) * slope)
    np.add.at(flips, (row, np.clip(at, 0, columns).astype(int)), 1)
    return trimmed(box, np.cumsum(flips, axis=1)[:, :columns] % 2 == 1)


def piece_at(evidence: Plane, level: int, place: Place) -> Pixels | None:
    """Give the connected piece of the mask under a place; None where there is no mask."""
    x, y = place
    if not _inside(evidence, place) or not mask_of(evidence[y : y + 1, x : x + 1], level)[0, 0]:
        return None
    return _connected(evidence, level, place, foreground=True)


def hole_at(evidence: Plane, level: int, place: Place) -> Pixels | None:
    """Give what fills the hole of the mask under a place; None in the mask and where it is open.

    A hole is background that the mask surrounds; what reaches the picture's edge is open. Pixels said to be
    unsure stay so.
    """
    x, y = place
    if not _inside(evidence, place) or mask_of(evidence[y : y + 1, x : x + 1], level)[0, 0]:
        return None
    found = _connected(evidence, level, place, foreground=False)
    if found is None:
        return None
    box, hole = found
    return trimmed(box, hole & (evidence[box.slices] != UNSURE))


def other_pieces(evidence: Plane, level: int, place: Place) -> list[Pixels]:
    """Give all of the mask but the piece under a place: what goes when that piece alone is kept."""
    kept = piece_at(evidence, level, place)
    if kept is None:
        return []
    out: list[Pixels] = []
    for core, _ in bands(box_of(evidence), evidence.shape[0], _BAND_ROWS, 0):
        gone = mask_of(evidence[core.slices], level)
        both = core.clipped_to(kept[0])
        if not both.empty:
            gone[both.slices_in(core)] &= ~kept[1][both.slices_in(kept[0])]
        out.extend(by_tiles(core, gone))
    return out


def specks(evidence: Plane, level: int, below: int) -> list[Pixels]:
    """Give all connected pieces of the mask that have fewer than so many pixels."""
    return _small_parts(evidence, level, below, foreground=True)


def small_holes(evidence: Plane, level: int, below: int) -> list[Pixels]:
    """Give what fills all holes of the mask of fewer than so many pixels; unsure pixels stay so."""
    return _small_parts(evidence, level, below, foreground=False)


def one_more(evidence: Plane, level: int, box: Box | None = None) -> list[Pixels]:
    """Give the pixels that touch the mask by a side (dilation by 1 px), in a box or everywhere."""
    return _edge(evidence, level, box, foreground=False)


def one_less(evidence: Plane, level: int, box: Box | None = None) -> list[Pixels]:
    """Give the mask's pixels that touch background by a side (erosion by 1 px), in a box or everywhere.

    The picture's edge is no background.
    """
    return _edge(evidence, level, box, foreground=True)


def split_pixels(evidence: Plane, level: int, points: NDArray[np.float64]) -> list[Pixels]:
    """Give the mask's pixels under a drawn line, which take apart what it crosses.

    Where the line begins or ends inside the mask, it crosses nothing there, and leaves it as it is.

    Parameters
    ----------
    evidence : (H, W) uint8
    level : int
    points : (N, 2) float
        The drawn line's places, x, y in px (pixel corners at whole numbers).

    Returns
    -------
    list of Box, (h, w) bool
        The line is one pixel wide and steps by sides only, so that the mask can't hold together across it
        by a corner.
    """
    x, y = _line_inside(evidence, points)
    begins, ends = (_on_edge(evidence, x[end], y[end]) for end in (slice(1), slice(-1, None)))
    crossed = _passed(mask_of(evidence[y, x], level), begins, ends)
    return _drawn(x[crossed], y[crossed])


def join_pixels(evidence: Plane, level: int, points: NDArray[np.float64]) -> list[Pixels]:
    """Give the pixels that the mask lacks between two places of it under a line (see `split_pixels`)."""
    x, y = _line_inside(evidence, points)
    lacking = _passed(~mask_of(evidence[y, x], level))
    return _drawn(x[lacking], y[lacking])


def _passed(held: Mask, begins: bool = False, ends: bool = False) -> Mask:
    """Leave out of what is held along a line its open ends, unless the picture begins or ends there."""
    out, free = held.copy(), np.append(np.flatnonzero(~held), len(held))
    if not begins:
        out[: free[0]] = False
    if not ends:
        out[free[-2] if len(free) > 1 else 0 :] = False
    return out


def _line_inside(evidence: Plane, points: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    x, y = stepwise_line(np.floor(np.asarray(points)).astype(np.int64))
    inside = (x >= 0) & (y >= 0) & (x < evidence.shape[1]) & (y < evidence.shape[0])
    return x[inside], y[inside]


def _on_edge(evidence: Plane, x: NDArray[np.int64], y: NDArray[np.int64]) -> bool:
    """Tell whether a pixel lies on the picture's edge: a line that ends there has crossed all there is."""
    height, width = evidence.shape
    return bool(((x == 0) | (y == 0) | (x == width - 1) | (y == height - 1)).any())


def _drawn(x: NDArray[np.int64], y: NDArray[np.int64]) -> list[Pixels]:
    return list(by_tiles(*pixels_at(x, y))) if len(x) else []


def stepwise_line(points: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give x and y of the pixels of a line through pixels, each touching the next by a side."""
    xs, ys = [points[:1, 0]], [points[:1, 1]]
    for (x0, y0), (x1, y1) in zip(points[:-1].tolist(), points[1:].tolist(), strict=True):
        row, column = straight_line(y0, x0, y1, x1)  # type: ignore[no-untyped-call]
        # A corner step is made in two: across first, then down.
        corner = (np.diff(row) != 0) & (np.diff(column) != 0)
        x = np.insert(column, np.flatnonzero(corner) + 1, column[1:][corner])
        y = np.insert(row, np.flatnonzero(corner) + 1, row[:-1][corner])
        xs.append(x[1:])
        ys.append(y[1:])
    return np.concatenate(xs), np.concatenate(ys)


def _inside(plane: Plane, place: Place) -> bool:
    height, width = plane.shape
    return 0 <= place[0] < int(width) and 0 <= place[1] < int(height)


def _connected(evidence: Plane, level: int, place: Place, *, foreground: bool) -> Pixels | None:
    """Flood from a place in windows that grow until all of it is in; None for background that is open."""
    height, width = evidence.shape
    reach = _FIRST_WINDOW
    while True:
        around = Box(place[0] - reach, place[1] - reach, place[0] + reach, place[1] + reach)
        window = around.clipped(height, width)
        part = mask_of(evidence[window.slices], level).astype(np.uint8)
        flags = (8 if foreground else 4) | (2 << 8) | cv2.FLOODFILL_FIXED_RANGE
        seed = (place[0] - window.left, place[1] - window.top)
        *_, (x, y, w, h) = cv2.floodFill(part, None, seed, 2, 0, 0, flags)
        found = Box(x, y, x + w, y + h).moved(window.left, window.top)
        cut = (
            (found.left == window.left and window.left > 0)
            or (found.top == window.top and window.top > 0)
            or (found.right == window.right and window.right < width)
            or (found.bottom == window.bottom and window.bottom < height)
        )
        if not cut:
            break
        reach *= 4
    if not foreground and (
        found.left == 0 or found.top == 0 or found.right == width or found.bottom == height
    ):
        return None
    return found, part[y : y + h, x : x + w] == 2


def _small_parts(evidence: Plane, level: int, below: int, *, foreground: bool) -> list[Pixels]:
    """Find parts below a size. What leaves a band's margin is larger than that margin."""
    out: list[Pixels] = []
    height, width = evidence.shape
    for core, wide in bands(box_of(evidence), height, _BAND_ROWS, below):
        plane = evidence[wide.slices]
        part = mask_of(plane, level)
        wanted = part if foreground else ~part
        connectivity = 8 if foreground else 4
        _, numbers, stats, _ = cv2.connectedComponentsWithStats(
            wanted.astype(np.uint8), connectivity=connectivity, ltype=cv2.CV_32S
        )
        small = stats[:, cv2.CC_STAT_AREA] < below
        small[0] = False
        if not foreground:
            small &= ~_open(np.asarray(stats, np.int32), wide, height, width)
        chosen = small[numbers[core.top - wide.top : core.bottom - wide.top]]
        if not foreground:
            chosen &= evidence[core.slices] != UNSURE
        out.extend(by_tiles(core, chosen))
    return out


def _open(stats: NDArray[np.int32], wide: Box, height: int, width: int) -> Mask:
    """Tell which parts of a band reach the picture's edge."""
    left, top, w, h = (stats[:, column] for column in range(4))
    at_side = (left == 0) | (left + w == width)
    at_end = ((top == 0) & (wide.top == 0)) | ((top + h == wide.bottom - wide.top) & (wide.bottom == height))
    return np.asarray(at_side | at_end, np.bool_)


def _edge(evidence: Plane, level: int, box: Box | None, *, foreground: bool) -> list[Pixels]:
    height, width = evidence.shape
    out: list[Pixels] = []
    for core, _ in bands((box or box_of(evidence)).clipped(height, width), height, _BAND_ROWS, 0):
        wide = core.grown(1).clipped(height, width)
        mask = mask_of(evidence[wide.slices], level)
        side = (~mask if foreground else mask).astype(np.uint8)
        near = cv2.dilate(side, _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
        chosen = near & (mask if foreground else ~mask & (evidence[wide.slices] != UNSURE))
        out.extend(by_tiles(core, chosen[core.slices_in(wide)]))
    return out
