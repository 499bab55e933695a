"""Looks at a training run's folder on a thread of its own, until the run has ended.

A trainer that seems dead may only be cut off: its run is looked at on, and lives again when it does.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vesselapp.state.trainer_process import Started
from vesselapp.study.run_events import Event, EventTail
from vesselapp.study.run_folder import Decision, RunFolder, runs_of
from vesselapp.study.run_progress import RunProgress
from vesselapp.study.run_state import STILL_S, is_at_work, read_all

_LOOK_S = 0.25
_LOOK_AT_DEAD_S = 2.0


@dataclass(frozen=True, eq=False)
class Seen:
    """What one look at a run's folder found.

    Attributes
    ----------
    run : RunFolder
    events : list of Event
        New ones, oldest first.
    rewound : bool
        Whether the events begin anew.
    lives : bool
        Whether the trainer is at work.
    decision : Decision or None
    """

    run: RunFolder
    events: list[Event]
    rewound: bool
    lives: bool
    decision: Decision | None


class RunWatch:
    """Watches a run.

    Parameters
    ----------
    study : Path
    run : RunFolder or None
        The study's newest where None.
    started : Started or None
        Its process, where this app has started it.
    take : callable
        Gets the watch and what it saw, on the watching thread.
    """

    def __init__(
        self,
        study: Path,
        run: RunFolder | None,
        started: Started | None,
        take: Callable[[RunWatch, Seen], None],
    ) -> None:
        self._study, self._run, self._started, self._take = study, run, started, take
        self._stop = threading.Event()
        # A heart that stands still while one's own trainer ends is not another one's.
        self._beat = run.heartbeat() if run is not None and started is not None else None
        self._beat_seen = time.monotonic() if started is None else -math.inf

    def start(self) -> None:
        """Begin to look."""
        threading.Thread(target=self._work, name="retraining", daemon=True).start()

    def stop(self) -> None:
        """Look no more; the run goes on."""
        self._stop.set()

    def _work(self) -> None:
        run = self._run or newest_run(self._study)
        if run is None:
            return
        tail, progress = EventTail(run.events_file), RunProgress()
        told: bool | None = None
        while not self._stop.is_set():
            lives = self._lives(run)  # asked first: what was written before it died is still read
            events, rewound = read_all(tail)
            for event in events:
                progress.take(event)
            if events or lives != told:
                self._take(self, Seen(run, events, rewound, lives, run.decision()))
                told = lives
            if progress.end:
                break
            self._stop.wait(_LOOK_S if lives else _LOOK_AT_DEAD_S)

    def _lives(self, run: RunFolder) -> bool:
        """Tell whether a trainer is at work: the one started here, or by its heartbeat another one."""
        beat, now = run.heartbeat(), time.monotonic()
        if beat != self._beat:
            self._beat, self._beat_seen = beat, now
        if self._started is not None and self._started.lives:
            return True
        return now - self._beat_seen < STILL_S and not run.process_is_gone()


def newest_run(study: Path) -> RunFolder | None:
    """Give a study's run that is at work, else the newest that has begun; None where there is none."""
    begun = [run for run in runs_of(study) if run.events_file.exists() or run.log_file.exists()]
    return next((run for run in begun if is_at_work(run)), begun[0] if begun else None)
