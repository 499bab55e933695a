"""Live wire: the way along a vessel between two places (Mortensen and Barrett, SIGGRAPH 1995).

The way is the cheapest one over a cost made of the evidence and of the picture's dark ridges, so it follows
vessels that the model missed, and works without a model. From the place clicked first, all ways are worked
out once on a reduced copy of a window around it (wider windows on coarser copies, when the pointer goes that
far); each move of the pointer then reads the way back and makes it exact in a narrow corridor at full size.
Where the cheapest way is a long detour, as it may be over a faint gap, the cheapest one near the straight
line is taken instead.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.graph import MCP_Geometric

from vesselapp.core.evidence import BACKGROUND, FOREGROUND, LOWEST, UNSURE
from vesselapp.core.geometry import Box
from vesselapp.core.tools.pieces import block_max
from vesselapp.core.tools.ridge import Ridges

Place = tuple[int, int]
Path = NDArray[np.int32]
Plane = NDArray[np.uint8]

_REACHES = ((96, 1), (480, 2), (1120, 4), (2240, 8), (4480, 16), (8960, 32), (17920, 64), (35840, 128))
_LEAST_COST = 0.02
_UNSURE_PULL = 0.3
_STRETCH = 250
_LONGEST_GAP = 64
_GAP_STEP = 2
_DIRECTIONS = 12
_CLEARLY_SEEN = 2
_DETOUR = 3.0
_NEARBY = 1.25
_SLACK = 16


class Tracer:
    """Finds ways along vessels from one place (the newest node) to wherever the pointer is.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
    evidence : (H, W) uint8
        Read when a node is set or the pointer goes farther than before; neither array is copied.
    level : int
        Evidence value that counts as foreground; change it when the threshold moves.
    """

    def __init__(self, pixels: NDArray[np.uint8], evidence: Plane, level: int) -> None:
        self.level = level
        self._evidence = evidence
        self._height, self._width = evidence.shape
        self._ridges = Ridges(pixels)
        self._node: Place | None = None
        self._ways: dict[int, _Ways] = {}

    @property
    def node(self) -> Place | None:
        """The place (x, y in px) that ways start from."""
        return self._node

    def set_node(self, place: Place | None) -> None:
        """Start from another place (x, y in px, brought inside the picture); None forgets the node."""
        self._node = None if place is None else self._inside(place)
        self._ways.clear()

    def refresh(self) -> None:
        """Work ways out anew: call when evidence or level changed while a node is set."""
        self._ways.clear()

    def prepare(self, reach: int) -> None:
        """Work out all ways up to a distance (px) ahead of the pointer's getting there; some 100 ms."""
        if self._node is not None:
            self._ways_to((self._node[0] + reach, self._node[1]))

    def snapped(self, place: Place, radius: int = 4) -> Place:
        """Give the most vessel-like place within a radius (px), the nearest of equals."""
        x, y = self._inside(place)
        box = Box(x - radius, y - radius, x + radius + 1, y + radius + 1).clipped(self._height, self._width)
        cost = self._cost(box, 1)
        ys, xs = np.mgrid[box.top : box.bottom, box.left : box.right]
        distance = np.hypot(xs - x, ys - y)
        # Closeness only breaks ties and near ties; outside the circle nothing is taken.
        rated = np.where(distance <= radius, np.log(cost) + 0.05 * distance, np.inf)
        best = int(np.argmin(rated))
        return int(xs.flat[best]), int(ys.flat[best])

    def path(self, end: Place) -> Path:
        """Give the way from the node to a place.

        Parameters
        ----------
        end : (x, y)
            Px; brought inside the picture.

        Returns
        -------
        (N, 2) int32
            Pixels (x, y), each touching the next by a side or a corner; from the node to the end, both
            included.
        """
        if self._node is None:
            raise RuntimeError("path without a node")
        end = self._inside(end)
        ways = self._ways_to(end)
        coarse = ways.to(end)
        length = float(np.hypot(*np.diff(coarse, axis=0).T).sum())
        if length > _DETOUR * np.hypot(end[0] - self._node[0], end[1] - self._node[1]) + _SLACK:
            coarse = self._ways_near(end, ways.step).to(end)
        if ways.step == 1:
            return coarse
        return self._exact(coarse, end, ways.step)

    def between(self, start: Place, end: Place, room: int = 8) -> Path:
        """Give the way between two near places at full size, at most some room (px) off their box."""
        start, end = self._inside(start), self._inside(end)
        low, high = np.minimum(start, end) - room, np.maximum(start, end) + room + 1
        box = Box(int(low[0]), int(low[1]), int(high[0]), int(high[1])).clipped(self._height, self._width)
        return _way(self._cost(box, 1), box, start, end)

    def _inside(self, place: Place) -> Place:
        return min(max(place[0], 0), self._width - 1), min(max(place[1], 0), self._height - 1)

    def _ways_to(self, end: Place) -> "_Ways":
        assert self._node is not None
        distance = max(abs(end[0] - self._node[0]), abs(end[1] - self._node[1]))
        # Some room beyond the end, since the way may swing out.
        index = next(
            (i for i, (reach, _) in enumerate(_REACHES) if distance <= reach * 9 // 10), len(_REACHES) - 1
        )
        if index not in self._ways:
            (reach, step), (x, y) = _REACHES[index], self._node
            box = Box(x - reach, y - reach, x + reach + 1, y + reach + 1)
            # Whole blocks, so that the reduced copy lies on the same grid wherever the node is.
            box = Box(box.left // step * step, box.top // step * step, box.right, box.bottom)
            box = box.clipped(self._height, self._width)
            self._ways[index] = _Ways(self._cost(box, step), box, step, self._node)
        return self._ways[index]

    def _ways_near(self, end: Place, step: int) -> "_Ways":
        """Work out ways that stay near the straight line from the node to a place, in an ellipse."""
        assert self._node is not None
        ends = np.array([self._node, end], np.int32)
        most = _NEARBY * float(np.hypot(*(ends[1] - ends[0]))) + _SLACK + 4 * step
        low = np.maximum((ends.sum(axis=0) - most) // 2, 0).astype(int) // step * step
        high = ((ends.sum(axis=0) + most) // 2).astype(int) + 1
        box = Box(int(low[0]), int(low[1]), int(high[0]), int(high[1])).clipped(self._height, self._width)
        cost = self._cost(box, step)
        ys, xs = (np.mgrid[: cost.shape[0], : cost.shape[1]] + 0.5) * step
        x, y = xs + box.left, ys + box.top
        apart = sum(np.hypot(x - place[0], y - place[1]) for place in ends.tolist())
        return _Ways(np.where(apart <= most, cost, np.float32(-1)), box, step, self._node)

    def _exact(self, coarse: Path, end: Place, step: int) -> Path:
        """Find the way at full size along a coarse one (points in px), a stretch at a time."""
        assert self._node is not None
        count = max(1, round(len(coarse) * step / _STRETCH))
        joints = [(int(x), int(y)) for x, y in coarse[np.arange(1, count) * len(coarse) // count]]
        joints = [self._node, *(self.snapped(joint, step // 2 + 1) for joint in joints), end]
        parts = np.array_split(coarse, count)
        ways = [
            self._corridor(np.vstack([start, part, stop]), start, stop, step)
            for part, start, stop in zip(parts, joints[:-1], joints[1:], strict=True)
        ]
        # A stretch begins where the one before ends.
        return np.vstack([ways[0], *(way[1:] for way in ways[1:])])

    def _corridor(self, points: Path, start: Place, end: Place, step: int) -> Path:
        points = points.astype(np.int32)
        half = step + step // 2 + 1
        low, high = points.min(axis=0) - half, points.max(axis=0) + half + 1
        box = Box(int(low[0]), int(low[1]), int(high[0]), int(high[1])).clipped(self._height, self._width)
        origin = np.array([box.left, box.top], np.int32)
        corridor = np.zeros((box.bottom - box.top, box.right - box.left), np.uint8)
        cv2.polylines(corridor, [(points - origin).reshape(-1, 1, 2)], False, 1, 2 * half + 1)
        cost = np.where(corridor > 0, self._cost(box, 1), np.float32(-1))
        return _way(cost, box, start, end)

    def _cost(self, box: Box, step: int) -> NDArray[np.float32]:
        """Give what it costs to cross each px of a reduced copy of a box: the cheapest of its block."""
        pull = block_max(
            np.asarray(cv2.LUT(self._evidence[box.slices], _pull_table(self.level)), np.uint8), step
        )
        ridge = self._ridge(box, step, pull.shape)
        background = self._evidence[box.slices] == BACKGROUND
        if background.any():
            inside = block_max(background.view(np.uint8), step) > 0
            np.copyto(pull, _over_gaps(pull, ridge, step), where=inside)
        table = _cost_table()
        return table[pull, ridge]

    def _ridge(self, box: Box, step: int, shape: tuple[int, ...]) -> Plane:
        own = self._ridges.step
        part = Box(box.left // own, box.top // own, -(-box.right // own), -(-box.bottom // own))
        plane = self._ridges.plane(part)
        if step >= own:
            return block_max(plane, step // own)
        factor = own // step
        wide = np.asarray(
            cv2.resize(plane, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR), np.uint8
        )
        top, left = box.top // step - part.top * factor, box.left // step - part.left * factor
        return wide[top : top + shape[0], left : left + shape[1]]


class _Ways:
    """The cheapest ways from one place to all of a window, on a copy of it reduced by a step."""

    def __init__(self, cost: NDArray[np.float32], box: Box, step: int, node: Place) -> None:
        self.step, self._box = step, box
        self._field = MCP_Geometric(cost)
        self._field.find_costs([self._reduced(node)])

    def to(self, end: Place) -> Path:
        """Give the way in px of the picture; block middles where the copy is reduced."""
        found = np.array(self._field.traceback(self._reduced(end)), np.int32)
        corner = np.array([self._box.left, self._box.top], np.int32)
        return np.ascontiguousarray(found[:, ::-1] * self.step + self.step // 2 + corner)

    def _reduced(self, place: Place) -> tuple[int, int]:
        return (place[1] - self._box.top) // self.step, (place[0] - self._box.left) // self.step


def straight_way(start: Place, end: Place) -> Path:
    """Give ``(N, 2) int32``: the pixels (x, y) of a straight line between two, each touching the next."""
    count = max(abs(end[0] - start[0]), abs(end[1] - start[1])) + 1
    return np.round(np.linspace(start, end, count)).astype(np.int32)


def _way(cost: NDArray[np.float32], box: Box, start: Place, end: Place) -> Path:
    field = MCP_Geometric(cost)
    first, last = (start[1] - box.top, start[0] - box.left), (end[1] - box.top, end[0] - box.left)
    field.find_costs([first], [last])
    found = np.array(field.traceback(last), np.int32)
    return np.ascontiguousarray(found[:, ::-1] + np.array([box.left, box.top], np.int32))


def _pull_table(level: int) -> Plane:
    """Give how much each evidence value draws the way to itself, 0-255: all from the level on fully."""
    table = np.clip((np.arange(256) - LOWEST) / max(1, level - LOWEST), 0.0, 1.0)
    table[BACKGROUND], table[FOREGROUND], table[UNSURE] = 0.0, 1.0, _UNSURE_PULL
    return np.round(table * 255).astype(np.uint8)


def _over_gaps(pull: Plane, ridge: Plane, step: int) -> Plane:
    """Give the pull with gaps of less than 64 px closed.

    A gap has vessel on two opposite sides, and a ridge of the picture goes through it. Who traces across one
    that was taken out says that it is vessel after all; a whole vessel that was taken out stays a poor way.
    """
    coarser = max(1, _GAP_STEP // step)
    reach = _LONGEST_GAP // (2 * step * coarser)
    if not reach:
        return pull
    vessel = block_max(np.where(pull == 255, np.uint8(255), np.uint8(0)), coarser)
    # Nothing outside counts as vessel. A vessel that bends meets itself beyond a gap a little off the line.
    near = cv2.copyMakeBorder(vessel, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0)
    near = cv2.dilate(near, np.ones((3, 3), np.uint8))
    closed = near.copy()
    for angle in np.arange(_DIRECTIONS) * np.pi / _DIRECTIONS:
        line = np.zeros((2 * reach + 1, 2 * reach + 1), np.uint8)
        x, y = round(reach * np.cos(angle)), round(reach * np.sin(angle))
        cv2.line(line, (reach - x, reach - y), (reach + x, reach + y), 1)
        np.maximum(closed, cv2.morphologyEx(near, cv2.MORPH_CLOSE, line), out=closed)
    closed = closed[reach:-reach, reach:-reach].repeat(coarser, axis=0).repeat(coarser, axis=1)
    seen = np.minimum(ridge.astype(np.uint16) * _CLEARLY_SEEN, 255).astype(np.uint8)
    return np.maximum(pull, np.minimum(closed[: pull.shape[0], : pull.shape[1]], seen))


def _cost_table() -> NDArray[np.float32]:
    """Give ``(256, 256) float32``: the cost of a px by the evidence's pull and by the ridge's strength."""
    share = np.arange(256, dtype=np.float32) / 255
    clear = 1 - (1 - 0.9 * share[:, None]) * (1 - share[None, :])
    return np.asarray(_LEAST_COST + (1 - clear) ** 2, np.float32)
