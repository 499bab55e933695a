"""Train, measure and export the models of vesselapp.

Importing this package loads nothing heavy; PyTorch comes with the first call. On the command line:
``python -m trainer train|evaluate|compare|export|tune``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.recipes import RECIPES, Augment, Recipe, change_recipe, find_recipe

if TYPE_CHECKING:
    from trainer.evaluate import Summary
    from vesselapp.core.model_card import ModelCard

__all__ = [
    "RECIPES",
    "Augment",
    "Recipe",
    "change_recipe",
    "evaluate_model",
    "export_run",
    "find_recipe",
    "train_recipe",
]


def train_recipe(recipe: Recipe, data: Sequence[Path], out: Path, *, weights: Path | None = None) -> Path:
    """Train a recipe, or go on with the run that was stopped in ``out``.

    Parameters
    ----------
    recipe : Recipe
    data : sequence of Path
        Folders of pictures with masks.
    out : Path
        The run folder.
    weights : Path, optional
        One of our own ONNX files to start from.

    Returns
    -------
    Path
        The run folder.
    """
    from trainer.run import RunOptions, train

    return train(recipe, RunOptions(out=out, data=tuple(data), weights=weights))


def export_run(run: Path, path: Path, data: Sequence[Path] = ()) -> "ModelCard":
    """Write a run's net as one ONNX file; with ``data``, measure it on what the run held back."""
    from trainer.ship import ship

    return ship(run, path, data=list(data))


def evaluate_model(path: Path, data: Sequence[Path]) -> "list[Summary]":
    """Measure a model file on folders of pictures with masks; one summary a set and rater."""
    from trainer.evaluate import evaluate_file, summarise
    from trainer.readers import read_sets

    return summarise(evaluate_file(path, read_sets(list(data))))
