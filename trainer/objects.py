"""Single cells from a model's answer: seeds from `inside`, grown by watershed over the mask."""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import watershed

from vesselapp.core.evidence import threshold_of
from vesselapp.inference.model import Model


def objects_from(
    inside: NDArray[np.float32], foreground: NDArray[np.float32], threshold: float
) -> NDArray[np.int32]:
    """Number the objects of one answer.

    Parameters
    ----------
    inside, foreground : (H, W) float32, 0-1
        Probability of a cell's inside, and of cell at all.
    threshold : float
        Foreground begins here.

    Returns
    -------
    (H, W) int32
        Object numbers, 0 background.
    """
    mask = foreground >= threshold
    seeds = ((inside > 0.5) & mask).astype(np.uint8)
    count, marks, stats, _ = cv2.connectedComponentsWithStats(seeds, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < 6
    small[0] = False
    if small.any():
        marks[small[marks]] = 0
    if count < 2:
        return np.zeros(mask.shape, np.int32)
    return np.asarray(watershed(-inside, marks, mask=mask), np.int32)


def split_objects(model: Model, pixels: NDArray[np.uint8], level: int) -> NDArray[np.int32]:
    """Number the objects of a picture of any size: ``(H, W) int32``."""
    stride = model.card.tile.stride
    height, width = pixels.shape[:2]
    pad = ((0, -height % stride), (0, -width % stride), (0, 0))
    answer = model.run(np.pad(pixels, pad, mode="symmetric")[None])[0, :height, :width]
    foreground = answer[..., list(model.card.output.foreground)].sum(axis=-1)
    return objects_from(answer[..., 0], np.asarray(foreground, np.float32), threshold_of(level))
