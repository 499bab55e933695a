"""The rescue folder: where work waits that its own place did not take."""

from __future__ import annotations

import io
import json
import logging
import os
import secrets
import socket
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write
from vesselapp.state.standing import Unsaved
from vesselapp.study.journal import Header, Operation, decode_header, encode, encode_header, read_lines
from vesselapp.study.process import boot_id, is_alive
from vesselapp.study.record import ImageFacts, Record, State, parse_record

if TYPE_CHECKING:
    from vesselapp.study.annotation import AnnotationFolder, Kept, Writer

_log = logging.getLogger(__name__)

_ELSEWHERE_S = 600.0
_SUFFIX, _ANSWER_SUFFIX, _APART_SUFFIX = ".rescue", ".answer.png", ".apart"


@dataclass(frozen=True, eq=False)
class Left:
    """Work of an earlier run that waits in the rescue folder.

    Attributes
    ----------
    file : Path
    image : str
        Name of the picture.
    sha256 : str
    folder : str
        Where its annotation lies.
    when : str
        ISO 8601, UTC.
    number : int
        Of the operation that it was done after.
    history : tuple of str
        The edits that were done then (`digest_of`).
    record : Record or None
    told : bool
        As in `Unsaved`.
    begun : Record or None
        As in `Unsaved`.
    knows_begun : bool
        False for a file of an earlier version, which didn't keep it.
    owner : (str, str, int)
        Host, run of the computer and process that keep it.
    operations : tuple of Operation
    """

    file: Path
    image: str
    sha256: str
    folder: str
    when: str
    number: int
    history: tuple[str, ...]
    record: Record | None
    told: bool
    begun: Record | None
    knows_begun: bool
    owner: tuple[str, str, int]
    operations: tuple[Operation, ...]


class Rescue:
    """A folder of work that could not be saved, one file a sitting; may be used from any thread.

    Parameters
    ----------
    folder : Path
        Made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[object, tuple[Path, bytes]] = {}
        self._lock = threading.Lock()

    def keep(self, owner: object, place: AnnotationFolder, facts: ImageFacts, unsaved: Unsaved) -> None:
        """Put a sitting's unsaved work here, in place of what it put here before.

        Raises
        ------
        VesselError
            Where this folder can't be written to either.
        """
        from vesselapp.state.merging import digest_of

        about = {
            "format": 1,
            "image": facts.image,
            "sha256": facts.sha256,
            "folder": str(place.folder),
            "number": unsaved.number,
            "history": [digest_of(edit) for edit in unsaved.history],
            "record": None if unsaved.record is None else asdict(unsaved.record),
            "begun": None if unsaved.begun is None else asdict(unsaved.begun),
            "told": unsaved.told,
            "owner": [socket.gethostname(), boot_id(), os.getpid()],
        }
        header = Header(facts.sha256, facts.height, facts.width, unsaved.number)
        numbered = enumerate(unsaved.operations, start=unsaved.number + 1)
        lines = [encode_header(header), *(encode(number, operation) for number, operation in numbered)]
        content = json.dumps(about).encode() + b"\n" + b"".join(lines)
        with self._lock:
            file, before = self._files.get(owner, (self.folder / (secrets.token_hex(8) + _SUFFIX), b""))
            if content == before and unsaved.answer is None:
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            if unsaved.answer is not None:
                from vesselapp.study.snapshot import write_answer

                write_answer(file.with_suffix(_ANSWER_SUFFIX), unsaved.answer)
            atomic_write(file, content)
            self._files[owner] = (file, content)

    def drop(self, owner: object) -> None:
        """Forget what a sitting put here: it is in its place now."""
        with self._lock:
            file, _ = self._files.pop(owner, (None, b""))
            if file is not None:
                _remove(file)

    def left(self) -> list[Left]:
        """List what earlier runs left here; what a living process keeps is its own business."""
        with self._lock:
            mine = {file for file, _ in self._files.values()}
            files = sorted(self.folder.glob(f"*{_SUFFIX}")) if self.folder.is_dir() else []
            found = [_read(file) for file in files if file not in mine]
        return [one for one in found if one is not None and not _is_kept_by_another(one)]

    def left_of(self, place: AnnotationFolder, facts: ImageFacts) -> list[Left]:
        """List what earlier runs left here of one picture."""
        return [
            left
            for left in self.left()
            if left.sha256 == facts.sha256 and Path(left.folder).name == place.folder.name
        ]

    def release(self, owner: object) -> None:
        """Let what a sitting put here be put back by another: it has ended."""
        with self._lock:
            self._files.pop(owner, None)

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
        kept, put_back, apart, again = writer.kept, False, "", False
        for left in self.left_of(place, facts):
            kept = place.load(facts.sha256, facts.height, facts.width) if put_back else kept
            todo = _to_append(kept, left.operations, left.number, left.history)
            if todo is None:
                apart = self._set_apart(left.file)
                continue
            before = writer.record
            writer.append(todo)
            if left.record is not None:
                _write_record(writer, before, left, left.record, facts)
                again = again or _is_to_review_again(writer, left.record)
            _remove(left.file)
            put_back = True
        changed = put_back
        if unsaved is not None and (unsaved.operations or unsaved.told):
            from vesselapp.state.merging import digest_of, merged_record

            kept = place.load(facts.sha256, facts.height, facts.width) if put_back else kept
            history = [digest_of(edit) for edit in unsaved.history]
            todo = _to_append(kept, unsaved.operations, unsaved.number, history)
            if todo is None:
                apart = self._set_apart(self._write(place, facts, unsaved))
            else:
                writer.append(todo)
            if unsaved.record is not None:
                theirs = writer.record or unsaved.record.taken_back
                writer.write_record(merged_record(unsaved.begun, unsaved.record, theirs))
                again = again or _is_to_review_again(writer, unsaved.record)
            changed = True
        told = "Work that could not be saved last time is put back." if put_back else ""
        if apart:
            told = f"Unsaved strokes don't fit what others have done since; they are kept apart in {apart}."
        if again:
            told += " The picture was changed meanwhile: look at it again before you mark it reviewed."
        return changed, told.strip()

    def _write(self, place: AnnotationFolder, facts: ImageFacts, unsaved: Unsaved) -> Path:
        owner = object()
        self.keep(owner, place, facts, unsaved)
        with self._lock:
            return self._files.pop(owner)[0]

    def _set_apart(self, file: Path) -> str:
        """Keep a file that can't be put back where it will not be looked at again; give its path."""
        apart = file.with_suffix(_APART_SUFFIX)
        try:
            file.replace(apart)
        except OSError as problem:
            _log.warning("%s stays where it is: %s", file, problem)
        return str(apart)


def _to_append(
    kept: Kept | None, operations: Sequence[Operation], number: int, history: Sequence[str]
) -> list[Operation] | None:
    if kept is None:
        return list(operations) if number == 0 else None
    from vesselapp.state.merging import merged

    return merged(kept, operations, number, history)


def _write_record(
    writer: Writer, before: Record | None, left: Left, record: Record, facts: ImageFacts
) -> None:
    """Write record and judged answer that were left; where others wrote one since, bring both together.

    Parameters
    ----------
    writer : Writer
    before : Record or None
        What was on the disk before the strokes that were left were put back.
    left : Left
    record : Record
        That was left.
    facts : ImageFacts
    """
    from vesselapp.state.merging import merged_record

    theirs = writer.record
    if not left.knows_begun and before is not None and before.saved > left.when:
        return
    if theirs is not None and left.knows_begun and before != left.begun:
        writer.write_record(merged_record(left.begun, record, theirs))
        return
    file = left.file.with_suffix(_ANSWER_SUFFIX)
    if file.exists():
        from vesselapp.study.snapshot import read_answer

        try:
            writer.write_answer(read_answer(file.read_bytes(), facts.height, facts.width))
        except (OSError, ValueError) as problem:
            _log.warning("the answer in %s isn't used: %s", file, problem)
            record = record.taken_back
    writer.write_record(record)


def _is_to_review_again(writer: Writer, record: Record) -> bool:
    """Tell whether a review that waited to be written doesn't hold for what is there now."""
    now = writer.record
    return record.state is State.REVIEWED and (now is None or now.state is not State.REVIEWED)


def _read(file: Path) -> Left | None:
    """Read a file of the rescue folder; None where it is none."""
    try:
        lines = io.BytesIO(file.read_bytes())
        about: dict[str, Any] = json.loads(lines.readline())
        header = decode_header(lines.readline())
        operations = [line.operation for line in read_lines(lines, header)]
        host, boot, pid = about["owner"]
        return Left(
            file,
            str(about["image"]),
            header.sha256,
            str(about["folder"]),
            datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(timespec="seconds"),
            header.base,
            tuple(str(digest) for digest in about["history"]),
            _record_in(about, "record"),
            bool(about["told"]),
            _record_in(about, "begun"),
            "begun" in about,
            (str(host), str(boot), int(pid)),
            tuple(operation for operation in operations if operation is not None),
        )
    except (OSError, ValueError, KeyError, TypeError, VesselError) as problem:
        _log.warning("%s in the rescue folder can't be read: %s", file, problem)
        return None


def _record_in(about: dict[str, Any], name: str) -> Record | None:
    values = about.get(name)
    return None if values is None else parse_record(json.dumps(values).encode())


def _is_kept_by_another(left: Left) -> bool:
    """Tell whether a process that still works keeps it; one of another computer is given some time."""
    host, boot, pid = left.owner
    if left.owner == (socket.gethostname(), boot_id(), os.getpid()):
        return False
    alive = is_alive(host, boot, pid)
    if alive is None and host != socket.gethostname():
        age = datetime.now(UTC) - datetime.fromisoformat(left.when)
        return age.total_seconds() < _ELSEWHERE_S
    return bool(alive)


def _remove(file: Path) -> None:
    for one in (file, file.with_suffix(_ANSWER_SUFFIX)):
        try:
            one.unlink(missing_ok=True)
        except OSError as problem:
            _log.warning("%s stays in the rescue folder: %s", one, problem)
