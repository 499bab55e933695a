"""The pictures of a study: found in its folders, each with the name of its annotation."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vesselapp.core.walk import walk

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
    """Go through the pictures of a root (see `vesselapp.core.walk.walk`).

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
    given = set[str]()
    for path in walk(root, stopped=stopped, failed=failed):
        relative = path.relative_to(root).as_posix()
        key = key_of(number, relative)
        key = key_of(number, relative, again=True) if key in given else key
        given.add(key)
        yield StudyPicture(key, path.name, path, number, relative)


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


def is_key(name: str) -> bool:
    """Tell whether a folder may be an annotation's own by its name; a copy that a sync tool made is not."""
    return re.fullmatch(r".+-[0-9a-f]{10}", name) is not None


def key_in(folder: Path) -> str:
    """Give the key that an annotation's folder bears, however its accents were put together by a copy."""
    return unicodedata.normalize("NFC", folder.name)


def printable(name: str) -> str:
    """Give a file name as text that any file can hold; bytes that are no text are written out."""
    return name.encode("utf-8", "backslashreplace").decode()
