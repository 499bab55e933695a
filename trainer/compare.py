"""Two models on the same pictures, paired: is one better, and by how much?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from trainer.evaluate import Scores, evaluate_file
from trainer.metrics import difference_interval
from trainer.readers import Case

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
    """Evaluate two model files, each at its own threshold, and compare them picture by picture."""
    return compare(evaluate_file(first, cases), evaluate_file(second, cases))


def compare(first: list[Scores], second: list[Scores]) -> list[Difference]:
    """Compare two evaluations of the same cases."""
    ours = {s.case.key: s for s in first if s.who == "model"}
    theirs = {s.case.key: s for s in second if s.who == "model"}
    out = []
    for set_name in sorted({s.case.set_name for s in ours.values()}):
        keys = [key for key in ours if ours[key].case.set_name == set_name and key in theirs]
        for measure in MEASURES:
            if not all(measure in side[key].values for side in (ours, theirs) for key in keys):
                continue
            a = [ours[key].values[measure] for key in keys]
            b = [theirs[key].values[measure] for key in keys]
            gains = [y - x for x, y in zip(a, b, strict=True)]
            found = difference_interval(gains, [ours[key].case.subject for key in keys])
            low, high = found or (None, None)
            out.append(
                Difference(set_name, measure, len(keys), float(np.mean(a)), float(np.mean(b)), low, high)
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
