"""The list of keys and the about box."""

import platform
from itertools import combinations, pairwise

import PySide6
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

import vesselapp
from vesselapp.ui.actions import ACTIONS
from vesselapp.ui.palette import plain

_Group = tuple[str, list[tuple[str, str]]]
_NATIVE = QKeySequence.SequenceFormat.NativeText

_GESTURES = (
    ("wheel", "Zoom at the pointer"),
    ("Space + drag, middle button", "Pan"),
    ("right button", "The opposite of the brush in hand"),
    ("Shift + wheel, Alt + drag", "Size of the brush"),
    ("hold H", "See the bare image"),
    ("Shift + click", "Straight line from where the last stroke ended"),
    ("Shift + click in trace", "A straight piece"),
    ("Esc while painting", "Take the stroke back"),
    ("Backspace, Enter", "Trace, fill: one click back, end"),
    ("double click", "Trace, fill: end"),
    ("N in straighten", "Next vessel to the pointer"),
    ("arrows", "Pan; in straighten: along the vessel, across it push an edge"),
    ("Shift + arrow across", "Straighten: push the other edge, inwards"),
)


def show_keys(parent: QWidget) -> None:
    """Show all keys; the dialog doesn't block the window."""
    dialog = QDialog(parent)
    dialog.setWindowTitle("Keys")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    area = QScrollArea()
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    bar = area.verticalScrollBar().sizeHint().width() + 4
    room = parent.screen().availableSize() * 0.9
    table = key_table(room - QSize(bar, 0))
    area.setWidget(table)
    layout = QVBoxLayout(dialog)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(area)
    dialog.resize((table.sizeHint() + QSize(bar, 2)).boundedTo(room))
    dialog.show()


def key_table(room: QSize) -> QWidget:
    """Lay the keys out under the names of their menus, in as many columns as there is room for."""
    groups = _groups()
    for columns in (3, 2):
        table = _table(_parted(groups, columns))
        if table.sizeHint().width() <= room.width():
            return table
    return _table([groups])


def _groups() -> list[_Group]:
    """Give for each menu, and for pointer and keyboard on the picture, its lines of keys and meaning."""
    menus: dict[str, list[tuple[str, str]]] = {}
    for spec in ACTIONS:
        if spec.shortcuts:
            shown = [QKeySequence(keys).toString(_NATIVE) for keys in spec.shortcuts]
            menus.setdefault(spec.menu, []).append((" / ".join(shown), plain(spec.text).rstrip("…")))
    return [*menus.items(), ("On the picture", list(_GESTURES))]


def _parted(groups: list[_Group], columns: int) -> list[list[_Group]]:
    """Part groups into columns, in order, so that the longest is as short as can be."""

    def parts(cuts: tuple[int, ...]) -> list[list[_Group]]:
        return [groups[start:end] for start, end in pairwise((0, *cuts, len(groups)))]

    def longest(cuts: tuple[int, ...]) -> int:
        return max(sum(len(lines) + 2 for _, lines in part) for part in parts(cuts))

    return parts(min(combinations(range(1, len(groups)), columns - 1), key=longest))


def _table(columns: list[list[_Group]]) -> QWidget:
    table = QWidget()
    row = QHBoxLayout(table)
    row.setSpacing(28)
    for groups in columns:
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(3)
        for title, lines in groups:
            heading = QLabel(f"<b>{title}</b>")
            heading.setContentsMargins(0, 8 if grid.count() else 0, 0, 0)
            grid.addWidget(heading, grid.rowCount(), 0, 1, 2)
            for keys, meaning in lines:
                place = grid.rowCount()
                grid.addWidget(QLabel(keys), place, 0)
                grid.addWidget(QLabel(meaning), place, 1)
        grid.setRowStretch(grid.rowCount(), 1)
        grid.setColumnStretch(1, 1)
        row.addLayout(grid)
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
