"""Measure a model file on pictures with truth, through the app's own engine."""

import csv
import io
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trainer.lineage import seen_by
from trainer.metrics import (
    Counts,
    betti0_error,
    bootstrap_interval,
    count,
    count_lines,
    count_objects,
    measures,
    pooled_intervals,
)
from trainer.pictures import Picture, read_picture, with_numbers
from trainer.readers import Case, image_sha256
from vesselapp.core.evidence import level_of, mask_of, quantise, threshold_of
from vesselapp.core.files import atomic_write, make_folder
from vesselapp.core.model_card import Figures
from vesselapp.inference.model import Model, load_model
from vesselapp.inference.objects import find_diameter, number_objects
from vesselapp.inference.predict import predict

SECOND = "second observer"


@dataclass(frozen=True, eq=False)
class Scores:
    """One picture's measures, the counts they came from, and what the app would warn of."""

    case: Case
    who: str
    values: dict[str, float]
    counts: Counts
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """Means over one set's pictures with 95 % intervals, and the measures of all pictures pooled.

    ``measured`` says how many pictures each mean is of: one whose truth is empty has no AUC. A mean over one
    subject has no interval.
    """

    set_name: str
    who: str
    pictures: int
    mean: dict[str, float]
    interval: dict[str, tuple[float, float]]
    pooled: dict[str, float] = field(default_factory=dict)
    measured: dict[str, int] = field(default_factory=dict)
    pooled_interval: dict[str, tuple[float, float]] = field(default_factory=dict)

    def of(self, name: str) -> int:
        """Say how many pictures a mean is of."""
        return self.measured.get(name, self.pictures)


def evaluate(
    model: Model, cases: list[Case], threshold: float | None = None, task: str | None = None
) -> list[Scores]:
    """Score a model on cases; a second observer, where there is one, is scored the same way.

    Parameters
    ----------
    model : Model
    cases : list of Case
    threshold : float, optional
        Probability; the card's own where None.
    task : str, optional
        What is measured, which says where on a picture scores count; what the model finds where None.
    """
    level = level_of(model.card.threshold if threshold is None else threshold)
    scores: list[Scores] = []
    task = task or model.card.task
    for case in with_numbers(cases) if task == "cells" else cases:
        picture = read_picture(case, task)
        scores.append(_score(model, picture, level))
        if picture.second is not None:
            scores.append(Scores(case, SECOND, *_measured(picture, None, picture.second)))
    return scores


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says of one picture: probability, the mask the app would show, cells, and warnings."""

    probability: NDArray[np.float32]
    mask: NDArray[np.bool_]
    seconds: float
    objects: NDArray[np.int32] | None = None
    warnings: tuple[str, ...] = ()


def answer_picture(model: Model, pixels: NDArray[np.uint8], level: int) -> Answer:
    """Let the app's engine answer a picture; for cells the scale is found first."""
    if model.card.task != "cells" or model.card.scale.kind != "object_diameter":
        said = predict(model, pixels)
        mask = mask_of(quantise(said.probability), level)
        return Answer(said.probability, mask, said.seconds, warnings=said.warnings)
    started = time.perf_counter()
    diameter = find_diameter(model, pixels)
    said = predict(model, pixels, object_diameter=diameter)
    seconds = time.perf_counter() - started
    objects = number_objects(model, pixels, said.probability, threshold_of(level), diameter)
    mask = mask_of(quantise(said.probability), level)
    return Answer(said.probability, mask, seconds, objects, said.warnings)


def summarise(scores: list[Scores]) -> list[Summary]:
    """Give one summary a set and rater, sets in order, the model first."""
    out = []
    for set_name in sorted({s.case.set_name for s in scores}):
        for who in ("model", SECOND):
            rows = [s for s in scores if s.case.set_name == set_name and s.who == who]
            if rows:
                out.append(_summary(set_name, who, rows))
    return out


def as_figures(summaries: list[Summary]) -> tuple[Figures, ...]:
    """Give what a model card keeps of an evaluation; means over fewer pictures stand apart."""
    return tuple(_figures(s, count) for s in summaries for count in _counts(s))


def _counts(summary: Summary) -> list[int]:
    """Give how many pictures there are, and each smaller number that some mean is of."""
    return sorted({summary.pictures, *(summary.of(name) for name in summary.mean)}, reverse=True)


def _figures(s: Summary, count: int) -> Figures:
    name = s.set_name if s.who == "model" else f"{s.set_name}, {s.who}"
    names = [key for key in s.mean if s.of(key) == count]
    return Figures(
        name=name if count == s.pictures else f"{name}, where it is defined",
        pictures=count,
        values={key: round(s.mean[key], 4) for key in names},
        intervals={k: (round(low, 4), round(high, 4)) for k, (low, high) in s.interval.items() if k in names},
    )


def print_table(summaries: list[Summary], console: Console | None = None) -> None:
    """Print a table a set and rater: means over pictures, measures of all pooled, and their intervals."""
    for s in summaries:
        title = escape(f"{s.set_name}: {s.who}, {amount(s.pictures)}")
        table = Table("measure", "mean", "95 %", "pooled", "95 %", title=title, title_justify="left")
        few = any(s.of(name) < s.pictures for name in s.mean)
        if few:
            table.add_column("pictures")
        for name in s.mean:
            row = (*_cells(name, s.mean, s.interval), *_cells(name, s.pooled, s.pooled_interval))
            table.add_row(name, *row, *([f"{s.of(name)} of {s.pictures}"] if few else []))
        (console or Console()).print(table)


def shown(value: float, digits: int = 4, sign: str = "") -> str:
    """Write a number for a table; counts of pieces get one digit after the point."""
    return f"{value:{sign}.{digits if abs(value) < 10 else 1}f}"


def amount(pictures: int) -> str:
    """Say a number of pictures."""
    return f"{pictures} picture{'s' * (pictures != 1)}"


def _cells(name: str, values: dict[str, float], intervals: dict[str, tuple[float, float]]) -> tuple[str, str]:
    if name not in values:
        return "", ""
    between = "-".join(shown(round(end, 4), 3) for end in intervals.get(name, ()))  # as of a card
    return shown(values[name]), between


def notes_of(model: Model, scores: list[Scores]) -> list[str]:
    """Say what has to be known to read the figures: which truth is empty, what the model learnt, guesses."""
    rows = [s for s in scores if s.who != SECOND]
    empty = [s.case.key for s in rows if not s.counts.tp + s.counts.fn]
    notes = []
    where = " inside the field of view" if model.card.task != "cells" or any(s.case.fov for s in rows) else ""
    if len(empty) == len(rows):
        notes.append(
            f"Nothing is marked{where} in any mask ({amount(len(rows))}): how much is found can't be "
            "measured. Look whether the masks are what they should be."
        )
    elif empty:
        notes.append(f"Nothing is marked{where} in {len(empty)} of {len(rows)} masks ({_first(empty)}).")
    learnt = seen_by(model.card).learnt
    flattering = [s.case.key for s in rows if learnt and image_sha256(s.case) in learnt]
    if flattering:
        were = "was" if len(flattering) == 1 else "were"
        notes.append(
            f"{len(flattering)} of {amount(len(rows))} {were} learnt by {model.path.name} "
            f"({_first(flattering)}): figures on those flatter it."
        )
    if model.card.guessed:
        notes.append(
            f"What {model.path.name} takes and what its answer means was guessed: where that is wrong, so "
            "are the figures. `vesselapp models show` says what was guessed."
        )
    return notes


def _first(keys: list[str]) -> str:
    return f"{keys[0]}, ..." if len(keys) > 1 else keys[0]


def print_warnings(scores: list[Scores], console: Console | None = None) -> None:
    """Print what the app would warn of, each sentence once, with the number of its pictures."""
    for sentence in dict.fromkeys(warning for s in scores for warning in s.warnings):
        keys = [s.case.key for s in scores if sentence in s.warnings]
        whole = sum(s.who != SECOND for s in scores)
        text = f"{len(keys)} of {whole} pictures ({_first(keys)}): {sentence}"
        (console or Console()).print(text, markup=False)


def write_results(scores: list[Scores], summaries: list[Summary], out: Path) -> None:
    """Write ``evaluation.json`` and ``evaluation.csv`` (one row a picture and rater), whole or not at all.

    Raises
    ------
    VesselError
        Where they can't be written.
    """
    pictures = [
        {
            "picture": s.case.key,
            "who": s.who,
            "seconds": round(s.seconds, 3),
            **s.values,
            "warnings": " ".join(s.warnings),
        }
        for s in scores
    ]
    summary = [
        {
            "set": s.set_name,
            "who": s.who,
            "pictures": s.pictures,
            "mean": s.mean,
            "interval": s.interval,
            "measured": {name: s.of(name) for name in s.mean},
            "pooled": s.pooled,
            "pooled_interval": s.pooled_interval,
        }
        for s in summaries
    ]
    write_rows(out, "evaluation", pictures, {"summary": summary, "pictures": pictures})


def write_rows(out: Path, name: str, rows: list[dict[str, Any]], whole: dict[str, Any]) -> None:
    """Write rows as ``name.csv`` and all that is known as ``name.json``, each whole or not at all.

    Raises
    ------
    VesselError
        Where they can't be written.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)))
    writer.writeheader()
    writer.writerows(rows)
    make_folder(out)
    atomic_write(out / f"{name}.json", (json.dumps(whole, indent=1) + "\n").encode())
    atomic_write(out / f"{name}.csv", text.getvalue().encode())


def evaluate_file(path: Path, cases: list[Case]) -> list[Scores]:
    """Load a model file and evaluate it."""
    return evaluate(load_model(path), cases)


def _score(model: Model, picture: Picture, level: int) -> Scores:
    answer = answer_picture(model, picture.pixels, level)
    values, counts = _measured(picture, answer.probability, answer.mask, answer.objects)
    return Scores(picture.case, "model", values, counts, answer.seconds, answer.warnings)


def _measured(
    picture: Picture,
    probability: NDArray[np.float32] | None,
    mask: NDArray[np.bool_],
    objects: NDArray[np.int32] | None = None,
) -> tuple[dict[str, float], Counts]:
    mine, truth = mask & picture.inside, picture.mask & picture.inside
    shapes = count_lines(mine, truth)
    if picture.instances is not None and objects is not None:
        parted = (np.where(picture.inside, plane, 0) for plane in (objects, picture.instances))
        shapes += count_objects(*parted)
    counts = count(probability, mask, picture.mask, picture.inside, shapes)
    return measures(counts) | {"betti0_error": float(betti0_error(mine, truth))}, counts


def _summary(set_name: str, who: str, rows: list[Scores]) -> Summary:
    mean, interval, measured = {}, {}, {}
    for name in dict.fromkeys(key for row in rows for key in row.values):
        having = [row for row in rows if name in row.values]
        values = [row.values[name] for row in having]
        mean[name] = float(np.mean(values))
        if (found := bootstrap_interval(values, [row.case.subject for row in having])) is not None:
            interval[name] = found
        measured[name] = len(having)
    total = sum((row.counts for row in rows[1:]), rows[0].counts)
    drawn = pooled_intervals([row.counts for row in rows], [row.case.subject for row in rows])
    return Summary(set_name, who, len(rows), mean, interval, measures(total), measured, drawn)
