"""Tells Optuna each validation's Dice, and ends a trial that does badly."""

from typing import Any

import lightning
import optuna
from lightning.pytorch.callbacks import Callback


class Prune(Callback):
    """Report after each validation; raise `optuna.TrialPruned` where the study says so."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Report the Dice of this step."""
        dice = trainer.callback_metrics.get("dice")
        if dice is None:
            return
        self.trial.report(float(dice), trainer.global_step)
        if self.trial.should_prune():
            raise optuna.TrialPruned(f"pruned at step {trainer.global_step}")
