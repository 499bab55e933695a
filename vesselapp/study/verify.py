"""Is a study as it was left? Finds what was changed, removed or added from outside, and says which piece.

The audit log is a chain: each line holds the hash of the line before, and the head the hash of the last. Its
lines hold the hashes of the other files, and each record the hash of its line. So a change shows somewhere,
unless somebody who knows all this makes the whole chain anew: it is a seal, not a lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vesselapp.core.errors import VesselError
from vesselapp.core.files import (
    TEMPORARY_PREFIX,
    FileState,
    is_folder,
    is_of_browser,
    is_there,
    reason,
    sha256_if_readable,
)
from vesselapp.core.walk import STUDY_NAME
from vesselapp.study.annotation import FOUND_CHANGED
from vesselapp.study.apart import DAMAGED, FILES, FORMER, strange_in
from vesselapp.study.audit import AUDIT_NAME, HEAD_NAME, AuditLine, AuditLog
from vesselapp.study.journal import JOURNAL_NAME
from vesselapp.study.lock import holder_of, unclean_end
from vesselapp.study.pictures import StudyPicture
from vesselapp.study.reading import read_annotation
from vesselapp.study.record import RECORD_NAME, Record
from vesselapp.study.replay import edits_of, plane_before
from vesselapp.study.seal import Sealed, seal_of
from vesselapp.study.snapshot import ANSWER_NAME, SNAPSHOT_NAME
from vesselapp.study.study import Study
from vesselapp.study.told import Told

_KEPT_HERE = "An earlier annotation or damaged files are kept here."
_UNKNOWN = (
    "The audit log doesn't know this folder: it was added without the app, "
    "or the app ended while it was made."
)
_SEALED_FILES = (SNAPSHOT_NAME, ANSWER_NAME)
_LOOKS = 5
_PAUSE_SECONDS = 0.3
"""What others write meanwhile is not whole at each moment: what seems wrong is looked at again."""


@dataclass(frozen=True)
class Finding:
    """Something to tell about a study.

    Attributes
    ----------
    where : str
        File or folder, inside the study where it is in it.
    sentence : str
    problem : bool
        False for what is only worth knowing.
    """

    where: str
    sentence: str
    problem: bool = True


def verify_study(folder: Path, progress: Callable[[float], None] | None = None) -> list[Finding]:
    """Hold a study against its audit log.

    Parameters
    ----------
    folder : Path
    progress : callable, optional
        Called with the share done, 0-1.

    Returns
    -------
    list of Finding
        Empty where all is as it was left.

    Raises
    ------
    VesselError
        Where there is no study, it goes away meanwhile, or a newer version of the app made it.
    """
    study = Study.open(folder)
    told, findings = _check_whole(study)
    keys = study.keys()  # before the pictures: a picture that came meanwhile has its annotation after it
    listed = {picture.key: picture for picture in study.pictures()}
    missing = study.missing_roots
    findings += [Finding(str(root), "This folder of pictures isn't there.") for root in missing]
    hidden = {key for key in keys if study.may_hide(key)}
    text = "This folder can't be listed just now."
    findings += [Finding(str(folder), text, bool(hidden)) for folder in study.unlisted]
    for done, key in enumerate(keys):
        if progress is not None:
            progress(done / len(keys))
        try:
            findings += _look_at(study, key, told, listed.get(key), bool(missing) or key in hidden)
        except FileNotFoundError:
            study.keys()  # raises where all of the study went away; else this annotation was moved meanwhile
        except OSError as problem:
            findings.append(Finding(f"annotations/{key}", f"It can't be read: {reason(problem)}."))
    text = "This is a copy of an annotation, made without the app."
    findings += [Finding(f"annotations/{name}", text) for name in study.copies()]
    return findings + list(_check_missing(study, told, set(keys)))


def _check_missing(study: Study, told: Told, keys: set[str]) -> Iterator[Finding]:
    """Name the annotations that the audit log knows and that have no folder."""

    def known() -> set[str]:
        formers = {name.rpartition("/")[0] for name, holds in told.apart.items() if holds is not None}
        return told.sealed.keys() | formers

    if known() - keys:
        _read_again(study, told)
    for key in sorted(known() - keys):
        if is_there(study.place_of(key).folder):
            continue
        if key in told.sealed:
            yield Finding(f"annotations/{key}", "The annotation is missing.")
        for name in told.formers(key):
            yield Finding(f"annotations/{key}/{name}", "The annotation kept apart is missing.")


def _check_whole(study: Study) -> tuple[Told, list[Finding]]:
    """Check what is the study's own, until nothing is wrong or two looks find the same."""
    before: list[Finding] = []
    for look in range(_LOOKS):
        if look:
            time.sleep(_PAUSE_SECONDS)
        told = Told()
        findings = [*_check_log(study, told), *_check_study_file(study, told), *_check_models(study, told)]
        problems = [finding for finding in findings if finding.problem]
        if not problems or problems == before:
            break
        before = problems
    return told, findings


def _read_again(study: Study, told: Told) -> None:
    """Take from the log what was sealed or moved since it was read."""
    if FileState.of(AuditLog(study.folder).path) == told.log:
        return
    fresh = Told()
    for _ in _check_log(study, fresh):
        pass  # told already, or of what is being written
    if fresh.log is not None:
        told.sealed, told.apart, told.log = fresh.sealed, fresh.apart, fresh.log


def _look_at(
    study: Study, key: str, told: Told, picture: StudyPicture | None, pictures_missing: bool
) -> list[Finding]:
    """Check an annotation, again where somebody worked on it meanwhile."""
    folder = study.place_of(key).folder
    for _ in range(_LOOKS):
        before = unclean_end(folder), told.sealed.get(key), told.formers(key)
        findings = list(_check_annotation(study, key, told, picture, pictures_missing))
        if not any(finding.problem for finding in findings):
            break
        open_now = unclean_end(folder)  # asked first: who closes it has sealed it
        _read_again(study, told)
        if (open_now, told.sealed.get(key), told.formers(key)) == before:
            break
    return findings


def _check_log(study: Study, told: Told) -> Iterator[Finding]:
    log = AuditLog(study.folder)
    state = FileState.of(log.path)
    head_number, head_sha256 = log.read_head()
    number, previous = 0, ""
    try:
        for place, line in enumerate(log.lines(), start=1):
            if line is None:
                yield Finding(AUDIT_NAME, f"Line {place} is damaged, or was cut off while it was written.")
                continue
            if line.values.get("previous") != previous or line.number != number + 1:
                text = f"Line {place} doesn't follow the line before it: one was changed, removed or added."
                yield Finding(AUDIT_NAME, text)
            if line.number == head_number and line.sha256 != head_sha256:
                yield Finding(AUDIT_NAME, f"Line {place} is not the one that {HEAD_NAME} knows.")
            number, previous = line.number, line.sha256
            told.take(line)
            if line.values.get("what") == FOUND_CHANGED:
                yield _found_changed(line)
    except OSError as problem:
        yield Finding(AUDIT_NAME, f"It can't be read: {reason(problem)}.")
        return
    told.log = state
    if number == 0:
        yield Finding(AUDIT_NAME, "It is missing or empty.")
    elif head_number > number:
        yield Finding(AUDIT_NAME, f"It was cut off: it ends with line {number}, and had {head_number}.")
    elif head_number < number:
        text = f"It knows {head_number} lines of {number}: a write was cut off, or lines were added."
        yield Finding(HEAD_NAME, text)


def _found_changed(line: AuditLine) -> Finding:
    values = line.values
    changed = "removed" if values.get("gone") else "changed"
    text = (
        f"Before {values.get('time')} another program {changed} {values.get('which')}; "
        f"{values.get('who') or 'somebody'} opened it and was told."
    )
    return Finding(f"annotations/{values.get('picture')}", text, False)


def _check_study_file(study: Study, told: Told) -> Iterator[Finding]:
    if told.study and sha256_if_readable(study.folder / STUDY_NAME) != told.study:
        yield Finding(STUDY_NAME, "It was changed from outside, or a change of it was cut off.")
    for own in (STUDY_NAME, AUDIT_NAME, HEAD_NAME):
        stem, suffix = Path(own).stem, Path(own).suffix
        for name in sorted(path.name for path in study.folder.glob(f"{stem}*{suffix}")):
            if name != own and not name[len(stem)].isalnum():  # as sync tools name them
                yield Finding(name, f"This is a copy of {own}, made without the app.")


def _check_models(study: Study, told: Told) -> Iterator[Finding]:
    from vesselapp.study.models import Registry

    registry = Registry(study.folder)
    try:
        entries, active = registry.entries(), registry.active()
    except VesselError as problem:
        yield Finding("models/registry.json", problem.message)
        return
    for entry in entries:
        where = f"models/{entry.file}"
        if told.models.get(entry.number) != (entry.file, entry.sha256):
            yield Finding(where, f"The registry's word on model {entry.number} is not that of the audit log.")
        elif told.words.get(entry.number, entry.words) != entry.words:
            text = f"Its words on model {entry.number} were changed from outside, or a change was cut off."
            yield Finding("models/registry.json", text)
        found = sha256_if_readable(entry.path)
        if found is None:
            yield Finding(where, "The model is missing.")
        elif found != entry.sha256:
            yield Finding(where, "The model was changed since it was added.")
    for number in sorted(set(told.models) - {entry.number for entry in entries}):
        yield Finding("models/registry.json", f"Model {number}, {told.models[number][0]}, is missing in it.")
    known = {"registry.json", *(entry.file for entry in entries)}
    for name in sorted(path.name for path in registry.folder.glob("*")):
        ours = name in known or name.startswith(("registry.lock", TEMPORARY_PREFIX))
        if not ours and not is_of_browser(name):
            what = "model" if name.endswith(".onnx") else "file"
            yield Finding(f"models/{name}", f"The {what} was added without the app.")
    if (active.number if active is not None else 0) != (told.used or 0):
        yield Finding("models/registry.json", "The model in use is not the one that was last chosen.")


def _check_annotation(
    study: Study, key: str, told: Told, picture: StudyPicture | None, pictures_missing: bool
) -> Iterator[Finding]:
    place = study.place_of(key)
    where = f"annotations/{key}"
    names = sorted(path.name for path in place.folder.iterdir())
    for name in strange_in(place.folder):
        yield Finding(f"{where}/{name}", "This was added without the app.")
    for name in names:
        if name.startswith((DAMAGED, FORMER)):
            known = f"{key}/{name}" in told.apart
            yield Finding(f"{where}/{name}", _KEPT_HERE if known else _UNKNOWN, not known)
    try:
        record = place.record()
    except VesselError as problem:
        yield Finding(f"{where}/{RECORD_NAME}", problem.message)
        return
    line, sealed = told.sealed.get(key, (None, None))
    unclean, empty = unclean_end(place.folder), not any(name in FILES for name in names)
    if not unclean:
        yield from _check_formers(place.folder, told.formers(key), where)
    if unclean:
        yield _in_work(place.folder, where)
        yield from _check_content(place.folder, record, where)
        if empty and sealed is not None and (sealed.files or sealed.journal is not None):
            yield Finding(where, "The annotation is missing.")
    elif line is not None and sealed is not None:
        yield from _check_sealed(place.folder, record, line, sealed, where)
    elif not empty:
        yield Finding(where, "The annotation was added without the app: the audit log doesn't know it.")
    if record is not None and record.image:
        yield from _check_picture(record, picture, pictures_missing)


def _in_work(folder: Path, where: str) -> Finding:
    holder = holder_of(folder)
    if holder is not None and not holder.stale:
        return Finding(where, f"{holder.who} works on it just now, so it isn't sealed.", False)
    text = "The app ended before it was closed, so what was done last isn't sealed: open it once."
    return Finding(where, text, False)


def _check_sealed(
    folder: Path, record: Record | None, line: AuditLine, sealed: Sealed, where: str
) -> Iterator[Finding]:
    said = _seal_of(folder / RECORD_NAME)
    if record is None or said is None:
        yield Finding(f"{where}/{RECORD_NAME}", "The record is missing or damaged.")
    elif said != sealed.record or record.audit != line.sha256:
        text = "The record was changed from outside, or an older one was put back."
        yield Finding(f"{where}/{RECORD_NAME}", text)
    for name in _SEALED_FILES:
        found, expected = sha256_if_readable(folder / name), sealed.files.get(name)
        if found != expected:
            yield Finding(f"{where}/{name}", _difference(found, expected))
    found = sha256_if_readable(folder / JOURNAL_NAME)
    expected = sealed.journal[1] if sealed.journal is not None else None
    if found != expected:
        yield Finding(f"{where}/{JOURNAL_NAME}", _difference(found, expected))


def _check_formers(folder: Path, formers: dict[str, dict[str, str]], where: str) -> Iterator[Finding]:
    """Hold the annotations that are kept apart against what was put there."""
    for former, holds in formers.items():
        if not is_folder(folder / former):
            yield Finding(f"{where}/{former}", "The annotation kept apart is missing.")
            continue
        for name in FILES if holds else ():
            found = sha256_if_readable(folder / former / name)
            if found != holds.get(name):
                yield Finding(f"{where}/{former}/{name}", _difference(found, holds.get(name)))


def _difference(found: str | None, expected: str | None) -> str:
    if found is None:
        return "It is missing."
    return "It was added without the app." if expected is None else "It was changed from outside."


def _check_content(folder: Path, record: Record | None, where: str) -> Iterator[Finding]:
    """Hold what isn't sealed yet against itself: checksums, numbers, corrections against their history."""
    if record is None:
        return
    try:
        found = read_annotation(folder, record.sha256, record.height, record.width)
        state, plane = found.state, found.state.plane
        for name, problem in found.damaged.items():
            yield Finding(f"{where}/{name}", f"It is unusable: {problem}.")
        if found.header is None or plane is None or found.damaged or found.foreign:
            return
        if plane_before(plane, edits_of(state.done)) != found.header.plane:
            yield Finding(f"{where}/{SNAPSHOT_NAME}", "The corrections are not what the journal says.")
    except VesselError as problem:
        yield Finding(where, problem.message)


def _check_picture(record: Record, picture: StudyPicture | None, pictures_missing: bool) -> Iterator[Finding]:
    if picture is None:
        if not pictures_missing:
            yield Finding(
                record.path or record.image, f"The picture {record.image} is missing, or was renamed."
            )
        return
    found = sha256_if_readable(picture.path)
    if found is None:
        yield Finding(str(picture.path), f"The picture {record.image} can't be read.")
    elif found != record.sha256:
        yield Finding(str(picture.path), f"The picture {record.image} was changed since it was annotated.")


def _seal_of(path: Path) -> str | None:
    try:
        return seal_of(path.read_bytes())
    except (OSError, ValueError):
        return None
