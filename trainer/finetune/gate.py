"""The gate: may a candidate take the incumbent's place? Pure arithmetic on paired scores.

Better on new ground (the interval above 0, on three subjects or more) and not worse on every old ground (the
interval above -0.5 Dice points): then promotion is offered, and else not. Agreement on pictures without truth
is no estimate of anything: there it is only seen that on these pictures nothing unusual happens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trainer.metrics import difference_interval
from vesselapp.study.verdict import NOT_WORSE, Ground, PictureScore, ThresholdChange, Verdict, Word

FEWEST = 3
"""On pictures of fewer subjects nothing is called better, and hardly anything can be shown."""
AGREEMENT_MARGIN = 0.05
"""By how much a candidate may agree less with the incumbent on other pictures than on the judged ones."""
LEAST_AGREEMENT = 0.5
"""Where the two agree less than that on other pictures, too much may be forgotten."""


@dataclass(frozen=True)
class Pair:
    """Both models' score (0-1) on one picture, and what it measures."""

    name: str
    subject: str
    incumbent: float
    candidate: float
    measure: str = "Dice"


def row_of(
    ground: Literal["new", "old"],
    name: str,
    pairs: Sequence[Pair],
    *,
    measure: str = "Dice",
    floor: float = NOT_WORSE,
) -> Ground:
    """Sum up paired scores on one set of pictures; subjects are drawn whole for the interval."""
    gains, subjects = [pair.candidate - pair.incumbent for pair in pairs], [pair.subject for pair in pairs]
    low, high = (measure != "agreement" and difference_interval(gains, subjects)) or (None, None)
    return Ground(
        ground,
        name,
        len(pairs),
        float(np.mean([pair.incumbent for pair in pairs])),
        float(np.mean([pair.candidate for pair in pairs])),
        float(np.mean(gains)),
        low,
        high,
        measure,
        floor,
        len(set(subjects)),
    )


def agreement_floor(on_judged: float) -> float:
    """Give what agreement (0-1), less 1, must lie above where it is ``on_judged`` on judged pictures."""
    return max(on_judged - AGREEMENT_MARGIN, LEAST_AGREEMENT) - 1


def judge(
    rows: Sequence[Ground],
    pictures: Sequence[PictureScore] = (),
    threshold: ThresholdChange | None = None,
    *,
    crossed: bool = False,
) -> Verdict:
    """Decide.

    Parameters
    ----------
    rows : sequence of Ground
        The first is what was learnt for (Dice on judged pictures). Where none of these holds anything to find
        it is another, by which nothing is called better: who marks less does better there.
    pictures : sequence of PictureScore
    threshold : ThresholdChange, optional
    crossed : bool
        Whether the judged pictures were learnt by the candidate itself, and judged by others made like it.
    """
    main = rows[0]
    others = rows[1:]
    gains = main.measure == "Dice" and main.low is not None and main.low > 0 and main.subjects >= FEWEST
    loses = main.high is not None and main.high < 0
    broken = [row for row in others if not (row.not_worse or _only_looked_at(row))]
    lost = [row for row in broken if row.high is not None and row.high < row.floor]
    word: Word = "worse" if loses or lost else "better" if gains and not broken else "no clear difference"
    sentence = f"{_new(main, crossed=crossed)} {_old(others, broken, lost)}".strip()
    return Verdict(word, sentence, word == "better", tuple(rows), tuple(pictures), threshold)


def not_judged(pictures: Sequence[PictureScore], threshold: ThresholdChange) -> Verdict:
    """Give the verdict on a candidate whose judging was stopped before a picture was judged."""
    sentence = "The judging was stopped before any picture was judged: whether it is better isn't known."
    return Verdict("not judged", sentence, False, (), tuple(pictures), threshold)


def _only_looked_at(row: Ground) -> bool:
    """Tell of a few pictures in which nothing is: they can show nothing, and nothing happened on them."""
    few = row.ground == "new" and row.measure == "specificity" and row.subjects < FEWEST
    return few and row.difference > row.floor


def _new(row: Ground, *, crossed: bool) -> str:
    how = " (each judged by a candidate that had not learnt it)" if crossed else ""
    where = f"On {row.pictures} judged picture{'s' * (row.pictures > 1)}{how}"
    change = f"{row.measure} goes from {row.incumbent:.3f} to {row.candidate:.3f}"
    if row.low is None or row.high is None:
        alone = "pictures of one subject decide" if row.pictures > 1 else "one picture decides"
        return f"{where} {change}; {alone} nothing."
    interval = f"({row.difference:+.3f}, 95 % interval {row.low:+.3f} to {row.high:+.3f})"
    if row.measure != "Dice" and row.high >= 0:
        unknown = "none of them holds anything to find, so whether it is better isn't known"
        return f"{where} {change} {interval}: {unknown}."
    if row.low > 0 and row.subjects < FEWEST:
        return f"{where} {change} {interval}; {FEWEST} subjects or more are needed to call that better."
    word = "better" if row.low > 0 else "worse" if row.high < 0 else "no clear difference"
    return f"{where} {change} {interval}: {word}."


def _old(rows: Sequence[Ground], broken: Sequence[Ground], lost: Sequence[Ground]) -> str:
    if lost:
        return f"It is worse on {_named(lost)}."
    unusual = [row for row in broken if row.measure == "agreement"]
    if unusual:
        return f"What it forgot isn't known, and the two models differ much on {_named(unusual)}."
    if broken:
        return f"That it is not worse on {_named(broken)} is not shown{_few(broken)}."
    old = [row for row in rows if row.ground == "old"]
    known = [row for row in old if row.measure != "agreement"]
    if known:
        return f"Old ground is held: {_named(known)}."
    # How far two models agree says little of how good either is.
    unknown = "No old pictures with truth are at hand, so what it forgot there isn't known"
    return f"{unknown}; nothing unusual on {_named(old)}." if old else f"{unknown}."


def _few(rows: Sequence[Ground]) -> str:
    """Say what would help where too few subjects are at hand to show anything."""
    row = min(rows, key=lambda row: row.subjects)
    if row.subjects >= FEWEST:
        return ""
    subjects = f"{row.subjects} subject{'s' * (row.subjects != 1)}"
    where = "to the old ones" if row.ground == "old" else "to the study"
    return f": {subjects} can hardly show it; adding pictures of more subjects {where} would"


def _named(rows: Sequence[Ground]) -> str:
    return ", ".join(
        f"{row.set} (agreement with the incumbent {row.candidate:.3f})"
        if row.measure == "agreement"
        else f"{row.set} ({row.measure} {row.incumbent:.3f} to {row.candidate:.3f})"
        for row in rows
    )
