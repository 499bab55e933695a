"""Which pictures a model learns from and which it is validated on, kept in a file beside the run."""

import hashlib
import json
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

from trainer.readers import Case
from vesselapp.core.errors import VesselError
from vesselapp.core.files import reason

_HELD = 0.2
SIDES = ("train", "validation")
_FORM = 'It must hold {"train": [names], "validation": [names]}.'


def make_split(cases: list[Case]) -> dict[str, list[str]]:
    """Split by subject: a fifth of each set's subjects of each kind is held out, or else of all its kinds.

    Subjects are held out in the order of a hash of their names until there are enough, so the same pictures
    are split alike everywhere. When pictures come or go, most subjects stay where they are, but not all: how
    many are wanted and who is next in order may change. A run keeps its split in a file.

    Returns
    -------
    dict
        ``train`` and ``validation``: sorted case keys.
    """
    sets: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for case in cases:
        sets[case.set_name][case.kind][case.subject] += 1
    held: set[tuple[str, str]] = set()
    for name, kinds in sets.items():
        out = [one for kind, subjects in kinds.items() for one in _held_out(f"0/{name}/{kind}", subjects)]
        out = out or _held_out(f"0/{name}/", sum(kinds.values(), Counter()))
        held |= {(name, subject) for subject in out}
    sides: dict[str, list[str]] = {"train": [], "validation": []}
    for case in sorted(cases, key=lambda c: c.key):
        side = "validation" if (case.set_name, case.subject) in held else "train"
        sides[side].append(case.key)
    return sides


def _held_out(place: str, subjects: Counter[str]) -> list[str]:
    """Choose of subjects, each with its number of pictures, some that have about a fifth of all these."""
    order = sorted(subjects, key=lambda subject: hashlib.sha256(f"{place}/{subject}".encode()).digest())
    wanted = max(1, round(_HELD * subjects.total()))
    held: list[str] = []
    for subject in order[:-1]:
        if wanted <= 0:
            break
        # A subject with more than its share of pictures stays on the training side.
        if subjects[subject] <= max(1.5 * wanted, 2):
            held.append(subject)
            wanted -= subjects[subject]
    return held


def read_split(path: Path, cases: list[Case]) -> tuple[list[Case], list[Case]]:
    """Give the training and the validation cases that a split file names.

    Raises
    ------
    VesselError
        Where the file can't be read, names a picture that isn't there, or one picture twice.
    """
    return take_split(load_split(path), cases, path)


def load_split(path: Path) -> dict[str, list[str]]:
    """Read what a split file says: ``train`` and ``validation``, each a list of case keys.

    Raises
    ------
    VesselError
        Where there is no such file, or it says something else.
    """
    try:
        sides = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise VesselError(f"The split file {path} doesn't exist.") from error
    except OSError as error:
        raise VesselError(f"The split file {path} can't be read: {reason(error)}.") from error
    except ValueError as error:
        raise VesselError(f"The split file {path} is no JSON.", _FORM) from error
    for side in SIDES:
        names = sides.get(side) if isinstance(sides, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise VesselError(f"The split file {path} has no list '{side}'.", _FORM)
    return {side: [unicodedata.normalize("NFC", name) for name in sides[side]] for side in SIDES}


def take_split(sides: dict[str, list[str]], cases: list[Case], path: Path) -> tuple[list[Case], list[Case]]:
    """Give the cases on both sides; ``path`` is where the sides were read, for what is told of them.

    Raises
    ------
    VesselError
        Where a picture isn't there, or is named twice: what is learnt must not judge.
    """
    by_key = {case.key: case for case in cases}
    named = [key for side in SIDES for key in sides[side]]
    missing = [key for key in named if key not in by_key]
    if missing:
        raise VesselError(f"The split file {path} names {missing[0]}, which is in none of the data folders.")
    twice = [key for key, times in Counter(named).items() if times > 1]
    if twice:
        raise VesselError(
            f"The split file {path} names {twice[0]} twice.", "Let each picture be on one side, once."
        )
    learn, held = ([by_key[key] for key in sides[side]] for side in SIDES)
    return learn, held
