"""How wide a vessel is along a path, measured in the picture, and the pixels that such a path covers."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, median_filter

from vesselapp.core.evidence import BACKGROUND, HIGHEST, UNSURE
from vesselapp.core.geometry import Box, Pixels

Path = NDArray[np.int32]
Widths = NDArray[np.float32]
Centres = NDArray[np.float32]

WIDEST = 160
_UNSEEN = 3.0
_APART = 2
_MOST_PLACES = 160
_FINE = 0.5
_REACHES = (6.0, 12.0, 24.0, 48.0, 96.0, 192.0)
_LEAST_DEPTH = 2.0
_LEAST_CERTAINTY = 25.0
_TOO_WIDE = 2.0
_BLUR = 1.5
_AS_IS = np.arange(256, dtype=np.uint8)
_GOOD_PART = 0.4
_RISEN = 0.6
_FALL = 0.3
_PIECE = 48
_READ_ALONG = 6
_LONGEST_GAP = 80
_WIDENS = 4.0


def vessel_width(
    pixels: NDArray[np.uint8], evidence: NDArray[np.uint8], path: Path
) -> tuple[Centres, Widths]:
    """Measure a dark vessel's own middle and width along a path.

    At places along the path, the green channel is read across it. Each side of the darkest place near the
    path is followed up to its shoulder; the vessel ends where half of that height is reached (full width
    at half depth). The smallest surroundings that hold a good part of the full depth are taken, so that a
    slope of the background and the next vessel count little. Evidence is read the same way, and taken where
    the picture shows no vessel or one more than twice as wide. Where the path leads over corrected
    background, evidence tells nothing: over a short gap the vessel goes on as it is in the evidence on both
    sides, else the picture decides. Widths are then made robust along the path.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
    evidence : (H, W) uint8
    path : (N, 2) int32
        Pixels (x, y), as `Tracer.path` gives them.

    Returns
    -------
    centres : (N, 2) float32
        x, y in px (pixel corners at whole numbers), on the vessel's middle.
    widths : (N,) float32
        Px, at least 1, at most a 40th of the picture's longer side (24-160 px); 3 where none is seen.
    """
    way, normal = smooth_way(path)
    apart = max(_APART, len(way) // _MOST_PLACES)
    picked = np.unique(np.append(np.arange(0, len(way), apart), len(way) - 1))
    places = way[picked], normal[picked]
    widest = float(min(max(max(evidence.shape) // 40, 24), WIDEST))
    offset, width = _measured(pixels[:, :, 1], _AS_IS, _LEAST_DEPTH, *places, widest)
    known = _measured(evidence, _evidence_table(), _LEAST_CERTAINTY, *places, widest)
    gap = _beside_background(evidence, path)[picked]
    _bridge(*known, picked, gap)
    agree = width <= _TOO_WIDE * known[1]
    # In a gap there is no mask to make up for a picture that shows too little of the vessel.
    agree &= ~gap | (known[1] <= _TOO_WIDE * width)
    better = np.isfinite(known[1]) & ~agree
    offset[better] = known[0][better]
    better |= np.isfinite(known[1]) & gap
    width[better] = known[1][better]
    seen = np.isfinite(width)
    if not seen.any():
        return way, np.full(len(way), _UNSEEN, np.float32)
    # What the sampling and the smallest lens blur add.
    width = np.sqrt(np.maximum(width**2 - np.float32(_BLUR**2), np.float32(1.0)))
    middle, across = _robust(offset, picked, seen), _robust(width, picked, seen)
    every = np.arange(len(way))
    widths = np.interp(every, picked, across).astype(np.float32)
    # Beyond a vessel's end nothing bounds it: no vessel widens that much on its way.
    widest = min(widest, max(_WIDENS * float(np.quantile(widths, 0.25)), _UNSEEN))
    offsets = np.interp(every, picked, middle).astype(np.float32)
    return way + normal * offsets[:, None], np.clip(widths, 1.0, widest)


def paint_path(centres: Centres, widths: Widths, height: int, width: int) -> list[Pixels]:
    """Give the pixels that a way of changing width covers.

    Parameters
    ----------
    centres : (N, 2) float32 or int32
        x, y in px, about 1 px apart; whole numbers of an integer array mean the middle of that pixel.
    widths : (N,) float32
        Px. The pixel that holds a centre is always painted, so that nothing is thinner than 1 px.
    height, width : int
        Size of the picture; nothing outside it is given.

    Returns
    -------
    list of Box, (h, w) bool
        Boxes inside the picture, small ones along the way, and which of their pixels are covered.
    """
    if np.issubdtype(centres.dtype, np.integer):
        centres = centres.astype(np.float32) + np.float32(0.5)
    pieces = (
        _piece(centres[first : first + _PIECE + 1], widths[first : first + _PIECE + 1], height, width)
        for first in range(0, max(1, len(centres) - 1), _PIECE)
    )
    return [piece for piece in pieces if piece is not None]


def _piece(centres: Centres, widths: Widths, height: int, width: int) -> Pixels | None:
    radius = np.maximum(widths, 1.0) / 2
    low = np.floor((centres - radius[:, None]).min(axis=0)).astype(int)
    high = np.ceil((centres + radius[:, None]).max(axis=0)).astype(int) + 1
    box = Box(int(low[0]), int(low[1]), int(high[0]), int(high[1])).clipped(height, width)
    if box.empty:
        return None
    painted = np.zeros((box.bottom - box.top, box.right - box.left), np.bool_)
    # Wide discs may stand farther apart and still leave an edge that is straight to a tenth of a px.
    apart = max(1, int(np.sqrt(radius.min()) / 1.5))
    kept = np.unique(np.append(np.arange(0, len(centres), apart), len(centres) - 1))
    for (x, y), r in zip(centres[kept].tolist(), radius[kept].tolist(), strict=True):
        left, top = max(box.left, int(x - r)), max(box.top, int(y - r))
        right, bottom = min(box.right, int(x + r) + 1), min(box.bottom, int(y + r) + 1)
        if left < right and top < bottom:
            across = (np.arange(left, right) + 0.5 - x) ** 2
            down = (np.arange(top, bottom) + 0.5 - y) ** 2
            inside = across[None, :] + down[:, None] <= r * r
            painted[top - box.top : bottom - box.top, left - box.left : right - box.left] |= inside
        if box.left <= x < box.right and box.top <= y < box.bottom:
            painted[int(y) - box.top, int(x) - box.left] = True
    return box, painted


def smooth_way(path: Path) -> tuple[Centres, Centres]:
    """Take the staircase out of a path of pixels; give its points (x, y) and unit normals."""
    points = path.astype(np.float32) + np.float32(0.5)
    if len(points) < 3:
        return points, np.tile(np.array([[0.0, 1.0]], np.float32), (len(points), 1))
    smooth = gaussian_filter1d(points, 2.0, axis=0, mode="nearest")
    smooth[0], smooth[-1] = points[0], points[-1]
    tangent = np.gradient(gaussian_filter1d(points, 4.0, axis=0, mode="nearest"), axis=0)
    length = np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-6)[:, None]
    tangent /= length
    return smooth, np.ascontiguousarray(np.stack([-tangent[:, 1], tangent[:, 0]], axis=1))


def _beside_background(evidence: NDArray[np.uint8], path: Path) -> NDArray[np.bool_]:
    """Tell where a path leads over corrected background, or near enough that it counts in what is read."""
    over = evidence[path[:, 1], path[:, 0]] == BACKGROUND
    return np.asarray(maximum_filter1d(over, 2 * _READ_ALONG + 1, mode="nearest"), np.bool_)


def _bridge(
    offset: NDArray[np.float32], width: NDArray[np.float32], at: NDArray[np.intp], gap: NDArray[np.bool_]
) -> None:
    """Put into short gaps what is on both sides of them, in place; NaN into others."""
    sure = np.flatnonzero(np.isfinite(width) & ~gap)
    gaps = np.flatnonzero(gap)
    after = np.searchsorted(sure, gaps)
    between = (after > 0) & (after < len(sure))
    after, inner = after[between], gaps[between]
    inner = inner[at[sure[after]] - at[sure[after - 1]] <= _LONGEST_GAP]
    for values in (offset, width):
        bridged = np.interp(at[inner], at[sure], values[sure]) if len(inner) else inner
        values[gap] = np.nan
        values[inner] = bridged


def _evidence_table() -> NDArray[np.uint8]:
    """Give evidence turned over, so that a vessel is dark; unsure is neither."""
    table = np.arange(255, -1, -1).astype(np.uint8)
    table[UNSURE] = HIGHEST // 2
    return table


def _measured(
    plane: NDArray[np.uint8],
    table: NDArray[np.uint8],
    least: float,
    places: Centres,
    normal: Centres,
    widest: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give the middle's distance from each place and the width there (px); NaN where no vessel is seen."""
    reaches = [reach for reach in _REACHES if reach <= max(2 * widest, _REACHES[0])]
    low = np.maximum(places.min(axis=0) - reaches[-1] - 2, 0).astype(int)
    high = (places.max(axis=0) + reaches[-1] + 3).astype(int)
    part = np.asarray(cv2.LUT(plane[low[1] : high[1], low[0] : high[0]], table), np.uint8)
    places = places - low.astype(np.float32)
    found = [_half_depth(_profiles(part, places, normal, reach), reach, least) for reach in reaches]
    middles, widths, heights = (np.stack(values) for values in zip(*found, strict=True))
    # The smallest reach that sees a good part of the full depth: less is a dent in a wide vessel's floor.
    good = np.isfinite(widths) & (heights >= _GOOD_PART * heights.max(axis=0))
    # A width counts when as much background as vessel was in sight.
    good &= widths <= np.array(reaches, np.float32)[:, None]
    first, rows = np.argmax(good, axis=0), np.arange(len(places))
    offset, width = middles[first, rows], widths[first, rows]
    offset[~good.any(axis=0)] = width[~good.any(axis=0)] = np.nan
    return offset, width


def _profiles(part: NDArray[np.uint8], places: Centres, normal: Centres, reach: float) -> NDArray[np.float32]:
    """Read a plane across the path, ``(N, places across) float32``, a little smoothed."""
    fine = _FINE if reach < 48 else 2 * _FINE
    steps = np.arange(-round(reach / fine), round(reach / fine) + 1, dtype=np.float32) * np.float32(fine)
    # OpenCV counts from pixel middles.
    x = places[:, :1] + normal[:, :1] * steps - np.float32(0.5)
    y = places[:, 1:] + normal[:, 1:] * steps - np.float32(0.5)
    read = cv2.remap(part, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    values = read.reshape(len(places), -1).astype(np.float32)
    # Along the path a vessel hardly changes, so noise is averaged there rather than across.
    along = np.asarray(
        cv2.GaussianBlur(values, (0, 0), sigmaX=0.01, sigmaY=3.0, borderType=cv2.BORDER_REPLICATE)
    )
    if reach >= 12:
        across = reach / 24 / fine
        along = np.asarray(
            cv2.GaussianBlur(along, (0, 0), sigmaX=across, sigmaY=0.01, borderType=cv2.BORDER_REPLICATE)
        )
    return np.asarray(along[:, :: _thinned(reach, fine)], np.float32)


def _thinned(reach: float, fine: float) -> int:
    """Tell of how many places across a path one is kept: far sights need none closer than reach / 48."""
    return max(1, int(reach / 48 / fine))


def _half_depth(
    profiles: NDArray[np.float32], reach: float, least: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Give middle and width (px) of the dark valley at the path, NaN where there is none, and its depth."""
    length = profiles.shape[1]
    fine = 2 * reach / (length - 1)
    zero = length // 2
    near = max(1, round(min(reach / 4, 4.0) / fine))
    lowest = zero - near + np.argmin(profiles[:, zero - near : zero + near + 1], axis=1)
    depth = np.take_along_axis(profiles, lowest[:, None], axis=1)[:, 0]
    columns = np.arange(length)[None, :]
    highest = [
        np.where(side, profiles, 0).max(axis=1)
        for side in (columns > lowest[:, None], columns < lowest[:, None])
    ]
    enough = _RISEN * (np.minimum(*highest) - depth)
    right, high_right = _side(profiles, lowest, depth, enough, 1)
    left, high_left = _side(profiles, lowest, depth, enough, -1)
    height = np.minimum(high_left, high_right)
    middle, width = ((lowest - zero) + (right - left) / 2) * fine, (left + right) * fine
    middle[height < least] = width[height < least] = np.nan
    return middle.astype(np.float32), width.astype(np.float32), height.astype(np.float32)


def _side(
    profiles: NDArray[np.float32],
    lowest: NDArray[np.intp],
    depth: NDArray[np.float32],
    enough: NDArray[np.float32],
    way: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Follow one side of each valley; give the steps to its half height (NaN if none) and its whole."""
    count, length = profiles.shape
    rows = np.arange(count)
    at = lowest[:, None] + way * np.arange(length)[None, :]
    outside = (at < 0) | (at >= length)
    values = np.take_along_axis(profiles, np.clip(at, 0, length - 1), axis=1) - depth[:, None]
    values[outside] = -np.inf
    highest = np.maximum.accumulate(values, axis=1)
    # Past the shoulder the profile falls again, into the next vessel. The light stripe in the middle of a
    # wide vessel is lower than that.
    over = outside | ((values < (1 - _FALL) * highest) & (highest >= enough[:, None]))
    last = np.where(over.any(axis=1), np.argmax(over, axis=1), length) - 1
    shoulder = highest[rows, last]
    first = np.argmax(values >= shoulder[:, None] / 2, axis=1)
    before, after = values[rows, np.maximum(first - 1, 0)], values[rows, first]
    rise = after - before
    steps = np.where(rise > 0, first - 1 + (shoulder / 2 - before) / np.where(rise > 0, rise, 1), np.nan)
    return steps.astype(np.float32), shoulder


def _robust(
    values: NDArray[np.float32], at: NDArray[np.intp], seen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Fill gaps and take outliers out along the path."""
    filled = np.interp(at, at[seen], values[seen])
    size = min(15, len(filled))
    middle = median_filter(filled, size=size, mode="nearest")
    return np.asarray(gaussian_filter1d(middle, 3.0, mode="nearest"), np.float64)
