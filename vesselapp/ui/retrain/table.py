"""What the tables of retraining have in common."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem

from vesselapp.ui.plain import tip


def plain_table(name: str, columns: Sequence[str], widths: Sequence[int] = ()) -> QTableWidget:
    """Make an empty table to be read, whose rows are chosen whole.

    Parameters
    ----------
    name : str
        For screen readers.
    columns : sequence of str
    widths : sequence of int, optional
        Of the first columns, px.
    """
    table = QTableWidget(0, len(columns))
    table.setAccessibleName(name)
    table.setHorizontalHeaderLabels(list(columns))
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 8)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setTabKeyNavigation(False)
    table.setShowGrid(False)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
    for column, width in enumerate(widths):
        header.resizeSection(column, width)
    return table


def elide_first_column(table: QTableWidget) -> None:
    """Give the first column no more than the others leave, so that all of those is seen."""
    header = table.horizontalHeader()
    wanted = [
        max(table.sizeHintForColumn(column), header.sectionSizeHint(column))
        for column in range(table.columnCount())
    ]
    left = table.viewport().width() - sum(wanted[1:])
    header.resizeSection(0, max(header.minimumSectionSize(), min(wanted[0], left)))


def show_rows(table: QTableWidget, rows: Sequence[Sequence[str]]) -> None:
    """Fill a table; each cell says all of its text in a tooltip too."""
    table.setRowCount(len(rows))
    for row, cells in enumerate(rows):
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setToolTip(tip(text))
            table.setItem(row, column, item)
