"""What was learnt from one picture: a few numbers that change the model's answer to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

_MOST_WEIGHTS = 64


@dataclass(frozen=True)
class Head:
    """What is added to a model's log-odds at each pixel (`vesselapp.core.adapt`).

    Attributes
    ----------
    weights : tuple of float
        One for the code of each feature.
    bias : float
    """

    weights: tuple[float, ...]
    bias: float


@dataclass(frozen=True)
class Learnt:
    """A step of the history that changes whose answer is in sight.

    Attributes
    ----------
    head : Head or None
        None: the model's own answer again.
    model_sha256 : str
        Of the model whose features the head takes.
    pixels : int
        How many corrected pixels it was learnt from.
    """

    head: Head | None = None
    model_sha256: str = ""
    pixels: int = 0


def learnt_to_json(learnt: Learnt) -> dict[str, Any]:
    """Give what was learnt as values of JSON."""
    if learnt.head is None:
        return {"model": learnt.model_sha256}
    return {
        "model": learnt.model_sha256,
        "pixels": learnt.pixels,
        "weights": list(learnt.head.weights),
        "bias": learnt.head.bias,
    }


def learnt_from_json(values: object) -> Learnt:
    """Read what was learnt from values of JSON.

    Raises
    ------
    ValueError
        Where they are of another kind.
    """
    if not isinstance(values, dict) or not isinstance(values.get("model"), str):
        raise ValueError("nothing learnt")
    if "weights" not in values:
        return Learnt(None, values["model"])
    weights, pixels = values["weights"], values.get("pixels")
    if not isinstance(weights, list) or len(weights) > _MOST_WEIGHTS:
        raise ValueError("nothing learnt")
    if not isinstance(pixels, int) or isinstance(pixels, bool) or pixels < 0:
        raise ValueError("nothing learnt")
    head = Head(tuple(_number(value) for value in weights), _number(values.get("bias")))
    return Learnt(head, values["model"], pixels)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value)
