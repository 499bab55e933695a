"""``vesselapp study``: make studies, see how far they are, check them, and exchange masks."""

import argparse
import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from vesselapp.cli import say
from vesselapp.core.errors import VesselError
from vesselapp.core.files import is_file
from vesselapp.core.user import signing_name
from vesselapp.study.exchange import export_study
from vesselapp.study.judging import Judging
from vesselapp.study.lock import holder_of
from vesselapp.study.models import Registry
from vesselapp.study.record import Record, State
from vesselapp.study.study import Study
from vesselapp.study.study_model import model_of, model_problem, told_name
from vesselapp.study.taking import import_masks
from vesselapp.study.unusable import copies_told, gone_told, unreachable_told
from vesselapp.study.verify import verify_study


def new(options: argparse.Namespace) -> int:
    """Make a study."""
    if options.model:
        _see_model(options.model)
    study = Study.create(options.study, options.name, options.pictures, options.model, signing_name())
    count = len(study.pictures())
    print(f"{study.name}: {count} {'picture' if count == 1 else 'pictures'}, in {study.folder}")
    if not count:
        say("No pictures were found there yet.")
    return 0


def info(options: argparse.Namespace) -> int:
    """Show what a study holds."""
    study = Study.open(options.study)
    unreadable: dict[str, VesselError] = {}
    pictures, records = study.pictures(), dict(study.records(unreadable))
    states = Counter(
        State.IN_PROGRESS if picture.key in unreadable else _state_of(records.get(picture.key))
        for picture in pictures
    )
    used, problem = model_of(study)
    named = told_name(study, Path(used)) if is_file(Path(used)) and not problem else used
    facts: dict[str, Any] = {
        "name": study.name,
        "folder": str(study.folder),
        "created": study.created,
        "model": named or "the shipped one",
        "model_file": used if named != used else "",
        "pictures": len(pictures),
        **{str(state): states[state] for state in State},
        "unreadable": len(unreadable),
        "without_picture": len((records | unreadable).keys() - {picture.key for picture in pictures}),
        "strokes": sum(record.strokes for record in records.values()),
        "hours": round(sum(record.active_seconds for record in records.values()) / 3600, 2),
        "last_saved": max((record.saved for record in records.values()), default=""),
        "folders": [str(root) for root in study.roots],
        "missing_folders": [str(root) for root in study.missing_roots],
        "unlisted_folders": [str(folder) for folder in study.unlisted],
        "at_work": sorted({who for key in records if (who := _at_work(study, key))}),
    }
    if unreadable:
        say(_unreadable_told(list(unreadable.values())))
    for sentence in copies_told(study) + gone_told(study):
        say(sentence)
    if problem := model_problem(study):
        say(problem)
    if options.json:
        print(json.dumps(facts))
        return 0
    table = Table(show_header=False, box=None, title=escape(study.name), title_justify="left")
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value not in ("", [], 0) or name in ("pictures", "reviewed"):
            words = "\n".join(value) if isinstance(value, list) else str(value)
            table.add_row(name.replace("_", " "), escape(words))
    Console().print(table)
    for sentence in unreachable_told(study):
        say(sentence)
    return 0


def verify(options: argparse.Namespace) -> int:
    """Hold a study against its audit log; 1 where something was found."""
    with _progress("Verifying") as progress:
        findings = verify_study(options.study, progress)
    problems = sum(finding.problem for finding in findings)
    if options.json:
        for finding in findings:
            print(json.dumps(asdict(finding)))
        return 1 if problems else 0
    if findings:
        table = Table("", "where", "what")
        for finding in findings:
            kind = "problem" if finding.problem else "note"
            table.add_row(kind, escape(finding.where), escape(finding.sentence))
        Console().print(table)
    print(f"Problems found: {problems}." if problems else "All is as it was left.")
    return 1 if problems else 0


def export(options: argparse.Namespace) -> int:
    """Write a study's pictures and masks; 1 where a picture was left out."""
    study = Study.open(options.study)
    if options.parted and options.format != "coco":
        raise VesselError("--parted is for COCO: a mask can't hold cells apart.", "Add --format coco.")
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    out = options.out or study.folder / "exports" / f"{stamp}-{options.format}"
    with _progress("Exporting") as progress:
        outcome = export_study(
            study,
            out,
            options.format,
            everything=options.all,
            judging=Judging(study, options.model),
            objects=True if options.parted else options.objects,
            parted=options.parted,
            who=signing_name(),
            progress=progress,
        )
    facts = {"folder": str(out), "pictures": len(outcome.stems)}
    return _tell(options, facts, outcome.left_out, outcome.notes, "written to")


def take(options: argparse.Namespace) -> int:
    """Take masks made elsewhere; 1 where a file was not taken."""
    study = Study.open(options.study)
    with _progress("Importing") as progress:
        outcome = import_masks(
            study,
            options.masks,
            reviewed=options.reviewed,
            replace_corrections=options.replace,
            who=signing_name(),
            progress=progress,
        )
    facts = {"folder": str(study.folder), "pictures": len(outcome.pictures)}
    return _tell(options, facts, outcome.left_out, outcome.notes, "taken into")


def model(options: argparse.Namespace) -> int:
    """Say which model a study begins with, where it was the wrong one or its file was moved."""
    study = Study.open(options.study)
    _see_model(options.model)
    study.set_model(options.model, signing_name())
    print(f"the model that {study.name} begins with: {study.model}")
    active = Registry(study.folder).active()
    if active is not None:
        say(f"Its model {active.number} stays in use. To use the first: vesselapp models use 0 --study STUDY")
    return 0


def moved(options: argparse.Namespace) -> int:
    """Say where a folder of pictures is now."""
    study = Study.open(options.study)
    missing = study.missing_roots
    named = options.were_in and Path(os.path.abspath(options.were_in))  # noqa: PTH100 - as roots are kept
    were = [root for root in missing if named in (None, root)]
    if not missing:
        raise VesselError(
            f"None of the folders of pictures of {study.name} is missing.", "Nothing is changed."
        )
    if len(were) != 1:
        listed = ", ".join(str(root) for root in missing)
        raise VesselError(f"Which folder was moved? Missing are: {listed}.", "Name one with --were-in.")
    study.set_root(study.roots.index(were[0]), options.pictures, signing_name())
    count = len(study.pictures())
    print(f"{study.name}: {count} {'picture' if count == 1 else 'pictures'} found")
    return 0


def _tell(
    options: argparse.Namespace, facts: dict[str, Any], left_out: list[str], notes: list[str], done: str
) -> int:
    """Tell what became of an exchange; 1 where something was left out."""
    if options.json:
        print(json.dumps(facts | {"left_out": left_out, "notes": notes}))
    else:
        for sentence in (*left_out, *notes):
            say(sentence)
        count = facts["pictures"]
        print(f"{count} {'mask' if count == 1 else 'masks'} {done} {facts['folder']}")
    return 1 if left_out else 0


def _see_model(name: str) -> None:
    """See that there is a model of a name, or in a file, and that it can be read."""
    from vesselapp.inference.catalog import find_model
    from vesselapp.inference.model import load_model  # loads onnxruntime

    load_model(find_model(name), "cpu")


def _state_of(record: Record | None) -> State:
    return record.state if record is not None else State.NEW


def _unreadable_told(problems: list[VesselError]) -> str:
    """Say how many records (at least one) can't be read, and why the first can't."""
    if len(problems) == 1:
        return f"1 record can't be read, so its picture counts as in progress: {problems[0].message}"
    count, first = len(problems), problems[0].message
    return f"{count} records can't be read, so their pictures count as in progress. The first: {first}"


def _at_work(study: Study, key: str) -> str:
    holder = holder_of(study.place_of(key).folder)
    return f"{holder.who} on {holder.host}" if holder is not None and not holder.stale else ""


@contextlib.contextmanager
def _progress(text: str) -> Iterator[Callable[[float], None]]:
    """Show a bar on stderr while inside, where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(text, total=1.0)
        yield lambda share: bar.update(task, completed=share)
