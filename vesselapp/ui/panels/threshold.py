"""The threshold: a slider over the histogram of the model's probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from vesselapp.core import evidence as ev
from vesselapp.state.answers import Answer
from vesselapp.state.document import Document

if TYPE_CHECKING:
    from vesselapp.inference.model import Model

_BARS = ev.HIGHEST - ev.LOWEST
_SIDE = 7.0
_TIP = "Threshold: drag, or press , and . (Shift: larger steps)"


class HistogramSlider(QSlider):
    """A slider whose ground is a histogram; what lies right of the handle is foreground.

    Attributes
    ----------
    own : int or None
        The model's own threshold as a level, which is marked; None where it isn't known.
    """

    own_wanted = Signal()

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(ev.LOWEST + 1, ev.HIGHEST)
        self.setPageStep(10)
        self.setAccessibleName("Threshold")
        self.own: int | None = None
        self.mark_own(None)
        self.colour = QColor(255, 40, 40)
        self._heights: NDArray[np.float64] = np.zeros(_BARS)

    def set_probability(self, probability: NDArray[np.uint8] | None) -> None:
        """Show how often each probability occurs ((H, W) uint8, 1-253); zero itself is left out."""
        if probability is None:
            self._heights = np.zeros(_BARS)
        else:
            counts = cv2.calcHist([probability], [0], None, [256], [0, 256]).ravel()
            bars = np.sqrt(counts[ev.LOWEST + 1 : ev.HIGHEST + 1])
            # The tallest bars are those next to zero and one; the scale follows the ones between.
            tallest = max(float(np.quantile(bars, 0.97)), 1.0)
            self._heights = np.minimum(bars / tallest, 1.0)
        self.update()

    def mark_own(self, own: int | None) -> None:
        """Mark the model's own threshold (a level), or none."""
        self.own = own
        words = "" if own is None else f"; ▾ is the model's own, {ev.threshold_of(own):.3f}"
        self.setToolTip(_TIP + words + (" (double click or M)" if words else ""))
        self.setAccessibleDescription(self.toolTip())
        self.update()

    def sizeHint(self) -> QSize:
        """Ask for a strip high enough to read the histogram."""
        return QSize(220, 72)

    def minimumSizeHint(self) -> QSize:
        """Never shrink to a line."""
        return QSize(120, 56)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw bars, handle and focus."""
        painter = QPainter(self)
        palette = self.palette()
        group = QPalette.ColorGroup.Active if self.isEnabled() else QPalette.ColorGroup.Disabled
        painter.fillRect(self.rect(), palette.color(QPalette.ColorRole.Base))
        ground = self.height() - 8.0
        quiet = palette.color(group, QPalette.ColorRole.PlaceholderText)
        step = self._span() / _BARS
        for bar, height in enumerate(self._heights):
            value = ev.LOWEST + 1 + bar
            colour = self.colour if value >= self.value() else quiet
            tall = float(height) * (ground - 6)
            painter.fillRect(QRectF(_SIDE + bar * step, ground - tall, step + 0.6, tall), colour)
        x = self._x_of(self.value())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.own is not None:
            self._paint_own(painter, palette.color(group, QPalette.ColorRole.WindowText))
        painter.setPen(QPen(palette.color(group, QPalette.ColorRole.WindowText), 2))
        painter.drawLine(int(x), 2, int(x), self.height() - 2)
        painter.setBrush(
            palette.color(QPalette.ColorRole.Highlight if self.hasFocus() else QPalette.ColorRole.Button)
        )
        painter.drawEllipse(QRectF(x - 5, ground - 5, 10, 10))

    def _paint_own(self, painter: QPainter, colour: QColor) -> None:
        assert self.own is not None
        x = self._x_of(self.own)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawPolygon(QPolygonF([QPointF(x - 5, 0), QPointF(x + 5, 0), QPointF(x, 7)]))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Bring the handle to the pointer."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._follow(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask for the model's own threshold, where it is known."""
        if event.button() == Qt.MouseButton.LeftButton and self.own is not None:
            self.own_wanted.emit()
        else:
            self.mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the handle."""
        if self.isSliderDown():
            self._follow(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go of the handle."""
        self.setSliderDown(False)

    def _follow(self, event: QMouseEvent) -> None:
        share = (event.position().x() - _SIDE) / self._span()
        self.setValue(self.minimum() + round(share * (self.maximum() - self.minimum())))

    def _span(self) -> float:
        return max(1.0, self.width() - 2 * _SIDE)

    def _x_of(self, value: int) -> float:
        return _SIDE + (value - self.minimum()) / (self.maximum() - self.minimum()) * self._span()


class ThresholdPanel(QWidget):
    """Histogram slider with the threshold in figures."""

    def __init__(self) -> None:
        super().__init__()
        self.slider = HistogramSlider()
        self._value = QLabel("–")
        self._share = QLabel("")
        self._share.setAlignment(Qt.AlignmentFlag.AlignRight)
        row = QHBoxLayout()
        row.addWidget(self._value)
        row.addWidget(self._share)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.slider)
        layout.addLayout(row)
        self._document: Document | None = None
        self.slider.valueChanged.connect(self._on_slid)
        self.slider.own_wanted.connect(self.take_own)
        self.setEnabled(False)

    def set_document(self, document: Document | None) -> None:
        """Follow another document."""
        if self._document is not None:
            self._document.threshold_changed.disconnect(self._on_threshold)
            self._document.probability_changed.disconnect(self._on_probability)
        self._document = document
        self.setEnabled(document is not None)
        if document is None:
            self.slider.set_probability(None)
            self._value.setText("–")
            self._share.setText("")
        else:
            document.threshold_changed.connect(self._on_threshold)
            document.probability_changed.connect(self._on_probability)
            self._on_probability()
            self._on_threshold()

    def show_answer(self, model: Model | None, answer: Answer | None) -> None:
        """Mark the model's own threshold.

        Parameters
        ----------
        model : Model or None
            The one that answered last.
        answer : Answer or None
            Of the open picture; with one that was kept, a person's threshold was kept too.
        """
        own = None if answer is None or answer.judged else answer.threshold
        if answer is not None and model is not None and model.sha256 == answer.model_sha256:
            own = model.card.threshold
        self.slider.mark_own(None if own is None else ev.level_of(own))

    def take_own(self) -> bool:
        """Set the threshold back to the model's own; False where that isn't known."""
        if self._document is None or self.slider.own is None:
            return False
        self._document.set_level(self.slider.own)
        return True

    def _on_slid(self, level: int) -> None:
        if self._document is not None:
            self._document.set_level(level)

    def _on_threshold(self) -> None:
        if self._document is not None:
            with QSignalBlocker(self.slider):
                self.slider.setValue(self._document.level)
            self._value.setText(f"{self._document.threshold:.3f}")

    def _on_probability(self) -> None:
        probability = self._document.probability if self._document is not None else None
        self.slider.set_probability(probability)
        self._share.setText("" if probability is not None else "no answer yet")
