"""What an annotation folder holds, in the words of those who use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesselapp.core import evidence as ev
from vesselapp.core.edits import Edit, learnt_in, newest_within
from vesselapp.core.learnt import Learnt
from vesselapp.study.reading import Found
from vesselapp.study.record import Record, State
from vesselapp.study.replay import edits_of


@dataclass(frozen=True, eq=False)
class Kept:
    """What an annotation folder holds.

    Attributes
    ----------
    corrections : (H, W) uint8
        `Correction` values.
    record : Record or None
        None where the app ended before the first one was written.
    done, undone : list of Edit
        The undo history, oldest first, and what can be redone, the next one last.
    level : int or None
        The threshold's level (2-253) where a person chose it.
    view : dict or None
        Where the person was looking.
    answer : (H, W) uint8 or None
        The probability that was judged, quantised to 1-253.
    notes : tuple of str
        What a person should know: what was damaged and where it is kept apart.
    number : int
        Of the last operation on disk: two reads with one number hold the same corrections.
    saved : str
        When the newest of it got to the disk, ISO 8601, UTC; empty where that isn't known.
    """

    corrections: NDArray[np.uint8]
    record: Record | None
    done: list[Edit]
    undone: list[Edit]
    level: int | None
    view: dict[str, Any] | None
    answer: NDArray[np.uint8] | None
    notes: tuple[str, ...] = ()
    number: int = 0
    saved: str = ""

    @property
    def mask_level(self) -> int:
        """Level (2-253) at which the mask is taken: the person's, else the record's."""
        if self.level is not None:
            return self.level
        return self.record.level if self.record is not None else ev.level_of(0.5)

    @property
    def object_diameter(self) -> float | None:
        """How wide (px) a person said the cells are; None: the app finds it."""
        return self.record.object_diameter if self.record is not None else None

    @property
    def learnt(self) -> Learnt | None:
        """What the history says that the model's answer is adapted by; None: it is the model's own."""
        return learnt_in(self.done)

    @property
    def adapted(self) -> Learnt | None:
        """What the kept answer was adapted by, as the record says; None: by nothing, or none is kept."""
        record, learnt = self.record, self.learnt
        if self.answer is None or record is None or not record.adapted_px:
            return None
        if learnt is not None and (learnt.model_sha256, learnt.pixels) == (
            record.model_sha256,
            record.adapted_px,
        ):
            return learnt
        return Learnt(None, record.model_sha256, record.adapted_px)

    @property
    def nothing_there(self) -> bool:
        """Whether a person looked and there is nothing to find, whatever a model answers."""
        record = self.record
        return record is not None and record.state is State.REVIEWED and record.nothing_there

    @property
    def needs_answer(self) -> bool:
        """Whether a mask takes a model's answer beside what is kept."""
        covered = bool((self.corrections != ev.Correction.NONE).all())
        return self.answer is None and not self.nothing_there and not covered

    def mask(self, answer: NDArray[np.uint8] | None = None, level: int | None = None) -> NDArray[np.bool_]:
        """Give the mask ((H, W) bool) as the person left it, unsure left out.

        Parameters
        ----------
        answer : (H, W) uint8, 1-253, optional
            A model's quantised probability, used where none is kept.
        level : int, optional
            That model's own, 2-253, used with its answer where no person chose one.

        Raises
        ------
        ValueError
            Where there is no answer and the corrections don't cover the picture (see `needs_answer`).
        """
        if self.nothing_there:
            return np.zeros(self.corrections.shape, np.bool_)
        plane = self.answer if self.answer is not None else answer
        if plane is None:
            if self.needs_answer:
                raise ValueError("a mask takes a model's answer here")
            plane = np.full_like(self.corrections, ev.LOWEST)
        if self.answer is not None or self.level is not None or level is None:
            level = self.mask_level
        return ev.mask_of(ev.compose(plane, self.corrections), level)


def kept_of(found: Found, cap_bytes: int) -> Kept:
    """Give what was found, with the newest of the history that takes no more than a cap of bytes."""
    done, undone = edits_of(found.state.done), edits_of(found.state.undone)
    assert found.state.plane is not None
    notes = list(found.notes)
    if found.foreign:
        notes.append(
            "The picture was replaced by another since it was annotated; that annotation is left out."
        )
    return Kept(
        found.state.plane,
        None if found.foreign else found.record,
        newest_within(done, undone, cap_bytes),
        undone,
        found.state.level,
        found.state.view,
        None if found.foreign else found.answer,
        tuple(notes),
        found.state.number,
        "" if found.foreign or found.record is None else found.record.saved,
    )
