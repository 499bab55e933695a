"""Looks at a training run's folder on a thread of its own, until the run has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vesselapp.state.run_progress import RunProgress
from vesselapp.state.trainer_process import Started
from vesselapp.study.run_events import Event, EventTail
from vesselapp.study.run_folder import Decision, RunFolder, runs_of

_LOOK_S = 0.25
_STILL_S = 30.0
"""A trainer whose heartbeat stands still for so long is dead."""


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
        self._beat: int | None = None
        self._beat_seen = time.monotonic()

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
        tail, progress, first = EventTail(run.events_file), RunProgress(), True
        while not self._stop.is_set():
            lives = self._lives(run)  # asked first: what was written before it died is still read
            events, rewound = _read_all(tail)
            for event in events:
                progress.take(event)
            over = bool(progress.end) or not lives
            if first or events or over:
                self._take(self, Seen(run, events, rewound, lives, run.decision()))
            if over:
                break
            first = False
            self._stop.wait(_LOOK_S)

    def _lives(self, run: RunFolder) -> bool:
        """Tell whether the trainer is at work."""
        if self._started is not None:
            return self._started.lives
        beat, now = run.heartbeat(), time.monotonic()
        if beat != self._beat:
            self._beat, self._beat_seen = beat, now
        return now - self._beat_seen < _STILL_S and not run.process_is_gone()


def _read_all(tail: EventTail) -> tuple[list[Event], bool]:
    """Give all new events, and whether they begin anew."""
    found: list[Event] = []
    rewound = False
    while True:
        events = tail.read()
        if tail.rewound:
            found, rewound = [], True
        if not events:
            return found, rewound
        found += events


def newest_run(study: Path) -> RunFolder | None:
    """Give a study's newest run that has begun, None where there is none."""
    begun = (run for run in runs_of(study) if run.events_file.exists() or run.log_file.exists())
    return next(begun, None)


def is_at_work(run: RunFolder) -> bool:
    """Tell whether a run's trainer is at work, by its heartbeat and this computer's clock."""
    beat = run.heartbeat()
    if beat is None or abs(time.time() - beat / 1e9) > _STILL_S or run.process_is_gone():
        return False
    progress = RunProgress()
    for event in _read_all(EventTail(run.events_file))[0]:
        progress.take(event)
    return not progress.end
