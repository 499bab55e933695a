"""Keeping apart what can't be used: copied or moved into a folder of its own, never deleted."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

from vesselapp.core.errors import VesselError
from vesselapp.core.files import copy_file, make_folder, reason, sync_folder

PREFIX = "aside-"


def put_apart(folder: Path, moved: Iterable[str], copied: Iterable[str] = ()) -> str:
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
    free = (f"{PREFIX}{number}" for number in itertools.count(1))
    place = make_folder(folder / next(name for name in free if not (folder / name).exists()))
    for name in copied:
        if (folder / name).exists():
            copy_file(folder / name, place / name)
    try:
        for name in moved:
            if (folder / name).exists():
                (folder / name).replace(place / name)
    except OSError as problem:
        raise VesselError(f"{folder / name} can't be kept apart: {reason(problem)}.") from problem
    sync_folder(place)
    sync_folder(folder)
    return place.name
