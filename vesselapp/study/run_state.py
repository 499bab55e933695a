"""How a training run stands: told from its events, its heartbeat and this computer's clock."""

from __future__ import annotations

import time
from enum import Enum

from vesselapp.study.run_events import Event, EventTail
from vesselapp.study.run_folder import RunFolder
from vesselapp.study.run_progress import RunProgress

STILL_S = 30.0
"""A trainer whose heartbeat stands still for so long is dead."""


class RunState(Enum):
    """How a training stands."""

    NONE = "no training"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "finished"
    FAILED = "failed"
    STOPPED = "cancelled"
    DEAD = "broke off"

    @property
    def live(self) -> bool:
        """Whether the trainer is at work."""
        return self in (RunState.STARTING, RunState.RUNNING, RunState.PAUSED)


def state_of(progress: RunProgress, *, lives: bool) -> RunState:
    """Say how a run stands by its events, and by whether its trainer lives."""
    ends = {"done": RunState.DONE, "failed": RunState.FAILED, "stopped": RunState.STOPPED}
    if progress.end in ends:
        return ends[progress.end]
    if not lives:
        return RunState.DEAD
    if progress.paused:
        return RunState.PAUSED
    if progress.starting or not (progress.plan or progress.step):
        return RunState.STARTING
    return RunState.RUNNING


def state_now(run: RunFolder) -> RunState:
    """Look once how a run stands."""
    lives, progress = _beats(run), RunProgress()  # asked first: what was written before it died is still read
    for event in read_all(EventTail(run.events_file))[0]:
        progress.take(event)
    return state_of(progress, lives=lives)


def is_at_work(run: RunFolder) -> bool:
    """Tell whether a run's trainer is at work."""
    return _beats(run) and state_now(run).live


def read_all(tail: EventTail) -> tuple[list[Event], bool]:
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


def _beats(run: RunFolder) -> bool:
    beat = run.heartbeat()
    return beat is not None and abs(time.time() - beat / 1e9) <= STILL_S and not run.process_is_gone()
