"""The tool in hand: how it is used and how wide it draws."""

import math

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from vesselapp.core.strokes import LARGEST, SMALLEST

_STEPS = 200


class BrushPanel(QWidget):
    """Diameter by slider (finer where it is small) and by number; `changed` gives it in px.

    Of a tool that takes no size, its own width is told there, where it has one.
    """

    changed = Signal(int)

    def __init__(self, diameter: int) -> None:
        super().__init__()
        self._tool = QLabel("Brush")
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, _STEPS)
        self._slider.setAccessibleName("Brush size")
        self._number = QSpinBox()
        self._number.setRange(SMALLEST, LARGEST)
        self._number.setSuffix(" px")
        self._number.setAccessibleName("Brush diameter in pixels")
        size = QWidget()
        row = QHBoxLayout(size)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._slider)
        row.addWidget(self._number)
        self._width = QLabel()
        self._sizes = QStackedWidget()  # both as high, so that nothing below moves with another tool
        self._sizes.addWidget(size)
        self._sizes.addWidget(self._width)
        self._sizes.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.hint = QLabel()
        self.hint.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.hint.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._tool)
        layout.addWidget(self._sizes)
        layout.addWidget(self.hint)
        self.show_diameter(diameter)
        self._slider.valueChanged.connect(lambda step: self.changed.emit(_diameter_of(step)))
        self._number.valueChanged.connect(self.changed.emit)

    def show_diameter(self, diameter: int) -> None:
        """Show a diameter that was chosen elsewhere."""
        for control, value in ((self._slider, _step_of(diameter)), (self._number, diameter)):
            with QSignalBlocker(control):
                control.setValue(value)

    def show_tool(self, name: str, hint: str, *, sized: bool) -> None:
        """Show which tool is in hand, how it is used, and the size where it has one."""
        self._tool.setText(name)
        self.hint.setText(hint)
        self._sizes.setCurrentIndex(0 if sized else 1)

    def show_width(self, told: str) -> None:
        """Show how wide a tool draws that takes no size; nothing where that means nothing."""
        self._width.setText(f"Draws {told}" if told else "")


def _diameter_of(step: int) -> int:
    return round(math.pow(LARGEST, step / _STEPS))


def _step_of(diameter: int) -> int:
    return min(range(_STEPS + 1), key=lambda step: abs(_diameter_of(step) - diameter))
