"""Search for better settings with Optuna: resumable, and trials that start badly end early."""

import csv
from pathlib import Path
from typing import Any

from trainer.recipes import Recipe, change_recipe
from trainer.run import RunOptions, train
from vesselapp.core.errors import VesselError
from vesselapp.core.files import make_folder


def tune(recipe: Recipe, data: tuple[Path, ...], out: Path, trials: int) -> dict[str, Any]:
    """Run trials until ``trials`` have been made in the study at ``out``; give the best settings.

    The study lies in ``out/study.db``; calling again goes on with it.

    Raises
    ------
    VesselError
        Where Optuna is missing, ``out`` can't be written, or no trial came to its end.
    """
    try:
        import optuna
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise VesselError("Tuning needs Optuna.", "pip install 'vesselapp[tune]'") from error
    make_folder(out)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return _search(recipe, data, out, trials)
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        said = str(error.__cause__ or error).splitlines()[0]
        raise VesselError(
            f"{out / 'study.db'} can't be used: {said}.", "See whether the disk is full."
        ) from error


def _search(recipe: Recipe, data: tuple[Path, ...], out: Path, trials: int) -> dict[str, Any]:
    import optuna

    from trainer.pruning import Prune

    study = optuna.create_study(
        study_name=recipe.name,
        storage=f"sqlite:///{out / 'study.db'}",
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=recipe.seed + _made(out)),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
    )

    def objective(trial: optuna.Trial) -> float:
        folder = out / f"trial-{trial.number:03d}"
        options = RunOptions(out=folder, data=data, quiet=True, split=_shared_split(out))
        train(change_recipe(recipe, suggest(trial, recipe.task)), options, callbacks=[Prune(trial)])
        return best_dice(folder)

    finished = [t for t in study.trials if t.state.is_finished()]
    study.optimize(objective, n_trials=max(0, trials - len(finished)))
    if not any(t.state == optuna.trial.TrialState.COMPLETE for t in study.trials):
        raise VesselError("No trial has come to its end, so nothing is the best.", "Set --trials higher.")
    return dict(study.best_params) | {"dice": study.best_value}


LOSSES = {
    "vessels": ["bce", "bce+0.5*dice", "bce+dice", "focal+0.5*dice"],
    "cells": ["ce", "ce+0.5*dice", "ce+dice"],
}


def suggest(trial: Any, task: str) -> list[str]:
    """Ask a trial for one set of settings, as ``key=value`` texts."""
    rate = trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True)
    loss = trial.suggest_categorical("loss", LOSSES[task])
    ema = trial.suggest_categorical("ema", [0.99, 0.998, 0.999])
    decay = trial.suggest_float("weight_decay", 1e-5, 1e-1, log=True)
    return [f"learning_rate={rate}", f"loss={loss}", f"ema={ema}", f"weight_decay={decay}"]


def best_dice(run: Path) -> float:
    """Give the best validation Dice that a run logged."""
    found: list[float] = []
    for path in sorted(run.glob("logs/*/metrics.csv")):
        with path.open(newline="") as file:
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
