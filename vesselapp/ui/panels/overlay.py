"""How the mask is shown: opacity, colour, contour."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QCheckBox, QColorDialog, QFormLayout, QPushButton, QSlider, QWidget

from vesselapp.ui.looks import Colour


class OverlayPanel(QWidget):
    """Controls of the overlay's look; `changed` tells that one of them was used."""

    changed = Signal()

    def __init__(self, opacity: float, colour: Colour, contour_only: bool) -> None:
        super().__init__()
        self._colour = colour
        self.opacity_slider = QSlider(Qt.Orientation.Horizontal)
        self.opacity_slider.setRange(5, 100)
        self.opacity_slider.setValue(round(opacity * 100))
        self.opacity_slider.setAccessibleName("Overlay opacity")
        self.contour_box = QCheckBox("Contour only")
        self.contour_box.setChecked(contour_only)
        self._colour_button = QPushButton()
        self._colour_button.setAccessibleName("Overlay colour")
        self._colour_button.setToolTip("Choose the overlay's colour")
        self._paint_button()
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow("Opacity", self.opacity_slider)
        layout.addRow("Colour", self._colour_button)
        layout.addRow(self.contour_box)
        self.opacity_slider.valueChanged.connect(lambda _value: self.changed.emit())
        self.contour_box.toggled.connect(lambda _on: self.changed.emit())
        self._colour_button.clicked.connect(self._choose_colour)

    @property
    def opacity(self) -> float:
        """Chosen opacity, 0-1."""
        return self.opacity_slider.value() / 100

    @property
    def colour(self) -> Colour:
        """Chosen colour."""
        return self._colour

    @property
    def contour_only(self) -> bool:
        """Whether only the contour is wanted."""
        return self.contour_box.isChecked()

    def _choose_colour(self) -> None:
        chosen = QColorDialog.getColor(QColor(*self._colour), self, "Overlay colour")
        if chosen.isValid():
            self._colour = (chosen.red(), chosen.green(), chosen.blue())
            self._paint_button()
            self.changed.emit()

    def _paint_button(self) -> None:
        name = QColor(*self._colour).name()
        self._colour_button.setText(name)
        dark = QColor(*self._colour).lightness() < 140
        self._colour_button.setStyleSheet(
            f"background: {name}; color: {'white' if dark else 'black'}; padding: 3px;"
        )
