"""Which reviewed pictures are learnt from and which judge, decided once and kept with the study for ever.

By subject: both eyes of a person are on one side. A study with few pictures has no judges; then every picture
is learnt, and judged by a candidate that has not learnt it (cross-validation).
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write, reason
from vesselapp.study.json_text import parse_object

JUDGE_FILE = "judge.json"
FORMAT = 1
ENOUGH = 8
"""From so many reviewed pictures on, some are kept from learning to judge."""
FEWEST_JUDGES = 3
"""On fewer subjects the gate decides nothing; with fewer judging, those that learn judge too, in folds."""
SHARE = 0.3
_NOBODY: Mapping[str, str] = MappingProxyType({})

Side = Literal["learn", "judge"]


@dataclass(frozen=True)
class Sides:
    """Keys of pictures by side.

    ``folds`` is empty where there are judges enough; else each fold is a set of keys that one more candidate
    does not learn and is judged on.
    """

    learn: tuple[str, ...]
    judge: tuple[str, ...]
    folds: tuple[tuple[str, ...], ...] = ()

    @property
    def judged(self) -> tuple[str, ...]:
        """Everything the candidate, or one made like it, is judged on."""
        return (*(key for fold in self.folds for key in fold), *self.judge)


def read_sides(study: Path) -> dict[str, Side]:
    """Read what was decided so far.

    Raises
    ------
    VesselError
        Where the file can't be read: guessing anew could let judges be learnt.
    """
    path = study / JUDGE_FILE
    try:
        values = parse_object(path.read_bytes())
        found: dict[str, Side] = values["pictures"]
        if values["format"] != FORMAT or not set(found.values()) <= {"learn", "judge"}:
            raise ValueError
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise VesselError(f"{path} can't be read: {reason(problem)}.") from problem
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise VesselError(
            f"{path} is damaged: which pictures are kept for judging isn't known.",
            "Put back a copy of it; or delete it, to have the sides drawn anew.",
        ) from problem
    return found


def write_sides(study: Path, sides: dict[str, Side]) -> None:
    """Keep the sides with the study."""
    atomic_write(study / JUDGE_FILE, json.dumps({"format": FORMAT, "pictures": sides}, indent=1).encode())


def decide(
    known: dict[str, Side], subjects: dict[str, str], others: Mapping[str, str] = _NOBODY
) -> dict[str, Side]:
    """Give every picture a side; those that have one keep it.

    Parameters
    ----------
    known : dict
        Sides decided before.
    subjects : dict
        Subject of each reviewed picture by its key.
    others : mapping
        The same of the study's other pictures: of those that have a side, others of their subjects take it.

    Returns
    -------
    dict
        ``known``, and the sides of the pictures that had none.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for key, subject in subjects.items():
        members[subject].append(key)
    everyone = {**others, **subjects}
    decided: dict[str, set[Side]] = defaultdict(set)
    for key, side in known.items():
        decided[everyone.get(key, "")].add(side)
    sides = dict(known)
    free = []
    for subject in _by_hash(members):
        if subject in decided:
            taken: Side = "learn" if "learn" in decided[subject] else "judge"
            sides.update({key: taken for key in members[subject] if key not in sides})
        else:
            free.append(subject)
    judges = sum(sides.get(key) == "judge" for key in subjects)
    learners = sum(sides.get(key) == "learn" for key in subjects)
    wanted = max(FEWEST_JUDGES, round(SHARE * len(subjects))) if len(subjects) >= ENOUGH else 0
    for position, subject in enumerate(free):
        last_to_learn = learners == 0 and position == len(free) - 1
        fits = len(members[subject]) <= max(2, 1.5 * (wanted - judges))
        judging = judges < wanted and fits and not last_to_learn
        sides.update(dict.fromkeys(members[subject], "judge" if judging else "learn"))
        judges += len(members[subject]) * judging
        learners += len(members[subject]) * (not judging)
    return sides


def take_sides(
    sides: dict[str, Side],
    subjects: dict[str, str],
    learnt_before: Iterable[str],
    folds: int,
    in_base: Mapping[str, str] = _NOBODY,
    empty: Collection[str] = (),
) -> Sides:
    """Say who learns and who judges this time.

    Parameters
    ----------
    sides : dict
        As `decide` gave them.
    subjects : dict
        Subject of each reviewed picture by its key.
    learnt_before : iterable of str
        Keys that the incumbent has learnt: judging by them would flatter it, so others are taken as long as
        there are any.
    folds : int
        At most so many.
    in_base : mapping
        Subject of each picture, reviewed now or not, that the base has learnt, by its key: so has every
        candidate. They and others of their subjects never judge.
    empty : collection of str
        Keys of pictures in which nothing is: they judge, but by them alone no model is better.
    """
    learn = tuple(key for key in subjects if sides[key] == "learn")
    theirs = set(in_base.values())
    known = {subjects[key] for key in learn} | theirs  # a copy of a judge may be learnt
    judge = tuple(key for key in subjects if sides[key] == "judge" and subjects[key] not in known)
    if len({subjects[key] for key in judge if key not in empty}) >= FEWEST_JUDGES and learn:
        return Sides(learn, judge)
    people = {subjects[key] for key in learn}
    alone = len(people) == 1 and not judge  # better pictures of that one than no judge
    spoilt = set(in_base) if alone else {key for key in learn if subjects[key] in theirs}
    able = [key for key in learn if key not in spoilt] if len(learn if alone else people) > 1 else []
    fresh = [key for key in able if key not in set(learnt_before)]
    groups: dict[str, list[str]] = defaultdict(list)
    for key in fresh or able:
        groups[key if alone else subjects[key]].append(key)
    order = _by_hash(groups)
    count = min(folds, len(order))
    parts = [[key for name in order[start::count] for key in groups[name]] for start in range(count)]
    return Sides(learn, judge, tuple(tuple(part) for part in parts))


def without(keys: Sequence[str], fold: Sequence[str], subjects: dict[str, str]) -> list[str]:
    """Give the keys that a fold's candidate learns: none of the fold's, nor of its subjects."""
    left_out = {subjects[key] for key in fold}
    rest = [key for key in keys if subjects[key] not in left_out]
    return rest or [key for key in keys if key not in fold]


def _by_hash(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
