"""A net's last features for a whole picture, from which a head can be learnt (`vesselapp.core.adapt`)."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.adapt import UNIT, Features
from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.geometry import Box
from vesselapp.core.scaling import resize_channels
from vesselapp.inference.frame import Frame, working_pixels
from vesselapp.inference.model import Model
from vesselapp.inference.predict import shows_field
from vesselapp.inference.runner import Plan, Wishes, walk
from vesselapp.inference.tiles import Tile

MOST_PX = 8_000_000
"""Of a plane of features: of larger pictures means over several px are kept, so that memory stays bounded."""
_MOST_CHANNELS = 16


def features_of(
    model: Model,
    pixels: NDArray[np.uint8],
    frame: Frame,
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Features:
    """Run a model over a picture for its last features.

    They are kept at the model's working scale, but never larger than the picture or than `MOST_PX`: at most
    ``16 * MOST_PX`` bytes.

    Parameters
    ----------
    model : Model
    pixels : (H, W, 3) uint8
        sRGB.
    frame : Frame
        The one its answer was given in (`Prediction.frame`).
    progress, cancelled
        As of `vesselapp.inference.predict.predict`.

    Raises
    ------
    Cancelled
    VesselError
        Where the model gives no features, or runs on no device.
    """
    if model.card.output.features is None:
        raise VesselError(
            f"{model.card.name} can't learn from one picture: its file gives no features.",
            "Use one of the models that come with the app, or one of our own trainer.",
        )
    if cancelled is not None and cancelled():
        raise Cancelled
    plane = pixels if frame.whole else working_pixels(pixels, frame)
    scale = _scale(frame, plane.shape[0] * plane.shape[1])
    size = max(1, round(plane.shape[0] * scale)), max(1, round(plane.shape[1] * scale))
    codes: list[NDArray[np.uint8]] = []

    def compute(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        found = model.features(batch)
        if found is None or found.ndim != 4 or found.shape[:3] != batch.shape[:3]:
            raise VesselError(f"{model.card.name} can't learn from one picture: its features don't fit.")
        return found[..., :_MOST_CHANNELS]

    def take(found: NDArray[np.float32], place: Tile, plan: Plan) -> None:
        if not codes:
            codes.append(np.zeros((*size, found.shape[-1]), np.uint8))
        _put(codes[0], found, place, plan, (size[0] / plane.shape[0], size[1] / plane.shape[1]))

    wishes = Wishes(progress, cancelled or (lambda: False), lambda box: shows_field(box, frame))
    walk(model, plane, frame.magnify, wishes, compute, take, codes.clear)
    fine = codes[0] if codes else np.zeros((*size, 1), np.uint8)
    return Features(fine, Box(*frame.box), frame.field_of_view)


def _scale(frame: Frame, plane_px: int) -> float:
    """Give px of the features per px of the plane that the model runs over."""
    own = frame.magnify if frame.whole else 1 / max(1.0, frame.scale_y, frame.scale_x)
    return min(1.0, own, math.sqrt(MOST_PX / plane_px))


def _put(
    codes: NDArray[np.uint8],
    found: NDArray[np.float32],
    place: Tile,
    plan: Plan,
    scale: tuple[float, float],
) -> None:
    """Write a tile's own part of the features, scaled to the plane of codes."""
    left, top, right, bottom = plan.grid.own(place)
    rows = _span(top, bottom, scale[0], codes.shape[0])
    columns = _span(left, right, scale[1], codes.shape[1])
    if rows[0] >= rows[1] or columns[0] >= columns[1]:
        return
    tall, wide = (given / side for given, side in zip(plan.scaled, plan.grid.tile_shape, strict=True))
    part = found[
        round((top - place.top) * tall) : max(1, round((bottom - place.top) * tall)),
        round((left - place.left) * wide) : max(1, round((right - place.left) * wide)),
    ]
    part = resize_channels(part, rows[1] - rows[0], columns[1] - columns[0])
    target = codes[rows[0] : rows[1], columns[0] : columns[1]]
    rounded = cv2.convertScaleAbs(np.ascontiguousarray(part).reshape(len(part), -1), alpha=UNIT)
    target[...] = rounded.reshape(target.shape)


def _span(begin: int, end: int, scale: float, length: int) -> tuple[int, int]:
    return min(length, round(begin * scale)), min(length, round(end * scale))
