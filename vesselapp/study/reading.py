"""Reading an annotation folder, whatever happened to it: what is sound is used, what is not is named."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.errors import VesselError
from vesselapp.core.files import reason
from vesselapp.study.journal import (
    EMPTY_PLANE,
    JOURNAL_NAME,
    Header,
    Line,
    decode_header,
    read_lines,
)
from vesselapp.study.migrate import parse_any_record
from vesselapp.study.plane_png import Damaged
from vesselapp.study.record import RECORD_NAME, Record, State
from vesselapp.study.replay import Replay, edits_of, judged_of, plane_before
from vesselapp.study.seal import Sealed, seal_of
from vesselapp.study.snapshot import ANSWER_NAME, SNAPSHOT_NAME, read_answer, read_snapshot

if TYPE_CHECKING:
    Digest = hashlib._Hash

_TRIES = 4
_PAUSE_SECONDS = 0.05
_LAPSED = (
    "What is kept of this picture (corrections, answer, threshold) is not what was reviewed: "
    "it is in progress again."
)


@dataclass
class Found:
    """What an annotation folder holds, in the writer's words.

    Attributes
    ----------
    state : Replay
        Corrections (``plane``), history, threshold and view.
    record : Record or None
    answer : (H, W) uint8 or None
    header : Header or None
        Of a sound journal.
    journal_bytes : int
        Length of the journal's sound part.
    digest
        Running sha256 of that part.
    snapshot : bytes or None
        The file of the corrections as it was read.
    hashes : dict
        sha256 of the other files as they were read, by name; also of damaged ones.
    damaged : dict
        What is wrong, by file name.
    notes : list of str
    former : bool
        Whether it is of format 1.
    images : list of (str, int, int)
        Hash, height and width of the image it was made on, by the record and by the journal.
    foreign : bool
        Whether it belongs to another image than was asked for; nothing more of it is read then.
    unplaced : bool
        Whether the journal builds on corrections that are lost.
    lapsed : bool
        Whether the record's review isn't of what is there, and was taken back here.
    record_seal : str
        See `vesselapp.study.seal.seal_of`; empty where there is no sound record.
    there : bool
        Whether there is anything at all.
    """

    state: Replay
    record: Record | None = None
    answer: NDArray[np.uint8] | None = None
    header: Header | None = None
    journal_bytes: int = 0
    digest: Digest = field(default_factory=hashlib.sha256)
    snapshot: bytes | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    former: bool = False
    images: list[tuple[str, int, int]] = field(default_factory=list)
    foreign: bool = False
    unplaced: bool = False
    lapsed: bool = False
    record_seal: str = ""
    there: bool = False

    def sealed(self, picture: str) -> Sealed:
        """Give what a seal would say of the files (see `vesselapp.study.seal`)."""
        sound = [n for n in (SNAPSHOT_NAME, ANSWER_NAME) if n in self.hashes and n not in self.damaged]
        files = {name: self.hashes[name] for name in sound}
        journal = None if self.header is None else (self.journal_bytes, self.digest.hexdigest())
        return Sealed(picture, files, journal, self.record_seal)


def read_annotation(folder: Path, sha256: str, height: int, width: int) -> Found:
    """Read an annotation folder without touching it.

    Where somebody else writes it at this moment, record, snapshot and journal may not belong together; they
    are read again until they do. A review that isn't of what is there doesn't count.

    Raises
    ------
    VesselError
        Where a file can't be read just now, or a newer version of the app wrote it.
    """
    for attempt in range(_TRIES):
        try:
            record = file_bytes(folder / RECORD_NAME)
            found = _read_once(folder, record, sha256, height, width)
            settled = file_bytes(folder / RECORD_NAME) == record
        except OSError as problem:
            raise VesselError(
                f"The annotation in {folder} can't be read: {reason(problem)}.",
                "Nothing was changed. Open the picture again once the drive answers.",
            ) from problem
        holds = _holds(found)
        if (settled and holds and not found.damaged) or attempt == _TRIES - 1:
            break
        time.sleep(_PAUSE_SECONDS)
    if found.record is not None and not (settled and holds):
        found.record = found.record.taken_back
        found.lapsed = settled  # else somebody works on it just now
    if found.lapsed:
        found.notes.append(_LAPSED)
    return found


def _holds(found: Found) -> bool:
    """Tell whether a review, if there is one, is of the corrections, answer and threshold that were found."""
    record, state = found.record, found.state
    if record is None or found.foreign or record.state is not State.REVIEWED:
        return True
    if not record.judged:  # given before records said what a review is of
        there = found.header is not None or SNAPSHOT_NAME in found.hashes
        return not found.damaged and (there or not record.strokes)
    assert state.plane is not None
    answer = found.hashes[ANSWER_NAME] if found.answer is not None else ""
    level = record.level if state.level is None else state.level
    return record.judged == judged_of(state.plane, answer, level)


def file_bytes(path: Path) -> bytes | None:
    """Read a file; None where there is none."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _read_once(folder: Path, record: bytes | None, sha256: str, height: int, width: int) -> Found:
    found = Found(Replay(np.zeros((height, width), np.uint8), 0, 0))
    _read_record(record, found)
    snapshot = file_bytes(folder / SNAPSHOT_NAME)
    try:
        journal: BinaryIO | None = (folder / JOURNAL_NAME).open("rb")
    except (FileNotFoundError, NotADirectoryError):
        journal = None
    found.there |= snapshot is not None or journal is not None or (folder / ANSWER_NAME).exists()
    with journal or contextlib.nullcontext():
        if journal is not None:
            _read_header(found, journal)
        said = [of for of in (found.record, found.header) if of is not None]
        found.images = [(of.sha256, of.height, of.width) for of in said]
        found.foreign = any(image != (sha256, height, width) for image in found.images)
        if found.foreign:
            return found
        _read_answer(folder, found, height, width)
        _begin(found, snapshot)
        if journal is not None:
            _replay(found, read_lines(journal, found.header or Header(sha256, height, width)))
    if found.former and found.record is not None:
        found.state.level = found.record.level
    _finish(found)
    return found


def _read_record(data: bytes | None, found: Found) -> None:
    if data is None:
        return
    found.there = True
    found.hashes[RECORD_NAME] = hashlib.sha256(data).hexdigest()
    try:
        found.record, found.former = parse_any_record(data)
        found.record_seal = seal_of(data)
    except ValueError:
        found.damaged[RECORD_NAME] = "it is damaged"
        found.notes.append("The record of this picture (review state, note) is damaged; it is kept apart.")


def _read_answer(folder: Path, found: Found, height: int, width: int) -> None:
    data = file_bytes(folder / ANSWER_NAME)
    if data is None:
        return
    found.hashes[ANSWER_NAME] = hashlib.sha256(data).hexdigest()
    try:
        found.answer = read_answer(data, height, width)
    except Damaged as problem:
        found.damaged[ANSWER_NAME] = str(problem)
        found.notes.append("The model's answer kept for this picture is damaged; it is kept apart.")


def _read_header(found: Found, journal: BinaryIO) -> None:
    raw = journal.readline()
    try:
        found.header = decode_header(raw)
    except ValueError:
        found.damaged[JOURNAL_NAME] = "its first line is damaged"
        return
    found.digest.update(raw)
    found.journal_bytes = len(raw)


def _begin(found: Found, snapshot: bytes | None) -> None:
    """Begin the state with the snapshot, or without one where the journal goes back to the very beginning."""
    header, plane = found.header, found.state.plane
    assert plane is not None
    base = header.base if header is not None else 0
    problem = "it is missing"
    if snapshot is not None:
        found.snapshot, found.hashes[SNAPSHOT_NAME] = snapshot, hashlib.sha256(snapshot).hexdigest()
        try:
            corrections, sequence = read_snapshot(snapshot, *plane.shape)
        except Damaged as damage:
            problem = str(damage)
        else:
            if sequence >= base:
                found.state = Replay(corrections, sequence, base)
                return
            problem = "it is older than the journal"
    elif base == 0 and (header is None or header.plane == EMPTY_PLANE):
        return  # there was none yet
    found.damaged[SNAPSHOT_NAME] = problem
    found.state = Replay(plane, base, base)
    if header is not None and header.plane == EMPTY_PLANE:
        _note_redone(found)
    else:
        found.notes.append(f"The file of the corrections can't be used ({problem}); it is kept apart.")
        found.unplaced = True


def _note_redone(found: Found) -> None:
    problem = found.damaged[SNAPSHOT_NAME]
    found.notes.append(f"The file of the corrections couldn't be used ({problem}): they were redone.")


def _replay(found: Found, lines: Iterable[Line]) -> None:
    """Take the operations, as far as what they build on is known."""
    state = found.state
    for line in lines:
        if line.operation is None and not line.whole:
            return  # it was being written when the app ended, and never acknowledged
        before = line.number - 1
        usable = line.operation is not None and not found.unplaced
        if usable and state.number < before <= state.snapshot:
            found.damaged[JOURNAL_NAME] = f"step {state.number + 1} is damaged"
            state.skip_to(line.number)  # what was lost is in the snapshot
        try:
            if not usable or before != state.number or line.operation is None:
                raise ValueError("it can't be placed")
            state.take(line.operation)
        except ValueError:
            found.damaged.setdefault(JOURNAL_NAME, f"step {state.number + 1} is damaged")
            continue
        if JOURNAL_NAME not in found.damaged:
            found.digest.update(line.raw)
            found.journal_bytes += len(line.raw)


def _finish(found: Found) -> None:
    state = found.state
    if found.header is not None and state.number < state.snapshot:
        found.damaged.setdefault(JOURNAL_NAME, "it ends before the snapshot")
    if SNAPSHOT_NAME in found.hashes and not found.damaged.keys() & {SNAPSHOT_NAME, JOURNAL_NAME}:
        _hold_together(found)
    state = found.state
    state.finish()
    if JOURNAL_NAME in found.damaged:
        what = found.damaged[JOURNAL_NAME]
        found.notes.append(f"The journal was damaged ({what}); all of it is kept apart as it was.")


def _hold_together(found: Found) -> None:
    """See that snapshot and journal are of one another: undoing all leads to where the journal begins.

    Where they aren't (another program put one of them there), corrections are redone from a journal that goes
    back to the first stroke; else they stay the snapshot's.
    """
    header, state = found.header, found.state
    plane, edits = state.plane, edits_of(state.done)
    if header is None or plane is None or len(edits) < len(state.done):
        return
    with contextlib.suppress(VesselError):  # a damaged step tells nothing
        if plane_before(plane, edits) == header.plane:
            return
        if header.plane == EMPTY_PLANE:
            found.damaged[SNAPSHOT_NAME] = "it isn't of this journal"
            _note_redone(found)
            plane[...] = 0
            for edit in edits:
                edit.apply(plane)
        else:
            found.damaged[JOURNAL_NAME] = "it isn't of these corrections"
            for edit in state.pending:
                edit.apply(plane)
            found.state = Replay(plane, state.snapshot, state.snapshot)
