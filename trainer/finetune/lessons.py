"""Reviewed pictures as a net learns from them: at the scale of the app, each px weighted by who judged it."""

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.pictures import Scaled, bounded, scaled_cells
from trainer.recipes import Recipe
from vesselapp.core.model_card import ModelCard
from vesselapp.core.scaling import resize_pixels, resize_probability
from vesselapp.inference.frame import frame_for, working_pixels
from vesselapp.inference.model import Model
from vesselapp.inference.objects import (
    answer_cells,
    find_diameter,
    part_into_cells,
    search_factors,
    search_parts,
    typical_diameter,
)

_SCALED = 1.5
_MARGIN = 64
"""Px at working scale that are kept around what was looked at, for the net to see."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a person said of a picture.

    Attributes
    ----------
    pixels : (H, W, 3) uint8
    truth : (H, W) bool
    weight : (H, W) uint8
        0 where nothing is known (unsure, or nobody looked there), 1 accepted, more where corrected.
    object_diameter : float or None
        Px: how wide the person said its cells are; None: the app finds it.
    """

    pixels: NDArray[np.uint8]
    truth: NDArray[np.bool_]
    weight: NDArray[np.uint8]
    object_diameter: float | None = None


def lesson_of(name: str, judged: Judgement, base: Model, recipe: Recipe) -> Scaled:
    """Bring a judged picture to the scale at which the app runs its model."""
    if recipe.task == "cells":
        return _cells(name, judged, *_objects_and_factor(judged, base, recipe))
    frame = frame_for(judged.pixels, base.card)
    left, top, right, bottom = frame.box
    size = frame.height, frame.width
    soft = resize_probability(judged.truth[top:bottom, left:right].astype(np.float32), *size)
    weight = scale_weight(judged.weight[top:bottom, left:right], *size)
    if frame.field_of_view is not None:
        weight *= frame.field_of_view.mask(*size, scale=frame.scale_x, left=left, top=top)
    truth = np.round(soft * 255).astype(np.uint8)[:, :, None]
    return cut_to_weight(Scaled("study", name, working_pixels(judged.pixels, frame), truth, weight))


def _cells(name: str, judged: Judgement, objects: NDArray[np.int32], factor: float) -> Scaled:
    pixels, truth = scaled_cells(judged.pixels, objects, factor)
    return cut_to_weight(Scaled("study", name, pixels, truth, scale_weight(judged.weight, *truth.shape[:2])))


def _objects_and_factor(judged: Judgement, base: Model, recipe: Recipe) -> tuple[NDArray[np.int32], float]:
    """Part the truth into cells by the base's own seeds; give them, and what brings them to working size."""
    diameter = judged.object_diameter or find_diameter(base, judged.pixels)
    inside, _foreground = answer_cells(base, judged.pixels, diameter)
    objects = part_into_cells(judged.truth, inside, diameter)
    size = judged.object_diameter or typical_diameter(np.where(judged.weight > 0, objects, 0)) or diameter
    return objects, bounded(recipe.size / size, *judged.truth.shape)


def off_scale(name: str, judged: Judgement, lesson: Scaled, recipe: Recipe) -> list[Scaled]:
    """Give the views of a picture of cells that the app answers to find their size, far from working scale.

    What the base says there is to be kept, or the size is no longer found.
    """
    height, width = judged.truth.shape
    factor = max(lesson.pixels.shape[0] / height, lesson.pixels.shape[1] / width)
    out = []
    for scale in search_factors(height, width):
        if not 1 / _SCALED < scale / factor < _SCALED:
            for part in search_parts(height, width, scale):
                asked = np.ascontiguousarray(judged.pixels[part])
                rows, columns = (max(8, round(side * scale)) for side in asked.shape[:2])
                plane = np.zeros((rows, columns, len(recipe.channels)), np.uint8)
                pixels = resize_pixels(asked, rows, columns)
                out.append(Scaled("off scale", name, pixels, plane, np.ones(plane.shape[:2], np.uint8)))
    return out


def scale_weight(weight: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Scale weights: 0 where most of what a new px covers does not count, else the mean, at least 1."""
    mean = resize_probability(weight.astype(np.float32), height, width)
    counts = resize_probability((weight > 0).astype(np.float32), height, width) > 0.5
    return np.where(counts, np.maximum(np.round(mean), 1), 0).astype(np.uint8)


def cut_to_weight(picture: Scaled) -> Scaled:
    """Cut away what lies far from all that counts."""
    rows = np.flatnonzero(picture.valid.any(axis=1))
    columns = np.flatnonzero(picture.valid.any(axis=0))
    if not len(rows):
        return picture
    part = (
        slice(max(0, rows[0] - _MARGIN), rows[-1] + 1 + _MARGIN),
        slice(max(0, columns[0] - _MARGIN), columns[-1] + 1 + _MARGIN),
    )
    return dataclasses.replace(
        picture,
        pixels=np.ascontiguousarray(picture.pixels[part]),
        truth=np.ascontiguousarray(picture.truth[part]),
        valid=np.ascontiguousarray(picture.valid[part]),
    )


def where_judged(judged: Judgement, card: ModelCard) -> NDArray[np.bool_]:
    """Say where a picture is scored ((H, W) bool): where a person judged, inside the field of view."""
    counts = judged.weight > 0
    field = frame_for(judged.pixels, card).field_of_view
    return counts if field is None else counts & (field.mask(*counts.shape) > 0)
