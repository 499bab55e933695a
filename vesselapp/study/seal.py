"""What the audit log says of an annotation's files, so that a change from outside can be found."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from vesselapp.study.journal import JOURNAL_NAME
from vesselapp.study.json_text import parse_object
from vesselapp.study.record import RECORD_NAME


@dataclass(frozen=True)
class Sealed:
    """The files of one annotation at one moment.

    Attributes
    ----------
    picture : str
        Name of the annotation's folder.
    files : dict
        sha256 by name, of those files that are only ever replaced as a whole.
    journal : (int, str) or None
        Length in bytes and sha256.
    record : str
        See `seal_of`.
    """

    picture: str
    files: dict[str, str]
    journal: tuple[int, str] | None
    record: str

    def facts(self) -> dict[str, Any]:
        """Give it as values of a line of the log."""
        journal = None if self.journal is None else list(self.journal)
        return {"picture": self.picture, "files": self.files, "journal": journal, "record": self.record}


def sealed_of(values: dict[str, Any]) -> Sealed | None:
    """Read what a line of the log says of an annotation; None where it says nothing of one."""
    picture, files, record = values.get("picture"), values.get("files"), values.get("record")
    journal = values.get("journal")
    if not (isinstance(picture, str) and isinstance(files, dict) and isinstance(record, str)):
        return None
    known = None
    if isinstance(journal, list) and len(journal) == 2 and isinstance(journal[0], int):
        known = (journal[0], str(journal[1]))
    return Sealed(picture, {str(name): str(sha256) for name, sha256 in files.items()}, known, record)


def seal_of(text: bytes) -> str:
    """Give the sha256 of what a record's file says, its reference to the audit log left out.

    What it says, not what a version of the app makes of it: later versions may know more.

    Raises
    ------
    ValueError
        Where it is no JSON object.
    """
    values = {name: value for name, value in parse_object(text).items() if name != "audit"}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def changed_since(sealed: Sealed, now: Sealed) -> list[str]:
    """Name the files that are no longer what a seal says."""
    names = sorted({*sealed.files, *now.files})
    changed = [name for name in names if sealed.files.get(name) != now.files.get(name)]
    if sealed.journal != now.journal:
        changed.append(JOURNAL_NAME)
    return [*changed, RECORD_NAME] if sealed.record != now.record else changed
