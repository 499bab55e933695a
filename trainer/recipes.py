"""The recipes: every setting of a training, in one frozen value each."""

import dataclasses
import json
import math
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vesselapp.core.errors import VesselError
from vesselapp.core.files import reason
from vesselapp.core.model_card import MOST_SIZE, ScaleSpec

WITH_CHANNELS = ("Unet", "UnetPlusPlus", "MAnet", "Linknet")
"""The architectures of segmentation-models-pytorch whose decoder can be made narrower."""
_GROWTH = 1.6
"""How many times the working diameter finely resolved fundus pictures get at most."""


@dataclass(frozen=True)
class Augment:
    """How training pictures are varied: chances are 0-1, ranges are factors unless a unit is named."""

    scale: tuple[float, float] = (0.6, 1.6)
    warp: float = 0.6
    elastic: float = 0.1
    gamma: float = 0.35
    gain: float = 0.25
    offset: float = 20.0
    colour_mix: float = 0.25
    gray: float = 0.05
    shading: float = 0.35
    low_resolution: float = 0.35
    blur: float = 0.15
    sharpen: float = 0.15
    noise: float = 0.35
    jpeg: float = 0.2
    equalise: float = 0.05
    invert: float = 0.0
    stain: float = 0.0
    expose: float = 0.0
    mirror: bool = False


@dataclass(frozen=True)
class Recipe:
    """All settings of one training run.

    ``size`` is the working scale in px: diameter of the field of view, or of a typical object, as
    ``scale_kind`` says. With ``share``, a field of view is brought to that share of its own diameter, held
    between ``size`` and 1.6 times ``size`` (`scale_of`). Where the exported model answers, it gets at
    least ``answer_finer`` times ``size``: other cameras show finer vessels than those learnt from
    (`answer_scale`). ``inputs``: ``rgb+log`` adds the logarithm of the
    light as three more channels, for dim pictures. ``crop`` is the side of a training crop in px, ``loss`` a
    sum such as ``bce+0.5*dice``, ``drawn`` the share of crops that our own code draws, ``views`` how many
    mirrored views the exported file averages. ``ema`` and ``ema_lag``: the average of the weights
    (`trainer.optimise.running_average`). ``balance``: within a set, each picture has the same chance
    (``pictures``), or each look has a chance that grows with the square root of its pictures, so that rare
    looks are learnt too (``looks``).
    """

    name: str
    task: Literal["vessels", "cells"]
    channels: tuple[str, ...]
    foreground: tuple[int, ...]
    scale_kind: Literal["as_is", "field_of_view", "object_diameter"]
    size: int
    share: float = 0.0
    answer_finer: float = 1.0
    inputs: Literal["rgb", "rgb+log"] = "rgb"
    architecture: str = "Unet"
    encoder: str = "efficientnet-b0"
    encoder_depth: int = 4
    encoder_weights: str | None = None
    decoder_channels: tuple[int, ...] = (128, 64, 32, 16)
    widths: tuple[int, ...] = (16, 32, 64, 128)
    norm: Literal["batch", "group"] = "batch"
    dropout: float = 0.0
    crop: int = 512
    batch: int = 4
    steps: int = 3000
    steps_per_epoch: int = 100
    validate_every: int = 5
    loss: str = "bce+0.5*dice"
    optimiser: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    schedule: Literal["one-cycle", "cosine", "cyclic", "constant"] = "one-cycle"
    ema: float = 0.998
    ema_lag: float = 10.0
    clip: float = 1.0
    precision: Literal["32", "bf16", "16"] = "bf16"
    patience: int = 0
    seed: int = 0
    workers: int = 1
    drawn: float = 0.0
    balance: Literal["pictures", "looks"] = "pictures"
    views: int = 1
    augment: Augment = field(default_factory=Augment)


RECIPES = {
    "fundus-vessels": Recipe(
        name="fundus-vessels",
        task="vessels",
        channels=("foreground",),
        foreground=(0,),
        scale_kind="field_of_view",
        size=1400,
        share=0.7,
        answer_finer=1.2,
        steps=6000,
    ),
    "cells": Recipe(
        name="cells",
        task="cells",
        channels=("inside", "border", "background"),
        foreground=(0, 1),
        scale_kind="object_diameter",
        size=28,
        inputs="rgb+log",
        crop=256,
        batch=8,
        loss="ce+0.5*dice",
        drawn=0.3,
        balance="looks",
        steps=6000,
        validate_every=10,
        augment=Augment(
            expose=0.1,
            mirror=True,
            gamma=0.08,
            gain=0.08,
            offset=10.0,
            scale=(0.5, 2.0),
            warp=0.7,
            noise=0.1,
            low_resolution=0.05,
            blur=0.05,
            shading=0.2,
            elastic=0.25,
            invert=0.1,
            stain=0.3,
            colour_mix=0.4,
            gray=0.15,
        ),
    ),
}


def scale_of(recipe: Recipe) -> ScaleSpec:
    """Say how pictures are brought to the recipe's scale in training."""
    if recipe.scale_kind == "field_of_view" and recipe.share:
        largest = round(_GROWTH * recipe.size)
        return ScaleSpec(kind=recipe.scale_kind, size=recipe.size, largest=largest, share=recipe.share)
    return ScaleSpec(kind=recipe.scale_kind, size=None if recipe.scale_kind == "as_is" else recipe.size)


def answer_scale(recipe: Recipe) -> ScaleSpec:
    """Say how pictures are brought to scale where the exported model answers."""
    scale = scale_of(recipe)
    if recipe.scale_kind != "field_of_view":
        return scale
    size = round(recipe.answer_finer * recipe.size)
    largest = None if scale.largest is None else max(scale.largest, size)
    return ScaleSpec(kind=scale.kind, size=size, largest=largest, share=scale.share)


def find_recipe(name: str) -> Recipe:
    """Give a recipe by its name."""
    if name not in RECIPES:
        raise VesselError(f"There is no recipe '{name}'.", f"Known recipes: {', '.join(RECIPES)}.")
    return RECIPES[name]


def change_recipe(recipe: Recipe, changes: list[str]) -> Recipe:
    """Apply ``key=value`` changes (``augment.key=value`` for augmentation); values are JSON or words.

    Raises
    ------
    VesselError
        For a setting that doesn't exist, or where what comes out makes no sense.
    """
    values: dict[str, Any] = {}
    augment: dict[str, Any] = {}
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise VesselError(f"'{change}' is no setting.", "Write it as key=value, e.g. steps=2000.")
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        place, name = (augment, key[8:]) if key.startswith("augment.") else (values, key)
        place[name] = value
    try:
        if augment:
            values["augment"] = dataclasses.replace(recipe.augment, **_as_fields(augment, Augment()))
        changed = dataclasses.replace(recipe, **_as_fields(values, recipe))
    except TypeError as error:
        raise VesselError(f"The recipe has no such setting ({error}).") from error
    _check_kinds(changed)
    _check_ranges(changed)
    _check_answers(changed)
    _check_used(changed, list(values))
    return changed


_LEAST = {
    "size": 1,
    "answer_finer": 1,
    "encoder_depth": 1,
    "crop": 8,
    "batch": 1,
    "steps": 1,
    "steps_per_epoch": 1,
    "ema_lag": 2,
    "validate_every": 1,
    "learning_rate": 1e-30,
    "weight_decay": 0,
    "clip": 0,
    "patience": 0,
    "seed": 0,
    "workers": 0,
}
_MOST_SEED = 2**32 - 1
_SHARES = ("share", "dropout", "ema", "drawn")
_AMOUNTS = ("gamma", "gain", "offset")
"""What of the augmentation is no chance."""
_SCALES = {"vessels": "field_of_view", "cells": "object_diameter"}
_VIEWS = (1, 2, 4)


def _check_kinds(recipe: Recipe) -> None:
    """Refuse words that stand for nothing, and lists that hold something else than sizes."""
    for name, kind in typing.get_type_hints(Recipe).items():
        choices = typing.get_args(kind)
        if typing.get_origin(kind) is Literal and getattr(recipe, name) not in choices:
            raise VesselError(
                f"There is no {name} '{getattr(recipe, name)}'.", f"Take {' or '.join(choices)}."
            )
    if not isinstance(recipe.encoder_weights, str | None):
        raise VesselError(f"The setting 'encoder_weights' can't be '{recipe.encoder_weights}'.")
    if not all(isinstance(name, str) and name for name in recipe.channels):
        raise VesselError(f"The setting 'channels' must be names, not '{list(recipe.channels)}'.")
    for name in ("widths", "decoder_channels"):
        sizes = getattr(recipe, name)
        if not sizes or not all(type(size) is int and size > 0 for size in sizes):
            raise VesselError(f"The setting '{name}' must be whole numbers above 0, not '{list(sizes)}'.")


def _check_ranges(recipe: Recipe) -> None:
    """Refuse numbers with which nothing can be trained."""
    for name, least in _LEAST.items():
        value = getattr(recipe, name)
        if not least <= value < math.inf:
            bound = "above 0" if name == "learning_rate" else f"at least {least}"
            raise VesselError(f"The setting '{name}' must be {bound}, not {value}.")
    if recipe.seed > _MOST_SEED:
        raise VesselError(f"The setting 'seed' must be at most {_MOST_SEED}, not {recipe.seed}.")
    for name in _SHARES:
        if not 0 <= getattr(recipe, name) <= 1:
            raise VesselError(f"The setting '{name}' must lie between 0 and 1.")
    try:
        answer_scale(recipe)
    except (ValueError, OverflowError) as error:
        finer = f" and answer_finer={recipe.answer_finer:g}" if recipe.scale_kind == "field_of_view" else ""
        raise VesselError(
            f"With size={recipe.size}{finer} pictures would be brought to more than {MOST_SIZE} px.",
            "Set them lower.",
        ) from error
    if recipe.views not in _VIEWS:
        raise VesselError(f"The setting 'views' must be 1, 2 or 4, not {recipe.views}.")
    augment = dataclasses.asdict(recipe.augment)
    scale = augment.pop("scale")
    if (
        len(scale) != 2
        or not all(isinstance(v, int | float) for v in scale)
        or not 0 < scale[0] <= scale[1] < math.inf
    ):
        raise VesselError("The setting 'augment.scale' must be two factors above 0, the smaller one first.")
    for name, value in augment.items():
        if not 0 <= value < math.inf:
            raise VesselError(f"The setting 'augment.{name}' must be at least 0, not {value}.")
        if value > 1 and name not in _AMOUNTS:
            raise VesselError(f"The setting 'augment.{name}' is a chance: at most 1, not {value}.")


def _check_answers(recipe: Recipe) -> None:
    """Make sure that the net's answers are those of the task, and that the loss is for so many."""
    count, wanted = len(recipe.channels), 1 if recipe.task == "vessels" else 3
    if count != wanted:
        raise VesselError(
            f"The truth of {recipe.task} has {wanted} channels, the setting 'channels' {count}."
        )
    chosen = recipe.foreground
    if (
        not chosen
        or not all(type(n) is int and 0 <= n < count for n in chosen)
        or len(set(chosen)) < len(chosen)
    ):
        raise VesselError(
            f"The setting 'foreground' can't be {list(chosen)}: it names some of {count} channels, from 0."
        )
    terms = {term.rpartition("*")[2].strip() for term in recipe.loss.split("+")}
    if "ce" in terms and count == 1:
        raise VesselError("The loss 'ce' is for several answers; this net gives one.", "Take bce.")
    if "bce" in terms and count > 1:
        raise VesselError(f"The loss 'bce' is for one answer; this net gives {count}.", "Take ce.")


def _check_used(recipe: Recipe, given: list[str]) -> None:
    """Refuse what was given for nothing: a setting that this recipe's training doesn't heed."""
    if "scale_kind" in given and recipe.scale_kind != _SCALES[recipe.task]:
        raise VesselError(
            f"Pictures of {recipe.task} are always brought to scale by {_SCALES[recipe.task]}; "
            f"'scale_kind={recipe.scale_kind}' isn't done."
        )
    if recipe.drawn and recipe.task != "cells":
        raise VesselError("Only cells are drawn: the setting 'drawn' must be 0 for vessels.")
    if "share" in given and recipe.share and recipe.task != "vessels":
        raise VesselError("Only fields of view have a share: the setting 'share' must be 0 for cells.")
    if "answer_finer" in given and recipe.answer_finer != 1 and recipe.task != "vessels":
        raise VesselError("Only fields of view are answered finer: 'answer_finer' must be 1 for cells.")
    if recipe.patience and not is_validated(recipe):
        raise VesselError(
            f"Nothing would be validated before the end, so 'patience={recipe.patience}' would do nothing.",
            "Set validate_every lower.",
        )
    own = recipe.architecture.startswith("own-")
    unused = ("encoder", "encoder_depth", "encoder_weights", "decoder_channels") if own else ("widths",)
    if not own and recipe.architecture not in WITH_CHANNELS:
        unused += ("decoder_channels",)
    for name in unused:
        if name in given:
            raise VesselError(f"The net '{recipe.architecture}' has no {name}.", f"Leave {name} out.")


def is_validated(recipe: Recipe) -> bool:
    """Tell whether a training makes so many epochs that it is ever validated."""
    return -(-recipe.steps // recipe.steps_per_epoch) >= recipe.validate_every


def recipe_to_dict(recipe: Recipe) -> dict[str, Any]:
    """Give a recipe as plain JSON values."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(recipe)))
    return plain


def recipe_from_dict(values: dict[str, Any]) -> Recipe:
    """Rebuild a recipe from `recipe_to_dict`."""
    base = RECIPES["fundus-vessels"]
    augment = Augment(**_as_fields(values.get("augment", {}), Augment()))
    return dataclasses.replace(base, **_as_fields({**values, "augment": augment}, base))


def read_recipe(path: Path) -> Recipe:
    """Read the recipe that a run kept."""
    try:
        return recipe_from_dict(json.loads(path.read_bytes()))
    except FileNotFoundError as error:
        raise VesselError(f"{path.parent} is no run folder: it holds no {path.name}.") from error
    except OSError as error:
        raise VesselError(f"{path} can't be read: {reason(error)}.") from error
    except ValueError as error:
        raise VesselError(f"{path} is damaged: the run's settings can't be read.") from error


def _as_fields(values: dict[str, Any], like: Any) -> dict[str, Any]:
    """Turn lists back into tuples, and check each value's kind against the default it replaces."""
    out = {}
    for key, value in values.items():
        if not hasattr(like, key):
            raise VesselError(f"The recipe has no setting '{key}'.")
        value = tuple(value) if isinstance(value, list) else value
        default = getattr(like, key)
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if isinstance(default, str) and isinstance(value, int | float):
            value = str(value)
        if default is not None and type(value) is not type(default):
            raise VesselError(
                f"The setting '{key}' must be of the kind {type(default).__name__}, not '{value}'."
            )
        out[key] = value
    return out
