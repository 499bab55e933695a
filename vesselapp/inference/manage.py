"""Looking after models: trying them on each device, taking files in, and throwing own ones out."""

import itertools
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write
from vesselapp.core.self_test import self_test_picture
from vesselapp.inference.cards import explain_guesses, file_sha256, forget_card
from vesselapp.inference.catalog import ModelEntry, list_models, user_folder
from vesselapp.inference.checks import external_files
from vesselapp.inference.model import load_model, trial_shape
from vesselapp.inference.providers import CPU, offered_providers


@dataclass(frozen=True)
class Check:
    """What a try of a model on a provider found: what is wrong (empty: nothing), and seconds for a tile."""

    provider: str
    problem: str
    seconds: float


def check_model(path: Path) -> list[Check]:
    """Run a model's self-test on each provider of the installed ONNX Runtime.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list[Check]
        Best provider first.

    Raises
    ------
    VesselError
        If the file is no model, or doesn't run on the CPU.
    """
    model = load_model(path, CPU.name)
    checks = []
    for provider in offered_providers():
        problem = model.start(provider)
        height, width = trial_shape(model.card)
        picture = self_test_picture(0, max(height, width))[None, :height, :width]
        begun = time.perf_counter()
        if not problem:
            model.run(picture)
        checks.append(Check(provider.name, problem, time.perf_counter() - begun))
    return checks


def show_model(path: Path) -> dict[str, Any]:
    """Give what is known of a model, as JSON values: ``file``, ``sha256``, ``bytes``, ``card``, ``guesses``.

    Raises
    ------
    VesselError
        If the file is no model that can be used.
    """
    model = load_model(path, CPU.name)
    return {
        "file": str(path),
        "sha256": model.sha256,
        "bytes": path.stat().st_size,
        "card": model.card.model_dump(mode="json"),
        "guesses": explain_guesses(model.card),
    }


def import_model(path: Path, name: str | None = None) -> ModelEntry:
    """Copy a model into the user's folder, after it was tried on the CPU.

    Parameters
    ----------
    path : Path
    name : str, optional
        Name to keep it under; the file's own where None. Nothing is overwritten: a number is added.

    Returns
    -------
    ModelEntry

    Raises
    ------
    VesselError
        If it can't be used or copied.
    """
    model = load_model(path, CPU.name)
    for entry in list_models():
        if entry.path.stat().st_size == path.stat().st_size and file_sha256(entry.path) == model.sha256:
            return entry
    beside = external_files(path)
    folder = user_folder()
    wanted = re.sub(r"[^\w.-]+", "-", name or path.stem).strip("-.") or "model"
    taken = {entry.name for entry in list_models()}
    numbered = (f"{wanted}-{number}" for number in itertools.count(2))
    free = next(name for name in itertools.chain([wanted], numbered) if name not in taken)
    # Weights in files of their own keep their names, so such a model gets a folder of its own.
    place = folder / free if beside else folder
    try:
        for file in beside:
            target = place / file.relative_to(path.resolve().parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        place.mkdir(parents=True, exist_ok=True)
        atomic_write(place / f"{free}.onnx", path.read_bytes())
    except OSError as error:
        raise VesselError(
            f"{path.name} can't be copied: {error.strerror}.", f"Is {folder} writable?"
        ) from error
    return ModelEntry(free, place / f"{free}.onnx", shipped=False, task=model.card.task)


def remove_model(name: str) -> Path:
    """Delete one of the user's own models, and give where it lay.

    Raises
    ------
    VesselError
        If there is none of that name, or it came with the app, or it can't be deleted.
    """
    entry = next((entry for entry in list_models() if entry.name == name), None)
    if entry is None:
        raise VesselError(f"There is no model {name}.", "See `vesselapp models list`.")
    if entry.shipped:
        raise VesselError(f"{name} came with the app and can't be removed.", "Only your own models can.")
    try:
        forget_card(file_sha256(entry.path))
        if entry.path.parent == user_folder():
            entry.path.unlink()
        else:
            shutil.rmtree(entry.path.parent)
    except OSError as error:
        raise VesselError(f"{entry.path} can't be deleted: {error.strerror}.", "Is it in use?") from error
    return entry.path
