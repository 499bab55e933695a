"""The model that is asked, and whose answer is in sight."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from vesselapp.core.files import is_file, typed_path
from vesselapp.state.answers import Answer
from vesselapp.ui.panels.learning import LearningRow
from vesselapp.ui.plain import PlainLabel, tip

if TYPE_CHECKING:
    from vesselapp.inference.catalog import ModelEntry
    from vesselapp.inference.model import Model

_AUTO = 7
"""Left end of the size slider: the size is found in the picture."""
_LARGEST_OBJECT = 200
_BROWSE = "Use a model file…"


class _Names(QComboBox):
    """Names of models; tells before its list drops down."""

    opened = Signal()

    def showPopup(self) -> None:
        """Tell, and drop the list down."""
        self.opened.emit()
        super().showPopup()


class ModelPanel(QWidget):
    """Chooses the model that F5 asks; badge and words tell whose answer is in sight, and what ran it.

    Attributes
    ----------
    path : str
        File of the model that F5 asks; empty where there is none, or none is listed yet.
    """

    chosen = Signal(str)
    list_wanted = Signal()
    browse = Signal()
    about = Signal()
    study_models = Signal()
    size_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.path = ""
        self._entries: list[ModelEntry] = []
        self._names = _Names()
        self._names.opened.connect(self.list_wanted)
        self._names.setAccessibleName("Model")
        self._names.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._names.setMinimumContentsLength(14)
        # Else a long name that isn't found would make the panel wider than its room.
        self._names.setMinimumWidth(self._names.minimumSizeHint().width())
        self._names.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.badge = QLabel()
        self.badge.setObjectName("badge")
        self.badge.setAccessibleName("Execution provider")
        self._detail = PlainLabel()
        self._detail.setAccessibleName("Whose answer is in sight")
        self._detail.setMinimumHeight(self._detail.fontMetrics().lineSpacing())
        self._detail.setForegroundRole(QPalette.ColorRole.PlaceholderText)
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
        self.show_answer(None, None)

    def show_models(self, entries: list[ModelEntry]) -> None:
        """List the models to choose from; the one that is asked stays chosen."""
        self._entries = entries
        name = self._names.currentText()
        self._names.clear()
        for entry in entries:
            self._names.addItem(entry.name, str(entry.path))
        self._names.addItem(_BROWSE)
        self._choose(name)

    def show_asked(self, choice: str | None, task: str) -> None:
        """Show which model F5 asks.

        Parameters
        ----------
        choice : str or None
            Name or file; None: the listed one for ``task``.
            A file of a person's or a study's own is named as it is (a study's begins with its number).
        task : str
        """
        listed = [
            entry
            for entry in self._entries
            if (entry.task == task if choice is None else choice in (entry.name, str(entry.path)))
        ]
        file = typed_path(choice) if choice else None
        self.path, name = "", ""
        if listed:
            self.path, name = str(listed[0].path), listed[0].name
        elif file is not None and is_file(file):
            self.path = str(file)
            name = file.stem
        missing = bool(choice) and not self.path and self._names.count() > 0
        words = f"not found: {Path(str(choice)).name}" if missing else "none"
        self._names.setPlaceholderText(words if self._names.count() else "")
        self._names.setToolTip(tip(f"{choice}: not found" if missing else self.path))
        self._choose(name)
        self.about_button.setEnabled(bool(self.path))

    def entry_for(self, task: str) -> ModelEntry | None:
        """Give the first listed model for a task, if any is."""
        return next((entry for entry in self._entries if entry.task == task), None)

    def _choose(self, name: str) -> None:
        """Choose the row of the model that is asked, which gets one where it isn't listed."""
        if not self.path:
            self._names.setCurrentIndex(-1)
            return
        place = self._names.findData(self.path)
        if place < 0:
            place = 0
            self._names.insertItem(place, name, self.path)
        self._names.setItemText(place, name)
        self._names.setCurrentIndex(place)

    def show_study(self, there: bool) -> None:
        """Offer the study's numbered models, where there is a study."""
        self.study_button.setVisible(there)

    def show_answer(self, model: Model | None, answer: Answer | None) -> None:
        """Show whose answer is in sight (None: none yet): of the model that F5 asks, or of another.

        Parameters
        ----------
        model : Model or None
            The one that answered last.
        answer : Answer or None
            Of the open picture.
        """
        asked = model if model is not None and str(model.path) == self.path else None
        self._size_row.setVisible(asked is not None and asked.card.scale.kind == "object_diameter")
        if answer is None:
            self._tell("–", "No model has answered yet.", "No answer yet")
            return
        whose = f" of {answer.model}" if answer.model else ""
        if answer.judged:
            version = f", version {answer.version}," if answer.model and answer.version else ""
            kept = f"In sight is the answer{whose}{version} that was kept with this picture; no model ran."
            self._tell("KEPT", f"{kept} F5 asks the chosen model.", f"Kept answer{whose}")
            return
        ran = answer.provider_note or f"The answer in sight was computed on {answer.provider.upper()}."
        fallback = bool(answer.provider_note)  # why is a long sentence: the tooltip has it
        words = f"Answered in {answer.seconds:.1f} s{' · fell back' if fallback else ''}"
        if asked is None or asked.sha256 != answer.model_sha256:
            words = f"Still the answer{whose}"
        self._tell(answer.provider.upper(), ran, words, fallback=fallback)

    def _tell(self, badge: str, more: str, words: str, *, fallback: bool = False) -> None:
        self.badge.setText(badge)
        self.badge.setToolTip(tip(more))
        self.badge.setProperty("fallback", "true" if fallback else "false")
        self.badge.style().polish(self.badge)
        self._detail.setText(words)
        self._detail.setToolTip(tip(more))

    def show_size(self, diameter: float | None) -> None:
        """Show how wide (px) the open picture's cells were said to be; None: it is found."""
        if self.size_slider.isSliderDown():
            return
        size = _AUTO if diameter is None else round(diameter)
        with QSignalBlocker(self.size_slider):
            self.size_slider.setValue(size)
        self._show_size(size)

    def _show_size(self, size: int) -> None:
        self._size_words.setText("found" if size == _AUTO else f"{size} px")

    def _on_size(self, size: int) -> None:
        self._show_size(size)
        self.size_chosen.emit(None if size == _AUTO else float(size))

    def _on_activated(self, place: int) -> None:
        data = self._names.itemData(place)
        if data is None:
            self._names.setCurrentIndex(self._names.findData(self.path) if self.path else -1)
            self.browse.emit()
        else:
            self.chosen.emit(str(data))
