"""Which pictures a model learns from and which it is validated on, kept in a file beside the run."""

import hashlib
import json
from collections import Counter, defaultdict
from pathlib import Path

from trainer.readers import Case
from vesselapp.core.errors import VesselError


def make_split(cases: list[Case], fraction: float = 0.2, seed: int = 0) -> dict[str, list[str]]:
    """Split by subject: a share of each set's subjects of each kind is held out.

    A subject's side is decided by a hash of its name, so it stays where it is when other pictures come or go.

    Returns
    -------
    dict
        ``train`` and ``validation``: sorted case keys.
    """
    groups: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for case in cases:
        groups[case.set_name, case.kind][case.subject] += 1
    held: set[tuple[str, str]] = set()
    for (set_name, kind), subjects in groups.items():
        order = sorted(
            subjects, key=lambda s: hashlib.sha256(f"{seed}/{set_name}/{kind}/{s}".encode()).digest()
        )
        wanted = max(1, round(fraction * subjects.total()))
        for subject in order[:-1]:
            if wanted <= 0:
                break
            # A subject with more than its share of pictures stays on the training side.
            if subjects[subject] <= max(1.5 * wanted, 2):
                held.add((set_name, subject))
                wanted -= subjects[subject]
    sides: dict[str, list[str]] = {"train": [], "validation": []}
    for case in sorted(cases, key=lambda c: c.key):
        side = "validation" if (case.set_name, case.subject) in held else "train"
        sides[side].append(case.key)
    return sides


def read_split(path: Path, cases: list[Case]) -> tuple[list[Case], list[Case]]:
    """Give the training and the validation cases that a split file names."""
    by_key = {case.key: case for case in cases}
    sides = json.loads(path.read_text())
    missing = [key for side in ("train", "validation") for key in sides.get(side, []) if key not in by_key]
    if missing:
        raise VesselError(f"The split file {path} names {missing[0]}, which is in none of the data folders.")
    return [by_key[key] for key in sides["train"]], [by_key[key] for key in sides["validation"]]
