"""A file of the rescue folder: work of one sitting, and whose it is."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from vesselapp.core.errors import VesselError
from vesselapp.core.files import patiently
from vesselapp.study.journal import Operation, decode_header, read_lines
from vesselapp.study.process import boot_id, is_alive
from vesselapp.study.record import ImageFacts, Record, record_from

if TYPE_CHECKING:
    from vesselapp.study.annotation import AnnotationFolder

_log = logging.getLogger(__name__)

SIGN_S = 60.0
_SILENT_S = 600.0
"""A file that had no sign of life for so long is nobody's, whatever process has its owner's number now."""
_HASH_DIGITS = 32
"""The annotation of a picture opened alone is named by so much of its hash."""
SUFFIX, ANSWER_SUFFIX, APART_SUFFIX = ".rescue", ".answer.png", ".apart"


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
    study : (str, str) or None
        `AnnotationFolder.identity` of its study; None for a picture opened alone, and in files of an earlier
        version, which didn't keep it.
    when : str
        ISO 8601, UTC.
    number : int
        Of the operation that it was done after.
    history : tuple of str
        The edits that were done then (`digest_of`).
    undone : tuple of str
        Those that could be redone, the next one last; empty in files of an earlier version.
    record : Record or None
        As in `Unsaved`.
    begun : Record or None
        As in `Unsaved`.
    knows_begun : bool
        False for a file of an earlier version, which didn't keep it.
    answer_sha256 : str or None
        Of the answer's pixels; empty where none goes with it, None in files of an earlier version.
    owner : (str, str, int)
        Host, run of the computer and process that keep it.
    operations : tuple of Operation
    damaged : bool
        Whether a step is damaged: those before it are here, it and what follows aren't.
    written : int
        When the file was written last, ns since 1970.
    """

    file: Path
    image: str
    sha256: str
    folder: str
    study: tuple[str, str] | None
    when: str
    number: int
    history: tuple[str, ...]
    undone: tuple[str, ...]
    record: Record | None
    begun: Record | None
    knows_begun: bool
    answer_sha256: str | None
    owner: tuple[str, str, int]
    operations: tuple[Operation, ...]
    damaged: bool
    written: int


def read(file: Path) -> Left | None:
    """Read a file of the rescue folder; None where it is none."""
    try:
        data, written = file.read_bytes(), file.stat().st_mtime_ns
        if not data:
            remove(file)  # what was in it is in its place
            return None
        lines = io.BytesIO(data)
        about: dict[str, Any] = json.loads(lines.readline())
        number = int(about["number"])
        operations, damaged = _operations(lines, number)
        host, boot, pid = about["owner"]
        return Left(
            file,
            str(about["image"]),
            str(about["sha256"]),
            str(about["folder"]),
            _study_in(about),
            datetime.fromtimestamp(written / 1e9, UTC).isoformat(timespec="seconds"),
            number,
            tuple(str(digest) for digest in about["history"]),
            tuple(str(digest) for digest in about.get("undone", ())),
            _record_in(about, "record"),
            _record_in(about, "begun"),
            "begun" in about,
            str(about["answer"]) if "answer" in about else None,
            (str(host), str(boot), int(pid)),
            tuple(operations),
            damaged,
            written,
        )
    except (OSError, ValueError, KeyError, TypeError, VesselError) as problem:
        _log.warning("%s in the rescue folder can't be read: %s", file, problem)
        return None


def _operations(lines: BinaryIO, number: int) -> tuple[list[Operation], bool]:
    """Read the operations after a number; tell whether one is damaged, at which they end."""
    operations: list[Operation] = []
    try:
        for line in read_lines(lines, decode_header(lines.readline())):
            if line.operation is None or line.number != number + len(operations) + 1:
                return operations, True
            operations.append(line.operation)
    except ValueError:
        return [], True
    return operations, False


def _record_in(about: dict[str, Any], name: str) -> Record | None:
    values = about.get(name)
    return None if values is None else record_from(values)


def _study_in(about: dict[str, Any]) -> tuple[str, str] | None:
    if about.get("study") is None:
        return None
    made, name = about["study"]
    return str(made), str(name)


def is_of(left: Left, place: AnnotationFolder, facts: ImageFacts) -> bool:
    """Tell whether work that was left is of a picture, in its own study and no other.

    A study may have been moved or renamed since, and a picture in it renamed. Another study may hold the very
    same picture, under the same key.
    """
    folder, here = Path(left.folder), place.study
    if left.sha256 != facts.sha256:
        return False
    if here is None or folder.name == left.sha256[:_HASH_DIGITS]:
        return left.study is None and folder.name == place.folder.name
    home = folder.parent.parent
    if left.study is not None and left.study[0] != place.identity[0]:
        return False
    if not _is_same(home, here):
        moved = home.name == here.name if left.study is None else left.study == place.identity
        if not moved or _is_there(home, left.study):
            return False
    return folder.name == place.folder.name or _has_left(here, folder.name, left.sha256)


def _is_same(folder: Path, other: Path) -> bool:
    try:
        return folder == other or folder.samefile(other)
    except OSError:
        return False


def _is_there(home: Path, identity: tuple[str, str] | None) -> bool:
    """Tell whether a study (None: whichever) still lies where it lay."""
    from vesselapp.study.study import Study

    try:
        return identity in (None, Study.open(home).identity)
    except VesselError:
        return False


def _has_left(study: Path, key: str, image_sha256: str) -> bool:
    """Tell whether a study's picture of a key is surely gone, or another one by now."""
    from vesselapp.study.study import Study

    try:
        return Study.open(study).has_left(key, image_sha256)
    except VesselError:
        return False


def is_kept_by_another(left: Left) -> bool:
    """Tell whether a process that still works keeps it: it lives, or may, and gave a sign not long ago."""
    host, boot, pid = left.owner
    if left.owner == (socket.gethostname(), boot_id(), os.getpid()):
        return False
    alive = is_alive(host, boot, pid)
    if alive is False or (alive is None and host == socket.gethostname()):
        return False
    return abs(time.time() - left.written / 1e9) < _SILENT_S


def remove(file: Path) -> None:
    """Remove a file of the rescue folder, with the answer that goes with it."""
    for one in (file, file.with_suffix(ANSWER_SUFFIX)):
        try:
            patiently(one.unlink, missing_ok=True)
        except OSError as problem:
            _log.warning("%s stays in the rescue folder: %s", one, problem)
            with contextlib.suppress(OSError):
                os.truncate(one, 0)  # so that it isn't put back once more
