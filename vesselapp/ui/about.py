"""The list of keys and the about box."""

import platform

import PySide6
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QMessageBox, QVBoxLayout, QWidget

import vesselapp
from vesselapp.ui.actions import ACTIONS

_GESTURES = (
    ("wheel", "Zoom at the pointer"),
    ("Space + drag, middle button", "Pan"),
    ("right button", "The opposite of the brush in hand"),
    ("Shift + wheel, Alt + drag", "Size of the brush"),
    ("hold H", "See the bare image"),
    ("Shift + click", "Straight line from where the last stroke ended"),
    ("Esc while painting", "Take the stroke back"),
    ("Backspace, Enter", "Trace, fill: one click back, end"),
    ("arrows", "Pan"),
)


def show_keys(parent: QWidget) -> None:
    """Show all keys; the dialog doesn't block the window."""
    dialog = QDialog(parent)
    dialog.setWindowTitle("Keys")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    rows = [
        (
            " / ".join(
                QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText) for keys in spec.shortcuts
            ),
            spec.tip,
        )
        for spec in ACTIONS
        if spec.shortcuts
    ]
    grid = QGridLayout()
    grid.setHorizontalSpacing(18)
    half = (len(rows) + len(_GESTURES) + 1) // 2
    for place, (keys, meaning) in enumerate([*_GESTURES, *rows]):
        column = 2 * (place // half)
        key_label = QLabel(f"<b>{keys.replace('<', '&lt;')}</b>")
        grid.addWidget(key_label, place % half, column)
        grid.addWidget(QLabel(meaning), place % half, column + 1)
    layout = QVBoxLayout(dialog)
    layout.addLayout(grid)
    dialog.show()


def show_about(parent: QWidget) -> None:
    """Show versions, licence and what the app is not."""
    QMessageBox.about(
        parent,
        "About vesselapp",
        f"<p><b>vesselapp {vesselapp.__version__}</b>, Apache-2.0.<br>"
        f"Python {platform.python_version()}, Qt for Python {PySide6.__version__}.</p>"
        "<p>For research. Not a medical device: what a model finds must be looked at by a person.</p>",
    )
