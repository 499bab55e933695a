"""Starting the trainer as a process of its own, which outlives the app; the app never imports it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from vesselapp.core.errors import VesselError
from vesselapp.core.files import reason
from vesselapp.study.run_events import parse_event
from vesselapp.study.run_folder import RunFolder
from vesselapp.study.run_progress import Plan, plan_of

_INSTALL = 'Install it with:  python -m pip install "vesselapp[train]"'
_PLAN_SECONDS = 300
_LOW = 10
"""The priority of a training, on the scale of nice(1)."""


@dataclass(frozen=True)
class TrainingOptions:
    """What a person can choose of a training.

    Attributes
    ----------
    base : str
        A model file or a number of the study's registry to start from; the default one where empty.
    chain : bool
        Start from the last fine-tuned model instead of the base.
    replay : tuple of str
        Folders of pictures with masks that are shown again beside the study's.
    settings : tuple of str
        Settings of the trainer, ``key=value``.
    """

    base: str = ""
    chain: bool = False
    replay: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @classmethod
    def of_run(cls, run: RunFolder) -> TrainingOptions:
        """Give what a run was begun with.

        Raises
        ------
        VesselError
            Where that isn't known, and the trainer hadn't come so far as to write it down itself.
        """
        kept = run.options()
        try:
            return cls(
                str(kept["base"]),
                bool(kept["chain"]),
                tuple(str(folder) for folder in kept["replay"]),
                tuple(str(setting) for setting in kept["settings"]),
            )
        except (KeyError, TypeError) as problem:
            if run.has_plan:
                return cls()
            raise VesselError(
                "It isn't known with which options this training was begun, so it can't go on.",
                "Begin a new one.",
            ) from problem

    def arguments(self) -> list[str]:
        """Give the arguments of the command line that say the same."""
        found = ["--base", self.base] if self.base else []
        found += ["--chain"] if self.chain else []
        found += ["--replay", *self.replay] if self.replay else []
        for setting in self.settings:
            found += ["--set", setting]
        return found


def trainer_command() -> tuple[str, ...]:
    """Give the command that runs the trainer.

    Raises
    ------
    VesselError
        Where it isn't installed.
    """
    if getattr(sys, "frozen", False):
        raise VesselError("This copy of vesselapp comes without the trainer.", _INSTALL)
    for name in ("trainer", "torch", "lightning"):
        if importlib.util.find_spec(name) is None:
            raise VesselError(f"Retraining needs {name}, which isn't installed.", _INSTALL)
    return sys.executable, "-m", "trainer"


class Started:
    """A trainer process that this app has started."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        # Waited for on a thread, so that a trainer that ends leaves no entry in the table of processes.
        self.pid = process.pid
        self._waiting = threading.Thread(target=process.wait, name="trainer", daemon=True)
        self._waiting.start()

    @property
    def lives(self) -> bool:
        """Whether it hasn't ended."""
        return self._waiting.is_alive()


def start_trainer(command: Sequence[str], study: Path, run: RunFolder, options: TrainingOptions) -> Started:
    """Start a training, or go on with one that was killed, as a process that outlives the app.

    What it prints goes to the run's log (events go to a file of their own); it gives way to other programs.

    Raises
    ------
    VesselError
        Where it can't be started.
    """
    words = [*command, "finetune", str(study), "--run", str(run.folder), *options.arguments()]
    try:
        with run.log_file.open("ab") as log:
            process = _start(words, log, subprocess.STDOUT)
    except OSError as problem:
        raise VesselError(f"The trainer can't be started: {reason(problem)}.") from problem
    if os.name == "posix":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, _LOW)
        with contextlib.suppress(OSError):
            # Linux weighs sessions against each other, and a priority only within one: sched(7), autogroup.
            Path(f"/proc/{process.pid}/autogroup").write_text(str(_LOW), "ascii")
    return Started(process)


def _start(words: Sequence[str], out: int | BinaryIO, err: int) -> subprocess.Popen[bytes]:
    """Start a process apart from this one: closing the app or its terminal doesn't reach it."""
    flags = 0
    if sys.platform == "win32":
        flags = (
            subprocess.CREATE_NO_WINDOW
            | subprocess.CREATE_NEW_PROCESS_GROUP
            | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        )
    return subprocess.Popen(
        words,
        env={**os.environ, "PYTHONUTF8": "1"},  # Windows would write its log in a code page
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        creationflags=flags,
        start_new_session=os.name == "posix",
    )


class PlanQuestion:
    """Asks the trainer what it would do, without training; `cancel` from any thread."""

    def __init__(self, command: Sequence[str], study: Path, options: TrainingOptions) -> None:
        self._words = [*command, "finetune", str(study), "--plan", *options.arguments()]
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = False
        self._lock = threading.Lock()

    def ask(self) -> Plan | None:
        """Give the plan, None where the question was cancelled.

        Raises
        ------
        VesselError
            With the trainer's sentence where nothing can be learnt.
        """
        try:
            with self._lock:
                if self._cancelled:
                    return None
                process = self._process = _start(self._words, subprocess.PIPE, subprocess.PIPE)
            out, err = process.communicate(timeout=_PLAN_SECONDS)
        except subprocess.TimeoutExpired as problem:
            self.cancel()
            process.communicate()
            raise VesselError(
                "The trainer doesn't answer.", "Try again, or start it from a terminal."
            ) from problem
        except OSError as problem:
            raise VesselError(f"The trainer can't be started: {reason(problem)}.") from problem
        return None if self._cancelled else _answer(out, err)

    def cancel(self) -> None:
        """Stop asking."""
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                self._process.kill()


def _answer(out: bytes, err: bytes) -> Plan:
    """Read what the trainer printed."""
    events = [event for line in out.splitlines() if (event := parse_event(line)) is not None]
    for event in reversed(events):
        if event["event"] == "plan":
            return plan_of(event)
        if event["event"] == "failed":
            raise VesselError(str(event.get("message", "")) or "Nothing can be learnt from this study.")
    last = err.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
    raise VesselError(f"The trainer can't say what it would do: {last[0]}")
