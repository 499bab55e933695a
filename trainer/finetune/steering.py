"""How a run speaks to the outside and listens: events, a sign of life, and a person's wishes."""

import contextlib
import json
import os
import socket
import sys
import threading
import time
from typing import Any

from trainer.events import event_line
from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.files import atomic_write, patiently, reason
from vesselapp.core.stamps import time_stamp
from vesselapp.study.lock import HEARTBEAT_SECONDS, Lock, Lost, Taken
from vesselapp.study.process import boot_id
from vesselapp.study.run_folder import RunFolder

LOCK_NAME = "trainer.lock"
"""One trainer a run."""
_BEAT_S = 5.0
_LOOK_S = 0.2


class Stopped(Exception):
    """A person wishes that the training ends here and what was reached is kept."""


class Line:
    """A run's line to the outside.

    Parameters
    ----------
    run : RunFolder
    events : bool
        Whether events are printed as JSON lines too; else the important ones are told in words.
    """

    def __init__(self, run: RunFolder, *, events: bool) -> None:
        self.run, self._print = run, events
        self._over = threading.Event()
        self._lost = False
        self._last_words = ""
        self._began, self._before = time.monotonic(), 0.0
        self._paused: float | None = None

    @property
    def worked(self) -> float:
        """Seconds that trainers have worked on the run, this one and those before it; pauses don't count."""
        now = time.monotonic() if self._paused is None else self._paused
        return self._before + now - self._began

    def __enter__(self) -> "Line":
        try:
            self._lock = Lock.take_over(self.run.folder, "", name=LOCK_NAME)
        except Taken as taken:
            where = f" on {taken.holder.host}" if taken.holder.host else ""
            raise VesselError(
                f"A trainer{where} is at work on this run already.",
                "Wait for it; if that computer is off or asleep, try again in two minutes.",
            ) from taken
        now = time_stamp()
        process = {"pid": os.getpid(), "host": socket.gethostname(), "boot": boot_id(), "started": now}
        try:
            atomic_write(self.run.folder / "process.json", json.dumps(process).encode())
        except BaseException:
            self._lock.release()
            raise
        self._began, self._before = time.monotonic(), self._worked_before()
        self._beat_once()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._lock.release()

    def emit(self, event: str, **values: Any) -> None:
        """Append an event to the run's file, and print it where that is wished.

        Raises
        ------
        VesselError
            Where it can't be written.
        """
        line = self._write(event, values)
        if self._print:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        else:
            self._tell(event, values)

    def last_word(self, event: str, **values: Any) -> None:
        """Append an event as far as the run can still be written; whoever ran the command prints it."""
        with contextlib.suppress(VesselError):
            self._write(event, values)

    def _write(self, event: str, values: dict[str, Any]) -> str:
        self._heed_loss()
        line = event_line(event, values)
        try:
            with patiently(self.run.events_file.open, "ab") as file:
                file.write(line.encode() + b"\n")
        except OSError as problem:
            raise VesselError(
                f"The run folder {self.run.folder} can't be written: {reason(problem)}."
            ) from problem
        return line

    def heed(self) -> None:
        """Look what a person wishes: wait out a pause.

        Raises
        ------
        Stopped
            Where the training shall end and be kept.
        Cancelled
            Where the run shall end.
        VesselError
            Where another trainer has taken the run over.
        """
        self._heed_loss()
        while (word := self._wish()) == "pause":
            self._heed_loss()
            if self._paused is None:
                self._paused = time.monotonic()
                self.emit("paused")
            time.sleep(_LOOK_S)
        since, self._paused = self._paused, None
        if since is not None:
            self._began += time.monotonic() - since
        if word in ("stop", "cancel"):
            patiently((self.run.folder / "wish").unlink, missing_ok=True)
            raise Stopped if word == "stop" else Cancelled
        if since is not None:
            self.emit("resumed")

    def heed_cancel(self) -> None:
        """Look what a person wishes where there is no training to stop: only a cancel ends the work."""
        if self._wish() != "stop":
            self.heed()

    def take_late_stop(self) -> bool:
        """Tell whether a training shall stop that had ended meanwhile; the next one is spared."""
        if self._wish() != "stop":
            return False
        patiently((self.run.folder / "wish").unlink, missing_ok=True)
        return True

    def _wish(self) -> str:
        try:
            return (self.run.folder / "wish").read_text("utf-8", "replace").strip()
        except OSError:
            return ""

    def _heed_loss(self) -> None:
        if self._lost:
            raise VesselError(
                "Another trainer has taken this run over while this computer slept or was cut off.",
                "Nothing is to be done: it goes on there.",
            )

    def _beat(self) -> None:
        refreshed = time.monotonic()
        while not self._over.wait(_BEAT_S):
            try:
                self._lock.check()
                if time.monotonic() - refreshed >= HEARTBEAT_SECONDS:
                    self._lock.refresh()
                    refreshed = time.monotonic()
            except Lost:
                self._lost = True
                return
            except VesselError:
                continue  # the disk doesn't answer just now
            self._beat_once()

    def _beat_once(self) -> None:
        """Give a sign of life: the seconds worked so far."""
        try:
            (self.run.folder / "heartbeat").write_text(f"{self.worked:.1f}", "utf-8")
        except OSError:
            return  # a full disk is told by what must be written

    def _worked_before(self) -> float:
        try:
            return max(0.0, float((self.run.folder / "heartbeat").read_text("utf-8", "replace")))
        except (OSError, ValueError):
            return 0.0

    def _tell(self, event: str, values: dict[str, Any]) -> None:
        """Print what a person at a terminal wants to know."""
        said = in_words(event, values, self.run)
        if said and said != self._last_words:
            self._last_words = said
            print(said, flush=True)


def in_words(event: str, values: dict[str, Any], run: RunFolder) -> str:
    """Say an event to a person; empty for those that nobody needs at a terminal."""
    if event == "plan":
        count, minutes = len(values["learn"]), values["expected_s"] / 60
        told = f"learning from {count} pictures on {values['device']}, about {minutes:.1f} minutes"
        models = f"starting from {values['base']}, compared with {values['incumbent']}"
        return "\n".join([told, models, f"the run's folder: {run.folder}", *values["warnings"]])
    if event == "validation":
        shown = ((key, value) for key, value in values.items() if isinstance(value, float))
        return f"step {values['step']}: " + "  ".join(f"{key} {value:.4f}" for key, value in shown)
    if event == "threshold":
        return f"threshold {values['before']:.2f} -> {values['after']:.2f}"
    if event == "stage":
        return f"{values['name']} …"
    if event == "stopping":
        return f"stopped at step {values['step']}"
    if event == "paused":
        return f"paused; to go on, write 'go' into {run.folder / 'wish'}"
    return {"stopped": "cancelled"}.get(event, "")
