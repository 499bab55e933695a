"""How long the tools take on a large picture."""

import statistics
import time
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.bench.measure import Row, row, wanted
from vesselapp.core.evidence import HIGHEST, LOWEST
from vesselapp.core.tools.pieces import disjoint
from vesselapp.core.tools.trace import Tracer
from vesselapp.core.tools.width import paint_path, vessel_width

HEIGHT, WIDTH = 4000, 6000
AWAY_PX = 1000
AHEAD_PX = 300
LEVEL = 128


def vessels() -> tuple[NDArray[np.uint8], NDArray[np.uint8], list[tuple[int, int]]]:
    """Draw a picture of 24 MP with wavy vessels of 4-60 px; give it, its evidence and places on vessels.

    Half of the vessels are in the evidence; the others have to be followed by the picture alone.
    """
    random = np.random.default_rng(0)
    green = np.full((HEIGHT, WIDTH), 150, np.uint8)
    evidence = np.full((HEIGHT, WIDTH), LOWEST, np.uint8)
    places = []
    for number in range(60):
        angle, bend, phase = random.uniform(0, np.pi), random.uniform(20, 120), random.uniform(0, 6)
        x, y, width = random.uniform(0, WIDTH), random.uniform(0, HEIGHT), int(random.uniform(4, 60))
        along = np.linspace(-4000, 4000, 800)
        across = bend * np.sin(along / 300 + phase)
        points = np.stack(
            [
                x + np.cos(angle) * along - np.sin(angle) * across,
                y + np.sin(angle) * along + np.cos(angle) * across,
            ],
            axis=1,
        )
        way = points.astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(green, [way], False, int(random.uniform(80, 130)), width)
        if number % 2:
            cv2.polylines(evidence, [way], False, HIGHEST, width)
        inside = (points > 1100).all(axis=1) & (points < [WIDTH - 1100, HEIGHT - 1100]).all(axis=1)
        if inside.any():
            spot = points[inside][len(points[inside]) // 2]
            places.append((int(spot[0]), int(spot[1])))
    noise = random.integers(-8, 9, (500, 750)).astype(np.int16)
    green = np.clip(green + np.tile(noise, (8, 8)), 0, 255).astype(np.uint8)
    green, evidence = cv2.GaussianBlur(green, (0, 0), 1.2), cv2.GaussianBlur(evidence, (0, 0), 2.0)
    return np.ascontiguousarray(np.repeat(green[:, :, None], 3, axis=2)), evidence, places


def trace_moves(nodes: int = 8, moves: int = 12) -> list[float]:
    """Give the ms of each pointer move 1000 px away from a node: the way and its pixels, as shown live.

    What a click does (the ways close by) is not in it; what the first far move has to work out is.
    """
    pixels, evidence, places = vessels()
    tracer = Tracer(pixels, evidence, LEVEL)
    times = []
    for node in places[:nodes]:
        tracer.set_node(node)
        tracer.prepare(AHEAD_PX)
        for move in range(moves):
            angle = 2 * np.pi * move / moves
            end = int(node[0] + AWAY_PX * np.cos(angle)), int(node[1] + AWAY_PX * np.sin(angle))
            begun = time.perf_counter()
            path = tracer.path(tracer.snapped(end))
            disjoint(paint_path(*vessel_width(pixels, evidence, path), *evidence.shape))
            times.append((time.perf_counter() - begun) * 1e3)
    return times


def run(names: Sequence[str]) -> Iterator[Row]:
    """Measure what was asked for."""
    if wanted("trace_24mp_ms", names):
        yield row("trace_24mp_ms", statistics.median(trace_moves()), "ms", 50)
