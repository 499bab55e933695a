import dataclasses
from pathlib import Path

import pytest

from trainer.losses import parse_loss
from trainer.recipes import RECIPES, Recipe, change_recipe
from trainer.tune import suggest, tune
from vesselapp.core.errors import VesselError

optuna = pytest.importorskip("optuna")


def test_search_resumes(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    recipe = dataclasses.replace(tiny, steps=2)
    best = tune(recipe, (fundus_set,), tmp_path, trials=1)
    assert 0 <= best["dice"] <= 1
    again = tune(recipe, (fundus_set,), tmp_path, trials=2)
    assert again["dice"] >= best["dice"]
    assert len(list(tmp_path.glob("trial-*"))) == 2
    splits = {(tmp_path / f"trial-00{n}" / "split.json").read_text() for n in (0, 1)}
    assert len(splits) == 1


def test_a_place_that_takes_no_study_is_one_sentence(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    (tmp_path / "file").touch()
    with pytest.raises(VesselError, match="file"):
        tune(tiny, (fundus_set,), tmp_path / "file", trials=1)
    (tmp_path / "study.db").mkdir()
    with pytest.raises(VesselError, match=r"study\.db can't be used: .*unable to open"):
        tune(tiny, (fundus_set,), tmp_path, trials=1)
    with pytest.raises(VesselError, match="No trial has come to its end"):
        tune(tiny, (fundus_set,), tmp_path / "none", trials=0)


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_suggested_suits_the_recipe(name: str):
    recipe = RECIPES[name]
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    seen = set()
    for _ in range(12):
        changed = change_recipe(recipe, suggest(study.ask(), recipe.task))
        parse_loss(changed.loss)
        seen.add(changed.loss)
        assert ("ce" in changed.loss.replace("bce", "").split("+")) == (recipe.task == "cells")
    assert len(seen) > 1


def test_a_trial_that_does_badly_ends_early():
    from trainer.pruning import Prune

    class Trainer:
        callback_metrics: dict[str, float]
        global_step = 2

    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=0)
    )
    trainer = Trainer()
    good = study.ask()
    trainer.callback_metrics = {"dice": 0.9}
    Prune(good).on_validation_end(trainer, None)
    study.tell(good, 0.9)
    bad = study.ask()
    trainer.callback_metrics = {"dice": 0.1}
    with pytest.raises(optuna.TrialPruned):
        Prune(bad).on_validation_end(trainer, None)
