"""The endless stream of training crops: which one comes is decided by seed, epoch and number alone."""

import signal
from collections import Counter, defaultdict

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from trainer.augment import take_crop, vary_look
from trainer.drawn import draw
from trainer.pictures import Scaled, cell_truth
from trainer.recipes import Recipe

_LAST_SECONDS = 30
"""A loading process that is told to end goes on for so long."""


class Crops(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """One epoch of crops, taken evenly from all sets; the last one is as long as its steps are.

    A crop depends on (seed, epoch, number) only, so a resumed run sees what the uninterrupted one would have.
    """

    def __init__(self, pictures: list[Scaled], recipe: Recipe, epoch: int, processes: int = 1) -> None:
        self.recipe = recipe
        self.epoch = epoch
        steps = min(recipe.steps_per_epoch, recipe.steps - epoch * recipe.steps_per_epoch)
        self.count = steps * recipe.batch * processes
        self.sets: dict[str, list[Scaled]] = defaultdict(list)
        for picture in pictures:
            self.sets[picture.set_name].append(picture)
        self.chances = {name: _chances(members) for name, members in self.sets.items()}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Give pixels (H, W, 3) uint8, truth (C, H, W) and valid (1, H, W) float32."""
        random = np.random.default_rng((self.recipe.seed, self.epoch, number))
        picture = self._drawn(random) if random.random() < self.recipe.drawn else self._chosen(random)
        pixels, truth, valid = take_crop(picture, self.recipe.crop, self.recipe.augment, random)
        pixels = vary_look(pixels, self.recipe.augment, random)
        return (
            torch.from_numpy(pixels),
            torch.from_numpy(truth.transpose(2, 0, 1).astype(np.float32) / 255),
            torch.from_numpy(valid[None].astype(np.float32)),
        )

    def _chosen(self, random: np.random.Generator) -> Scaled:
        names = sorted(self.sets)
        name = names[int(random.integers(len(names)))]
        pictures = self.sets[name]
        if self.recipe.balance == "looks":
            return pictures[int(random.choice(len(pictures), p=self.chances[name]))]
        return pictures[int(random.integers(len(pictures)))]

    def _drawn(self, random: np.random.Generator) -> Scaled:
        side = self.recipe.crop
        pixels, objects = draw(random, side, self.recipe.size * random.uniform(0.7, 1.6))
        return Scaled("drawn", "", pixels, cell_truth(objects), np.ones((side, side), np.uint8))


def _chances(pictures: list[Scaled]) -> NDArray[np.float64]:
    """Give each picture's chance where a look's grows with the square root of its number of pictures."""
    members = Counter(picture.look for picture in pictures)
    weights = np.array([1 / np.sqrt(members[picture.look]) for picture in pictures])
    return np.asarray(weights / weights.sum(), np.float64)


def start_worker(_: int) -> None:
    """Keep a loading process to one thread: the net needs the others.

    Ctrl+C and SIGTERM are its parent's to heed, which may need it until then; its end it does wait for.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(_LAST_SECONDS))
    cv2.setNumThreads(0)
