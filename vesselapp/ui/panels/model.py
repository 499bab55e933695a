"""The model in use and what really ran it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from vesselapp.state.answers import Answer
from vesselapp.ui.panels.learning import LearningRow

if TYPE_CHECKING:
    from vesselapp.inference.catalog import ModelEntry
    from vesselapp.inference.model import Model

_AUTO = 7
"""Left end of the size slider: the size is found in the picture."""
_LARGEST_OBJECT = 200
_BROWSE = "Use a model file…"


class ModelPanel(QWidget):
    """Chooses the model; the badge tells the execution provider that gave the answer in sight."""

    chosen = Signal(str)
    browse = Signal()
    about = Signal()
    study_models = Signal()
    size_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._names = QComboBox()
        self._names.setAccessibleName("Model")
        self._names.setPlaceholderText("none yet")
        self._names.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._names.setMinimumContentsLength(14)
        self.badge = QLabel("–")
        self.badge.setObjectName("badge")
        self.badge.setAccessibleName("Execution provider")
        self._detail = QLabel("")
        self._detail.setWordWrap(True)
        self._detail.setEnabled(False)
        row = QHBoxLayout()
        row.addWidget(self._names, 1)
        row.addWidget(self.badge)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self._detail)
        self.about_button = QPushButton("About this model…")
        self.about_button.setEnabled(False)
        self.about_button.clicked.connect(self.about)
        layout.addWidget(self.about_button)
        self.study_button = QPushButton("Models of this study…")
        self.study_button.clicked.connect(self.study_models)
        self.study_button.hide()
        layout.addWidget(self.study_button)
        self.learning = LearningRow()
        layout.addWidget(self.learning)
        self._size_row = QWidget()
        sizes = QHBoxLayout(self._size_row)
        sizes.setContentsMargins(0, 0, 0, 0)
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(_AUTO, _LARGEST_OBJECT)
        self.size_slider.setAccessibleName("Typical diameter of the cells in pixels")
        self.size_slider.setTracking(False)
        self._size_words = QLabel()
        sizes.addWidget(QLabel("Cell size"))
        sizes.addWidget(self.size_slider, 1)
        sizes.addWidget(self._size_words)
        self._size_row.hide()
        layout.addWidget(self._size_row)
        self.size_slider.sliderMoved.connect(self._show_size)
        self.size_slider.valueChanged.connect(self._on_size)
        self._show_size(_AUTO)
        self._names.activated.connect(self._on_activated)

    def show_models(self, entries: list[ModelEntry]) -> None:
        """List the models to choose from; the one in use stays chosen."""
        in_use, name = self._names.currentData(), self._names.currentText()
        self._names.clear()
        for entry in entries:
            self._names.addItem(entry.name, str(entry.path))
        self._names.addItem(_BROWSE)
        if in_use and self._names.findData(in_use) < 0:
            self._names.insertItem(0, name, in_use)  # a file of a person's or a study's own
        self._names.setCurrentIndex(self._names.findData(in_use) if in_use else -1)

    def show_study(self, there: bool) -> None:
        """Offer the study's numbered models, where there is a study."""
        self.study_button.setVisible(there)

    def show_answer(self, model: Model | None, answer: Answer) -> None:
        """Show whose answer is in sight: which model and provider gave it, or that it was judged before."""
        if answer.judged or model is None:
            self.badge.setText("KEPT")
            self.badge.setProperty("fallback", "false")
            self.badge.style().polish(self.badge)
            self.badge.setToolTip("The answer that was reviewed, as it was kept; no model ran.")
            of = f" of {answer.model}" if answer.model else ""
            self._detail.setText(f"In sight: the reviewed answer{of}. F5 asks the model above.")
            return
        place = self._names.findData(str(model.path))
        if place < 0:
            self._names.insertItem(0, model.card.name, str(model.path))
            place = 0
        self._names.setCurrentIndex(place)
        self.badge.setText(answer.provider.upper())
        self.badge.setProperty("fallback", "true" if answer.provider_note else "false")
        self.badge.style().polish(self.badge)
        self.badge.setToolTip(
            answer.provider_note or f"The answer in sight was computed on {answer.provider.upper()}."
        )
        self.about_button.setEnabled(True)
        self._size_row.setVisible(model.card.scale.kind == "object_diameter")
        self._detail.setText(f"{answer.seconds:.1f} s · {answer.provider_note}".rstrip(" ·"))

    def _show_size(self, size: int) -> None:
        self._size_words.setText("found" if size == _AUTO else f"{size} px")

    def _on_size(self, size: int) -> None:
        self._show_size(size)
        self.size_chosen.emit(None if size == _AUTO else float(size))

    def _on_activated(self, place: int) -> None:
        data = self._names.itemData(place)
        if data is None:
            self.browse.emit()
        else:
            self.chosen.emit(str(data))
