"""Where two masks differ: one value a pixel, its colours, and its legend."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from vesselapp.core import evidence as ev
from vesselapp.state.comparing import Compared
from vesselapp.ui.looks import Colour, argb

NONE, BOTH, ONLY_OLD, ONLY_NEW, STRIPE = range(5)
_BOTH: Colour = (205, 205, 205)
_OLD: Colour = (230, 159, 0)
_NEW: Colour = (86, 180, 233)
_STRIPE_PX = 2


def codes_of(
    old: NDArray[np.bool_], new: NDArray[np.bool_], stripe: int = _STRIPE_PX, x: int = 0, y: int = 0
) -> NDArray[np.uint8]:
    """Give ``(h, w) uint8``: in both masks, only in the old, only in the new, or in none.

    What is only in the old is striped across (every other ``stripe`` px is STRIPE), so that it is told apart
    without colour too.

    Parameters
    ----------
    old, new : (h, w) bool
    stripe : int
        Width of a stripe in px.
    x, y : int
        Where the picture begins, so that the stripes move with it.
    """
    codes = np.zeros(old.shape, np.uint8)
    codes[old & new] = BOTH
    codes[new & ~old] = ONLY_NEW
    rows, columns = np.ogrid[: old.shape[0], : old.shape[1]]
    dark = (rows - y + columns - x) // stripe % 2 == 1
    only_old = old & ~new
    codes[only_old] = ONLY_OLD
    codes[only_old & dark] = STRIPE
    return codes


def colour_table() -> list[int]:
    """Give the 256 colours (0xAARRGGBB) of the codes."""
    shown = [0, argb(_BOTH, 0.85), argb(_OLD, 1.0), argb(_NEW, 1.0), argb((90, 60, 0), 1.0)]
    return shown + [0] * (256 - len(shown))


def dimmed(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give a picture ((h, w, 4) uint8, blue first) gray and dark, so that the colours over it stand out."""
    gray = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_BGRA2GRAY)
    return np.asarray(cv2.cvtColor((gray * 0.45).astype(np.uint8), cv2.COLOR_GRAY2BGRA), np.uint8)


def mask_seen(seen: NDArray[np.uint8], level: int) -> NDArray[np.bool_]:
    """Give which device px of sampled evidence are in the mask."""
    return ev.mask_table(level)[seen]


_GAP = 22
"""Between two words of the legend, px."""


class Legend(QWidget):
    """Says what the colours of the map mean, with the shares of the picture."""

    def __init__(self) -> None:
        super().__init__()
        self._words = ("only incumbent", "only candidate", "both")
        self._compared: Compared | None = None
        self.setAccessibleName("Legend of the map")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_compared(self, compared: Compared | None) -> None:
        """Show the shares of another picture."""
        self._compared = compared
        self.setAccessibleDescription(", ".join(self._texts()))
        self.setToolTip(", ".join(self._texts()) + " of the picture")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Take one line where there is room for it."""
        return QSize(sum(self._widths()) + _GAP * 3, self._height())

    def minimumSizeHint(self) -> QSize:
        """Never cut the words."""
        return QSize(max(self._widths()) + _GAP, self._height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Take as many lines as that takes; a splitter asks for no height of a width by itself."""
        super().resizeEvent(event)
        self.updateGeometry()

    def _height(self) -> int:
        return self._places()[-1][1] + self.fontMetrics().height() + 4

    def _widths(self) -> list[int]:
        metrics = self.fontMetrics()
        return [metrics.horizontalAdvance(words) + metrics.height() + 3 for words in self._texts()]

    def _places(self) -> list[tuple[int, int]]:
        """Give where each swatch begins, px, in as many lines as that takes."""
        x, y, places = 2, 4, []
        for wide in self._widths():
            if x > 2 and x + wide > self.width():
                x, y = 2, y + self.fontMetrics().height() + 4
            places.append((x, y))
            x += wide + _GAP
        return places

    def _texts(self) -> list[str]:
        if self._compared is None:
            return list(self._words)
        shares = (self._compared.only_old, self._compared.only_new, self._compared.both)
        return [f"{words} {share:.2%}" for words, share in zip(self._words, shares, strict=True)]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw a swatch and a word for each."""
        painter = QPainter(self)
        metrics = self.fontMetrics()
        side = metrics.height() - 3
        places = self._places()
        for (x, y), words, colour in zip(places, self._texts(), (_OLD, _NEW, _BOTH), strict=True):
            square = QRectF(x, y, side, side)
            painter.fillRect(square, QColor(*colour))
            if colour is _OLD:
                painter.fillRect(square, Qt.BrushStyle.BDiagPattern)
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            painter.drawText(x + side + 6, y - 1 + metrics.ascent(), words)
        painter.end()
