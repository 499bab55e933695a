"""``vesselapp models``: see, try, add and remove the models that can be chosen."""

import argparse
import json
import os
import re
from dataclasses import asdict
from pathlib import Path

from vesselapp.cli import say
from vesselapp.cli.providers import verdict, why_not
from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write, make_folder, patiently, telling, typed_path
from vesselapp.core.model_card import Figures, ModelCard, ScaleSpec
from vesselapp.core.stems import short_stem
from vesselapp.core.user import signing_name
from vesselapp.inference.cards import explain_guesses
from vesselapp.inference.catalog import ModelEntry, find_model, list_models, model_of_hash, user_folder
from vesselapp.inference.graph import read_graph
from vesselapp.inference.model import load_model
from vesselapp.study.models import Registry
from vesselapp.study.study import Study
from vesselapp.study.study_model import model_problem


def list_all(options: argparse.Namespace) -> int:
    """Print the models there are, one a line."""
    if options.study is not None:
        return _list_of_study(options)
    entries = list_models()
    for entry in entries:
        origin = "shipped" if entry.shipped else "yours"
        if options.json:
            print(json.dumps(entry.facts))
        else:
            print(f"{entry.name}  {entry.task}, {origin}  {entry.path}")
    if not entries:
        say("There are no models yet. Add one with: vesselapp models import FILE")
    return 0


def _list_of_study(options: argparse.Namespace) -> int:
    """Print a study's own models, the one in use marked."""
    registry = Registry(Study.open(options.study).folder)
    active = registry.active()
    for entry in registry.entries():
        used = active is not None and entry.number == active.number
        if options.json:
            record = asdict(entry) | {"path": str(entry.path), "active": used}
            print(json.dumps(record))
        else:
            said = entry.verdict + (f", overruled: {entry.reason}" if entry.reason else "")
            print(f"{'*' if used else ' '} {entry.number:4d}  {entry.name}  {entry.when}  {said}".rstrip())
    if not options.json:
        print(f"{' ' if active else '*'}    0  the model that the study began with")
    return 0


def use(options: argparse.Namespace) -> int:
    """Take one of a study's models into use, or with 0 the one it began with."""
    study = Study.open(options.study)
    registry = Registry(study.folder)
    registry.use(options.number, who=signing_name())
    active = registry.active()
    name = f"{active.number} {active.name}" if active else "the model that the study began with"
    print(f"in use: {name}")
    if problem := model_problem(study):
        say(problem)
    return 0


def show(options: argparse.Namespace) -> int:
    """Print a model's card."""
    path = find_model(options.model)
    model = load_model(path, "cpu")
    if options.json:
        print(model.card.model_dump_json(indent=2))
        return 0
    print("\n".join([f"file: {path}", f"SHA-256: {model.sha256}", *_card_lines(model.card)]))
    return 0


def check(options: argparse.Namespace) -> int:
    """Run a model's self-test on each provider; 0 where at least one works."""
    path = find_model(options.model)
    card = load_model(path, "cpu").card
    results = why_not(path)
    if options.json:
        print(json.dumps({"file": str(path), "providers": results, "guessed": list(card.guessed)}))
    else:
        for name, problem in results.items():
            print(f"{name}: {verdict(problem)}")
        if card.self_test is None or not card.self_test.expected:
            print("The model carries no expected answer: it is only known that it runs.")
        for line in explain_guesses(card):
            print(f"guessed: {line}")
    return 0 if any(not problem for problem in results.values()) else 1


def add(options: argparse.Namespace) -> int:
    """Copy a model to the user's own, once it has been seen to run; no other model is overwritten."""
    source = Path(options.file)
    model = load_model(source, "cpu")
    if any(weights.external for weights in read_graph(source).weights):
        raise VesselError(
            f"{source.name} keeps its weights in another file.",
            "Export the model as one file and import that.",
        )
    there = model_of_hash(model.sha256)
    if there is not None:
        say(f"This model is there already, as {there.name}.")
        return 0
    target = _free_name(make_folder(user_folder()), options.name or source.stem)
    with telling(f"{source} can't be read"):
        content = source.read_bytes()
    atomic_write(target, content)
    print(f"{target.stem}  {target}")
    for line in explain_guesses(model.card):
        say(f"guessed: {line}")
    return 0


def remove(options: argparse.Namespace) -> int:
    """Delete one of the user's own models; what was corrected of it stays, for other copies of the file."""
    entry = _listed(options.model)
    if entry.shipped:
        raise VesselError(f"{entry.name} came with the app and can't be removed.")
    with telling(f"{entry.path} can't be removed"):
        patiently(entry.path.unlink)
    print(f"removed {entry.path}")
    return 0


def _listed(name_or_path: str) -> ModelEntry:
    """Find the one model of the list that has a name, or is a file."""
    entries, path = list_models(), typed_path(name_or_path)
    found = [entry for entry in entries if entry.name == name_or_path]
    found = found or [entry for entry in entries if _place(entry.path) == _place(path)]
    if len(found) > 1:
        files = ", ".join(str(entry.path) for entry in found)
        raise VesselError(f"There are {len(found)} models {name_or_path}: {files}.", "Name one by its file.")
    if not found:
        raise VesselError(f"There is no model {name_or_path} in the list.", "See: vesselapp models list")
    return found[0]


def _place(path: Path) -> tuple[str, str]:
    """Name a file alike from whatever folder; a link itself, not what it leads to."""
    return os.path.realpath(path.parent), path.name


def _free_name(folder: Path, wish: str) -> Path:
    """Give a file name that no model has yet, shipped ones included: ``name``, ``name-2``, ``name-3``..."""
    stem = short_stem(re.sub(r"[^\w.+-]+", "-", wish)).strip("-.") or "model"
    taken = {entry.name.casefold() for entry in list_models()}
    candidate, number = stem, 2
    while candidate.casefold() in taken or (folder / f"{candidate}.onnx").exists():
        candidate, number = f"{stem}-{number}", number + 1
    return folder / f"{candidate}.onnx"


def _card_lines(card: ModelCard) -> list[str]:
    lines = [
        f"name: {card.name} (version {card.version})",
        f"for: {card.task}",
        f"description: {card.description}",
        f"input: {card.input.colour}, {card.input.dtype}, {card.input.layout}",
        f"scale: {card.scale.kind}" + _sizes(card.scale),
        f"answer: {card.output.meaning} of {', '.join(card.output.channels)}",
        f"threshold: {card.threshold:g}",
        f"made: {card.timestamp}",
        f"made by: {card.command}",
        f"licence: {card.licence}",
    ]
    lines += [f"learnt from: {s.name}, {s.amount}, {s.licence}. {s.credit}" for s in card.training_data]
    for figures in card.validation:
        values = ", ".join(_figure(figures, name) for name in figures.values)
        lines.append(f"measured on: {figures.name}, {figures.pictures} pictures: {values}")
    lines += [f"limit: {limit}" for limit in card.limits]
    lines += [f"guessed: {line}" for line in explain_guesses(card)]
    return [line for line in lines if not line.endswith(": ")]


def _figure(figures: Figures, name: str) -> str:
    """Say a figure, with its 95 % interval where there is one."""
    interval = figures.intervals.get(name)
    between = "" if interval is None else f" ({interval[0]:.3f}-{interval[1]:.3f})"
    return f"{name} {figures.values[name]:.3f}{between}"


def _sizes(scale: ScaleSpec) -> str:
    """Say to how many px a picture is scaled."""
    if not scale.size:
        return ""
    if not scale.largest:
        return f", {scale.size} px"
    return f", to {scale.share:g} of its own diameter, but {scale.size} px to {scale.largest} px"
