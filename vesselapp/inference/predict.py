"""From a picture to a probability for each of its pixels."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.field_of_view import FieldOfView
from vesselapp.inference.frame import Frame, clear_outside, frame_for, working_pixels
from vesselapp.inference.model import Model
from vesselapp.inference.tiles import Grid, Tile, cut, take_tile

Box = tuple[int, int, int, int]
OnTile = Callable[[Box, NDArray[np.float32]], None]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of a picture.

    Attributes
    ----------
    probability : (H, W) float32
        0-1; 0 outside the field of view.
    field_of_view : FieldOfView or None
        None for models that take any picture whole.
    provider : str
        What really computed it: ``cpu``, ``cuda``...
    seconds : float
        Time it took.
    warnings : tuple of str
        What a person should know before they trust it, a sentence each.
    """

    probability: NDArray[np.float32]
    field_of_view: FieldOfView | None
    provider: str
    seconds: float
    warnings: tuple[str, ...] = ()


def predict(
    model: Model,
    pixels: NDArray[np.uint8],
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
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
        Asked before each batch of tiles; True ends the work.

    Returns
    -------
    Prediction

    Raises
    ------
    Cancelled
        Within one batch of tiles after ``cancelled`` answers True.
    VesselError
        If the pixels are of the wrong kind.
    """
    begun = time.perf_counter()
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise VesselError("The picture is not an 8-bit colour picture.", "Open it with the app's own reader.")
    _check(cancelled)
    frame = frame_for(pixels, model.card)
    working = working_pixels(pixels, frame)
    plane = _working_plane(model, working, frame, progress or _ignore, cancelled)
    probability = _picture_plane(plane, frame, pixels.shape[0], pixels.shape[1])
    seconds = time.perf_counter() - begun
    return Prediction(probability, frame.field_of_view, model.provider, seconds)


def _working_plane(
    model: Model,
    working: NDArray[np.uint8],
    frame: Frame,
    progress: Callable[[float], None],
    cancelled: Callable[[], bool] | None,
) -> NDArray[np.float32]:
    """Run all tiles that show something of the field of view: ``(frame.height, frame.width) float32``."""
    tile = model.card.tile
    fixed = tile.fixed or model.device.fixed_tiles
    grid = cut(frame.height, frame.width, tile.size, tile.overlap, tile.stride, fixed=fixed)
    plane = np.zeros((frame.height, frame.width), np.float32)
    wanted = [place for place in grid.tiles() if _shows_field(grid, place, frame)]
    batch = model.device.batch
    for first in range(0, len(wanted), batch):
        _check(cancelled)
        places = wanted[first : first + batch]
        answers = model.foreground(_batch_of(working, places, grid.tile_shape))
        for place, answer in zip(places, answers, strict=True):
            grid.add(plane, place, answer)
        progress(min(1.0, (first + len(places)) / len(wanted)))
    _check(cancelled)
    return plane


def _batch_of(working: NDArray[np.uint8], places: list[Tile], shape: tuple[int, int]) -> NDArray[np.uint8]:
    batch = np.empty((len(places), *shape, 3), np.uint8)
    for index, place in enumerate(places):
        batch[index] = take_tile(working, place, shape)
    return batch


def _shows_field(grid: Grid, place: Tile, frame: Frame) -> bool:
    """Tell whether any px that a tile has a say in lies inside the field of view."""
    if frame.field_of_view is None:
        return True
    left, top, right, bottom = grid.span(place)
    scale = 0.125 * (frame.scale_x + frame.scale_y) / 2  # an eighth is fine enough to tell
    height = max(1, round((bottom - top) * 0.125))
    width = max(1, round((right - left) * 0.125))
    x, y = frame.box[0] + left / frame.scale_x, frame.box[1] + top / frame.scale_y
    return bool(frame.field_of_view.mask(height, width, scale=scale, left=x, top=y).any())


def _picture_plane(plane: NDArray[np.float32], frame: Frame, height: int, width: int) -> NDArray[np.float32]:
    """Bring the working plane back to the picture's own size, 0 outside the field of view."""
    left, top, right, bottom = frame.box
    if frame.box == (0, 0, width, height) and plane.shape == (height, width):
        out = plane
    else:
        out = np.zeros((height, width), np.float32)
        shrinking = (bottom - top) * (right - left) < plane.size
        how = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        inside = out[top:bottom, left:right]
        inside[...] = cv2.resize(plane, (right - left, bottom - top), interpolation=how)
    np.clip(out, 0.0, 1.0, out=out)
    if frame.field_of_view is not None:
        clear_outside(out, frame.field_of_view)
    return out


def _check(cancelled: Callable[[], bool] | None) -> None:
    if cancelled is not None and cancelled():
        raise Cancelled


def _ignore(_share: float) -> None:
    pass
