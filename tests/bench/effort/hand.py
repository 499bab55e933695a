"""What a hand can do, what it takes, and how far it is off."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tests.bench.effort.desk import Change, Sight
from vesselapp.core.geometry import Box, Pixels

CLICK_PX = 50.0
HAND_PX = 2
EXACT_ZOOM = 4
_TILE = 8

Spot = tuple[float, float]
Outcome = Callable[[Sight], list[Change]]
Tiles = frozenset[tuple[int, int]]


@dataclass
class Effort:
    """Pointer travel in screen px, button presses, and how far that led.

    Attributes
    ----------
    drawn, ways : float
        Screen px with a button down, and between gestures.
    clicks : int
    keys : int
        Presses of keys that change the mask by themselves; no part of the cost.
    """

    drawn: float = 0.0
    ways: float = 0.0
    clicks: int = 0
    keys: int = 0
    dice: float = 0.0
    cldice: float = 0.0
    gestures: dict[str, int] = field(default_factory=dict)

    @property
    def travel(self) -> float:
        """All screen px."""
        return self.drawn + self.ways

    @property
    def cost(self) -> float:
        """Travel, with each click as so many px."""
        return self.travel + CLICK_PX * self.clicks

    def add(self, other: "Effort") -> None:
        """Add what another correction took."""
        self.drawn += other.drawn
        self.ways += other.ways
        self.clicks += other.clicks
        self.keys += other.keys

    def count(self, name: str) -> None:
        """Note that a gesture was made."""
        self.gestures[name] = self.gestures.get(name, 0) + 1


@dataclass(frozen=True)
class Opening:
    """What it takes by hand to open a card: a drag from a place of the picture to another.

    Attributes
    ----------
    start, end : (x, y)
        Screen px.
    """

    start: Spot
    end: Spot

    @property
    def travel(self) -> float:
        """Screen px of the drag."""
        return apart(self.start, self.end)


@dataclass(frozen=True)
class Movement:
    """One way for the pointer to make a gesture.

    Attributes
    ----------
    start : (x, y) or None
        Where the pointer is before, screen px at zoom 1 from the picture's corner; None where a key brings
        the picture to the pointer, wherever that is.
    end : (x, y)
        Where the pointer is afterwards.
    travel : float
        Screen px.
    """

    start: Spot | None
    end: Spot
    travel: float

    def way_from(self, place: Spot) -> float:
        """Give the px from a place to where the movement begins."""
        return 0.0 if self.start is None else apart(place, self.start)


class Drawn(Protocol):
    """What a stroke does along a card or a lane."""

    def covers(self, other: "Along") -> bool:
        """Tell whether nothing is left of another, made before along a part of the same."""
        ...


@dataclass(frozen=True, eq=False)
class Along:
    """The stretch that a gesture is made along.

    Attributes
    ----------
    source : object
        The card or lane.
    drawn : Drawn or None
        None for pushes by keys.
    first, last : int
        Places; the second is the one after.
    """

    source: object
    drawn: Drawn | None
    first: int
    last: int

    def covers(self, other: "Along") -> bool:
        """Tell whether another, made before, is needless with this one."""
        return (
            self.source is other.source
            and self.first <= other.first
            and other.last <= self.last
            and self.drawn is not None
            and self.drawn.covers(other)
        )


def either_way(one: Spot, other: Spot, travel: float) -> tuple[Movement, Movement]:
    """Give the movement from one place to another, and back."""
    return Movement(one, other, travel), Movement(other, one, travel)


@dataclass(frozen=True, eq=False)
class Gesture:
    """One thing a hand can do.

    Attributes
    ----------
    name : str
    outcomes : tuple of Outcome
        What it may come to, as the hand slips; the person can't tell beforehand which.
    movements : tuple of Movement
        The ways to make it; all come to the same.
    clicks : int
        Button presses.
    keys : int
        Presses of keys that change the mask.
    opening : Opening or None
        What must be dragged before, unless the gesture before this one had the same opening.
    tiles : set of (x, y)
        Squares of the picture that it may change; gestures that share one keep their order.
    along : Along or None
        The stretch it is made along, where it is a stroke.
    """

    name: str
    outcomes: tuple[Outcome, ...]
    movements: tuple[Movement, ...]
    clicks: int = 1
    keys: int = 0
    opening: Opening | None = None
    tiles: Tiles = frozenset()
    along: Along | None = None

    def covers(self, other: "Gesture") -> bool:
        """Tell whether another, decided on before, is needless with this one."""
        return self.along is not None and other.along is not None and self.along.covers(other.along)

    @property
    def cost(self) -> float:
        """The least travel, with each click as so many px."""
        return min(movement.travel for movement in self.movements) + CLICK_PX * self.clicks

    def cost_with_ways(self, way: float) -> float:
        """Give the same with so many px of way to where it begins, where no key brings it to the pointer."""
        travels = (m.travel + (0.0 if m.start is None else way) for m in self.movements)
        return min(travels) + CLICK_PX * self.clicks


def tiles_near(points: NDArray[np.generic], reach: float) -> Tiles:
    """Give the squares of the picture that lie within so many px of (N, 2) places (x, y)."""
    places = np.asarray(points, np.float64).reshape(-1, 2)
    found: set[tuple[int, int]] = set()
    offsets = np.linspace(-reach, reach, 2 * int(np.ceil(reach / _TILE)) + 1)
    for x in offsets:
        for y in offsets:
            found.update(map(tuple, np.floor((places + np.array([x, y])) / _TILE).astype(int).tolist()))
    return frozenset(found)


def tiles_of(box: Box) -> Tiles:
    """Give the squares of the picture that a box meets."""
    across = range(box.left // _TILE, (max(box.right, box.left + 1) - 1) // _TILE + 1)
    down = range(box.top // _TILE, (max(box.bottom, box.top + 1) - 1) // _TILE + 1)
    return frozenset((x, y) for x in across for y in down)


def slips(zoom: float) -> Sequence[tuple[int, int]]:
    """Give by how many px of the picture (x, y) a hand may be off at a zoom: nothing where it is exact."""
    if zoom >= EXACT_ZOOM:
        return ((0, 0),)
    off = int(HAND_PX / zoom)
    return ((off, 0), (-off, 0), (0, off), (0, -off))


def moved(pixels: Pixels | None, by: tuple[int, int], shape: tuple[int, ...]) -> Pixels | None:
    """Shift pixels by whole px, without those that leave the picture."""
    if pixels is None or by == (0, 0):
        return pixels
    box, chosen = pixels
    whole = Box(box.left + by[0], box.top + by[1], box.right + by[0], box.bottom + by[1])
    inside = whole.clipped(shape[0], shape[1])
    if inside.empty:
        return None
    rows = slice(inside.top - whole.top, inside.bottom - whole.top)
    return inside, chosen[rows, inside.left - whole.left : inside.right - whole.left]


def length(points: NDArray[np.generic], zoom: float = 1.0) -> float:
    """Give the screen px of a way through (N, 2) places of the picture."""
    steps = np.diff(np.asarray(points, np.float64), axis=0)
    return zoom * float(np.hypot(steps[:, 0], steps[:, 1]).sum()) if len(steps) else 0.0


def apart(one: Spot, other: Spot) -> float:
    """Give the px between two places."""
    return float(np.hypot(other[0] - one[0], other[1] - one[1]))


def tour(gestures: Sequence[Gesture], place: Spot, effort: Effort) -> tuple[list[Gesture], Spot]:
    """Make gestures in the order of always the nearest next, and count what they take.

    Those that share an opening are made one after the other where order allows; a card that was left is
    opened again, and counted again.

    Returns
    -------
    list of Gesture, (x, y)
        The order, and where the pointer is in the end.
    """
    left, order = list(gestures), list[Gesture]()
    opening: Opening | None = None
    while left:
        free = [g for i, g in enumerate(left) if not any(g.tiles & before.tiles for before in left[:i])]
        at_hand = [g for g in free if opening is not None and g.opening is opening] or free
        gesture, ways, movement = min(
            (_nearest(place, g, opening) for g in at_hand),
            key=lambda found: found[1] + found[2].travel - found[0].cost,
        )
        left.remove(gesture)
        order.append(gesture)
        effort.ways += ways
        effort.drawn += movement.travel
        effort.clicks += gesture.clicks
        effort.keys += gesture.keys
        effort.count(gesture.name)
        if gesture.opening is not None and gesture.opening is not opening:
            effort.drawn += gesture.opening.travel
            effort.clicks += 1
        place, opening = movement.end, gesture.opening
    return order, place


def _nearest(place: Spot, gesture: Gesture, opening: Opening | None) -> tuple[Gesture, float, Movement]:
    """Give the px to a gesture the way that takes the pointer least, and that way."""
    ways = 0.0
    if gesture.opening is not None and gesture.opening is not opening:
        ways, place = apart(place, gesture.opening.start), gesture.opening.end
    movement = min(gesture.movements, key=lambda movement: movement.way_from(place) + movement.travel)
    return gesture, ways + movement.way_from(place), movement
