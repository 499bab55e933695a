"""How wide the mask is along a path, so that all of a vessel can be taken away."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from vesselapp.core.evidence import mask_of
from vesselapp.core.tools.width import WIDEST, Centres, Path, Widths, smooth_way

_FINE = 0.5
_BESIDE = 2.0
_STRETCH = 2.5
_WIDER, _MORE = 1.5, 0.25


def mask_width(evidence: NDArray[np.uint8], level: int, path: Path) -> tuple[Centres, Widths]:
    """Follow the mask across a path to both sides, as far as it holds together, at most `WIDEST` px.

    What juts out for a short stretch, as a branch does, is left; of a wider vessel that the path runs into,
    no more is taken than half as much again as the path usually has.

    Parameters
    ----------
    evidence : (H, W) uint8
    level : int
    path : (N, 2) int32
        Pixels (x, y), in the mask or at most 2 px beside it.

    Returns
    -------
    centres : (M, 2) float32
        x, y in px (pixel corners at whole numbers), for the places of the path that meet the mask.
    widths : (M,) float32
        Px.
    """
    way, normal = smooth_way(path)
    reach = round(WIDEST / _FINE)
    steps = np.arange(-reach, reach + 1, dtype=np.float32) * np.float32(_FINE)
    corner = np.maximum(way.min(axis=0) - WIDEST - 2, 0).astype(int)
    end = (way.max(axis=0) + WIDEST + 3).astype(int)
    mask = mask_of(evidence[corner[1] : end[1], corner[0] : end[0]], level).astype(np.uint8)
    x, y = (way[:, side, None] + normal[:, side, None] * steps - corner[side] - 0.5 for side in (0, 1))
    read = cv2.remap(mask, x.astype(np.float32), y.astype(np.float32), cv2.INTER_NEAREST) > 0
    from_way = np.argsort(np.abs(steps), kind="stable")[: 2 * round(_BESIDE / _FINE) + 1]
    begins = from_way[np.argmax(read[:, from_way], axis=1)]
    there = read[np.arange(len(way)), begins]
    if not there.any():
        return np.zeros((0, 2), np.float32), np.zeros(0, np.float32)
    first, last = _ends(read[there], begins[there])
    left, right = steps[first], steps[last]
    # A branch juts out for a short stretch.
    usual = _usual(right - left)
    juts = right - left > usual + np.maximum(_MORE * usual, 1)
    left, right = (
        np.where(juts, np.maximum(left, -usual / 2), left),
        np.where(juts, np.minimum(right, usual / 2), right),
    )
    centres = way[there] + normal[there] * ((left + right) / 2)[:, None]
    return centres.astype(np.float32), (right - left + np.float32(_FINE)).astype(np.float32)


def _usual(width: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the width that holds for a good stretch around each place."""
    middle = float(np.median(width))
    stretch = min(2 * round(_STRETCH * max(middle, 1.0)) + 1, len(width))
    return np.asarray(np.minimum(median_filter(width, stretch, mode="nearest"), _WIDER * middle), np.float32)


def _ends(read: NDArray[np.bool_], begins: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the first and last column of the run of mask that each row's beginning lies in."""
    columns = np.arange(read.shape[1])[None, :]
    before = ~read & (columns < begins[:, None])
    after = ~read & (columns > begins[:, None])
    first = np.where(before.any(axis=1), read.shape[1] - np.argmax(before[:, ::-1], axis=1), 0)
    last = np.where(after.any(axis=1), np.argmax(after, axis=1) - 1, read.shape[1] - 1)
    return first, last
