"""The field of view: the part of a fundus photograph that shows the eye, found from the picture alone.

The background (black, grey or white surround) is learnt from the corners, the region that differs from it is
outlined on a small copy, and a circle is fitted to the part of the outline that the frame does not clip. The
result is a polygon, so that it can be drawn sharply at any scale.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_SMALL = 512
_SUBPIXEL_BITS = 4


@dataclass(frozen=True, eq=False)
class FieldOfView:
    """Where a picture shows the eye.

    Attributes
    ----------
    outline : (N, 2) float32
        Polygon of x, y in px of the picture (pixel corners at whole numbers); may reach past the frame.
    diameter : float
        Diameter of the field in px of the picture.
    circular : bool
        True when a circle was found; False for any other shape, and when the whole picture was taken.
    found : bool
        False when no surround was told from the picture, so that all of it counts.
    """

    outline: NDArray[np.float32]
    diameter: float
    circular: bool
    found: bool

    def box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Give the smallest box (left, top, right, bottom; px, right and bottom excluded) in the frame."""
        low = np.floor(self.outline.min(axis=0)).astype(int)
        high = np.ceil(self.outline.max(axis=0)).astype(int)
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        return left, top, min(width, int(high[0])), min(height, int(high[1]))

    def mask(
        self, height: int, width: int, *, scale: float = 1.0, left: float = 0.0, top: float = 0.0
    ) -> NDArray[np.uint8]:
        """Draw the field.

        Parameters
        ----------
        height, width : int
            Size of the wanted mask in px.
        scale : float
            Px of the mask per px of the picture.
        left, top : float
            Where the mask's corner lies, in px of the picture.

        Returns
        -------
        (height, width) uint8
            1 inside, 0 outside.
        """
        points = (self.outline - np.array([left, top], np.float32)) * np.float32(scale) - 0.5
        fixed = np.round(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [fixed], 1, shift=_SUBPIXEL_BITS)
        return mask


def whole_picture(height: int, width: int) -> FieldOfView:
    """Take all of a picture as its field."""
    outline = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    return FieldOfView(outline, float(max(height, width)), circular=False, found=False)


def find_field_of_view(pixels: NDArray[np.uint8]) -> FieldOfView:
    """Find the field of view of a fundus photograph.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        sRGB.

    Returns
    -------
    FieldOfView
        The whole picture (``found`` False) where no surround can be told from it.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _SMALL / max(height, width))
    small_size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrunk = cv2.resize(_thinned(pixels, small_size), small_size, interpolation=cv2.INTER_AREA)
    small = np.asarray(cv2.medianBlur(shrunk, 5), np.uint8)
    regions = _regions_unlike_surround(small)
    if not regions:
        return whole_picture(height, width)
    to_picture = np.array([width / small_size[0], height / small_size[1]], np.float32)
    outlines = [_outline(region) for region in regions]
    circles = [c for c in (_fit_circle(outline, small.shape[:2]) for outline in outlines) if c is not None]
    if circles:
        x, y, radius, _ = max(circles, key=lambda circle: circle[3])
        angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
        outline = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
        diameter = 2 * radius * float(to_picture.mean())
        return FieldOfView(outline.astype(np.float32) * to_picture, diameter, circular=True, found=True)
    hull = cv2.convexHull(outlines[-1])[:, 0, :] * to_picture
    extent = hull.max(axis=0) - hull.min(axis=0)
    return FieldOfView(hull.astype(np.float32), float(extent.max()), circular=False, found=True)


def _thinned(pixels: NDArray[np.uint8], small_size: tuple[int, int]) -> NDArray[np.uint8]:
    """Drop rows and columns that the small copy has no use for, so that the resize stays cheap."""
    step = max(1, min(pixels.shape[1] // small_size[0], pixels.shape[0] // small_size[1]) // 2)
    return np.ascontiguousarray(pixels[::step, ::step])


def _regions_unlike_surround(small: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Give (h, w) uint8 regions (0/1) that differ from the corners, from the faintest difference up."""
    height, width = small.shape[:2]
    side = max(2, min(height, width) // 40)
    corners = [
        np.median(patch.reshape(-1, 3), axis=0)
        for patch in (small[:side, :side], small[:side, -side:], small[-side:, :side], small[-side:, -side:])
    ]
    middle = small[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None].reshape(-1, 3)
    surround = np.median(corners, axis=0)
    alike = [float(np.abs(corner - surround).max()) < 24 for corner in corners]
    contrast = float(np.abs(np.median(middle, axis=0) - surround).max())
    if sum(alike) < 3 or contrast < 20:
        return []
    difference = np.abs(small.astype(np.int16) - surround.astype(np.int16)).max(axis=2).astype(np.uint8)
    highest = max(8.0, min(0.25 * contrast, _otsu(difference)))
    regions = [_largest_region(difference > level) for level in np.geomspace(6.0, highest, 4)]
    return [region for region in regions if region is not None]


def _largest_region(differs: NDArray[np.bool_]) -> NDArray[np.uint8] | None:
    """Give the largest connected piece, holes filled, or None where it is under a tenth of the picture."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    opened = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    count, marks, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    if stats[largest, cv2.CC_STAT_AREA] < 0.1 * differs.size:
        return None
    piece: NDArray[np.uint8] = (marks == largest).astype(np.uint8)
    contours, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(piece, contours, -1, 1, cv2.FILLED)
    return piece


def _outline(region: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Give the (N, 2) float32 outline of a region; pixel corners at whole numbers."""
    contours, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(max(contours, key=cv2.contourArea)[:, 0, :], np.float32) + np.float32(0.5)


def _otsu(values: NDArray[np.uint8]) -> float:
    level, _ = cv2.threshold(values, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return float(level)


def _fit_circle(
    contour: NDArray[np.float32], size: tuple[int, int]
) -> tuple[float, float, float, float] | None:
    """Fit a circle (x, y, radius, goodness 0-1) to the unclipped outline, or give None where it is no circle.

    Least squares on the algebraic distance (Kasa, IEEE Trans. Instrum. Meas. 1976), repeated without the
    points that lie furthest off (burned-in text, notches, flares).
    """
    height, width = size
    edge = 2.5
    inside = (
        (contour[:, 0] > edge)
        & (contour[:, 1] > edge)
        & (contour[:, 0] < width - edge)
        & (contour[:, 1] < height - edge)
    )
    points = contour[inside].astype(np.float64)
    if len(points) < 40:
        return None
    x = y = radius = 0.0
    kept = points
    for _ in range(6):
        system = np.column_stack([kept, np.ones(len(kept))])
        (a, b, c), *_rest = np.linalg.lstsq(system, (kept**2).sum(axis=1), rcond=None)
        x, y = a / 2, b / 2
        radius = float(np.sqrt(max(c + x * x + y * y, 0.0)))
        off = np.abs(np.hypot(points[:, 0] - x, points[:, 1] - y) - radius)
        kept = points[off <= max(1.5, float(np.quantile(off, 0.85)))]
    off = np.abs(np.hypot(points[:, 0] - x, points[:, 1] - y) - radius)
    good = off <= max(2.0, 0.015 * radius)
    plausible = 0.2 * min(height, width) < radius < 1.5 * max(height, width)
    arc = _arc_seen(points[good], x, y)
    if good.mean() < 0.75 or not plausible or arc < 0.35:
        return None
    return x, y, radius + 0.5, float(good.mean()) * arc


def _arc_seen(points: NDArray[np.float64], x: float, y: float) -> float:
    """Give the share (0-1) of the circle's directions in which outline points were seen."""
    angle = np.arctan2(points[:, 1] - y, points[:, 0] - x)
    bins = np.unique(np.floor((angle + np.pi) / (2 * np.pi) * 72).astype(int) % 72)
    return len(bins) / 72
