"""A training run's folder in a study, as the app sees it: started, steered, watched, decided on."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write, make_folder, telling
from vesselapp.core.stamps import time_stamp
from vesselapp.study.json_text import parse_object
from vesselapp.study.process import is_alive
from vesselapp.study.verdict import LARGEST_FILE, Verdict, read_verdict

Wish = Literal["pause", "go", "stop", "cancel"]
Word = Literal["promoted", "kept", "discarded", "left"]
"""What can be decided on a run; ``left``: it came to no verdict, and a person turned to another."""
_NAME = "%Y%m%dT%H%M%SZ"
_LOG_BYTES, _LOG_LINES = 64 * 2**10, 12


@dataclass(frozen=True)
class Decision:
    """What a person decided on a run's candidate; ``number`` is the promoted model's in the registry."""

    decision: Word
    who: str = ""
    when: str = ""
    reason: str = ""
    number: int | None = None


@dataclass(frozen=True)
class RunFolder:
    """One training run.

    Parameters
    ----------
    folder : Path
        ``runs/<UTC time>`` of a study.
    """

    folder: Path

    @property
    def name(self) -> str:
        """Its name: when it began (UTC), after the name of an earlier one whose clock was ahead."""
        return self.folder.name

    @property
    def began(self) -> str:
        """When it began, in the person's own time; the folder's name where that is no time."""
        try:
            begun = datetime.strptime(self.name.rpartition("-")[2], _NAME).replace(tzinfo=UTC)
        except ValueError:
            return self.name
        return f"{begun.astimezone():%Y-%m-%d %H:%M}"

    @property
    def events_file(self) -> Path:
        """Where the trainer appends its events."""
        return self.folder / "events.jsonl"

    @property
    def log_file(self) -> Path:
        """Where whatever the trainer prints goes."""
        return self.folder / "log.txt"

    @property
    def has_verdict(self) -> bool:
        """Whether the candidate has been judged."""
        return (self.folder / "verdict.json").is_file()

    def verdict(self) -> Verdict:
        """Read the verdict (VesselError where there is none)."""
        return read_verdict(self.folder / "verdict.json")

    def write_verdict(self, verdict: Verdict) -> None:
        """Write the verdict (VesselError where that fails)."""
        atomic_write(self.folder / "verdict.json", json.dumps(asdict(verdict), indent=1).encode())

    def inside(self, name: str) -> Path | None:
        """Give a file that the run names, or None where it would lie outside of the run's folder."""
        try:
            file = (self.folder / name).resolve()
        except ValueError:  # no file can have such a name
            return None
        return file if file.is_relative_to(self.folder.resolve()) else None

    def keep_options(self, options: dict[str, Any]) -> None:
        """Keep what a person chose, before the trainer begins (VesselError where that fails)."""
        atomic_write(self.folder / "options.json", json.dumps(options, indent=1).encode())

    def options(self) -> dict[str, Any]:
        """Give what a person chose; empty where that isn't known."""
        return _read_json(self.folder / "options.json")

    @property
    def has_plan(self) -> bool:
        """Whether the trainer has written down what it does, and needs no options to go on."""
        return (self.folder / "config.json").is_file()

    def wish(self, word: Wish) -> None:
        """Tell the trainer what a person wants; it looks after each step.

        Raises
        ------
        VesselError
            Where that can't be written.
        """
        atomic_write(self.folder / "wish", word.encode())

    def tell_going_on(self) -> None:
        """Add to the events that a run which had broken off goes on; its trainer has to load first.

        Raises
        ------
        VesselError
            Where that can't be written.
        """
        line = json.dumps({"event": "going_on", "time": round(time.time(), 3)})
        with (
            telling(f"The run folder {self.folder} can't be written", "Make room."),
            self.events_file.open("ab") as file,
        ):
            file.write(line.encode() + b"\n")

    def heartbeat(self) -> int | None:
        """Give a number (ns) that changes while the trainer lives; None where it never did."""
        try:
            return (self.folder / "heartbeat").stat().st_mtime_ns
        except OSError:
            return None

    def process_is_gone(self) -> bool:
        """Tell whether the trainer ran on this computer and is no more; False where that can't be told."""
        process = _read_json(self.folder / "process.json")
        pid = process.get("pid")
        if not isinstance(pid, int):
            return False
        return is_alive(str(process.get("host")), str(process.get("boot")), pid) is False

    def log_tail(self) -> str:
        """Give the last lines that the trainer printed."""
        try:
            with self.log_file.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_BYTES))
                text = log.read(_LOG_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join([line for line in text.splitlines() if line.strip()][-_LOG_LINES:])

    def decision(self) -> Decision | None:
        """Give what was decided on the candidate, None where nothing was."""
        found = _read_json(self.folder / "decision.json")
        if found.get("decision") not in get_args(Word):
            return None
        if found["decision"] == "left" and self.has_verdict:
            return None  # it was gone on with
        number = found.get("number")
        words = {key: str(found.get(key) or "") for key in ("who", "when", "reason")}
        return Decision(found["decision"], **words, number=number if isinstance(number, int) else None)

    def decide(self, decision: Decision) -> None:
        """Write what was decided, and when.

        Raises
        ------
        VesselError
            Where that can't be written, or the candidate was promoted before: that is taken back by using
            another model.
        """
        before = self.decision()
        if before is not None and before.decision == "promoted" and decision.decision != "promoted":
            by = f" by {before.who}" if before.who else ""
            raise VesselError(
                f"The candidate has been promoted as model {before.number}{by} meanwhile.",
                "To go back, use another model of the study.",
            )
        if not decision.when:
            decision = replace(decision, when=time_stamp())
        atomic_write(self.folder / "decision.json", json.dumps(asdict(decision), indent=1).encode())


def runs_of(study: Path) -> list[RunFolder]:
    """Give the runs of a study's folder, newest first."""
    try:
        folders = [path for path in (study / "runs").iterdir() if path.is_dir()]
    except OSError:
        return []
    return [RunFolder(path) for path in sorted(folders, key=lambda path: path.name, reverse=True)]


def new_run(study: Path) -> RunFolder:
    """Make the folder of a run that begins now (VesselError where that fails).

    Its name comes after those of all others, also of one that was begun while a clock was ahead.
    """
    name = f"{datetime.now(UTC):{_NAME}}"
    newest = max((run.name for run in runs_of(study) if re.match(r"\d{8}T\d{6}Z", run.name)), default="")
    if newest > name:
        name = f"{newest.partition('-')[0]}-{name}"
    if (study / "runs" / name).exists():
        raise VesselError("A training was begun this very second.", "Wait a moment, then start again.")
    return RunFolder(make_folder(study / "runs" / name))


def _read_json(file: Path) -> dict[str, Any]:
    """Give a small JSON object, empty where there is none that can be read."""
    try:
        if file.stat().st_size > LARGEST_FILE:
            return {}
        return parse_object(file.read_bytes())
    except (OSError, ValueError):
        return {}
