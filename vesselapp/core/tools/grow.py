"""Grow: the connected region around a click whose evidence and colour are like those under it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.evidence import BACKGROUND, FOREGROUND, HIGHEST, LOWEST, UNSURE
from vesselapp.core.geometry import Box, Pixels

LARGEST = 1200
_TOLD_APART = 0.3
_CERTAIN = 0.5
_COLOUR_OF_REACH = 96.0
_SEED = 1
_SAME = 0.15
_ROUND = 12.0
"""Area by the square of its half width: 3.1 for a disc, 4 for a square, 9.4 for three discs side by side."""


class Grower:
    """The region around one click, for any reach, so that a drag stays live.

    Every pixel of a window gets a difference from the seed's surroundings (0-1: the larger of how much its
    evidence and its colour differ); the region of a reach is what is connected to the seed through
    differences up to that reach. A larger reach therefore never gives less.

    Parameters
    ----------
    evidence : (H, W) uint8
    pixels : (H, W, 3) uint8
    seed : (x, y)
        Px, inside the picture.
    window : int
        Side in px of the square around the seed that the region stays in.
    """

    def __init__(
        self, evidence: NDArray[np.uint8], pixels: NDArray[np.uint8], seed: tuple[int, int], window: int = 800
    ) -> None:
        height, width = evidence.shape
        x, y = min(max(seed[0], 0), width - 1), min(max(seed[1], 0), height - 1)
        half = min(window, LARGEST) // 2
        self.box = Box(x - half, y - half, x + half + 1, y + half + 1).clipped(height, width)
        self._seed = x - self.box.left, y - self.box.top
        # Where the window ends but the picture goes on.
        self._cut = np.zeros((self.box.bottom - self.box.top, self.box.right - self.box.left), np.bool_)
        self._cut[:1], self._cut[:, :1] = self.box.top > 0, self.box.left > 0
        self._cut[-1:] |= self.box.bottom < height
        self._cut[:, -1:] |= self.box.right < width
        colour = _colour_difference(pixels[self.box.slices], self._seed)
        known = _evidence_difference(evidence[self.box.slices], self._seed)
        # Where the model tells things apart, colour counts half, and nothing in what it knows as a whole
        # cell, whose inside may have any colour; otherwise colour alone decides.
        sure = evidence[y, x] >= HIGHEST * _CERTAIN and evidence[y, x] != UNSURE
        if float(known.max()) > _TOLD_APART:
            colour *= 0.0 if sure and self._in_blob(known) else 0.5
        self._difference = np.maximum(colour, known)

    def _in_blob(self, known: NDArray[np.float32]) -> bool:
        """Tell whether what is as sure as the seed is round, and in sight as a whole."""
        same = (known <= _SAME).astype(np.uint8)
        numbers = np.asarray(cv2.connectedComponents(same, connectivity=4, ltype=cv2.CV_32S)[1])
        piece = numbers == numbers[self._seed[1], self._seed[0]]
        if (piece & self._cut).any():
            return False
        depth = float(cv2.distanceTransform(np.pad(piece.astype(np.uint8), 1), cv2.DIST_L2, 3).max())
        return int(piece.sum()) <= _ROUND * depth**2

    def region(self, reach: float) -> Pixels:
        """Give the region of a reach.

        Parameters
        ----------
        reach : float
            0-1, how different pixels may be.

        Returns
        -------
        Box, (h, w) bool
            A box inside the picture and which of its pixels are in: one piece by sides, with the seed.
        """
        like = (self._difference <= max(0.0, min(reach, 1.0))).astype(np.uint8)
        x, y = self._seed
        like[y, x] = 1
        _, numbers, stats, _ = cv2.connectedComponentsWithStats(like, connectivity=4, ltype=cv2.CV_32S)
        number = int(numbers[y, x])
        left, top, width, height = (int(value) for value in stats[number][:4])
        part = Box(left, top, left + width, top + height)
        region: NDArray[np.bool_] = numbers[part.slices] == number
        return part.moved(self.box.left, self.box.top), region


def _colour_difference(pixels: NDArray[np.uint8], seed: tuple[int, int]) -> NDArray[np.float32]:
    """Give 0-1 per pixel: how far its colour is from the mean colour of the 3x3 px around the seed."""
    smooth = cv2.GaussianBlur(pixels, (0, 0), 0.8)
    x, y = seed
    around = smooth[max(0, y - _SEED) : y + _SEED + 1, max(0, x - _SEED) : x + _SEED + 1]
    typical = around.reshape(-1, 3).mean(axis=0).astype(np.float32)
    far = np.abs(smooth.astype(np.float32) - typical).max(axis=2)
    return np.asarray(np.minimum(far / np.float32(_COLOUR_OF_REACH), 1.0), np.float32)


def _evidence_difference(evidence: NDArray[np.uint8], seed: tuple[int, int]) -> NDArray[np.float32]:
    """Give 0-1 per pixel: how far its evidence is from the seed's."""
    table = (np.arange(256, dtype=np.float32) - LOWEST) / (HIGHEST - LOWEST)
    # From here on the model is certain enough: the core of a cell is not unlike its rim.
    table = np.minimum(table / np.float32(_CERTAIN), np.float32(1.0))
    table[BACKGROUND], table[FOREGROUND], table[UNSURE] = 0.0, 1.0, 0.5
    value = table[evidence]
    return np.asarray(np.abs(value - value[seed[1], seed[0]]), np.float32)
