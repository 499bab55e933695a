"""What decides a fine-tune: steps and rate from the number of pictures, and what holds the old ground."""

import dataclasses
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer.recipes import Augment, Recipe, change_recipe
from vesselapp.core.errors import VesselError

MOST_WEIGHT = 100
_STEPS, _STEPS_VESSELS = 25, 160
"""Steps of one training on a single picture; they grow with the square root of their number."""
_MOST_BATCH = 8
"""Crops of a batch at most: a base made on a GPU may have had more than two cores get through in minutes."""
_OLD_SHARE_VESSELS, _BLEND_VESSELS = 0.25, 0.8
_SCALED_LITTLE = (0.85, 1.2)
_VARIED_LITTLE = {
    "gamma": 0.15,
    "gain": 0.12,
    "offset": 10.0,
    "colour_mix": 0.1,
    "gray": 0.0,
    "shading": 0.1,
    "low_resolution": 0.1,
    "blur": 0.05,
    "sharpen": 0.1,
    "noise": 0.1,
    "jpeg": 0.1,
    "equalise": 0.0,
}
"""How much vessels that a person reviewed are varied at most: few steps learn more of them as they are."""


_THE_BASES = (
    *("name", "task", "channels", "foreground", "scale_kind", "size", "share", "inputs", "norm", "views"),
    *("architecture", "encoder", "encoder_depth", "encoder_weights", "decoder_channels", "widths"),
)


@dataclass(frozen=True)
class Tuning:
    """What a fine-tune adds to a recipe.

    Attributes
    ----------
    corrected : int
        How many times as much a corrected px weighs as one that was merely accepted (1-100).
    old_share : float
        Share of each batch that holds the old ground (0-1).
    hold : float
        Weight of the loss on those crops.
    frozen_norms : bool
        Whether batch norm keeps the base's statistics, and nothing is dropped at random: few steps learn more
        of the net as it is used.
    blend : float
        Share of the tuned weights in the candidate; the rest are the base's (WiSE-FT: Wortsman et al.,
        CVPR 2022).
    folds : int
        Into how many parts few pictures are cut, each judged by a candidate that has not learnt it.
    """

    corrected: int = 2
    old_share: float = 0.5
    hold: float = 1.0
    frozen_norms: bool = True
    blend: float = 1.0
    folds: int = 2


def recipe_for(base: Recipe, pictures: int, folds: int, changes: Sequence[str]) -> Recipe:
    """Choose steps and rate for so many pictures to learn, then apply the ``key=value`` changes of a recipe.

    Vessels of another camera take many steps to learn, at one rate, whose weights are averaged from the first
    step on; cells are learnt, and forgotten, quickly, and the rate comes down to nothing. Where few
    pictures are judged in folds, each fold is a training of its own, and all are short. The figures come of
    the measurements in docs/learning-tried.md.

    Raises
    ------
    VesselError
        For a setting that doesn't exist, or does nothing here, or a value of the wrong kind.
    """
    vessels = base.task == "vessels"
    each = _STEPS_VESSELS if vessels and not folds else _STEPS
    steps = max(20, round(each * math.sqrt(max(1, pictures)) / 10) * 10)
    recipe = dataclasses.replace(
        base,
        steps=min(600, steps),
        steps_per_epoch=10,
        batch=min(_MOST_BATCH, base.batch),
        validate_every=1 if steps <= 100 else 2,
        learning_rate=6e-4 if vessels else 3e-4,
        schedule="constant" if vessels else "one-cycle",
        ema=0.998 if vessels else 0.98,
        ema_lag=3.0 if vessels else 10.0,
        patience=0,
        drawn=0.0,
        balance="pictures",
        augment=_varied_little(base.augment) if vessels else base.augment,
        workers=1 if sys.platform == "linux" else 0,
    )
    _refuse_what_is_the_bases([_name(change) for change in changes])
    changed = change_recipe(recipe, [change for change in changes if _name(change) not in _OURS])
    _refuse_what_does_nothing(changed, changes)
    if changed.crop != recipe.crop:
        from trainer.nets import stride_of

        if changed.crop % stride_of(changed):
            raise VesselError(f"The setting 'crop' must be a multiple of {stride_of(changed)}.")
    return changed


def _refuse_what_is_the_bases(names: Sequence[str]) -> None:
    """Refuse settings that are in the base's weights, or in how its file is asked: they can't be changed."""
    for name in names:
        if name in _THE_BASES:
            raise VesselError(
                f"The setting '{name}' is the base model's own: a fine-tune can't change it.", "Leave it out."
            )


def _refuse_what_does_nothing(recipe: Recipe, changes: Sequence[str]) -> None:
    """Refuse settings of a training from nothing that this fine-tune doesn't heed."""
    if recipe.balance == "looks":
        raise VesselError(
            "Reviewed pictures are not told apart by look: 'balance=looks' isn't done.", "Leave it out."
        )
    dropping = recipe.dropout and "dropout" in map(_name, changes)
    if dropping and tuning_for(recipe.task, changes).frozen_norms:
        raise VesselError(
            f"Nothing is dropped while batch norm is frozen: 'dropout={recipe.dropout:g}' isn't done.",
            "Set frozen_norms=false too, or leave it out.",
        )


def _varied_little(augment: Augment) -> Augment:
    low, high = augment.scale
    scale = max(low, _SCALED_LITTLE[0]), min(high, _SCALED_LITTLE[1])
    limits = {key: min(getattr(augment, key), most) for key, most in _VARIED_LITTLE.items()}
    return dataclasses.replace(augment, scale=scale, **limits)


def tuning_for(task: str, changes: Sequence[str]) -> Tuning:
    """Choose the `Tuning` for a task, then apply the ``key=value`` changes that are of it.

    Raises
    ------
    VesselError
        For a value that makes no sense.
    """
    values: dict[str, Any] = {}
    for change in changes:
        if (name := _name(change)) in _OURS:
            values[name] = _value(name, change.partition("=")[2])
    vessels = Tuning(old_share=_OLD_SHARE_VESSELS, blend=_BLEND_VESSELS)
    chosen = vessels if task == "vessels" else Tuning()
    changed = dataclasses.replace(chosen, **values)
    limits = {"corrected": (1, MOST_WEIGHT), "old_share": (0, 0.95), "blend": (0, 1), "folds": (2, 20)}
    for name, (low, high) in limits.items():
        if not low <= getattr(changed, name) <= high:
            raise VesselError(f"The setting '{name}' must lie between {low:g} and {high:g}.")
    return changed


def _value(name: str, text: str) -> Any:
    """Read a value of the kind that a setting has."""
    kind = type(getattr(Tuning(), name))
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, bool) != (kind is bool) or not isinstance(value, int | float):
        raise VesselError(f"The setting '{name}' can't be '{text}'.")
    if kind is int and value != int(value):
        raise VesselError(f"The setting '{name}' must be a whole number.")
    return kind(value)


def _name(change: str) -> str:
    return change.partition("=")[0]


_OURS = {field.name for field in dataclasses.fields(Tuning)}
