"""What is seen of a fine-tune while it runs: steps, curves, example masks; a person's wishes are heeded."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import lightning
import numpy as np
from numpy.typing import NDArray
from torch import nn

from trainer.finetune.steering import Line, Stopped
from trainer.finetune.task import FineTune
from trainer.fit import BEST, save_weights
from trainer.metrics import dice
from trainer.nets import answer_whole
from trainer.pictures import Scaled, foreground_in, true_foreground
from trainer.recipes import Recipe
from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write

EXAMPLES = "examples"
_WINDOW = 640
_SHOWN = 512
_NO_BETTER = 1e-4
_DIGITS = 5
_TINT = 0.5
Side = Literal["judge", "learn", "old"]


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a picture at working scale that is answered at each validation.

    Attributes
    ----------
    side : str
        ``judge``: not learnt; ``learn``; ``old``: of old ground.
    name : str
    pixels : (H, W, 3) uint8
    truth, counts : (H, W) bool
        On old ground without truth, the base's own mask.
    before : float
        Dice (0-1) of the model in use; on old ground, of the base.
    """

    side: Side
    name: str
    pixels: NDArray[np.uint8]
    truth: NDArray[np.bool_]
    counts: NDArray[np.bool_]
    before: float = math.nan


def window_of(side: Side, picture: Scaled, recipe: Recipe) -> Window:
    """Cut the middle of what counts out of a picture."""
    part = _middle(picture.valid)
    truth = true_foreground(picture.truth[part], recipe)
    pixels = np.ascontiguousarray(picture.pixels[part])
    return Window(side, picture.name, pixels, truth, picture.valid[part] > 0)


def mask_in(
    net: nn.Module, recipe: Recipe, stride: int, pixels: NDArray[np.uint8], threshold: float
) -> NDArray[np.bool_]:
    """Give a net's mask ((H, W) bool) of a window."""
    return np.asarray(foreground_in(answer_whole(net, pixels, stride), recipe) >= threshold)


class Watch(lightning.Callback):
    """Tells of steps and figures, heeds wishes, keeps the best weights, ends what learns no more.

    The best are the last of those that do best on what is learnt: the judges have no say, or the gate's
    verdict would flatter the candidate. Where no learnt picture can tell, none are kept.

    Parameters
    ----------
    line : Line
    windows : sequence of Window
    threshold : float
        At which masks are taken, 0-1.
    begun, steps : int
        Steps of the whole run before this training, and in all.
    last : int or None
        Step of this training after which it ends, whatever was best; None: where its recipe says.
    """

    def __init__(
        self,
        line: Line,
        windows: Sequence[Window],
        threshold: float,
        begun: int,
        steps: int,
        last: int | None = None,
    ) -> None:
        self.line, self.windows, self.threshold = line, windows, threshold
        self.begun, self.steps, self.last = begun, steps, last
        self.stopped = False
        self._time: float | None = None
        self._pace: list[float] = []

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tell the step, and look what a person wishes."""
        task: FineTune = pl_module
        now = time.monotonic()
        if self._time is not None:
            self._pace = [*self._pace[-19:], now - self._time]
        done = self.begun + task.steps_done
        eta = float(np.median(self._pace)) * (self.steps - done) if self._pace else None
        loss = round(float(outputs["loss"]), 5)
        self.line.emit("step", step=done, steps=self.steps, loss=loss, eta_s=eta and round(eta, 1))
        try:
            self.line.heed()
        except Stopped:
            self.line.emit("stopping", step=done)
            self.stopped = trainer.should_stop = True
        if self.last is not None and task.steps_done >= self.last:
            trainer.should_stop = True
        self._time = time.monotonic()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Validate."""
        task: FineTune = pl_module
        if (trainer.current_epoch + 1) % task.recipe.validate_every == 0 and self.windows:
            self._validate(task, trainer)
            self._time = None

    def _validate(self, task: FineTune, trainer: lightning.Trainer) -> None:
        scores: dict[str, list[tuple[float, float]]] = {"judge": [], "learn": [], "old": []}
        step, net = self.begun + task.steps_done, task.average.module
        for number, window in enumerate(self.windows):
            mask = mask_in(net, task.recipe, task.stride, window.pixels, self.threshold)
            scores[window.side].append((dice(mask, window.truth, window.counts), window.before))
            if number == 0:
                self._show(window, mask, step)
        figures: dict[str, float | None] = {}
        for side, name in (("judge", "dice"), ("old", "old"), ("learn", "learn")):
            now, before = np.mean(scores[side], axis=0) if scores[side] else (math.nan, math.nan)
            figures |= {name: _rounded(now), f"{name}_before": _rounded(before)}
        self.line.emit("validation", step=step, **figures)
        if figures["learn"] is not None and self.last is None:
            self._keep_best(task, figures["learn"], trainer)

    def _keep_best(self, task: FineTune, reached: float, trainer: lightning.Trainer) -> None:
        task.stale += 1
        best = round(float(task.best), _DIGITS)
        if reached > best + _NO_BETTER:
            task.stale.zero_()
        if reached >= best:
            task.best.fill_(reached)
            task.best_steps.fill_(task.steps_done)
            save_weights(task.average.module.state_dict(), Path(trainer.default_root_dir) / BEST)
        if task.recipe.patience and int(task.stale) >= task.recipe.patience:
            trainer.should_stop = True

    def _show(self, window: Window, mask: NDArray[np.bool_], step: int) -> None:
        folder = self.line.run.folder / EXAMPLES
        folder.mkdir(exist_ok=True)
        name = f"{EXAMPLES}/{step:05d}.png"
        try:
            atomic_write(self.line.run.folder / name, example_png(window, mask))
        except VesselError:
            return  # it is only to be looked at
        self.line.emit("example", step=step, picture=window.name, file=name)


def example_png(window: Window, mask: NDArray[np.bool_]) -> bytes:
    """Draw a window with the mask tinted orange, and blue what the mask misses; seen well as a thumbnail."""
    scale = min(1.0, _SHOWN / max(window.pixels.shape[:2]))
    size = (round(window.pixels.shape[1] * scale), round(window.pixels.shape[0] * scale))
    shown = cv2.resize(window.pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    for plane, colour in ((mask, (255, 140, 20)), (window.truth & ~mask & window.counts, (30, 90, 255))):
        tint = cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA)[:, :, None] * _TINT
        shown += tint * (np.array(colour, np.float32) - shown)
    return cv2.imencode(".png", cv2.cvtColor(np.round(shown).astype(np.uint8), cv2.COLOR_RGB2BGR))[
        1
    ].tobytes()


def _middle(valid: NDArray[np.uint8]) -> tuple[slice, slice]:
    parts = []
    for axis, side in ((1, valid.shape[0]), (0, valid.shape[1])):
        places = np.flatnonzero(valid.any(axis=axis))
        middle = int(places[len(places) // 2]) if len(places) else side // 2
        start = max(0, min(middle - _WINDOW // 2, side - _WINDOW))
        parts.append(slice(start, start + _WINDOW))
    return parts[0], parts[1]


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), _DIGITS)
