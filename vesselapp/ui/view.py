"""Where the picture lies on the canvas: zoom, offset and orientation, in device pixels."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.geometry import Box

LOWEST_ZOOM = 1 / 256
HIGHEST_ZOOM = 64.0

Look = dict[str, Any]
"""What is in sight, as values of JSON: zoom, the px of the picture in the middle, turns, whether fitted."""


@dataclass(frozen=True)
class View:
    """How picture coordinates become places on the canvas.

    Attributes
    ----------
    zoom : float
        Device px per px of the picture.
    x, y : int
        Where the picture's top left corner lies, in device px of the canvas. Whole numbers, so that the
        picture stands still to the pixel while other things change.
    height, width : int
        Size of the picture in its own px; only needed where it is turned or mirrored.
    turns : int
        Quarter turns clockwise, 0-3.
    mirrored : bool
        Left and right swapped, after the turns.
    """

    zoom: float = 1.0
    x: int = 0
    y: int = 0
    height: int = 0
    width: int = 0
    turns: int = 0
    mirrored: bool = False

    @property
    def shown_size(self) -> tuple[int, int]:
        """Height and width (px of the picture) as turned."""
        return (self.width, self.height) if self.turns % 2 else (self.height, self.width)

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """Turn a place on the canvas (device px) into px of the picture; pixel corners at whole numbers."""
        u, v = (x - self.x) / self.zoom, (y - self.y) / self.zoom
        if self.mirrored:
            u = self.shown_size[1] - u
        if self.turns == 1:
            return v, self.height - u
        if self.turns == 2:
            return self.width - u, self.height - v
        if self.turns == 3:
            return self.width - v, u
        return u, v

    def to_canvas(self, x: float, y: float) -> tuple[float, float]:
        """Turn px of the picture into a place on the canvas (device px)."""
        u, v = x, y
        if self.turns == 1:
            u, v = self.height - y, x
        elif self.turns == 2:
            u, v = self.width - x, self.height - y
        elif self.turns == 3:
            u, v = y, self.width - x
        if self.mirrored:
            u = self.shown_size[1] - u
        return u * self.zoom + self.x, v * self.zoom + self.y

    def box_on_canvas(self, box: Box) -> Box:
        """Give the device pixels that a box of the picture touches."""
        (x0, y0), (x1, y1) = self.to_canvas(box.left, box.top), self.to_canvas(box.right, box.bottom)
        return Box(
            math.floor(min(x0, x1)), math.floor(min(y0, y1)), math.ceil(max(x0, x1)), math.ceil(max(y0, y1))
        )

    def box_in_picture(self, box: Box) -> Box:
        """Give the px of the picture that a box of device pixels touches."""
        (x0, y0), (x1, y1) = self.to_picture(box.left, box.top), self.to_picture(box.right, box.bottom)
        return Box(
            math.floor(min(x0, x1)), math.floor(min(y0, y1)), math.ceil(max(x0, x1)), math.ceil(max(y0, y1))
        )

    def turned_plane(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give a plane of the picture as turned and mirrored: a view of the same memory."""
        turned = np.rot90(plane, -self.turns) if self.turns else plane
        return turned[:, ::-1] if self.mirrored else turned

    def zoomed(self, factor: float, x: float, y: float) -> "View":
        """Zoom with the picture held fast under a place on the canvas (device px)."""
        zoom = min(max(self.zoom * factor, LOWEST_ZOOM), HIGHEST_ZOOM)
        u, v = (x - self.x) / self.zoom, (y - self.y) / self.zoom
        return replace(self, zoom=zoom, x=round(x - u * zoom), y=round(y - v * zoom))

    def centred_on(self, x: float, y: float, canvas: tuple[int, int], zoom: float | None = None) -> "View":
        """Bring a place of the picture (px) to the middle of the canvas ((height, width), device px)."""
        moved = replace(self, zoom=zoom or self.zoom, x=0, y=0)
        at_x, at_y = moved.to_canvas(x, y)
        return replace(moved, x=round(canvas[1] / 2 - at_x), y=round(canvas[0] / 2 - at_y))

    def moved(self, dx: int, dy: int) -> "View":
        """Shift the picture by whole device px."""
        return replace(self, x=self.x + dx, y=self.y + dy)

    def kept_in_sight(self, canvas: tuple[int, int]) -> "View":
        """Keep the picture from leaving the canvas ((height, width), device px)."""
        height, width = (side * self.zoom for side in self.shown_size)
        margin_x, margin_y = canvas[1] // 2, canvas[0] // 2
        x = min(max(self.x, round(margin_x - width)), canvas[1] - margin_x)
        y = min(max(self.y, round(margin_y - height)), canvas[0] - margin_y)
        return replace(self, x=x, y=y)

    def filling(self, canvas: tuple[int, int]) -> "View":
        """Keep the canvas ((height, width), device px) full of the picture; a smaller picture is centred."""
        height, width = (round(side * self.zoom) for side in self.shown_size)
        room_x, room_y = canvas[1] - width, canvas[0] - height
        x = room_x // 2 if room_x > 0 else min(max(self.x, room_x), 0)
        y = room_y // 2 if room_y > 0 else min(max(self.y, room_y), 0)
        return replace(self, x=x, y=y)

    def fitted(self, canvas: tuple[int, int], margin: int = 0, most: float = HIGHEST_ZOOM) -> "View":
        """Show all of the picture in the middle of the canvas, at no higher zoom than ``most``."""
        high, wide = max(1, canvas[0] - 2 * margin), max(1, canvas[1] - 2 * margin)
        zoom = min(high / self.shown_size[0], wide / self.shown_size[1], most)
        return self.centred(canvas, min(max(zoom, LOWEST_ZOOM), HIGHEST_ZOOM))

    def centred(self, canvas: tuple[int, int], zoom: float) -> "View":
        """Hold the picture in the middle of the canvas at a zoom."""
        height, width = self.shown_size
        x, y = round((canvas[1] - width * zoom) / 2), round((canvas[0] - height * zoom) / 2)
        return replace(self, zoom=zoom, x=x, y=y)

    def shows_all(self, canvas: tuple[int, int]) -> bool:
        """Tell whether no part of the picture lies off the canvas."""
        height, width = (side * self.zoom for side in self.shown_size)
        return self.x >= 0 and self.y >= 0 and self.x + width <= canvas[1] and self.y + height <= canvas[0]


def write_look(view: View, canvas: tuple[int, int], *, fitted: bool) -> Look:
    """Give what is in sight on a canvas ((height, width), device px), independent of the canvas's size."""
    x, y = view.to_picture(canvas[1] / 2, canvas[0] / 2)
    return {
        "fitted": fitted,
        "zoom": view.zoom,
        "x": round(x, 2),
        "y": round(y, 2),
        "turns": view.turns,
        "mirrored": view.mirrored,
    }


def read_look(look: Look, view: View, canvas: tuple[int, int]) -> tuple[bool, View]:
    """Give whether a picture is to be fitted, and its view; what makes no sense is left as it is.

    Parameters
    ----------
    look : dict
        As of `write_look`, read from disk.
    view : View
        With the picture's size.
    canvas : (int, int)
        Height and width in device px.
    """
    turns = look.get("turns")
    if isinstance(turns, int) and 0 <= turns <= 3:
        view = replace(view, turns=turns, mirrored=bool(look.get("mirrored")))
    numbers = [look.get(name) for name in ("zoom", "x", "y")]
    if look.get("fitted") or not all(isinstance(one, int | float) and math.isfinite(one) for one in numbers):
        return True, view
    zoom, x, y = (float(one) for one in numbers)  # type: ignore[arg-type]
    zoom = min(max(zoom, LOWEST_ZOOM), HIGHEST_ZOOM)
    x, y = min(max(x, 0.0), view.width), min(max(y, 0.0), view.height)
    return False, view.centred_on(x, y, canvas, zoom).kept_in_sight(canvas)
