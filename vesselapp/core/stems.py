"""What the names of a picture's output files begin with: no two pictures write to the same place."""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

_LONGEST_STEM = 220
"""Bytes: names of files have at most 255, and a number, what kind it is and a suffix follow the stem."""


def unique_stems(paths: Sequence[Path], taken: Mapping[str, Path] | None = None) -> list[str]:
    """Give each picture a stem for its output files, so that no two write to the same place.

    It is the picture's own stem where no other has it (names that are `folded` alike count as one); where
    several share it, the suffix joins it (``a.jpg`` and ``a.png`` give ``a_jpg`` and ``a_png``), then the
    folder in front (``left_a_jpg``), then the folder above that, and at last a number. The order of `paths`
    matters only for the numbers. Very long ones are cut (see `short_stem`).

    Parameters
    ----------
    paths : pictures
    taken : mapping, optional
        Whose the stems are (`folded`) that were given before: no other picture gets them.

    Returns
    -------
    list of str
        One for each path.
    """
    owner = taken or {}
    steps = [0] * len(paths)
    most = max((len(path.absolute().parts) for path in paths), default=0) + 1

    def shared(i: int) -> bool:
        stem = folded(stems[i])
        return counts[stem] > 1 or owner.get(stem, paths[i]) != paths[i]

    while True:
        stems = [short_stem(_stem(path, step)) for path, step in zip(paths, steps, strict=True)]
        counts = Counter(map(folded, stems))
        longer = [i for i in range(len(paths)) if steps[i] < most and shared(i)]
        if not longer:
            return _numbered(stems, paths, owner)
        for i in longer:
            steps[i] += 1


def folded(name: str) -> str:
    """Give one text for names that some disks take for one: of either case, accents put together or not."""
    return unicodedata.normalize("NFC", name).casefold()


def short_stem(stem: str) -> str:
    """Cut a stem that is so long that the names of its output files would be longer than systems take."""
    while len(stem.encode("utf-8", "backslashreplace")) > _LONGEST_STEM:
        stem = stem[:-1]
    return stem


def _stem(path: Path, step: int) -> str:
    """Give the stem with ``step`` additions: none, the suffix, then folders from the nearest upwards."""
    if step == 0:
        return path.stem
    folders = [part.strip("/\\:") for part in path.absolute().parent.parts][::-1][: step - 1]
    return "_".join([*folders[::-1], path.stem, path.suffix.lstrip(".")]).strip("_")


def _numbered(stems: list[str], paths: Sequence[Path], owner: Mapping[str, Path]) -> list[str]:
    planned = set(map(folded, stems))
    seen: set[str] = set()
    unique = []
    for stem, path in zip(stems, paths, strict=True):
        candidate, number = stem, 2
        while (
            (name := folded(candidate)) in seen
            or (number > 2 and name in planned)
            or owner.get(name, path) != path
        ):
            candidate, number = f"{stem}_{number}", number + 1
        seen.add(name)
        unique.append(candidate)
    return unique
