"""How a training stands, in a sentence and in a few words."""

from vesselapp.state.retraining import Retraining
from vesselapp.study.run_state import RunState


def headline(retraining: Retraining) -> str:
    """Say in a sentence how a run stands."""
    progress, run = retraining.progress, retraining.run
    began = f"The training begun {run.began}" if run is not None else "The training"
    match retraining.state:
        case RunState.STARTING:
            return "The trainer is starting…"
        case RunState.RUNNING:
            return f"{progress.stage[:1].upper()}{progress.stage[1:] or 'Training'}…"
        case RunState.PAUSED:
            return "Paused. The trainer waits."
        case RunState.FAILED:
            return f"{began} failed: {progress.message or 'it did not say why.'}"
        case RunState.DEAD:
            return f"{began} broke off: its trainer gives no sign of life. Nothing of the study was touched."
        case RunState.STOPPED:
            return f"{began} was cancelled."
        case _:
            return ""


def in_short(retraining: Retraining) -> str:
    """Give a few words for the status line; empty where there is nothing to look at."""
    state, progress = retraining.state, retraining.progress
    if state in (RunState.STARTING, RunState.RUNNING):
        return (
            f"Training: {progress.stage}"
            if progress.without_steps
            else f"Training {progress.share * 100:.0f} %"
        )
    if state is RunState.PAUSED:
        return f"Training paused at {progress.share * 100:.0f} %"
    if retraining.decision is not None:
        return ""
    return {
        RunState.DONE: "Training finished",
        RunState.FAILED: "Training failed",
        RunState.DEAD: "Training broke off",
    }.get(state, "")
