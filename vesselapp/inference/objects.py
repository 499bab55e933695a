"""Single cells from a model's answer, at the scale it was trained for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.scaling import resize_pixels

if TYPE_CHECKING:
    from vesselapp.core.model_card import ModelCard
    from vesselapp.inference.model import Model

_SCALES = (1.0, 0.5, 0.25, 0.125, 0.0625)
_LONGEST = 1536
"""So many px of a side are asked at each scale to find the size of cells: all of it, or two parts."""
_MOST_GROWN = 4.0
"""A picture is grown so many times at most for the size that is found: noise passes for the tiniest cells."""
# Chosen on pictures of DSB2018 that the model had learnt, tried on those held back (docs/models-tried.md).
_LEVELS = np.arange(-1.0, 4.1, 0.5)
"""Log-odds of ``inside`` at which objects may part."""
_RISE = 1.5
_SUMMIT_SHARE = 0.15
"""What parts must rise so much above that level (log-odds), and be so large a share of the usual object."""
_SPECK_SHARE = 0.1
_MORE_CELLS = 0.2
"""What the logarithm of their number counts in picking a scale, against that of how far off their size is."""


def objects_from(
    inside: NDArray[np.float32], foreground: NDArray[np.float32], threshold: float, diameter: float
) -> NDArray[np.int32]:
    """Number the objects of one answer: each summit of ``inside`` grows by watershed over the mask.

    A piece of the mask that holds no seed is an object of its own; specks, far smaller than the usual object,
    are left out.

    Parameters
    ----------
    inside, foreground : (H, W) float32, 0-1
        Probability of a cell's inside, and of cell at all.
    threshold : float
        Foreground begins here.
    diameter : float
        Of the usual object, px.

    Returns
    -------
    (H, W) int32
        Object numbers, 0 background; numbers may be missing.
    """
    mask = foreground >= threshold
    marks = _summits(inside, mask, diameter)
    pieces = np.asarray(cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)[1], np.int32)
    seeded = np.zeros(int(pieces.max()) + 1, bool)
    seeded[0] = True
    seeded[pieces[marks > 0]] = True
    objects = _grown(inside, mask, np.where(seeded[pieces], marks, pieces + marks.max()))
    areas = np.bincount(objects.ravel())
    areas[0] = 0
    if areas.any():
        specks = areas < max(6.0, _SPECK_SHARE * float(np.median(areas[areas > 0])))
        objects[specks[objects]] = 0
    return objects


def _seeds(inside: NDArray[np.float32], mask: NDArray[np.bool_], sure: float) -> NDArray[np.int32]:
    """Number the connected places of the mask where ``inside`` is above ``sure``."""
    seeds = ((inside > sure) & mask).astype(np.uint8)
    return np.asarray(cv2.connectedComponents(seeds, connectivity=4)[1], np.int32)


def _summits(inside: NDArray[np.float32], mask: NDArray[np.bool_], diameter: float) -> NDArray[np.int32]:
    """Number the summits of ``inside``: a place that falls apart at a higher level gives way to its parts.

    Only parts count that are large enough and rise enough, and only where there are two of them: so neither a
    pale middle nor grain parts a cell. (Peaks told by how far they rise: Grimaud, SPIE 1769, 1992.)
    """
    least = max(3.0, _SUMMIT_SHARE * np.pi / 4 * diameter**2)
    seeds = _seeds(inside, mask, _share(_LEVELS[0]))
    for level in _LEVELS[1:]:
        parts = _seeds(inside, mask, _share(level))
        sizes = np.bincount(parts.ravel())
        risen = np.bincount(parts[inside > _share(level + _RISE)], minlength=len(sizes)) > 0
        counts = (sizes >= least) & risen
        counts[0] = False
        within = np.zeros(len(sizes), np.int32)
        within[parts.ravel()] = seeds.ravel()  # a part lies in one seed as a whole, or in none
        rivals = np.bincount(within[counts], minlength=int(seeds.max()) + 1)
        parted = rivals >= 2
        parted[0] = False
        numbers = np.where(counts & parted[within], np.arange(len(sizes)) + seeds.max(), 0)
        seeds = np.where(parted[seeds], numbers[parts], seeds).astype(np.int32)
    return seeds


def _share(log_odds: float) -> float:
    return float(1 / (1 + np.exp(-log_odds)))


def _grown(
    inside: NDArray[np.float32], mask: NDArray[np.bool_], marks: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Let marks grow over the mask, highest ``inside`` first."""
    if not marks.any():
        return np.zeros(mask.shape, np.int32)
    from skimage.segmentation import watershed

    grow: Any = watershed
    return np.asarray(grow(-inside, marks, mask=mask), np.int32)


def median_diameter(objects: NDArray[np.int32]) -> float:
    """Give the median diameter (px) of discs as large as the objects; 0 where there are none."""
    return _median(_areas(objects))


def _median(areas: NDArray[np.int64]) -> float:
    return float(np.median(np.sqrt(4 * areas / np.pi))) if len(areas) else 0.0


def typical_diameter(objects: NDArray[np.int32]) -> float:
    """Give the diameter (px) of the object that a px of an object typically lies in; 0 where there is none.

    Weighted by area, so that specks, however many, don't count.
    """
    return _typical(_areas(objects))


def _typical(areas: NDArray[np.int64]) -> float:
    areas = np.sort(areas)
    if not len(areas):
        return 0.0
    middle = areas[np.searchsorted(np.cumsum(areas), areas.sum() / 2)]
    return float(np.sqrt(4 * middle / np.pi))


def _areas(objects: NDArray[np.int32]) -> NDArray[np.int64]:
    areas = np.bincount(objects.ravel())[1:]
    return np.asarray(areas[areas > 0], np.int64)


def answer_cells(
    model: "Model", pixels: NDArray[np.uint8], diameter: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give inside and foreground, each (H, W) float32 0-1, for cells of about ``diameter`` px."""
    from vesselapp.inference.frame import frame_for
    from vesselapp.inference.runner import run_cells

    magnify = frame_for(pixels, model.card, diameter).magnify
    return run_cells(model, pixels, lambda: False, magnify)


def part_into_cells(
    mask: NDArray[np.bool_], inside: NDArray[np.float32], diameter: float
) -> NDArray[np.int32]:
    """Number the cells of a mask: by watershed from where the model sees insides, else by its pieces.

    Parameters
    ----------
    mask : (H, W) bool
    inside : (H, W) float32, 0-1
    diameter : float
        Of the usual cell, px.

    Returns
    -------
    (H, W) int32
        Object numbers, 0 background.
    """
    objects = objects_from(inside, mask.astype(np.float32), 0.5, diameter)
    missed = (mask & (objects == 0)).astype(np.uint8)
    pieces = cv2.connectedComponents(missed, connectivity=4)[1]
    objects[missed > 0] = pieces[missed > 0] + objects.max()
    return objects


def number_objects(
    model: "Model",
    pixels: NDArray[np.uint8],
    foreground: NDArray[np.float32],
    threshold: float,
    diameter: float,
) -> NDArray[np.int32]:
    """Number the cells that a model sees in a picture.

    Parameters
    ----------
    model : Model
        One that answers a cell's inside first.
    pixels : (H, W, 3) uint8
    foreground : (H, W) float32, 0-1
        What `vesselapp.inference.predict.predict` gives for that diameter.
    threshold : float
        Foreground begins here.
    diameter : float
        Of the usual cell, px.

    Returns
    -------
    (H, W) int32
        1, 2, 3...; 0 is background.
    """
    inside, _foreground = answer_cells(model, pixels, diameter)
    numbers = objects_from(inside, foreground, threshold, diameter)
    return np.asarray(np.unique(numbers, return_inverse=True)[1].reshape(numbers.shape), np.int32)


def check_tells_objects(card: "ModelCard | None", name: str) -> None:
    """Make sure that a model answers so that `number_objects` can part its cells (VesselError)."""
    if card is None or card.scale.kind != "object_diameter" or card.output.channels[0] != "inside":
        raise VesselError(
            f"The model {name} doesn't tell single cells.",
            "Take a model of cells, or don't have them numbered.",
        )


def find_diameter(
    model: "Model",
    pixels: NDArray[np.uint8],
    cancelled: Callable[[], bool] = lambda: False,
) -> float:
    """Find the typical cell diameter (px of the picture) by asking the model at several scales.

    The scale is taken at which the cells found come out near the size the model was trained for, and many:
    at too small a scale, a few patches of tissue pass for cells. The diameter is measured once more there.
    None is found below a quarter of that size (`_MOST_GROWN`).
    Of large pictures parts are asked, so that cells are seen as they are in small ones.
    `Cancelled` is raised where ``cancelled`` answers True; it is asked at each scale.
    """
    size = model.card.scale.size
    assert size is not None

    def measured(factor: float) -> _Sizes:
        height, width = pixels.shape[:2]
        areas, seen = [], 0
        for rows, columns in search_parts(height, width, factor):
            part = pixels[rows, columns]
            seen += part.shape[0] * part.shape[1]
            areas.append(_measure(*_run(model, part, factor, cancelled)))
        known = np.concatenate(areas)
        return _Sizes(factor, len(known) * height * width / seen, _median(known), _typical(known))

    found = [measured(factor) for factor in search_factors(*pixels.shape[:2])]
    known = [sizes for sizes in found if sizes.count]
    if not known:
        return float(size)
    likely = max(
        known, key=lambda one: _MORE_CELLS * np.log(one.count) - abs(float(np.log(one.typical / size)))
    )
    guess = likely.median / likely.factor
    again = measured(min(size / guess, _MOST_GROWN))
    return max(again.median / again.factor if again.count else guess, size / _MOST_GROWN)


def search_factors(height: int, width: int) -> list[float]:
    """Give the scales at which a picture (px) is answered to find the size of its cells."""
    return [scale for scale in _SCALES if scale == 1 or max(height, width) * scale >= 128]


def search_parts(height: int, width: int, factor: float) -> list[tuple[slice, slice]]:
    """Give the parts (rows, columns) of a picture (px) that are asked at a scale to find its cells' size.

    All of it where it is small enough there; else two parts of a side, each in the middle of its half.
    """

    def along(length: int) -> list[slice]:
        if length * factor <= _LONGEST:
            return [slice(0, length)]
        side = round(_LONGEST / factor / 2)
        starts = (max(0, middle - side // 2) for middle in (length // 4, 3 * length // 4))
        return [slice(start, start + side) for start in starts]

    return [(rows, columns) for rows in along(height) for columns in along(width)]


@dataclass(frozen=True)
class _Sizes:
    """What the cells at one scale measure: how many in the whole picture, diameters in px there."""

    factor: float
    count: float
    median: float
    typical: float


def _measure(inside: NDArray[np.float32], foreground: NDArray[np.float32]) -> NDArray[np.int64]:
    """Give the areas (px) of the cells that the model found."""
    mask = foreground >= 0.5
    marks = _seeds(inside, mask, 0.5)  # pale cells must not fall apart here: touching ones may be joined
    areas = np.bincount(marks.ravel())
    marks[(areas < 6)[marks]] = 0
    return _areas(_grown(inside, mask, marks))


def _run(
    model: "Model", pixels: NDArray[np.uint8], factor: float, cancelled: Callable[[], bool]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    from vesselapp.inference.runner import run_cells

    if cancelled():
        raise Cancelled
    height, width = (max(8, round(side * factor)) for side in pixels.shape[:2])
    return run_cells(model, resize_pixels(pixels, height, width), cancelled)
