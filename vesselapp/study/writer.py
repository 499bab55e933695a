"""The one who writes an annotation."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import vesselapp
from vesselapp.core.edits import newest_within
from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write, telling
from vesselapp.core.stamps import time_stamp
from vesselapp.study.apart import put_apart
from vesselapp.study.audit import AuditLog
from vesselapp.study.journal import EMPTY_PLANE, JOURNAL_NAME, Header, Operation, Viewed, encode
from vesselapp.study.journal_file import Changed, JournalFile
from vesselapp.study.lock import Lock, Lost
from vesselapp.study.pictures import key_in
from vesselapp.study.plane_png import Damaged
from vesselapp.study.reading import Found, file_bytes
from vesselapp.study.record import (
    RECORD_NAME,
    ImageFacts,
    Record,
    State,
    first_record,
    record_bytes,
    says_more,
)
from vesselapp.study.replay import (
    edits_of,
    journal_of,
    judged_of,
    operations_of,
    plane_before,
)
from vesselapp.study.seal import Sealed, seal_of
from vesselapp.study.snapshot import (
    ANSWER_NAME,
    SNAPSHOT_NAME,
    read_answer,
    read_snapshot,
    write_answer,
    write_snapshot,
)

if TYPE_CHECKING:
    from vesselapp.study.kept import Kept

_SLACK = 1.25
_SLACK_BYTES = 2**18
"""The journal is written anew when it is so much longer than what it is needed for."""
_BASE64 = 4 / 3


class Writer:
    """The one who writes an annotation; for one thread at a time (made by `AnnotationFolder.open`).

    Each method raises `Lost` where the lock was taken over meanwhile, for good, and VesselError where the
    disk says no: what was given is not on disk then, and the call may be made again.

    Attributes
    ----------
    kept : Kept or None
        What was there when it was opened.
    lock : Lock
    cap_bytes : int
        How many bytes of undo history are kept; the same as the window's.
    gone : str
        A sentence where what was kept of the picture is gone; else empty.
    told : str
        What a person should know since it was opened: what of others was kept apart.
    """

    def __init__(
        self, folder: Path, study: Path | None, lock: Lock, facts: ImageFacts, found: Found, cap_bytes: int
    ) -> None:
        self.kept: Kept | None = None
        self.gone = self.told = ""
        self.lock, self.cap_bytes = lock, cap_bytes
        self._folder, self._study, self._facts = folder, study, facts
        self._state = found.state.copy()
        self._state.plane = None  # it is the window's: here, changes are only collected
        self._header = found.header
        self._journal = JournalFile(folder / JOURNAL_NAME, found.journal_bytes, found.digest, lock.check)
        self._snapshot = found.snapshot  # what is in the folder may be another program's by now
        self._hashes = dict(found.hashes)
        self._record = self._logged = found.record
        self._unsealed = found.there and (lock.unclean or bool(found.notes))
        self._journal_slack = _SLACK_BYTES
        self._apart = set[str]()

    @property
    def number(self) -> int:
        """Number of the last operation on disk."""
        return self._state.number

    @property
    def record(self) -> Record | None:
        """The record on disk; None where there is none yet."""
        return self._record

    def history(self) -> tuple[list[Operation], bool]:
        """Give the fewest operations that lead to what is on disk; whether nothing was done before."""
        header = self._header
        whole = SNAPSHOT_NAME not in self._hashes if header is None else header.plane == EMPTY_PLANE
        return operations_of(self._state), whole

    # -- writing --------------------------------------------------------------------------------------------

    def append(self, operations: Sequence[Operation]) -> None:
        """Put operations on the disk; they are there when this returns.

        Raises
        ------
        ValueError
            For an undo or redo where there is nothing to undo or redo.
        Lost, VesselError
            See the class.
        """
        if not operations:
            return
        trial = self._state.copy()
        for operation in operations:
            trial.take(operation)
        if not all(isinstance(operation, Viewed) for operation in operations):
            self._take_review_back()
        first = self._state.number + 1
        lines = b"".join(encode(number, operation) for number, operation in enumerate(operations, first))
        with self._told():
            self.lock.check()
            if self._header is None:
                self._renew_journal()
            self._unsealed = True
            try:
                self._journal.append(lines)
            except Changed:
                self._renew_journal()
                self._journal.append(lines)
            for operation in operations:
                self._state.take(operation)
            self._notice_loss()

    def write_record(self, record: Record) -> None:
        """Write the record; ``saved``, ``software``, ``audit``, ``judged``, what is missing are filled in."""
        before = self._record
        now = time_stamp()
        record = replace(
            record,
            judged=self._judged(record),
            saved=now,
            software=f"vesselapp {vesselapp.__version__}",
            who=record.who or self.lock.holder.who,
            created=record.created or (before.created if before is not None else "") or now,
            audit=before.audit if before is not None else "",
        )
        with self._told():
            self.lock.check()
            if self._study is not None and (not record.audit or says_more(record, self._logged)):
                self._seal(record)
            else:
                self._put_record(record)
                self._unsealed = True

    def write_answer(self, plane: NDArray[np.uint8]) -> None:
        """Keep the probability ((H, W) uint8, 1-253) that the person judged, unless it is the one kept."""
        if self._answer_is(plane):
            return
        self._take_review_back()
        with self._told():
            self._unsealed = True
            self._keep_of_others(ANSWER_NAME)
            self._hashes[ANSWER_NAME] = write_answer(self._folder / ANSWER_NAME, plane, self.lock.check)

    def compact(self) -> None:
        """Make the snapshot anew from what is on disk; drop undo history beyond the cap of bytes."""
        if self._header is None:
            return
        with self._told():
            if self._state.pending or (self._unsealed and not self._is_ours(SNAPSHOT_NAME)):
                self._write_snapshot(self._plane())
            if self._unsealed and not self._journal.is_ours:
                self._renew_journal()
            edits = edits_of([*self._state.done, *self._state.undone])
            live = sum(edit.size for edit in edits) * _BASE64
            if self._journal.length > min(live, self.cap_bytes * _BASE64) * _SLACK + self._journal_slack:
                self._renew_journal()

    def refresh(self) -> None:
        """Give the lock's sign of life, every `HEARTBEAT_SECONDS`."""
        self.lock.refresh()

    def close(self) -> None:
        """Make the snapshot, seal what was written in the audit log, and give the lock back.

        Where this fails the lock is kept, and the call may be made again; or see `abandon`.
        """
        self.compact()
        if self._unsealed:
            with self._told():
                self.lock.check()
                record = self._record or self._first_record()
                record = replace(record, image=self._facts.image, path=self._facts.path)  # it may be renamed
                if self._study is not None:
                    self._seal(record)
                elif self._record is None or not self._is_ours(RECORD_NAME):
                    self._put_record(record)
        self.abandon()

    def abandon(self) -> None:
        """Give the lock back without writing anything more; what was appended is on the disk all the same.

        Who opens it next is told where no seal says what was written, so that no other program is suspected.
        """
        self._journal.close()
        self.lock.release(clean=self._study is None or not self._unsealed)
        with contextlib.suppress(OSError):
            self._folder.rmdir()  # where nothing was written at all

    def heal(self, found: Found) -> list[str]:
        """Take back a review that holds no longer, put damaged files apart, write anew what they should be.

        Returns
        -------
        list of str
            Sentences on where they are.

        Raises
        ------
        VesselError
            Where it can't be written; nothing is lost then.
        """
        replaced = [name for name in (JOURNAL_NAME, SNAPSHOT_NAME) if name in found.damaged]
        copied = [*replaced, RECORD_NAME] if found.former else replaced
        moved = [name for name in found.damaged if name not in replaced]
        with self._told():
            if found.lapsed and found.record is not None:
                self._put_record(found.record)
            if not found.damaged:
                return []
            why = ", ".join(f"{name}: {why}" for name, why in found.damaged.items())
            place = put_apart(self._folder, moved, copied, tell=lambda place: self._log_apart(place, why))
            for name in moved:
                self._hashes.pop(name, None)
            if replaced:
                assert found.state.plane is not None
                self._header = None
                self._write_snapshot(found.state.plane)
                self._write_journal()
            if found.former and found.record is not None:
                self._put_record(found.record)
            self._unsealed = True
        return [f"Damaged files are kept in {place}, in {self._folder}."]

    # -- how ------------------------------------------------------------------------------------------------

    def _take_review_back(self) -> None:
        """Write a record that isn't ``reviewed``, before anything is written that its review wasn't of.

        So whatever ends the app in between, a reviewed mask is the one that was judged.
        """
        record = self._record
        if record is None or record.state is not State.REVIEWED:
            return
        now = time_stamp()
        with self._told():
            self._unsealed = True  # the audit log is told with the record that follows, or at the end
            self._put_record(replace(record.taken_back, who=self.lock.holder.who, saved=now))

    def _first_record(self) -> Record:
        """Give the record of an annotation for which none was ever written."""
        state, who = self._state, self.lock.holder.who
        touched = bool(state.done or state.undone)
        return first_record(self._facts, who, touched=touched, strokes=len(state.done), level=state.level)

    def _judged(self, record: Record) -> str:
        """Say what a record's review is of."""
        before, level = self._record, self._state.level
        if record.state is not State.REVIEWED:
            return ""
        if before is not None and before.state is State.REVIEWED and before.level == record.level:
            return before.judged  # nothing that it is of was written since
        level = record.level if level is None else level
        with self._told():
            return judged_of(self._plane(), self._hashes.get(ANSWER_NAME, ""), level)

    def _is_ours(self, name: str) -> bool:
        """Tell whether a file (not the journal) is as we found or wrote it."""
        data = file_bytes(self._folder / name)
        return (None if data is None else hashlib.sha256(data).hexdigest()) == self._hashes.get(name)

    def _keep_of_others(self, name: str) -> None:
        """Copy apart what another program put in place of a file of ours, which is about to be written."""
        ours = self._journal.is_ours if name == JOURNAL_NAME else self._is_ours(name)
        data = None if ours else file_bytes(self._folder / name)
        if data is None or (sha256 := hashlib.sha256(data).hexdigest()) in self._apart:
            return
        self.lock.check()  # what a present owner wrote is his
        why = f"{name}: another program put it there"
        place = put_apart(self._folder, (), (name,), tell=lambda place: self._log_apart(place, why))
        self._apart.add(sha256)
        told = f"Another program replaced {name} meanwhile: what it put there is kept in {place}."
        self.told = f"{self.told} {told}".strip()

    def _log_apart(self, where: str, why: str) -> None:
        """Tell the audit log, if there is one, of a folder of files that were put apart."""
        if self._study is not None:
            facts = {"picture": key_in(self._folder), "where": where, "why": why}
            AuditLog(self._study).append(self.lock.holder.who, "kept apart", **facts)

    def _answer_is(self, plane: NDArray[np.uint8]) -> bool:
        """Tell whether the answer on disk is this one."""
        data = file_bytes(self._folder / ANSWER_NAME)
        if data is None or hashlib.sha256(data).hexdigest() != self._hashes.get(ANSWER_NAME):
            return False
        with contextlib.suppress(Damaged):
            return np.array_equal(read_answer(data, *plane.shape), plane)
        return False

    def _plane(self) -> NDArray[np.uint8]:
        """Give the corrections as they were acknowledged: our last snapshot, and what was done since."""
        size, data = (self._facts.height, self._facts.width), self._snapshot
        plane = np.zeros(size, np.uint8) if data is None else read_snapshot(data, *size)[0]
        for edit in self._state.pending:
            edit.apply(plane)
        return plane

    def _write_snapshot(self, plane: NDArray[np.uint8]) -> None:
        state, path = self._state, self._folder / SNAPSHOT_NAME
        self._unsealed = True
        self._keep_of_others(SNAPSHOT_NAME)
        self._snapshot = write_snapshot(path, plane, state.number, self.lock.check)
        self._hashes[SNAPSHOT_NAME] = hashlib.sha256(self._snapshot).hexdigest()
        state.snapshot, state.pending = state.number, []

    def _renew_journal(self) -> None:
        """Write the journal anew; what another program put in its place is kept apart."""
        self._keep_of_others(JOURNAL_NAME)
        self._write_journal()

    def _write_journal(self) -> None:
        """Write the journal anew: the history within the cap, without what is no longer needed."""
        state, facts, plane = self._state, self._facts, None
        state.number = max(state.number, len(operations_of(state)))  # numbers begin with 1
        if state.number and (state.snapshot != state.number or not self._is_ours(SNAPSHOT_NAME)):
            plane = self._plane()
            self._write_snapshot(plane)
        done = edits_of(state.done)
        kept = newest_within(done, edits_of(state.undone), self.cap_bytes)
        if self._header is not None and len(kept) == len(done):
            before = self._header.plane
        else:
            before = plane_before(self._plane() if plane is None else plane, kept)
        header = Header(facts.sha256, facts.height, facts.width, 0, before)
        header, data = journal_of(state, header, kept)
        self._unsealed = True
        self._journal.replace(data)
        self._header = header
        state.done = list(kept)

    def _put_record(self, record: Record) -> None:
        data = record_bytes(record)
        self._keep_of_others(RECORD_NAME)
        atomic_write(self._folder / RECORD_NAME, data, ready=self.lock.check)
        self._record, self._hashes[RECORD_NAME] = record, hashlib.sha256(data).hexdigest()

    def _seal(self, record: Record) -> None:
        """Tell the audit log what the files are now, and the record which line says so."""
        assert self._study is not None
        if self._header is not None:
            try:
                self._journal.trim()
            except Changed:
                self._renew_journal()
        files = {name: self._hashes[name] for name in (SNAPSHOT_NAME, ANSWER_NAME) if name in self._hashes}
        journal = None if self._header is None else (self._journal.length, self._journal.sha256)
        sealed = Sealed(key_in(self._folder), files, journal, seal_of(record_bytes(record)))
        self._unsealed = True  # until the record is there
        line = AuditLog(self._study).append(
            self.lock.holder.who, "saved", state=str(record.state), image=record.image, **sealed.facts()
        )
        self._put_record(replace(record, audit=line))
        self._logged = self._record
        self._unsealed = False

    def _notice_loss(self) -> None:
        """See that the lock was ours to the end of a write; what a disk says after that is no matter."""
        try:
            self.lock.check()
        except Lost:
            raise
        except VesselError:
            pass

    def _told(self) -> AbstractContextManager[None]:
        return telling(f"{self._folder} can't be written")
