"""A study's own models: numbered files that are never overwritten, which one is in use, where each came from.

``models/registry.json`` says what is in the folder and which model is in use; the numbered files beside it
say of themselves, in their cards, what they learnt. Adding and using are told to the study's audit log.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from vesselapp.core.errors import VesselError
from vesselapp.core.files import (
    atomic_write,
    copy_file,
    file_sha256,
    make_folder,
    patiently,
    reason,
    remove_old_temporaries,
    telling,
)
from vesselapp.core.stamps import time_stamp
from vesselapp.study.audit import AuditLog
from vesselapp.study.json_text import parse_object
from vesselapp.study.lock import Lock
from vesselapp.study.record import refuse_newer
from vesselapp.study.verdict import Verdict

if TYPE_CHECKING:
    from pydantic import TypeAdapter

REGISTRY_FORMAT = 1
_LARGEST = 16 * 2**20
_LOCK_NAME = "registry.lock"


@dataclass(frozen=True)
class ModelEntry:
    """One numbered model of a study.

    Attributes
    ----------
    number : int
        From 1.
    name : str
        As its card says.
    file : str
        Name in the study's ``models`` folder.
    sha256, parent : str
        Of the file, and of the file that its training started from (empty where that isn't known).
    when, who : str
        ISO 8601 (UTC), and who added it.
    verdict, sentence, reason : str
        What the gate said in a word and in a sentence; why that was overruled, empty where it wasn't.
    run : str
        The training run that made it.
    path : Path
        The file itself.
    """

    number: int
    name: str
    file: str
    sha256: str
    parent: str = ""
    when: str = ""
    who: str = ""
    verdict: str = ""
    sentence: str = ""
    reason: str = ""
    run: str = ""
    path: Path = field(default=Path(), compare=False)

    @property
    def words(self) -> str:
        """Hash of what the list says of it; what is empty isn't in it, for later versions may know more."""
        values = {name: value for name, value in asdict(self).items() if value and name != "path"}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class _Kept:
    """What ``registry.json`` holds."""

    active: int | None = None
    models: tuple[ModelEntry, ...] = ()
    format: int = REGISTRY_FORMAT


class Registry:
    """The models of a study.

    Parameters
    ----------
    study : Path
        The study's folder.
    """

    def __init__(self, study: Path) -> None:
        self.study = study
        self.folder = study / "models"
        self._file = self.folder / "registry.json"

    def entries(self) -> tuple[ModelEntry, ...]:
        """List the study's models by number (VesselError where the registry can't be read)."""
        return tuple(
            replace(entry, path=self.folder / Path(entry.file).name) for entry in self._read().models
        )

    def active(self) -> ModelEntry | None:
        """Give the model in use; None stands for the one that the study began with."""
        kept = self._read()
        return None if kept.active is None else self.entry(kept.active)

    def entry(self, number: int) -> ModelEntry:
        """Give a model by its number (VesselError where there is none)."""
        for entry in self.entries():
            if entry.number == number:
                return entry
        known = ", ".join(str(entry.number) for entry in self.entries()) or "none yet"
        raise VesselError(f"The study has no model {number}.", f"Its models: {known}.")

    def add(
        self,
        file: Path,
        verdict: Verdict | None = None,
        *,
        who: str = "",
        run: str = "",
    ) -> int:
        """Copy a model into the study under the next number; it isn't in use yet.

        Where an earlier call was cut off before the model came into the list, its number and file are taken.

        Parameters
        ----------
        file : Path
            ONNX file with a card.
        verdict : Verdict, optional
            What the gate said of it.
        who : str
        run : str
            Name of the run that made it.

        Returns
        -------
        int
            Its number.

        Raises
        ------
        VesselError
            Where the file can't be used or the study can't be written; nothing is changed then.
        """
        name, parent = _named(file)
        make_folder(self.folder)
        with self._writing(who) as lock:
            kept = self._read()
            left = self._left_unlisted(kept, _sha256(file))
            target = left or self.folder / f"{self._next_number(kept):04d}-{_slug(name)}.onnx"
            number = int(target.name.partition("-")[0])
            sha256 = _sha256(target) if left else _copy(file, target)
            entry = ModelEntry(
                number=number,
                name=name,
                file=target.name,
                sha256=sha256,
                parent=parent,
                when=time_stamp(),
                who=who,
                verdict=verdict.verdict if verdict else "",
                sentence=verdict.sentence if verdict else "",
                run=run,
            )
            try:
                # The log first: where it can't be written, nothing has changed.
                log = AuditLog(self.study)
                facts = {"number": number, "file": target.name, "sha256": sha256, "words": entry.words}
                log.append(who, "model added", **facts)
                self._write(replace(kept, models=(*kept.models, entry)), lock)
            except VesselError:
                if not left:
                    with contextlib.suppress(OSError):
                        patiently(target.unlink)
                raise
        return number

    def use(
        self,
        number: int | None,
        *,
        who: str = "",
        reason: str | None = None,
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        """Take a model into use; None (or 0): the one that the study began with. The others stay.

        Parameters
        ----------
        number : int or None
        who : str
        reason : str, optional
            Why it was promoted against its verdict, kept with it; empty where it wasn't, None: as it is kept.
        ready : callable
            Called when nobody else can change the list; what it raises leaves all as it was.

        Raises
        ------
        VesselError
            Where there is no such model, its file is gone or another one, or the study can't be written.
        """
        number = number or None
        if number is not None:
            self.check(self.entry(number))
        make_folder(self.folder)
        with self._writing(who) as lock:
            ready()
            before = self._read()
            models = before.models
            if reason is not None:
                models = tuple(
                    replace(entry, reason=reason) if entry.number == number else entry for entry in models
                )
            after = replace(before, active=number, models=models)
            if after != before or self._last_used() != number:
                words = next((entry.words for entry in models if entry.number == number), None)
                facts = {"number": number or 0, "before": before.active or 0, "words": words}
                AuditLog(self.study).append(who, "model used", **facts)
            if after != before:
                self._write(after, lock)

    def _last_used(self) -> int | None:
        """Give what was chosen last by the audit log: the list differs where its write was cut off."""
        with telling("The audit log of the study can't be read"):
            line = AuditLog(self.study).last_of("model used")
        return None if line is None else line.values.get("number") or None

    def check(self, entry: ModelEntry) -> None:
        """Make sure that a numbered file is still the one that was added (VesselError where it isn't)."""
        with telling(f"The file of model {entry.number} can't be read"):
            found = file_sha256(entry.path)
        if found != entry.sha256:
            raise VesselError(
                f"The file of model {entry.number} ({entry.file}) was changed since it was added.",
                "Use another model, or put the right file back.",
            )

    def _next_number(self, kept: _Kept) -> int:
        """Give a number that neither the registry nor a file in the folder has ever had."""
        numbers = {entry.number for entry in kept.models} | self._numbered().keys()
        return max(numbers, default=0) + 1

    def _numbered(self) -> dict[int, Path]:
        """Give the files of the folder that have a number."""
        found = ((re.match(r"(\d{4,})-", path.name), path) for path in sorted(self.folder.glob("*.onnx")))
        return {int(match[1]): path for match, path in found if match}

    def _left_unlisted(self, kept: _Kept, sha256: str) -> Path | None:
        """Find a numbered file of this hash that never came into the list."""
        listed = {entry.number for entry in kept.models}
        for number, path in self._numbered().items():
            with contextlib.suppress(VesselError):  # one that can't be read is left alone
                if number not in listed and _sha256(path) == sha256:
                    return path
        return None

    def _writing(self, who: str) -> AbstractContextManager[Lock]:
        """Wait for one's turn to change the list."""
        remove_old_temporaries(self.study, self.folder)
        return Lock.briefly(self.folder, who, _LOCK_NAME)

    def _read(self) -> _Kept:
        try:
            if self._file.stat().st_size > _LARGEST:
                raise VesselError(f"{self._file} is too long to be a list of models.")
            text = self._file.read_bytes()
        except FileNotFoundError:
            return _Kept()
        except OSError as problem:
            raise VesselError(f"The study's models can't be listed: {reason(problem)}.") from problem
        try:
            values = parse_object(text)
            refuse_newer(values, REGISTRY_FORMAT, "The list of this study's models")
            return _adapter().validate_python(values)
        except ValueError as problem:
            raise VesselError(
                f"{self._file} is damaged; the models themselves lie beside it.",
                "Put back a copy of it, or move it away and add the models again.",
            ) from problem

    def _write(self, kept: _Kept, lock: Lock) -> None:
        values = asdict(kept)
        for entry in values["models"]:
            del entry["path"]
        atomic_write(self._file, json.dumps(values, indent=1).encode(), ready=lock.check)


def _named(file: Path) -> tuple[str, str]:
    """Give name and parent of a model file, as its card says."""
    from vesselapp.inference.cards import card_in

    card = card_in(file)
    return (card.name, card.parent or "") if card is not None else (file.stem, "")


def _copy(source: Path, target: Path) -> str:
    """Copy a file to a name that must be free, and give its hash."""
    if target.exists():
        raise VesselError(f"{target} is there already.", "Try again.")
    copy_file(source, target)
    return _sha256(target)


def _sha256(file: Path) -> str:
    with telling(f"{file} can't be read"):
        return file_sha256(file)


def _slug(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.")[:60] or "model"


@cache
def _adapter() -> TypeAdapter[_Kept]:
    from pydantic import TypeAdapter  # loaded only where there is a registry to check

    return TypeAdapter(_Kept)
