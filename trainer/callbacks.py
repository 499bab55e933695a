"""What is done between the steps of a training: its checkpoint is kept; Ctrl+C and SIGTERM are heeded."""

import signal
import threading
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from trainer.begun import CHECKPOINT, DONE
from trainer.full_memory import memory_is_full
from vesselapp.core.files import patiently, sync, sync_folder


class KeepCheckpoint(Callback):
    """Write ``last.ckpt`` after each epoch, whole or not at all."""

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Save beside the old one, then take its place."""
        pl_module.check_weights(pl_module.net.state_dict())  # else the run could never go on
        kept = Path(trainer.default_root_dir) / CHECKPOINT
        fresh = kept.with_suffix(".new")
        try:
            trainer.save_checkpoint(fresh)
        except BaseException:  # the disk is full: half a file would only fill it further
            fresh.unlink(missing_ok=True)
            raise
        if trainer.is_global_zero:
            with fresh.open("rb+") as file:
                sync(file.fileno())  # else a power cut may leave the new name with nothing in it
            patiently(fresh.replace, kept)
            sync_folder(kept.parent)


_LEFT_ALONE = "DataLoader worker", "Connection closed by peer"
"""What PyTorch says where a process that this one needs has ended."""


class _Halted(Exception):
    """Ends a training between two steps."""


class HeedInterrupt(Callback):
    """Stop at the next step after Ctrl+C or SIGTERM, at once after a second (where Lightning exits).

    Python would raise KeyboardInterrupt wherever the training is, also where nothing can be raised from, such
    as in the end of a loading process. Of several processes only the first heeds it, and ends the others.
    """

    def __init__(self, run: Path, *, first: bool) -> None:
        self.run, self.first, self.asked = run, first, False

    def __enter__(self) -> "HeedInterrupt":
        self._before: dict[signal.Signals, Any] = {}
        if threading.current_thread() is threading.main_thread():
            heeding = self._note if self.first else signal.SIG_IGN
            self._before = {one: signal.signal(one, heeding) for one in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        for one, before in self._before.items():
            if before is not None:  # else no Python code had set it
                signal.signal(one, before)
        # it ends at a step, by Lightning, before a smaller batch, or as a process it needs was told too
        stopped = error is None or isinstance(error, _Halted | SystemExit) or memory_is_full(error)
        stopped = stopped or any(words in str(error) for words in _LEFT_ALONE)
        if self.asked and stopped:
            raise KeyboardInterrupt(self._sentence()) from None

    def setup(self, trainer: lightning.Trainer, *_: Any, **__: Any) -> None:
        """Keep Lightning from waiting, inside a handler of its own for SIGTERM, for the other processes."""
        connector: Any = trainer._signal_connector
        connector._sigterm_notifier_fn = lambda *_: None

    def on_train_batch_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Stop before a step."""
        self._heed(trainer)

    def on_validation_batch_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Stop before a picture is answered."""
        self._heed(trainer)

    def _sentence(self) -> str:
        if (self.run / DONE).exists():
            return "Stopped. The training had come to its end."
        learnt = (self.run / CHECKPOINT).exists()
        where = "goes on from the end of the last epoch" if learnt else "begins anew: no epoch had ended yet"
        return f"Stopped. The same command {where}."

    def _note(self, *_: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def _heed(self, trainer: lightning.Trainer) -> None:
        if not self.asked:
            return
        launcher: Any = trainer.strategy.launcher
        if launcher is not None:  # the others wait for this process
            launcher.kill(getattr(signal, "SIGKILL", signal.SIGTERM))
            launcher.procs.clear()  # else Lightning, which watches over them, may kill this process too
        raise _Halted
