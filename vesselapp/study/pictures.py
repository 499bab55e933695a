"""The pictures of a study: found in its folders, each with the name of its annotation."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vesselapp.core.export import SUFFIXES, written_by_vesselapp
from vesselapp.core.files import special_in
from vesselapp.core.image import PICTURE_SUFFIXES, natural_key
from vesselapp.study.json_text import parse_object

STUDY_NAME = "study.json"
OWN_FOLDERS = ("annotations", "models", "runs", "exports")
"""Folders of a study that hold no pictures to work on."""

EXPORT_NAME = "export.json"
"""What says that a folder is a study's export."""

_OUTPUTS = tuple(SUFFIXES.values())
_LONGEST_SLUG = 60


@dataclass(frozen=True)
class StudyPicture:
    """A picture of a study.

    Attributes
    ----------
    key : str
        Name of its annotation's folder.
    name : str
        File name.
    path : Path
    root : int
        Number of the study's root that it lies in.
    relative : str
        Path inside that root, with forward slashes.
    """

    key: str
    name: str
    path: Path
    root: int
    relative: str


def walk_in(
    root: Path,
    number: int,
    stopped: Callable[[], bool] = lambda: False,
    failed: Callable[[OSError], object] | None = None,
) -> Iterator[StudyPicture]:
    """Go through the pictures of a root in natural order, subfolders after the files beside them.

    Hidden files and folders, pipes and devices, masks and overlays that vesselapp wrote, what a study keeps
    and what one has exported are passed over. A root that is itself an export gives its images.

    Parameters
    ----------
    root : Path
    number : int
        Of the root in its study.
    stopped : callable
        Asked at each folder whether to go no further.
    failed : callable, optional
        Told why a folder can't be listed; its pictures are passed over.
    """
    top, given = os.fspath(root), set[str]()
    for parent, folders, names in os.walk(top, onerror=failed):
        if stopped():
            return
        own = OWN_FOLDERS if STUDY_NAME in names else ()
        folders[:] = sorted((f for f in folders if f[0] != "." and f not in own), key=_order)
        if EXPORT_NAME in names and is_export(Path(parent)):
            folders[:] = [f for f in folders if f == "images" and parent == top]
            names = []
        inside = "" if parent == top else os.path.relpath(parent, top).replace(os.sep, "/") + "/"
        special = special_in(parent)
        for name in sorted(filter(_is_picture, names), key=_order):
            path = Path(parent, name)
            if not (name in special or (name.endswith(_OUTPUTS) and written_by_vesselapp(path))):
                relative = inside + name
                key = key_of(number, relative)
                key = key_of(number, relative, again=True) if key in given else key
                given.add(key)
                yield StudyPicture(key, name, path, number, relative)


def is_export(folder: Path) -> bool:
    """Tell whether a folder is a study's export; a file of another program may have the same name."""
    try:
        return {"kind", "exported", "files"} <= parse_object((folder / EXPORT_NAME).read_bytes()).keys()
    except (OSError, ValueError):
        return False


def key_of(root: int, relative: str, *, again: bool = False) -> str:
    """Name the annotation of a picture: readable, and unlike that of any other picture of the study.

    The same on each system: names that differ only in how accents are put together count as one. Where they
    are of several pictures of one root, all but the first come ``again`` and are told by their very bytes.
    """
    whole = unicodedata.normalize("NFC", f"{root}/{relative}")
    told = f"{root}//{relative}" if again else whole
    digest = hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:10]
    stem = whole.rpartition("/")[2].rpartition(".")[0]
    slug = re.sub(r"[^\w.-]+", "-", stem).strip("-.")[:_LONGEST_SLUG].rstrip("-.")
    return f"{slug or 'picture'}-{digest}"


def is_key_of(key: str, root: int, relative: str) -> bool:
    """Tell whether a key may be that of a picture, alone of its name or not."""
    return key in (key_of(root, relative), key_of(root, relative, again=True))


def key_in(folder: Path) -> str:
    """Give the key that an annotation's folder bears, however its accents were put together by a copy."""
    return unicodedata.normalize("NFC", folder.name)


def printable(name: str) -> str:
    """Give a file name as text that any file can hold; bytes that are no text are written out."""
    return name.encode("utf-8", "backslashreplace").decode()


def _order(name: str) -> tuple[list[tuple[int, str]], str]:
    """Give a sort key: natural order, and always the same one."""
    return natural_key(name), name


def _is_picture(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(PICTURE_SUFFIXES)
