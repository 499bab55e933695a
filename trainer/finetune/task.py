"""The net in fine-tuning: each batch is of new and of old ground; the base teaches what has no truth."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from trainer.crops import Crops, start_worker
from trainer.finetune.settings import Tuning
from trainer.fit import Fit
from trainer.losses import probabilities
from trainer.machine import loading
from trainer.nets import Segmenter
from trainer.pictures import Scaled
from trainer.recipes import Recipe

Item = tuple[Tensor, Tensor, Tensor, Tensor]
NEW, REPLAYED, TAUGHT = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Ground:
    """What a fine-tune learns from.

    Attributes
    ----------
    new : list of Scaled
        Reviewed pictures.
    replayed : list of Scaled
        Pictures of old ground with their truth.
    taught : list of Scaled
        Pictures without truth, which the base answers.
    taught_recipe : Recipe or None
        How those are varied, and whether drawn ones are among them; None where there are none.
    """

    new: list[Scaled]
    replayed: list[Scaled] = field(default_factory=list)
    taught: list[Scaled] = field(default_factory=list)
    taught_recipe: Recipe | None = None

    def layout(self, batch: int, old_share: float) -> tuple[int, ...]:
        """Say which ground each crop of a batch is of; where a batch is 1 or 2, of four crops in a row."""
        batch = batch if batch > 2 else 4
        kinds = [kind for kind, there in ((REPLAYED, self.replayed), (TAUGHT, self.taught_recipe)) if there]
        count = min(max(1, round(old_share * batch)), batch - 1) if kinds and old_share else 0
        old = [kinds[number % len(kinds)] for number in range(count)]
        return (*[NEW] * (batch - len(old)), *sorted(old))


class MixedCrops(Dataset[Item]):
    """An epoch of batches of one layout."""

    def __init__(self, sources: dict[int, Crops], layout: Sequence[int]) -> None:
        self.sources, self.layout = sources, layout

    def __len__(self) -> int:
        return len(self.sources[NEW])

    def __getitem__(self, number: int) -> Item:
        """Give pixels, truth and weights as `Crops` does, and the kind of ground."""
        kind = self.layout[number % len(self.layout)]
        return (*self.sources[kind][number], torch.tensor(kind))


class FineTune(Fit):
    """A net that starts from a base and holds what the base could do.

    Parameters
    ----------
    recipe : Recipe
    tuning : Tuning
    base : Segmenter
    ground : Ground
    checkpoint : dict, optional
        Of the run to go on with.
    """

    def __init__(
        self,
        recipe: Recipe,
        tuning: Tuning,
        base: Segmenter,
        ground: Ground,
        checkpoint: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(recipe, ground.new, [], pretrained=False)
        self.tuning, self.ground = tuning, ground
        self.layout = ground.layout(recipe.batch, tuning.old_share)
        self.net.load_state_dict(base.state_dict())
        self.average.module.load_state_dict(base.state_dict())
        self.go_on_from(checkpoint)
        self.teacher = [base.eval().requires_grad_(False)]  # in a list: no part of this net's state

    def on_train_epoch_start(self) -> None:
        """Seed what PyTorch draws; let batch norm keep the base's statistics, and no block be left out."""
        super().on_train_epoch_start()
        self.teacher[0].to(self.device)
        if self.tuning.frozen_norms:
            self.net.eval()

    def training_step(self, batch: Any, _: int) -> Tensor:
        """Answer a batch and give its loss; what has no truth is held to the base's answer."""
        pixels, truth, weight, kind = batch
        taught = kind == TAUGHT
        if taught.any():
            with torch.no_grad():
                answer = probabilities(self.teacher[0](pixels[taught])[0].float())
            truth = truth.clone()
            truth[taught] = answer
        weight = weight * torch.where(kind == NEW, 1.0, self.tuning.hold)[:, None, None, None]
        loss = self.loss(self.net(pixels)[0].float(), truth, weight)
        self.log("loss", loss, prog_bar=True, on_step=True, on_epoch=False)
        return loss

    def train_dataloader(self) -> DataLoader[Any]:
        """Give this epoch's crops of all grounds."""
        ground, epoch = self.ground, self.current_epoch
        sources = {NEW: Crops(ground.new, self.recipe, epoch)}
        if ground.replayed:
            sources[REPLAYED] = Crops(ground.replayed, self.recipe, epoch)
        if ground.taught_recipe is not None:
            sources[TAUGHT] = Crops(ground.taught, ground.taught_recipe, epoch)
        return DataLoader(
            MixedCrops(sources, self.layout),
            self.recipe.batch,
            **loading(self.recipe.workers),
            worker_init_fn=start_worker,
            drop_last=True,
        )
