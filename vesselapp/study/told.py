"""What a study's audit log tells of its files, line after line."""

from __future__ import annotations

from dataclasses import dataclass, field

from vesselapp.core.files import FileState, is_there
from vesselapp.study.annotation import NOT_APART, NOT_WRITTEN
from vesselapp.study.apart import FILES, FORMER
from vesselapp.study.audit import AuditLine, AuditLog
from vesselapp.study.lock import unclean_end
from vesselapp.study.seal import Sealed, sealed_of
from vesselapp.study.study import Study


@dataclass
class Told:
    """What the audit log tells.

    Attributes
    ----------
    sealed : dict
        Line and seal of each annotation, by key: the last ones.
    apart : dict
        Folders of what was put apart (``key/former-1``). Of those that hold a former annotation: the hash of
        each file by name, none where an earlier version put it there; None where nothing is known of it.
    study : str
        Hash of ``study.json``.
    models : dict
        Number: file name and hash of each model added.
    words : dict
        Number: hash of what the list of models says of it; not of those that an earlier version added.
    used : int or None
        Number of the model in use; None where none was ever chosen.
    log : FileState or None
        Of the log when it was begun to be read; None where it could not be read.
    """

    sealed: dict[str, tuple[AuditLine, Sealed]] = field(default_factory=dict)
    apart: dict[str, dict[str, str] | None] = field(default_factory=dict)
    study: str = ""
    models: dict[int, tuple[str, str]] = field(default_factory=dict)
    words: dict[int, str] = field(default_factory=dict)
    used: int | None = None
    log: FileState | None = None
    _former: dict[str, tuple[AuditLine, Sealed]] = field(default_factory=dict)

    def formers(self, key: str) -> dict[str, dict[str, str]]:
        """Give the folders of former annotations at a key, by name, with the hashes of their files."""
        there = ((name.rpartition("/"), holds) for name, holds in self.apart.items() if holds is not None)
        return {name: holds for (of, _, name), holds in there if of == key}

    def take(self, line: AuditLine) -> None:
        """Take the next line."""
        values = line.values
        picture, number = str(values.get("picture")), values.get("number")
        sealed = sealed_of(values)
        if sealed is not None:
            self.sealed[picture] = (line, sealed)
        match values.get("what"):
            case "created" | "study changed":
                self.study = str(values.get("study"))
            case "moved":
                self._move(str(values.get("before")), picture, values.get("whole"))
            case "kept apart":
                self._put_apart(picture, str(values.get("where")), values.get("holds"))
            case "brought back":
                self.apart[f"{picture}/{values.get('where')}"] = None  # it is sealed anew
            case what if what == NOT_APART:
                self._take_back(picture, f"{picture}/{values.get('where')}")
            case what if what == NOT_WRITTEN:
                self.sealed.pop(picture, None)
            case "model added" if isinstance(number, int):
                self.models[number] = (str(values.get("file")), str(values.get("sha256")))
                self._take_words(number, values.get("words"))
            case "model used" if isinstance(number, int):
                self.used = number
                self._take_words(number, values.get("words"))

    def _move(self, before: str, key: str, whole: object) -> None:
        if "/" in before:
            self.apart[before] = None
        moved = self.sealed.pop(before, None)
        if moved is not None and key not in self.sealed:
            self.sealed[key] = moved
        if whole is False:
            return
        for name in [name for name in self.apart if name.startswith(f"{before}/")]:
            self.apart[key + name.removeprefix(before)] = self.apart[name] if whole else None
            self.apart[name] = None  # earlier versions don't say whether these came along

    def _put_apart(self, key: str, where: str, holds: object) -> None:
        name = f"{key}/{where}"
        self.apart.setdefault(name, None)
        if where.startswith(FORMER):
            if key in self.sealed:
                self._former[name] = self.sealed.pop(key)
            of_half = self.apart[name] or {}  # putting it apart was cut off, and went on
            self.apart[name] = of_half | (holds if isinstance(holds, dict) else {})

    def _take_back(self, key: str, name: str) -> None:
        self.apart[name] = None
        if name in self._former:
            self.sealed.setdefault(key, self._former[name])

    def _take_words(self, number: int, words: object) -> None:
        self.words.pop(number, None)  # an earlier version doesn't say what it wrote there
        if isinstance(words, str):
            self.words[number] = words


def gone(study: Study) -> list[str]:
    """Name the annotations that the audit log knows and of which no file is there.

    Raises
    ------
    VesselError
        Where the study can't be read.
    """
    told = Told()
    try:
        for line in AuditLog(study.folder).lines():
            if line is not None:
                told.take(line)
    except OSError:
        return []
    missing = sorted(key for key, (_, sealed) in told.sealed.items() if _is_gone(study, key, sealed))
    study.keys()  # raises where all of the study went away
    return missing


def _is_gone(study: Study, key: str, sealed: Sealed) -> bool:
    folder = study.place_of(key).folder
    if any(is_there(folder / name) for name in reversed(FILES)):
        return False
    not_yet = not sealed.files and sealed.journal is None and unclean_end(folder)
    return not not_yet
