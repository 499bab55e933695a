"""A run: its folder, what it was begun with, and how it goes on after it was stopped."""

import contextlib
import dataclasses
import io
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
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from trainer.begun import (
    CHECKPOINT,
    DONE,
    RECIPE,
    SPLIT,
    WEIGHTS,
    check_pictures,
    has_learnt,
    keep_begun,
    kept_recipe,
    seen_before,
    steps_kept,
    steps_when_done,
    write_json,
)
from trainer.callbacks import HeedInterrupt, KeepCheckpoint
from trainer.events import emit
from trainer.export import read_card, try_net, weights_from_onnx
from trainer.fit import BEST, Fit, save_weights
from trainer.full_memory import fit_within_memory
from trainer.lineage import Seen, flattery, seen_by, split_after
from trainer.looks import group_by_look
from trainer.losses import parse_loss
from trainer.machine import computed_precision, free_memory, only_one, quiet_tensorboard
from trainer.nets import Segmenter, build_net
from trainer.pictures import Scaled, prepare, read_picture
from trainer.progress import Events, Progress, quiet_lightning
from trainer.readers import Case, image_sha256, read_sets
from trainer.recipes import Recipe, read_recipe
from trainer.several import check_launched, devices_of, is_first, processes_of
from trainer.split import load_split, take_split
from trainer.telling import (
    tell,
    tell_of_batch,
    tell_of_memory,
    tell_of_precision,
    tell_of_processes,
    tell_of_sides,
)
from vesselapp.core.errors import VesselError
from vesselapp.core.files import patiently, reason, remove_temporaries

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
    """Train a recipe, or go on with the run in ``options.out``; give the run folder.

    Raises
    ------
    VesselError
        Where something doesn't fit. What can be seen beforehand is said before the run folder is written.
    """
    if options.threads < 0:
        raise VesselError(f"The number of threads can't be {options.threads}.", "0 takes all.")
    if options.threads:
        torch.set_num_threads(options.threads)
    with contextlib.ExitStack() as held:
        _train(recipe, options, callbacks, held)
    return options.out


def _train(
    recipe: Recipe, options: RunOptions, callbacks: Sequence[lightning.Callback], held: contextlib.ExitStack
) -> None:
    """Train; ``held`` keeps the run folder from others, from when there is one."""
    out, begun, asked = options.out, has_learnt(options.out), recipe.batch
    alone = only_one(out) if is_first(options.nodes) else contextlib.nullcontext()
    if begun:
        held.enter_context(alone)
        recipe = kept_recipe(out, recipe, options.split, options.weights)
        if _is_done(options):
            return
    parse_loss(recipe.loss)
    if not begun:
        try_net(recipe if options.weights is None else dataclasses.replace(recipe, encoder_weights=None))
    cases = read_sets(list(options.data))
    cases = group_by_look(cases) if recipe.task == "cells" else cases
    source = out / SPLIT if begun else options.split
    if begun:
        seen = seen_before(out)
    else:
        seen = seen_by(read_card(options.weights)) if options.weights is not None else Seen()
    sides = load_split(source) if source is not None else split_after(seen, cases)
    learn, judge = take_split(sides, cases, source or out / SPLIT)
    hashes = {case.key: image_sha256(case) for case in (*learn, *judge)}
    if begun:
        check_pictures(out, hashes)
    pictures = _load((learn, judge), recipe, options)
    _check_truth(pictures[0], recipe)
    if not begun:
        trainer = _try_out(recipe, options, *pictures)
        held.enter_context(alone)
        if has_learnt(out) and is_first(options.nodes):
            raise VesselError(f"Another training was made in {out} meanwhile.", "Give another --out.")
        command = f"{options.command} {devices_of(trainer)}" if options.command else ""
        recipe = keep_begun(out, recipe, sides, command, options.weights, hashes, processes_of(trainer))
    tell_of_sides(options, len(cases), len(learn), len(judge))
    tell_of_batch(recipe.batch, asked, options)
    judged, learnt = ([hashes[case.key] for case in side] for side in (judge, learn))
    for told in flattery(seen, judged, learnt):
        tell(options, told, "warning", message=told)
    fit_within_memory(
        recipe,
        options.out,
        lambda fitting: fit_pictures(fitting, options, *pictures, callbacks),
        emit if options.events else None,
    )


def fit_pictures(
    recipe: Recipe,
    options: RunOptions,
    learn: list[Scaled],
    held: list[Scaled],
    callbacks: Sequence[lightning.Callback],
) -> None:
    """Train on pictures from the start, or from the end of the last epoch that a stopped run finished."""

    def make(checkpoint: dict[str, Any] | None) -> Fit:
        task = Fit(recipe, learn, held, checkpoint, pretrained=options.weights is None)
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
    training was stopped before its end. A training that came to its end is left as it is. Lightning's own
    resuming loses an epoch where a validation ends it, so the state is put back here.
    """
    out = options.out
    if _is_done(options):
        return
    started = time.monotonic()
    with quiet_lightning(), quiet_tensorboard(), HeedInterrupt(out, first=is_first(options.nodes)) as heeding:
        lightning.seed_everything(recipe.seed, workers=True, verbose=False)
        kept = out / CHECKPOINT
        task = make(read_checkpoint(kept))
        trainer = _lightning_trainer(recipe, options, [*callbacks, heeding], task)
        if task.steps_before < recipe.steps:
            for stage in ("ready", "started", "processed", "completed"):
                setattr(
                    trainer.fit_loop.epoch_progress.current,
                    stage,
                    task.steps_before // recipe.steps_per_epoch,
                )
            # what Lightning counts the rows of the logs by: the whole run's steps, also after a kill
            trainer.fit_loop.epoch_loop._batches_that_stepped = task.steps_before
            tell_of_precision(recipe, options)
            tell_of_processes(trainer, recipe, options, task.steps_before)
            trainer.fit(task)
        if not trainer.is_global_zero:
            return
        made = task.steps_before + trainer.global_step
        wants_best = recipe.patience > 0 or made < recipe.steps
        final = out / BEST if wants_best and task.best_steps > 0 and (out / BEST).exists() else None
        weights = _load_weights(final) if final else task.average.module.state_dict()
        task.check_weights(weights)
        save_weights(weights, out / WEIGHTS)
        behind = int(task.best_steps) if final else made
        seconds = round(time.monotonic() - started, 1)
        write_json(out / DONE, {"steps": made, "kept": behind, "seconds": seconds})
        remove_temporaries(out)  # no other process writes here any more
        if options.events:
            emit("finished", step=made)


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
        patiently(path.replace, path.with_suffix(".damaged"))
    patiently((path.parent / BEST).unlink, missing_ok=True)  # of the training that is lost
    return None


def load_net(run: Path, checkpoint: Path | None = None) -> tuple[Recipe, Segmenter]:
    """Give a run's recipe and its averaged net: of its end, or of a checkpoint (VesselError if another's)."""
    if checkpoint is not None and checkpoint.resolve().parent != run.resolve():
        raise VesselError(
            f"{checkpoint} does not lie in the run {run}: a card would say what it never learnt.",
            "Give a checkpoint of this run.",
        )
    recipe = read_recipe(run / RECIPE)
    net = build_net(recipe, pretrained=False)
    source = checkpoint or (run / WEIGHTS if (run / WEIGHTS).exists() else run / CHECKPOINT)
    if checkpoint is None and not source.exists():
        raise VesselError(f"The run {run} has no weights yet.", "Wait for its first checkpoint.")
    weights = _load_weights(source)
    if "state_dict" in weights:
        prefix = "average.module."
        weights = {k[len(prefix) :]: v for k, v in weights["state_dict"].items() if k.startswith(prefix)}
    try:
        net.load_state_dict(weights)
    except (RuntimeError, AttributeError) as error:
        raise VesselError(f"The weights in {source} are not those of the net of the run {run}.") from error
    return recipe, net.eval()


def steps_behind(run: Path, checkpoint: Path | None = None) -> tuple[int | None, bool]:
    """Give the steps behind the weights that `load_net` gives, and whether they are of a training's end.

    The steps are None where that isn't known.
    """
    behind = steps_kept(run)
    if checkpoint is None and behind is not None:
        return behind, True
    found = _load_weights(checkpoint or run / CHECKPOINT)
    steps = found.get("steps_done", found.get("global_step"))
    if steps is None:
        return None, False
    return int(steps), int(steps) in (steps_when_done(run), read_recipe(run / RECIPE).steps)


def start_from(net: Segmenter, path: Path) -> None:
    """Start a net from the weights inside one of our own ONNX files."""
    try:
        net.load_state_dict(weights_from_onnx(path))
    except RuntimeError as error:
        raise VesselError(
            f"The net inside {path} is of another kind than the recipe's.",
            "Take a model of the same task, architecture and widths.",
        ) from error


def _load_weights(path: Path) -> dict[str, Any]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise VesselError(f"There is no checkpoint {path}.") from error
    except (OSError, RuntimeError, ValueError, LookupError, EOFError, pickle.UnpicklingError) as error:
        raise VesselError(f"{path} can't be read as a checkpoint or weights.") from error
    if not isinstance(found, dict):
        raise VesselError(f"{path} can't be read as a checkpoint or weights.")
    return found


def _lightning_trainer(
    recipe: Recipe, options: RunOptions, more: Sequence[lightning.Callback], task: Fit
) -> lightning.Trainer:
    out = options.out
    precisions: dict[str, Any] = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}
    try:
        trainer = lightning.Trainer(
            accelerator=options.accelerator,
            devices=options.devices,
            num_nodes=options.nodes,
            precision=precisions[computed_precision(recipe.precision, options.accelerator)],
            max_epochs=-(-recipe.steps // recipe.steps_per_epoch),
            max_steps=recipe.steps - task.steps_before,
            gradient_clip_val=recipe.clip or None,
            check_val_every_n_epoch=recipe.validate_every,
            limit_val_batches=None if task.validation_pictures else 0,
            num_sanity_val_steps=0,
            log_every_n_steps=10,
            reload_dataloaders_every_n_epochs=1,
            logger=[CSVLogger(out, name="logs"), TensorBoardLogger(out, name="logs")],
            callbacks=_callbacks(options, more),
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=out,
        )
    except (MisconfigurationException, ImportError, ValueError, TypeError, RuntimeError) as error:
        raise VesselError(
            f"No training can be run with accelerator={options.accelerator} and devices={options.devices} "
            f"here: {' '.join(str(error).split())}"
        ) from error
    check_launched(trainer)
    return trainer


def _callbacks(options: RunOptions, more: Sequence[lightning.Callback]) -> list[lightning.Callback]:
    callbacks: list[lightning.Callback] = [*more, KeepCheckpoint()]
    if options.events:
        callbacks.append(Events())
    elif not options.quiet:
        callbacks.append(Progress())
    return callbacks


def _is_done(options: RunOptions) -> bool:
    """Tell whether the training came to its end, and say so."""
    made = steps_when_done(options.out)
    if made is None:
        return False
    text = f"The run {options.out} is finished ({made} steps): there is nothing left to train."
    tell(options, text, "finished", step=made)
    return True


def _try_out(
    recipe: Recipe, options: RunOptions, learn: list[Scaled], held: list[Scaled]
) -> lightning.Trainer:
    """Build all that settings decide, so that what can't be is said before anything is written."""
    task = Fit(recipe, learn, held, pretrained=options.weights is None)
    if options.weights is not None:
        start_from(task.net, options.weights)
    task.configure_optimizers()
    with quiet_lightning():
        return _lightning_trainer(recipe, options, (), task)


def _load(
    sides: tuple[list[Case], list[Case]], recipe: Recipe, options: RunOptions
) -> tuple[list[Scaled], list[Scaled]]:
    """Bring all pictures to working scale; say where they begin to fill the memory."""
    free, taken, loaded = free_memory(), 0, ([], [])
    count = sum(len(side) for side in sides)
    for side, cases in zip(loaded, sides, strict=True):
        for case in cases:
            picture = prepare(read_picture(case, recipe.task), recipe)
            side.append(picture)
            taken += picture.pixels.nbytes + picture.truth.nbytes + picture.valid.nbytes
            if taken > free / 2:
                tell_of_memory(taken, free, len(loaded[0]) + len(loaded[1]), count, options)
                free = float("inf")  # said once
    return loaded


def _check_truth(pictures: list[Scaled], recipe: Recipe) -> None:
    if not pictures:
        raise VesselError("There is no picture to learn from.", "The split leaves none on the training side.")
    foreground = list(recipe.foreground)
    if not any((p.truth[..., foreground] > 0)[p.valid > 0].any() for p in pictures):
        raise VesselError(
            "Every training mask is empty.", "Masks are 0 outside and of another value where objects are."
        )
