"""Asks for what a new study takes: pictures, a name, where it is kept, a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QRadioButton,
    QWidget,
)

from vesselapp.core.files import is_folder, typed_path
from vesselapp.state.counting import MOST, PictureCount
from vesselapp.study.study import is_study
from vesselapp.ui.browse import with_browse
from vesselapp.ui.plain import PlainLabel

if TYPE_CHECKING:
    from vesselapp.inference.catalog import ModelEntry
    from vesselapp.state.jobs import Deliver

_SETTLE_MS = 250
_NONE_THERE = "No pictures there yet; those put there later are found."


class StudyDialog(QDialog):
    """A small form; how many pictures were found is said in it, what is missing under it.

    Parameters
    ----------
    models : list of ModelEntry
        To choose from.
    start : str
        Folder of pictures to begin with.
    deliver : callable
        Runs a function on the thread of the window.
    parent : QWidget, optional
    """

    def __init__(
        self, models: list[ModelEntry], start: str, deliver: Deliver, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("New study")
        self.pictures_field = _field("Folder of pictures", start)
        self.found = QLabel(" ")
        self.found.setWordWrap(True)
        self.found.setAccessibleName("Pictures found")
        self._count = PictureCount(deliver, self._show_count)
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(lambda: self._count.start(self.pictures))
        self.finished.connect(lambda _result: self._count.stop())
        self.name_field = _field("Name", "")
        self.in_place = QRadioButton("In the pictures' folder itself")
        self.elsewhere = QRadioButton("In a folder of its own, pointing at the pictures:")
        self.in_place.setChecked(True)
        self.folder_field = _field("Folder of the study", "")
        self.model_box = QComboBox()
        self.model_box.setAccessibleName("Model")
        self.model_box.addItem("The one for vessels that comes with the app", "")
        for entry in models:
            self.model_box.addItem(entry.name, entry.name)
        self._models = models
        self.words = PlainLabel(" ")
        self.words.setMinimumHeight(2 * self.words.fontMetrics().lineSpacing())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.make_button = buttons.addButton("Make the study", QDialogButtonBox.ButtonRole.AcceptRole)
        self.make_button.setDefault(True)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form = QFormLayout(self)
        form.addRow("Pictures", with_browse(self.pictures_field, "Folder of pictures"))
        form.addRow("", self.found)
        form.addRow("Name", self.name_field)
        form.addRow("Kept", self.in_place)
        form.addRow("", self.elsewhere)
        form.addRow("", with_browse(self.folder_field, "Folder of the study"))
        form.addRow("Model", self.model_box)
        form.addRow(self.words)
        form.addRow(buttons)
        self._named = False
        self.name_field.textEdited.connect(lambda _text: setattr(self, "_named", True))
        self.pictures_field.textChanged.connect(self._on_pictures)
        for field in (self.name_field, self.folder_field):
            field.textChanged.connect(self._look)
        self.in_place.toggled.connect(self._look)
        self._on_pictures()

    def choose_model(self, file: str) -> None:
        """Begin with the model of a file, where it is listed; the usual one is chosen already."""
        entry = next((entry for entry in self._models if str(entry.path) == file), None)
        if entry is not None and not (entry.shipped and entry.task == "vessels"):
            self.model_box.setCurrentIndex(1 + self._models.index(entry))

    @property
    def pictures(self) -> Path:
        """Folder of pictures."""
        return typed_path(self.pictures_field.text())

    @property
    def name(self) -> str:
        """Of the study."""
        return self.name_field.text().strip()

    @property
    def folder(self) -> Path:
        """Where the study is kept."""
        if self.in_place.isChecked():
            return self.pictures
        return typed_path(self.folder_field.text())

    @property
    def model(self) -> str:
        """Name of the model; empty: the shipped one."""
        return str(self.model_box.currentData() or "")

    def _on_pictures(self) -> None:
        if not self._named:
            self.name_field.setText(self.pictures.name)
        self._look()
        self._count.stop()
        if self.pictures_field.text().strip() and is_folder(self.pictures):
            self.found.setText("Counting the pictures…")
            self._settle.start()
        else:
            self._settle.stop()
            self.found.setText(" ")

    def _show_count(self, number: int) -> None:
        words = f"{number:,} pictures" if number != 1 else "1 picture"
        if number >= MOST:
            words = f"{MOST:,} pictures or more"
        self.found.setText(words if number else _NONE_THERE)

    def _look(self) -> None:
        """Say what is missing."""
        self.folder_field.setEnabled(self.elsewhere.isChecked())
        missing = self._missing()
        self.words.setText(missing or " ")
        self.make_button.setEnabled(not missing)

    def _missing(self) -> str:
        if not self.pictures_field.text().strip():
            return "Choose the folder that holds the pictures."
        if not is_folder(self.pictures):
            return "That folder of pictures doesn't exist."
        if not self.name:
            return "Give the study a name."
        if self.elsewhere.isChecked() and not self.folder_field.text().strip():
            return "Choose a folder for the study."
        if is_study(self.folder):
            return "There is a study in that folder already; open it instead."
        return ""


def _field(name: str, text: str) -> QLineEdit:
    field = QLineEdit(text)
    field.setAccessibleName(name)
    field.setMinimumWidth(340)
    return field
