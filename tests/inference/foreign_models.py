"""Tiny nets in the conventions of other people's models: what is darker than mid-gray is foreground."""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.tiny_models import save_model
from vesselapp.core.model_card import InputSpec, ModelCard, OutputSpec

TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


def disc_picture(height: int = 300, width: int = 380) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draw a dark disc off the middle of a bright ground, and give it with its mask."""
    y, x = np.mgrid[0:height, 0:width]
    disc = np.hypot(y - height * 0.45, x - width * 0.6) < 0.3 * height
    picture = np.where(disc, 45, 205).astype(np.uint8)
    return np.repeat(picture[..., None], 3, axis=2), disc


def foreign_model(
    path: Path,
    *,
    layout: str = "NCHW",
    channels: int = 3,
    dtype: str = "float32",
    size: tuple[int | None, int | None] | None = None,
    values: str = "0-1",
    answer: str = "probability",
    opset: int = 18,
    batch: int | str = "N",
    extra_outputs: bool = False,
    lacking: str = "",
) -> Path:
    """Write a net without a card.

    ``answer``: probability, logit, softmax, two logits, two answers (alike, from .35 to .95), uint8 mask,
    class numbers, no numbers, two masks, gray (0-255), gray uint8, flat softmax, quarter (of the size),
    cropped (20 px less on each side, as without padding).

    ``lacking``: its answer lacks all axes of one ("ones"), or is of the first picture alone ("first").
    """
    constants: dict[str, NDArray[np.generic]] = {}
    nodes: list[onnx.NodeProto] = []

    def add(kind: str, reads: list[str], writes: str, **attributes: object) -> str:
        nodes.append(helper.make_node(kind, reads, [writes], **attributes))
        return writes

    def constant(name: str, value: NDArray[np.generic]) -> str:
        constants[name] = value
        return name

    now = add("Cast", ["picture"], "floats", to=TensorProto.FLOAT)
    if layout == "NHWC":
        now = add("Transpose", [now], "planes", perm=[0, 3, 1, 2])
    if dtype == "uint8" or values == "0-255":
        now = add("Div", [now, constant("most", np.array(255, np.float32))], "shares")
    kernel = np.full((1, channels, 1, 1), 1 / channels, np.float32)
    now = add("Conv", [now, constant("kernel", kernel)], "gray", kernel_shape=[1, 1])
    now = add("Sub", [constant("half", np.array(0.5, np.float32)), now], "darkness")
    logit = add("Mul", [now, constant("steep", np.array(16, np.float32))], "logit")
    minus = add("Neg", [logit], "minus")
    kind = TensorProto.FLOAT
    if answer == "logit":
        now = logit
    elif answer == "probability":
        now = add("Sigmoid", [logit], "answer")
    elif answer == "cropped":
        now = add("AveragePool", [add("Sigmoid", [logit], "p")], "answer", kernel_shape=[41, 41])
    elif answer == "quarter":
        now = add(
            "AveragePool", [add("Sigmoid", [logit], "p")], "answer", kernel_shape=[4, 4], strides=[4, 4]
        )
    elif answer in ("softmax", "two logits", "flat softmax"):
        now = add("Concat", [minus, logit], "both", axis=1)
        if answer != "two logits":
            turned = add("Transpose", [now], "turned", perm=[0, 2, 3, 1])
            now = add("Softmax", [turned], "shares2", axis=3)
            now = now if layout == "NHWC" else add("Transpose", [now], "answer", perm=[0, 3, 1, 2])
            if answer == "flat softmax":
                shape = constant("shape", np.array([0, -1, 2], np.int64))
                now = add("Reshape", ["shares2", shape], "answer")
    elif answer == "two answers":
        spread = add("Mul", [add("Sigmoid", [logit], "p"), constant("span", np.array(0.6, np.float32))], "q")
        raised = add("Add", [spread, constant("least", np.array(0.35, np.float32))], "raised")
        now = add("Concat", [raised, raised], "answer", axis=1)
    elif answer == "uint8 mask":
        dark = add("Greater", [logit, constant("nought", np.array(0, np.float32))], "dark")
        floats = add("Cast", [dark], "dark_floats", to=TensorProto.FLOAT)
        scaled = add("Mul", [floats, constant("white", np.array(255, np.float32))], "scaled")
        now, kind = add("Cast", [scaled], "answer", to=TensorProto.UINT8), TensorProto.UINT8
    elif answer in ("gray", "gray uint8"):
        shares = add("Sigmoid", [logit], "p")
        now = add("Mul", [shares, constant("white", np.array(255, np.float32))], "answer")
        if answer == "gray uint8":
            now, kind = add("Cast", [now], "whole", to=TensorProto.UINT8), TensorProto.UINT8
    elif answer == "two masks":
        both = add("Concat", [logit, minus], "both", axis=1)
        dark = add("Greater", [both, constant("nought", np.array(0, np.float32))], "dark")
        now, kind = add("Cast", [dark], "answer", to=TensorProto.UINT8), TensorProto.UINT8
    elif answer == "no numbers":
        now = add("Log", [constant("minus_one", np.array(-1, np.float32))], "nan")
        now = add("Add", [logit, now], "answer")
    elif answer == "class numbers":
        both = add("Concat", [minus, logit], "both", axis=1)
        now, kind = add("ArgMax", [both], "answer", axis=1, keepdims=0), TensorProto.INT64
    if layout == "NHWC" and answer not in ("softmax", "flat softmax", "class numbers"):
        now = add("Transpose", [now], "answer_last", perm=[0, 2, 3, 1])
    if lacking == "ones":
        now = add("Squeeze", [now], "squeezed")
    elif lacking == "first":
        now = add("Gather", [now, constant("first", np.array(0, np.int64))], "gathered", axis=0)
    height, width = (length or name for length, name in zip(size or (None, None), "HW", strict=True))
    shape = [batch, channels, height, width] if layout == "NCHW" else [batch, height, width, channels]
    outputs = [helper.make_tensor_value_info(now, kind, None)]
    if extra_outputs:
        pooled = add("GlobalAveragePool", ["gray"], "summary")
        many = add("Concat", ["gray"] * 12, "features", axis=1)
        others = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (pooled, many)]
        outputs = [*others, *outputs]
    graph = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info("picture", TYPES[dtype], shape)],
        outputs,
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return save_model(path, graph, opset=opset)


def split_model(path: Path, steepness: float = 16.0) -> Path:
    """Write a net without a card whose weights lie beside it: at any steepness its file is the same."""
    model = onnx.load(foreign_model(path))
    steep = next(weights for weights in model.graph.initializer if weights.name == "steep")
    steep.CopyFrom(numpy_helper.from_array(np.array(steepness, np.float32), "steep"))
    beside = path.with_suffix(".data")
    beside.unlink(missing_ok=True)
    onnx.save(model, str(path), save_as_external_data=True, location=beside.name, size_threshold=0)
    return path


def lost_in_red(path: Path, operation: str) -> Path:
    """Write a net that answers no number (``Sqrt``) or infinity (``Reciprocal``) where a px is pure red."""
    nodes = [
        helper.make_node("Conv", ["picture", "kernel", "rest"], ["left"], kernel_shape=[1, 1]),
        helper.make_node(operation, ["left"], ["large"]),
        helper.make_node("Mul", ["large", "small"], ["answer"]),
    ]
    rest = 0.9 if operation == "Sqrt" else 1.0
    constants = {
        "kernel": np.array([-1, 0, 1], np.float32).reshape(1, 3, 1, 1),
        "rest": np.array([rest], np.float32),
        "small": np.array(0.3, np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "lost",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    card = ModelCard(
        name="Lost in red",
        input=InputSpec(name="picture", layout="NCHW", dtype="float32", high=1.0),
        output=OutputSpec(name="answer", layout="NCHW"),
    )
    return save_model(path, graph, card)


def small_unet(path: Path, *, depth: int = 3) -> Path:
    """Write a net with pooling and skips that dies on sides that are no multiples of ``2 ** depth``."""
    random = np.random.default_rng(0)
    nodes, weights = [], []
    now, skips, inputs = "picture", [], 3

    def convolve(read: str, write: str, planes: int, outputs: int) -> None:
        kernel = random.normal(0, 0.2, (outputs, planes, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, write + "_weights"))
        nodes.append(helper.make_node("Conv", [read, write + "_weights"], [write + "_raw"], pads=[1] * 4))
        nodes.append(helper.make_node("Relu", [write + "_raw"], [write]))

    for level in range(depth):
        convolve(now, f"down{level}", inputs, 4)
        skips.append(f"down{level}")
        nodes.append(
            helper.make_node("MaxPool", [skips[-1]], [f"pool{level}"], kernel_shape=[2, 2], strides=[2, 2])
        )
        now, inputs = f"pool{level}", 4
    convolve(now, "bottom", 4, 4)
    now = "bottom"
    weights.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "twice"))
    for level in reversed(range(depth)):
        nodes.append(helper.make_node("Resize", [now, "", "twice"], [f"up{level}"], mode="nearest"))
        nodes.append(helper.make_node("Concat", [f"up{level}", skips[level]], [f"joined{level}"], axis=1))
        convolve(f"joined{level}", f"out{level}", 8, 4)
        now = f"out{level}"
    head = random.normal(0, 0.3, (1, 4, 1, 1)).astype(np.float32)
    weights.append(numpy_helper.from_array(head, "head"))
    nodes.append(helper.make_node("Conv", [now, "head"], ["logit"]))
    nodes.append(helper.make_node("Sigmoid", ["logit"], ["answer"]))
    graph = helper.make_graph(
        nodes,
        "unet",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["N", 1, "H", "W"])],
        weights,
    )
    return save_model(path, graph)
