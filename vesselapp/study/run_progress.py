"""How far a training is, put together from its events."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from vesselapp.study.run_events import Event

_MOST_POINTS = 4000
_WITHOUT_STEPS = ("reading", "preparing", "exporting", "judging")
_FIGURES = ("dice", "dice_before", "old", "old_before", "learn", "learn_before")


@dataclass(frozen=True)
class Plan:
    """What a training is going to do.

    Attributes
    ----------
    steps : int
        Of all trainings together: the candidate's, and one for each fold.
    expected_s : float or None
        Time it will take.
    device : str
    learn, judge : tuple of str
        Names of the pictures on either side.
    folds : tuple of tuple of str
        Where there are too few for that: names of those that are judged together, by a candidate that has
        not learnt them.
    warnings : tuple of str
    corrected : float
        How many times as much a corrected px counts as one that was merely accepted; 0: not told.
    base, incumbent : str
        The model it starts from, and the one that the new one is compared with; empty: not told.
    """

    steps: int = 0
    expected_s: float | None = None
    device: str = ""
    learn: tuple[str, ...] = ()
    judge: tuple[str, ...] = ()
    folds: tuple[tuple[str, ...], ...] = ()
    warnings: tuple[str, ...] = ()
    corrected: float = 0.0
    base: str = ""
    incumbent: str = ""

    @property
    def trainings(self) -> int:
        """How many models are trained."""
        return 1 + len(self.folds)


@dataclass(frozen=True)
class Validation:
    """Figures (0-1) at a step, and the incumbent's; None where there are none.

    Attributes
    ----------
    step : int
    dice, dice_before : float or None
        On judge pictures.
    old, old_before : float or None
        On old ground.
    learn, learn_before : float or None
        On what is learnt.
    """

    step: int
    dice: float | None
    dice_before: float | None
    old: float | None
    old_before: float | None
    learn: float | None = None
    learn_before: float | None = None


@dataclass(frozen=True)
class Example:
    """A picture of the mask at a step; ``file`` is relative to the run's folder."""

    step: int
    picture: str
    file: str


@dataclass
class RunProgress:
    """The state of a run; `take` brings it forward by an event.

    Values of a wrong kind are passed over: the file may come from anywhere.

    Attributes
    ----------
    begun : list of int
        Steps that were made before each training after the candidate's.
    stopped_at : int or None
        Step at which a person ended the candidate's training, whose best is kept; None: nobody did.
    judging_stopped : bool
        Whether a person ended the trainings that judge.
    paused : bool
        Whether the trainer waits: that is the last thing it told.
    starting : bool
        Whether the run goes on after it broke off, and its trainer has told nothing yet.
    """

    plan: Plan | None = None
    stage: str = ""
    step: int = 0
    steps: int = 0
    eta_s: float | None = None
    losses: list[tuple[int, float]] = field(default_factory=list)
    validations: list[Validation] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    threshold: tuple[float, float] | None = None
    begun: list[int] = field(default_factory=list)
    stopped_at: int | None = None
    judging_stopped: bool = False
    paused: bool = False
    starting: bool = False
    end: str = ""
    message: str = ""

    @property
    def share(self) -> float:
        """How much of the steps is done (0-1)."""
        return min(self.step / self.steps, 1.0) if self.steps else 0.0

    @property
    def without_steps(self) -> bool:
        """Whether the trainer does what has no steps to count."""
        return self.stage in _WITHOUT_STEPS

    @property
    def stoppable(self) -> bool:
        """Whether a training is under way that a person has not ended yet."""
        ended = self.judging_stopped if self.begun else self.stopped_at is not None
        return not (self.without_steps or ended)

    @property
    def best(self) -> Validation | None:
        """The candidate's last validation of highest Dice on what is learnt: a stop keeps those weights."""
        last = self.begun[0] if self.begun else math.inf
        own = [one for one in self.validations if one.step <= last and one.learn is not None]
        return max(reversed(own), key=lambda found: found.learn or 0.0, default=None)

    def take(self, event: Event) -> None:
        """Bring the state forward by one event; one of an unknown kind says only that work goes on."""
        kind = event["event"]
        self.starting, self.paused = kind == "going_on", kind == "paused"
        if kind in ("plan", "step", "stage", "resumed", "going_on"):
            self.end = self.message = ""  # a run that had ended goes on
        take = _TAKES.get(kind)
        if take is not None:
            take(self, event)

    def _on_plan(self, event: Event) -> None:
        self.plan = plan_of(event)
        self.steps = self.plan.steps or self.steps

    def _on_step(self, event: Event) -> None:
        step, loss = _count(event.get("step")), _number(event.get("loss"))
        if step is None:
            return
        if step < self.step:  # gone on with from a checkpoint before where it was killed
            self._forget_from(step)
        self.step, self.steps = step, _count(event.get("steps")) or self.steps
        self.eta_s = _number(event.get("eta_s"))
        if loss is not None:
            self.losses.append((step, loss))
            if len(self.losses) > _MOST_POINTS:
                del self.losses[1:-1:2]

    def _on_stopping(self, event: Event) -> None:
        step = _count(event.get("step"))
        if step is not None and self.begun and step > self.begun[0]:
            self.judging_stopped = True
        elif self.stopped_at is None:
            self.stopped_at = step

    def _forget_from(self, step: int) -> None:
        self.begun = [begun for begun in self.begun if begun < step]
        self.losses = [point for point in self.losses if point[0] < step]
        self.validations = [found for found in self.validations if found.step < step]
        self.examples = [found for found in self.examples if found.step < step]

    def _on_validation(self, event: Event) -> None:
        step = _count(event.get("step"))
        if step is not None:
            figures = (_number(event.get(key)) for key in _FIGURES)
            self.validations.append(Validation(step, *figures))

    def _on_example(self, event: Event) -> None:
        step, file = _count(event.get("step")), event.get("file")
        if step is not None and isinstance(file, str):
            self.examples.append(Example(step, str(event.get("picture", "")), file))

    def _on_threshold(self, event: Event) -> None:
        before, after = _number(event.get("before")), _number(event.get("after"))
        if before is not None and after is not None:
            self.threshold = (before, after)

    def _on_stage(self, event: Event) -> None:
        self.stage, self.eta_s = str(event.get("name", "")), None
        begun = _count(event.get("begun"))
        if begun and begun not in self.begun:
            self.begun.append(begun)

    def _on_end(self, event: Event) -> None:
        self.end = event["event"]
        self.message = str(event.get("message", ""))
        if self.end == "stopped":
            self.examples.clear()  # a cancelled run keeps none


_TAKES = {
    "plan": RunProgress._on_plan,
    "step": RunProgress._on_step,
    "validation": RunProgress._on_validation,
    "example": RunProgress._on_example,
    "threshold": RunProgress._on_threshold,
    "stage": RunProgress._on_stage,
    "stopping": RunProgress._on_stopping,
    "done": RunProgress._on_end,
    "stopped": RunProgress._on_end,
    "failed": RunProgress._on_end,
}


def plan_of(event: Event) -> Plan:
    """Read a ``plan`` event."""
    return Plan(
        _count(event.get("steps")) or 0,
        _number(event.get("expected_s")),
        str(event.get("device", "")),
        _words(event.get("learn")),
        _words(event.get("judge")),
        tuple(map(_words, folds)) if isinstance(folds := event.get("folds"), list) else (),
        _words(event.get("warnings")),
        _number(event.get("corrected")) or 0.0,
        str(event.get("base") or ""),
        str(event.get("incumbent") or ""),
    )


def _number(value: Any) -> float | None:
    """Give a finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _count(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and 0 <= number < 2**40 else None


def _words(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
