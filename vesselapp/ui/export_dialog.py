"""Asks where to and what to export; Enter takes what was chosen last time."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from vesselapp.core.export import SUFFIXES
from vesselapp.core.files import is_there, typed_path
from vesselapp.ui.browse import with_browse
from vesselapp.ui.plain import PlainLabel, unmarked

_WORDS = {
    "mask": "Mask (PNG, 0 and 255)",
    "overlay": "Overlay (PNG)",
    "probability": "Probability of the model (TIFF, 0-1)",
}


class ExportDialog(QDialog):
    """Folder and kinds of files; names those that it will replace, and those that stay beside them.

    Parameters
    ----------
    folder, stem, kinds
        What is chosen at first, and what the files' names begin with.
    parent : QWidget, optional
    why_refused : callable
        Says why such files can't be written to a folder, as far as what lies there tells; else nothing.
    """

    def __init__(
        self,
        folder: Path,
        stem: str,
        kinds: tuple[str, ...],
        parent: QWidget | None = None,
        why_refused: Callable[[Path, tuple[str, ...]], str] = lambda _folder, _kinds: "",
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export")
        self._stem, self._why_refused = stem, why_refused
        self.folder_field = QLineEdit(str(folder))
        self.folder_field.setAccessibleName("Folder")
        self.folder_field.setMinimumWidth(360)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("Folder"))
        layout.addWidget(with_browse(self.folder_field, "Export to"))
        self.boxes = {}
        for kind, words in _WORDS.items():
            box = QCheckBox(unmarked(f"{words}: {stem}{SUFFIXES[kind]}"))
            box.setChecked(kind in kinds)
            box.toggled.connect(self._look)
            self.boxes[kind] = box
            layout.addWidget(box)
        self._warning = PlainLabel()
        layout.addWidget(self._warning)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.export_button = self._buttons.addButton("Export", QDialogButtonBox.ButtonRole.AcceptRole)
        self.export_button.setDefault(True)
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        layout.addWidget(self._buttons)
        self.folder_field.textChanged.connect(self._look)
        self._look()

    @property
    def folder(self) -> Path:
        """Chosen folder."""
        return typed_path(self.folder_field.text())

    @property
    def kinds(self) -> tuple[str, ...]:
        """Chosen kinds of files."""
        return tuple(kind for kind, box in self.boxes.items() if box.isChecked())

    def _look(self) -> None:
        """Say which files are there already; the export replaces its own earlier ones only."""
        there = [kind for kind in _WORDS if is_there(self.folder / (self._stem + SUFFIXES[kind]))]
        replaced, left = (
            " and ".join(kind for kind in there if (kind in self.kinds) is chosen) for chosen in (True, False)
        )
        said = [f"Replaces the {replaced} exported earlier."] if replaced else []
        if left and self.kinds:
            said.append(f"Not replaced: the {left} exported earlier.")
        self._warning.setText(self._why_refused(self.folder, self.kinds) or " ".join(said) or " ")
        self.export_button.setEnabled(bool(self.kinds) and bool(self.folder_field.text().strip()))
