"""What is learnt from one picture's corrections, on the background lane, and what stands in the way of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import Correction
from vesselapp.core.learnt import Learnt
from vesselapp.state.answers import Answer
from vesselapp.state.features import Material

FEWEST_PX = 100
"""Corrected pixels to learn from, of both kinds together."""
FEWEST_OF_KIND_PX = 20
OF_ANOTHER = "What was learnt from this picture is of another model: it is not used."


@dataclass(frozen=True, eq=False)
class Lesson:
    """What came of learning: its material, what was learnt, the adapted answer, other px that changed."""

    found: Material
    learnt: Learnt
    plane: NDArray[np.uint8]
    changed: int


def learn_from(
    found: Material, shown: NDArray[np.uint8], corrections: NDArray[np.uint8], level: int
) -> Lesson:
    """Learn from corrections, on the lane."""
    from vesselapp.core.adapt import adapted, fit_head

    features, own = found.features, found.answer.probability
    assert features is not None
    head = fit_head(features, own, shown, corrections, level)
    if head is None:
        raise VesselError(
            "Nothing that repeats was found in the corrections, so the answer stays as it is.",
            "Your corrections stay. It helps where one and the same mistake is made in many places.",
        )
    plane, free = adapted(features, own, head), corrections == Correction.NONE
    changed = np.count_nonzero(((plane >= level) != (shown >= level)) & free)
    pixels = np.count_nonzero(~free & (corrections != Correction.UNSURE))
    return Lesson(found, Learnt(head, found.model.sha256, int(pixels)), plane, int(changed))


def adapted_by(found: Material, wanted: Learnt | None) -> NDArray[np.uint8]:
    """Give the answer as it is after some step of the history."""
    if wanted is None or wanted.head is None or found.features is None:
        return found.answer.probability
    if found.model.sha256 != wanted.model_sha256:
        raise VesselError(OF_ANOTHER)
    from vesselapp.core.adapt import adapted

    try:
        return adapted(found.features, found.answer.probability, wanted.head)
    except ValueError as problem:
        raise VesselError("What was learnt from this picture doesn't fit its model.") from problem


def refuse_other(answer: Answer, found: Material) -> None:
    """Let an answer that a person judged be replaced only by one of the same model."""
    if answer.judged and found.answer.model_sha256 != answer.model_sha256:
        raise VesselError(
            f"The answer in sight is that of {answer.model or 'another model'}, not of the model in use: "
            "it stays.",
            "Choose that model, or press F5 to ask the one in use.",
        )


def too_little(corrections: NDArray[np.uint8]) -> str:
    """Say why corrections are too few to learn from; empty where they are not."""
    said = corrections[corrections != Correction.NONE]
    background = int(np.count_nonzero(said == Correction.BACKGROUND))
    foreground = int(np.count_nonzero(said == Correction.FOREGROUND))
    if background + foreground < FEWEST_PX:
        found = background + foreground
        return f"Too little is corrected to learn from: {found} pixels of at least {FEWEST_PX}."
    if min(background, foreground) < FEWEST_OF_KIND_PX:
        only, other = ("added", "erase") if foreground > background else ("erased", "add")
        return f"So far you have only {only}: {other} something too, so that both sides are known."
    return ""
