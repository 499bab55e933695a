"""Which model a fine-tune starts from, and which one the candidate has to beat."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.export import net_from_onnx, read_card
from trainer.nets import Segmenter
from trainer.recipes import Recipe
from vesselapp.core.errors import VesselError
from vesselapp.core.files import is_file
from vesselapp.core.model_card import ModelCard
from vesselapp.inference.catalog import find_model, model_of_hash
from vesselapp.inference.checks import model_sha256
from vesselapp.study.models import Registry
from vesselapp.study.study import Study


@dataclass(frozen=True)
class Models:
    """The file to start from, and the one in use that the candidate is compared with."""

    base: Path
    incumbent: Path


def choose_models(study: Study, base: str, *, chain: bool, answered: Sequence[str] = ()) -> Models:
    """Choose base and incumbent.

    By default a fine-tune starts where the lineage of the model in use began, not from the last fine-tune:
    a chain of fine-tunes forgets.

    Parameters
    ----------
    study : Study
    base : str
        A file, a model's name, or a number of the study's registry; empty: the default.
    chain : bool
        Start from the model in use.
    answered : sequence of str
        The hash of the model that answered, a reviewed picture each. Where most were answered by the file
        that is asked for, and no numbered model is in use, that is the one to beat.

    Raises
    ------
    VesselError
        Where a model can't be found.
    """
    registry = Registry(study.folder)
    active = registry.active()
    if active is not None:
        registry.check(active)
    began = _began_with(study, registry)
    incumbent = active.path if active is not None else began
    if base:
        if base.isdecimal():
            asked = registry.entry(int(base))
            registry.check(asked)
            return Models(asked.path, incumbent)
        chosen = find_model(base)
        answers = active is None and 2 * answered.count(model_sha256(chosen)) > len(answered)
        return Models(chosen, chosen if answers else incumbent)
    if active is None or chain:
        return Models(incumbent, incumbent)
    by_hash = {entry.sha256: entry for entry in registry.entries()}
    first, seen = active, {active.sha256}
    while first.run and first.parent in by_hash and first.parent not in seen:
        first = by_hash[first.parent]
        seen.add(first.sha256)
    if not first.run:
        return Models(first.path, incumbent)
    return Models(_with_hash(first.parent, began), incumbent)


def came_of(study: Study, card: ModelCard) -> set[str]:
    """Give the hashes of the models that one came of, one after the other, as far as that is known."""
    parents = {entry.sha256: entry.parent for entry in Registry(study.folder).entries()}
    found: set[str] = set()
    parent = card.parent or ""
    while parent and parent not in found:
        found.add(parent)
        parent = parents.get(parent, "")
    return found


def _began_with(study: Study, registry: Registry) -> Path:
    if study.model.isdecimal():
        return registry.entry(int(study.model)).path
    if not study.model:
        return find_model()
    beside = study.folder / study.model
    return beside if is_file(beside) else find_model(study.model)


def _with_hash(sha256: str, otherwise: Path) -> Path:
    """Find the file that the first fine-tune started from; where it is gone, what the study began with."""
    if model_sha256(otherwise) == sha256:
        return otherwise
    found = model_of_hash(sha256)
    return otherwise if found is None else found.path


def open_base(path: Path) -> tuple[Recipe, Segmenter, ModelCard]:
    """Rebuild the net inside a model file.

    Raises
    ------
    VesselError
        Where the file carries no PyTorch weights under their names: a model of somebody else's.
    """
    try:
        card = read_card(path)
        recipe, net = net_from_onnx(path)
    except (VesselError, KeyError, TypeError, ValueError, RuntimeError) as problem:
        raise VesselError(
            f"{path.name} can't be fine-tuned: it does not carry the weights in the form that this trainer "
            "wrote, so there is no checked way back to them.",
            "It still runs. To retrain, start from a model of vesselapp's trainer.",
        ) from problem
    return recipe, net, card
