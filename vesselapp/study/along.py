"""Work that a person did on a picture alone comes along into a study that has the picture."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from vesselapp.core.errors import VesselError
from vesselapp.core.files import TEMPORARY_PREFIX, copy_file, make_folder, reason
from vesselapp.study.annotation import read_record
from vesselapp.study.apart import FILES, FORMER, hand_in
from vesselapp.study.audit import AuditLog
from vesselapp.study.homes import write_named
from vesselapp.study.lock import LOCK_NAME, Lock, Taken

if TYPE_CHECKING:
    from vesselapp.study.annotation import AnnotationFolder
    from vesselapp.study.pictures import StudyPicture
    from vesselapp.study.study import Study


def bring_along(
    study: Study, picture: StudyPicture, image_sha256: str, alone: AnnotationFolder, who: str = ""
) -> tuple[AnnotationFolder, str]:
    """Copy what was done on a picture alone to its place in a study, which has nothing of it yet.

    What is kept of it alone stays as it is. Where it can't come along, it is gone on with where it is, if
    that can be written to: what was begun in the study without it would keep it out for good.

    Parameters
    ----------
    study : Study
    picture : StudyPicture
    image_sha256 : str
        Of the picture.
    alone : AnnotationFolder
        Where work on it alone is kept, if there is any.
    who : str

    Returns
    -------
    AnnotationFolder
        Where the picture's annotation lies now.
    str
        What a person should know; empty where there is nothing to bring.
    """
    place = target = study.place(picture)
    try:
        record = alone.record()
        if record is None or record.sha256 != image_sha256 or not _is_free(target, image_sha256, who):
            return target, ""
        try:
            lock = Lock.take(alone.folder, who)
        except Taken:
            place = alone
            raise
        place = alone
        fresh = target.folder.with_name(f"{TEMPORARY_PREFIX}{target.folder.name}")
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            make_folder(fresh)
            for file in alone.folder.iterdir():
                if file.is_file() and not file.name.startswith((LOCK_NAME, TEMPORARY_PREFIX)):
                    copy_file(file, fresh / file.name)
            AuditLog(study.folder).append(who, "brought along", picture=picture.key, image=picture.name)
            hand_in(fresh, target.folder)  # `write_named` opens it, and so brings it back
            place = target
        finally:
            lock.release()
            shutil.rmtree(fresh, ignore_errors=True)
        write_named(target, record, picture, who)
    except Taken:
        told = f"Work on {picture.name} alone is not in this study: it is still open elsewhere."
    except (VesselError, OSError) as problem:
        why = problem.message.rstrip(".") if isinstance(problem, VesselError) else reason(problem)
        told = f"Work on {picture.name} alone could not be brought into this study: {why}."
    else:
        return target, f"What was done on {picture.name} before, outside this study, was brought along."
    if place is alone:
        told += " It goes on there, outside this study, and comes along when the picture is opened next."
    return place, told


def _is_free(place: AnnotationFolder, image_sha256: str, who: str) -> bool:
    """Tell whether nobody has done anything to an image at its place, or is about to."""
    if not place.folder.exists():
        return True
    try:
        lock = Lock.take(place.folder, who)  # a process that died may have left one behind
    except Taken:
        return False
    try:
        return _has_nothing_of(place, image_sha256)
    finally:
        lock.release(clean=not lock.unclean)


def _has_nothing_of(place: AnnotationFolder, image_sha256: str) -> bool:
    """Tell whether there is no annotation of an image at a place, nor one kept apart."""
    empty = not any((place.folder / name).exists() for name in FILES)
    record = place.record()
    formers = (read_record(former) for former in place.folder.glob(f"{FORMER}*"))
    return (empty or (record is not None and record.sha256 != image_sha256)) and not any(
        former is not None and former.sha256 == image_sha256 for former in formers
    )
