"""What this computer can do for a training: which precision, how crops are made, one training a run."""

import contextlib
import errno
import platform
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from vesselapp.core.errors import VesselError
from vesselapp.core.files import reason

_LOCK = "train.lock"
_BF16 = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


def computed_precision(precision: str, accelerator: str) -> str:
    """Give the precision a training runs in: 32 on a CPU that would have to emulate 16 bits.

    Parameters
    ----------
    precision : str
        As the recipe asks for: 32, bf16 or 16.
    accelerator : str
        As Lightning takes it.
    """
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not _has_gpu())
    return "32" if on_cpu and not _computes_bf16() else precision


def loading(workers: int) -> dict[str, Any]:
    """Give a data loader's settings; crops are the same, however many processes make them.

    Pictures are handed to a loading process by forking. Windows can't fork, and on macOS a process that uses
    the GPU must not: the training makes its crops itself there.
    """
    if not workers or not sys.platform.startswith("linux"):
        return {"num_workers": 0}
    return {"num_workers": workers, "multiprocessing_context": "fork"}


def free_memory() -> float:
    """Give the bytes of memory that programs may still take; no end of it where that isn't known."""
    with contextlib.suppress(OSError, LookupError, ValueError):
        told = Path("/proc/meminfo").read_text("ascii").partition("MemAvailable:")[2]
        return int(told.split()[0]) * 1024.0
    return float("inf")


@contextlib.contextmanager
def only_one(run: Path) -> Iterator[None]:
    """Hold a folder for one training; the system lets go of it, however the process ends.

    Raises
    ------
    VesselError
        Where another process holds it, or the folder can't be made.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        file = (run / _LOCK).open("ab")
    except OSError as error:
        raise VesselError(f"The run folder {run} can't be made: {reason(error)}.") from error
    with file:
        try:
            _lock(file.fileno())
        except OSError as error:
            if error.errno in _TAKEN:
                raise VesselError(
                    f"Another training is at work in {run}.", "Wait for it, or give another --out."
                ) from error  # else the drive knows no locks
        yield


@contextlib.contextmanager
def quiet_tensorboard() -> Iterator[None]:
    """Leave a full disk to the training, which tells it: TensorBoard's thread would print a traceback."""
    before = threading.excepthook

    def tell(problem: Any) -> None:
        if not (isinstance(problem.exc_value, OSError) and "AsyncWriter" in type(problem.thread).__name__):
            before(problem)

    threading.excepthook = tell
    try:
        yield
    finally:
        threading.excepthook = before


def _has_gpu() -> bool:
    return torch.cuda.is_available() or torch.backends.mps.is_available()


def _computes_bf16() -> bool:
    """Tell whether the CPU has instructions for bfloat16 (AVX512-BF16, AMX, or Arm's)."""
    if platform.machine().lower() in ("aarch64", "arm64"):
        return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    asked = (getattr(torch.cpu, name, None) for name in _BF16)  # not public: a later torch may lack them
    return any(ask is not None and ask() for ask in asked)


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # no forked process keeps it
