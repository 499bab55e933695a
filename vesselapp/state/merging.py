"""Bringing strokes that could not be saved together with what has happened to the picture since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.edits import Edit, EditRecorder, digest_of
from vesselapp.core.geometry import Box
from vesselapp.state.standing import follow
from vesselapp.study.journal import Edited, Levelled, Operation, Redone, Undone
from vesselapp.study.record import Record, State
from vesselapp.study.replay import Replay

if TYPE_CHECKING:
    from vesselapp.study.kept import Kept

NAME = "Strokes put back"


def merged(
    kept: Kept,
    operations: Sequence[Operation],
    number: int,
    history: Sequence[str],
    undone: Sequence[str] = (),
) -> list[Operation] | None:
    """Give what has to be appended so that strokes come on top of what is kept.

    Where nothing has happened since, as number and history say, that is the strokes themselves. Else the
    edits of others are taken off (edits are XORs, so they come off in any order), the strokes are done on
    what is left, and the pixels that they changed become one edit on top: where both changed a pixel, the
    strokes win. Strokes that are on the disk already (the app ended before it could note it) are left as they
    are there, with whatever lies on top of them by now.

    Parameters
    ----------
    kept : Kept
        What is on the disk now.
    operations : sequence of Operation
        The strokes.
    number : int
        Of the operation that they were done after.
    history : sequence of str
        `digest_of` each edit that was done then, oldest first.
    undone : sequence of str
        Of those that could be redone, the next one last.

    Returns
    -------
    list of Operation or None
        None where what was there then can't be told any more.
    """
    there, history, undone = _there(kept, operations, number, history, undone)
    operations, number = operations[there:], number + there
    if not any(isinstance(operation, (Edited, Undone, Redone)) for operation in operations):
        return list(operations)  # a threshold or a view fits whatever is there
    if number == kept.number and _agree(history, [digest_of(edit) for edit in kept.done]):
        return list(operations)
    base = _base(kept, history)
    if base is None or (number == 0 and base.any()):
        return None
    known = {digest_of(edit): edit for edit in [*kept.done, *kept.undone]}
    replay = Replay(base.copy(), 0, number)
    replay.done = [known.get(digest) for digest in history]
    replay.undone = [known.get(digest) for digest in undone]
    try:
        for operation in operations:
            replay.take(operation)
    except ValueError:
        return None
    assert replay.plane is not None
    edit = edit_between(kept.corrections, base, replay.plane)
    out: list[Operation] = [] if edit is None else [Edited(edit)]
    out += _learnt_last(operations, replay)
    return out if replay.level is None else [*out, Levelled(replay.level)]


def merged_record(begun: Record | None, mine: Record, theirs: Record) -> Record:
    """Give the record of a picture that two people worked on: what others say, and what was said here.

    A flag is kept, unless it was taken away here. A review that was said here holds no longer, because it was
    of what the picture was before; one of others stays, unless strokes made here have taken it back.

    Parameters
    ----------
    begun : Record or None
        What the disk held when the work here began.
    mine : Record
        What was to be written in its place.
    theirs : Record
        What the disk holds now.
    """
    before = begun or Record(mine.image, mine.sha256, mine.height, mine.width)
    state = _merged_state(before.state, mine.state, theirs.state)
    reviewed = state is State.REVIEWED
    levelled = mine if mine.level != before.level and not reviewed else theirs
    sized = mine if mine.object_diameter != before.object_diameter and not reviewed else theirs
    return replace(
        theirs,
        state=state,
        nothing_there=reviewed and theirs.nothing_there,
        reviewed_boxes=theirs.reviewed_boxes if reviewed else (),
        note=_merged_note(before.note, mine.note, theirs.note),
        threshold=levelled.threshold,
        level=levelled.level,
        object_diameter=sized.object_diameter,
        who=mine.who,
        active_seconds=theirs.active_seconds + max(0.0, mine.active_seconds - before.active_seconds),
        strokes=theirs.strokes + max(0, mine.strokes - before.strokes),
    )


def _merged_state(begun: State, mine: State, theirs: State) -> State:
    if mine is begun:
        return theirs
    if mine is State.FLAGGED:
        return mine
    if theirs is State.FLAGGED and begun is not State.FLAGGED:
        return theirs
    if mine is State.REVIEWED or begun is State.NEW:
        return State.IN_PROGRESS if theirs is State.NEW else theirs
    return mine


def _merged_note(begun: str, mine: str, theirs: str) -> str:
    if mine == begun:
        return theirs
    said = theirs.splitlines()
    new = [line for line in mine.splitlines() if line not in said]
    return mine if theirs == begun else "\n".join([theirs, *new]).strip()


def _agree(history: Sequence[str], done: Sequence[str]) -> bool:
    """Tell whether histories end alike; the oldest edits may have been let go, or lost with a journal."""
    both = min(len(history), len(done))
    return list(history[len(history) - both :]) == list(done[len(done) - both :])


def _there(
    kept: Kept,
    operations: Sequence[Operation],
    number: int,
    history: Sequence[str],
    undone: Sequence[str],
) -> tuple[int, list[str], list[str]]:
    """Tell how many of the operations are on the disk already, and give the history after those.

    They are where they lead to just what is there; or, with others on top, where the edits that they made
    lie there on top of the history.
    """
    then, undone = list(history), list(undone)
    found, level, old, made = (0, list(then), list(undone)), None, len(then), set[str]()
    now = [digest_of(edit) for edit in kept.done]
    line = [*now, *(digest_of(edit) for edit in reversed(kept.undone))]
    for count, operation in enumerate(operations[: max(0, kept.number - number)], start=1):
        if isinstance(operation, Redone) and not undone:
            break  # nobody knows of what
        follow(then, undone, operation, digest_of)
        made.update([digest_of(operation.edit)] if isinstance(operation, Edited) else [])
        old = min(old, len(then))
        level = operation.level if isinstance(operation, Levelled) else level
        least = min(len(then), max(1, len(then) - old))
        same = least <= len(now) <= len(then) and _agree(then, now) and level in (None, kept.level)
        if (same and number + count == kept.number) or (made & {*then[old:]} and _lies_in(line, then, old)):
            found = count, list(then), list(undone)
    return found


def _lies_in(line: Sequence[str], then: Sequence[str], old: int) -> bool:
    """Tell whether a line of edits begins with a history, but for the oldest ones, which were let go."""
    return any(
        line[:1] == then[gone : gone + 1] and line[: len(then) - gone] == then[gone:]
        for gone in range(old + 1)
    )


def _base(kept: Kept, history: Sequence[str]) -> NDArray[np.uint8] | None:
    """Give the corrections as they were, or None where that can't be told.

    A history is a stack: what was done then is still at its beginning, or at the beginning of what can be
    redone; or its oldest edits were let go because all took too much. Two edits may be equal (drawn, and
    restored), so edits are told by their place, not by what they change alone.
    """
    drawn = [edit for edit in kept.done if edit.learnt is None]
    to_redo = [edit for edit in reversed(kept.undone) if edit.learnt is None]
    about_answers = {digest_of(edit) for edit in [*kept.done, *kept.undone] if edit.learnt is not None}
    then = [digest for digest in history if digest not in about_answers]
    now = [digest_of(edit) for edit in [*drawn, *to_redo]]
    gone = 0
    while then[gone:] != now[: len(then) - gone]:
        gone += 1
    if gone and (gone == len(then) or not set(then[:gone]).isdisjoint(now)):
        return None  # it may as well have been taken back and painted over
    known = len(then) - gone
    base = kept.corrections.copy()
    for edit in [*drawn[known:], *to_redo[: max(0, known - len(drawn))]]:
        edit.apply(base)
    return base


def _learnt_last(operations: Sequence[Operation], replay: Replay) -> list[Operation]:
    """Give what the strokes said last of whose answer is in sight, if that still holds."""
    done = [edit for edit in replay.done if edit is not None and edit.learnt is not None]
    new = [one.edit for one in operations if isinstance(one, Edited)]
    return [Edited(done[-1])] if done and any(done[-1] is edit for edit in new) else []


def edit_between(now: NDArray[np.uint8], before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Edit | None:
    """Give the edit that changes in one plane what differs between two others (all (H, W) uint8)."""
    changed = before != after
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not len(rows):
        return None
    box = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    plane = now.copy()
    recorder = EditRecorder(plane)
    recorder.about_to_change(box)
    plane[changed] = after[changed]
    return recorder.finish(NAME)
