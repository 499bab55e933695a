"""How the mask is shown: opacity, colour, contour, band, corrections."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QCheckBox, QColorDialog, QComboBox, QFormLayout, QSlider, QWidget

from vesselapp.ui.looks import SAFE_COLOURS, Colour

_BAND = 12
_OTHER = "another…"


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
        self.band_box = QCheckBox("Band near the threshold")
        self.band_box.setToolTip("Show in a second colour what a small change of the threshold would change")
        self.told_box = QCheckBox("Tell corrections apart")
        self.told_box.setToolTip("Show what was added and removed by hand in colours of their own")
        self.colours = QComboBox()
        self.colours.setAccessibleName("Overlay colour")
        for name, choice in SAFE_COLOURS.items():
            self.colours.addItem(_swatch(choice), name, choice)
        self.colours.addItem(_OTHER)
        self._show_colour()
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow("Opacity", self.opacity_slider)
        layout.addRow("Colour", self.colours)
        for box in (self.contour_box, self.band_box, self.told_box):
            layout.addRow(box)
            box.toggled.connect(lambda _on: self.changed.emit())
        self.opacity_slider.valueChanged.connect(lambda _value: self.changed.emit())
        self.colours.activated.connect(self._choose_colour)

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

    @property
    def band(self) -> int:
        """Levels on either side of the threshold to show in a second colour."""
        return _BAND if self.band_box.isChecked() else 0

    @property
    def told_apart(self) -> bool:
        """Whether corrections are shown in colours of their own."""
        return self.told_box.isChecked()

    def _choose_colour(self, place: int) -> None:
        chosen = self.colours.itemData(place)
        if chosen is None:
            asked = QColorDialog.getColor(QColor(*self._colour), self, "Overlay colour")
            chosen = (asked.red(), asked.green(), asked.blue()) if asked.isValid() else self._colour
        self._colour = tuple(chosen)
        self._show_colour()
        self.changed.emit()

    def _show_colour(self) -> None:
        """Choose the colour's row; a colour of the person's own gets a row."""
        rows = [self.colours.itemData(row) for row in range(self.colours.count() - 1)]
        place = next((row for row, colour in enumerate(rows) if tuple(colour) == self._colour), -1)
        if place < 0:
            place = self.colours.count() - 1
            self.colours.insertItem(place, _swatch(self._colour), QColor(*self._colour).name(), self._colour)
        self.colours.setCurrentIndex(place)


def _swatch(colour: Colour) -> QIcon:
    pixmap = QPixmap(16, 16)
    pixmap.fill(QColor(*colour))
    return QIcon(pixmap)
