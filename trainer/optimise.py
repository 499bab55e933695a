"""Optimisers and learning-rate schedules by name, and the running average of the weights."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, CyclicLR, LambdaLR, LRScheduler, OneCycleLR

from trainer.recipes import Recipe


def make_optimiser(net: nn.Module, recipe: Recipe) -> Optimizer:
    """Build Adam, AdamW or SGD; norms and biases are not decayed."""
    weights = [p for p in net.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
    ]
    rate = recipe.learning_rate
    if recipe.optimiser == "adam":
        return torch.optim.Adam(groups, lr=rate)
    if recipe.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=rate)
    return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True)


def make_schedule(optimiser: Optimizer, recipe: Recipe) -> LRScheduler:
    """Build one-cycle, cosine, cyclic (triangular) or no change, over the recipe's steps."""
    rate, steps = recipe.learning_rate, recipe.steps
    if recipe.schedule == "one-cycle":
        return OneCycleLR(optimiser, rate, total_steps=steps + 1, pct_start=0.15, cycle_momentum=False)
    if recipe.schedule == "cosine":
        return CosineAnnealingLR(optimiser, steps, eta_min=rate / 1000)
    if recipe.schedule == "cyclic":
        half = max(1, steps // 10)
        return CyclicLR(optimiser, rate / 20, rate, step_size_up=half, cycle_momentum=False)
    return LambdaLR(optimiser, lambda step: min(1.0, (step + 1) / 50))


Averaging = Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]


def running_average(decay: float, lag: float = 10.0) -> Averaging:
    """Give an average of the weights that reaches back further the more steps were made, within ``decay``.

    Until then it is a polynomial-decay average (Shamir and Zhang, ICML 2013): those of step n count about
    as n to the power of ``lag - 2``. With a larger lag those of the start, untrained, are forgotten sooner.

    Parameters
    ----------
    decay : float
        Of the exponential average that it becomes, 0-1.
    lag : float
        At least 2.
    """

    @torch.no_grad()
    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], updates: Tensor | int) -> None:
        count = int(updates)
        share = 1 - min(decay, (1 + count) / (lag + count))
        floats = [(old, new) for old, new in zip(averaged, current, strict=True) if old.is_floating_point()]
        if floats:  # all in a few kernels: one by one they hold up a GPU
            torch._foreach_lerp_([old for old, _ in floats], [new for _, new in floats], share)
        for old, new in zip(averaged, current, strict=True):
            if not old.is_floating_point():
                old.copy_(new)

    return update
