"""Where model cards come from: the file itself, or, for foreign files, a guess that is kept.

A kept card lies beside the user's models under the file's hash, so that it follows the file under any name
and can be corrected; the file stays untouched.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write
from vesselapp.core.folders import data_folder
from vesselapp.core.model_card import METADATA_KEY, ModelCard
from vesselapp.inference.graph import GraphInfo, read_graph

_GUESSES = {
    "task": "What it is for: {task}",
    "input.layout": "Order of the input's axes: {input.layout}",
    "input.colour": "Colours it takes: {input.colour}",
    "input.high": "Pixel values it takes: {input.low:g} to {input.high:g}",
    "input.mean": "Taken off the values, and divided by: {input.mean}, {input.std}",
    "input.equalise": "Histogram equalised beforehand: {input.equalise}",
    "scale.kind": "How a picture is brought to its size: {scale.kind}",
    "tile.stride": "Sides are multiples of: {tile.stride} px",
    "output.name": "Output that is the mask: {output.name}",
    "output.layout": "Order of the output's axes: {output.layout}",
    "output.meaning": "What its numbers mean: {output.meaning}",
    "output.foreground": "Channels that are foreground: {output.foreground}",
}


def own_card(info: GraphInfo, path: Path) -> ModelCard | None:
    """Give the model card that a file carries, or None.

    Raises
    ------
    VesselError
        If the card is damaged, or isn't this graph's.
    """
    text = info.metadata.get(METADATA_KEY)
    if text is None:
        return None
    try:
        card = ModelCard.model_validate_json(text)
    except ValidationError as error:
        raise VesselError(f"The model card in {path.name} is damaged.", "Export the model again.") from error
    inputs = [tensor.name for tensor in info.inputs]
    outputs = [tensor.name for tensor in info.outputs]
    # A card may leave the names out where there is just one thing to name.
    name = card.input.name or inputs[0]
    answer = card.output.name or outputs[0]
    if name not in inputs or answer not in outputs:
        raise VesselError(f"The model card in {path.name} is not this model's.", "Export the model again.")
    parts = {
        "input": card.input.model_copy(update={"name": name}),
        "output": card.output.model_copy(update={"name": answer}),
    }
    return card.model_copy(update=parts)


def card_in(path: Path) -> ModelCard | None:
    """Read the model card that a file carries (see `own_card`; VesselError also where it is no model)."""
    return own_card(read_graph(path), path)


def correct_card(card: ModelCard, changes: Mapping[str, Any]) -> ModelCard:
    """Correct what was guessed.

    Parameters
    ----------
    card : ModelCard
    changes : Mapping[str, Any]
        New values by dotted name, such as ``{"input.colour": "green", "scale.kind": "as_is"}``.

    Returns
    -------
    ModelCard
        With the values in place, their names no longer among the guessed ones, and without a self-test.

    Raises
    ------
    VesselError
        If there is no such value, or it can't be that.
    """
    values = card.model_dump(mode="json")
    for name, value in changes.items():
        *parts, last = name.split(".")
        place = values
        for part in parts:
            inner = place.get(part)
            place = inner if isinstance(inner, dict) else {}
        if last not in place:
            raise VesselError(f"A model card has no value '{name}'.", f"Known ones: {', '.join(_GUESSES)}.")
        place[last] = value
    values["guessed"] = [name for name in card.guessed if name not in changes]
    values["self_test"] = None  # what was right before the correction
    try:
        return ModelCard.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise VesselError(f"{where} can't be {first['input']!r}: {first['msg'].lower()}.") from error


def explain_guesses(card: ModelCard) -> list[str]:
    """Say in words what of a card was guessed, a line each."""
    parts = {"task": card.task, "input": card.input, "scale": card.scale, "tile": card.tile}
    return [_GUESSES.get(name, name).format(**parts, output=card.output) for name in card.guessed]


def kept_card(sha256: str) -> ModelCard | None:
    """Give the kept card of a foreign file, or None where there is none that can be read."""
    try:
        card = ModelCard.model_validate_json(_kept_path(sha256).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    # Older cards don't say which kind of mask theirs is; that is told by trying.
    unsaid = card.output.meaning == "mask" and "soft" not in card.output.model_fields_set
    return None if unsaid else card


def keep_card(sha256: str, card: ModelCard) -> Path:
    """Keep a foreign file's card for the next time.

    Raises
    ------
    VesselError
        If it can't be written.
    """
    path = _kept_path(sha256)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VesselError(f"{path.parent} can't be made: {error.strerror}.", "Check the folder.") from error
    atomic_write(path, card.model_dump_json(indent=1).encode())
    return path


def kept_since(sha256: str) -> float:
    """Say since when a file's kept card is as it is (seconds since the epoch); 0 where none is kept."""
    try:
        return _kept_path(sha256).stat().st_mtime
    except OSError:
        return 0.0


def _kept_path(sha256: str) -> Path:
    return data_folder() / "models" / "cards" / f"{sha256}.json"
