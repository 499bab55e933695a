"""How wide the mask is along a path, so that all of a vessel can be taken away."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from vesselapp.core.evidence import mask_of
from vesselapp.core.tools.width import WIDEST, Centres, Path, Widths, smooth_way

_FINE = 0.5
_BESIDE = 2.0
_WIDER = 1.5
_STEADY = 15


def mask_width(
    evidence: NDArray[np.uint8], level: int, path: Path, *, widest: float = WIDEST
) -> tuple[Centres, Widths]:
    """Follow the mask across a path to both sides, as far as it holds together.

    Where a branch or a wider vessel meets the path, no more is taken than half as much again as the path
    usually has.

    Parameters
    ----------
    evidence : (H, W) uint8
    level : int
    path : (N, 2) int32
        Pixels (x, y), in the mask or at most 2 px beside it.
    widest : float
        To no side the mask is followed farther (px).

    Returns
    -------
    centres : (M, 2) float32
        x, y in px (pixel corners at whole numbers), for the places of the path that meet the mask.
    widths : (M,) float32
        Px.
    """
    way, normal = smooth_way(path)
    reach = round(widest / _FINE)
    steps = np.arange(-reach, reach + 1, dtype=np.float32) * np.float32(_FINE)
    low = np.maximum(way.min(axis=0) - widest - 2, 0).astype(int)
    high = (way.max(axis=0) + widest + 3).astype(int)
    mask = mask_of(evidence[low[1] : high[1], low[0] : high[0]], level).astype(np.uint8)
    x, y = (way[:, side, None] + normal[:, side, None] * steps - low[side] - 0.5 for side in (0, 1))
    read = cv2.remap(mask, x.astype(np.float32), y.astype(np.float32), cv2.INTER_NEAREST) > 0
    from_way = np.argsort(np.abs(steps), kind="stable")[: 2 * round(_BESIDE / _FINE) + 1]
    begins = from_way[np.argmax(read[:, from_way], axis=1)]
    there = read[np.arange(len(way)), begins]
    if not there.any():
        return np.zeros((0, 2), np.float32), np.zeros(0, np.float32)
    first, last = _ends(read[there], begins[there])
    width = (last - first + 1) * np.float32(_FINE)
    usual = median_filter(width, min(_STEADY, len(width)), mode="nearest")
    usual = np.minimum(usual, np.float32(_WIDER * np.median(width)))
    # Where more is seen than usual, the way itself stays the middle.
    middle = np.where(width <= usual * _WIDER, (steps[first] + steps[last]) / 2, 0.0)
    widths = np.where(width <= usual * _WIDER, width, usual)
    centres = way[there] + normal[there] * middle[:, None].astype(np.float32)
    return centres.astype(np.float32), widths.astype(np.float32)


def _ends(read: NDArray[np.bool_], begins: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the first and last column of the run of mask that each row's beginning lies in."""
    columns = np.arange(read.shape[1])[None, :]
    before = ~read & (columns < begins[:, None])
    after = ~read & (columns > begins[:, None])
    first = np.where(before.any(axis=1), read.shape[1] - np.argmax(before[:, ::-1], axis=1), 0)
    last = np.where(after.any(axis=1), np.argmax(after, axis=1) - 1, read.shape[1] - 1)
    return first, last
