"""What one sitting has still to write, when, and what the disk holds below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.edits import digest_of
from vesselapp.state.standing import Unsaved, follow
from vesselapp.study.journal import Levelled, Operation, Viewed
from vesselapp.study.record import Record

if TYPE_CHECKING:
    from vesselapp.study.kept import Kept

EDIT_S = 0.015
"""So long an edit waits, so that the window is done with it before another thread wants the interpreter."""
SETTLE_S = 0.06
"""A threshold or a view is written when it has stood still for so long."""
LONGEST_SETTLE_S = 0.5
RECORD_S = 5.0
NEVER = float("inf")
_FLEETING = (Levelled, Viewed)


class Backlog:
    """Holds what is unsaved of one picture; its owner sees to it that one thread at a time uses it.

    Attributes
    ----------
    number : int
        Of the newest operation on the disk.
    known : Record or None
        The record on the disk, as it was when last read.
    since : float or None
        When the oldest thing was done that isn't on the disk (as `time.monotonic`, like all times here).
    """

    def __init__(self) -> None:
        self.number = 0
        self.known: Record | None = None
        self.since: float | None = None
        self._done: list[str] = []
        self._undone: list[str] = []
        self._judged: NDArray[np.uint8] | None = None
        self._pending: list[Operation] = []
        self._in_flight: list[Operation] = []
        self._pending_since = 0.0
        self._record: Record | None = None
        self._told = False
        self._answer: NDArray[np.uint8] | None = None
        self._write_at = self._record_at = NEVER

    def begin(self, kept: Kept | None, done: Sequence[str], undone: Sequence[str]) -> None:
        """Take note of what the disk holds, and of its history's names (`digest_of`)."""
        self.number = 0 if kept is None else kept.number
        self.known = None if kept is None else kept.record
        self._judged = None if kept is None else kept.answer
        self._done, self._undone = list(done), list(undone)

    # -- what is done --------------------------------------------------------------------------------------

    def put(self, operation: Operation, now: float) -> None:
        """Take an operation; a threshold or a view takes the place of the one before."""
        if not self._pending:
            self._pending_since = now
        last = self._pending[-1] if self._pending else None
        if isinstance(operation, _FLEETING) and type(last) is type(operation):
            self._pending[-1] = operation
        else:
            self._pending.append(operation)
        if all(isinstance(waiting, _FLEETING) for waiting in self._pending):
            self._write_at = min(now + SETTLE_S, self._pending_since + LONGEST_SETTLE_S)
        else:
            self._write_at = now + EDIT_S
        if not isinstance(operation, Viewed):
            self.since = self.since or now

    def put_record(self, record: Record, now: float, *, told: bool, answer: NDArray[np.uint8] | None) -> None:
        """Take the record in place of the one before (see `Sitting.put_record`)."""
        if answer is not None:
            self._answer, told = answer, True
        self._record, self._told = record, self._told or told
        self._record_at = now if self._told else min(self._record_at, now + RECORD_S)
        if told:
            self.since = self.since or now

    # -- what is written -----------------------------------------------------------------------------------

    @property
    def due(self) -> float:
        """When something is to be written next."""
        return min(self._write_at, self._record_at)

    def hurry(self) -> None:
        """Make the record due."""
        self._record_at = NEVER if self._record is None else 0.0

    def write_by(self, now: float) -> None:
        """Make operations due then."""
        self._write_at = now

    def take(
        self, now: float, *, all_of_it: bool
    ) -> tuple[list[Operation], NDArray[np.uint8] | None, Record | None]:
        """Give the operations, the answer and (where it is due, or all is) the record to write."""
        self._in_flight, self._pending = self.operations, []
        self._write_at = NEVER
        record = self._record if all_of_it or self._record_at <= now else None
        return list(self._in_flight), self._answer, record

    def appended(self, batch: Sequence[Operation]) -> None:
        """Note that these operations are on the disk."""
        self.number += len(batch)
        for operation in batch:
            follow(self._done, self._undone, operation, digest_of)
        self._in_flight = []

    def answered(self, answer: NDArray[np.uint8]) -> None:
        """Note that this answer is on the disk."""
        self._judged, self._answer = answer, None if self._answer is answer else self._answer

    def recorded(self, record: Record) -> None:
        """Note that this record is on the disk."""
        if self._record is record:
            self._drop_record()

    def put_back(self, mine: Unsaved) -> None:
        """Let go what was put on top of what others did: it is on the disk, and not put there again."""
        self._pending, self._in_flight = self.operations[len(mine.operations) :], []
        self._drop_record()
        self._answer = None

    def written_anew(
        self, number: int, done: Sequence[str], undone: Sequence[str], record: Record | None
    ) -> None:
        """Note that the disk holds operations and nothing else; answer and record are to be written again.

        Parameters
        ----------
        number : int
        done, undone : sequence of str
            The names of the history that is there.
        record : Record or None
            The one that was on the disk.
        """
        self.number, self._done, self._undone = number, list(done), list(undone)
        self._answer = self._judged if self._answer is None else self._answer
        if self._record is None and record is not None:
            self._record = record.taken_back if self.operations else record
        if self._record is not None:
            self._told, self._record_at = True, 0.0

    # -- what is unsaved -----------------------------------------------------------------------------------

    @property
    def operations(self) -> list[Operation]:
        """All that isn't on the disk, or not surely, oldest first."""
        return [*self._in_flight, *self._pending]

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits, not even a view."""
        return not self._pending and not self.unsaved(None).count

    @property
    def has_record(self) -> bool:
        """Whether a record waits, be it for its figures only."""
        return self._record is not None

    def unsaved(self, begun: Record | None) -> Unsaved:
        """Give what isn't on the disk, where that record is."""
        operations, done, undone = tuple(self.operations), tuple(self._done), tuple(self._undone)
        return Unsaved(self.number, done, operations, self._record, self._told, self._answer, begun, undone)

    def _drop_record(self) -> None:
        self._record, self._told, self._record_at = None, False, NEVER
