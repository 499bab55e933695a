"""The page of a run under way: where it is, its curves and examples, and the buttons that steer it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from vesselapp.core.errors import VesselError
from vesselapp.state.retraining import Retraining
from vesselapp.study.run_folder import RunFolder, Wish
from vesselapp.study.run_progress import Plan, Validation
from vesselapp.study.run_state import RunState
from vesselapp.ui.plain import PlainLabel
from vesselapp.ui.retrain.in_short import headline
from vesselapp.ui.retrain.plot import Curve, Plot, parts_of, smoothed
from vesselapp.ui.retrain.strip import ExampleStrip
from vesselapp.ui.words import duration

_CANCEL, _REALLY = "Cancel", "Cancel: keep nothing?"
_STOP = (
    (
        "Stop and keep the best",
        "Ends the training now; the model of the best step so far is judged, or of the last one where no "
        "picture tells. A training that runs to its end keeps the last one",
    ),
    (
        "Stop judging",
        "Ends the judging now; the candidate stays, but what isn't judged yet is left out, and where that "
        "is all of it, the candidate isn't offered",
    ),
)
"""The button that ends a training, and what it does: the candidate's, and those after it."""
_SURE_MS = 5000
_WISHED = {"pause": "pausing", "go": "going on", "stop": "stopping", "cancel": "cancelling"}


class LivePage(QWidget):
    """Shows a run and steers it.

    Signals
    -------
    anew : ()
        A person wants to begin another training.
    """

    anew = Signal()

    def __init__(self, retraining: Retraining) -> None:
        super().__init__()
        self._retraining = retraining
        self._problem = ""
        self._problem_at: tuple[RunFolder | None, RunState] = (None, RunState.NONE)
        self.headline = PlainLabel()
        self.progress = QProgressBar()
        self.progress.setRange(0, 100)
        self.progress.setFormat("%p %")
        self.progress.setAccessibleName("Progress of the training")
        self.words = PlainLabel()
        self.loss = Plot("Loss", from_zero=True)
        self.dice = Plot("Dice")
        self.strip = ExampleStrip()
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setAccessibleName("What the trainer said last")
        self.log.setMaximumHeight(150)
        self.log.hide()
        self.pause_button = QPushButton("Pause")
        self.stop_button = QPushButton()
        self.cancel_button = QPushButton(_CANCEL)
        self.cancel_button.setToolTip("Ends the training, at the second click; nothing of it is kept")
        self.on_button = QPushButton("Go on")
        self.on_button.setToolTip("Starts the trainer again where it was")
        self.anew_button = QPushButton("New training…")
        self._lay_out()
        self.pause_button.clicked.connect(self._pause_or_go)
        self.stop_button.clicked.connect(lambda: self._wish("stop"))
        self.cancel_button.clicked.connect(self._cancel)
        self._sure = QTimer(self, singleShot=True, interval=_SURE_MS)
        self._sure.timeout.connect(lambda: self.cancel_button.setText(_CANCEL))
        self.on_button.clicked.connect(lambda: self._do(self._retraining.go_on))
        self.anew_button.clicked.connect(self.anew)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        font = self.headline.font()
        font.setPointSizeF(font.pointSizeF() * 1.25)
        self.headline.setFont(font)
        plots = QHBoxLayout()
        plots.addWidget(self.loss, 1)
        plots.addWidget(self.dice, 1)
        buttons = QHBoxLayout()
        for button in (
            self.pause_button,
            self.stop_button,
            self.cancel_button,
            self.on_button,
            self.anew_button,
        ):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout.addWidget(self.headline)
        layout.addWidget(self.progress)
        layout.addLayout(buttons)  # in sight in a small window too
        layout.addWidget(self.words)
        layout.addLayout(plots, 1)
        layout.addWidget(self.strip)
        layout.addWidget(self.log)

    # -- showing -----------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show how the run stands now."""
        retraining, progress, state = self._retraining, self._retraining.progress, self._retraining.state
        self.headline.setText(headline(retraining))
        busy = state is RunState.RUNNING and progress.without_steps
        self.progress.setRange(0, 0 if busy else 100)  # no range: it only shows that work goes on
        self.progress.setValue(round(progress.share * 100))
        if (retraining.run, state) != self._problem_at:
            self._problem = ""
        self.words.setText("\n".join(filter(None, (self._problem, self._details()))))
        self._refresh_plots()
        self.strip.show_examples(retraining.run, progress.examples)
        self.strip.setVisible(self.strip.count() > 0)
        broken = state in (RunState.DEAD, RunState.FAILED)
        if broken and retraining.run is not None and self.log.isHidden():
            self.log.setPlainText(retraining.run.log_tail() or "It said nothing.")
        self.log.setVisible(broken)
        free = state.live and retraining.wished is None
        self.pause_button.setText("Go on" if state is RunState.PAUSED else "Pause")
        self.pause_button.setEnabled(free and state is not RunState.STARTING)
        for_judging = int(bool(progress.begun))
        self.stop_button.setText(_STOP[for_judging][0])
        self.stop_button.setToolTip(_STOP[for_judging][1])
        stoppable = state.live and state is not RunState.STARTING and progress.stoppable
        self.stop_button.setEnabled(stoppable and retraining.wished not in ("stop", "cancel"))
        self.cancel_button.setEnabled(state.live and retraining.wished != "cancel")
        for button in (self.pause_button, self.stop_button, self.cancel_button):
            button.setVisible(state.live)
        self.on_button.setVisible(retraining.can_go_on)
        self.anew_button.setVisible(not state.live)

    def _refresh_plots(self) -> None:
        progress = self._retraining.progress
        losses = [(float(step), loss) for step, loss in progress.losses]
        smooth = [point for part in parts_of(losses, progress.begun) for point in smoothed(part)]
        curve = Curve("loss, smoothed", smooth, 0, faint=losses)
        self.loss.show_curves([curve], progress.steps, progress.begun)
        found = progress.validations
        curves = [_curve(found, "judge pictures", "dice", 0), _old_curve(found)]
        curves.append(_curve(found, "learnt pictures", "learn", 2))
        self.dice.show_curves([curve for curve in curves if curve.points], progress.steps, progress.begun)

    def _details(self) -> str:
        """Say what is known beside the headline."""
        progress, retraining = self._retraining.progress, self._retraining
        told = []
        if progress.steps and progress.step:
            told.append(f"Step {progress.step} of {progress.steps}")
        if progress.plan is not None and progress.plan.folds:
            told.append(_parts_told(progress.plan))
        if progress.eta_s is not None and retraining.state is RunState.RUNNING:
            told.append(f"about {duration(progress.eta_s)} left")
        if progress.plan is not None and progress.plan.device:
            told.append(f"on {progress.plan.device}")
        best = progress.best
        if best is not None and best.learn is not None:
            told.append(f"best so far: step {best.step}, Dice {best.learn:.3f} on what is learnt")
        if progress.stopped_at is not None:
            told.append(f"stopped at step {progress.stopped_at}")
        if progress.judging_stopped:
            told.append("judging stopped")
        if progress.threshold is not None:
            told.append(f"threshold {progress.threshold[0]:.2f} → {progress.threshold[1]:.2f}")
        if retraining.wished is not None:
            told.append(f"{_WISHED[retraining.wished]}…")
        return " · ".join(told)

    # -- steering ----------------------------------------------------------------------------------------

    def _pause_or_go(self) -> None:
        self._wish("go" if self._retraining.state is RunState.PAUSED else "pause")

    def _wish(self, word: Wish) -> None:
        self._do(partial(self._retraining.wish, word))

    def _cancel(self) -> None:
        """End the training at the second click: what it has learnt is gone then."""
        if self._sure.isActive():
            self._sure.stop()
            self.cancel_button.setText(_CANCEL)
            self._wish("cancel")
        else:
            self.cancel_button.setText(_REALLY)
            self._sure.start()

    def _do(self, steer: Callable[[], None]) -> None:
        """Steer the run; why that failed stays in sight until another try, run or state."""
        self._problem = ""
        try:
            steer()
        except VesselError as error:
            self._problem = str(error)
            self._problem_at = self._retraining.run, self._retraining.state
        self.refresh()


def _parts_told(plan: Plan) -> str:
    """Say what the steps are of, where the judges are too few to be left out of the learning."""
    return f"{plan.trainings} trainings: the candidate's, then {len(plan.folds)} without what they judge"


def _curve(found: Sequence[Validation], name: str, key: str, tone: int) -> Curve:
    """Give the curve of one of a validation's figures."""
    before = f"{key}_before"
    return Curve(name, _points(found, key), tone, _points(found, before))


def _old_curve(found: Sequence[Validation]) -> Curve:
    """Give the curve of old ground; where its truth isn't known, the base's own mask stands for it."""
    if any(one.old_before is not None and one.old_before < 1 for one in found):
        return _curve(found, "old ground", "old", 1)
    return Curve("agreement with the base on old ground", _points(found, "old"), 1)


def _points(found: Sequence[Validation], key: str) -> list[tuple[float, float]]:
    return [(float(one.step), getattr(one, key)) for one in found if getattr(one, key) is not None]
