"""``vesselapp predict``: masks of many pictures at once, on this machine or a Dask cluster."""

import argparse
import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vesselapp.cli import INTERRUPTED, say
from vesselapp.core.errors import VesselError
from vesselapp.core.walk import find_pictures
from vesselapp.inference.batch import BatchSpec, Outcome
from vesselapp.inference.cards import explain_guesses
from vesselapp.inference.catalog import find_model
from vesselapp.inference.many import predict_many
from vesselapp.inference.model import Model, load_model
from vesselapp.inference.providers import physical_cores
from vesselapp.inference.workers import workers_for


def predict_pictures(options: argparse.Namespace) -> int:
    """Do what was asked for on the command line (see `vesselapp.cli.arguments`); give the exit status."""
    if options.dask is not None:
        from vesselapp.inference.cluster import check_address

        check_address(options.dask)
    pictures, failures = _gather(options.paths)
    if not pictures:
        return 1
    model = _load(options, len(pictures))  # before the folder is made: without a model there's nothing in it
    if options.cell_size is not None and model.card.scale.kind != "object_diameter":
        raise VesselError(
            f"--cell-size is for models of cells; {model.path.stem} doesn't go by it.",
            "Leave it out, or choose another model with --model.",
        )
    spec = BatchSpec(
        options.out,
        model.path,
        options.provider,
        options.threshold,
        options.save,
        options.flips,
        options.cell_size,
    )
    with _progress_bar() as bar:
        tally = _Tally(bar, len(pictures))
        outcomes = predict_many(
            pictures,
            spec,
            workers=options.workers,
            resume=options.resume,
            dask=options.dask,
            on_share=tally.on_share,
            model=model,
        )
        try:
            with contextlib.closing(outcomes):
                for outcome in _in_order(tally.counted(outcomes), pictures):
                    _tell(outcome, bar, as_json=options.json)
        except KeyboardInterrupt:
            bar.stop()
            say(f"Stopped: {tally.done} of {len(pictures)} pictures were done; --resume goes on from there.")
            return INTERRUPTED
    failures += tally.failed
    if failures:
        say(f"{tally.done} done, {failures} failed.")
    return 1 if failures else 0


def _gather(paths: list[Path]) -> tuple[list[Path], int]:
    """Give the pictures, each once, and how many paths and folders led to none (named on the way)."""
    found: dict[str, Path] = {}
    failures: list[str] = []
    for path in paths:
        try:
            for picture in find_pictures([path], failures.append):
                found.setdefault(os.path.realpath(picture), picture)
        except VesselError as problem:
            failures.append(str(problem))
    for failure in failures:
        say(failure)
    return list(found.values()), len(failures)


def _load(options: argparse.Namespace, pictures: int) -> Model:
    """Load the model for all workers here (for a cluster: see that it is one), and tell its notes."""
    path = find_model(options.model)
    if options.dask is not None:
        model = load_model(path, "cpu")
    else:
        threads = max(1, physical_cores() // workers_for(pictures, options.workers))
        model = load_model(path, options.provider, threads=threads)
    if model.provider_note:
        say(model.provider_note)
    if model.card.guessed:
        say(f"{path.name} carries no model card. Guessed: {'; '.join(explain_guesses(model.card))}.")
    return model


@dataclass
class _Tally:
    """Counts pictures, and shows on the bar how far all those in work are together."""

    bar: Progress
    total: int
    done: int = 0
    failed: int = 0
    _shares: dict[Path, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._task = self.bar.add_task("", total=self.total)

    def on_share(self, picture: Path, share: float) -> None:
        """Take in how far a picture is (0-1), from any thread."""
        with self._lock:
            self._shares[picture] = share
            self._show(picture)

    def counted(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Count outcomes on their way."""
        for outcome in outcomes:
            with self._lock:
                self._shares.pop(outcome.picture, None)
                self.failed += bool(outcome.problem)
                self.done += not outcome.problem
                self._show(outcome.picture)
            yield outcome

    def _show(self, picture: Path) -> None:
        reached = self.done + self.failed + sum(self._shares.values())
        self.bar.update(self._task, completed=reached, description=picture.name)


def _in_order(outcomes: Iterable[Outcome], pictures: list[Path]) -> Iterator[Outcome]:
    """Give outcomes in the order of the pictures, however they come; at a stop, those that were waiting."""
    waiting: dict[Path, Outcome] = {}
    wanted = iter(pictures)
    next_one = next(wanted, None)
    try:
        for outcome in outcomes:
            waiting[outcome.picture] = outcome
            while next_one in waiting:
                yield waiting.pop(next_one)
                next_one = next(wanted, None)
    except (KeyboardInterrupt, VesselError):
        yield from waiting.values()
        raise


def _tell(outcome: Outcome, bar: Progress, *, as_json: bool) -> None:
    """Print what became of a picture: results on stdout, problems and notes on stderr."""
    if outcome.problem:
        _tell_failure(outcome, bar, as_json=as_json)
    elif as_json:
        _print(bar, json.dumps(_record(outcome)))
    else:
        names = ", ".join(path.name for path in (outcome.outputs or {}).values())
        how = "done before" if outcome.resumed else f"{outcome.seconds:.1f} s"
        _print(bar, f"{outcome.picture}: {names} ({outcome.foreground_fraction:.1%} foreground, {how})")
        for note in outcome.notes:
            say(f"{outcome.picture}: {note}")


def _record(outcome: Outcome) -> dict[str, Any]:
    """Give what ``--json`` prints of a picture; the fraction is of all its pixels."""
    return {
        "file": str(outcome.picture),
        "outputs": {kind: str(path) for kind, path in (outcome.outputs or {}).items()},
        "model": outcome.model,
        "model_sha256": outcome.model_sha256,
        "provider": outcome.provider,
        "threshold": outcome.threshold,
        "object_diameter": outcome.object_diameter,
        "seconds": round(outcome.seconds, 3),
        "foreground_fraction": outcome.foreground_fraction,
        "notes": list(outcome.notes),
        "resumed": outcome.resumed,
    }


def _tell_failure(outcome: Outcome, bar: Progress, *, as_json: bool) -> None:
    path, name, text = str(outcome.picture), outcome.picture.name, outcome.problem
    if not text.startswith(path):
        # The reader names the file without its folder; of many pictures one wants to know which.
        text = path + text.removeprefix(name) if text.startswith(f"{name} ") else f"{path}: {text}"
    say(text)
    if as_json:
        _print(bar, json.dumps({"file": path, "error": text}))


def _print(bar: Progress, text: str) -> None:
    """Print a result on stdout; where the bar shares its terminal, the line goes above the bar."""
    if not bar.disable and sys.stdout.isatty():
        bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        return
    print(text, flush=True)


def _progress_bar() -> Progress:
    """Make a bar on stderr, which shows only on a terminal; stdout is never taken over."""
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    hidden = not console.is_terminal
    return Progress(*columns, console=console, transient=True, disable=hidden, redirect_stdout=False)
