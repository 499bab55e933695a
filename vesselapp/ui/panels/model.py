"""The model in use and what really ran it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from vesselapp.state.workspace import Answer

if TYPE_CHECKING:
    from vesselapp.inference.catalog import ModelEntry
    from vesselapp.inference.model import Model

_BROWSE = "Use a model file…"


class ModelPanel(QWidget):
    """Chooses the model; the badge tells the execution provider that gave the answer in sight."""

    chosen = Signal(str)
    browse = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._names = QComboBox()
        self._names.setAccessibleName("Model")
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
        self._names.activated.connect(self._on_activated)

    def show_models(self, entries: list[ModelEntry]) -> None:
        """List the models to choose from; the one in use stays chosen."""
        in_use = self._names.currentData()
        self._names.clear()
        for entry in entries:
            self._names.addItem(entry.name, str(entry.path))
        self._names.addItem(_BROWSE)
        self._names.setCurrentIndex(self._names.findData(in_use))

    def show_answer(self, model: Model, answer: Answer) -> None:
        """Show which model and which provider gave the answer, and why no better provider did."""
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
        self._detail.setText(f"{answer.seconds:.1f} s · {answer.provider_note}".rstrip(" ·"))

    def _on_activated(self, place: int) -> None:
        data = self._names.itemData(place)
        if data is None:
            self.browse.emit()
        else:
            self.chosen.emit(str(data))
