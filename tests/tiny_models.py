"""Tiny ONNX nets for tests: built in milliseconds with onnx.helper, answers computed by hand."""

import copy
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from vesselapp.core.model_card import (
    METADATA_KEY,
    InputSpec,
    ModelCard,
    OutputSpec,
    ScaleSpec,
    SelfTest,
    TileSpec,
)
from vesselapp.core.self_test import raster_means, self_test_picture
from vesselapp.inference.conventions import value_table
from vesselapp.inference.model import Model

GREEN_OF_ZERO = 200.0


def tiny_probability(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the tiny vessel model answers without blur: the darker the green, the more it is vessel."""
    return np.clip(1 - pixels[..., 1].astype(np.float32) / np.float32(GREEN_OF_ZERO), 0, 1)


def tiny_vessel_model(
    path: Path,
    *,
    name: str = "Tiny vessels",
    scale: ScaleSpec | None = None,
    blur: int = 1,
    tile: int = 128,
    overlap: int = 32,
    stride: int = 16,
    threshold: float = 0.5,
    task: Literal["vessels", "cells", "other"] = "vessels",
    self_test_shift: float = 0.0,
) -> Path:
    """Write a vessel model of the trainer's own kind: uint8 NHWC in, float32 NHWC out.

    Parameters
    ----------
    path : Path
        File to write.
    scale : ScaleSpec, optional
        Pixels as they are where None.
    blur : int
        Side (px, odd) of a mean over the answer: the net's receptive field.
    self_test_shift : float
        Added to the expected self-test answer: a net that must fail its test.

    Returns
    -------
    Path
        The file.
    """
    nodes = [
        helper.make_node("Cast", ["image"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["values", "one", "two", "axis"], ["green"]),
        helper.make_node("Div", ["green", "zero_at"], ["lightness"]),
        helper.make_node("Sub", ["unit", "lightness"], ["darkness"]),
        helper.make_node("Clip", ["darkness", "nought", "unit"], ["sharp"]),
        helper.make_node("Transpose", ["sharp"], ["sharp_nchw"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["sharp_nchw"], ["mean_nchw"], kernel_shape=[blur, blur], pads=[blur // 2] * 4
        ),
        helper.make_node("Transpose", ["mean_nchw"], ["probability"], perm=[0, 2, 3, 1]),
        helper.make_node("Div", ["values", "zero_at"], ["features"]),
    ]
    constants = {
        "one": np.array([1], np.int64),
        "two": np.array([2], np.int64),
        "axis": np.array([3], np.int64),
        "zero_at": np.array(GREEN_OF_ZERO, np.float32),
        "unit": np.array(1, np.float32),
        "nought": np.array(0, np.float32),
    }
    size = ["N", "H", "W"]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [*size, 3])],
        [
            helper.make_tensor_value_info("probability", TensorProto.FLOAT, [*size, 1]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, [*size, 3]),
        ],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    expected = raster_means(tiny_probability(self_test_picture(0, 64)), 4) + np.float32(self_test_shift)
    card = ModelCard(
        name=name,
        task=task,
        input=InputSpec(name="image"),
        scale=scale or ScaleSpec(),
        tile=TileSpec(stride=stride, size=tile, overlap=overlap),
        output=OutputSpec(name="probability", features="features"),
        threshold=threshold,
        licence="CC0-1.0",
        # A blurred net answers differently near the picture's edge, so it carries no expected answer.
        self_test=SelfTest(size=64, grid=4, expected=tuple(map(float, expected)) if blur == 1 else ()),
    )
    return save_model(path, graph, card)


def save_model(path: Path, graph: onnx.GraphProto, card: ModelCard | None = None, *, opset: int = 18) -> Path:
    """Write a graph as an ONNX file, with a card where one is given."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    if card is not None:
        helper.set_model_props(model, {METADATA_KEY: card.model_dump_json()})
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save_model(model, str(path))
    return path


def fundus_picture(
    height: int = 300,
    width: int = 340,
    diameter: float = 280.0,
    *,
    surround: tuple[int, int, int] = (0, 0, 0),
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Draw ``(height, width, 3) uint8``: an orange disc with dark curved vessels on a plain surround."""
    random = np.random.Generator(np.random.PCG64(seed))
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    cx, cy = width / 2, height / 2
    inside = np.hypot(x + 0.5 - cx, y + 0.5 - cy) <= diameter / 2
    light = 1.0 - 0.25 * np.hypot(x - cx, y - cy) / diameter
    for turn in range(8):
        radius = diameter * random.uniform(0.3, 1.0)
        angle = turn * np.pi / 4
        off = np.abs(np.hypot(x - cx - radius * np.cos(angle), y - cy - radius * np.sin(angle)) - radius)
        light = np.where(off < diameter * 0.008, light * 0.55, light)
    light = light + random.normal(0, 0.01, (height, width))
    colours = np.stack([light * 200, light * 110, light * 60], axis=2)
    picture = np.where(inside[..., None], colours, np.float64(surround))
    return np.clip(picture, 0, 255).astype(np.uint8)


def with_card(model: Model, card: ModelCard) -> Model:
    """Give the same session under another card: other tiles, say, or another meaning of its answer."""
    other = copy.copy(model)
    other.card, other.tile_size, other._table = card, card.tile.size, value_table(card.input)
    return other
