"""Which model a study uses."""

from __future__ import annotations

import contextlib
from pathlib import Path

from vesselapp.core.errors import VesselError
from vesselapp.core.files import is_file
from vesselapp.study.models import Registry
from vesselapp.study.study import Study


def model_of(study: Study) -> tuple[str, str]:
    """Give the name or file of a study's model, and a sentence where it is not the one that it should be.

    That is the one in use of its numbered models; else the one it began with (empty: the shipped one).
    """
    registry = Registry(study.folder)
    try:
        active = registry.active()
        if active is None and study.model.isdecimal():
            active = registry.entry(int(study.model))
    except VesselError as problem:
        return "" if study.model.isdecimal() else study.model, str(problem)
    beside = study.folder / study.model
    first = str(beside) if study.model and is_file(beside) else study.model
    if active is None:
        return first, ""
    if not active.path.is_file():
        return first, f"The file of model {active.number} is gone; the study's first model is used."
    try:
        registry.check(active)
    except VesselError as problem:
        return first, f"{problem.message.rstrip('.')}; the study's first model is used."
    return str(active.path), ""


def told_name(study: Study, path: Path) -> str:
    """Give what a model is called to a person: by its number where it is one of the study's."""
    numbers = (entry.number for entry in Registry(study.folder).entries() if entry.path == path)
    return next((f"model {number}" for number in numbers), path.stem)


def model_problem(study: Study) -> str:
    """Say why a study's model can't answer, or another one does; empty where all is well."""
    from vesselapp.inference.catalog import find_model  # loads pydantic

    model, told = model_of(study)
    try:
        find_model(model or None)
    except VesselError as problem:
        told += f" {problem.message} Say which one to use with: vesselapp study model STUDY NAME|FILE"
    return told.strip()


def hash_in_use(study: Study) -> str:
    """Give the hash of the model file that a study uses; empty where there is none to be read."""
    from vesselapp.inference.catalog import find_model  # loads pydantic
    from vesselapp.inference.checks import model_sha256

    try:
        return model_sha256(find_model(model_of(study)[0] or None))
    except (OSError, VesselError):
        return ""


def find_model_by_hash(study: Study, sha256: str) -> Path | None:
    """Find a model file by its hash: the study's own, those of its registry, the app's and the person's."""
    from vesselapp.inference.catalog import model_of_hash  # loads pydantic
    from vesselapp.inference.checks import model_sha256

    if not sha256:
        return None
    numbered = [entry.path for entry in Registry(study.folder).entries() if entry.sha256 == sha256]
    for file in (study.folder / study.model, *numbered):
        with contextlib.suppress(OSError):
            if file.is_file() and model_sha256(file) == sha256:
                return file
    found = model_of_hash(sha256)
    return None if found is None else found.path
