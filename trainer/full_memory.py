"""What happens where a GPU's memory is full, or the disk."""

import sys
from collections.abc import Callable
from pathlib import Path

import torch

from trainer.begun import halve_batch
from trainer.recipes import Recipe
from vesselapp.core.errors import VesselError
from vesselapp.core.files import reason

_FULL = "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED"
_LOST = "CUDA error: out of memory"
"""What PyTorch says of a full GPU in errors of no kind of their own; after the last this process lost it."""


def memory_is_full(error: BaseException | None) -> bool:
    """Tell whether an error says that a GPU's memory is full, in any of PyTorch's words."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _FULL)


def fit_within_memory(
    recipe: Recipe,
    run: Path,
    fit: Callable[[Recipe], None],
    tell: Callable[..., None] | None = None,
) -> None:
    """Call ``fit``; where the GPU's memory is full, again with half the batch, which the run remembers.

    Parameters
    ----------
    recipe : Recipe
    run : Path
        The run folder.
    fit : callable
        Trains with a recipe.
    tell : callable, optional
        Given the new batch as an event.

    Raises
    ------
    VesselError
        Where one crop is too much, this process can't go on or another one is at work beside it, or the run
        can't be written.
    """
    while True:
        try:
            fit(recipe)
            return
        except RuntimeError as error:
            if not memory_is_full(error):
                raise
            if recipe.batch < 2:
                raise VesselError(
                    "The GPU's memory is too small for even one crop.", "Set crop lower."
                ) from error
            recipe = halve_batch(run, recipe)
            if tell is not None:
                tell("batch", batch=recipe.batch)
            if why := _ends_here(error):
                raise VesselError(
                    why, f"Give the same command again: it goes on with batch={recipe.batch}."
                ) from error
            print(f"The GPU's memory is full; going on with batch={recipe.batch}.", file=sys.stderr)
            torch.cuda.empty_cache()
        except OSError as error:
            raise VesselError(f"The run folder {run} can't be written: {reason(error)}.") from error


def _ends_here(error: RuntimeError) -> str:
    """Say why this process can't go on with a smaller batch; empty where it can."""
    if torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
        return "The memory of one GPU is full, and the others can't go on without it."
    return "The GPU's memory is full, and this process can't use it any more." if _LOST in str(error) else ""
