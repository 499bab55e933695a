"""Whose eye, or which sample, a picture shows, as far as its name tells."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

_BETWEEN = r"[ ._,()\[\]{}-]+"
_SIDE = re.compile(r"(?:od|os|left|right)\d{0,2}|l|r", re.I)
"""A number after l or r is a replicate, a lane or the well of a plate: ``ctrl_R1``, ``R07``."""
_JOINED = re.compile(r"(?<=\d)(?=(?i:od|os|l|r|left|right)$)|(?<=[a-z])(?=O[DS]$)|(?<=\d)(?=O[DS]\d{0,2}$)")
"""Where a side is written to what stands before it, without anything between: ``01L``, ``smithOD``."""
_COUNTER = re.compile(r"\d{0,2}")


def subject_of(relative: str) -> str:
    """Give the subject of a picture: who or what its path names, without the side of the eye.

    The side (od, os, l, r, left, right) may stand anywhere: ``Image_01L``, ``p7 right``, ``OS_p7``,
    ``p7_left_macula``, ``OD/p7``, ``p7/OD``. What follows it is no part of the subject where what stands
    before holds a number (``p7_OD_1`` and ``p7_OS_2`` are of one). A name that is only a side gives the
    folder. Names that tell nothing make each picture a subject of its own. Neither case nor how accents are
    put together tells two subjects apart.

    Parameters
    ----------
    relative : str
        Number of the study's root and path inside it, with forward slashes.
    """
    path = PurePosixPath(unicodedata.normalize("NFC", relative))
    found = _subject(path) if path.name else relative
    return unicodedata.normalize("NFC", found.casefold())


def _subject(path: PurePosixPath) -> str:
    folders = list(path.parent.parts)
    for place in range(1, len(folders)):
        if _SIDE.fullmatch(folders[place]):
            if place > 1 and _has_number(folders[place - 1]):
                return "/".join(folders[:place])
            del folders[place]
            break
    before, found, after = _parted(path.stem)
    if not found:
        return "/".join([*folders, path.stem])
    if _has_number(before):
        return "/".join([*folders, before])
    rest = "_".join(filter(None, [before, after]))
    only_side = not rest or (not before and _COUNTER.fullmatch(rest) and _names_one(folders))
    if only_side and folders:
        return "/".join(folders)
    return "/".join([*folders, rest or path.stem])


def _parted(stem: str) -> tuple[str, bool, str]:
    """Give what stands before and after the side in a name, and whether there is one."""
    words = [part for word in re.split(_BETWEEN, stem) for part in _JOINED.split(word) if part]
    for place, word in enumerate(words):
        if _SIDE.fullmatch(word):
            return "_".join(words[:place]), True, "_".join(words[place + 1 :])
    return stem, False, ""


def _names_one(folders: list[str]) -> bool:
    """Tell whether the last folder inside the root looks like one subject's."""
    return len(folders) > 1 and _has_number(folders[-1])


def _has_number(text: str) -> bool:
    return any(letter.isdigit() for letter in text)
