"""From a picture to a probability for each of its pixels."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.inference.frame import Frame, clear_outside, frame_for, working_pixels
from vesselapp.inference.model import Model
from vesselapp.inference.objects import find_diameter
from vesselapp.inference.runner import Box, Wishes, run_over
from vesselapp.inference.suitability import warnings_for

OnTile = Callable[[Box, NDArray[np.float32]], None]
_COARSE = 0.125
"""Scale at which the field of view is drawn to tell whether a tile shows any of it."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of a picture.

    Attributes
    ----------
    probability : (H, W) float32
        0-1; 0 outside the field of view.
    provider : str
        What really computed it: ``cpu``, ``cuda``...
    seconds : float
        Time it took.
    warnings : tuple of str
        What a person should know before they trust it, a sentence each.
    frame : Frame
        What of the picture the model saw, and at what scale.
    """

    probability: NDArray[np.float32]
    provider: str
    seconds: float
    frame: Frame
    warnings: tuple[str, ...] = ()


def predict(
    model: Model,
    pixels: NDArray[np.uint8],
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    first: Box | None = None,
    on_tile: OnTile | None = None,
    flips: bool = False,
    object_diameter: float | None = None,
) -> Prediction:
    """Let a model judge a picture of any size.

    Parameters
    ----------
    model : Model
    pixels : (H, W, 3) uint8
        sRGB.
    progress : callable, optional
        Called with the share done, 0-1, after each batch of tiles.
    cancelled : callable, optional
        Asked before each batch of tiles, and at each scale where the size of objects is looked for; True ends
        the work.
    first : (int, int, int, int), optional
        Left, top, right, bottom (px) of what the person looks at: its tiles run first.
    on_tile : callable, optional
        Called with (left, top, right, bottom) in px and ``(h, w) float32`` values as soon as a part is known,
        from the thread that computes. Seams between tiles are blended only in the final answer.
    flips : bool
        Average over the picture and its mirror images: four times the work, a little more accurate.
    object_diameter : float, optional
        Typical diameter of the picture's objects in px, for models that work at one object size; found by
        asking the model at several scales where None.

    Returns
    -------
    Prediction

    Raises
    ------
    Cancelled
        Within one batch of tiles after ``cancelled`` answers True.
    VesselError
        If the pixels are of the wrong kind, or the model runs on no device.
    """
    begun = time.perf_counter()
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise VesselError("The picture is not an 8-bit colour picture.", "Open it with the app's own reader.")
    cancelled = cancelled or (lambda: False)
    if cancelled():
        raise Cancelled
    note = model.provider_note
    if model.card.scale.kind == "object_diameter" and object_diameter is None:
        object_diameter = find_diameter(model, pixels, cancelled=cancelled)
    frame = frame_for(pixels, model.card, object_diameter)
    wishes = Wishes(
        progress=progress,
        cancelled=cancelled,
        shows=lambda box: shows_field(box, frame),
        first=None if first is None else _to_plane(first, frame),
        deliver=None if on_tile is None else _deliverer(on_tile, frame),
        flips=flips,
    )
    working = pixels if frame.whole else working_pixels(pixels, frame)
    warnings = warnings_for(working, frame, model.card)
    probability = _probability(model, pixels.shape[:2], working, frame, wishes)
    if model.provider_note != note:
        warnings += (model.provider_note,)
    seconds = time.perf_counter() - begun
    return Prediction(probability, model.provider, seconds, frame, warnings)


def _probability(
    model: Model, shape: tuple[int, ...], working: NDArray[np.uint8], frame: Frame, wishes: Wishes
) -> NDArray[np.float32]:
    """Run over the working pixels, and bring the answer to the picture's own (H, W)."""
    probability = np.zeros(shape, np.float32)
    if frame.whole:
        run_over(model, working, probability, wishes, frame.magnify)
    else:
        plane = np.zeros((frame.height, frame.width), np.float32)
        run_over(model, working, plane, wishes)
        _scale_into(probability, plane, frame)
    if frame.field_of_view is not None:
        clear_outside(probability, frame.field_of_view)
    return probability


def _scale_into(probability: NDArray[np.float32], plane: NDArray[np.float32], frame: Frame) -> None:
    """Scale the working plane into its box of the picture, in place: no second full-size plane."""
    left, top, right, bottom = frame.box
    inside = probability[top:bottom, left:right]
    how = cv2.INTER_AREA if inside.size < plane.size else cv2.INTER_LINEAR
    cv2.resize(plane, (right - left, bottom - top), dst=inside, interpolation=how)


def shows_field(box: Box, frame: Frame) -> bool:
    """Tell whether any of a box (px of the plane that a model runs over) lies inside the field of view."""
    if frame.field_of_view is None or not frame.field_of_view.found:
        return True
    left, top, right, bottom = box
    return bool(
        frame.field_of_view.mask(
            max(1, round((bottom - top) * _COARSE)),
            max(1, round((right - left) * _COARSE)),
            scale=_COARSE * (frame.scale_x + frame.scale_y) / 2,
            left=frame.box[0] + left / frame.scale_x,
            top=frame.box[1] + top / frame.scale_y,
        ).any()
    )


def _to_plane(box: Box, frame: Frame) -> Box:
    """Bring a box from px of the picture to px of the plane."""
    left, top = (box[0] - frame.box[0]) * frame.scale_x, (box[1] - frame.box[1]) * frame.scale_y
    right, bottom = (box[2] - frame.box[0]) * frame.scale_x, (box[3] - frame.box[1]) * frame.scale_y
    return int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom))


def _deliverer(on_tile: OnTile, frame: Frame) -> OnTile:
    """Wrap a callback so that it gets px of the picture, and copies that nobody else writes to."""

    def deliver(box: Box, values: NDArray[np.float32]) -> None:
        left, top = round(box[0] / frame.scale_x), round(box[1] / frame.scale_y)
        right, bottom = round(box[2] / frame.scale_x), round(box[3] / frame.scale_y)
        if right <= left or bottom <= top:
            return
        # Centres of px: (x + 0.5) * scale - 0.5, from the picture's box to the tile's own corner.
        across = [frame.scale_x, 0, (left + 0.5) * frame.scale_x - 0.5 - box[0]]
        down = [0, frame.scale_y, (top + 0.5) * frame.scale_y - 0.5 - box[1]]
        part = cv2.warpAffine(
            np.ascontiguousarray(values),
            np.array([across, down]),
            (right - left, bottom - top),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        shown = np.clip(np.asarray(part, np.float32), 0.0, 1.0)
        left, top = left + frame.box[0], top + frame.box[1]
        if frame.field_of_view is not None:
            shown *= frame.field_of_view.mask(*shown.shape, left=left, top=top)
        on_tile((left, top, left + shown.shape[1], top + shown.shape[0]), shown)

    return deliver
