"""What a training says before its first step: in the terminal, and as events where those are asked for."""

import sys
from typing import TYPE_CHECKING, Any

import lightning

from trainer.begun import other_processes
from trainer.events import emit
from trainer.machine import computed_precision
from trainer.recipes import Recipe
from trainer.several import devices_of, is_first, processes_of

if TYPE_CHECKING:
    from trainer.run import RunOptions


def tell_of_sides(options: "RunOptions", cases: int, learn: int, held: int) -> None:
    """Say where nothing judges, and what a split leaves out."""
    if not held:
        why = "" if options.split or options.weights else ", as they are of too few looks or people"
        text = (
            f"No picture is held back{why}: nothing will tell how well this net does on what it has not "
            'learnt. To hold some back, name them in a file {"train": [...], "validation": [...]} '
            "and give it with --split."
        )
        tell(options, text, "warning", message=text)
    if cases > learn + held:
        text = (
            f"{cases - learn - held} of {cases} pictures are on neither side of the split: they are left out."
        )
        tell(options, text, "warning", message=text)


def tell_of_batch(batch: int, asked: int, options: "RunOptions") -> None:
    """Say where a full memory has left a smaller batch than is asked for."""
    if batch != asked:
        text = f"A GPU's memory was full before: this training has batch={batch}, not {asked}."
        tell(options, text, "batch", batch=batch)


def tell_of_memory(taken: float, free: float, loaded: int, count: int, options: "RunOptions") -> None:
    """Say where the pictures loaded so far take (bytes) much of the memory that was free."""
    text = (
        f"{loaded} of {count} pictures, at the size they are learnt at, take {taken / 1e9:.1f} of the "
        f"{free / 1e9:.1f} GB of memory that were free. Where that doesn't last: fewer or smaller pictures, "
        "or size set lower."
    )
    tell(options, text, "warning", message=text)


def tell_of_precision(recipe: Recipe, options: "RunOptions") -> None:
    """Say where a CPU can't compute the recipe's precision."""
    taken = computed_precision(recipe.precision, options.accelerator)
    if taken != recipe.precision:
        text = f"This CPU doesn't compute {recipe.precision}: it works in float32, which is faster here."
        tell(options, text, "precision", precision=taken)


def tell_of_processes(trainer: lightning.Trainer, recipe: Recipe, options: "RunOptions", step: int) -> None:
    """Say where a run goes on with more or fewer processes than it had up to this step, and keep that."""
    now, devices = processes_of(trainer), devices_of(trainer)
    before = other_processes(options.out, now, step, devices) if is_first(options.nodes) else None
    if before is not None:
        text = (
            f"Each step learns from {now} x {recipe.batch} crops from now on, until step {step} it was "
            f"{before} x {recipe.batch}: this training goes on with {devices}."
        )
        tell(options, text, "warning", message=text)


def tell(options: "RunOptions", text: str, event: str, **values: Any) -> None:
    """Say something in the terminal, or as an event too where those are asked for."""
    if options.quiet or not is_first(options.nodes):
        return
    print(text, file=sys.stderr)
    if options.events:
        emit(event, **values)
