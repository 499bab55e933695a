"""The frame a model sees of a picture: which box of it, at what scale. Shared by the trainer and the app."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.field_of_view import FieldOfView, find_field_of_view
from vesselapp.core.model_card import ModelCard
from vesselapp.core.scaling import resize_pixels

_STRIP_PX = 2**20
_MOST_SCALING = 16.0


@dataclass(frozen=True, eq=False)
class Frame:
    """A box of a picture and its size at the model's working scale.

    Attributes
    ----------
    box : (int, int, int, int)
        Left, top, right, bottom in px of the picture, right and bottom excluded.
    height, width : int
        Size of the working plane in px.
    magnify : float
        Where there is no working plane of its own (``whole``): px at the model's scale per px of the picture,
        to which each tile is scaled by itself, so that memory doesn't grow with the picture.
    field_of_view : FieldOfView or None
        None for models that take any picture whole.
    """

    box: tuple[int, int, int, int]
    height: int
    width: int
    field_of_view: FieldOfView | None
    magnify: float = 1.0
    whole: bool = False

    @property
    def scale_y(self) -> float:
        """Px of the working plane per px of the picture, downwards."""
        return self.height / (self.box[3] - self.box[1])

    @property
    def scale_x(self) -> float:
        """Px of the working plane per px of the picture, to the right."""
        return self.width / (self.box[2] - self.box[0])


def frame_for(pixels: NDArray[np.uint8], card: ModelCard, object_diameter: float | None = None) -> Frame:
    """Choose what of a picture a model gets to see, and how large.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
    card : ModelCard
    object_diameter : float, optional
        Typical diameter (px of the picture) of its objects, for models that work at one object size.

    Returns
    -------
    Frame
    """
    height, width = pixels.shape[:2]
    scale = card.scale
    field = find_field_of_view(pixels) if scale.kind == "field_of_view" or card.task == "vessels" else None
    if scale.kind == "fixed":
        rows = scale.size or card.tile.size
        return Frame((0, 0, width, height), rows, scale.size or card.tile.width or rows, field)
    if scale.kind == "field_of_view" and field is not None and scale.size is not None:
        box = field.box(height, width)
        factor = scale.working_diameter(field.diameter) / field.diameter
        working_height = max(1, round((box[3] - box[1]) * factor))
        working_width = max(1, round((box[2] - box[0]) * factor))
        return Frame(box, working_height, working_width, field)
    magnify = 1.0
    if scale.kind == "object_diameter" and object_diameter and scale.size is not None:
        magnify = min(max(scale.size / object_diameter, 1 / _MOST_SCALING), _MOST_SCALING)
    return Frame((0, 0, width, height), height, width, field, magnify, whole=True)


def working_pixels(pixels: NDArray[np.uint8], frame: Frame) -> NDArray[np.uint8]:
    """Cut and scale a picture to the working plane: ``(frame.height, frame.width, 3) uint8``."""
    left, top, right, bottom = frame.box
    return resize_pixels(pixels[top:bottom, left:right], frame.height, frame.width)


def clear_outside(probability: NDArray[np.float32], field: FieldOfView) -> None:
    """Set ``(H, W)`` probabilities outside the field of view to 0, in place, a strip at a time."""
    height, width = probability.shape
    rows = max(1, _STRIP_PX // width)
    for top in range(0, height, rows):
        strip = probability[top : top + rows]
        strip *= field.mask(strip.shape[0], width, top=top)
