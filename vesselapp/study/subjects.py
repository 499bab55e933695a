"""Whose eye, or which sample, a picture shows, as far as its name tells."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_SIDE = re.compile(r"(?<=[\d _-])[ _-]*(od|os|l|r|left|right)$", re.I)


def subject_of(relative: str) -> str:
    """Give the subject of a picture: its path without ending and without the side of the eye.

    ``Image_01L`` and ``Image_01R`` are of one subject, and so are ``p7 left`` and ``p7_right``. Names that
    tell nothing make each picture a subject of its own.

    Parameters
    ----------
    relative : str
        Path inside the study's root, with forward slashes.
    """
    path = PurePosixPath(relative)
    stem = _SIDE.sub("", path.stem).rstrip(" _-") or path.stem
    return str(path.with_name(stem)) if path.name else stem
