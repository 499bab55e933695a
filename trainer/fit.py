"""The training itself: a LightningModule, its data, and the run folder they fill."""

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from trainer.crops import Crops, start_worker
from trainer.looks import group_by_look
from trainer.losses import parse_loss, probabilities
from trainer.nets import Segmenter, build_net, stride_of
from trainer.optimise import make_optimiser, make_schedule
from trainer.pictures import Scaled, prepare, read_picture
from trainer.progress import Events, Progress, quiet_lightning
from trainer.readers import Case, read_sets
from trainer.recipes import Recipe, read_recipe, recipe_to_dict
from trainer.split import make_split, read_split
from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write, reason

CHECKPOINT, BEST, WEIGHTS = "last.ckpt", "best.pt", "weights.pt"


@dataclass(frozen=True)
class RunOptions:
    """Where and on what a training runs."""

    out: Path
    data: tuple[Path, ...]
    split: Path | None = None
    devices: int | str = "auto"
    nodes: int = 1
    accelerator: str = "auto"
    threads: int = 0
    events: bool = False
    quiet: bool = False
    weights: Path | None = None
    command: str = ""


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

    @torch.no_grad()
    def answer(self, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Give the averaged net's (H, W, C) probabilities for a whole (H, W, 3) picture."""
        height, width = pixels.shape[:2]
        pad = [(0, -height % self.stride), (0, -width % self.stride), (0, 0)]
        image = torch.from_numpy(np.pad(pixels, pad, mode="symmetric"))[None].to(self.device)
        self.average.eval()
        logits, _features = self.average(image)
        return probabilities(logits.float())[0, :, :height, :width].permute(1, 2, 0).cpu().numpy()

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


Averaging = Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]


def running_average(decay: float) -> Averaging:
    """Give an exponential average that forgets quickly at first: untrained weights don't linger in it."""

    @torch.no_grad()
    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], updates: Tensor | int) -> None:
        count = int(updates)
        share = 1 - min(decay, (1 + count) / (10 + count))
        for old, new in zip(averaged, current, strict=True):
            old.lerp_(new, share) if old.is_floating_point() else old.copy_(new)

    return update


def train(recipe: Recipe, options: RunOptions, callbacks: Sequence[lightning.Callback] = ()) -> Path:
    """Train a recipe, or go on with the run in ``options.out``; give the run folder."""
    if options.threads:
        torch.set_num_threads(options.threads)
    recipe = _remembered_recipe(recipe, options)
    cases = read_sets(list(options.data))
    learn, held = _remembered_split(group_by_look(cases) if recipe.task == "cells" else cases, options)
    pictures = _load(learn, recipe), _load(held, recipe)
    _check_truth(pictures[0], recipe)
    while True:
        try:
            fit_pictures(recipe, options, *pictures, callbacks)
            return options.out
        except torch.OutOfMemoryError as error:
            if recipe.batch < 2:
                raise VesselError(
                    "The GPU's memory is too small for even one crop.", "Set crop lower."
                ) from error
            recipe = dataclasses.replace(recipe, batch=recipe.batch // 2)
            print(f"The GPU's memory is full; going on with batch={recipe.batch}.", file=sys.stderr)
            _write(options.out / "recipe.json", json.dumps(recipe_to_dict(recipe), indent=1) + "\n")
            torch.cuda.empty_cache()
        except OSError as error:
            raise VesselError(f"The run folder {options.out} can't be written: {reason(error)}.") from error


def fit_pictures(
    recipe: Recipe,
    options: RunOptions,
    learn: list[Scaled],
    held: list[Scaled],
    callbacks: Sequence[lightning.Callback],
) -> None:
    """Train from the start, or from the end of the last epoch that a stopped run finished.

    Lightning's own resuming loses an epoch where a validation ends it, so the state is put back here.
    """
    out = options.out
    started = time.monotonic()
    with quiet_lightning():
        lightning.seed_everything(recipe.seed, workers=True, verbose=False)
        kept = out / CHECKPOINT
        checkpoint = torch.load(kept, map_location="cpu", weights_only=False) if kept.exists() else None
        task = Fit(recipe, learn, held, checkpoint)
        if options.weights is not None and checkpoint is None:
            start_from(task.net, options.weights)
            task.average.module.load_state_dict(task.net.state_dict())
        if task.steps_before < recipe.steps:
            trainer = _lightning_trainer(recipe, options, callbacks, task, validated=bool(held))
            for stage in ("ready", "started", "processed", "completed"):
                setattr(
                    trainer.fit_loop.epoch_progress.current,
                    stage,
                    task.steps_before // recipe.steps_per_epoch,
                )
            trainer.fit(task)
    if not task.trainer.is_global_zero:
        return
    final = out / BEST if recipe.patience and (out / BEST).exists() else None
    weights = torch.load(final, weights_only=True) if final else task.average.module.state_dict()
    torch.save(weights, out / WEIGHTS)
    done = {"steps": task.steps_done, "seconds": round(time.monotonic() - started, 1)}
    _write(out / "done.json", json.dumps(done) + "\n")


def load_net(run: Path, checkpoint: Path | None = None) -> tuple[Recipe, Segmenter]:
    """Give a run's recipe and its averaged net: of its end, or of a checkpoint."""
    recipe = read_recipe(run / "recipe.json")
    net = build_net(recipe)
    source = checkpoint or (run / WEIGHTS if (run / WEIGHTS).exists() else run / CHECKPOINT)
    if not source.exists():
        raise VesselError(f"The run {run} has no weights yet.", "Wait for its first checkpoint.")
    weights = torch.load(source, map_location="cpu", weights_only=False)
    if "state_dict" in weights:
        prefix = "average.module."
        weights = {k[len(prefix) :]: v for k, v in weights["state_dict"].items() if k.startswith(prefix)}
    net.load_state_dict(weights)
    return recipe, net.eval()


def start_from(net: Segmenter, path: Path) -> None:
    """Start a net from the weights inside one of our own ONNX files."""
    from trainer.export import weights_from_onnx

    net.load_state_dict(weights_from_onnx(path))


class KeepCheckpoint(lightning.Callback):
    """Write ``last.ckpt`` after each epoch, whole or not at all."""

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Save beside the old one, then take its place."""
        kept = Path(trainer.default_root_dir) / CHECKPOINT
        fresh = kept.with_suffix(".new")
        trainer.save_checkpoint(fresh)
        if trainer.is_global_zero:
            fresh.replace(kept)


def _lightning_trainer(
    recipe: Recipe, options: RunOptions, more: Sequence[lightning.Callback], task: Fit, *, validated: bool
) -> lightning.Trainer:
    out = options.out
    callbacks: list[lightning.Callback] = [*more, KeepCheckpoint()]
    if options.events:
        callbacks.append(Events())
    elif not options.quiet:
        callbacks.append(Progress())
    precisions: dict[str, Any] = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}
    return lightning.Trainer(
        accelerator=options.accelerator,
        devices=options.devices,
        num_nodes=options.nodes,
        precision=precisions[recipe.precision],
        max_epochs=-(-recipe.steps // recipe.steps_per_epoch),
        max_steps=recipe.steps - task.steps_before,
        gradient_clip_val=recipe.clip or None,
        check_val_every_n_epoch=recipe.validate_every,
        limit_val_batches=None if validated else 0,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        reload_dataloaders_every_n_epochs=1,
        logger=[CSVLogger(out, name="logs"), TensorBoardLogger(out, name="logs")],
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=out,
    )


def _remembered_recipe(recipe: Recipe, options: RunOptions) -> Recipe:
    """Take the recipe a started run was begun with; a new run writes its own down."""
    out = options.out
    path = out / "recipe.json"
    if path.exists():
        return read_recipe(path)
    build_net(recipe)  # a net that can't be built is said before a folder is made
    parse_loss(recipe.loss)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VesselError(f"The run folder {out} can't be made: {reason(error)}.") from error
    _write(path, json.dumps(recipe_to_dict(recipe), indent=1) + "\n")
    _write(out / "command.txt", options.command + "\n")
    return recipe


def _remembered_split(cases: list[Case], options: RunOptions) -> tuple[list[Case], list[Case]]:
    path = options.split or options.out / "split.json"
    if not path.exists():
        _write(path, json.dumps(make_split(cases), indent=1) + "\n")
    elif options.split is not None:
        _write(options.out / "split.json", options.split.read_text())
    return read_split(path, cases)


def _load(cases: list[Case], recipe: Recipe) -> list[Scaled]:
    return [prepare(read_picture(case, recipe.task), recipe) for case in cases]


def _check_truth(pictures: list[Scaled], recipe: Recipe) -> None:
    if not pictures:
        raise VesselError("There is no picture to learn from.", "The split leaves none on the training side.")
    foreground = list(recipe.foreground)
    if not any((p.truth[..., foreground] > 0).any() for p in pictures):
        raise VesselError(
            "Every training mask is empty.", "Masks must be brighter than 127 where the object is."
        )


def _write(path: Path, text: str) -> None:
    atomic_write(path, text.encode())
