"""How far the open picture is: its state, note and figures, as they change under a person's hands."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from vesselapp.core import evidence as ev
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import Correction
from vesselapp.core.geometry import Box, box_of
from vesselapp.core.stamps import time_stamp
from vesselapp.state.answers import Answer
from vesselapp.state.document import Document
from vesselapp.state.pictures import Entry
from vesselapp.state.sitting import Sitting
from vesselapp.state.standing import Hold
from vesselapp.study.journal import Edited, Operation, Viewed
from vesselapp.study.record import ImageFacts, Record, State

if TYPE_CHECKING:
    from vesselapp.study.kept import Kept

LONGEST_PAUSE_S = 30.0
"""Who gives no sign for longer is counted as away."""


class Review:
    """The record of one open picture.

    Parameters
    ----------
    entry : Entry
        Its row in the list, kept true.
    document : Document
    facts : ImageFacts
    kept : Kept or None
        What there is already.
    who : str

    Attributes
    ----------
    record : Record
    saved : str
        When the newest of what was there got to the disk, ISO 8601, UTC; empty where that isn't known.
    sized : bool
        Whether the answer in sight goes by the size of cells, as far as is known.
    changed : Signal
        What the record says, beyond its figures, has changed.
    taken_back : Signal
        It was reviewed, and isn't any longer: something was changed in it.
    begun : Signal
        There is something of the person's to keep, from now on.
    """

    changed = Signal()
    taken_back = Signal()
    begun = Signal()

    def __init__(
        self, entry: Entry, document: Document, facts: ImageFacts, kept: Kept | None, who: str
    ) -> None:
        self.entry, self.document, self.who = entry, document, who
        self.sitting: Sitting | None = None
        self._last_input: float | None = None
        self._touched = kept is not None
        self._changed_here = False
        self._answer_kept = kept.answer if kept is not None else None
        record = (kept.record if kept is not None else None) or _first_record(document, facts, kept)
        self.record = replace(record, image=facts.image, path=facts.path)  # it may be called otherwise now
        self.saved = kept.saved if kept is not None else ""
        self.sized = True
        self.entry.take(self.record)
        document.happened.connect(self._on_happened)

    # -- what a person says ------------------------------------------------------------------------------

    def mark(self, state: State, *, boxes: tuple[Box, ...] = (), nothing_there: bool = False) -> None:
        """Set the state.

        Parameters
        ----------
        state : State
        boxes : tuple of Box
            With ``reviewed``: where the person looked (px); empty: everywhere.
        nothing_there : bool
            With ``reviewed``: there is nothing to find.

        Raises
        ------
        VesselError
            Where nothing can be changed.
        """
        if self.document.locked:
            raise VesselError(self.document.locked)
        if state is State.REVIEWED and self.document.probability is None:
            self.record = self.record.without_model  # an earlier model's answer isn't what is judged
        self._change(
            told=True,
            judged=state is State.REVIEWED,
            state=state,
            nothing_there=nothing_there,
            reviewed_boxes=tuple((box.left, box.top, box.right, box.bottom) for box in boxes),
            threshold=self.document.threshold,
            level=self.document.level,
            adapted_px=self._adapted_px(),
        )

    def mark_in_sight(self, box: Box) -> None:
        """Say that what is in a box (px) is right, and nothing of the rest; further boxes add to it."""
        record = self.record
        before = record.reviewed_boxes if record.state is State.REVIEWED else ()
        boxes = dict.fromkeys([*(Box(*one) for one in before), box])
        self.mark(State.REVIEWED, boxes=tuple(boxes))

    def mark_nothing_there(self) -> None:
        """Erase all that was found, as one edit, and say that there is nothing to find."""
        if not self.document.locked:
            mask = self.document.mask()
            if mask.any():
                self.document.change("Nothing there", [(box_of(mask), mask)], Correction.BACKGROUND)
        self.mark(State.REVIEWED, nothing_there=True)

    def set_note(self, note: str) -> None:
        """Keep the person's own words."""
        if note != self.record.note and not self.document.locked:
            self._change(told=True, note=note)

    def set_object_diameter(self, diameter: float | None) -> None:
        """Keep how wide (px) the person says the cells are; None: the app finds it."""
        if diameter != self.record.object_diameter and not self.document.locked:
            self._change(told=True, object_diameter=diameter)

    # -- what happens ------------------------------------------------------------------------------------

    def note_input(self, now: float | None = None) -> None:
        """Count the time since the last sign of work, unless it was a pause (now: as `time.monotonic`)."""
        now = time.monotonic() if now is None else now
        before, self._last_input = self._last_input, now
        if before is not None and now - before < LONGEST_PAUSE_S:
            # No reason to write by itself: the figure goes with what is written anyway.
            self.record = replace(self.record, active_seconds=self.record.active_seconds + now - before)

    def note_answer(self, answer: Answer) -> None:
        """Take note of whose answer is corrected; one that was judged earlier is no news."""
        self.sized = answer.sized or answer.judged
        if answer.judged:
            return
        size = answer.object_diameter if answer.sized else self.record.object_diameter
        self._note_mask(
            model=answer.model,
            model_version=answer.version,
            model_sha256=answer.model_sha256,
            object_diameter=size,
        )
        self.changed.emit()

    def note_adapted(self) -> None:
        """Take note of what the answer in sight is adapted by."""
        self._note_mask()

    def _note_mask(self, **changes: object) -> None:
        """Take note of another answer in sight, and of facts about it.

        Where it is another than the one that was judged, the mask may be another too: the picture is in
        progress again. The disk is told of it where the answer judged is kept, or anything was changed here.
        """
        document, record, kept = self.document, self.record, self._answer_kept
        same = kept is not None and record.level == document.level and np.array_equal(kept, self._in_sight())
        changes |= {"threshold": document.threshold, "level": document.level}
        changes["adapted_px"] = self._adapted_px()
        self.record = replace(record, **changes)  # type: ignore[arg-type]
        if document.locked:
            return
        judged = kept is not None and not same
        reviewed = record.state is State.REVIEWED and not same
        if reviewed and bool((document.corrections == Correction.NONE).any()):
            self._change(
                told=True,
                judged=judged,
                state=State.IN_PROGRESS,
                nothing_there=False,
                reviewed_boxes=(),
            )
        elif judged or self._changed_here:
            self._hand_over(told=False, judged=judged)

    def _hand_over(self, *, told: bool, judged: bool) -> None:
        """Hand the record on to the disk; judged: with the answer in sight, so that both are of one model."""
        if self.sitting is None:
            return
        if judged:
            self._answer_kept = self._in_sight()
        self.sitting.put_record(self.record, told=told, answer=self._answer_kept if judged else None)

    def take(self, kept: Kept) -> None:
        """Take what was read anew from disk."""
        self._touched, self._answer_kept = True, kept.answer
        self._changed_here = False
        self.record, self.saved = kept.record or self.record, kept.saved
        self.entry.take(self.record)
        self.changed.emit()

    def leave(self) -> None:
        """Hand the last figures on where anything was changed here; nothing is counted from now on."""
        self.document.happened.disconnect(self._on_happened, missing_ok=True)
        if self._changed_here and self.sitting is not None and not self.document.locked:
            self.sitting.put_record(self.record)

    def resume(self) -> None:
        """Go on after `leave`."""
        self._last_input = None
        self.document.happened.connect(self._on_happened)

    def list_as(self, entry: Entry) -> None:
        """Show it in this row: the list may have been read anew."""
        self.entry = entry
        entry.take(self.record)

    @property
    def touched(self) -> bool:
        """Whether there is anything of the person's to keep."""
        return self._touched

    @property
    def ended(self) -> bool:
        """Whether all of it is on the disk, and its sitting at an end."""
        return self.sitting is None or self.sitting.standing.hold is Hold.ENDED

    def lasting(self, answer: Answer | None) -> Answer | None:
        """Give the answer in sight where a person has judged it; None where another may replace it."""
        if self.record.state is State.REVIEWED:
            return answer or self._judged_answer()
        return answer if answer is not None and answer.judged else None

    def _judged_answer(self) -> Answer:
        """Give what was in sight without any model's answer when it was judged."""
        record = self.record
        named = (record.model, record.model_version, record.model_sha256)
        return Answer(self._in_sight(), *named, record.threshold, judged=True)

    def _on_happened(self, operation: Operation) -> None:
        if isinstance(operation, Viewed):
            return
        record, edited = self.record, isinstance(operation, Edited)
        changes: dict[str, object] = {"strokes": record.strokes + edited}
        state = record.state
        if state is State.REVIEWED or (state is State.NEW and edited):
            changes |= {"state": State.IN_PROGRESS, "nothing_there": False, "reviewed_boxes": ()}
        changes |= {"threshold": self.document.threshold, "level": self.document.level}
        changes["adapted_px"] = self._adapted_px()
        self._change(told=changes.get("state", state) is not state, **changes)  # type: ignore[arg-type]
        if state is State.REVIEWED:
            self.taken_back.emit()

    def _adapted_px(self) -> int:
        """Give from how many corrected pixels the answer in sight was adapted; 0: it is the model's own."""
        adapted = self.document.adapted
        return 0 if adapted is None else adapted.pixels

    def _in_sight(self) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        probability = self.document.probability
        if probability is None:
            return np.full((self.document.height, self.document.width), ev.LOWEST, np.uint8)
        return probability

    def _change(self, *, told: bool, judged: bool = False, **changes: object) -> None:
        """Change the record, hand it on, and show it where that is news."""
        if not self._touched:
            self._touched = True
            self.begun.emit()
        self._changed_here = True
        before = self.record
        self.record = replace(before, **changes)  # type: ignore[arg-type]
        if judged or not before.state is self.record.state is State.REVIEWED:  # whose review it is stays
            self.record = replace(self.record, who=self.who)
        self._hand_over(told=told, judged=judged)
        if told:
            self.entry.take(self.record)
            self.changed.emit()


def _first_record(document: Document, facts: ImageFacts, kept: Kept | None) -> Record:
    """Give the record of a picture that has none; where it was lost, the picture counts as in progress."""
    worked_on = kept is not None and (
        bool(kept.corrections.any()) or bool(kept.done or kept.undone) or kept.answer is not None
    )
    return Record(
        facts.image,
        facts.sha256,
        facts.height,
        facts.width,
        facts.path,
        state=State.IN_PROGRESS if worked_on else State.NEW,
        threshold=document.threshold,
        level=document.level,
        created=time_stamp(),
        strokes=0 if kept is None else len(kept.done),
    )
