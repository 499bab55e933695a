import dataclasses
from pathlib import Path

import pytest

from trainer.recipes import Recipe
from trainer.tune import tune

pytest.importorskip("optuna")


def test_search_resumes(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    recipe = dataclasses.replace(tiny, steps=2)
    best = tune(recipe, (fundus_set,), tmp_path, trials=1)
    assert 0 <= best["dice"] <= 1
    again = tune(recipe, (fundus_set,), tmp_path, trials=2)
    assert again["dice"] >= best["dice"]
    assert len(list(tmp_path.glob("trial-*"))) == 2
    splits = {(tmp_path / f"trial-00{n}" / "split.json").read_text() for n in (0, 1)}
    assert len(splits) == 1
