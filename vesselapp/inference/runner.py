"""Running a model over a plane of pixels: tile after tile, blended into one answer."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.errors import Cancelled
from vesselapp.core.scaling import resize_pixels, resize_probability
from vesselapp.inference.conventions import foreground_of, takes_raw_pixels, value_table
from vesselapp.inference.model import Model
from vesselapp.inference.session import DeviceError
from vesselapp.inference.tiles import Grid, Tile, cut, mirror_to, take_tile

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in px; right and bottom excluded."""


@dataclass(frozen=True)
class Wishes:
    """What the requester wants besides the answer.

    Attributes
    ----------
    progress : callable or None
        Told the share done, 0-1, after each batch of tiles.
    cancelled : callable
        Asked before each batch of tiles; True ends the work.
    shows : callable
        Asked for each tile's box whether there is anything to answer in it.
    first : Box or None
        Tiles that touch it run first.
    deliver : callable or None
        Given each tile's own box and its answer there, as soon as it is known.
    flips : bool
        Average over the picture and its mirror images.
    """

    progress: Callable[[float], None] | None
    cancelled: Callable[[], bool]
    shows: Callable[[Box], bool] = lambda box: True
    first: Box | None = None
    deliver: Callable[[Box, NDArray[np.float32]], None] | None = None
    flips: bool = False


@dataclass(frozen=True)
class Plan:
    """Tiles of the plane, their size at the model's scale, and the size of what the net gets (px)."""

    grid: Grid
    scaled: tuple[int, int]
    given: tuple[int, int]


def run_over(
    model: Model, pixels: NDArray[np.uint8], plane: NDArray[np.float32], wishes: Wishes, magnify: float = 1.0
) -> None:
    """Run a model over all tiles of a plane of pixels.

    When the device runs out of memory, or breaks, less is asked of it and the work begins anew
    (`Model.retreat`).

    Parameters
    ----------
    model : Model
    pixels : (H, W, 3) uint8
    plane : (H, W) float32
        Zeros; filled with the probability of foreground, 0-1, where a tile was wanted. Not written to before
        that: touching all of a large plane for the first time takes longer than the part in sight.
    wishes : Wishes
    magnify : float
        Px at the model's scale per px of the plane.

    Raises
    ------
    Cancelled
    VesselError
        If the model runs on no device.
    """
    spec = model.card.input
    table = None if takes_raw_pixels(spec) or not spec.equalise else value_table(spec, pixels)

    def compute(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        return _answers(model, batch, table, wishes.flips)

    def take(answer: NDArray[np.float32], place: Tile, plan: Plan) -> None:
        whole = resize_probability(answer[: plan.scaled[0], : plan.scaled[1]], *plan.grid.tile_shape)
        plan.grid.add(plane, place, whole)
        if wishes.deliver is not None:
            left, top, right, bottom = plan.grid.own(place)
            part = whole[top - place.top : bottom - place.top, left - place.left : right - place.left]
            wishes.deliver((left, top, right, bottom), part)

    walk(model, pixels, magnify, wishes, compute, take, lambda: plane.fill(0))
    np.clip(plane, 0.0, 1.0, out=plane)


def run_cells(
    model: Model, pixels: NDArray[np.uint8], cancelled: Callable[[], bool], magnify: float = 1.0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Run a model of cells over all tiles of a plane of pixels.

    Parameters
    ----------
    model : Model
        One that answers a cell's inside first.
    pixels : (H, W, 3) uint8
    cancelled : callable
        Asked before each batch of tiles.
    magnify : float
        Px at the model's scale per px of the plane.

    Returns
    -------
    inside, foreground : (H, W) float32, 0-1
        Probability of a cell's inside, and of cell at all.

    Raises
    ------
    Cancelled
    VesselError
        If the model runs on no device.
    """
    planes = np.zeros((2, *pixels.shape[:2]), np.float32)

    def compute(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        answer = model.run(batch)
        return np.stack([answer[..., 0], foreground_of(answer, model.card.output)], axis=1)

    def take(answer: NDArray[np.float32], place: Tile, plan: Plan) -> None:
        for plane, part in zip(planes, answer[:, : plan.scaled[0], : plan.scaled[1]], strict=True):
            plan.grid.add(plane, place, resize_probability(part, *plan.grid.tile_shape))

    walk(model, pixels, magnify, Wishes(None, cancelled), compute, take, lambda: planes.fill(0))
    np.clip(planes, 0.0, 1.0, out=planes)
    return planes[0], planes[1]


def walk(
    model: Model,
    pixels: NDArray[np.uint8],
    magnify: float,
    wishes: Wishes,
    compute: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    take: Callable[[NDArray[np.float32], Tile, "Plan"], None],
    anew: Callable[[], object],
) -> None:
    """Go over all tiles of a plane of pixels.

    Parameters
    ----------
    model : Model
    pixels : (H, W, 3) uint8
    magnify : float
        Px at the model's scale per px of the plane.
    wishes : Wishes
    compute : callable
        Gives something for a batch of tiles ``(N, H, W, 3) uint8``, at the model's scale.
    take : callable
        Gets what was computed for one tile, with the tile and the plan it is of.
    anew : callable
        Called when a device broke and the work begins anew with less asked of it.

    Raises
    ------
    Cancelled
    VesselError
        If the model runs on no device.
    """
    while True:
        effort = model.effort
        try:
            _walk(model, pixels, wishes, _plan(model, pixels.shape, magnify), compute, take)
            return
        except DeviceError as trouble:
            model.retreat(trouble, effort)
            anew()


def _plan(model: Model, shape: tuple[int, ...], magnify: float) -> Plan:
    tile = model.card.tile
    width = tile.width or model.tile_size
    fixed = tile.fixed or model.device.fixed_tiles
    stride = tile.stride if magnify == 1.0 else 1
    grid = cut(
        (shape[0], shape[1]),
        (max(1, int(model.tile_size / magnify)), max(1, int(width / magnify))),
        math.ceil(tile.overlap / magnify),
        stride,
        fixed=fixed,
    )
    scaled = max(1, round(grid.tile_shape[0] * magnify)), max(1, round(grid.tile_shape[1] * magnify))
    if fixed:
        return Plan(grid, scaled, (model.tile_size, width))
    given = [math.ceil(side / tile.stride) * tile.stride for side in scaled]
    return Plan(grid, scaled, (given[0], given[1]))


def _walk(
    model: Model,
    pixels: NDArray[np.uint8],
    wishes: Wishes,
    plan: Plan,
    compute: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    take: Callable[[NDArray[np.float32], Tile, Plan], None],
) -> None:
    places = _in_order(
        [tile for tile in plan.grid.tiles() if wishes.shows(plan.grid.span(tile))], plan, wishes
    )
    for begin in range(0, len(places), model.batch):
        if wishes.cancelled():
            raise Cancelled
        now = places[begin : begin + model.batch]
        for place, answer in zip(now, compute(_batch(pixels, now, plan)), strict=True):
            take(answer, place, plan)
        if wishes.progress is not None:
            wishes.progress(min(1.0, (begin + len(now)) / len(places)))
    if wishes.cancelled():
        raise Cancelled


def _in_order(places: list[Tile], plan: Plan, wishes: Wishes) -> list[Tile]:
    """Put the tiles that touch the wanted box first, the nearest to its middle before the others."""
    if wishes.first is None:
        return places
    left, top, right, bottom = wishes.first

    def distance(place: Tile) -> tuple[bool, float]:
        own = plan.grid.own(place)
        apart = own[0] >= right or own[2] <= left or own[1] >= bottom or own[3] <= top
        x, y = (own[0] + own[2] - left - right) / 2, (own[1] + own[3] - top - bottom) / 2
        return apart, math.hypot(x, y)

    return sorted(places, key=distance)


def _batch(pixels: NDArray[np.uint8], places: list[Tile], plan: Plan) -> NDArray[np.uint8]:
    """Give ``(N, H, W, 3) uint8``: the tiles at the model's scale, mirrored up to what the net takes."""
    batch = np.empty((len(places), *plan.given, 3), np.uint8)
    for index, place in enumerate(places):
        part = resize_pixels(take_tile(pixels, place, plan.grid.tile_shape), *plan.scaled)
        batch[index] = mirror_to(part, plan.given)
    return batch


def _answers(
    model: Model, batch: NDArray[np.uint8], table: NDArray[np.float32] | None, flips: bool
) -> NDArray[np.float32]:
    """Give ``(N, H, W) float32``; with ``flips`` the mean over all mirror images."""
    if not flips:
        return model.foreground(batch, table)
    total = np.zeros(batch.shape[:3], np.float32)
    for axes in ((), (1,), (2,), (1, 2)):
        total += np.flip(model.foreground(np.ascontiguousarray(np.flip(batch, axes)), table), axes)
    total *= 0.25
    return total
