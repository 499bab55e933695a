"""One image's annotation on disk: snapshot, answer, record and journal, and how they are opened."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vesselapp.core.errors import VesselError
from vesselapp.core.files import (
    copy_file,
    is_folder,
    is_there,
    make_folder,
    reason,
    remove_temporaries,
    sha256_if_readable,
    telling,
)
from vesselapp.core.walk import STUDY_NAME
from vesselapp.study.apart import FILES, FORMER, bring_back, former_of, put_apart, strange_in
from vesselapp.study.audit import AuditLine, AuditLog
from vesselapp.study.journal import JOURNAL_NAME, decode_header
from vesselapp.study.kept import Kept, kept_of
from vesselapp.study.lock import Lock
from vesselapp.study.migrate import bring_forward, parse_any_record
from vesselapp.study.pictures import key_in
from vesselapp.study.reading import Found, file_bytes, read_annotation
from vesselapp.study.record import RECORD_NAME, ImageFacts, Record, State
from vesselapp.study.seal import Sealed, changed_since, sealed_of
from vesselapp.study.writer import Writer

__all__ = ["AnnotationFolder", "Writer"]

DEFAULT_CAP_BYTES = 256 * 2**20
FOUND_CHANGED = "found changed"
"""In the audit log: an annotation that was opened is not as it was closed, or is ``gone``."""
NOT_WRITTEN = "not written"
"""In the audit log: the app ended between the line before about an annotation and its very first file."""
NOT_APART = "not kept apart"
"""In the audit log: what the line before says was kept apart isn't; the app ended, or the disk refused it."""


class AnnotationFolder:
    """Where one image's annotation lies, whether or not it exists yet.

    Parameters
    ----------
    folder : Path
    study : Path, optional
        The study it belongs to, whose audit log is told of what is saved; None for a picture opened alone.
    identity : (str, str)
        When that study was made, and its name.
    """

    def __init__(self, folder: Path, study: Path | None = None, identity: tuple[str, str] = ("", "")) -> None:
        self.folder = folder
        self.study = study
        self.identity = identity

    def load(
        self, image_sha256: str, height: int, width: int, cap_bytes: int = DEFAULT_CAP_BYTES
    ) -> Kept | None:
        """Read the annotation without touching it; None where there is none.

        What is damaged is left out and told in ``notes``; so is an annotation of another image. To write,
        use `open`, and what it found (`Writer.kept`).

        Raises
        ------
        VesselError
            Where the files can't be read just now (permission, a drive that is gone), or a newer version
            of the app wrote them.
        """
        self._see_study()
        found = read_annotation(self.folder, image_sha256, height, width)
        return kept_of(found, cap_bytes) if found.there else None

    def open(
        self, who: str, facts: ImageFacts, *, take_over: bool = False, cap_bytes: int = DEFAULT_CAP_BYTES
    ) -> Writer:
        """Take the lock, bring older formats forward, put damaged files apart, and read what there is.

        Parameters
        ----------
        who : str
        facts : ImageFacts
        take_over : bool
            Whether a stale lock of somebody else may be taken over.
        cap_bytes : int
            How many bytes of undo history are kept.

        Raises
        ------
        Taken
            Where somebody else is writing it: open it read-only, with `load`.
        VesselError
            As `load`, and where nothing can be written.
        """
        self._see_study()
        take = Lock.take_over if take_over else Lock.take
        make_folder(self.folder)
        try:
            lock = take(self.folder, who)
        except VesselError:
            if is_there(self.folder):
                raise
            make_folder(self.folder)  # its last owner has just found it empty, and removed it
            lock = take(self.folder, who)
        try:
            return self._open(lock, facts, cap_bytes)
        except BaseException as problem:
            lock.release(clean=not lock.unclean)
            with contextlib.suppress(OSError):
                self.folder.rmdir()  # where it was made just now
            if isinstance(problem, OSError):
                text = f"The annotation in {self.folder} can't be read: {reason(problem)}."
                raise VesselError(text) from problem
            raise

    def record(self) -> Record | None:
        """Read the record alone; None where there is none, or none that can be read.

        Raises
        ------
        VesselError
            Where the disk doesn't answer, or a newer version of the app wrote it.
        """
        return read_record(self.folder)

    def was_removed(self) -> bool:
        """Tell whether its folder isn't there although what that lies in is.

        Raises
        ------
        VesselError
            Where the study isn't there, or nothing can be told just now.
        """
        self._see_study()
        if self.study is None and not is_folder(self.folder.parent):
            return False
        try:
            self.folder.stat()
        except FileNotFoundError:
            return True
        except OSError as problem:
            raise VesselError(f"{self.folder} can't be read: {reason(problem)}.") from problem
        return False

    def _see_study(self) -> None:
        """See that the study is there: else a drive is gone, and its mount point is no place for anything."""
        if self.study is None:
            return
        try:
            (self.study / STUDY_NAME).stat()
        except OSError as problem:
            gone = isinstance(problem, (FileNotFoundError, NotADirectoryError))
            what = "isn't there just now" if gone else f"can't be read just now: {reason(problem)}"
            text = f"The study in {self.study} {what}."
            raise VesselError(text, "Is its drive connected?") from problem

    def _open(self, lock: Lock, facts: ImageFacts, cap_bytes: int) -> Writer:
        remove_temporaries(self.folder)
        written = _written(self.folder / JOURNAL_NAME) if lock.unclean else ""
        if lock.unclean:
            _renew(self.folder / JOURNAL_NAME)
        ours, who = (facts.sha256, facts.height, facts.width), lock.holder.who
        found = read_annotation(self.folder, *ours)
        notes = [] if lock.unclean or not found.there else self._look_at_seal(who, found)
        gone = "" if found.there else self._look_for_gone(who, unclean=lock.unclean)
        if lock.unclean and found.there:
            self._see_if_done(who)
        foreign, back = found.foreign, list[str]()
        if foreign:
            notes.append(self._keep_former_apart(who))
        if foreign or found.record is None or found.header is None:
            back = self._bring_back(who, facts.sha256)
        if foreign or back:
            notes += back
            found = read_annotation(self.folder, *ours)
        elif found.former and found.record is not None and not found.damaged:
            assert found.state.plane is not None
            bring_forward(self.folder, found.record, found.state.plane)
            found = read_annotation(self.folder, *ours)
        found.notes += notes
        writer = Writer(self.folder, self.study, lock, facts, found, cap_bytes)
        writer.gone = gone
        if found.damaged or found.lapsed:
            found.notes += writer.heal(found)
        if strange := strange_in(self.folder):
            text = f"In {self.folder} another program put {', '.join(strange)}; the app doesn't use it."
            found.notes.append(text)
        if found.there or found.notes:
            kept = kept_of(found, cap_bytes)
            newest = max(kept.saved, written) if found.there else kept.saved
            writer.kept = replace(kept, saved=newest)
        return writer

    def _look_at_seal(self, who: str, found: Found) -> list[str]:
        """See whether the files are as they were when last closed; what isn't is told, and logged."""
        if found.foreign:
            found = read_annotation(self.folder, *found.images[0])
        sealed = None
        for line in self._lines():
            sealed = sealed_of(line.values)
            if sealed is not None or line.values.get("what") == "moved":
                break  # before a move it was another picture's, or went by another name
        changed = ", ".join(changed_since(sealed, found.sealed(key_in(self.folder)))) if sealed else ""
        if not changed:
            return []
        self._audit(who, FOUND_CHANGED, which=changed)
        return [f"Since this picture was last closed, another program changed {changed}."]

    def _look_for_gone(self, who: str, *, unclean: bool) -> str:
        """See whether the audit log tells of files where there are none; that is told, and logged once."""
        key, logged = key_in(self.folder), False
        for line in self._lines():
            what, sealed = line.values.get("what"), sealed_of(line.values)
            if sealed is not None:
                break
            apart = what == "kept apart" and str(line.values.get("where")).startswith(FORMER)
            if apart or what == NOT_WRITTEN or (what == "moved" and line.values.get("before") == key):
                return ""
            logged |= what == FOUND_CHANGED
        else:
            return ""
        if unclean and not sealed.files and sealed.journal is None:
            self._audit(who, NOT_WRITTEN)
            said = line.values.get("state")
            return f"The app ended before what was said of this picture ({said}) was on the disk."
        if not logged:
            which = ", ".join(changed_since(sealed, Sealed(key, {}, None, "")))
            self._audit(who, FOUND_CHANGED, which=which, gone=True)
        return (
            "What was kept of this picture is gone: another program removed it. Put a copy of "
            f"annotations/{key} back while the picture is closed, or begin anew."
        )

    def _lines(self) -> Iterator[AuditLine]:
        """Give what the audit log says of this annotation, the newest first."""
        key = key_in(self.folder)
        if self.study is not None:
            with telling("The audit log of the study can't be read"):
                for line in AuditLog(self.study).about(key):
                    if key in (line.values.get("picture"), line.values.get("before")):
                        yield line

    def _keep_former_apart(self, who: str) -> str:
        """Put the annotation of another image, which bore this one's name, into a folder of its own."""

        def tell(where: str) -> None:
            holds = {name: sha256_if_readable(self.folder / name) for name in FILES}
            holds = {name: sha256 for name, sha256 in holds.items() if sha256 is not None}
            why = "the picture was replaced by another"
            self._audit(who, "kept apart", where=where, why=why, holds=holds)

        try:
            place = put_former_apart(self.folder, tell)
        except VesselError:
            with contextlib.suppress(VesselError):
                self._see_if_done(who)
            raise
        return f"The picture was replaced by another; the former one's annotation is kept in {place}."

    def _see_if_done(self, who: str) -> None:
        """Tell the log where what it says last, that all was moved or kept apart, was not done."""
        line = next(self._lines(), None)
        values = line.values if line is not None else {}
        what, where, went = (str(values.get(name)) for name in ("what", "where", "picture"))
        if what == "kept apart" and where.startswith(FORMER):
            if not any(is_there(self.folder / where / name) for name in FILES):
                self._audit(who, NOT_APART, where=where)
                with contextlib.suppress(OSError):
                    (self.folder / where).rmdir()
        elif what == "moved" and values.get("whole") and not is_there(self.folder.parent / went):
            self._audit(who, "moved", before=went, whole=True)

    def _bring_back(self, who: str, sha256: str) -> list[str]:
        """Bring back what is kept in there of this very image, if there is any; give what to tell."""

        def is_ours(place: Path) -> bool:
            record = read_record(place)
            return record is not None and record.sha256 == sha256

        where = former_of(self.folder, FILES, is_ours)
        if not where:
            return []
        self._audit(who, "brought back", where=where)
        bring_back(self.folder, where, FILES)
        return ["The annotation that was made on this very image, and kept apart, was brought back."]

    def _audit(self, who: str, what: str, **facts: Any) -> None:
        if self.study is not None:
            AuditLog(self.study).append(who, what, picture=key_in(self.folder), **facts)


def put_former_apart(folder: Path, tell: Callable[[str], object] = lambda name: None) -> str:
    """Put a whole annotation, whose lock is held, into a folder of its own in there; give that one's name.

    ``tell`` is told that name before anything is moved.

    Raises
    ------
    VesselError
        Where the disk refuses; it is where it was then.
    """
    return put_apart(folder, FILES, tell=tell, prefix=FORMER, place=half_apart(folder))


def half_apart(folder: Path) -> str:
    """Name the folder in which a part of an annotation lies: putting it apart was cut off. Else empty."""
    record = read_record(folder)

    def is_same(place: Path) -> bool:
        other = read_record(place)
        return record is not None and other is not None and other.sha256 == record.sha256

    return former_of(folder, FILES, is_same)


def _renew(journal: Path) -> None:
    """Make a journal a new file: a former owner who wakes up in the midst of a write has the old one in hand.

    Windows refuses that while such an owner has it open; what comes of it is kept apart when we write next.
    """
    try:
        if journal.exists():
            copy_file(journal, journal)
    except VesselError as problem:
        if not isinstance(problem.__cause__, PermissionError):
            raise


def _written(path: Path) -> str:
    """Say when a file was last written, as records say it; nothing where it isn't there."""
    try:
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return ""
    return written.isoformat(timespec="seconds")


def read_record(folder: Path) -> Record | None:
    """Read the record of an annotation folder (see `AnnotationFolder.record`).

    Where there is no sound record but a journal (the app ended before the first record was written), a record
    of work in progress stands in for it.
    """
    try:
        data = file_bytes(folder / RECORD_NAME)
        with contextlib.suppress(ValueError):
            if data is not None:
                return parse_any_record(data)[0]
        with (folder / JOURNAL_NAME).open("rb") as file:
            header = decode_header(file.readline())
        return Record("", header.sha256, header.height, header.width, state=State.IN_PROGRESS)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as problem:
        raise VesselError(f"The record in {folder} can't be read: {reason(problem)}.") from problem
