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
_ALIKE = 24


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
    to_picture = np.array([width / small_size[0], height / small_size[1]], np.float32)
    left, top, right, bottom = _without_bars(small)
    inner = np.ascontiguousarray(small[top:bottom, left:right])
    corner = np.array([left, top], np.float32)
    regions = _regions_unlike_surround(inner)
    outlines = [_outline(region) for region in regions]
    circles = [c for c in (_fit_circle(outline, inner.shape[:2]) for outline in outlines) if c is not None]
    if circles:
        x, y, radius, _ = max(circles, key=lambda circle: circle[3])
        angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
        outline = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
        outline = _cut_flat(outline, outlines, inner.shape[:2], radius)
        diameter = 2 * radius * float(to_picture.mean())
        points = np.asarray((outline + corner) * to_picture, np.float32)
        return FieldOfView(points, diameter, circular=True, found=True)
    if not regions or not _has_plain_surround(inner, regions[-1]):
        return whole_picture(height, width)
    hull = (cv2.convexHull(outlines[-1])[:, 0, :] + corner) * to_picture
    extent = hull.max(axis=0) - hull.min(axis=0)
    return FieldOfView(hull.astype(np.float32), float(extent.max()), circular=False, found=True)


def _thinned(pixels: NDArray[np.uint8], small_size: tuple[int, int]) -> NDArray[np.uint8]:
    """Drop rows and columns that the small copy has no use for, so that the resize stays cheap."""
    step = max(1, min(pixels.shape[1] // small_size[0], pixels.shape[0] // small_size[1]) // 2)
    if step == 1:
        return pixels
    size = pixels.shape[1] // step, pixels.shape[0] // step
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def _without_bars(small: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Give the box (left, top, right, bottom) without bars of one colour that only some corners lie in.

    Such bars (a toolbar, a caption) hide the surround that the corners show otherwise.
    """
    height, width = small.shape[:2]
    whole = (0, 0, width, height)
    if _surround(small) is not None:
        return whole
    plain_rows = np.ptp(small.astype(np.int16), axis=1).max(axis=1) < _ALIKE
    plain_columns = np.ptp(small.astype(np.int16), axis=0).max(axis=1) < _ALIKE
    top, bottom = _first_and_last(~plain_rows)
    left, right = _first_and_last(~plain_columns)
    if bottom - top < height // 2 or right - left < width // 2:
        return whole
    return left, top, right, bottom


def _first_and_last(wanted: NDArray[np.bool_]) -> tuple[int, int]:
    places = np.flatnonzero(wanted)
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)


def _surround(small: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Give the colour that at least three corners share, or None."""
    height, width = small.shape[:2]
    side = max(2, min(height, width) // 40)
    corners = [
        np.median(patch.reshape(-1, 3), axis=0)
        for patch in (small[:side, :side], small[:side, -side:], small[-side:, :side], small[-side:, -side:])
    ]
    surround = np.median(corners, axis=0)
    alike = [float(np.abs(corner - surround).max()) < _ALIKE for corner in corners]
    return np.asarray(surround, np.float64) if sum(alike) >= 3 else None


def _has_plain_surround(small: NDArray[np.uint8], region: NDArray[np.uint8]) -> bool:
    """Tell whether what lies outside a region is of one colour, as no darker rim of the eye itself is."""
    rim = cv2.dilate(region, np.ones((7, 7), np.uint8))
    outside = small[rim == 0].astype(np.int16)
    if len(outside) < 0.005 * region.size:
        return False
    off = np.abs(outside - np.median(outside, axis=0)).max(axis=1)
    return bool(np.quantile(off, 0.8) <= 8)


def _cut_flat(
    circle: NDArray[np.float64], outlines: list[NDArray[np.float32]], size: tuple[int, int], radius: float
) -> NDArray[np.float64]:
    """Cut a circle straight where the region ends well inside it: some cameras cut the field off that way."""
    low = np.min([outline.min(axis=0) for outline in outlines], axis=0) - 1.0
    high = np.max([outline.max(axis=0) for outline in outlines], axis=0) + 1.0
    frame = np.array([size[1], size[0]])
    least = max(3.0, 0.02 * radius)
    low = np.where((low - circle.min(axis=0) > least) & (low > 3), low, -np.inf)
    high = np.where((circle.max(axis=0) - high > least) & (high < frame - 3), high, np.inf)
    return np.asarray(np.clip(circle, low, high), np.float64)


def _regions_unlike_surround(small: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Give (h, w) uint8 regions (0/1) that differ from the corners, from the faintest difference up."""
    height, width = small.shape[:2]
    surround = _surround(small)
    if surround is None:
        return []
    middle = small[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None].reshape(-1, 3)
    contrast = float(np.abs(np.median(middle, axis=0) - surround).max())
    if contrast < 20:
        return []
    apart = cv2.absdiff(small, np.broadcast_to(surround.astype(np.uint8), small.shape))
    difference = np.asarray(cv2.max(cv2.max(apart[..., 0], apart[..., 1]), apart[..., 2]), np.uint8)
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
    points = _without_flats(contour[inside]).astype(np.float64)
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
    arc, quadrants = _arc_seen(points[good], x, y)
    # Four short arcs, one in each corner, fix a circle as well as one long arc does.
    enough = arc >= 0.35 or (quadrants == 4 and arc >= 0.12 and good.mean() > 0.9)
    if good.mean() < 0.75 or not plausible or not enough:
        return None
    return x, y, radius + 0.5, float(good.mean()) * arc


def _without_flats(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Drop outline points on straight upper, lower, left and right ends, longer than any circle's."""
    if len(points) == 0:
        return points
    low, high = points.min(axis=0), points.max(axis=0)
    longest = 1.6 * 2 * np.sqrt(2 * float((high - low).max()) / 2 * 1.5)
    keep = np.ones(len(points), bool)
    for axis in (0, 1):
        for end in (low[axis], high[axis]):
            near = np.abs(points[:, axis] - end) < 1.5
            if near.sum() > longest:
                keep &= np.abs(points[:, axis] - end) >= 3
    return points[keep]


def _arc_seen(points: NDArray[np.float64], x: float, y: float) -> tuple[float, int]:
    """Give the share (0-1) of directions, and the number of quadrants, in which points were seen."""
    angle = np.arctan2(points[:, 1] - y, points[:, 0] - x)
    bins = np.unique(np.floor((angle + np.pi) / (2 * np.pi) * 72).astype(int) % 72)
    return len(bins) / 72, len(np.unique(bins // 18))
