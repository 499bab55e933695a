"""Whose annotation is whose: one belongs to an image, and goes along where its picture gets another name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vesselapp.core.errors import VesselError
from vesselapp.core.files import patiently, reason, sync_folder, telling
from vesselapp.study.annotation import AnnotationFolder, half_apart, put_former_apart, read_record
from vesselapp.study.apart import FORMER, hand_in
from vesselapp.study.audit import AuditLog
from vesselapp.study.lock import Lock
from vesselapp.study.pictures import StudyPicture, key_in, printable
from vesselapp.study.record import ImageFacts, Record

if TYPE_CHECKING:
    from vesselapp.study.study import Study


@dataclass(frozen=True)
class Opened:
    """What was found when a picture was opened.

    ``what`` is ``new`` (no annotation yet), ``same``, ``changed`` (another picture under that name: the
    annotation of the former one is kept apart), ``moved`` (renamed or moved: its annotation was found by
    its hash), or ``taken`` (moved, but the annotation can't come along, because somebody still works on it or
    nothing can be written; so it stays where it is).
    ``sentence`` tells a person, and is empty where there is nothing to tell; ``key`` names the annotation.
    """

    what: Literal["new", "same", "changed", "moved", "taken"]
    key: str
    sentence: str = ""


@dataclass(frozen=True)
class _Home:
    """Where an annotation lies: at a key, or kept apart in a folder in there."""

    key: str
    apart: str
    record: Record


class Homes:
    """Finds the annotations of a study by the image they were made on.

    Parameters
    ----------
    study : Study
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._known: dict[str, tuple[int, list[_Home]]] = {}

    def note_opened(
        self,
        picture: StudyPicture,
        image_sha256: str,
        who: str,
        ended: Callable[[Path], object],
    ) -> Opened:
        """See whether a picture is the one that was annotated; call it before `AnnotationFolder.open`.

        An annotation that was made on an image of this very hash, and whose own picture is gone or another
        one by now, is taken along: the picture was renamed or moved.

        Parameters
        ----------
        picture : StudyPicture
        image_sha256 : str
            Of the picture's file.
        who : str
        ended : callable
            Waits until this process itself no longer works on an annotation's folder, where it is about to.

        Raises
        ------
        VesselError
            Where the annotation can't be read or moved.
        """
        known = self._study.place(picture).record()
        if known is not None and known.sha256 == image_sha256:
            return Opened("same", picture.key)
        with telling("The annotations of the study can't be read", "Is its drive connected?"):
            home = self._home_of(picture, image_sha256)
        if home is None and known is None:
            return Opened("new", picture.key)
        if home is None:
            told = f"{picture.name} was replaced by another picture since it was annotated; "
            return Opened("changed", picture.key, told + "that annotation is kept apart.")
        former = home.record.image or home.key
        try:
            ended(self._study.place_of(home.key).folder)
            self._adopt(home, picture, who)
        except VesselError as problem:
            told = f"{picture.name} was called {former} before, but its annotation can't come along yet: "
            told += problem.message
            if home.apart:
                return Opened("new" if known is None else "changed", picture.key, told)
            place = self._study.place_of(home.key)
            left = place.record()
            if left is None or left.sha256 != image_sha256 or half_apart(place.folder):
                raise
            return Opened("taken", home.key, told)
        told = f"{picture.name} was called {former} before; its annotation came along."
        if known is not None:
            told += " That of the picture which had this name until now is kept apart."
        return Opened("moved", picture.key, told)

    def _home_of(self, picture: StudyPicture, image_sha256: str) -> _Home | None:
        """Find an annotation of an image at another picture's place; None where none is surely its own."""
        if self._study.missing_roots:
            return None
        homes = [home for home in self._all_homes() if home.record.sha256 == image_sha256]
        if any(home.key == picture.key for home in homes):
            return None  # it comes back by itself (`AnnotationFolder.open`)
        for home in homes:
            record = read_record(self._study.place_of(home.key).folder / home.apart)
            if (
                record is not None
                and record.sha256 == image_sha256
                and self._study.has_left(home.key, image_sha256)
            ):
                return home
        return None

    def _all_homes(self) -> Iterator[_Home]:
        """List all annotations, those kept apart too; what didn't change since is not read again."""
        for key in (*self._study.keys(), *self._study.copies()):
            folder = self._study.place_of(key).folder
            try:
                changed = folder.stat().st_mtime_ns
            except FileNotFoundError:
                continue
            if self._known.get(key, (0, []))[0] != changed:
                self._known[key] = changed, _homes_in(folder)
            yield from self._known[key][1]

    def _adopt(self, home: _Home, picture: StudyPicture, who: str) -> None:
        """Give an annotation the name of the picture that it belongs to now."""
        old, new = self._study.place_of(home.key), self._study.place(picture)
        lock = None if home.apart else Lock.take(old.folder, who)  # nobody writes what is kept apart
        try:
            record = read_record(old.folder / home.apart)
            if record is None or record.sha256 != home.record.sha256:
                text = f"The annotation of {home.record.image} is no longer where it was."
                raise VesselError(text, "Open the picture again.")
            _see_free(new.folder, who)
            with contextlib.suppress(OSError):
                new.folder.rmdir()  # where it is empty
            whole = not home.apart and not self._study.lists(home.key) and not new.folder.exists()
            facts = {"before": f"{home.key}/{home.apart}".rstrip("/"), "whole": whole}
            log = AuditLog(self._study.folder)
            log.append(who, "moved", picture=picture.key, **facts, image=picture.name)
            apart = home.apart or ("" if whole else put_former_apart(old.folder))
            if whole:
                try:
                    patiently(old.folder.rename, new.folder)
                except OSError:
                    back = {"before": picture.key, "whole": True}
                    log.append_done(who, "moved", picture=home.key, **back, image=home.record.image)
                    raise
                if lock is not None:
                    lock.moved_to(new.folder)
                sync_folder(new.folder.parent)
            else:
                hand_in(old.folder / apart, new.folder)  # `write_named` opens it, and so brings it back
        except OSError as problem:
            raise VesselError(
                f"The annotation of {home.record.image} can't be moved to {picture.name}: {reason(problem)}."
            ) from problem
        finally:
            if lock is not None:
                lock.release()
            with contextlib.suppress(OSError):
                old.folder.rmdir()  # where nothing is left in it
        write_named(new, record, picture, who)


def _homes_in(folder: Path) -> list[_Home]:
    """List the annotation of a folder, and those that are kept apart in it."""
    apart = ("", *sorted(former.name for former in folder.glob(f"{FORMER}*")))
    found = ((name, _record_or_none(folder / name)) for name in apart)
    return [_Home(key_in(folder), name, record) for name, record in found if record is not None]


def _record_or_none(folder: Path) -> Record | None:
    try:
        return read_record(folder)
    except VesselError:
        return None


def _see_free(folder: Path, who: str) -> None:
    """See that nobody works on an annotation's folder (Taken where somebody does)."""
    if folder.exists():
        lock = Lock.take(folder, who)
        lock.release(clean=not lock.unclean)


def write_named(place: AnnotationFolder, record: Record, picture: StudyPicture, who: str) -> None:
    """Give the record of an annotation that came from elsewhere the name that its picture has here.

    Parameters
    ----------
    place : AnnotationFolder
        Where it lies now.
    record : Record
        As it was read before; what is there once nobody else writes goes before it.
    picture : StudyPicture
    who : str
    """
    name, path = printable(picture.name), printable(picture.relative)
    writer = place.open(who, ImageFacts(name, record.sha256, record.height, record.width, path))
    try:
        writer.write_record(replace(writer.record or record.taken_back, image=name, path=path))
        writer.close()
    except BaseException:
        writer.abandon()
        raise
