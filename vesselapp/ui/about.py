"""The list of keys and the about box."""

import platform
from collections.abc import Sequence

import PySide6
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QLabel,
    QMessageBox,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

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
    lines = [*_GESTURES, *rows]
    screen = parent.screen().availableSize() * 0.9
    area = QScrollArea()
    area.setFrameShape(QFrame.Shape.NoFrame)
    table = _key_table(lines, columns=2)
    if table.sizeHint().width() > screen.width():
        table = _key_table(lines, columns=1)
    area.setWidget(table)
    layout = QVBoxLayout(dialog)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(area)
    bar = area.verticalScrollBar().sizeHint().width()
    dialog.resize((table.sizeHint() + QSize(bar + 4, 2)).boundedTo(screen))
    dialog.show()


def _key_table(lines: Sequence[tuple[str, str]], columns: int) -> QWidget:
    table = QWidget()
    grid = QGridLayout(table)
    grid.setHorizontalSpacing(18)
    long = -(-len(lines) // columns)
    for place, (keys, meaning) in enumerate(lines):
        column = 2 * (place // long)
        grid.addWidget(QLabel(f"<b>{keys.replace('<', '&lt;')}</b>"), place % long, column)
        grid.addWidget(QLabel(meaning), place % long, column + 1)
    return table


def show_about(parent: QWidget) -> None:
    """Show versions, licence and what the app is not."""
    QMessageBox.about(
        parent,
        "About vesselapp",
        f"<p><b>vesselapp {vesselapp.__version__}</b>, Apache-2.0.<br>"
        f"Python {platform.python_version()}, Qt for Python {PySide6.__version__}.</p>"
        "<p>For research. Not a medical device: what a model finds must be looked at by a person.</p>",
    )
