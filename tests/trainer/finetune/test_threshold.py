"""Where the threshold of a candidate is set."""

import numpy as np
import torch

from trainer.finetune.task import Ground
from trainer.finetune.threshold import deciding, set_threshold
from trainer.pictures import Scaled
from trainer.recipes import RECIPES

RECIPE = RECIPES["fundus-vessels"]


class Grey(torch.nn.Module):
    """Answers a px's grey as its probability."""

    def __init__(self) -> None:
        super().__init__()
        self.none = torch.nn.Parameter(torch.zeros(1))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        grey = pixels[..., :1].permute(0, 3, 1, 2).float() / 255
        return torch.logit(grey.clamp(0.001, 0.999)), grey


def picture(name: str, darkest_vessel: int) -> Scaled:
    """Every grey once in 16 rows; from one on, it is vessel."""
    grey = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    truth = np.where(grey >= darkest_vessel, 255, 0).astype(np.uint8)
    return Scaled(name, name, np.stack([grey] * 3, axis=-1), truth[:, :, None], np.ones_like(grey))


def chosen(*pictures: Scaled, worth: float = 0.0) -> float:
    return set_threshold(Grey(), RECIPE, 8, pictures, 0.45, worth)


def test_the_threshold_with_the_highest_dice_is_chosen() -> None:
    assert abs(chosen(picture("learnt", 153)) - 0.6) < 0.01
    assert abs(chosen(picture("learnt", 77)) - 0.3) < 0.01


def test_the_threshold_stays_where_little_is_gained() -> None:
    assert chosen(picture("learnt", 120)) == 0.47
    assert chosen(picture("learnt", 120), worth=0.1) == 0.45
    assert chosen(picture("learnt", 115), worth=0.0) == 0.45


def test_pictures_in_which_nothing_is_decide_nothing() -> None:
    empty = picture("learnt", 256)
    assert abs(chosen(picture("learnt", 153), empty) - 0.6) < 0.01
    assert chosen(empty) == 0.45


def test_old_ground_decides_where_there_is_any() -> None:
    learnt, marked, replayed = picture("learnt", 153), picture("study", 77), picture("replayed", 77)
    assert deciding([learnt], Ground([learnt]), "vessels") == ([learnt], 0.002)
    assert deciding([learnt], Ground([learnt], taught=[marked]), "vessels") == ([marked], 0.0)
    assert deciding([learnt], Ground([learnt], taught=[marked]), "cells") == ([learnt], 0.002)
    many = Ground([learnt], replayed=[replayed] * 20, taught=[marked])
    assert deciding([learnt], many, "vessels") == ([learnt, *[replayed] * 5], 0.0)
