"""One net in training: its loss, its average, how it is validated."""

import io
import sys
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from trainer.crops import Crops, start_worker
from trainer.full_memory import memory_is_full
from trainer.losses import parse_loss
from trainer.machine import loading
from trainer.metrics import dice
from trainer.nets import answer_whole, build_net, stride_of
from trainer.optimise import make_optimiser, make_schedule, running_average
from trainer.pictures import Scaled, foreground_in, true_foreground
from trainer.recipes import Recipe
from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write

BEST = "best.pt"


def save_weights(weights: dict[str, Tensor], path: Path) -> None:
    """Write weights, whole or not at all (VesselError where that fails); no file names a GPU."""
    buffer = io.BytesIO()
    torch.save({name: plane.cpu() for name, plane in weights.items()}, buffer)
    atomic_write(path, buffer.getvalue())


class Diverged(VesselError):
    """Loss or weights became infinite, or no numbers."""


class Fit(lightning.LightningModule):
    """One net in training, with the running average of its weights that is validated and exported."""

    stale: Tensor
    best: Tensor
    best_steps: Tensor

    def __init__(
        self,
        recipe: Recipe,
        train: list[Scaled],
        validation: list[Scaled],
        checkpoint: dict[str, Any] | None = None,
        *,
        pretrained: bool = True,
    ) -> None:
        super().__init__()
        self.recipe = recipe
        self.net = build_net(recipe, pretrained=pretrained and checkpoint is None)
        averaging = running_average(recipe.ema, recipe.ema_lag)
        self.average = AveragedModel(self.net, multi_avg_fn=averaging, use_buffers=True)
        self.average.requires_grad_(False)
        self.loss = parse_loss(recipe.loss)
        self.train_pictures = train
        self.validation_pictures = validation
        self.stride = stride_of(recipe)
        self.seen = torch.zeros(len(validation), 3)
        self.told_of_memory = False
        self.register_buffer("best", torch.tensor(-1.0))
        self.register_buffer("stale", torch.tensor(0))
        self.register_buffer("best_steps", torch.tensor(0))
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
        finite = torch.isfinite(outputs["loss"].detach())
        if self.trainer.world_size > 1:  # all processes end with one sentence, or none does
            finite = self.trainer.strategy.reduce(finite.float(), reduce_op="min") > 0
        if not finite:
            raise self._diverged(f"The loss became {outputs['loss'].item()}")
        self.average.update_parameters(self.net)

    def check_weights(self, weights: dict[str, Tensor]) -> None:
        """Refuse weights that are no numbers: the last step's come with no loss that would tell."""
        if not all(bool(torch.isfinite(plane).all()) for plane in weights.values()):
            raise self._diverged("The weights became infinite or no numbers")

    def _diverged(self, what: str) -> "Diverged":
        exact = "" if self.trainer.precision == "32-true" else " or precision=32"
        return Diverged(
            f"{what} at step {self.steps_done}.", f"Begin a new run with a lower learning_rate{exact}."
        )

    def on_train_start(self) -> None:
        """Put back how far half precision is scaled; end at once where patience had already run out."""
        precision = self.trainer.precision_plugin
        scaling = (self.checkpoint or {}).get(type(precision).__qualname__)  # as Lightning names it there
        if scaling is not None:
            precision.load_state_dict(scaling)
        self._stop_where_stale()

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation's scores."""
        self.check_weights(self.net.state_dict())
        self.seen = torch.zeros(len(self.validation_pictures), 3, device=self.device)

    def validation_step(self, batch: Tensor, _: int) -> None:
        """Answer whole pictures with the averaged net; Dice at 0.5 inside the valid area."""
        for number in batch.tolist():
            picture = self.validation_pictures[number]
            p = foreground_in(self.answer(picture.pixels), self.recipe)
            true, inside = true_foreground(picture.truth, self.recipe), picture.valid > 0
            bias = float(p[inside].mean() - true[inside].mean())
            self.seen[number] = torch.tensor([dice(p >= 0.5, true, inside), bias, 1.0])

    def on_validation_epoch_end(self) -> None:
        """Log means over all pictures, keep the best weights, and stop after ``patience`` without better."""
        figures = self._validated()
        self.log_dict({name: value for name, value in figures.items() if name != "dice"})
        self.log("dice", figures["dice"], prog_bar=True)
        self.stale += 1
        dice = torch.tensor(figures["dice"])
        if bool(dice > self.best.cpu()):
            self.best.copy_(dice)
            self.stale.zero_()
            self.best_steps.fill_(self.steps_done)
            if self.trainer.is_global_zero:
                save_weights(self.average.module.state_dict(), Path(self.trainer.default_root_dir) / BEST)
        self._stop_where_stale()

    def _validated(self) -> dict[str, float]:
        """Give ``dice``, each set's, and ``bias``: the same for every process, whichever pictures it had.

        A picture that two processes had (a sampler evens out their numbers) counts once.
        """
        total = self.trainer.strategy.reduce(self.seen, reduce_op="sum").cpu().double()
        means = (total[:, :2] / total[:, 2:]).numpy()
        sets = np.array([picture.set_name for picture in self.validation_pictures])
        each = {f"dice/{name}": float(means[sets == name, 0].mean()) for name in sorted(set(sets.tolist()))}
        return {"dice": float(means[:, 0].mean()), **each, "bias": float(means[:, 1].mean())}

    def _stop_where_stale(self) -> None:
        if self.recipe.patience and int(self.stale) >= self.recipe.patience:
            self.trainer.should_stop = True

    def answer(self, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Give the averaged net's (H, W, C) probabilities for a whole (H, W, 3) picture.

        Where the GPU's memory is too small for it, the CPU answers: another batch would change nothing.
        """
        try:
            return answer_whole(self.average.module, pixels, self.stride)
        except RuntimeError as error:  # after this block all that the GPU still holds of the answer is free
            if not memory_is_full(error):
                raise
        if not self.told_of_memory:
            self.told_of_memory = True
            print(
                f"The GPU's memory is too small to validate a whole picture of {pixels.shape[1]} x "
                f"{pixels.shape[0]} px; the CPU answers such pictures, which takes longer.",
                file=sys.stderr,
            )
        net = build_net(self.recipe, pretrained=False)
        net.load_state_dict(self.average.module.state_dict())
        return answer_whole(net, pixels, self.stride)

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
        return DataLoader(
            crops,
            self.recipe.batch,
            **loading(self.recipe.workers),
            worker_init_fn=start_worker,
            drop_last=True,
            pin_memory=self.device.type == "cuda",
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """Give the numbers of the validation pictures, which are answered whole."""
        numbers: Any = range(len(self.validation_pictures))
        return DataLoader(numbers, 1)
