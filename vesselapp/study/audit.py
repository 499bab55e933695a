"""The audit log of a study: who did what and when, each line holding the hash of the line before."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from vesselapp.core.errors import VesselError
from vesselapp.core.files import append_whole, atomic_write, reason
from vesselapp.study.json_text import parse_object
from vesselapp.study.lock import Lock, Lost

AUDIT_NAME = "audit.log"
HEAD_NAME = "audit.head"
_LOCK_NAME = "audit.lock"
_LONGEST_LINE = 2**20
_NAMED = re.compile(rb'"(?:picture|before)":"((?:[^"\\/]|\\.)*)')
_FIRST = ""
"""What the first line holds for the hash of the line before."""


@dataclass(frozen=True)
class AuditLine:
    """A line of the log: its number, what it says, and its own hash (sha256 of its bytes)."""

    number: int
    values: dict[str, Any]
    sha256: str


class AuditLog:
    """The log of a study's folder, and beside it its head: number and hash of its last line.

    The head shows that lines were cut off at the end, which the chain can't.

    Parameters
    ----------
    study : Path
    """

    def __init__(self, study: Path) -> None:
        self.path = study / AUDIT_NAME
        self.head = study / HEAD_NAME

    def append(self, who: str, what: str, **facts: Any) -> str:
        """Add a line, under a short lock because several people write; give its hash.

        Parameters
        ----------
        who : str
        what : str
            ``created``, ``saved``, ``model added``, ``model used``, ``exported``...
        **facts
            Values of JSON. ``model added`` has ``number``, ``file`` (its name in ``models/``) and ``sha256``:
            `verify` holds the files against them.

        Raises
        ------
        VesselError
            Where it can't be written.
        """
        try:
            with Lock.briefly(self.path.parent, who, _LOCK_NAME) as lock:
                number, previous = self._last()
                values = {
                    "n": number + 1,
                    "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                    "who": who,
                    "what": what,
                    **facts,
                    "previous": previous,
                }
                line = json.dumps(values, separators=(",", ":")).encode()
                lock.check()
                self._add(line + b"\n")
                sha256 = hashlib.sha256(line).hexdigest()
                head = {"n": number + 1, "sha256": sha256}
                atomic_write(self.head, json.dumps(head).encode(), ready=lock.check)
        except Lost as lost:  # of this short lock alone, not of what the line is about
            raise VesselError(f"{self.path} is being changed by somebody else.", "Try again.") from lost
        except OSError as problem:
            raise VesselError(f"{self.path} can't be written: {reason(problem)}.") from problem
        return sha256

    def append_done(self, who: str, what: str, **facts: Any) -> list[str]:
        """Add a line of what is done already; give a sentence where it can't be written."""
        try:
            self.append(who, what, **facts)
        except VesselError as problem:
            return [f"The audit log doesn't tell of it: {problem.message}"]
        return []

    def lines(self) -> Iterator[AuditLine | None]:
        """Give the lines one by one; None for one that can't be read, or that isn't ended.

        Raises
        ------
        OSError
            Where the log can't be read; a log that isn't there has no lines.
        """
        with contextlib.suppress(FileNotFoundError), self.path.open("rb") as file:
            while raw := file.readline(_LONGEST_LINE):
                yield _parsed(raw)

    def about(self, picture: str) -> Iterator[AuditLine]:
        """Give the lines that name an annotation, by its folder's name, or a folder in it; the newest first.

        Raises
        ------
        OSError
            Where the log can't be read.
        """
        with contextlib.suppress(FileNotFoundError), self.path.open("rb") as file:
            with _PLACES_LOCK:
                known = _PLACES.get(self.path)
                if known is None or not known.goes_on(file):
                    known = _PLACES[self.path] = _Places()
                places = known.of(picture, file)
            for place in reversed(places):
                file.seek(place)
                line = _parsed(file.readline(_LONGEST_LINE))
                if line is not None:
                    yield line

    def last_of(self, what: str) -> AuditLine | None:
        """Give the last line of its kind; None where there is none.

        Raises
        ------
        OSError
            Where the log can't be read.
        """
        lines = (line for line in self.lines() if line is not None and line.values.get("what") == what)
        return next(iter(deque(lines, 1)), None)

    def read_head(self) -> tuple[int, str]:
        """Give number and hash of the last line by the head; (0, "") where there is none to be read."""
        try:
            values = parse_object(self.head.read_bytes())
            return int(values["n"]), str(values["sha256"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return 0, _FIRST

    def _last(self) -> tuple[int, str]:
        """Give number and hash of the last line.

        Where the head knows of a later one than the log, lines were cut off: the head's word goes on, so that
        the gap stays to be seen.
        """
        head = self.read_head()
        last = (0, _FIRST)
        if self.path.exists():
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _LONGEST_LINE))
                raw = file.read().rpartition(b"\n")[0].rpartition(b"\n")[2]
            line = _parsed(raw + b"\n")
            if line is not None:
                last = (line.number, line.sha256)
            elif raw:
                last = (head[0], hashlib.sha256(raw).hexdigest())
        return max(head, last, key=lambda one: one[0])

    def _add(self, data: bytes) -> None:
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
        try:
            length = _whole_length(handle)
            if length != os.fstat(handle).st_size:
                os.ftruncate(handle, length)  # a line whose writer died in the midst of it
            append_whole(handle, data, length)
        finally:
            os.close(handle)


class _Places:
    """Where a log names each annotation, so that a long one is gone through once: it only grows."""

    def __init__(self) -> None:
        self._length = 0
        self._last = b""  # the last line seen, which says by its hashes that those before it are the same
        self._places: dict[bytes, list[int]] = {}

    def goes_on(self, file: BinaryIO) -> bool:
        """Tell whether a log begins with what was seen of it."""
        file.seek(self._length - len(self._last))
        return file.read(len(self._last)) == self._last

    def of(self, picture: str, file: BinaryIO) -> list[int]:
        """Give where the lines begin that name an annotation."""
        file.seek(self._length)
        data = file.read()
        data = data[: data.rfind(b"\n") + 1]
        for match in _NAMED.finditer(data):
            places = self._places.setdefault(match[1], [])
            places.append(self._length + data.rfind(b"\n", 0, match.start()) + 1)
        if data:
            self._length += len(data)
            self._last = data[data.rfind(b"\n", 0, -1) + 1 :]
        return list(self._places.get(json.dumps(picture)[1:-1].encode(), []))


_PLACES: dict[Path, _Places] = {}
_PLACES_LOCK = threading.Lock()


def _whole_length(handle: int) -> int:
    """Give the length (bytes) up to the last newline."""
    size = os.fstat(handle).st_size
    start = max(0, size - _LONGEST_LINE)
    os.lseek(handle, start, os.SEEK_SET)
    tail = b""
    while part := os.read(handle, _LONGEST_LINE):
        tail += part
    return start + tail.rfind(b"\n") + 1


def _parsed(raw: bytes) -> AuditLine | None:
    text = raw.removesuffix(b"\n")
    try:
        values = parse_object(text)
        number = values["n"]
    except (ValueError, KeyError):
        return None
    if not raw.endswith(b"\n") or not isinstance(number, int):
        return None
    return AuditLine(number, values, hashlib.sha256(text).hexdigest())
