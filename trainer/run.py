"""A run: its folder, what it was begun with, and how it goes on after it was stopped."""

import contextlib
import dataclasses
import io
import json
import os
import pickle
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from trainer.fit import BEST, Fit
from trainer.looks import group_by_look
from trainer.losses import parse_loss
from trainer.nets import Segmenter, build_net
from trainer.pictures import Scaled, prepare, read_picture
from trainer.progress import Events, Progress, quiet_lightning
from trainer.readers import Case, read_sets
from trainer.recipes import Recipe, read_recipe, recipe_to_dict
from trainer.split import make_split, read_split
from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write, reason, sync_folder

CHECKPOINT, WEIGHTS = "last.ckpt", "weights.pt"
_IN_CHECKPOINT = {"state_dict", "optimizer_states", "lr_schedulers", "global_step"}


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


def train(recipe: Recipe, options: RunOptions, callbacks: Sequence[lightning.Callback] = ()) -> Path:
    """Train a recipe, or go on with the run in ``options.out``; give the run folder."""
    if options.threads:
        torch.set_num_threads(options.threads)
    recipe = _remembered_recipe(recipe, options)
    cases = read_sets(list(options.data))
    learn, held = _remembered_split(group_by_look(cases) if recipe.task == "cells" else cases, options)
    pictures = _load(learn, recipe), _load(held, recipe)
    _check_truth(pictures[0], recipe)
    fit_within_memory(recipe, options, lambda fitting: fit_pictures(fitting, options, *pictures, callbacks))
    return options.out


def fit_within_memory(recipe: Recipe, options: RunOptions, fit: Callable[[Recipe], None]) -> None:
    """Call ``fit``; where the GPU's memory is full, again with half the batch, which the run remembers."""
    while True:
        try:
            fit(recipe)
            return
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
    """Train on pictures from the start, or from the end of the last epoch that a stopped run finished."""

    def make(checkpoint: dict[str, Any] | None) -> Fit:
        task = Fit(recipe, learn, held, checkpoint)
        if options.weights is not None and checkpoint is None:
            start_from(task.net, options.weights)
            task.average.module.load_state_dict(task.net.state_dict())
        return task

    fit_task(make, recipe, options, callbacks)


def fit_task(
    make: Callable[[dict[str, Any] | None], Fit],
    recipe: Recipe,
    options: RunOptions,
    callbacks: Sequence[lightning.Callback] = (),
) -> None:
    """Train what ``make`` gives for the run's last checkpoint, or for None where there is none yet.

    The weights kept are those of the end; the best validated ones where ``patience`` is set, or where the
    training was stopped before its end. Lightning's own resuming loses an epoch where a validation ends it,
    so the state is put back here.
    """
    out = options.out
    started = time.monotonic()
    with quiet_lightning():
        lightning.seed_everything(recipe.seed, workers=True, verbose=False)
        kept = out / CHECKPOINT
        task = make(read_checkpoint(kept))
        trainer = _lightning_trainer(recipe, options, callbacks, task)
        if task.steps_before < recipe.steps:
            for stage in ("ready", "started", "processed", "completed"):
                setattr(
                    trainer.fit_loop.epoch_progress.current,
                    stage,
                    task.steps_before // recipe.steps_per_epoch,
                )
            trainer.fit(task)
    if not trainer.is_global_zero:
        return
    made = task.steps_before + trainer.global_step
    wants_best = recipe.patience > 0 or made < recipe.steps
    final = out / BEST if wants_best and (out / BEST).exists() else None
    weights = torch.load(final, weights_only=True) if final else task.average.module.state_dict()
    save_weights(weights, out / WEIGHTS)
    done = {"steps": made, "seconds": round(time.monotonic() - started, 1)}
    _write(out / "done.json", json.dumps(done) + "\n")


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """Give what a training goes on from; None where it has to begin anew.

    A checkpoint that is damaged (the power went, the drive was full) is put aside, and that is told: what was
    made so far is lost with it, the run isn't.

    Raises
    ------
    VesselError
        Where the drive doesn't let it be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VesselError(f"The checkpoint {path} can't be read: {reason(error)}.", "Try again.") from error
    try:
        found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        if isinstance(found, dict) and found.keys() >= _IN_CHECKPOINT:
            return found
    except (OSError, RuntimeError, ValueError, LookupError, EOFError, pickle.UnpicklingError):
        pass  # whatever torch finds wrong with it
    print(f"The checkpoint {path} is damaged; this training begins anew.", file=sys.stderr)
    with contextlib.suppress(FileNotFoundError):  # another process of the same training was quicker
        path.replace(path.with_suffix(".damaged"))
    (path.parent / BEST).unlink(missing_ok=True)  # of the training that is lost
    return None


def save_weights(weights: dict[str, Any], path: Path) -> None:
    """Write weights, whole or not at all (VesselError where that fails)."""
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    atomic_write(path, buffer.getvalue())


def load_net(run: Path, checkpoint: Path | None = None) -> tuple[Recipe, Segmenter]:
    """Give a run's recipe and its averaged net: of its end, or of a checkpoint."""
    recipe = read_recipe(run / "recipe.json")
    net = build_net(recipe)
    source = checkpoint or (run / WEIGHTS if (run / WEIGHTS).exists() else run / CHECKPOINT)
    if not source.exists():
        raise VesselError(f"The run {run} has no weights yet.", "Wait for its first checkpoint.")
    weights = torch.load(source, map_location="cpu", weights_only=True)
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
            with fresh.open("rb+") as file:
                os.fsync(file.fileno())  # else a power cut may leave the new name with nothing in it
            fresh.replace(kept)
            sync_folder(kept.parent)


def _lightning_trainer(
    recipe: Recipe, options: RunOptions, more: Sequence[lightning.Callback], task: Fit
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
        limit_val_batches=None if task.validation_pictures else 0,
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
