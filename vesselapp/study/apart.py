"""Keeping apart what can't be used: copied or moved into a folder of its own, never deleted."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

from vesselapp.core.errors import VesselError
from vesselapp.core.files import copy_file, make_folder, reason, sync_folder

DAMAGED = "aside-"
"""Folders of files that were damaged."""
FORMER = "former-"
"""Folders of whole annotations, of a picture that had this one's name before."""


def put_apart(
    folder: Path, moved: Iterable[str], copied: Iterable[str] = (), *, prefix: str = DAMAGED
) -> str:
    """Put files of an annotation into a new folder inside it; give that folder's name.

    Parameters
    ----------
    folder : Path
        Of the annotation, whose lock is held.
    moved, copied : iterables of str
        File names; those that aren't there are passed over. Copied are files that are about to be replaced.

    Raises
    ------
    VesselError
        Where the disk refuses; what was not moved is where it was.
    """
    place = make_folder(_free(folder, prefix))
    for name in copied:
        if (folder / name).exists():
            copy_file(folder / name, place / name)
    _move(folder, place, moved)
    return place.name


def hand_in(annotation: Path, folder: Path) -> str:
    """Move a whole annotation from elsewhere to where `bring_back` finds it; give that folder's name.

    Raises
    ------
    OSError
        Where the disk refuses; it is where it was then.
    """
    place = _free(make_folder(folder), FORMER)
    annotation.rename(place)
    sync_folder(folder)
    sync_folder(annotation.parent)
    return place.name


def bring_back(folder: Path, names: Iterable[str], is_ours: Callable[[Path], bool]) -> str:
    """Bring back a former annotation that is the present picture's own; say in which folder it was.

    Parameters
    ----------
    folder : Path
        Of the annotation, whose lock is held; none of the files is in it.
    names : iterable of str
        File names.
    is_ours : callable
        Told a folder of a former annotation; says whether it is the present picture's.

    Returns
    -------
    str
        Empty where there is none.

    Raises
    ------
    VesselError
        Where the disk refuses.
    """
    for place in sorted(folder.glob(f"{FORMER}*")):
        if is_ours(place):
            _move(place, folder, names)
            with contextlib.suppress(OSError):
                place.rmdir()
            return place.name
    return ""


def _free(folder: Path, prefix: str) -> Path:
    """Name a folder that isn't there yet."""
    names = (folder / f"{prefix}{number}" for number in itertools.count(1))
    return next(name for name in names if not name.exists())


def _move(source: Path, target: Path, names: Iterable[str]) -> None:
    try:
        for name in names:
            if (source / name).exists():
                (source / name).replace(target / name)
    except OSError as problem:
        raise VesselError(f"{source} can't be moved to {target}: {reason(problem)}.") from problem
    sync_folder(target)
    sync_folder(source)
