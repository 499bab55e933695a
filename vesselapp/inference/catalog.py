"""The models a person can choose from: those that ship with the app, and their own."""

import contextlib
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vesselapp.core.errors import VesselError
from vesselapp.core.files import is_file, is_of_browser, typed_path
from vesselapp.core.folders import data_folder
from vesselapp.core.model_card import METADATA_KEY, ModelCard
from vesselapp.core.resources import resource_path
from vesselapp.inference.cards import kept_card
from vesselapp.inference.checks import model_sha256, model_stamp
from vesselapp.inference.graph import read_graph


@dataclass(frozen=True)
class ModelEntry:
    """A model file that can be chosen.

    Attributes
    ----------
    name : str
        File name without its ending; what ``--model`` takes.
    path : Path
    shipped : bool
        True for one that came with the app.
    task : str
        ``vessels``, ``cells`` or ``other``.
    tunable : bool
        Whether our trainer made it, so that it can be fine-tuned.
    """

    name: str
    path: Path
    shipped: bool
    task: str
    tunable: bool = False

    @property
    def facts(self) -> dict[str, Any]:
        """What is printed of it as JSON."""
        return {"name": self.name, "task": self.task, "shipped": self.shipped, "file": str(self.path)}


def shipped_folder() -> Path:
    """Give the folder of the models that came with the app."""
    return resource_path("models")


def user_folder() -> Path:
    """Give the folder of the user's own models (it need not exist yet)."""
    return data_folder() / "models"


def list_models() -> list[ModelEntry]:
    """List the models to choose from: shipped ones first, then the user's, by name."""
    entries = []
    for folder, shipped in ((shipped_folder(), True), (user_folder(), False)):
        if folder.is_dir():
            found = (*folder.glob("*.onnx"), *folder.glob("*/*.onnx"))
            files = [path for path in found if not is_of_browser(path.name)]
            for path in sorted(files, key=lambda path: path.name.lower()):
                card = card_of(path)
                task, tunable = ("other", False) if card is None else (card.task, "recipe" in card.config)
                entries.append(ModelEntry(path.stem, path, shipped, task, tunable))
    return entries


def model_of_hash(sha256: str) -> ModelEntry | None:
    """Find the model of the list whose file has a hash; what can't be read there is passed over."""
    for entry in list_models():
        with contextlib.suppress(OSError):
            if is_file(entry.path) and model_sha256(entry.path) == sha256:
                return entry
    return None


def find_model(name_or_path: str | None = None, task: str = "vessels") -> Path:
    """Find a model by name or path, or the one for a task.

    Parameters
    ----------
    name_or_path : str, optional
        A name from `list_models`, or a file.
    task : str
        What the model is for, where no name is given.

    Raises
    ------
    VesselError
        If there is none.
    """
    entries = list_models()
    if name_or_path is not None:
        for entry in entries:
            if entry.name == name_or_path:
                return entry.path
        path = typed_path(name_or_path)
        if is_file(path):
            return path
        known = ", ".join(entry.name for entry in entries) or "none yet"
        raise VesselError(f"There is no model {name_or_path}.", f"Give a file, or one of these: {known}.")
    for entry in entries:
        if entry.task == task:
            return entry.path
    raise VesselError(f"There is no model for {task} yet.", "Train one, or choose an ONNX file.")


def card_of(path: Path) -> ModelCard | None:
    """Give the card of a model that was met before, without loading it; None where it can't be had."""
    try:
        text = read_graph(path, metadata_only=True).metadata.get(METADATA_KEY)
        if text:
            return ModelCard.model_validate_json(text)
        return kept_card(_sha256(path, model_stamp(path)))
    except (VesselError, ValidationError, OSError):
        return None


@functools.lru_cache(maxsize=64)
def _sha256(path: Path, _stamp: object) -> str:
    """Give a model's hash; read again only when it has changed."""
    return model_sha256(path)
