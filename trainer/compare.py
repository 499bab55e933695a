"""Two models on the same pictures, paired: is one better, and by how much?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from trainer.evaluate import Scores, evaluate
from trainer.metrics import difference_interval
from trainer.readers import Case
from vesselapp.core.errors import VesselError
from vesselapp.inference.model import load_model

MEASURES = ("dice", "auc", "pr_auc", "sensitivity", "specificity", "cldice", "ece", "f1", "ap50", "pq")


@dataclass(frozen=True)
class Difference:
    """How much the second model's mean lies above the first's on one set, with its 95 % interval.

    ``low`` and ``high`` are None where all pictures are of one subject: then nothing can be said.
    """

    set_name: str
    measure: str
    pictures: int
    first: float
    second: float
    low: float | None
    high: float | None

    @property
    def difference(self) -> float:
        """Give second minus first."""
        return self.second - self.first


def compare_files(first: Path, second: Path, cases: list[Case]) -> list[Difference]:
    """Evaluate two model files, each at its own threshold, and compare them picture by picture.

    Raises
    ------
    VesselError
        Where they look for different things.
    """
    models = load_model(first), load_model(second)
    tasks = [model.card.task for model in models]
    if tasks[0] != tasks[1]:
        raise VesselError(
            f"{first.name} finds {tasks[0]}, {second.name} {tasks[1]}: they can't be compared.",
            "Give two models of one task.",
        )
    return compare(*(evaluate(model, cases) for model in models))


def compare(first: list[Scores], second: list[Scores]) -> list[Difference]:
    """Compare two evaluations of the same cases."""
    ours = {s.case.key: s for s in first if s.who == "model"}
    theirs = {s.case.key: s for s in second if s.who == "model"}
    out = []
    for set_name in sorted({s.case.set_name for s in ours.values()}):
        keys = [key for key in ours if ours[key].case.set_name == set_name and key in theirs]
        for measure in MEASURES:
            both = [key for key in keys if measure in ours[key].values and measure in theirs[key].values]
            if not both:
                continue
            a = [ours[key].values[measure] for key in both]
            b = [theirs[key].values[measure] for key in both]
            gains = [y - x for x, y in zip(a, b, strict=True)]
            found = difference_interval(gains, [ours[key].case.subject for key in both])
            low, high = found or (None, None)
            out.append(
                Difference(set_name, measure, len(both), float(np.mean(a)), float(np.mean(b)), low, high)
            )
    return out


def print_differences(differences: list[Difference], console: Console | None = None) -> None:
    """Print one row a set and measure, with a word where the interval leaves out zero."""
    table = Table("set", "measure", "pictures", "first", "second", "second - first", "95 % interval", "")
    for d in differences:
        sign = 1 if d.measure != "ece" else -1
        interval, word = "one subject", ""
        if d.low is not None and d.high is not None:
            interval = f"{d.low:+.4f} to {d.high:+.4f}"
            word = "" if d.low <= 0 <= d.high else ("better" if sign * d.difference > 0 else "worse")
        table.add_row(
            d.set_name,
            d.measure,
            str(d.pictures),
            f"{d.first:.4f}",
            f"{d.second:.4f}",
            f"{d.difference:+.4f}",
            interval,
            word,
        )
    (console or Console()).print(table)
