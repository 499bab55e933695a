"""How a sitting stands: who may write, and what isn't on the disk yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.edits import Edit
from vesselapp.core.errors import VesselError
from vesselapp.study.journal import Edited, Operation, Redone, Undone, Viewed
from vesselapp.study.lock_file import Holder
from vesselapp.study.record import Record

T = TypeVar("T")


class Hold(Enum):
    """Who may write."""

    ASKED = "asked"
    MINE = "mine"
    TAKEN = "taken"
    LOST = "lost"
    ENDED = "ended"


@dataclass(frozen=True, eq=False)
class Unsaved:
    """What isn't on the disk yet: operations done after the one of that number, record and answer.

    ``history`` names the edits that were done at that number (`digest_of`), oldest first, ``undone`` those
    that could be redone, the next one last; ``told`` says
    whether the record holds something a person said (a state, a note) or goes with an answer, and not only
    figures; ``begun`` is the record that was on the disk before it.
    """

    number: int
    history: tuple[str, ...]
    operations: tuple[Operation, ...]
    record: Record | None
    told: bool
    answer: NDArray[np.uint8] | None
    begun: Record | None = None
    undone: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many things a person did that are in it; where they looked is none."""
        done = sum(not isinstance(operation, Viewed) for operation in self.operations)
        return done + self.told + (self.answer is not None)


@dataclass(frozen=True)
class Standing:
    """How a sitting stands.

    Attributes
    ----------
    hold : Hold
    holder : Holder or None
        Who else has the picture.
    unsaved : int
        Things done that aren't on the disk.
    waiting_s : float
        How long the oldest of them has waited.
    saved : datetime or None
        When the newest thing got to the disk.
    problem : VesselError or None
        Why nothing gets there just now.
    rescued : bool
        Whether what isn't there is in the rescue folder.
    rescue_problem : VesselError or None
        Why it isn't there either.
    """

    hold: Hold
    holder: Holder | None
    unsaved: int
    waiting_s: float
    saved: datetime | None
    problem: VesselError | None
    rescued: bool = False
    rescue_problem: VesselError | None = None

    @property
    def is_read_only(self) -> bool:
        """Whether somebody else has the picture."""
        return self.hold in (Hold.TAKEN, Hold.LOST)

    @property
    def words(self) -> str:
        """Why nothing can be changed, as a sentence; empty where it can."""
        return words_of(self.hold, self.holder)


def words_of(hold: Hold, holder: Holder | None) -> str:
    """Say why nothing can be changed; empty where it can."""
    if hold is Hold.ASKED:
        return "Still asking whether somebody else has this picture open."
    if hold not in (Hold.TAKEN, Hold.LOST):
        return ""
    if holder is None:
        why = "must first be read from the disk again" if hold is Hold.LOST else "is taken"
        return f"This picture {why}: it can only be looked at for now."
    where = f" on {holder.host}" if holder.host else ""
    since = f" since {local_time(holder.since)}" if holder.since else ""
    return f"{holder.who or 'Somebody'} has this picture open{where}{since}: it can only be looked at."


def local_time(stamp: str) -> str:
    """Give an ISO time as a person's own time of day, with the date where it is another day."""
    try:
        local = datetime.fromisoformat(stamp).astimezone()
    except ValueError:
        return stamp
    return f"{local:%H:%M}" if local.date() == datetime.now().date() else f"{local:%Y-%m-%d %H:%M}"


def follow(done: list[T], undone: list[T], operation: Operation, of: Callable[[Edit], T]) -> None:
    """Bring a history (the next to undo and to redo last) up to date with an operation.

    Parameters
    ----------
    done, undone : list
    operation : Operation
    of : callable
        Gives what the history holds of an edit.
    """
    if isinstance(operation, Edited):
        done.append(of(operation.edit))
        undone.clear()
    elif isinstance(operation, Undone) and done:
        undone.append(done.pop())
    elif isinstance(operation, Redone) and undone:
        done.append(undone.pop())
