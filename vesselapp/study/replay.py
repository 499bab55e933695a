"""From operations to where they lead: corrections, undo history, threshold, view."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.edits import Edit, toggle_all
from vesselapp.core.errors import VesselError
from vesselapp.study.journal import (
    EMPTY_PLANE,
    Edited,
    Header,
    Levelled,
    Operation,
    Redone,
    Undone,
    Viewed,
    encode,
    encode_header,
)


class Replay:
    """The state that a journal's operations lead to.

    Operations up to the snapshot's number only rebuild the history: the snapshot holds what they did. Later
    ones change the corrections too.

    Parameters
    ----------
    plane : (H, W) uint8 or None
        Corrections of the snapshot, changed in place; None: the changes are only collected.
    snapshot : int
        Number of the last operation that the snapshot holds.
    base : int
        Number of the operation before the journal's first.

    Attributes
    ----------
    number : int
        Of the last operation taken.
    done, undone : list of Edit
        Oldest first; of the undone, the next to redo is last. None stands for one that was lost.
    level : int or None
    view : dict or None
    pending : list of Edit
        What was toggled since the snapshot; the order doesn't matter.
    """

    def __init__(self, plane: NDArray[np.uint8] | None, snapshot: int, base: int) -> None:
        self.plane, self.snapshot, self.number = plane, snapshot, base
        self.done: list[Edit | None] = []
        self.undone: list[Edit | None] = []
        self.level: int | None = None
        self.view: dict[str, Any] | None = None
        self.pending: list[Edit] = []

    def copy(self) -> Replay:
        """Give the same state, to try operations on."""
        other = Replay(self.plane, self.snapshot, self.number)
        other.done, other.undone, other.pending = [*self.done], [*self.undone], [*self.pending]
        other.level, other.view = self.level, self.view
        return other

    def take(self, operation: Operation) -> None:
        """Take the next operation.

        Raises
        ------
        ValueError
            Where it can't be done (undo of nothing, damaged data); nothing was changed then.
        """
        match operation:
            case Edited(edit):
                self._toggle(edit)
                self.done.append(edit)
                self.undone.clear()
            case Undone():
                self._move(self.done, self.undone)
            case Redone():
                self._move(self.undone, self.done)
            case Levelled(level):
                self.level = level
            case Viewed(view):
                self.view = view
        self.number += 1

    def skip_to(self, number: int) -> None:
        """Go on before an operation, the ones in between being lost; the snapshot must hold what they did."""
        self.done, self.undone, self.number = [], [], number - 1

    def finish(self) -> None:
        """Drop the history that can't be reached any more because steps of it were lost."""
        if self.number < self.snapshot:
            self.skip_to(self.snapshot + 1)
        self.done, self.undone = list(_after_the_last_gap(self.done)), list(_after_the_last_gap(self.undone))

    def _move(self, giver: list[Edit | None], taker: list[Edit | None]) -> None:
        edit = giver[-1] if giver else None
        self._toggle(edit)
        taker.append(edit)
        if giver:
            giver.pop()

    def _toggle(self, edit: Edit | None) -> None:
        if self.number < self.snapshot:
            return
        if edit is None:
            raise ValueError("there is nothing to undo or redo")
        if self.plane is not None:
            try:
                edit.apply(self.plane)
            except VesselError as problem:
                raise ValueError(problem.message) from problem
        self.pending.append(edit)


def edits_of(history: Sequence[Edit | None]) -> list[Edit]:
    """Give a history as it is after `Replay.finish`: without gaps."""
    return [edit for edit in history if edit is not None]


def operations_of(replay: Replay, kept: Sequence[Edit] | None = None) -> list[Operation]:
    """Give the fewest operations that lead to a state's history (kept: only these of the edits done)."""
    done, undone = edits_of(replay.done) if kept is None else kept, edits_of(replay.undone)
    operations: list[Operation] = [Edited(edit) for edit in [*done, *reversed(undone)]]
    operations += [Undone() for _ in undone]
    if replay.level is not None:
        operations.append(Levelled(replay.level))
    if replay.view is not None:
        operations.append(Viewed(replay.view))
    return operations


def journal_of(replay: Replay, header: Header, kept: Sequence[Edit]) -> tuple[Header, bytes]:
    """Write a state's history as a new journal, with numbers that end at the state's own.

    Parameters
    ----------
    replay : Replay
        Finished.
    header : Header
        Of the new journal; its ``base`` is found here.
    kept : sequence of Edit
        Those of the edits done that are not left out.
    """
    operations = operations_of(replay, kept)
    base = replay.number - len(operations)
    lines = [encode(base + place, operation) for place, operation in enumerate(operations, start=1)]
    header = replace(header, base=base)
    return header, b"".join([encode_header(header), *lines])


def plane_before(corrections: NDArray[np.uint8], edits: Sequence[Edit]) -> str:
    """Name the corrections before some edits, given those after them (see `Header.plane`)."""
    before = corrections.copy()
    toggle_all(edits, before)
    return name_of_plane(before)


def name_of_plane(plane: NDArray[np.uint8]) -> str:
    """Name a plane of corrections as `Header.plane` does."""
    if not plane.any():
        return EMPTY_PLANE
    return hashlib.sha256(np.ascontiguousarray(plane).tobytes()).hexdigest()


def judged_of(plane: NDArray[np.uint8], answer_sha256: str, level: int) -> str:
    """Name all that a reviewed mask is made of: corrections, file of the answer (or empty), threshold."""
    return hashlib.sha256(f"{name_of_plane(plane)} {answer_sha256} {level}".encode()).hexdigest()


def _after_the_last_gap(history: list[Edit | None]) -> list[Edit | None]:
    gaps = [place for place, edit in enumerate(history) if edit is None]
    return history[gaps[-1] + 1 :] if gaps else history
