"""The pictures in folders: which files are taken for one, and which folders hold none to work on."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.export import written_by_vesselapp
from vesselapp.core.files import real_path, reason, special_in
from vesselapp.core.image import KINDS_HINT, PICTURE_SUFFIXES, natural_key

STUDY_NAME = "study.json"
OWN_FOLDERS = ("annotations", "models", "runs", "exports")
"""Folders of a study that hold no pictures to work on."""

EXPORT_NAME = "export.json"
"""What says that a folder is a study's export."""


def find_pictures(
    paths: Iterable[str | os.PathLike[str]],
    unlisted: Callable[[str], object] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Path]:
    """Replace each folder by the pictures in it (see `walk`), and drop what comes twice.

    A file named by itself is always taken.

    Parameters
    ----------
    paths : files and folders
    unlisted : callable, optional
        Told, in a sentence, of each subfolder that can't be listed.
    stopped : callable, optional
        Asked at each folder and file whether to go no further.

    Returns
    -------
    list of Path

    Raises
    ------
    VesselError
        For a path that doesn't exist, and for a folder without pictures.
    Cancelled
        Where it was stopped.
    """
    found: dict[str, Path] = {}
    folders: dict[Path, str] = {}
    for given in paths:
        path = Path(given)
        walked = _is_folder(path)
        for picture in _pictures_in(path, unlisted, stopped) if walked else [path]:
            if stopped():
                raise Cancelled
            real = real_path(picture, folders) if walked else os.path.realpath(picture)
            found.setdefault(real, picture)
    return list(found.values())


def walk(
    folder: Path,
    *,
    stopped: Callable[[], bool] = lambda: False,
    failed: Callable[[OSError], object] | None = None,
) -> Iterator[Path]:
    """Go through the pictures of a folder in natural order (2 before 10), subfolders after the files.

    Hidden files and folders, links to folders, pipes and devices, what vesselapp wrote for a picture, what a
    study keeps and what one has exported are passed over. A folder that is itself an export gives its images.

    Parameters
    ----------
    folder : Path
    stopped : callable
        Asked at each folder and file whether to go no further.
    failed : callable, optional
        Told why a folder can't be listed; its pictures are passed over.
    """
    top = os.fspath(folder)
    for parent, folders, names in os.walk(top, onerror=failed):
        if stopped():
            return
        own = OWN_FOLDERS if STUDY_NAME in names else ()
        folders[:] = sorted((f for f in folders if f[0] != "." and f not in own), key=_order)
        if EXPORT_NAME in names and is_export(Path(parent)):
            folders[:] = [f for f in folders if f == "images" and parent == top]
            names = []
        special = special_in(parent)
        for name in sorted(filter(_is_picture, names), key=_order):
            if stopped():
                return
            path = Path(parent, name)
            if name not in special and not written_by_vesselapp(path):
                yield path


def is_export(folder: Path) -> bool:
    """Tell whether a folder is a study's export; a file of another program may have the same name."""
    try:
        said = json.loads((folder / EXPORT_NAME).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(said, dict) and {"kind", "exported", "files"} <= said.keys()


def _order(name: str) -> tuple[list[tuple[int, str]], str]:
    """Give a sort key: natural order, and always the same one."""
    return natural_key(name), name


def _is_picture(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(PICTURE_SUFFIXES)


def _is_folder(path: Path) -> bool:
    try:
        if path.is_dir():
            return True
        path.stat()
    except FileNotFoundError as problem:
        raise VesselError(f"{path} doesn't exist.", "Check how the name is spelt.") from problem
    except OSError as problem:
        raise VesselError(f"{path} can't be opened: {reason(problem)}.") from problem
    except ValueError as problem:
        raise VesselError(f"{path} can't be opened: {problem}.") from problem
    return False


def _pictures_in(folder: Path, unlisted: Callable[[str], object], stopped: Callable[[], bool]) -> list[Path]:
    problems: list[OSError] = []
    pictures = list(walk(folder, stopped=stopped, failed=problems.append))
    if stopped():
        raise Cancelled
    if problems and not pictures:
        where = problems[0].filename or folder
        raise VesselError(f"The folder {where} can't be read: {reason(problems[0])}.") from problems[0]
    if not pictures:
        raise VesselError(f"The folder {folder} holds no pictures.", KINDS_HINT)
    for problem in problems:
        where = problem.filename or folder
        unlisted(f"{where} can't be listed ({reason(problem)}): its pictures are left out.")
    return pictures
