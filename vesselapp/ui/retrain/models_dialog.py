"""The study's numbered models with their verdicts; any of them is one click away."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from vesselapp.core.errors import VesselError
from vesselapp.state.jobs import Job, Jobs
from vesselapp.state.settings import Settings
from vesselapp.ui.plain import PlainLabel
from vesselapp.ui.retrain.table import plain_table, show_rows

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
    settings : Settings
        Tell who is at work.

    Signals
    -------
    model_changed : ()
        Another model is the study's now.
    """

    model_changed = Signal()

    def __init__(self, jobs: Jobs, settings: Settings, parent: QWidget) -> None:
        super().__init__(parent)
        self._jobs, self._settings = jobs, settings
        self._folder: Path | None = None
        self._reading: Job | None = None
        self._entries: list[ModelEntry | None] = []
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
        self.finished.connect(lambda _result: self._stop_reading())
        self._show("", [], None, None)

    def show_study(self, folder: Path | None) -> None:
        """List the models of a study's folder."""
        if folder != self._folder:
            self._folder = folder
            self._show("", [], None, None)  # another study's are not to be chosen
        self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """List the models as they are now."""
        super().showEvent(event)
        self.refresh()

    def refresh(self, told: str = "") -> None:
        """Read the list anew, in the background, if it is in sight; then tell something beneath it."""
        self._stop_reading()
        if self._folder is None or not self.isVisible():
            return
        before = self._chosen()

        def done(listed: tuple[str, list[ModelEntry | None], int | None]) -> None:
            first, entries, active = listed
            chosen = self._chosen()
            moved = chosen[0] and chosen != before  # by the person, meanwhile
            self._show(first, entries, active, _number(chosen[1]) if moved else active)
            if told:
                self.detail.setText(told)

        def failed(error: VesselError) -> None:
            self.detail.setText(told or str(error))

        self._reading = self._jobs.beside("models", partial(_list, self._folder), done, failed)

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    def _show(
        self, first: str, entries: list[ModelEntry | None], active: int | None, chosen: int | None
    ) -> None:
        self._first, self._entries, self._active = first, entries, active
        show_rows(self.table, [self._cells(entry) for entry in entries])
        numbers = [*map(_number, entries)]
        if numbers:
            self.table.setCurrentCell(numbers.index(chosen if chosen in numbers else active), 0)
        self._on_chosen()

    def _cells(self, entry: ModelEntry | None) -> tuple[str, ...]:
        used = "● in use" if _number(entry) == self._active else ""
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
        self.use_button.setEnabled(chosen and _number(entry) != self._active)
        told = entry.sentence if entry is not None else _FIRST if chosen else ""
        if entry is not None and entry.reason:
            told += f" Promoted against the verdict. Reason: {entry.reason}"
        self.detail.setText(told)

    def _use(self) -> None:
        chosen, entry = self._chosen()
        if not chosen or self._folder is None:
            return
        self.use_button.setEnabled(False)
        folder, number = self._folder, _number(entry)
        work = partial(_use, folder, number, self._settings.who)
        used = partial(self._on_used, folder, number)
        self._jobs.submit("use", lambda _job: work(), lambda _none: used(), self._on_failed)

    def _on_used(self, folder: Path, number: int | None) -> None:
        if folder == self._folder:
            self._show(self._first, self._entries, number, number)
        self.refresh()
        self.model_changed.emit()

    def _on_failed(self, error: VesselError) -> None:
        self.refresh(str(error))


def _list(folder: Path, _job: Job) -> tuple[str, list[ModelEntry | None], int | None]:
    """Give what the study began with, its models (None: that one), and the number of the one in use."""
    from vesselapp.study.models import Registry
    from vesselapp.study.study import Study

    registry = Registry(folder)
    active = registry.active()  # before the list, to which somebody else may add
    return _first_of(Study.open(folder)), [None, *registry.entries()], _number(active)


def _number(entry: ModelEntry | None) -> int | None:
    return None if entry is None else entry.number


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
