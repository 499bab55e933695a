"""How much each place looks like a dark vessel, from the picture alone, worked out where it is asked for."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.geometry import Box

_WORKING_SIDE = 2000
_LARGEST_STEP = 4
_TILE = 256
_SIGMAS = (1.0, 1.7, 2.9, 5.0)
_MARGIN = 20
_CONTRAST_OF_MEDIAN = 4.0
_LEAST_CONTRAST = 0.4
_BLACK_OF_MEDIAN = 0.2
_RIM = np.ones((7, 7), np.uint8)


class Ridges:
    """Ridge strength of a picture's green channel, 0-255, by tiles that are kept once worked out.

    Strength is the largest of ``sigma^2 * (l1 - |l2|)`` over four scales, where l1 >= l2 are the
    eigenvalues of the Hessian (Lorenz et al., CVRMed 1997): high on dark lines, zero on edges' bright
    side and low on round spots. It is told as a share of itself plus a contrast that is taken from the
    picture, so that pale pictures count like strong ones.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        Not copied.

    Attributes
    ----------
    step : int
        Px of the picture per px of the ridge plane: 1, 2 or 4, so that wide pictures stay quick.
    """

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._pixels = pixels
        height, width = pixels.shape[:2]
        self.step = 1
        while self.step < _LARGEST_STEP and max(height, width) > _WORKING_SIDE * self.step:
            self.step *= 2
        self.height, self.width = -(-height // self.step), -(-width // self.step)
        self._plane = np.zeros((self.height, self.width), np.uint8)
        self._known = np.zeros((-(-self.height // _TILE), -(-self.width // _TILE)), np.bool_)
        self._typical: tuple[float, float] | None = None

    def plane(self, box: Box) -> NDArray[np.uint8]:
        """Give the ridge strength in a box of the ridge plane (its own px, inside it), ``(h, w) uint8``."""
        for row in range(box.top // _TILE, -(-box.bottom // _TILE)):
            for column in range(box.left // _TILE, -(-box.right // _TILE)):
                if not self._known[row, column]:
                    self._work_out(row, column)
        return self._plane[box.slices]

    def _work_out(self, row: int, column: int) -> None:
        left, top = column * _TILE, row * _TILE
        tile = Box(left, top, left + _TILE, top + _TILE).clipped(self.height, self.width)
        strength, green = self._strength(tile)
        contrast, black = self._usual()
        share = strength / (strength + np.float32(contrast))
        # The rim's own pixels too, since a stepped edge has dents.
        share[cv2.erode(green, _RIM) <= black] = 0
        self._plane[tile.slices] = (share * 255).astype(np.uint8)
        self._known[row, column] = True

    def _usual(self) -> tuple[float, float]:
        """Give the strength that counts as half, and the green that is still the black around a fundus.

        Both are taken from the middle of the picture. Without the second, the rim of a round field would be
        the strongest ridge of all.
        """
        if self._typical is None:
            side = 512
            left, top = max(0, (self.width - side) // 2), max(0, (self.height - side) // 2)
            middle = Box(left, top, left + side, top + side).clipped(self.height, self.width)
            strength, green = self._strength(middle)
            contrast = max(_LEAST_CONTRAST, _CONTRAST_OF_MEDIAN * float(np.median(strength)))
            self._typical = contrast, _BLACK_OF_MEDIAN * float(np.median(green))
        return self._typical

    def _strength(self, box: Box) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Give ridge strength and green in a box of the ridge plane."""
        around = box.grown(_MARGIN).clipped(self.height, self.width)
        green = self._green(around)
        strongest = np.zeros_like(green)
        for sigma in _SIGMAS:
            np.maximum(strongest, ridge_strength(green, sigma), out=strongest)
        inner = box.slices_in(around)
        return strongest[inner], green[inner]

    def _green(self, box: Box) -> NDArray[np.float32]:
        step = self.step
        rows = slice(box.top * step, min(box.bottom * step, self._pixels.shape[0]))
        columns = slice(box.left * step, min(box.right * step, self._pixels.shape[1]))
        green = self._pixels[rows, columns, 1].astype(np.float32)
        if step > 1:
            size = (box.right - box.left, box.bottom - box.top)
            green = np.asarray(cv2.resize(green, size, interpolation=cv2.INTER_AREA), np.float32)
        return green


def ridge_strength(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Give how much each px lies on a dark line about ``3.5 * sigma`` px wide.

    Parameters
    ----------
    plane : (H, W) float32
    sigma : float
        Px.

    Returns
    -------
    (H, W) float32
        ``sigma^2 * max(0, l1 - |l2|)``, in the plane's own units.
    """
    smooth = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    xx = cv2.Sobel(smooth, cv2.CV_32F, 2, 0, ksize=3, scale=0.25)
    yy = cv2.Sobel(smooth, cv2.CV_32F, 0, 2, ksize=3, scale=0.25)
    xy = cv2.Sobel(smooth, cv2.CV_32F, 1, 1, ksize=3, scale=0.25)
    middle = (xx + yy) / 2
    spread = np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    strength = (middle + spread) - np.abs(middle - spread)
    return np.maximum(strength, 0, out=strength) * np.float32(sigma * sigma)
