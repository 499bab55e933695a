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


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Give the counts of a mask ((H, W) bool)."""
    height, width = mask.shape
    if not mask.any():
        return [height * width]
    rows, columns = np.nonzero(mask)
    top, left = int(rows.min()), int(columns.min())
    crop = mask[top : int(rows.max()) + 1, left : int(columns.max()) + 1]
    return _counts(crop, top, left, height, width)


def whole_annotation(mask: NDArray[np.bool_]) -> Iterator[dict[str, Any]]:
    """Give one annotation for all of a mask; none where it is empty."""
    if mask.any():
        rows, columns = np.nonzero(mask)
        top, left = int(rows.min()), int(columns.min())
        box = [left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top]
        yield _annotation(run_lengths(mask), mask.shape, int(mask.sum()), box)


def pieces(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Number the connected pieces (8 neighbours) of a mask."""
    return np.asarray(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[1], np.int32)


def object_annotations(numbers: NDArray[np.int32]) -> Iterator[dict[str, Any]]:
    """Give one annotation for each object of (H, W) numbers; 0 is background."""
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
