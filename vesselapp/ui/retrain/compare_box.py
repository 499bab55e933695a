"""A look at both models on any picture of the study: a list of pictures beside three linked panes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QSplitter,
    QTableWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vesselapp.core.errors import VesselError
from vesselapp.state.comparing import Compared, Comparing, Wanted
from vesselapp.state.judged import JudgedPicture
from vesselapp.ui.retrain.disagreement import Legend
from vesselapp.ui.retrain.panes import ComparisonPanes
from vesselapp.ui.retrain.table import plain_table, show_rows
from vesselapp.ui.words import dice, points

_COLUMNS = ("Picture", "Side", "Before", "After", "Points")
_SCORES = (2, 3)
_EMPTY = "Specificity: nothing is to be found in the picture; the share of it that the model leaves unmarked"


class CompareBox(QWidget):
    """Shows what incumbent and candidate say of the chosen picture.

    Parameters
    ----------
    comparing : Comparing
    """

    def __init__(self, comparing: Comparing) -> None:
        super().__init__()
        self._comparing = comparing
        self._pictures: Sequence[JudgedPicture] = ()
        self._models: tuple[Path, Path] | None = None
        self._asked: Wanted | None = None
        self.panes = ComparisonPanes()
        self.legend = Legend()
        self.outline_box = QCheckBox("Reviewed mask")
        self.outline_box.setToolTip("Outline of the mask that a person reviewed")
        self.outline_box.toggled.connect(self.panes.show_reviewed)
        self.table = self._make_table()
        self._lay_out()
        self.table.currentCellChanged.connect(lambda row, *_rest: self._on_chosen(row))
        comparing.found.connect(self._on_found)
        comparing.failed.connect(self._on_failed)
        comparing.progress.connect(self._on_progress)

    def _make_table(self) -> QTableWidget:
        table = plain_table("Pictures to compare on", _COLUMNS, (110, 84, 50, 50, 50))
        table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        table.horizontalHeader().setStretchLastSection(True)
        return table

    def _lay_out(self) -> None:
        tools = QHBoxLayout()
        tools.addWidget(self.legend, 1)
        tools.addWidget(self.outline_box)
        for text, name, act in (
            ("−", "Zoom out", lambda: self.panes.zoom_by(0.8)),
            ("+", "Zoom in", lambda: self.panes.zoom_by(1.25)),
            ("Fit", "Show all of the picture", self.panes.fit),
        ):
            button = QToolButton()
            button.setText(text)
            button.setAccessibleName(name)
            button.setToolTip(name)
            button.clicked.connect(act)
            tools.addWidget(button)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.panes, 1)
        column.addLayout(tools)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self.table)
        splitter.addWidget(right)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([410, 700])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)

    def show_pictures(
        self, pictures: Sequence[JudgedPicture], incumbent: Path | None, candidate: Path | None
    ) -> None:
        """List pictures, and compare on the first; the models' files may be gone."""
        self._comparing.cancel()
        self._pictures, self._asked = pictures, None
        self._models = (incumbent, candidate) if incumbent is not None and candidate is not None else None
        with QSignalBlocker(self.table):
            show_rows(self.table, [_cells(picture) for picture in pictures])
            for row, picture in enumerate(pictures):
                for column in _SCORES:
                    item = self.table.item(row, column)
                    if item is not None and picture.measure == "specificity":
                        item.setToolTip(_EMPTY)
            for column in _SCORES:
                self.table.resizeColumnToContents(column)
            self.table.setCurrentCell(0 if pictures else -1, 0)
        self._on_chosen(0 if pictures else -1)

    def _on_chosen(self, row: int) -> None:
        self.legend.show_compared(None)
        if not 0 <= row < len(self._pictures):
            self.panes.show_compared(None, "No picture is chosen.")
        elif self._models is None:
            self.panes.show_compared(None, "The file of one of the two models is gone: nothing to compare.")
        else:
            picture = self._pictures[row]
            self._asked = Wanted(picture.path, *self._models, picture.place)
            self.panes.show_compared(None, f"Both models look at {picture.name}…")
            self._comparing.ask(self._asked)

    def go_on(self) -> None:
        """Compare once more on the chosen picture, where that was dropped before it ended."""
        if self.panes.compared is None and self.isVisible():
            self._on_chosen(self.table.currentRow())

    def _on_progress(self, share: float) -> None:
        if self.panes.compared is None:
            row = max(0, self.table.currentRow())
            self.panes.show_compared(None, f"Both models look at {self._pictures[row].name}… {share:.0%}")

    def _on_found(self, compared: Compared) -> None:
        if compared.wanted == self._asked:
            self.panes.show_compared(compared)
            self.legend.show_compared(compared)
            self.outline_box.setEnabled(compared.reviewed is not None)

    def _on_failed(self, error: VesselError) -> None:
        self.panes.show_compared(None, str(error))


def _cells(picture: JudgedPicture) -> tuple[str, ...]:
    before, after = picture.incumbent, picture.candidate
    gain = "–" if before is None or after is None else points(after - before)
    scores = (dice(before, picture.measure), dice(after, picture.measure))
    return picture.name, _side(picture), *scores, gain


def _side(picture: JudgedPicture) -> str:
    """Say what a picture did; one that is learnt judges too where models were asked that hadn't learnt it."""
    if picture.side == "learn" and picture.candidate is not None:
        return "learn, judge"
    return picture.side or "–"
