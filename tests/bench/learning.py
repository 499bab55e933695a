"""The learning loop on real pictures: ``python -m tests.bench.learning [--base FILE] [NAME...]``.

Cells go to blood smears, vessels to another camera; each study is made as a person would have made it, with
an observer's masks as what the person corrected to. The judges are never learnt. At last learning from the
open picture is compared with what those fine-tunes made. Takes up to an hour on two cores, so it isn't among
the benchmarks that run together.

``--base`` is a vessel model that has never seen HRF; it is trained from CHASE_DB1 alone, and written there,
where the file is absent. ``--cells-base`` is likewise a cell model that has never seen blood, of DSB2018
without drawn pictures. ``--data`` is the folder of pictures (``../shared/data`` unless given).
``--candidate`` (one a task) is a fine-tuned model that learning from the open picture is compared with,
instead of one made here.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.bench.learn_here import HRF_JUDGES, real_pictures
from tests.bench.measure import Row, row, wanted
from tests.reviewing import new_study, review
from trainer.finetune.scores import mask_by, score, truth_of
from trainer.looks import group_by_look
from trainer.pictures import read_picture
from trainer.readers import Case, read_sets
from trainer.split import make_split
from vesselapp.core.evidence import quantise
from vesselapp.inference.catalog import find_model
from vesselapp.inference.model import load_model
from vesselapp.inference.predict import predict
from vesselapp.study.verdict import Verdict, read_verdict

HRF_LEARNT = ("02_h", "02_dr", "02_g", "03_h", "03_dr", "03_g")
_RUN = Path("runs/bench")
_CANDIDATE = "candidate.onnx"
_BASES = {
    "vessels": ("fundus-vessels", "fundus/chase_db1", "0.45", ("steps=1000", "crop=384")),
    "cells": ("cells", "cells/dsb2018", "0.55", ("steps=2500", "drawn=0")),
}
"""Recipe, set, threshold and settings of a base that hasn't seen the new ground."""


@dataclass(frozen=True)
class Loop:
    """What came of one fine-tune: the verdict, minutes from the command to its end, and the two files."""

    verdict: Verdict
    minutes: float
    before: Path
    after: Path


def learn(
    folder: Path,
    cases: Sequence[Case],
    learnt: Sequence[str],
    model: Path,
    task: str,
    replay: Path | None = None,
) -> Loop:
    """Make a study of cases, all reviewed, and let the trainer learn those named in ``learnt``.

    With judges among the cases the sides are fixed beforehand; else the trainer judges in folds. ``replay``:
    a folder of old ground with truth, where the person has one.
    """
    study = new_study(folder, cases[0].image.parent, model)
    answering = load_model(model)
    by_stem = {case.image.name: case for case in cases}
    sides = {}
    for picture in study.pictures():
        case = by_stem.get(picture.name)
        if case is None:
            continue
        truth = read_picture(case, task)
        answer = quantise(predict(answering, truth.pixels).probability)
        review(study, picture, truth.mask, answer, threshold=answering.card.threshold)
        sides[picture.key] = "learn" if case.name in learnt else "judge"
    (folder / "judge.json").write_text(json.dumps({"format": 1, "pictures": sides}))
    run = folder / _RUN
    began = time.perf_counter()
    words = [sys.executable, "-m", "trainer", "finetune", str(folder), "--run", str(run), "--events"]
    words += ["--replay", str(replay)] if replay else []
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    minutes = (time.perf_counter() - began) / 60
    if done.returncode:
        raise RuntimeError(f"{done.stdout[-500:]}\n{done.stderr[-2000:]}")
    return Loop(read_verdict(run / "verdict.json"), minutes, model, run / _CANDIDATE)


def mean_dice(model: Path, cases: Sequence[Case], task: str) -> float:
    """Give a model's mean Dice on pictures, as the app shows them."""
    loaded = load_model(model)
    truths = (truth_of(read_picture(case, task)) for case in cases)
    return float(np.mean([score(mask_by(loaded, truth.pixels), truth) for truth in truths]))


def held_back(folder: Path, task: str) -> list[Case]:
    """Give the validation side of a public set, as the trainer splits it."""
    cases = read_sets([folder])
    cases = group_by_look(cases) if task == "cells" else cases
    by_key = {case.key: case for case in cases}
    return [by_key[key] for key in make_split(cases)["validation"]]


def cells(name: str, data: Path, folder: Path, model: Path) -> Iterator[Row]:
    """Learn 5 blood smears with a cell model; 5 others judge, DSB2018's held side is old ground."""
    smears = read_sets([data / "cells/bccd"])
    loop = learn(folder / name, smears, [case.name for case in smears[:5]], model, "cells")
    new = loop.verdict.table[0]
    yield row(f"{name}_new_dice_before", new.incumbent, "Dice", 0.0, higher_is_better=True)
    yield row(f"{name}_new_dice", new.candidate, "Dice", 0.95, higher_is_better=True)
    gone = (new.candidate - new.incumbent) / (1 - new.incumbent)
    yield row(f"{name}_error_gone", gone, "share", 1 / 3, higher_is_better=True)
    yield row(f"{name}_offered", float(loop.verdict.offered), "yes", 1.0, higher_is_better=True)
    yield row(f"{name}_min", loop.minutes, "min", 5.0)
    yield from old_rows(name, loop, held_back(data / "cells/dsb2018", "cells"), "cells")


def five(data: Path, folder: Path) -> Iterator[Row]:
    """Learn 5 blood smears without judges: the trainer judges in folds."""
    smears, model = read_sets([data / "cells/bccd"])[:5], find_model(task="cells")
    loop = learn(folder / "five", smears, [case.name for case in smears], model, "cells")
    yield row("finetune_5_pictures_min", loop.minutes, "min", 5.0)


def vessels(data: Path, folder: Path, base: Path, count: int, *, replayed: bool = False) -> Iterator[Row]:
    """Learn HRF pictures with a model of CHASE_DB1 alone; the gap is that to the shipped model.

    ``replayed``: with CHASE_DB1 at hand, of which only the side that the base learnt is learnt again.
    """
    taken = (*HRF_JUDGES, *HRF_LEARNT[:count])
    cases = [case for case in read_sets([data / "fundus/hrf"]) if case.name in taken]
    judges = [case for case in cases if case.name in HRF_JUDGES]
    name = f"vessels_{count}_replay" if replayed else f"vessels_{count}"
    old = data / "fundus/chase_db1"
    loop = learn(folder / name, cases, HRF_LEARNT[:count], base, "vessels", old if replayed else None)
    new = loop.verdict.table[0]
    best = mean_dice(find_model(task="vessels"), judges, "vessels")
    yield row(f"{name}_new_dice_before", new.incumbent, "Dice", 0.0, higher_is_better=True)
    yield row(f"{name}_new_dice", new.candidate, "Dice", 0.0, higher_is_better=True)
    yield row(f"{name}_all_hrf_dice", best, "Dice", 0.0, higher_is_better=True)
    gap = (new.candidate - new.incumbent) / max(1e-6, best - new.incumbent)
    yield row(f"{name}_gap_closed", gap, "share", 0.6, higher_is_better=True)
    yield row(f"{name}_offered", float(loop.verdict.offered), "yes", 1.0, higher_is_better=True)
    yield row(f"{name}_min", loop.minutes, "min", 10.0)
    yield from old_rows(name, loop, held_back(old, "vessels"), "vessels")


def old_rows(name: str, loop: Loop, held: Sequence[Case], task: str) -> Iterator[Row]:
    """Measure both models on the old ground's held side."""
    before, after = (mean_dice(model, held, task) for model in (loop.before, loop.after))
    yield row(f"{name}_old_dice_before", before, "Dice", 0.0, higher_is_better=True)
    yield row(f"{name}_old_dice", after, "Dice", 0.0, higher_is_better=True)
    yield row(f"{name}_old_points", 100 * (after - before), "Dice points", -0.5, higher_is_better=True)


def base_of(task: str, data: Path, base: Path) -> Path:
    """Give a base that hasn't seen the new ground; it is trained, and written there, where it is absent."""
    if base.exists():
        return base
    recipe, known, threshold, settings = _BASES[task]
    run, old = base.with_suffix(".run"), str(data / known)
    begin = [sys.executable, "-m", "trainer"]
    train = [*begin, "train", recipe, "--data", old, "--out", str(run), "--threads", "2"]
    train += [word for setting in settings for word in ("--set", setting)]
    subprocess.run(train, check=True, stdout=sys.stderr)
    export = [*begin, "export", str(run), "--out", str(base), "--data", old, "--threshold", threshold]
    subprocess.run(export, check=True, stdout=sys.stderr)
    return base


def run(
    names: Sequence[str], data: Path, bases: dict[str, Path | None], candidates: Sequence[Path] = ()
) -> Iterator[Row]:
    """Run the benchmarks asked for; ``bases`` by their task."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        file = bases.get("vessels") or folder / "chase-only.onnx"
        if wanted("cells", names):
            yield from cells("cells", data, folder, find_model(task="cells"))
        if wanted("bloodless", names):
            bloodless = base_of("cells", data, bases.get("cells") or folder / "bloodless.onnx")
            yield from cells("bloodless", data, folder, bloodless)
        if wanted("finetune_5_pictures_min", names):
            yield from five(data, folder)
        for count, replayed in ((3, False), (6, False), (3, True), (6, True)):
            if wanted(f"vessels_{count}_replay" if replayed else f"vessels_{count}", names):
                base_of("vessels", data, file)
                yield from vessels(data, folder, file, count, replayed=replayed)
        made = [folder / name / _RUN / _CANDIDATE for name in ("cells", "vessels_6", "vessels_3")]
        yield from real_pictures(names, data, file, [*filter(Path.is_file, made), *candidates])


def main() -> int:
    """Print one JSON object a row; exit status 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.learning", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="cells, bloodless, finetune_5, vessels_3, vessels_6_replay, learn_here",
    )
    parser.add_argument("--base", type=Path, metavar="FILE")
    parser.add_argument("--cells-base", type=Path, metavar="FILE")
    parser.add_argument("--candidate", type=Path, metavar="FILE", action="append", default=[])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), metavar="DIR")
    options = parser.parse_args()
    missed = 0
    bases = {"vessels": options.base, "cells": options.cells_base}
    for found in run(options.names, options.data.resolve(), bases, options.candidate):
        print(json.dumps(found), flush=True)
        missed += not found["ok"]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
