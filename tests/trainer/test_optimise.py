"""Optimisers and schedules by their names, clipping, dropout: what a recipe says is what is done."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.trainer.conftest import options
from trainer.fit import Fit
from trainer.nets import build_net
from trainer.optimise import make_optimiser, make_schedule
from trainer.recipes import Recipe, change_recipe
from trainer.run import train

STEPS = 200


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("one-cycle", {0: 1 / 25, 29: 1, 100: 0.6325, 200: 4e-6}),
        ("cosine", {0: 1, 50: 0.8538, 100: 0.5005, 200: 0.001}),
        ("cyclic", {0: 0.05, 10: 0.525, 20: 1, 40: 0.05, 100: 1, 200: 0.05}),
        ("constant", {0: 0.02, 24: 0.5, 49: 1, 100: 1, 200: 1}),
    ],
)
def test_the_rate_follows_its_schedule(tiny: Recipe, schedule: str, rates: dict[int, float]):
    """``rates``: shares of the recipe's rate after so many steps."""
    recipe = change_recipe(tiny, [f"schedule={schedule}", f"steps={STEPS}", "learning_rate=0.02"])
    optimiser = make_optimiser(nn.Linear(2, 2), recipe)
    changing, seen = make_schedule(optimiser, recipe), []
    for _ in range(STEPS + 1):
        seen.append(optimiser.param_groups[0]["lr"] / 0.02)
        optimiser.step()
        if len(seen) <= STEPS:
            changing.step()
    assert {step: seen[step] for step in rates} == pytest.approx(rates, rel=0.01)
    assert max(seen) <= 1.0001


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_the_optimiser_is_the_one_named_and_decays_weights_alone(tiny: Recipe, name: str, kind: type):
    recipe = change_recipe(tiny, [f"optimiser={name}", "weight_decay=0.03", "learning_rate=0.02"])
    net = build_net(recipe)
    optimiser = make_optimiser(net, recipe)
    assert type(optimiser) is kind
    assert optimiser.defaults["lr"] == 0.02
    assert (optimiser.defaults.get("momentum"), optimiser.defaults.get("nesterov")) == (
        (0.9, True) if name == "sgd" else (None, None)
    )
    decays = {id(p): group["weight_decay"] for group in optimiser.param_groups for p in group["params"]}
    assert decays == {id(p): 0.03 if p.ndim > 1 else 0.0 for p in net.parameters()}


@pytest.mark.parametrize("clip", [0.0, 0.01])
def test_gradients_are_clipped(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch, clip: float
):
    norms = []

    def look(self: Fit, *_: object) -> None:
        gradients = [p.grad.norm() for p in self.net.parameters() if p.grad is not None]
        norms.append(float(torch.stack(gradients).norm()))

    monkeypatch.setattr(Fit, "on_train_batch_end", look)
    train(dataclasses.replace(tiny, clip=clip, validate_every=9), options(tmp_path / "run", fundus_set))
    assert len(norms) == tiny.steps
    assert (max(norms) <= 0.01001) is bool(clip)


@pytest.mark.parametrize("net", ["own-unet", "own-wnet", "Unet"])
def test_dropout_is_in_the_net_and_drops_where_it_learns(tiny: Recipe, net: str):
    def answers(dropout: float) -> tuple[torch.Tensor, torch.Tensor]:
        torch.manual_seed(0)
        kind = {"architecture": net, "encoder": "resnet18", "norm": "group"}
        built = build_net(dataclasses.replace(tiny, **kind, dropout=dropout))  # type: ignore[arg-type]
        dropping = [part.p for part in built.modules() if isinstance(part, nn.Dropout2d)]
        assert dropping == [dropout] * (2 if net == "own-wnet" else 1)
        batch = torch.randint(0, 255, (2, 64, 64, 3), dtype=torch.uint8)
        with torch.no_grad():
            return built.train()(batch)[0], built.eval()(batch)[0]

    learning, answering = answers(0.5)
    assert not torch.allclose(learning, answering)
    assert torch.allclose(*answers(0.0))
