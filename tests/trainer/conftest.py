"""Tiny drawn sets and recipes: what is tested is behaviour, not skill."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from trainer.fit import Fit
from trainer.recipes import RECIPES, Augment, Recipe
from trainer.run import RunOptions, train

PLAIN = Augment(
    warp=0.0, elastic=0.0, gamma=0.0, gain=0.0, offset=0.0, colour_mix=0.0, gray=0.0, shading=0.0,
    low_resolution=0.0, blur=0.0, sharpen=0.0, noise=0.0, jpeg=0.0, equalise=0.0,
)  # fmt: skip

TINY = [
    f"--set={change}"
    for change in (
        "architecture=own-unet",
        "widths=[8,16]",
        "size=128",
        "crop=64",
        "batch=2",
        "steps=4",
        "steps_per_epoch=2",
        "validate_every=1",
        "precision=32",
        "workers=0",
    )
]
"""Settings on the command line that make a training last a moment."""


def draw_fundus(seed: int, side: int = 160) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw an eye: (side, side, 3) uint8 pixels, bool vessels, bool field of view."""
    random = np.random.default_rng(seed)
    field = np.zeros((side, side), np.uint8)
    cv2.circle(field, (side // 2, side // 2), round(side * 0.46), 1, -1)
    vessels = np.zeros((side, side), np.uint8)
    for _ in range(5):
        points = np.cumsum(random.normal(0, side / 12, (8, 2)), axis=0) + side / 2
        cv2.polylines(vessels, [points.astype(np.int32)], False, 1, int(random.integers(3, 6)))
    vessels &= field
    shade = np.where(vessels > 0, 90, 150).astype(np.float64) + random.normal(0, 4, (side, side))
    pixels = np.stack([shade * 1.3, shade * 0.7, shade * 0.3], axis=2) * field[:, :, None]
    return np.clip(pixels, 0, 255).astype(np.uint8), vessels > 0, field > 0


def save(path: Path, plane: np.ndarray) -> None:
    """Write a picture, or a mask as 0/255."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if plane.dtype == bool:
        plane = plane.astype(np.uint8) * 255
    if plane.ndim == 3:
        plane = cv2.cvtColor(plane, cv2.COLOR_RGB2BGR)
    assert cv2.imwrite(str(path), plane)


def write_fundus_set(folder: Path, count: int = 4) -> Path:
    """Write ``images/``, ``masks/`` and ``fov/`` of drawn eyes."""
    for number in range(count):
        pixels, vessels, field = draw_fundus(number)
        save(folder / "images" / f"eye{number}.png", pixels)
        save(folder / "masks" / f"eye{number}.png", vessels)
        save(folder / "fov" / f"eye{number}.png", field)
    return folder


def options(out: Path, *data: Path, **more) -> RunOptions:
    """Say where and on what a training runs: quietly, on one CPU, where nothing else is said."""
    return RunOptions(out=out, data=data, **{"accelerator": "cpu", "devices": 1, "quiet": True} | more)


def train_until(step: int, recipe: Recipe, run: RunOptions) -> None:
    """Train, and be killed in the step after so many."""
    whole = Fit.training_step

    def until(self, batch, index):
        if self.global_step == step:
            raise RuntimeError("killed")
        return whole(self, batch, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fit, "training_step", until)
        with pytest.raises(RuntimeError, match="killed"):
            train(recipe, run)


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> None:
    torch.set_num_threads(1)  # tiny nets are slower on more


@pytest.fixture(scope="session")
def fundus_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four drawn eyes."""
    return write_fundus_set(tmp_path_factory.mktemp("data") / "eyes")


@pytest.fixture
def tiny() -> Recipe:
    """A vessel recipe that trains in a second."""
    return dataclasses.replace(
        RECIPES["fundus-vessels"],
        architecture="own-unet",
        widths=(8, 16),
        size=128,
        crop=64,
        batch=2,
        steps=4,
        steps_per_epoch=2,
        validate_every=1,
        precision="32",
        workers=0,
        augment=PLAIN,
    )
