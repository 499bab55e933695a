"""The study's numbered models with their verdicts; any of them is one click away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from vesselapp.core.errors import VesselError
from vesselapp.state.jobs import Jobs
from vesselapp.ui.plain import PlainLabel, tip
from vesselapp.ui.retrain.table import plain_table

if TYPE_CHECKING:
    from vesselapp.study.models import ModelEntry
    from vesselapp.study.study import Study

_COLUMNS = ("", "Number", "Model", "Verdict", "Added", "By")
_WIDEST = 260
"""Of a column, px."""
_FIRST = "The model that the study began with."


class ModelsDialog(QDialog):
    """Lists the models of a study; the one in use is marked.

    Parameters
    ----------
    jobs : Jobs
        A lane beside the open picture's.
    who : callable
        Tells who is at work.

    Signals
    -------
    model_changed : ()
        Another model is the study's now.
    """

    model_changed = Signal()

    def __init__(self, jobs: Jobs, who: Callable[[], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs, self._who = jobs, who
        self._folder: Path | None = None
        self._entries: list[ModelEntry | None] = [None]
        self._active: int | None = None
        self._first = ""
        self.setWindowTitle("Models of this study")
        self.resize(QSize(780, 360).boundedTo(self.screen().availableSize() * 0.9))
        self.table = plain_table("Models of this study", _COLUMNS, (0, 0, 0, 0, 0, 80))
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setMaximumSectionSize(_WIDEST)
        header.setStretchLastSection(True)
        self.detail = PlainLabel()
        self.use_button = QPushButton("Use this one")
        self.use_button.setDefault(True)
        self.close_button = QPushButton("Close")
        self.close_button.setAutoDefault(False)
        row = QHBoxLayout()
        row.addWidget(self.use_button)
        row.addStretch(1)
        row.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.detail)
        layout.addLayout(row)
        self.table.currentCellChanged.connect(lambda *_places: self._on_chosen())
        self.use_button.clicked.connect(self._use)
        self.close_button.clicked.connect(self.close)

    def show_study(self, folder: Path | None) -> None:
        """List the models of a study's folder."""
        self._folder = folder
        self.refresh()

    def refresh(self) -> None:
        """Read the list anew."""
        from vesselapp.study.models import Registry
        from vesselapp.study.study import Study

        if self._folder is None:
            return
        try:
            registry = Registry(self._folder)
            self._first = _first_of(Study.open(self._folder))
            self._entries = [None, *registry.entries()]
            active = registry.active()
        except VesselError as error:
            self.detail.setText(str(error))
            return
        self._active = None if active is None else active.number
        self.table.setRowCount(len(self._entries))
        for row, entry in enumerate(self._entries):
            for column, text in enumerate(self._cells(entry)):
                item = QTableWidgetItem(text)
                item.setToolTip(tip(text))
                self.table.setItem(row, column, item)
        numbers = [None if entry is None else entry.number for entry in self._entries]
        self.table.setCurrentCell(numbers.index(self._active), 0)
        self._on_chosen()

    def _cells(self, entry: ModelEntry | None) -> tuple[str, ...]:
        used = "● in use" if (None if entry is None else entry.number) == self._active else ""
        if entry is None:
            return used, "–", self._first, "", "", ""
        verdict = entry.verdict + (" (overruled)" if entry.reason else "")
        return used, str(entry.number), entry.name, verdict, _local(entry.when), entry.who

    def _chosen(self) -> tuple[bool, ModelEntry | None]:
        """Give whether a row is chosen, and its model."""
        row = self.table.currentRow()
        return (True, self._entries[row]) if 0 <= row < len(self._entries) else (False, None)

    def _on_chosen(self) -> None:
        chosen, entry = self._chosen()
        number = None if entry is None else entry.number
        self.use_button.setEnabled(chosen and number != self._active)
        told = _FIRST if entry is None else entry.sentence
        if entry is not None and entry.reason:
            told += f" Promoted against the verdict. Reason: {entry.reason}"
        self.detail.setText(told)

    def _use(self) -> None:
        chosen, entry = self._chosen()
        if not chosen or self._folder is None:
            return
        number = None if entry is None else entry.number
        self.use_button.setEnabled(False)
        work = partial(_use, self._folder, number, self._who())
        self._jobs.submit("use", lambda _job: work(), lambda _none: self._on_used(), self._on_failed)

    def _on_used(self) -> None:
        self.refresh()
        self.model_changed.emit()

    def _on_failed(self, error: VesselError) -> None:
        self.refresh()
        self.detail.setText(str(error))


def _first_of(study: Study) -> str:
    """Name the model that a study began with."""
    name = f"model {study.model}" if study.model.isdecimal() else Path(study.model).stem
    return f"{name}, as the study began" if name else "the app's own, as the study began"


def _use(folder: Path, number: int | None, who: str) -> None:
    from vesselapp.study.models import Registry

    Registry(folder).use(number, who=who)


def _local(stamp: str) -> str:
    try:
        return f"{datetime.fromisoformat(stamp).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return stamp
