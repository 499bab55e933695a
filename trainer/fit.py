"""One net in training: its loss, its average, how it is validated."""

from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from trainer.crops import Crops, start_worker
from trainer.losses import parse_loss
from trainer.nets import answer_whole, build_net, stride_of
from trainer.optimise import make_optimiser, make_schedule, running_average
from trainer.pictures import Scaled
from trainer.recipes import Recipe
from vesselapp.core.errors import VesselError

BEST = "best.pt"


class Fit(lightning.LightningModule):
    """One net in training, with the running average of its weights that is validated and exported."""

    stale: Tensor
    best: Tensor

    def __init__(
        self,
        recipe: Recipe,
        train: list[Scaled],
        validation: list[Scaled],
        checkpoint: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.recipe = recipe
        self.net = build_net(recipe)
        self.average = AveragedModel(self.net, multi_avg_fn=running_average(recipe.ema), use_buffers=True)
        self.average.requires_grad_(False)
        self.loss = parse_loss(recipe.loss)
        self.train_pictures = train
        self.validation_pictures = validation
        self.stride = stride_of(recipe)
        self.register_buffer("best", torch.tensor(-1.0))
        self.register_buffer("stale", torch.tensor(0))
        self.go_on_from(checkpoint)

    def go_on_from(self, checkpoint: dict[str, Any] | None) -> None:
        """Take up what a stopped run left; None: begin."""
        self.checkpoint = checkpoint
        self.steps_before = 0
        if checkpoint is not None:
            self.load_state_dict(checkpoint["state_dict"], strict=False)
            self.steps_before = int(checkpoint.get("steps_done", checkpoint["global_step"]))

    @property
    def steps_done(self) -> int:
        """Give the steps of the whole run, also those before it was resumed."""
        return self.steps_before + self.global_step

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the whole run's count of steps."""
        checkpoint["steps_done"] = self.steps_done

    def on_train_epoch_start(self) -> None:
        """Seed what PyTorch draws (dropout), so that a resumed run goes on as it would have."""
        torch.manual_seed(self.recipe.seed * 100_003 + self.current_epoch * 1009 + self.global_rank)

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], _: int) -> Tensor:
        """Answer a batch and give its loss."""
        pixels, truth, valid = batch
        logits, _features = self.net(pixels)
        loss = self.loss(logits.float(), truth, valid)
        self.log("loss", loss, prog_bar=True, on_step=True, on_epoch=False)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Stop at a loss that is no number; otherwise take the new weights into the average."""
        if not torch.isfinite(outputs["loss"]):
            raise VesselError(
                f"The loss became {outputs['loss'].item()} at step {self.steps_done}.",
                "Lower learning_rate, or set precision=32.",
            )
        self.average.update_parameters(self.net)

    def validation_step(self, batch: Tensor, _: int) -> None:
        """Answer whole pictures with the averaged net; Dice at 0.5 inside the valid area."""
        for number in batch.tolist():
            picture = self.validation_pictures[number]
            foreground = self.answer(picture.pixels)[..., list(self.recipe.foreground)].sum(axis=-1)
            inside = picture.valid > 0
            true = (
                picture.truth[..., list(self.recipe.foreground)].sum(axis=-1, dtype=np.uint16)[inside] >= 128
            )
            p = foreground[inside]
            mask = p >= 0.5
            dice = 2 * (mask & true).sum() / max(1, mask.sum() + true.sum())
            options: dict[str, Any] = {"on_step": False, "on_epoch": True, "batch_size": 1, "sync_dist": True}
            self.log("dice", float(dice), prog_bar=True, **options)
            self.log(f"dice/{picture.set_name}", float(dice), **options)
            self.log("bias", float(p.mean() - true.mean()), **options)

    def on_validation_epoch_end(self) -> None:
        """Keep the best weights, and stop early after ``patience`` validations without a better one."""
        dice = self.trainer.callback_metrics["dice"].cpu()
        better = bool(dice > self.best)
        self.stale += 1
        if better:
            self.best.copy_(dice)
            self.stale.zero_()
            if self.trainer.is_global_zero:
                torch.save(self.average.module.state_dict(), self.trainer.default_root_dir + "/" + BEST)
        if self.recipe.patience and int(self.stale) >= self.recipe.patience:
            self.trainer.should_stop = True

    def answer(self, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Give the averaged net's (H, W, C) probabilities for a whole (H, W, 3) picture."""
        return answer_whole(self.average.module, pixels, self.stride)

    def configure_optimizers(self) -> Any:
        """Build optimiser and schedule from the recipe."""
        optimiser = make_optimiser(self.net, self.recipe)
        schedule = make_schedule(optimiser, self.recipe)
        if self.checkpoint is not None:
            optimiser.load_state_dict(self.checkpoint["optimizer_states"][0])
            schedule.load_state_dict(self.checkpoint["lr_schedulers"][0])
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def train_dataloader(self) -> DataLoader[Any]:
        """Give this epoch's crops."""
        crops = Crops(self.train_pictures, self.recipe, self.current_epoch, self.trainer.world_size)
        workers = self.recipe.workers
        return DataLoader(
            crops,
            self.recipe.batch,
            num_workers=workers,
            worker_init_fn=start_worker,
            drop_last=True,
            multiprocessing_context="fork" if workers else None,
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """Give the numbers of the validation pictures, which are answered whole."""
        numbers: Any = range(len(self.validation_pictures))
        return DataLoader(numbers, 1)
