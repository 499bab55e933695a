"""Search for better settings with Optuna: resumable, and trials that start badly end early."""

import csv
from collections.abc import Collection
from pathlib import Path
from typing import Any

from trainer.begun import check_pictures, keep_asked
from trainer.fit import Diverged
from trainer.lineage import Seen, split_after
from trainer.looks import group_by_look
from trainer.machine import only_one
from trainer.readers import image_sha256, read_sets
from trainer.recipes import Recipe, change_recipe, is_validated
from trainer.run import RunOptions, train
from trainer.split import load_split, take_split
from vesselapp.core.errors import VesselError
from vesselapp.core.files import make_folder, remove_temporaries

_DIVERGED = "diverged"
"""Under it a trial keeps what was said where it diverged."""


def tune(
    recipe: Recipe, data: tuple[Path, ...], out: Path, trials: int, fixed: Collection[str] = ()
) -> dict[str, Any]:
    """Run trials until ``trials`` have been made in the study at ``out``; give the best settings.

    The study lies in ``out/study.db``; calling again goes on with it, also after a crash.

    Parameters
    ----------
    recipe : Recipe
    data : tuple of Path
    out : Path
    trials : int
    fixed : collection of str
        The settings that a person chose: they stay as they are in the recipe.

    Raises
    ------
    VesselError
        Where Optuna is missing, ``out`` can't be written or was begun with something else, no trial could be
        judged, or none came to its end.
    """
    try:
        import optuna
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise VesselError("Tuning needs Optuna.", "pip install 'vesselapp[tune]'") from error
    if set(fixed) >= set(SEARCHED):
        raise VesselError(
            "Nothing is left to search: all is given.", f"Leave out one of {', '.join(SEARCHED)}."
        )
    make_folder(out)
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # else it prints a traceback of each stop
    try:
        with only_one(out):
            remove_temporaries(out)
            _check_judged(recipe, data, out)
            keep_asked(out / "tune.json", recipe, [name for name in SEARCHED if name in fixed])
            return _search(recipe, data, out, trials, fixed)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Stopped. The same command goes on with another trial.") from None
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        said = str(error.__cause__ or error).splitlines()[0]
        raise VesselError(
            f"{out / 'study.db'} can't be used: {said}.", "See whether the disk is full."
        ) from error


def _search(
    recipe: Recipe, data: tuple[Path, ...], out: Path, trials: int, fixed: Collection[str]
) -> dict[str, Any]:
    import optuna
    from optuna.trial import TrialState

    from trainer.pruning import Prune

    study = optuna.create_study(
        study_name=recipe.name,
        storage=f"sqlite:///{out / 'study.db'}",
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=(recipe.seed + _made(out)) % 2**32),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
    )
    for trial in study.get_trials(states=(TrialState.RUNNING,)):  # no other is at work: it was killed
        study.tell(trial.number, state=TrialState.FAIL)

    def objective(trial: optuna.Trial) -> float:
        folder = out / f"trial-{trial.number:03d}"
        # more devices would be processes that begin this very search again
        options = RunOptions(out=folder, data=data, devices=1, quiet=True, split=_shared_split(out))
        suggested = change_recipe(recipe, suggest(trial, recipe.task, fixed))
        try:
            train(suggested, options, callbacks=[Prune(trial)])
        except Diverged as problem:
            trial.set_user_attr(_DIVERGED, str(problem))
            raise optuna.TrialPruned(problem.message) from problem
        return best_dice(folder)

    made = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    study.optimize(objective, n_trials=max(0, trials - len(made)))
    if not any(t.state == TrialState.COMPLETE for t in study.trials):
        said = [t.user_attrs.get(_DIVERGED) for t in study.get_trials(states=(TrialState.PRUNED,))]
        if said and all(said):
            raise VesselError(f"Every trial failed, so nothing is the best. The last one: {said[-1]}")
        raise VesselError("No trial has come to its end, so nothing is the best.", "Set --trials higher.")
    return dict(study.best_params) | {"dice": study.best_value}


def _check_judged(recipe: Recipe, data: tuple[Path, ...], out: Path) -> None:
    """Refuse, before anything is trained, what leaves every trial unjudged, or judged by other pictures."""
    if not is_validated(recipe):
        raise VesselError("No trial would ever be validated.", "Set validate_every lower.")
    cases, split = read_sets(list(data)), _shared_split(out)
    cases = group_by_look(cases) if recipe.task == "cells" else cases
    sides = load_split(split) if split is not None else split_after(Seen(), cases)
    if not sides["validation"]:
        raise VesselError(
            "No picture is held back, so no trial could be judged.", "Give pictures of more looks or people."
        )
    if split is not None:
        learn, judge = take_split(sides, cases, split)
        check_pictures(split.parent, {case.key: image_sha256(case) for case in (*learn, *judge)})


SEARCHED = ("learning_rate", "loss", "ema", "weight_decay")
LOSSES = {
    "vessels": ["bce", "bce+0.5*dice", "bce+dice", "focal+0.5*dice"],
    "cells": ["ce", "ce+0.5*dice", "ce+dice"],
}


def suggest(trial: Any, task: str, fixed: Collection[str] = ()) -> list[str]:
    """Ask a trial for one set of settings, as ``key=value`` texts; what is fixed is not asked for."""
    ways = {
        "learning_rate": lambda name: trial.suggest_float(name, 3e-4, 1e-2, log=True),
        "loss": lambda name: trial.suggest_categorical(name, LOSSES[task]),
        "ema": lambda name: trial.suggest_categorical(name, [0.99, 0.998, 0.999]),
        "weight_decay": lambda name: trial.suggest_float(name, 1e-5, 1e-1, log=True),
    }
    return [f"{name}={ways[name](name)}" for name in SEARCHED if name not in fixed]


def best_dice(run: Path) -> float:
    """Give the best validation Dice that a run logged."""
    found: list[float] = []
    for path in sorted(run.glob("logs/*/metrics.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            found += [float(row["dice"]) for row in csv.DictReader(file) if row.get("dice")]
    if not found:
        raise VesselError(f"The run {run} was never validated.", "Set validate_every lower.")
    return max(found)


def _shared_split(out: Path) -> Path | None:
    """All trials keep to the first one's split."""
    first = sorted(out.glob("trial-*/split.json"))
    return first[0] if first else None


def _made(out: Path) -> int:
    return len(list(out.glob("trial-*")))
