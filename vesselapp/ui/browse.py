"""A field for a folder, with a button to choose it."""

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget


def with_browse(field: QLineEdit, title: str = "") -> QWidget:
    """Put a button beside a field that lets a person choose the folder.

    Parameters
    ----------
    field : QLineEdit
        Its ``editingFinished`` is emitted where a folder is chosen.
    title : str, optional
        Of the dialog; the field's accessible name where empty.
    """
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(field, 1)
    button = QPushButton("Browse…")
    button.setAutoDefault(False)

    def browse() -> None:
        chosen = QFileDialog.getExistingDirectory(row, title or field.accessibleName(), field.text())
        if chosen:
            field.setText(chosen)
            field.editingFinished.emit()

    button.clicked.connect(browse)
    layout.addWidget(button)
    return row
