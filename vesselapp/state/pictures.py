"""The pictures at hand: which are listed, in what order, how far each is, and which comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path

from psygnal import Signal

from vesselapp.core.image import natural_key
from vesselapp.state.sources import Source
from vesselapp.study.record import Record, State


class Mark(Enum):
    """How far a picture is, as a list shows it."""

    NEW = "new"
    IN_PROGRESS = "in progress"
    REVIEWED = "reviewed"
    NOTHING_THERE = "reviewed, nothing there"
    FLAGGED = "flagged"


class Show(Enum):
    """Which pictures a list shows."""

    ALL = "All"
    TO_DO = "To do"
    NEW = "New"
    IN_PROGRESS = "In progress"
    REVIEWED = "Reviewed"
    NOTHING_THERE = "Nothing there"
    FLAGGED = "Flagged"
    NOTED = "With a note"


class Order(Enum):
    """What a list is sorted by."""

    NAME = "Name"
    STATE = "State"
    DOUBT = "Doubt"


_MARKS = {
    State.NEW: Mark.NEW,
    State.IN_PROGRESS: Mark.IN_PROGRESS,
    State.REVIEWED: Mark.REVIEWED,
    State.FLAGGED: Mark.FLAGGED,
}
_SHOWN = {
    Show.ALL: set(Mark),
    Show.NOTED: set(Mark),
    Show.TO_DO: {Mark.NEW, Mark.IN_PROGRESS, Mark.FLAGGED},
    Show.NEW: {Mark.NEW},
    Show.IN_PROGRESS: {Mark.IN_PROGRESS},
    Show.REVIEWED: {Mark.REVIEWED, Mark.NOTHING_THERE},
    Show.NOTHING_THERE: {Mark.NOTHING_THERE},
    Show.FLAGGED: {Mark.FLAGGED},
}
_WORK_FIRST = [Mark.FLAGGED, Mark.IN_PROGRESS, Mark.NEW, Mark.REVIEWED, Mark.NOTHING_THERE]


@dataclass(eq=False)
class Entry:
    """A picture of the list.

    Attributes
    ----------
    source : Source
    key : str
        Of its annotation in the study; "" where there is none.
    state : State
    nothing_there : bool
        Reviewed, and nothing was to be found in it.
    in_part : bool
        Reviewed, but not everywhere.
    note : str
    doubt : float or None
        How much a person's word is worth there; None where no model has been asked.
    """

    source: Source
    key: str = ""
    state: State = State.NEW
    nothing_there: bool = False
    in_part: bool = False
    note: str = ""
    doubt: float | None = None

    def take(self, record: Record) -> bool:
        """Say what a record says; tell whether that is news."""
        before = self.state, self.note, self.nothing_there, self.in_part
        self.state, self.note = record.state, record.note
        self.nothing_there = record.nothing_there and record.state is State.REVIEWED
        self.in_part = bool(record.reviewed_boxes) and record.state is State.REVIEWED
        return before != (self.state, self.note, self.nothing_there, self.in_part)

    @property
    def name(self) -> str:
        """Of the picture."""
        return self.source.name

    @property
    def path(self) -> Path | None:
        """Of the picture's file."""
        return self.source.path

    @property
    def mark(self) -> Mark:
        """How far it is."""
        return Mark.NOTHING_THERE if self.nothing_there else _MARKS[self.state]

    @property
    def words(self) -> str:
        """How far it is, in words."""
        return "reviewed in part" if self.in_part else self.mark.value

    @cached_property
    def name_key(self) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
        """What it is sorted by among names: those of one folder stay together."""
        folder = str(self.path.parent) if self.path is not None else ""
        return natural_key(folder), natural_key(self.name)


class PictureList:
    """Entries, those of them that are shown, and the one that is open.

    The order is made when it is asked for and then stands still: a picture that is reviewed stays where it is
    until the list is sorted again. The open one stays in sight even where the filter would hide it.

    Attributes
    ----------
    shown : list of Entry
        As filtered and sorted.
    changed, touched, changed_rows : Signal
        The rows are others; what a row (its `Entry`) says is another; what several rows say is another.
    """

    changed = Signal()
    touched = Signal(object)
    changed_rows = Signal(object)

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.shown: list[Entry] = []
        self.current: Entry | None = None
        self.show = Show.ALL
        self.order = Order.NAME
        self.text = ""

    def set_entries(self, entries: Sequence[Entry]) -> None:
        """Take other pictures; none of them is open yet."""
        self.entries, self.current = list(entries), None
        self._arrange()

    def arrange(self, show: Show | None = None, order: Order | None = None, text: str | None = None) -> None:
        """Filter and sort anew; what is None stays as it was chosen."""
        self.show = show or self.show
        self.order = order or self.order
        self.text = self.text if text is None else text.strip().casefold()
        self._arrange()

    def refresh(self, entries: Sequence[Entry]) -> None:
        """Follow news about some entries, from disk; the order stands, the filter is applied anew."""
        if self.show is not Show.ALL or self.text or self.order is Order.STATE:
            self._arrange()
        else:
            self.changed_rows.emit(entries)

    def set_current(self, entry: Entry) -> None:
        """Say which entry is open; the one before leaves the list if the filter hides it."""
        left, self.current = self.current, entry
        if entry not in self.shown:
            self._arrange()
        elif left is not None and left is not entry and not self._matches(left):
            self.shown = [one for one in self.shown if one is not left]
            self.changed.emit()

    def beside(self, by: int) -> Entry | None:
        """Give the shown entry so many places after the open one (before it, if negative), or None."""
        if not self.shown:
            return None
        if self.current is None or self.current not in self.shown:
            return self.shown[0]
        place = self.shown.index(self.current) + by
        return self.shown[place] if 0 <= place < len(self.shown) else None

    @property
    def reviewed(self) -> int:
        """How many pictures are reviewed."""
        return sum(entry.state is State.REVIEWED for entry in self.entries)

    def _matches(self, entry: Entry) -> bool:
        return (
            entry.mark in _SHOWN[self.show]
            and (self.show is not Show.NOTED or bool(entry.note))
            and (not self.text or self.text in entry.name.casefold() or self.text in entry.note.casefold())
        )

    def _arrange(self) -> None:
        shown = [entry for entry in self.entries if entry is self.current or self._matches(entry)]
        shown.sort(key=lambda entry: entry.name_key)
        if self.order is Order.STATE:
            shown.sort(key=lambda entry: _WORK_FIRST.index(entry.mark))
        elif self.order is Order.DOUBT:
            shown.sort(key=lambda entry: (entry.doubt is None, -(entry.doubt or 0.0)))
        self.shown = shown
        self.changed.emit()
