"""Which of a foreign graph's outputs is the mask, and what its numbers mean, told from what it answered."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.model_card import OutputSpec
from vesselapp.inference.conventions import foreground_of, to_probability, whole_shape
from vesselapp.inference.session import DeviceError

_MOST_CHANNELS = 8
_SMALLEST_SHARE = 8
"""Answers may be down to this many times smaller than the picture."""
_CLOSE = 1e-3
_MOST_CLASSES = 20
"""A mask with larger numbers than this holds 0-255 for 0-1, not class numbers."""


@dataclass(frozen=True, eq=False)
class Answer:
    """An output, how it is read, what of that was guessed, and its answers to the pictures tried."""

    spec: OutputSpec
    guessed: tuple[str, ...]
    values: list[NDArray[Any]]


def choose_answer(
    answers: dict[str, list[NDArray[Any]]], count: int, height: int, width: int
) -> Answer | None:
    """Choose the output that is a mask.

    Parameters
    ----------
    answers : dict
        Each output's answers to some batches.
    count, height, width : int
        How many pictures a batch holds, and their size in px.

    Returns
    -------
    Answer or None
        None where no output has the picture's shape.

    Raises
    ------
    DeviceError
        Where only outputs have it that hold values that are no numbers.
    """
    choices: list[tuple[tuple[int, ...], Answer]] = []
    no_numbers = False
    for index, (name, values) in enumerate(answers.items()):
        found = _layout_of(values[0].shape, count, height, width)
        if found is None:
            continue
        if not all(np.isfinite(value).all() for value in values if value.dtype.kind == "f"):
            no_numbers = True
            continue
        layout, channels, shrunk, margin = found
        shape = count, height - 2 * margin, width - 2 * margin
        spec, guessed = _meaning(name, layout, channels, values, shape)
        spec = spec.model_copy(update={"margin": margin})
        rank = {"probability": 0, "softmax_logits": 1, "logits": 1, "mask": 2}[spec.meaning]
        choices.append(((shrunk, margin, channels, rank, index), Answer(spec, guessed, values)))
    if not choices and no_numbers:
        raise DeviceError(ValueError("its answer holds values that are no numbers"))
    if not choices:
        return None
    chosen = min(choices, key=lambda choice: choice[0])[1]
    if len(choices) > 1:
        return Answer(chosen.spec, (*chosen.guessed, "output.name"), chosen.values)
    return chosen


def _layout_of(
    shape: tuple[int, ...], count: int, height: int, width: int
) -> tuple[Literal["NHWC", "NCHW"], int, int, int] | None:
    """Give layout, channels, how many times smaller than the picture it is, and the margin (px) it lacks."""
    layouts: tuple[Literal["NHWC", "NCHW"], ...] = ("NCHW", "NHWC")
    for layout in layouts:
        whole = whole_shape(shape, layout, count, height, width)
        if len(whole) != 4 or whole[0] != count:
            continue
        channels, rows, columns = whole[1:] if layout == "NCHW" else (whole[3], *whole[1:3])
        if not 1 <= channels <= _MOST_CHANNELS or not rows or not columns:
            continue
        shrunk = round(height / rows)
        near = 1 <= shrunk <= _SMALLEST_SHARE and abs(rows * shrunk - height) <= shrunk
        if near and abs(columns * shrunk - width) <= shrunk:
            return layout, channels, shrunk, 0
        lacking = height - rows
        if lacking == width - columns and lacking % 2 == 0 and 0 < lacking < height * 0.75:
            return layout, channels, 1, lacking // 2
    return None


def _meaning(
    name: str,
    layout: Literal["NHWC", "NCHW"],
    channels: int,
    values: list[NDArray[Any]],
    shape: tuple[int, int, int],
) -> tuple[OutputSpec, tuple[str, ...]]:
    low = min(float(value.min()) for value in values)
    high = max(float(value.max()) for value in values)
    spec = OutputSpec(name=name, layout=layout, soft=low >= 0 and high > _MOST_CLASSES)
    if values[0].dtype.kind in "iub":
        return spec.model_copy(update={"meaning": "mask", "channels": _channel_names(channels)}), ()
    within = low >= -_CLOSE and high <= 1 + _CLOSE
    if channels == 1:
        grey = not within and low >= 0 and 100 < high <= 255  # a soft mask in 0-255
        meaning = "probability" if within else "mask" if grey else "logits"
        return spec.model_copy(update={"meaning": meaning}), ("output.meaning",)
    update = {
        "meaning": "probability" if within else "softmax_logits",
        "channels": ("background", *_channel_names(channels)[1:]),
        "foreground": tuple(range(1, channels)),
    }
    if channels == 2:
        update["channels"] = ("background", "foreground")
    spec = spec.model_copy(update=update)
    if within and not _adds_up(values, spec, shape):
        # Channels that don't exclude each other: each is a foreground of its own.
        update = {"channels": _channel_names(channels), "foreground": tuple(range(channels))}
        spec = spec.model_copy(update=update)
    return spec, ("output.meaning", "output.foreground")


def _channel_names(count: int) -> tuple[str, ...]:
    return ("foreground",) if count == 1 else tuple(f"class {index}" for index in range(count))


def _adds_up(values: list[NDArray[Any]], spec: OutputSpec, shape: tuple[int, int, int]) -> bool:
    sums = [to_probability(value, spec, *shape).sum(axis=-1) for value in values]
    return all(bool(np.abs(total - 1).max() < 0.02) for total in sums)


def contrast_of(answer: Answer, count: int, height: int, width: int) -> float:
    """Give how far apart (0-1) the drawn picture's foreground probabilities lie (5 to 95 %)."""
    shape = height - 2 * answer.spec.margin, width - 2 * answer.spec.margin
    planes = to_probability(answer.values[0], answer.spec, count, *shape)
    low, high = np.percentile(foreground_of(planes, answer.spec), (5, 95))
    return float(high - low)
