"""Is a picture what the model is for? Plain warnings where it seems not to be, instead of a confident mask.

All is told from a copy of at most 480 px. The limits were set on the 35 fundus photographs of CHASE_DB1 and
HRF, as they are and blurred, in gray and small, against cells, tissue and everyday pictures.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.field_of_view import FieldOfView, find_field_of_view
from vesselapp.core.model_card import ModelCard
from vesselapp.inference.frame import Frame

_SIDE = 480

EMPTY = "The picture is empty: there is nothing in it to outline."
NO_FIELD = (
    "No field of view was found, so all of the picture was searched. "
    "If it is no fundus photograph, the mask means nothing."
)
NOT_FUNDUS = "The colours are not those of a fundus photograph: the mask may mean nothing."
BLURRED = "The picture is badly out of focus: fine vessels will be missing from the mask."
FUNDUS = "This looks like a fundus photograph, but the model outlines cells: the mask may mean nothing."


def warnings_for(pixels: NDArray[np.uint8], frame: Frame, card: ModelCard) -> tuple[str, ...]:
    """Say what seems wrong with a picture for a model.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        The frame's box of the picture, at any scale.
    frame : Frame
    card : ModelCard

    Returns
    -------
    tuple of str
        A sentence each; none where all seems well.
    """
    small, to_small = _small_copy(pixels, frame)
    field = frame.field_of_view
    inside = np.ones(small.shape[:2], bool) if field is None else _inside(field, frame, small.shape, to_small)
    if _is_empty(small, inside):
        return (EMPTY,)
    if card.task == "cells":
        return (FUNDUS,) if _looks_like_fundus(small) else ()
    if card.task != "vessels" or field is None:
        return ()
    found = []
    if not field.found:
        found.append(NO_FIELD)
    if not _fundus_colours(small, inside):
        found.append(NOT_FUNDUS)
    if not found and _is_blurred(small, inside):
        found.append(BLURRED)
    return tuple(found)


def better_task(warnings: Sequence[str]) -> str:
    """Give the task of models that the warned-of picture seems to be for; empty where that can't be told."""
    if FUNDUS in warnings:
        return "vessels"
    return "cells" if NOT_FUNDUS in warnings else ""


def _small_copy(pixels: NDArray[np.uint8], frame: Frame) -> tuple[NDArray[np.uint8], float]:
    """Give the copy, and its px per px of the picture."""
    height, width = pixels.shape[:2]
    step = max(1, max(height, width) // _SIDE // 2)
    if step > 1:  # rows and columns that the small copy has no use for
        pixels = np.asarray(
            cv2.resize(
                pixels, (max(1, width // step), max(1, height // step)), interpolation=cv2.INTER_NEAREST
            ),
            np.uint8,
        )
    share = min(1.0, _SIDE / max(pixels.shape[:2]))
    size = max(1, round(pixels.shape[1] * share)), max(1, round(pixels.shape[0] * share))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return small, small.shape[1] / (frame.box[2] - frame.box[0])


def _inside(field: FieldOfView, frame: Frame, shape: tuple[int, ...], to_small: float) -> NDArray[np.bool_]:
    mask = field.mask(shape[0], shape[1], scale=to_small, left=frame.box[0], top=frame.box[1])
    if field.found:
        mask = np.asarray(cv2.erode(mask, np.ones((15, 15), np.uint8)), np.uint8)  # its edge is no content
    inside = mask > 0
    return inside if inside.any() else np.ones(shape[:2], bool)


def _is_empty(small: NDArray[np.uint8], inside: NDArray[np.bool_]) -> bool:
    return max(_spread(np.ascontiguousarray(small[..., channel]), inside) for channel in range(3)) < 2.5


def _fundus_colours(small: NDArray[np.uint8], inside: NDArray[np.bool_]) -> bool:
    """Tell whether red leads and blue comes last (or all is gray), on a ground that isn't bright."""
    red, green, blue = (_median(small[..., channel], inside) for channel in range(3))
    return green < 185 and green <= red + 15 and blue <= green + 12 and blue <= red + 12


def _is_blurred(small: NDArray[np.uint8], inside: NDArray[np.bool_]) -> bool:
    """Tell whether next to nothing is left of detail under 3 px, by the brightness of the green channel."""
    green = small[..., 1].astype(np.float32)
    near = cv2.GaussianBlur(green, (0, 0), 1.2)
    detail = _spread(green - near, inside)
    relative = detail / (_median(small[..., 1], inside) + 8)
    if relative >= 0.012:
        return False
    structure = _spread(near - cv2.GaussianBlur(green, (0, 0), 6.0), inside)
    return relative < 0.0085 or detail < 0.26 * structure


def _spread(plane: NDArray[Any], inside: NDArray[np.bool_]) -> float:
    """Give the standard deviation inside a mask."""
    _, spread = cv2.meanStdDev(plane, mask=inside.view(np.uint8))
    return float(spread[0, 0])


def _median(plane: NDArray[np.uint8], inside: NDArray[np.bool_]) -> float:
    below = np.cumsum(np.bincount(plane[inside], minlength=256))
    return float(np.searchsorted(below, below[-1] / 2))


def _looks_like_fundus(small: NDArray[np.uint8]) -> bool:
    field = find_field_of_view(small)
    if not field.circular:
        return False
    inside = field.mask(*small.shape[:2]) > 0
    red, green, blue = (_median(small[..., channel], inside) for channel in range(3))
    return red > green + 25 and green > blue
