"""What a model's card says of single pictures: which it, or one it came of, has learnt or held back."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from trainer.readers import Case, image_sha256
from trainer.split import make_split
from vesselapp.core.model_card import ModelCard

Subject = TypeVar("Subject", bound=Hashable)


@dataclass(frozen=True)
class Seen:
    """Pictures that a model knows, by the hashes of their files.

    Attributes
    ----------
    learnt : frozenset of str
        Those that it, or one it came of, has learnt.
    held : frozenset of str
        Those that it was validated on and that none of these has learnt.
    unsure : frozenset of str
        Those of ``held`` that one it came of may have learnt all the same.
    whole : bool
        Whether no others were learnt.
    """

    learnt: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    unsure: frozenset[str] = frozenset()
    whole: bool = True

    def may_have_learnt(self, sha256: str) -> bool:
        """Tell of a picture that was learnt, or of which that isn't known."""
        known = self.whole or sha256 in self.held
        return sha256 in self.learnt or sha256 in self.unsure or not known


def seen_by(card: ModelCard) -> Seen:
    """Give what a card says of the pictures that its model knows."""
    learnt = frozenset(learnt_by(card))
    replayed = _listed(_part(card, "finetune"), "replayed")
    hashed = all(isinstance(one, dict) for one in replayed)  # older cards name only their folders
    whole = _part(card, "training").get("whole") is True and hashed
    held = frozenset(held_by(card)) - learnt
    return Seen(learnt, held, held & {*map(str, _listed(_part(card, "training"), "unsure"))}, whole)


def learnt_by(card: ModelCard) -> list[str]:
    """Give the hashes of the pictures that a model says it, or one it came of, has learnt, once or again."""
    parts = [_part(card, name) for name in ("training", "finetune")]
    told = [one for part in parts for key in ("learnt_before", "learnt") for one in _listed(part, key)]
    told += [one for one in _listed(_part(card, "finetune"), "replayed") if isinstance(one, dict)]
    return [str(one.get("sha256", "")) if isinstance(one, dict) else str(one) for one in told]


def held_by(card: ModelCard) -> set[str]:
    """Give the hashes of the pictures that a model says it was validated on, or judged on as old ground."""
    tuned = _listed(_part(card, "finetune"), "old_judged")
    return {str(one) for one in (*_listed(_part(card, "training"), "held"), *tuned)}


def copies_as_one(subjects: Sequence[Subject], hashes: Sequence[Hashable]) -> list[Subject]:
    """Give the subject of each picture; pictures of the same bytes get one, and so do all of their subjects.

    Else a copy could be learnt and judge.
    """
    first: dict[Hashable, Subject] = {}
    joined: dict[Subject, Subject] = {}

    def whole(subject: Subject) -> Subject:
        while subject in joined:
            subject = joined[subject]
        return subject

    for subject, sha256 in zip(subjects, hashes, strict=True):
        one, other = whole(subject), whole(first.setdefault(sha256, subject))
        if one != other:
            joined[one] = other
    return [whole(subject) for subject in subjects]


def split_after(seen: Seen, cases: list[Case]) -> dict[str, list[str]]:
    """Split what a model hasn't seen as `make_split` does; what it held back judges, what it learnt doesn't.

    Other pictures of a subject go with those seen: to learn, where any was learnt. Copies of a picture, in
    other sets too, are of one subject. Where a card doesn't say what was learnt, that is the rest of each set
    of which it held pictures back.
    """
    cases = sorted(cases, key=lambda case: case.key)
    hashes = {case.key: image_sha256(case) for case in cases}
    own = {case.key: (case.set_name, case.subject) for case in cases}
    people = dict(zip(own, copies_as_one(list(own.values()), list(hashes.values())), strict=True))
    held = [case for case in cases if hashes[case.key] in seen.held]
    known = set() if seen.whole else {case.set_name for case in held}
    learnt = [case for case in cases if hashes[case.key] in seen.learnt or case.set_name in known]
    learnt = [case for case in learnt if case not in held]
    learners, judges = ({people[case.key] for case in side} for side in (learnt, held))
    free = [case for case in cases if people[case.key] not in learners | judges]
    drawn = make_split([case for case in free if people[case.key] == own[case.key]])
    judging = {people[key] for key in drawn["validation"]} | (judges - learners)
    sides: dict[str, list[str]] = {"train": [], "validation": []}
    for case in cases:
        judge = hashes[case.key] in seen.held or people[case.key] in judging
        sides["validation" if judge else "train"].append(case.key)
    return sides


def flattery(seen: Seen, held: Sequence[str], learnt_here: Sequence[str] = ()) -> list[str]:
    """Say how many of a training's held-back pictures (hashes) the model that it started from has learnt.

    Or itself: a split made by hand may have copies of a picture on both sides.
    """
    learnt = sum(one in seen.learnt for one in held)
    unsure = sum(seen.may_have_learnt(one) for one in held) - learnt
    told, of = [], f"of the {len(held)} pictures held back"
    copies = sum(one in frozenset(learnt_here) for one in held)
    if copies:
        are = "is a copy" if copies == 1 else "are copies"
        told.append(f"{copies} {of} {are} of what was learnt: figures on those flatter the model.")
    if learnt:
        were = "was" if learnt == 1 else "were"
        told.append(f"{learnt} {of} {were} learnt by the model it started from: figures on those flatter it.")
    if unsure:
        told.append(
            f"{unsure} {of} may have been learnt by the model it started from, or by one before (that isn't "
            "known): figures on those may flatter it."
        )
    return told


def _part(card: ModelCard, name: str) -> dict[str, Any]:
    part = card.config.get(name)
    return part if isinstance(part, dict) else {}


def _listed(part: dict[str, Any], key: str) -> list[Any]:
    values = part.get(key)
    return values if isinstance(values, list) else []
