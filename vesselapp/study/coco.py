"""Masks in COCO's words: uncompressed run lengths, column by column, beginning with the background.

As pycocotools defines them (``mask.frPyObjects`` takes them; github.com/cocodataset/cocoapi): the pixels of
a mask are counted down each column, columns from left to right; ``counts`` are lengths of runs that are in
turn outside and inside, the first one outside, and 0 where the first pixel is inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def pieces(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Number the connected pieces (8 neighbours) of a mask."""
    return np.asarray(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[1], np.int32)


def object_annotations(numbers: NDArray[np.int32]) -> Iterator[dict[str, Any]]:
    """Give one annotation for each object of (H, W) numbers, in one piece or not; 0 is background."""
    from skimage.measure import regionprops

    height, width = numbers.shape
    measure: Any = regionprops
    for region in measure(numbers):
        top, left, bottom, right = region.bbox
        counts = _counts(region.image, top, left, height, width)
        yield _annotation(counts, numbers.shape, int(region.area), [left, top, right - left, bottom - top])


def _counts(crop: NDArray[np.bool_], top: int, left: int, height: int, width: int) -> list[int]:
    """Give the counts of a picture in which only a crop holds something."""
    columns, rows = np.nonzero(crop.T)
    places = (
        (left + columns) * height + top + rows
    )  # of pixels inside, in the order in which they are counted
    breaks = np.flatnonzero(np.diff(places) != 1)
    begins = places[np.concatenate(([0], breaks + 1))]
    ends = places[np.concatenate((breaks, [len(places) - 1]))] + 1
    edges = np.concatenate(([0], np.stack((begins, ends), axis=1).ravel(), [height * width]))
    counts: list[int] = np.diff(edges).tolist()
    return counts if counts[-1] else counts[:-1]


def _annotation(counts: list[int], shape: tuple[int, ...], area: int, box: list[int]) -> dict[str, Any]:
    segmentation = {"counts": counts, "size": [shape[0], shape[1]]}
    return {"segmentation": segmentation, "area": area, "bbox": box, "iscrowd": 0}
