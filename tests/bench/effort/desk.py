"""The open document, the observer's mask beside it, and how far apart the two are."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.evidence import BACKGROUND, FOREGROUND, Correction, mask_of
from vesselapp.core.geometry import Pixels
from vesselapp.core.image import Image
from vesselapp.core.pyramid import Pyramid, halve_pixels
from vesselapp.core.tools.pieces import Mask, Plane
from vesselapp.core.tools.skeleton import middle_line
from vesselapp.state.document import Document

Change = tuple[Correction, Pixels | None]
Numbers = NDArray[np.float64]

EVIDENCE = {Correction.FOREGROUND: FOREGROUND, Correction.BACKGROUND: BACKGROUND}


@dataclass(frozen=True)
class Goal:
    """What is to be reached."""

    dice: float = 0.95
    cldice: float = 0.95

    def reached(self, dice_: float, cldice: float) -> bool:
        """Tell whether it is."""
        return dice_ >= self.dice and cldice >= self.cldice


@dataclass(frozen=True)
class Lack:
    """How much is missing to a goal: wrong pixels, and wrong pixels of middle lines; none below zero."""

    pixels: float
    line: float

    @property
    def none(self) -> bool:
        """Whether the goal is reached."""
        return self.pixels <= 0 and self.line <= 0


class Sight:
    """The mask on screen and the observer's; what is done to it stays in the person's mind.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
    evidence : (H, W) uint8
        Copied. Only its mask and what tools make of it in their previews is ever looked at.
    level : int
    truth, line : (H, W) bool
        The observer's mask, and its middle line.

    Attributes
    ----------
    mask_line : (H, W) bool
        The middle line of the mask on screen when it was last looked at (`lack`).
    """

    def __init__(self, pixels: Plane, evidence: Plane, level: int, truth: Mask, line: Mask) -> None:
        self.pixels, self.evidence, self.level = pixels, evidence.copy(), level
        self.truth, self.line = truth, line
        self.shape = truth.shape
        self.mask_line: Mask = np.zeros_like(truth)

    @property
    def mask(self) -> Mask:
        """The mask on screen."""
        return mask_of(self.evidence, self.level)

    def do(self, changes: Iterable[Change]) -> None:
        """Imagine changes."""
        for correction, pixels in changes:
            if pixels is not None:
                self.evidence[pixels[0].slices][pixels[1]] = EVIDENCE[correction]

    def lack(self, goal: Goal) -> Lack:
        """Look again at the whole: what is missing to a goal."""
        mask, truth = self.mask, self.truth
        self.mask_line = middle_line(mask)
        wrong, right = float((mask ^ truth).sum()), float((mask & truth).sum())
        # Dice = 2 right / (2 right + wrong).
        pixels = wrong - 2 * right * (1 / goal.dice - 1)
        off = float((self.mask_line & ~truth).sum() + (self.line & ~mask).sum())
        line = off - (1 - goal.cldice) * float(self.mask_line.sum() + self.line.sum())
        return Lack(pixels, line)

    def pixel_worth(self, weights: tuple[float, float]) -> tuple[Numbers, Numbers]:
        """Give what it is worth to paint and to erase each pixel, ``(H, W)``; 0 where nothing changes.

        Parameters
        ----------
        weights : (float, float)
            What a pixel, and what a pixel of a middle line counts.
        """
        mask, truth = self.mask, self.truth
        line = weights[1] * self.line
        paint = np.where(truth, weights[0], -weights[0]) + line
        stray = weights[1] * (self.mask_line & ~truth)
        erase = np.where(truth, -weights[0], weights[0]) + stray - line
        return np.where(mask, 0.0, paint), np.where(mask, erase, 0.0)


def worth_of(changes: Iterable[Change], paint: Numbers, erase: Numbers) -> float:
    """Give what changes are worth: what they right, less what they wrong (see `Sight.pixel_worth`)."""
    total = 0.0
    for correction, pixels in changes:
        if pixels is not None:
            worth = paint if correction is Correction.FOREGROUND else erase
            total += float(worth[pixels[0].slices][pixels[1]].sum())
    return total


class Desk:
    """The app's own document of a picture, and the observer's mask.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
    probability : (H, W) uint8
        The model's answer, quantised.
    level : int
        The model's own threshold.
    truth : (H, W) bool
    """

    def __init__(self, pixels: Plane, probability: Plane, level: int, truth: Mask) -> None:
        image = Image(pixels=pixels, path=None, sha256="")
        self.document = Document(image, Pyramid(pixels, halve_pixels), 0.5, probability=probability)
        self.document.set_level(level)
        self.truth = truth
        self._line = middle_line(truth)

    def sight(self) -> Sight:
        """Give what is on screen now, to think about."""
        document = self.document
        return Sight(
            document.image.pixels, document.evidence.levels[0], document.level, self.truth, self._line
        )

    def do(self, name: str, changes: Iterable[Change]) -> None:
        """Make changes in the document, as one edit."""
        self.document.change_all(name, [(c, [pixels]) for c, pixels in changes if pixels is not None])

    def scores(self) -> tuple[float, float]:
        """Give Dice and clDice (Shit et al., CVPR 2021) of the document's mask against the observer's."""
        mask, truth = self.document.mask(), self.truth
        thin = middle_line(mask)
        precision = share(thin & truth, thin)
        recall = share(self._line & mask, self._line)
        return dice(mask, truth), 2 * precision * recall / max(1e-9, precision + recall)


def dice(mask: Mask, truth: Mask) -> float:
    """Give the overlap of two masks, 0-1."""
    return 2 * float((mask & truth).sum()) / max(1.0, float(mask.sum() + truth.sum()))


def share(part: Mask, whole: Mask) -> float:
    """Give how much of a set of pixels a part of it is, 0-1."""
    return float(part.sum()) / max(1, int(whole.sum()))
