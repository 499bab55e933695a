"""The rescue folder: where work waits that its own place did not take."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import secrets
import socket
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write, is_folder, patiently, reason
from vesselapp.state.rescue_file import (
    ANSWER_SUFFIX,
    APART_SUFFIX,
    SUFFIX,
    Left,
    is_kept_by_another,
    is_of,
    read,
    remove,
)
from vesselapp.state.standing import Unsaved
from vesselapp.study.journal import Edited, Header, Operation, Redone, Undone, encode, encode_header
from vesselapp.study.process import boot_id
from vesselapp.study.record import ImageFacts, Record, State

if TYPE_CHECKING:
    from vesselapp.study.annotation import AnnotationFolder, Writer
    from vesselapp.study.kept import Kept

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Put:
    """What a sitting has put here last."""

    file: Path
    content: bytes = b""
    answer: NDArray[np.uint8] | None = None
    answer_sha256: str = ""


@dataclass(frozen=True)
class Waiting:
    """Work that a sitting left here when it ended: whose study, and of which picture."""

    study: Path | None
    image: str


class Rescue:
    """A folder of work that could not be saved, one file a sitting; may be used from any thread.

    Parameters
    ----------
    folder : Path
        Made when it is needed.

    Attributes
    ----------
    waiting : dict
        By file: what sittings of this run that have ended left here, and nobody has put back yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.waiting: dict[Path, Waiting] = {}
        self._files: dict[object, _Put] = {}
        self._lock = threading.Lock()

    def keep(self, owner: object, place: AnnotationFolder, facts: ImageFacts, unsaved: Unsaved) -> None:
        """Put a sitting's unsaved work here, in place of what it put here before.

        Raises
        ------
        VesselError
            Where this folder can't be written to either.
        """
        with self._lock:
            put = self._files.setdefault(owner, _Put(self.folder / (secrets.token_hex(8) + SUFFIX)))
            answer = put.answer_sha256 if unsaved.answer is put.answer else _sha256_of(unsaved.answer)
            content = _content(place, facts, unsaved, answer)
            if content == put.content:
                return
            beside = put.file.with_suffix(ANSWER_SUFFIX)
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as problem:
                raise VesselError(f"{self.folder} can't be written: {reason(problem)}.") from problem
            new = unsaved.answer is not None and answer != put.answer_sha256
            try:
                if unsaved.answer is not None and new:
                    from vesselapp.study.snapshot import write_answer

                    write_answer(beside, unsaved.answer)
                atomic_write(put.file, content)
            except VesselError:
                if new:  # of no use alone, and in the way of the strokes where there is little room
                    _unlink(beside)
                    self._files[owner] = replace(put, answer=None, answer_sha256="")
                raise
            self._files[owner] = _Put(put.file, content, unsaved.answer, answer)
            if unsaved.answer is None and put.answer is not None:
                _unlink(beside)  # it is in its place now

    def drop(self, owner: object) -> None:
        """Forget what a sitting put here: it is in its place now."""
        with self._lock:
            put = self._files.pop(owner, None)
            if put is not None:
                remove(put.file)

    def left(self) -> list[Left]:
        """List what earlier runs left here, oldest first; what a living process keeps is its own business."""
        with self._lock:
            mine = {put.file for put in self._files.values()}
            files = list(self.folder.glob(f"*{SUFFIX}")) if is_folder(self.folder) else []
            found = [read(file) for file in files if file not in mine]
        left = [one for one in found if one is not None and not is_kept_by_another(one)]
        return sorted(left, key=lambda one: one.written)

    def left_of(self, place: AnnotationFolder, facts: ImageFacts) -> list[Left]:
        """List what earlier runs left here of one picture."""
        return [left for left in self.left() if is_of(left, place, facts)]

    def release(self, owner: object, waiting: Waiting) -> None:
        """Let what a sitting put here be put back by another: it has ended."""
        with self._lock:
            put = self._files.pop(owner, None)
            if put is not None and put.content:
                self.waiting = {**self.waiting, put.file: waiting}

    def give_sign(self) -> None:
        """Give a sign of life for what is kept here, every `SIGN_S` at least: else it counts as left."""
        with self._lock:
            files = [put.file for put in self._files.values()]
        for file in files:
            with contextlib.suppress(OSError):
                os.utime(file)

    def _no_longer_waits(self, file: Path) -> None:
        with self._lock:
            self.waiting = {one: what for one, what in self.waiting.items() if one != file}

    def put_back(
        self, writer: Writer, place: AnnotationFolder, facts: ImageFacts, unsaved: Unsaved | None = None
    ) -> tuple[bool, str]:
        """Put into its place what is unsaved of a picture: a sitting's, and what earlier runs left here.

        Parameters
        ----------
        writer : Writer
            Of the picture, just opened.
        place, facts
            Of the picture.
        unsaved : Unsaved, optional
            What a sitting has, where the picture was changed meanwhile.

        Returns
        -------
        changed : bool
            Whether anything was put back, so that what is kept is to be read anew.
        told : str
            What a person should know; may be empty.

        Raises
        ------
        VesselError
            Where it can't be written; it stays here.
        """
        kept, put_back, apart, again, damaged = writer.kept, False, "", False, ""
        for left in self.left_of(place, facts):
            kept = place.load(facts.sha256, facts.height, facts.width) if put_back else kept
            before, number = writer.record, writer.number
            if not _append(writer, kept, left):
                apart = self._set_apart(left.file)
                continue
            if left.record is not None:
                alone = number in (left.number, left.number + len(left.operations)) and not left.damaged
                _write_record(writer, before, left, left.record, facts, alone=alone)
            again = again or _is_to_review_again(writer, left.record)
            if left.damaged:
                damaged = self._set_apart(left.file)
            else:
                self._no_longer_waits(left.file)
                remove(left.file)
            put_back = True
        changed = put_back
        if unsaved is not None and (unsaved.operations or unsaved.told):
            kept = place.load(facts.sha256, facts.height, facts.width) if put_back else kept
            apart = self._put_on_top(writer, place, facts, kept, unsaved) or apart
            again = again or _is_to_review_again(writer, unsaved.record)
            changed = True
        told = "Work that could not be saved last time is put back." if put_back else ""
        if damaged:
            told = (
                "A step of the work that could not be saved last time is damaged. "
                f"What was done before it is put back; all of it is kept apart in {damaged}."
            )
        if apart:
            told = f"Unsaved strokes don't fit what others have done since; they are kept apart in {apart}."
        if again:
            told += " The picture was changed meanwhile: look at it again before you mark it reviewed."
        return changed, told.strip()

    def _put_on_top(
        self, writer: Writer, place: AnnotationFolder, facts: ImageFacts, kept: Kept | None, unsaved: Unsaved
    ) -> str:
        """Put what a sitting has on top of what is kept; give where it is kept apart if it doesn't fit."""
        from vesselapp.state.merging import merged_record

        apart = ""
        if not _append(writer, kept, unsaved):
            apart = self._set_apart(self._write(place, facts, unsaved))
        if unsaved.record is not None:
            theirs = writer.record or unsaved.record.taken_back
            writer.write_record(merged_record(unsaved.begun, unsaved.record, theirs))
        return apart

    def _write(self, place: AnnotationFolder, facts: ImageFacts, unsaved: Unsaved) -> Path:
        owner = object()
        self.keep(owner, place, facts, unsaved)
        with self._lock:
            return self._files.pop(owner).file

    def _set_apart(self, file: Path) -> str:
        """Keep a file that can't be put back where it will not be looked at again; give its path."""
        apart = file.with_suffix(APART_SUFFIX)
        self._no_longer_waits(file)
        try:
            patiently(file.replace, apart)
        except OSError as problem:
            _log.warning("%s stays where it is: %s", file, problem)
        return str(apart)


def _content(place: AnnotationFolder, facts: ImageFacts, unsaved: Unsaved, answer_sha256: str) -> bytes:
    """Give what a file of this folder holds: who and what, and the operations as in a journal."""
    about = {
        "format": 1,
        "image": facts.image,
        "sha256": facts.sha256,
        "folder": str(place.folder),
        "study": None if place.study is None else place.identity,
        "number": unsaved.number,
        "history": unsaved.history,
        "undone": unsaved.undone,
        "record": None if unsaved.record is None else asdict(unsaved.record),
        "begun": None if unsaved.begun is None else asdict(unsaved.begun),
        "told": unsaved.told,
        "answer": answer_sha256,
        "owner": [socket.gethostname(), boot_id(), os.getpid()],
    }
    header = Header(facts.sha256, facts.height, facts.width, unsaved.number)
    numbered = enumerate(unsaved.operations, start=unsaved.number + 1)
    lines = [encode_header(header), *(encode(number, operation) for number, operation in numbered)]
    return json.dumps(about).encode() + b"\n" + b"".join(lines)


def _sha256_of(answer: NDArray[np.uint8] | None) -> str:
    return "" if answer is None else hashlib.sha256(answer.tobytes()).hexdigest()


def _to_append(kept: Kept | None, work: Left | Unsaved) -> list[Operation] | None:
    """Give what has to be appended (see `merged`); None where strokes don't fit what is there."""
    if kept is None:
        edited = any(isinstance(operation, (Edited, Undone, Redone)) for operation in work.operations)
        return None if edited and work.number else list(work.operations)
    from vesselapp.state.merging import merged

    return merged(kept, work.operations, work.number, work.history, work.undone)


def _append(writer: Writer, kept: Kept | None, work: Left | Unsaved) -> bool:
    """Append work; False where it doesn't fit what is there (an undo, and the history is lost)."""
    operations = _to_append(kept, work)
    if operations is None:
        return False
    try:
        writer.append(operations)
    except ValueError:
        return False
    return True


def _write_record(
    writer: Writer, before: Record | None, left: Left, record: Record, facts: ImageFacts, *, alone: bool
) -> None:
    """Write record and judged answer that were left; where others did anything since, bring both together.

    Parameters
    ----------
    writer : Writer
    before : Record or None
        What was on the disk before the strokes that were left were put back.
    left : Left
    record : Record
        That was left.
    facts : ImageFacts
    alone : bool
        Whether none but the strokes that were left were made since: else a review isn't of what is there.
    """
    from vesselapp.state.merging import merged_record

    theirs = writer.record
    record = replace(record, image=facts.image, path=facts.path)
    if theirs is not None and _says_the_same(theirs, record):
        return  # the app ended before the file was removed
    if not left.knows_begun and before is not None and before.saved > left.when:
        return
    if theirs is not None and left.knows_begun and not (alone and before == left.begun):
        writer.write_record(merged_record(left.begun, record, theirs))
        return
    record = record if alone else record.taken_back
    file = left.file.with_suffix(ANSWER_SUFFIX)
    if file.exists() if left.answer_sha256 is None else left.answer_sha256:
        from vesselapp.study.snapshot import read_answer

        try:
            answer = read_answer(file.read_bytes(), facts.height, facts.width)
            if left.answer_sha256 not in (None, _sha256_of(answer)):
                raise ValueError("it is another than the one that was judged")
            writer.write_answer(answer)
        except (OSError, ValueError) as problem:
            _log.warning("the answer in %s isn't used: %s", file, problem)
            record = record.taken_back
    writer.write_record(record)


def _says_the_same(record: Record, other: Record) -> bool:
    """Tell whether two records differ in nothing but how and when they were written."""
    names = ("saved", "created", "software", "audit", "judged", "corrected_share")
    return replace(other, **{name: getattr(record, name) for name in names}) == record


def _unlink(file: Path) -> None:
    with contextlib.suppress(OSError):
        patiently(file.unlink, missing_ok=True)


def _is_to_review_again(writer: Writer, record: Record | None) -> bool:
    """Tell whether a review that waited to be written doesn't hold for what is there now."""
    now = writer.record
    if record is None:
        return False
    return record.state is State.REVIEWED and (now is None or now.state is not State.REVIEWED)
