"""What an annotation's folder holds. What can't be used is kept apart in a folder in there, never deleted."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

from vesselapp.core.errors import VesselError
from vesselapp.core.files import (
    TEMPORARY_PREFIX,
    copy_file,
    is_of_browser,
    make_folder,
    patiently,
    reason,
    sync_folder,
)
from vesselapp.study.journal import JOURNAL_NAME
from vesselapp.study.lock import LOCK_NAME
from vesselapp.study.migrate import BACKUP_NAME
from vesselapp.study.record import RECORD_NAME
from vesselapp.study.snapshot import ANSWER_NAME, SNAPSHOT_NAME

FILES = (JOURNAL_NAME, SNAPSHOT_NAME, ANSWER_NAME, RECORD_NAME)
"""What an annotation is made of."""
DAMAGED = "aside-"
"""Folders of files that were damaged."""
FORMER = "former-"
"""Folders of whole annotations, of a picture that had this one's name before."""


def strange_in(folder: Path) -> list[str]:
    """Name what lies in an annotation's folder and is not the app's: a sync tool's copies, for instance."""
    names = sorted(path.name for path in folder.iterdir() if not is_of_browser(path.name))
    known, begun = (*FILES, BACKUP_NAME), (LOCK_NAME, TEMPORARY_PREFIX, DAMAGED, FORMER)
    return [name for name in names if name not in known and not name.startswith(begun)]


def put_apart(
    folder: Path,
    moved: Iterable[str],
    copied: Iterable[str] = (),
    *,
    tell: Callable[[str], object],
    prefix: str = DAMAGED,
    place: str = "",
) -> str:
    """Put files of an annotation into a new folder inside it; give that folder's name.

    Parameters
    ----------
    folder : Path
        Of the annotation, whose lock is held.
    moved, copied : iterables of str
        File names; those that aren't there are passed over. Copied are files that are about to be replaced.
    tell : callable
        Told the folder's name before anything is put there, for the audit log.
    prefix : str
    place : str
        The folder to use, where a move was begun and didn't end; a new one where empty.

    Raises
    ------
    VesselError
        Where the disk refuses; what was not moved is where it was.
    """
    into = make_folder(folder / place if place else _free(folder, prefix))
    try:
        tell(into.name)
        for name in copied:
            if (folder / name).exists():
                copy_file(folder / name, into / name)
        _move(folder, into, moved)
    except VesselError:
        with contextlib.suppress(OSError):
            into.rmdir()  # where nothing came into it
        raise
    return into.name


def hand_in(annotation: Path, folder: Path) -> str:
    """Move a whole annotation from elsewhere to where `bring_back` finds it; give that folder's name.

    Raises
    ------
    OSError
        Where the disk refuses; it is where it was then.
    """
    place = _free(make_folder(folder), FORMER)
    patiently(annotation.rename, place)
    sync_folder(folder)
    sync_folder(annotation.parent)
    return place.name


def bring_back(folder: Path, place: str, names: Iterable[str]) -> None:
    """Bring a former annotation (see `former_of`) back to a folder whose lock is held.

    Raises
    ------
    VesselError
        Where the disk refuses.
    """
    _move(folder / place, folder, names)
    with contextlib.suppress(OSError):
        (folder / place).rmdir()


def former_of(folder: Path, names: Iterable[str], is_same: Callable[[Path], bool]) -> str:
    """Name the folder of a former annotation that may be brought back, or that more of it may be put into.

    Parameters
    ----------
    folder : Path
        Of the annotation, whose lock is held. What is in it already stays (the app ended in the midst of
        this, or of `put_apart`), and only a former one that has none of that counts.
    names : iterable of str
        File names.
    is_same : callable
        Told a folder of a former annotation; says whether it is the one.

    Returns
    -------
    str
        Empty where there is none.
    """
    names = list(names)
    for place in sorted(folder.glob(f"{FORMER}*")):
        if is_same(place) and not _share(folder, place, names):
            return place.name
    return ""


def _share(folder: Path, other: Path, names: Iterable[str]) -> bool:
    """Tell whether any file is in both folders."""
    return any((folder / name).exists() and (other / name).exists() for name in names)


def _free(folder: Path, prefix: str) -> Path:
    """Name a folder that isn't there yet."""
    names = (folder / f"{prefix}{number}" for number in itertools.count(1))
    return next(name for name in names if not name.exists())


def _move(source: Path, target: Path, names: Iterable[str]) -> None:
    moved: list[str] = []
    try:
        for name in names:
            if (source / name).exists():
                patiently((source / name).replace, target / name)
                moved.append(name)
    except OSError as problem:
        with contextlib.suppress(OSError):
            for name in reversed(moved):
                patiently((target / name).replace, source / name)
        raise VesselError(f"{source} can't be moved to {target}: {reason(problem)}.") from problem
    sync_folder(target)
    sync_folder(source)
