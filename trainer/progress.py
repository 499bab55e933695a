"""What a running training says: a line in the terminal, or one JSON object a line for the app."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from trainer.events import emit


@contextlib.contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's adverts and hints to itself; errors still come through."""
    logs = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\.|torch\.")
            warnings.filterwarnings("ignore", message=".*LeafSpec.*|.*lr_scheduler.step.*|.*pin_memory.*")
            yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


class Events(Callback):
    """JSON lines: ``started``, ``step`` (every tenth, and the last), ``validated``."""

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Say how many steps will come."""
        if trainer.is_global_zero:
            emit("started", steps=_whole(trainer, pl_module), step=pl_module.steps_done)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Say the loss now and then."""
        ends = trainer.global_step == trainer.max_steps
        if trainer.is_global_zero and (trainer.global_step % 10 == 0 or ends):
            loss = round(float(outputs["loss"]), 5)
            emit("step", step=pl_module.steps_done, steps=_whole(trainer, pl_module), loss=loss)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Say the validation's figures."""
        if trainer.is_global_zero:
            emit("validated", step=pl_module.steps_done, **_figures(trainer))


class Progress(Callback):
    """A progress bar with loss, Dice and the time left; a plain line at each validation."""

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Start the bar where the run stands."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self.bar = Bar(*columns, disable=not trainer.is_global_zero)
        self.bar.start()
        self.line = self.bar.add_task(
            "training", total=_whole(trainer, pl_module), completed=pl_module.steps_done
        )

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar."""
        text = f"loss {float(outputs['loss']):.4f}"
        self.bar.update(self.line, completed=pl_module.steps_done, description=text)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Print a line of figures, once for all processes."""
        if not trainer.is_global_zero:
            return
        figures = "  ".join(f"{name} {value:.4f}" for name, value in sorted(_figures(trainer).items()))
        text = f"step {pl_module.steps_done}: {figures}"
        self.bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def on_fit_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Stop the bar."""
        self.bar.stop()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Stop the bar, so that the message stands alone."""
        if hasattr(self, "bar"):
            self.bar.stop()


def _whole(trainer: lightning.Trainer, task: Any) -> int:
    """Give the steps of the whole run, also those before it was resumed."""
    return int(task.steps_before) + trainer.max_steps


def _figures(trainer: lightning.Trainer) -> dict[str, float]:
    return {k: round(float(v), 5) for k, v in trainer.callback_metrics.items() if not k.startswith("loss")}
