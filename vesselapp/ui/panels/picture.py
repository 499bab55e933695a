"""How the picture is shown: channel, local contrast, brightness, contrast, gamma."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QPushButton, QSlider, QWidget

from vesselapp.ui.looks import CHANNELS, PictureLook


class PicturePanel(QWidget):
    """Controls of the picture's look, which alters no file; `changed` tells that one was used."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.channel = QComboBox()
        self.channel.addItems(list(CHANNELS))
        self.channel.setAccessibleName("Channel of the picture")
        self.equalised = QCheckBox("Local contrast (CLAHE)")
        self.brightness = _slider("Brightness", -100, 100)
        self.contrast = _slider("Contrast", -100, 100)
        self.gamma = _slider("Gamma", -100, 100)
        reset = QPushButton("As it is")
        reset.setToolTip("Show the picture as it is")
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow("Channel", self.channel)
        layout.addRow(self.equalised)
        layout.addRow("Brightness", self.brightness)
        layout.addRow("Contrast", self.contrast)
        layout.addRow("Gamma", self.gamma)
        layout.addRow(reset)
        self.channel.currentIndexChanged.connect(lambda _place: self.changed.emit())
        self.equalised.toggled.connect(lambda _on: self.changed.emit())
        for slider in (self.brightness, self.contrast, self.gamma):
            slider.valueChanged.connect(lambda _value: self.changed.emit())
        reset.clicked.connect(self.reset)

    @property
    def look(self) -> PictureLook:
        """The chosen look."""
        return PictureLook(
            self.channel.currentText(),
            self.equalised.isChecked(),
            self.brightness.value() / 200,
            self.contrast.value() / 125,
            4.0 ** (self.gamma.value() / 100),
        )

    def next_channel(self) -> None:
        """Show the next channel."""
        self.channel.setCurrentIndex((self.channel.currentIndex() + 1) % self.channel.count())

    def reset(self) -> None:
        """Show the picture as it is."""
        self.channel.setCurrentIndex(0)
        self.equalised.setChecked(False)
        for slider in (self.brightness, self.contrast, self.gamma):
            slider.setValue(0)


def _slider(name: str, low: int, high: int) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(low, high)
    slider.setAccessibleName(name)
    return slider
