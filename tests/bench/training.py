"""How much our training loop costs over a bare one."""

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.measure import Row, row, wanted

STEPS, WARM = 16, 4


def train_step_ratio() -> float:
    """Give our loop's pictures a second over a bare PyTorch loop's, with one net, batches in memory there."""
    import lightning
    import torch

    from trainer.losses import parse_loss
    from trainer.nets import build_net
    from trainer.optimise import make_optimiser
    from trainer.pictures import Scaled
    from trainer.recipes import RECIPES
    from trainer.run import RunOptions, fit_pictures

    recipe = dataclasses.replace(RECIPES["fundus-vessels"], steps=STEPS, steps_per_epoch=STEPS)
    random = np.random.default_rng(0)
    side = recipe.size
    picture = Scaled(
        "bench",
        "noise",
        random.integers(0, 255, (side, side, 3), np.uint8),
        (random.random((side, side, 1)) < 0.1).astype(np.uint8) * 255,
        np.ones((side, side), np.uint8),
    )
    ticks: list[float] = []

    class Clock(lightning.Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            ticks.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        options = RunOptions(out=Path(folder), data=(), accelerator="cpu", devices=1, quiet=True)
        fit_pictures(recipe, options, [picture], [], [Clock()])
    ours = statistics.median(np.diff(ticks)[WARM:])

    net = build_net(recipe)
    optimiser, loss = make_optimiser(net, recipe), parse_loss(recipe.loss)
    crop = (recipe.batch, recipe.crop, recipe.crop)
    pixels = torch.randint(0, 255, (*crop, 3), dtype=torch.uint8)
    truth, valid = torch.rand(crop[0], 1, *crop[1:]).round(), torch.ones(crop[0], 1, *crop[1:])
    spent = []
    for _ in range(STEPS):
        begun = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(net(pixels)[0].float(), truth, valid)
        optimiser.zero_grad()
        torch.autograd.backward(value)
        optimiser.step()
        spent.append(time.perf_counter() - begun)
    return float(statistics.median(spent[WARM:]) / ours)


def run(names: Sequence[str]) -> Iterator[Row]:
    """Run the benchmarks asked for."""
    if wanted("train_step_ratio", names):
        yield row("train_step_ratio", train_step_ratio(), "ratio", 0.9, higher_is_better=True)
