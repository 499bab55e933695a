"""Foreign models: what an ONNX file without a card expects and answers, read from its graph and by trying it.

Shapes say layout, channels and size where they are fixed; where they are free, readings are tried, the
likeliest first. Value range and the meaning of the answer are told from what the net does with small
pictures. What can't be known is guessed and listed in `ModelCard.guessed`, to be shown and corrected.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.errors import VesselError
from vesselapp.core.model_card import InputSpec, ModelCard, ScaleSpec, TileSpec
from vesselapp.core.self_test import self_test_picture
from vesselapp.inference.answers import Answer, choose_answer, contrast_of
from vesselapp.inference.checks import picture_input
from vesselapp.inference.conventions import times, to_input, value_table
from vesselapp.inference.graph import GraphInfo, Node, TensorInfo
from vesselapp.inference.session import DeviceError, run_session

Layout = Literal["NHWC", "NCHW"]
_SIDES = ((96, 32), (192, 64), (384, 128), (256, 256))
"""Small sides (px) to try a free size with, and the stride that each one is a proof of."""
_PATCH_SIDE = 96
"""Graphs of a fixed size up to this (px) learnt from patches; larger ones from whole pictures made to fit."""
_WORDS = {"vessels": ("vessel", "retina", "fundus"), "cells": ("cell", "nucle", "bccd")}


@dataclass(frozen=True)
class Reading:
    """One way to read the input's shape (sizes in px; None where free)."""

    layout: Layout
    channels: int
    height: int | None
    width: int | None
    guessed: tuple[str, ...] = field(default=())


def guess_card(info: GraphInfo, path: Path, session: Any) -> ModelCard:
    """Guess the card of a foreign model.

    Parameters
    ----------
    info : GraphInfo
    path : Path
        For names in messages, and for a hint at what the model is for.
    session : onnxruntime.InferenceSession
        On the CPU.

    Returns
    -------
    ModelCard

    Raises
    ------
    VesselError
        If it is no model that answers a picture with a mask.
    """
    picture = picture_input(info, path)
    count = fixed_batch(session) or 1
    readings = list(_readings(picture, info, path))
    trouble = ""
    for reading in readings:
        for side, stride in _SIDES:
            shape = count, reading.height or side, reading.width or 2 * side
            spec = _input_spec(picture, reading, high=1.0)
            try:
                answers = _try_out(session, info, spec, *shape)
                answer = choose_answer(answers, *shape)
            except DeviceError as error:
                trouble = trouble or error.message
                if reading.height is not None and reading.width is not None:
                    break
                continue
            if answer is None:
                asked = "a picture" if count == 1 else f"{count} pictures"
                raise VesselError(
                    f"{path.name} is no segmentation model: it answers {asked} with {_shapes(answers)}.",
                    "Choose a model whose answer has the picture's height and width.",
                )
            spec, answer = _told_by_contrast(session, info, spec, answer, shape)
            return _card(path, info, spec, reading, answer, stride)
    raise VesselError(f"{path.name} runs on no small picture: {trouble}.", "Choose another model.")


def _readings(picture: TensorInfo, info: GraphInfo, path: Path) -> Iterator[Reading]:
    """Give the ways to read the input's shape, the likeliest first."""
    shape = picture.shape or (None, None, None, None)
    last, first = shape[3], shape[1]
    # An axis of 4 to 15 is neither colour channels nor a picture's side.
    channels_first = first in (1, 3) or (first is None and last not in (1, 3))
    channels_last = last in (1, 3) or (last is None and first not in (1, 3))
    channels_first = channels_first and not 3 < (last or 16) < 16
    channels_last = channels_last and not 3 < (first or 16) < 16
    layouts: list[Layout] = []
    if channels_first:
        layouts.append("NCHW")
    if channels_last:
        layouts.append("NHWC")
    if not layouts:
        raise VesselError(
            f"{path.name} wants pictures of {times(shape[1:])}, none of which is 1 or 3 channels.",
            "Only models of gray or colour pictures can be used.",
        )
    if _turns_first(picture.name, info):
        layouts.sort(key=lambda layout: layout == "NCHW")
    wanted = _channels_of_first_convolution(picture.name, info)
    unsure = ("input.layout",) if len(layouts) > 1 else ()
    for layout in layouts:
        known = first if layout == "NCHW" else last
        sizes = shape[2:4] if layout == "NCHW" else shape[1:3]
        for channels in (known,) if known else (wanted,) if wanted in (1, 3) else (3, 1):
            assert channels is not None
            # A net that fixes one side only is given squares.
            yield Reading(layout, channels, sizes[0] or sizes[1], sizes[1] or sizes[0], unsure)


def _turns_first(name: str, info: GraphInfo) -> bool:
    """Tell whether the graph itself brings its input from channels last to channels first."""
    return any("Transpose" in node.kind for node in _first_operations(name, info))


def _channels_of_first_convolution(name: str, info: GraphInfo) -> int | None:
    dims = {weights.name: weights.dims for weights in info.weights}
    for node in _first_operations(name, info):
        if node.kind == "Conv" and len(node.reads) > 1:
            shape = dims.get(node.reads[1], ())
            return shape[1] if len(shape) == 4 else None
    return None


def _first_operations(name: str, info: GraphInfo) -> list[Node]:
    """Follow the input through simple arithmetic up to the first convolution."""
    seen = {name}
    found: list[Node] = []
    for node in info.nodes:
        if len(found) < 12 and node.reads and any(read in seen for read in node.reads):
            found.append(node)
            if node.kind != "Conv":
                seen.update(node.writes)
    return found


def _input_spec(picture: TensorInfo, reading: Reading, high: float) -> InputSpec:
    raw = picture.dtype == "uint8"
    return InputSpec(
        name=picture.name,
        layout=reading.layout,
        dtype=picture.dtype,  # one of these: checked by picture_input
        colour="rgb" if reading.channels == 3 else "gray",
        high=255.0 if raw else high,
    )


def _try_out(
    session: Any, info: GraphInfo, spec: InputSpec, count: int, height: int, width: int
) -> dict[str, list[NDArray[Any]]]:
    """Give every output's answers to a drawn picture, a black and a white one, each ``count`` times."""
    drawn = self_test_picture(0, max(height, width))[None, :height, :width]
    answers: dict[str, list[NDArray[Any]]] = {tensor.name: [] for tensor in info.outputs}
    for picture in (drawn, np.zeros_like(drawn), np.full_like(drawn, 255)):
        batch = np.repeat(picture, count, axis=0)
        given = to_input(batch, spec, value_table(spec))
        for name, answer in zip(
            answers, run_session(session, list(answers), {spec.name: given}), strict=True
        ):
            answers[name].append(answer)
    return answers


def fixed_batch(session: Any) -> int | None:
    """Give how many pictures a graph takes at once, or None where that is free."""
    shape = session.get_inputs()[0].shape
    return shape[0] if shape and isinstance(shape[0], int) and shape[0] > 0 else None


def _told_by_contrast(
    session: Any, info: GraphInfo, spec: InputSpec, answer: Answer, shape: tuple[int, int, int]
) -> tuple[InputSpec, Answer]:
    """Choose between values of 0-1 and 0-255: a net that tells nothing apart was given the wrong ones."""
    if spec.dtype == "uint8" or contrast_of(answer, *shape) > 0.02:
        return spec, answer
    other = spec.model_copy(update={"high": 255.0})
    try:
        again = choose_answer(_try_out(session, info, other, *shape), *shape)
    except DeviceError:
        return spec, answer
    if again is not None and contrast_of(again, *shape) > 0.1:
        return other, again
    return spec, answer


def _card(
    path: Path, info: GraphInfo, spec: InputSpec, reading: Reading, answer: Answer, stride: int
) -> ModelCard:
    guessed = [*reading.guessed, "task", "input.colour"]
    fixed = reading.height is not None and reading.width is not None
    sides = (reading.height or 0, reading.width or 0)
    if spec.dtype != "uint8":
        guessed += ["input.high", "input.mean", "input.equalise"]
    if fixed:
        guessed.append("scale.kind")
        # Nets in TensorFlow's order that take one gray plane of a fixed size come from one family of cell
        # counters, which level the histogram beforehand.
        keras = reading.channels == 1 and reading.layout == "NHWC" and spec.dtype != "uint8"
        spec = spec.model_copy(update={"equalise": keras})
        rows, columns = (side - 2 * answer.spec.margin for side in sides)
        tile = TileSpec(stride=1, size=rows, width=columns, overlap=min(sides) // 4, fixed=True)
    else:
        guessed.append("tile.stride")
        tile = TileSpec(stride=stride, size=max(512, stride), overlap=64)
    whole = fixed and max(sides) > _PATCH_SIDE
    return ModelCard(
        name=path.stem,
        task=_task_of(path),
        description=f"An ONNX file without a model card, made by {info.producer or 'an unknown program'}.",
        input=spec,
        scale=ScaleSpec(kind="fixed" if whole else "as_is"),
        tile=tile,
        output=answer.spec,
        limits=("It carries no card: what it expects was guessed, and nothing is known of how good it is.",),
        guessed=(*guessed, *answer.guessed),
    )


def _task_of(path: Path) -> Literal["vessels", "cells", "other"]:
    name = path.stem.lower()
    if any(word in name for word in _WORDS["vessels"]):
        return "vessels"
    return "cells" if any(word in name for word in _WORDS["cells"]) else "other"


def _shapes(answers: dict[str, list[NDArray[Any]]]) -> str:
    return ", ".join(times(values[0].shape) for values in answers.values()) or "nothing"
