"""A study's training run beside the window: started, steered, watched, and found again.

The trainer is a process of its own; what it does is read from the run's folder, on a thread, so the window
stays usable and a run goes on when window or app are closed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from psygnal import Signal

from vesselapp.core.errors import VesselError, in_a_sentence
from vesselapp.state.jobs import Deliver
from vesselapp.state.run_watch import RunWatch, Seen, newest_run
from vesselapp.state.trainer_process import (
    PlanQuestion,
    Started,
    TrainingOptions,
    start_trainer,
    trainer_command,
)
from vesselapp.study.run_folder import Decision, RunFolder, Wish, new_run
from vesselapp.study.run_progress import Plan, RunProgress
from vesselapp.study.run_state import RunState, is_at_work, state_of

_log = logging.getLogger(__name__)
_ANSWERS: dict[Wish, tuple[str, ...]] = {
    "pause": ("paused",),
    "go": ("resumed", "step"),
    "stop": ("stopping", "verdict", "done"),
    "cancel": ("stopped",),
}
"""Events by which the trainer answers a wish."""


class Retraining:
    """The training of the open study.

    Parameters
    ----------
    deliver : callable
        Runs a function on the thread that may touch the window.
    command : sequence of str, optional
        Runs the trainer; found where None.

    Attributes
    ----------
    changed : Signal
        Anything about the run in sight is new.
    planned : Signal
        The trainer has said what it would do (`Plan`), or why it can't (`VesselError`).
    run : RunFolder or None
    progress : RunProgress
    decision : Decision or None
        What was decided on the run's candidate.
    wished : str
        A wish that the trainer has not answered yet.
    """

    changed = Signal()
    planned = Signal(object)

    def __init__(self, deliver: Deliver, command: Sequence[str] | None = None) -> None:
        self._deliver = deliver
        self._command = command
        self.study: Path | None = None
        self.run: RunFolder | None = None
        self.progress = RunProgress()
        self.decision: Decision | None = None
        self.wished: Wish | None = None
        self._lives = False
        self._watch: RunWatch | None = None
        self._question: PlanQuestion | None = None

    # -- the study -------------------------------------------------------------------------------------------

    def open(self, study: Path | None) -> None:
        """Turn to a study's folder (None: to none) and look for its newest run."""
        self.close()
        self.study, self.run, self.decision, self.wished = study, None, None, None
        self.progress, self._lives = RunProgress(), False
        if study is not None:
            self._follow(None, None)
        self.changed.emit()

    def close(self) -> None:
        """Look no further; a run goes on by itself."""
        self.cancel_plan()
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    @property
    def state(self) -> RunState:
        """How the run in sight stands."""
        if self.run is None:
            return RunState.NONE
        return state_of(self.progress, lives=self._lives)

    @property
    def can_go_on(self) -> bool:
        """Whether the run in sight broke off, or failed after its plan was made: then it can be taken up."""
        if self.run is None:
            return False
        return self.state is RunState.DEAD or (self.state is RunState.FAILED and self.run.has_plan)

    # -- starting and steering -------------------------------------------------------------------------------

    def ask_plan(self, options: TrainingOptions) -> None:
        """Ask the trainer what it would do; `planned` carries the answer.

        Raises
        ------
        VesselError
            Where the trainer isn't installed.
        """
        assert self.study is not None
        self.cancel_plan()
        question = PlanQuestion(self._command or trainer_command(), self.study, options)
        self._question = question

        def work() -> None:
            answer: Plan | VesselError | None
            try:
                answer = question.ask()
            except VesselError as problem:
                answer = problem
            except Exception as problem:  # noqa: BLE001 - the thread's edge: told to the person, logged whole
                _log.exception("asking for the plan failed")
                answer = in_a_sentence(problem)
            self._deliver(partial(self._on_plan, question, answer))

        threading.Thread(target=work, name="plan", daemon=True).start()

    def cancel_plan(self) -> None:
        """Ask no longer what the trainer would do."""
        if self._question is not None:
            self._question.cancel()
            self._question = None

    def _on_plan(self, question: PlanQuestion, answer: Plan | VesselError | None) -> None:
        if question is self._question:
            self._question = None
            if answer is not None:
                self.planned.emit(answer)

    def start(self, options: TrainingOptions) -> None:
        """Begin a training.

        Raises
        ------
        VesselError
            Where the trainer isn't installed or can't be started, or one is at work already.
        """
        assert self.study is not None
        if self.state.live:
            raise VesselError("A training of this study is at work already.", "Wait for it, or cancel it.")
        self._refuse_beside_another()
        command = self._command or trainer_command()
        self.cancel_plan()
        run = new_run(self.study)
        run.keep_options(asdict(options))
        self._begin(command, run, options)

    def go_on(self) -> None:
        """Go on with a run that died or failed, from its last checkpoint (VesselError as `start`)."""
        if self.run is not None and self.can_go_on:
            self._refuse_beside_another()
            options = TrainingOptions.of_run(self.run)
            self.run.wish("go")  # what was wished of it before it died is over
            self.run.tell_going_on()
            self._begin(self._command or trainer_command(), self.run, options)

    def _refuse_beside_another(self) -> None:
        assert self.study is not None
        newest = newest_run(self.study)
        if newest is not None and is_at_work(newest):
            self.show_run(newest)
            raise VesselError("Another training of this study is at work already.", "It is shown now.")

    def _begin(self, command: Sequence[str], run: RunFolder, options: TrainingOptions) -> None:
        assert self.study is not None
        self.show_run(run, start_trainer(command, self.study, run, options))

    def wish(self, word: Wish) -> None:
        """Ask the trainer to pause, go on, stop (keep the best) or cancel; VesselError where that fails."""
        if self.run is not None and self.state.live:
            self.run.wish(word)
            self.wished = word
            self.changed.emit()

    def decide(self, decision: Decision) -> None:
        """Keep what a person decided on the candidate.

        Raises
        ------
        VesselError
            Where that fails, or where it was promoted meanwhile: that is shown then.
        """
        if self.run is not None:
            try:
                self.run.decide(decision)
            finally:
                self.note_decision(self.run.decision())

    def note_decision(self, decision: Decision | None) -> None:
        """Take note of a decision that is kept already."""
        self.decision = decision
        self.changed.emit()

    def show_run(self, run: RunFolder, started: Started | None = None) -> None:
        """Turn to another run of the study; its process, where this app has started it."""
        self.run, self.decision, self.wished = run, None, None
        self.progress, self._lives = RunProgress(), True
        self._follow(run, started)
        self.changed.emit()

    # -- watching --------------------------------------------------------------------------------------------

    def _follow(self, run: RunFolder | None, started: Started | None) -> None:
        if self._watch is not None:
            self._watch.stop()
        assert self.study is not None
        deliver, take = self._deliver, self._take
        self._watch = RunWatch(
            self.study, run, started, lambda watch, seen: deliver(partial(take, watch, seen))
        )
        self._watch.start()

    def _take(self, watch: RunWatch, seen: Seen) -> None:
        """Take what the watching thread has seen; that of a run no longer in sight is dropped."""
        if watch is not self._watch:
            return
        self.run, self._lives, self.decision = seen.run, seen.lives, seen.decision
        if seen.rewound:
            self.progress = RunProgress()
        for event in seen.events:
            self.progress.take(event)
            if self.wished is not None and event["event"] in _ANSWERS[self.wished]:
                self.wished = None
        if not self.state.live:
            self.wished = None
        self.changed.emit()
