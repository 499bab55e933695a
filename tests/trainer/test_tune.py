import dataclasses
import shutil
from pathlib import Path

import pytest

from tests.trainer.conftest import TINY, write_fundus_set
from trainer import fit
from trainer.__main__ import main
from trainer.losses import parse_loss
from trainer.recipes import RECIPES, Recipe, change_recipe, read_recipe
from trainer.run import RunOptions
from trainer.tune import SEARCHED, suggest, tune
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


def test_a_search_keeps_to_its_pictures_not_to_their_names(tmp_path: Path, tiny: Recipe):
    data = write_fundus_set(tmp_path / "eyes")
    recipe = dataclasses.replace(tiny, steps=2)
    tune(recipe, (data,), tmp_path / "search", trials=1)
    shutil.copy(data / "images" / "eye0.png", data / "images" / "eye1.png")
    with pytest.raises(VesselError, match=r"begun with other pictures of these names: 1 of 4"):
        tune(recipe, (data,), tmp_path / "search", trials=2)
    assert len(list((tmp_path / "search").glob("trial-*"))) == 1


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


def test_a_trial_that_diverges_ends_alone(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch
):
    real, begun = fit.parse_loss, []

    def diverging_at_first(loss: str):
        begun.append(loss)
        return real(loss) if len(begun) > 3 else lambda logits, *_: logits.mean() * float("nan")

    monkeypatch.setattr(fit, "parse_loss", diverging_at_first)
    best = tune(dataclasses.replace(tiny, steps=2), (fundus_set,), tmp_path, trials=3)
    assert "dice" in best
    kept = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / 'study.db'}")
    states = [trial.state.name for trial in kept.trials]
    assert states.count("PRUNED") >= 1
    assert "FAIL" not in states


def test_a_search_in_which_all_trials_diverge_says_so_also_later(
    tmp_path: Path, tiny: Recipe, fundus_set: Path
):
    recipe = dataclasses.replace(tiny, learning_rate=1e30)
    for trials in (2, 2, 1):
        with pytest.raises(VesselError, match=r"Every trial .*became .* at step .*lower learning_rate"):
            tune(recipe, (fundus_set,), tmp_path, trials, fixed=("learning_rate",))


def test_a_search_with_the_highest_seed_goes_on(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    recipe = dataclasses.replace(tiny, steps=2, seed=2**32 - 1)
    for trials in (1, 2):
        assert "dice" in tune(recipe, (fundus_set,), tmp_path, trials)


def test_what_a_person_fixes_is_not_searched(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    recipe = dataclasses.replace(tiny, steps=2, learning_rate=2e-3, loss="bce+dice")
    best = tune(recipe, (fundus_set,), tmp_path, trials=1, fixed=("learning_rate", "loss", "steps"))
    assert best.keys() == {"ema", "weight_decay", "dice"}
    kept = read_recipe(tmp_path / "trial-000" / "recipe.json")
    assert (kept.learning_rate, kept.loss) == (2e-3, "bce+dice")
    with pytest.raises(VesselError, match="other settings to keep: learning_rate, loss"):
        tune(recipe, (fundus_set,), tmp_path, trials=1)
    with pytest.raises(VesselError, match="begun with other settings: steps=2"):
        tune(dataclasses.replace(recipe, steps=4), (fundus_set,), tmp_path, 2, ("learning_rate", "loss"))
    with pytest.raises(VesselError, match="other settings: name=fundus-vessels"):
        tune(RECIPES["cells"], (fundus_set,), tmp_path, 2)
    with pytest.raises(VesselError, match="Nothing is left to search"):
        tune(recipe, (fundus_set,), tmp_path, 2, SEARCHED)


def test_settings_given_at_the_command_stay(tmp_path: Path, fundus_set: Path, capsys):
    arguments = ["tune", "fundus-vessels", "--data", str(fundus_set), "--out", str(tmp_path), "--trials=1"]
    assert main([*arguments, *TINY, "--set=steps=2", "--set=ema=0.9", "--set=loss=bce"]) == 0
    assert "ema" not in capsys.readouterr().out
    kept = read_recipe(tmp_path / "trial-000" / "recipe.json")
    assert (kept.ema, kept.loss) == (0.9, "bce")


def test_a_trial_that_was_killed_does_not_run_for_ever(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    recipe = dataclasses.replace(tiny, steps=2)
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    optuna.create_study(study_name=recipe.name, storage=storage, direction="maximize").ask()
    tune(recipe, (fundus_set,), tmp_path, trials=1)
    states = [t.state.name for t in optuna.load_study(study_name=recipe.name, storage=storage).trials]
    assert states == ["FAIL", "COMPLETE"]


def test_trials_that_nobody_could_judge_are_not_begun(tmp_path: Path, tiny: Recipe):
    one = write_fundus_set(tmp_path / "one", 1)
    with pytest.raises(VesselError, match="No picture is held back"):
        tune(tiny, (one,), tmp_path / "study", trials=1)
    with pytest.raises(VesselError, match="ever be validated"):
        tune(dataclasses.replace(tiny, validate_every=3), (one,), tmp_path / "study", trials=1)
    assert not list((tmp_path / "study").glob("trial-*"))


def test_a_search_that_was_stopped_counts_no_trial(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = []

    def stopped(_recipe: Recipe, options: RunOptions, **_: object) -> None:
        asked.append(options.devices)
        raise KeyboardInterrupt("Stopped.")

    recipe = dataclasses.replace(tiny, steps=2)
    with monkeypatch.context() as patch:
        patch.setattr("trainer.tune.train", stopped)
        with pytest.raises(KeyboardInterrupt, match="goes on with another trial"):
            tune(recipe, (fundus_set,), tmp_path, trials=1)
    assert asked == [1]  # however many devices there are
    assert tune(recipe, (fundus_set,), tmp_path, trials=1)["dice"] >= 0
