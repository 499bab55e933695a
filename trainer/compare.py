"""Two models on the same pictures, paired: is one better, and by how much?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trainer.evaluate import Scores, amount, evaluate, notes_of, shown, write_rows
from trainer.metrics import difference_interval
from trainer.readers import Case
from vesselapp.core.errors import VesselError
from vesselapp.inference.model import Model, load_model

LOWER_IS_BETTER = ("ece", "betti0_error", "count_error")


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


def compare_files(
    first: Path, second: Path, cases: list[Case], threshold: float | None = None
) -> tuple[list[Difference], list[str]]:
    """Evaluate two model files and compare them picture by picture.

    Parameters
    ----------
    first, second : Path
    cases : list of Case
    threshold : float, optional
        For both; each model's own where None.

    Returns
    -------
    list of Difference
    list of str
        What has to be known to read them.

    Raises
    ------
    VesselError
        Where they look for different things.
    """
    models = load_model(first), load_model(second)
    task = _common_task(*models)
    scores = [evaluate(model, cases, threshold, task) for model in models]
    notes = [note for model, rows in zip(models, scores, strict=True) for note in notes_of(model, rows)]
    return compare(*scores), list(dict.fromkeys(notes))


def _common_task(first: Model, second: Model) -> str:
    """Give what two models find; one of which that isn't known is taken to find what the other one does."""
    tasks = first.card.task, second.card.task
    unknown = [m for m in (first, second) if m.card.task == "other" and len(m.card.output.foreground) == 1]
    if tasks[0] != tasks[1] and not unknown:
        raise VesselError(
            f"{first.path.name} finds {tasks[0]}, {second.path.name} {tasks[1]}: they can't be compared.",
            "Give two models of one task.",
        )
    return tasks[1] if first in unknown else tasks[0]


def compare(first: list[Scores], second: list[Scores]) -> list[Difference]:
    """Compare two evaluations of the same cases."""
    ours = {s.case.key: s for s in first if s.who == "model"}
    theirs = {s.case.key: s for s in second if s.who == "model"}
    out = []
    for set_name in sorted({s.case.set_name for s in ours.values()}):
        keys = [key for key in ours if ours[key].case.set_name == set_name and key in theirs]
        for measure in dict.fromkeys(name for key in keys for name in ours[key].values):
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
    """Print a table a set, a row a measure, with a word where the interval leaves out zero."""
    for set_name in dict.fromkeys(d.set_name for d in differences):
        rows = [d for d in differences if d.set_name == set_name]
        pictures = max(d.pictures for d in rows)
        title = escape(f"{set_name}, {amount(pictures)}")
        table = Table("measure", "first", "second", "second - first (95 %)", "", title=title)
        table.title_justify = "left"
        for d in rows:
            few = f"\n{d.pictures} of {pictures}" if d.pictures < pictures else ""
            interval, word = "one subject", ""
            if d.low is not None and d.high is not None:
                interval = f"{shown(d.low, sign='+')} to {shown(d.high, sign='+')}"
                word = "" if d.low <= 0 <= d.high else _word(d)
            gain = f"{shown(d.difference, sign='+')} ({interval})"
            table.add_row(d.measure + few, shown(d.first), shown(d.second), gain, word)
        (console or Console()).print(table)


def write_differences(differences: list[Difference], names: tuple[str, str], out: Path) -> None:
    """Write ``comparison.json`` and ``comparison.csv`` (one row a set and measure).

    Raises
    ------
    VesselError
        Where they can't be written.
    """
    rows = [
        {
            "set": d.set_name,
            "measure": d.measure,
            "pictures": d.pictures,
            "first": d.first,
            "second": d.second,
            "difference": d.difference,
            "low": d.low,
            "high": d.high,
        }
        for d in differences
    ]
    write_rows(out, "comparison", rows, {"first": names[0], "second": names[1], "differences": rows})


def _word(d: Difference) -> str:
    return "better" if (d.difference > 0) != (d.measure in LOWER_IS_BETTER) else "worse"
