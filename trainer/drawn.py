"""Microscope pictures drawn by code, with exact masks: blood smears, stained tissue, nuclei in fluorescence.

Light goes through dyes, so a picture is white light times exp(-density) of all that lies in the way: cells
that overlap darken each other as they do on glass. One random generator decides everything.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Plane = NDArray[np.float32]

# Optical densities of red, green and blue (Ruifrok and Johnston, Anal. Quant. Cytol. Histol. 2001).
_HAEMATOXYLIN = np.array([0.65, 0.70, 0.29], np.float32)
_EOSIN = np.array([0.07, 0.99, 0.11], np.float32)
_DAB = np.array([0.27, 0.57, 0.78], np.float32)
_NO_PALLOR, _DEEP_PALLOR = 0.0, 0.95


@dataclass(eq=False)
class Slide:
    """A picture being drawn: what its dyes swallow, and which object each pixel belongs to."""

    density: Plane
    objects: NDArray[np.int32]
    count: int = 0

    @property
    def side(self) -> int:
        """Give the side in px."""
        return int(self.objects.shape[0])

    def photograph(self, light: Plane) -> NDArray[np.uint8]:
        """Give (side, side, 3) uint8: (side, side, 3) light through the dyes."""
        seen = np.clip(light * np.exp(-self.density), 0, 255)
        return np.asarray(np.round(seen), np.uint8)


def draw(random: Generator, side: int, diameter: float) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw a picture of a random kind.

    Parameters
    ----------
    random : Generator
    side : int
        Size in px.
    diameter : float
        Typical cell diameter in px.

    Returns
    -------
    pixels : (side, side, 3) uint8
    objects : (side, side) int32
        Object numbers, 0 background.
    """
    return (draw_blood if random.random() < 0.65 else draw_tissue)(random, side, diameter)


def draw_blood(random: Generator, side: int, diameter: float) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw a blood smear: red cells with pallor and overlaps, white cells, platelets, debris (see `draw`)."""
    slide = Slide(np.zeros((side, side, 3), np.float32), np.zeros((side, side), np.int32))
    dye = random.uniform(0.25, 1.0, 3).astype(np.float32)
    dye *= np.float32(random.uniform(0.25, 1.3)) / dye.max()
    pallor = random.uniform(_NO_PALLOR, _DEEP_PALLOR)
    crenated = random.random() < 0.2
    wanted = random.uniform(0.03, 0.65) * side * side
    for _ in range(int(4 * wanted / diameter**2) + 4):
        if (slide.objects > 0).sum() >= wanted:
            break
        _red_cell(slide, random, diameter, dye, pallor, crenated=crenated)
    for _ in range(int(random.poisson(0.6 * (side / diameter / 9) ** 2 + 0.2))):
        _white_cell(slide, random, diameter * random.uniform(1.2, 2.2))
    _specks(slide, random, diameter)
    return slide.photograph(_background(random, side)), slide.objects


def draw_tissue(
    random: Generator, side: int, diameter: float, *, stroma: float = 1.0
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw stained tissue: eosin ground with fibres and gaps, nuclei in blue or brown (see `draw`).

    ``stroma``: how much of the ground is seen, 0-1.
    """
    slide = Slide(np.zeros((side, side, 3), np.float32), np.zeros((side, side), np.int32))
    ground = 0.5 * _cloud(random, side, diameter / 3) + _cloud(random, side, diameter * 2) + 0.5
    gaps = _cloud(random, side, diameter * 2) > random.uniform(0.6, 1.6)
    strength = stroma * random.uniform(0.1, 0.7)
    ground = np.clip(ground, 0.1, None) * np.where(gaps, 0.1, 1.0).astype(np.float32)
    eosin = np.clip(_EOSIN + random.normal(0, 0.1, 3).astype(np.float32), 0.02, None)
    slide.density += strength * cv2.GaussianBlur(ground, (0, 0), 0.7)[:, :, None] * eosin
    direction, stretch = random.uniform(0, np.pi), random.uniform(1.0, 2.2)
    brown = random.random() < 0.3
    for _ in range(int(random.uniform(0.1, 0.9) * (side / diameter) ** 2)):
        dye = _DAB if brown and random.random() < 0.4 else _HAEMATOXYLIN
        dye = np.clip(dye + random.normal(0, 0.07, 3).astype(np.float32), 0.05, None)
        size = diameter * float(np.exp(random.normal(0, 0.25)))
        _nucleus(slide, random, size, dye, direction + random.normal(0, 0.6), stretch)
    return slide.photograph(_background(random, side)), slide.objects


def draw_fluorescence(
    random: Generator, side: int, diameter: float
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw light nuclei on dark ground, a little out of focus: tissue, seen inversely (see `draw`)."""
    pixels, objects = draw_tissue(random, side, diameter, stroma=0.2)
    light = 1 - cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    seen = cv2.GaussianBlur(light**2, (0, 0), diameter / 14) * np.float32(random.uniform(40, 220))
    return cv2.cvtColor(np.round(seen).astype(np.uint8), cv2.COLOR_GRAY2RGB), objects


def _background(random: Generator, side: int) -> Plane:
    """Give uneven light, (side, side, 3), a little tinted."""
    tint = random.uniform(185, 252) + random.uniform(-18, 12, 3)
    slope = _cloud(random, side, side / 2)[:, :, None] * random.uniform(0, 0.08)
    grain = random.normal(0, random.uniform(0.5, 3), (side, side, 1))
    return np.asarray(tint * (1 + slope) + grain, np.float32)


def _cloud(random: Generator, side: int, size: float) -> Plane:
    """Give smooth noise with blobs of about ``size`` px: (side, side), mean 0, deviation about 1."""
    cells = max(2, int(np.ceil(side / max(size, 1.0))) + 1)
    coarse = random.standard_normal((cells, cells), np.float32)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)


def _place(
    slide: Slide, random: Generator, radius: float, outline: NDArray[np.float64], most_covered: float
) -> tuple[slice, slice, Plane] | None:
    """Find room for a shape: its window, and each px's distance from the middle over the outline's.

    The distance is 1 at the edge; ``outline`` gives the radius, as a factor, in equal steps of angle. None
    where too much is covered already.
    """
    x, y = random.uniform(-radius / 2, slide.side + radius / 2, 2)
    reach = int(radius * outline.max()) + 3
    left, top = max(0, int(x) - reach), max(0, int(y) - reach)
    right, bottom = min(slide.side, int(x) + reach), min(slide.side, int(y) + reach)
    if right - left < 3 or bottom - top < 3:
        return None
    gy, gx = np.mgrid[top:bottom, left:right]
    dx, dy = gx - x, gy - y
    steps = ((np.arctan2(dy, dx) / (2 * np.pi)) % 1 * len(outline)).astype(int) % len(outline)
    rho = np.asarray(np.hypot(dx, dy) / (radius * outline[steps]), np.float32)
    window = slice(top, bottom), slice(left, right)
    inside = rho <= 1
    if inside.sum() < 12 or (slide.objects[window][inside] > 0).mean() > most_covered:
        return None
    return *window, rho


def _outline(random: Generator, wobble: float, stretch: float, teeth: float = 0.0) -> NDArray[np.float64]:
    """Give a closed outline's radius (mean about 1) in 360 directions."""
    angle = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    turn = random.uniform(0, 2 * np.pi)
    ellipse = 1 / np.sqrt(np.cos(angle - turn) ** 2 / stretch + np.sin(angle - turn) ** 2 * stretch)
    waves = sum(
        random.normal(0, wobble / k) * np.cos(k * angle + random.uniform(0, 2 * np.pi)) for k in (2, 3, 4, 5)
    )
    count = int(random.integers(9, 17))
    return np.asarray(ellipse * (1 + waves + teeth * np.cos(count * angle)), np.float64)


def _own(slide: Slide, rows: slice, columns: slice, inside: NDArray[np.bool_]) -> None:
    """Number a new object; the newest lies on top."""
    slide.count += 1
    slide.objects[rows, columns][inside] = slide.count


def _red_cell(
    slide: Slide, random: Generator, diameter: float, dye: Plane, pallor: float, *, crenated: bool
) -> None:
    radius = diameter / 2 * float(np.exp(random.normal(0, 0.08)))
    teeth = random.uniform(0.03, 0.09) if crenated and random.random() < 0.7 else 0.0
    outline = _outline(random, 0.05, float(np.exp(abs(random.normal(0, 0.12)))), teeth)
    place = _place(slide, random, radius, outline, 0.35)
    if place is None:
        return
    rows, columns, rho = place
    rim = np.clip((1 - rho) * radius / 1.5, 0, 1)
    depth = np.clip(pallor + random.normal(0, 0.1), 0, 0.97)
    size = random.uniform(0.35, 0.75)
    hollow = depth * np.clip(1 - (rho / size) ** 2, 0, 1) ** 0.7
    thick = rim * (1 - hollow) * random.uniform(0.8, 1.2)
    if random.random() < 0.3:  # a dark ring where the edge bends the light
        thick = thick + 0.4 * np.exp(-(((rho - 0.93) * radius / 1.2) ** 2))
    slide.density[rows, columns] += thick[:, :, None] * dye
    _own(slide, rows, columns, rho <= 1)


def _white_cell(slide: Slide, random: Generator, diameter: float) -> None:
    radius = diameter / 2
    place = _place(slide, random, radius, _outline(random, 0.06, 1.05), 0.25)
    if place is None:
        return
    rows, columns, rho = place
    inside = rho <= 1
    body = np.array([0.35, 0.30, 0.08], np.float32) * np.float32(random.uniform(0.3, 1.2))
    slide.density[rows, columns] += np.clip((1 - rho) * radius / 2, 0, 1)[:, :, None] * body
    gy, gx = np.mgrid[0 : rho.shape[0], 0 : rho.shape[1]]
    middle = np.array([(gx[inside]).mean(), (gy[inside]).mean()])
    nucleus = np.zeros(rho.shape, np.float32)
    for _ in range(int(random.integers(1, 5))):
        cx, cy = middle + random.normal(0, radius * 0.28, 2)
        size = radius * random.uniform(0.3, 0.65)
        nucleus = np.maximum(nucleus, np.clip((size - np.hypot(gx - cx, gy - cy)) / 1.5, 0, 1))
    dye = np.array([1.0, 1.3, 0.35], np.float32) * np.float32(random.uniform(0.5, 1.2))
    texture = 1 + 0.2 * random.standard_normal(rho.shape).astype(np.float32)
    slide.density[rows, columns] += (nucleus * inside * texture)[:, :, None] * dye
    _own(slide, rows, columns, inside)


def _nucleus(
    slide: Slide, random: Generator, diameter: float, dye: Plane, direction: float, stretch: float
) -> None:
    outline = _outline(random, 0.06, 1.0)
    angle = np.linspace(0, 2 * np.pi, 360, endpoint=False) - direction
    outline = outline / np.sqrt(np.cos(angle) ** 2 / stretch + np.sin(angle) ** 2 * stretch)
    place = _place(slide, random, diameter / 2, outline, 0.25)
    if place is None:
        return
    rows, columns, rho = place
    soft = random.uniform(1.0, 3.0)
    chromatin = cv2.GaussianBlur(random.standard_normal(rho.shape, np.float32), (0, 0), 1.2)
    texture = np.clip(1 + random.uniform(0.3, 1.2) * chromatin, 0.3, 2)
    edge = np.exp(-(((rho - 0.9) * diameter / 5) ** 2)) * random.uniform(0, 0.6)
    thick = np.clip((1 - rho) * diameter / 2 / soft + 0.5, 0, 1) * (texture + edge)
    slide.density[rows, columns] += thick[:, :, None] * dye * np.float32(random.uniform(0.35, 1.3))
    _own(slide, rows, columns, rho <= 1)


def _specks(slide: Slide, random: Generator, diameter: float) -> None:
    """Scatter platelets and dirt, which belong to no object."""
    dirt = np.zeros((slide.side, slide.side), np.float32)
    for _ in range(int(random.poisson(0.4 * (slide.side / diameter) ** 2 * random.uniform(0, 0.25)))):
        x, y = (int(v) for v in random.uniform(0, slide.side, 2))
        size = max(1, int(random.uniform(0.04, 0.16) * diameter))
        axes = (size, max(1, int(size * random.uniform(0.5, 1))))
        cv2.ellipse(dirt, (x, y), axes, random.uniform(0, 180), 0, 360, random.uniform(0.3, 1.2), -1)
    if random.random() < 0.15:  # a smear of dried stain
        dirt += np.clip(_cloud(random, slide.side, diameter * 2) - 1.2, 0, 0.5) * 0.5
    colour = random.uniform(0.2, 1.1, 3).astype(np.float32)
    slide.density += cv2.GaussianBlur(dirt, (0, 0), 0.8)[:, :, None] * colour
