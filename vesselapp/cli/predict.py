"""``vesselapp predict``: masks of many pictures, one after the other."""

import argparse
import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vesselapp.cli import INTERRUPTED, drop_stdout, say
from vesselapp.cli.answer import Answer, answer
from vesselapp.core.errors import VesselError
from vesselapp.core.export import SUFFIXES, unique_stems, write_outputs
from vesselapp.core.files import make_folder, reason
from vesselapp.core.image import find_pictures, read_image
from vesselapp.inference.cards import explain_guesses
from vesselapp.inference.catalog import find_model
from vesselapp.inference.model import Model, load_model

_log = logging.getLogger(__name__)


def predict_pictures(options: argparse.Namespace) -> int:
    """Do what was asked for on the command line (see `vesselapp.cli.arguments`); give the exit status."""
    pictures, failures = _gather(options.paths)
    if not pictures:
        return 1
    model = load_model(find_model(options.model), options.provider)
    if model.provider_note:
        say(model.provider_note)
    if model.card.guessed:
        say(f"{model.path.name} carries no model card. Guessed: {'; '.join(explain_guesses(model.card))}.")
    folder = make_folder(options.out)
    stems, inputs = unique_stems(pictures), frozenset(map(os.path.realpath, pictures))
    done = 0
    with _progress_bar() as bar:
        task = bar.add_task("", total=len(pictures))
        try:
            for index, (path, stem) in enumerate(zip(pictures, stems, strict=True)):
                bar.update(task, completed=index, description=path.name)
                done += _one(_Request(path, stem, folder, inputs, options), model, bar, index)
                bar.update(task, completed=index + 1)
        except KeyboardInterrupt:
            bar.stop()
            say(f"Stopped: {done} of {len(pictures)} pictures were done.")
            return INTERRUPTED
    failures += len(pictures) - done
    if failures:
        say(f"{done} done, {failures} failed.")
    return 1 if failures else 0


@dataclass(frozen=True)
class _Request:
    """One picture and where its results go."""

    path: Path
    stem: str
    folder: Path
    inputs: frozenset[str]
    options: argparse.Namespace

    def check_originals(self) -> None:
        """Refuse to write where one of the pictures that were given lies."""
        for kind in self.options.save:
            target = self.folder / f"{self.stem}{SUFFIXES[kind]}"
            if os.path.realpath(target) in self.inputs:
                raise VesselError(
                    f"{target} is one of the pictures that were given.", "Choose another --out."
                )


def _gather(paths: list[Path]) -> tuple[list[Path], int]:
    """Give the pictures, each once, and the number of paths that led to none (they are named on the way)."""
    found: dict[str, Path] = {}
    failures = 0
    for path in paths:
        try:
            for picture in find_pictures([path]):
                found.setdefault(os.path.realpath(picture), picture)
        except VesselError as problem:
            say(str(problem))
            failures += 1
    return list(found.values()), failures


def _one(request: _Request, model: Model, bar: Progress, index: int) -> bool:
    """Do one picture; a failure is told and costs no other picture."""
    task, options = bar.task_ids[0], request.options
    try:
        request.check_originals()
        image = read_image(request.path)
        result = answer(
            model, image.pixels, options.threshold, lambda share: bar.update(task, completed=index + share)
        )
        outputs = write_outputs(
            request.folder, request.stem, options.save, image.pixels, result.mask, result.probability
        )
    except VesselError as problem:
        _log.info("%s: %s", request.path, problem, exc_info=problem.__cause__)
        return _failed(request, bar, str(problem))
    except Exception as problem:  # noqa: BLE001 - a runtime's own error or a bug: the other pictures go on
        _log.error("unexpected error with %s", request.path, exc_info=problem)
        return _failed(request, bar, f"{type(problem).__name__}: {problem}".splitlines()[0])
    notes = (*image.notes, *result.warnings)
    if options.json:
        _print(bar, json.dumps(_record(request, outputs, model, result, notes)))
    else:
        names = ", ".join(path.name for path in outputs.values())
        share = f"{result.mask.mean():.1%} foreground, {result.seconds:.1f} s"
        _print(bar, f"{request.path}: {names} ({share})")
        for note in notes:
            say(f"{request.path}: {note}")
    return True


def _record(
    request: _Request, outputs: dict[str, Path], model: Model, result: Answer, notes: tuple[str, ...]
) -> dict[str, Any]:
    """Give what ``--json`` prints of a picture; the fraction is of all its pixels."""
    return {
        "file": str(request.path),
        "outputs": {kind: str(path) for kind, path in outputs.items()},
        "model": model.path.stem,
        "model_sha256": model.sha256,
        "provider": result.provider,
        "threshold": result.threshold,
        "seconds": round(result.seconds, 3),
        "foreground_fraction": float(result.mask.mean()),
        "notes": list(notes),
    }


def _failed(request: _Request, bar: Progress, text: str) -> bool:
    path, name = str(request.path), request.path.name
    if not text.startswith(path):
        # The reader names the file without its folder; of many pictures one wants to know which.
        text = path + text.removeprefix(name) if text.startswith(f"{name} ") else f"{path}: {text}"
    say(text)
    if request.options.json:
        _print(bar, json.dumps({"file": str(request.path), "error": text}))
    return False


def _print(bar: Progress, text: str) -> None:
    """Print a result on stdout; where the bar shares its terminal, the line goes above the bar."""
    if not bar.disable and sys.stdout.isatty():
        bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        return
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except OSError as problem:
        drop_stdout()
        raise VesselError(f"The results can't be printed: {reason(problem)}.") from problem


def _progress_bar() -> Progress:
    """Make a bar on stderr, which shows only on a terminal; stdout is never taken over."""
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    hidden = not console.is_terminal
    return Progress(*columns, console=console, transient=True, disable=hidden, redirect_stdout=False)
