"""Vessels drawn with a known course and width."""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.draw import line

from vesselapp.core.evidence import FOREGROUND, LOWEST
from vesselapp.core.geometry import Pixels
from vesselapp.core.tools.pieces import Mask

_FINE = 8
LEVEL = 128


def vessel(
    width: float, *, side: int = 240, angle: float = 0.5, bend: float = 20.0, noise: float = 2.0
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw a dark vessel; give the picture (side, side, 3) and the pixels of its middle line (N, 2)."""
    fine = np.full((side * _FINE, side * _FINE), 150, np.uint8)
    t = np.linspace(-1, 1, 200)
    reach = side * 0.42
    x = side / 2 + np.cos(angle) * t * reach - np.sin(angle) * bend * t * t
    y = side / 2 + np.sin(angle) * t * reach + np.cos(angle) * bend * t * t
    points = np.stack([x, y], axis=1)
    cv2.polylines(
        fine, [(points * _FINE).astype(np.int32).reshape(-1, 1, 2)], False, 100, round(width * _FINE)
    )
    picture = cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA).astype(float)
    picture += np.linspace(-10, 10, side)[None, :] + np.random.default_rng(0).normal(0, noise, picture.shape)
    green = np.clip(picture, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(green[:, :, None], 3, axis=2)), pixels_through(points)


def pixels_through(points: NDArray[np.float64]) -> NDArray[np.int32]:
    """Give the pixels (x, y) of a line through points, each next to the one before."""
    spots = np.floor(points).astype(int)
    way = [spots[0]]
    for (x0, y0), (x1, y1) in pairwise(spots.tolist()):
        rows, columns = line(y0, x0, y1, x1)
        way.extend(np.stack([columns, rows], axis=1)[1:])
    return np.array(way, np.int32)


def evidence_of(mask: Mask) -> NDArray[np.uint8]:
    """Give evidence that a person might have drawn."""
    return np.where(mask, FOREGROUND, LOWEST).astype(np.uint8)


def joined(parts: list[Pixels], shape: tuple[int, ...]) -> Mask:
    """Put boxes of pixels into one plane; they must lie inside it."""
    plane = np.zeros(shape, np.bool_)
    for box, chosen in parts:
        assert box == box.clipped(shape[0], shape[1])
        assert chosen.shape == (box.bottom - box.top, box.right - box.left)
        plane[box.slices] |= chosen
    return plane
