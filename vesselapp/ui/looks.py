"""How the picture and its mask are shown; none of it touches the picture or the mask themselves."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core import evidence as ev
from vesselapp.core.overlay import UNSURE_COLOUR, UNSURE_OPACITY

Colour = tuple[int, int, int]

# Okabe and Ito's colours that people with any colour vision tell apart (https://jfly.uni-koeln.de/color/).
SAFE_COLOURS: dict[str, Colour] = {
    "red": (255, 40, 40),
    "vermillion": (213, 94, 0),
    "sky blue": (86, 180, 233),
    "bluish green": (0, 158, 115),
    "yellow": (240, 228, 66),
    "blue": (0, 114, 178),
    "reddish purple": (204, 121, 167),
    "white": (255, 255, 255),
}
BAND_COLOUR: Colour = (86, 180, 233)
ADDED_COLOUR: Colour = (0, 200, 255)
PREVIEW_COLOUR: Colour = (0, 200, 255)
REMOVED_COLOUR: Colour = (204, 121, 167)

CHANNELS = {"colour": None, "red-free (green)": 1, "red": 2, "blue": 0}


@dataclass(frozen=True)
class PictureLook:
    """How the picture's pixels are shown.

    Attributes
    ----------
    channel : str
        A key of `CHANNELS`.
    equalised : bool
        Local contrast (CLAHE) of what is in sight.
    brightness, contrast : float
        -1 to 1; 0 leaves the pixels as they are.
    gamma : float
        0.2-5; 1 leaves the pixels as they are.
    """

    channel: str = "colour"
    equalised: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 1.0

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Show ((h, w, 4) uint8, blue first) pixels this way; gives a new array where anything changes."""
        if self == PictureLook():
            return pixels
        place = CHANNELS[self.channel]
        shown = pixels[:, :, :3] if place is None else np.ascontiguousarray(pixels[:, :, place])
        if self.equalised:
            shown = _equalised(shown)
        shown = np.asarray(cv2.LUT(np.ascontiguousarray(shown), self._table()), np.uint8)
        how = cv2.COLOR_BGR2BGRA if place is None else cv2.COLOR_GRAY2BGRA
        return np.asarray(cv2.cvtColor(shown, how), np.uint8)

    def _table(self) -> NDArray[np.uint8]:
        values = np.linspace(0, 1, 256) ** (1 / self.gamma)
        slope = np.tan((self.contrast + 1) * np.pi / 4 * 0.999)
        values = (values - 0.5) * slope + 0.5 + self.brightness
        return np.asarray(np.clip(values * 255, 0, 255).round(), np.uint8)


def _equalised(shown: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Even out local contrast (CLAHE; Zuiderveld, Graphics Gems IV, 1994), on lightness for colour."""
    method = cv2.createCLAHE(clipLimit=2.5, tileGridSize=(8, 8))
    if shown.ndim == 2:
        return np.asarray(method.apply(shown), np.uint8)
    lab = cv2.cvtColor(np.ascontiguousarray(shown), cv2.COLOR_BGR2LAB)
    lab[:, :, 0] = method.apply(np.ascontiguousarray(lab[:, :, 0]))
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), np.uint8)


_MARK_UNSURE, _MARK_BAND, _MARK_ADDED, _MARK_REMOVED = 2, 3, 4, 5


@dataclass(frozen=True)
class OverlayLook:
    """How the mask is shown.

    Attributes
    ----------
    colour : (r, g, b)
    opacity : float
        0-1, of the fill.
    contour_only : bool
    band : int
        Levels on either side of the threshold shown in a second colour; 0 for none.
    tell_corrections : bool
        Show what the person added or removed in colours of their own.
    """

    colour: Colour = (255, 40, 40)
    opacity: float = 0.45
    contour_only: bool = False
    band: int = 0
    tell_corrections: bool = False

    def table(self, level: int) -> list[int]:
        """Give the 256 colours (0xAARRGGBB) that show evidence as a filled overlay at a level."""
        shown, inside = ev.mask_table(level), argb(self.colour, self.opacity)
        colours, marks = self.contour_table(), self._marks(level)
        return [colours[mark] if mark else inside * int(shown[value]) for value, mark in enumerate(marks)]

    def contour(self, evidence: NDArray[np.uint8], level: int, thickness: int = 1) -> NDArray[np.uint8]:
        """Give ``(h, w) uint8`` for `contour_table`: the mask's edge, and what is shown besides it."""
        edge = contour_of(evidence, level, thickness)
        if self.band or self.tell_corrections:
            marks = np.array(self._marks(level), np.uint8)
            edge = np.where(edge > 0, edge, cv2.LUT(evidence, marks)).astype(np.uint8)
        return edge

    def contour_table(self) -> list[int]:
        """Give the colours (0xAARRGGBB) for the values of `contour`, and of `contour_of`."""
        return [
            0,
            argb(self.colour, 1.0),
            argb(UNSURE_COLOUR, UNSURE_OPACITY),
            argb(BAND_COLOUR, max(self.opacity, 0.4)),
            argb(ADDED_COLOUR, max(self.opacity, 0.5)),
            argb(REMOVED_COLOUR, max(self.opacity, 0.5)),
        ] + [0] * 250

    def _marks(self, level: int) -> list[int]:
        """Give for each value of evidence what it is shown as besides the mask: 0 for nothing."""
        marks = [0] * 256
        if self.band:
            low, high = max(ev.LOWEST + 1, level - self.band), min(ev.HIGHEST, level + self.band)
            marks[low : high + 1] = [_MARK_BAND] * (high + 1 - low)
        if self.tell_corrections:
            marks[ev.FOREGROUND], marks[ev.BACKGROUND] = _MARK_ADDED, _MARK_REMOVED
        marks[ev.UNSURE] = _MARK_UNSURE
        return marks


def contour_of(evidence: NDArray[np.uint8], level: int, thickness: int = 1) -> NDArray[np.uint8]:
    """Give ``(h, w) uint8``: 1 on the inner edge of the mask (that many device px), 2 where unsure."""
    table = ev.mask_table(level).astype(np.uint8)
    mask = np.asarray(cv2.LUT(evidence, table), np.uint8)
    side = 2 * thickness + 1
    inner = cv2.erode(mask, np.ones((side, side), np.uint8), borderType=cv2.BORDER_REPLICATE)
    edge = np.asarray(mask - inner, np.uint8)
    edge[evidence == ev.UNSURE] = _MARK_UNSURE
    return edge


def argb(colour: Colour, opacity: float) -> int:
    """Give a colour as 0xAARRGGBB."""
    return (round(opacity * 255) << 24) | (colour[0] << 16) | (colour[1] << 8) | colour[2]
