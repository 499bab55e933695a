"""Vessels that break off and vessels that fray: gaps bridged along the vessel's direction, spurs pruned."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from vesselapp.core.evidence import BACKGROUND, UNSURE, mask_of
from vesselapp.core.geometry import Box, Pixels, box_of
from vesselapp.core.tools.pieces import Mask, Place, Plane, by_tiles, trimmed
from vesselapp.core.tools.skeleton import Spot, half_widths, loose_ends, middle_line, walk_back
from vesselapp.core.tools.trace import Path, Tracer, straight_way
from vesselapp.core.tools.width import paint_path

_TIP_WAY = 12
_SHORTEST_TIP = 4
_WIDEST_ANGLE = np.deg2rad(45.0)
_SIDE_ANGLE = np.deg2rad(30.0)
_LONGEST_DETOUR = 1.4
_PASSES = 4


@dataclass(frozen=True, eq=False)
class _Tip:
    place: Place
    direction: NDArray[np.float64]
    half_width: float


def bridges(
    tracer: Tracer, evidence: Plane, level: int, longest: float, box: Box | None = None
) -> list[list[Pixels]]:
    """Find gaps in vessels, and what to paint to close them.

    A loose end of the mask's middle line is joined to another one when both point at each other within 45
    degrees, or to the side of another vessel that lies ahead within 30 degrees, over the cheapest way (see
    `Tracer`), at the width of both ends. What a person took away is no gap.

    Parameters
    ----------
    tracer : Tracer
        Of the same picture.
    evidence : (H, W) uint8
    level : int
    longest : float
        Widest gap to bridge, px of background.
    box : Box or None
        Where to look; None for the whole picture.

    Returns
    -------
    list of list of Box, (h, w) bool
        What closes each gap, shortest ones first; each loose end is used once.
    """
    window = (box or box_of(evidence)).clipped(*evidence.shape)
    mask = mask_of(evidence[window.slices], level)
    line = middle_line(mask)
    widths = half_widths(mask)
    tips = list(_tips(line, widths))
    found = sorted([*_end_to_end(tips, longest), *_end_to_side(tips, line, widths, longest)])
    used: set[Place] = set()
    out: list[list[Pixels]] = []
    for _, start, end, across in found:
        if start in used or end in used:
            continue
        used |= {start, end}
        pixels = _bridge_pixels(tracer, evidence, level, _moved(start, window), _moved(end, window), across)
        if pixels:
            out.append(pixels)
    return out


_Candidate = tuple[float, Place, Place, tuple[float, float]]


def _moved(place: Place, window: Box) -> Place:
    return place[0] + window.left, place[1] + window.top


def _tips(line: Mask, widths: NDArray[np.float32]) -> Iterator[_Tip]:
    for row, column in loose_ends(line):
        if row in (0, line.shape[0] - 1) or column in (0, line.shape[1] - 1):
            continue  # Cut off by the picture or the window rather than loose.
        way, _ = walk_back(line, (row, column), _TIP_WAY)
        if len(way) < _SHORTEST_TIP:
            continue
        direction = np.array([column - way[-1][1], row - way[-1][0]], np.float64)
        yield _Tip((column, row), direction / np.hypot(*direction), _half_width(widths, way))


def _half_width(widths: NDArray[np.float32], way: list[Spot]) -> float:
    # The very end of a middle line is narrower than the vessel.
    return float(np.median([widths[spot] for spot in way]))


def _end_to_end(tips: list[_Tip], longest: float) -> Iterator[_Candidate]:
    if len(tips) < 2:
        return
    places = np.array([tip.place for tip in tips], np.float64)
    widest = max(tip.half_width for tip in tips)
    for first, second in cKDTree(places).query_pairs(longest + 2 * widest):
        a, b = tips[first], tips[second]
        apart = places[second] - places[first]
        distance = float(np.hypot(*apart))
        gap = max(1.0, distance - a.half_width - b.half_width)
        angle = max(_angle(a.direction, apart), _angle(b.direction, -apart))
        if gap <= longest and angle <= _WIDEST_ANGLE:
            yield gap * (1 + angle), a.place, b.place, (a.half_width, b.half_width)


def _end_to_side(
    tips: list[_Tip], line: Mask, widths: NDArray[np.float32], longest: float
) -> Iterator[_Candidate]:
    for tip in tips:
        reach = int(longest + tip.half_width) + 2 * _TIP_WAY
        x, y = tip.place
        around = Box(x - reach, y - reach, x + reach + 1, y + reach + 1).clipped(*line.shape)
        part = line[around.slices].copy()
        own, _ = walk_back(line, (y, x), 4 * reach)
        for row, column in own:
            if around.top <= row < around.bottom and around.left <= column < around.right:
                part[row - around.top, column - around.left] = False
        rows, columns = np.nonzero(part)
        if not len(rows):
            continue
        apart = np.stack([columns + around.left - x, rows + around.top - y], axis=1).astype(np.float64)
        distance = np.hypot(apart[:, 0], apart[:, 1])
        there = widths[rows + around.top, columns + around.left]
        gap = np.maximum(1.0, distance - tip.half_width - there)
        angle = np.arccos(np.clip(apart @ tip.direction / distance, -1, 1))
        rated = np.where((gap <= longest) & (angle <= _SIDE_ANGLE), gap * (1.5 + angle), np.inf)
        best = int(np.argmin(rated))
        if np.isfinite(rated[best]):
            end = (int(columns[best]) + around.left, int(rows[best]) + around.top)
            yield float(rated[best]), tip.place, end, (tip.half_width, tip.half_width)


def _angle(direction: NDArray[np.float64], apart: NDArray[np.float64]) -> float:
    return float(np.arccos(np.clip(direction @ apart / max(float(np.hypot(*apart)), 1e-9), -1, 1)))


def _bridge_pixels(
    tracer: Tracer, evidence: Plane, level: int, start: Place, end: Place, across: tuple[float, float]
) -> list[Pixels]:
    path = tracer.between(start, end)
    straight = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    if len(path) > _LONGEST_DETOUR * straight + 4:
        path = straight_way(start, end)
    if (evidence[path[:, 1], path[:, 0]] == BACKGROUND).any():
        return []  # somebody took it away
    return list(_not_there(evidence, level, path, across))


def _not_there(evidence: Plane, level: int, path: Path, across: tuple[float, float]) -> Iterator[Pixels]:
    widths = (2 * np.linspace(across[0], across[1], len(path))).astype(np.float32)
    centres = path.astype(np.float32) + np.float32(0.5)
    for box, painted in paint_path(centres, widths, *evidence.shape):
        plane = evidence[box.slices]
        new = trimmed(box, painted & ~mask_of(plane, level) & (plane != UNSURE) & (plane != BACKGROUND))
        if new is not None:
            yield new


def spurs(evidence: Plane, level: int, shorter: int, box: Box | None = None) -> list[Pixels]:
    """Find spurs: side branches of the mask that end after less than so many px.

    Parameters
    ----------
    evidence : (H, W) uint8
    level : int
    shorter : int
        A branch is a spur when it stands out of the vessel by less than this (px). Of two that meet at a
        vessel's end, the shorter one is; lines without a branch never are.
    box : Box or None
        Where to look; None for the whole picture.

    Returns
    -------
    list of Box, (h, w) bool
        The spurs' pixels, to be taken out of the mask; the vessel they stand on stays as wide as it is.
    """
    window = (box or box_of(evidence)).clipped(*evidence.shape)
    mask = mask_of(evidence[window.slices], level)
    line, widths = middle_line(mask), half_widths(mask)
    gone: list[Spot] = []
    for _ in range(_PASSES):
        found = _shortest_at_each_branch(line, widths, shorter)
        if not found:
            break
        for way in found:
            for spot in way:
                line[spot] = False
            gone.extend(way)
    return list(by_tiles(window, _body(mask, line, widths, gone)))


def _shortest_at_each_branch(line: Mask, widths: NDArray[np.float32], shorter: int) -> list[list[Spot]]:
    reach = shorter + int(widths.max(initial=0.0)) + 2
    candidates: list[tuple[float, list[Spot]]] = []
    for end in loose_ends(line):
        way, branches = walk_back(line, end, reach)
        if branches:
            standing_out = len(way) + float(widths[end]) - float(widths[way[-1]])
            if standing_out < shorter:
                candidates.append((standing_out, way))
    out: list[list[Spot]] = []
    feet: list[Spot] = []
    for _, way in sorted(candidates, key=lambda candidate: candidate[0]):
        foot = way[-1]
        # Of spurs that stand on one place, one goes at a time: then the other may be the vessel's own end.
        if all(abs(foot[0] - row) > 2 or abs(foot[1] - column) > 2 for row, column in feet):
            feet.append(foot)
            out.append(way)
    return out


def _body(mask: Mask, line: Mask, widths: NDArray[np.float32], gone: list[Spot]) -> Mask:
    """Give the mask's pixels that belong to spurs: near their line, and outside the vessel that stays."""
    body = np.zeros_like(mask)
    for row, column in gone:
        reach = int(widths[row, column]) + 2
        body[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = True
    body &= mask
    rows, columns = np.nonzero(body)
    if not len(rows) or not line.any():
        return body & False
    # Every pixel stays that lies within the vessel's own half width (and half a px) of the line that stays.
    near = np.argwhere(line & _grown(body, int(widths.max()) + 2))
    tree_gone, tree_stays = cKDTree(np.array(gone)), cKDTree(near if len(near) else np.argwhere(line))
    spots = np.stack([rows, columns], axis=1)
    to_gone, _ = tree_gone.query(spots)
    to_stays, nearest = tree_stays.query(spots)
    half = widths[tuple(tree_stays.data[nearest].astype(int).T)]
    out = to_gone < to_stays
    out &= to_stays > half + 0.5
    body[rows[~out], columns[~out]] = False
    return body


def _grown(chosen: Mask, by: int) -> Mask:
    rows, columns = np.flatnonzero(chosen.any(axis=1)), np.flatnonzero(chosen.any(axis=0))
    out = np.zeros_like(chosen)
    out[max(0, rows[0] - by) : rows[-1] + by + 1, max(0, columns[0] - by) : columns[-1] + by + 1] = True
    return out
