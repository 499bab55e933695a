"""From a trained net to one ONNX file with its card, and back from the file to the weights."""

import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import onnx_ir
import onnxruntime
import onnxscript.optimizer
import torch
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx_ir.passes.common import RemoveUnusedNodesPass
from torch import Tensor, nn

from trainer.losses import probabilities
from trainer.nets import Segmenter, build_net, name_of, stride_of
from trainer.pictures import foreground_in
from trainer.recipes import Recipe, answer_scale, recipe_from_dict, recipe_to_dict
from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write
from vesselapp.core.model_card import (
    METADATA_KEY,
    InputSpec,
    ModelCard,
    OutputSpec,
    SelfTest,
    Source,
    TileSpec,
)
from vesselapp.core.self_test import raster_means, self_test_picture
from vesselapp.core.stamps import time_stamp
from vesselapp.inference.cards import card_in

OPSET = 20
_TILE = 768
_TOLERANCE = 1e-3
_MOST_STRIDE = 1024
"""In px: as large as the picture of a model's self-test may be."""


class Shipped(nn.Module):
    """What the app runs: uint8 pixels in, probabilities out, averaged over mirrored views where asked.

    Flipped views cost as much time again each, and bring most on cameras the net has not seen.
    """

    def __init__(self, net: Segmenter, views: int) -> None:
        super().__init__()
        self.net = net
        self.mirrors = ([2], [1], [1, 2])[: views - 1]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Answer (N, H, W, 3) uint8 with probability (N, H, W, C) and features (N, H, W, <= 16)."""
        logits, features = self.net(image)
        total = probabilities(logits).permute(0, 2, 3, 1)
        for axes in self.mirrors:
            mirrored, _ = self.net(image.flip(axes))
            total = total + probabilities(mirrored).permute(0, 2, 3, 1).flip(axes)
        return total / (1 + len(self.mirrors)), features.permute(0, 2, 3, 1)


def export_net(net: Segmenter, recipe: Recipe, path: Path, card: ModelCard) -> ModelCard:
    """Write a net and its card as one ONNX file; give the card with its self-test filled in.

    Raises
    ------
    VesselError
        Where the file's answer is not the net's, or the file can't be written.
    """
    model, test = _tested(net, recipe)
    card = card.model_copy(update={"self_test": test})
    _write(model, path, card)
    return card


def try_net(recipe: Recipe) -> None:
    """Build a net, run it once as training does, and export it, before hours are spent on its training.

    That takes some seconds; our own nets are known to be exported, and are not.

    Raises
    ------
    VesselError
        Where the net can't be built, learn, or become a model file.
    """
    stride, side = stride_of(recipe), recipe.crop
    if side % stride:
        raise VesselError(
            f"Crops of {side} px don't fit the net {name_of(recipe)}.",
            f"crop must be a multiple of {stride}.",
        )
    if stride > _MOST_STRIDE:
        raise VesselError(
            f"The net {name_of(recipe)} needs pictures of {stride} px at least, more than a model file may.",
            f"Take at most {_MOST_STRIDE.bit_length()} widths.",
        )
    net = build_net(recipe)
    try:
        with torch.no_grad():  # two crops tell what more of them would
            net.train()(torch.zeros(min(recipe.batch, 2), side, side, 3, dtype=torch.uint8))
    except (RuntimeError, ValueError) as error:
        raise VesselError(
            f"The net {name_of(recipe)} can't learn from {recipe.batch} crops of {side} px: "
            f"{str(error).splitlines()[0][:200].rstrip('.')}.",
            "Change batch or crop.",
        ) from error
    if not recipe.architecture.startswith("own-"):
        _tested(net, recipe)


def export_like(source: Path, net: Segmenter, path: Path, card: ModelCard) -> ModelCard:
    """Write a net as a file with the graph of ``source``, which an equal net with other weights made.

    Takes a fraction of a second where `export_net` takes many.

    Raises
    ------
    VesselError
        Where the file's answer is not the net's, or the file can't be written.
    """
    model, recipe = _load(source), recipe_from_dict(card.config["recipe"])
    shipped = Shipped(net.eval().float().cpu(), recipe.views).eval()
    _check_weights(model, shipped)
    state = shipped.state_dict()
    for weight in model.graph.initializer:
        if weight.name in state:
            weight.CopyFrom(onnx.numpy_helper.from_array(state[weight.name].numpy(), weight.name))
    card = card.model_copy(update={"self_test": _self_test(model, shipped, recipe)})
    _write(model, path, card)
    return card


def write_card(path: Path, card: ModelCard) -> None:
    """Replace the card inside a model file."""
    _write(onnx.load(path), path, card)


def read_card(path: Path) -> ModelCard:
    """Read the card inside a model file of our own (VesselError where it is none)."""
    card = card_in(path)
    if card is None:
        raise VesselError(
            f"{path} holds no '{METADATA_KEY}'.", "Only files that our own trainer wrote can be used here."
        )
    return card


def weights_from_onnx(path: Path) -> dict[str, Tensor]:
    """Read the state of `trainer.nets.Segmenter` back from a file that `export_net` wrote."""
    model = _load(path)
    read_card(path)  # or it is none of ours
    prefix = "net."
    state = {
        i.name.removeprefix(prefix): torch.from_numpy(onnx.numpy_helper.to_array(i).copy())
        for i in model.graph.initializer
        if i.name.startswith(prefix)
    }
    counters = [key.replace("running_mean", "num_batches_tracked") for key in state if "running_mean" in key]
    return {**state, **{key: torch.tensor(0) for key in counters}}


def net_from_onnx(path: Path) -> tuple[Recipe, Segmenter]:
    """Rebuild recipe and net from a file that `export_net` wrote."""
    recipe = recipe_from_dict(read_card(path).config["recipe"])
    net = build_net(recipe, pretrained=False)
    net.load_state_dict(weights_from_onnx(path))
    return recipe, net.eval()


def make_card(
    recipe: Recipe,
    *,
    name: str,
    command: str,
    sources: tuple[Source, ...] = (),
    limits: tuple[str, ...] = (),
    description: str = "",
    licence: str = "",
    threshold: float = 0.5,
    parent: str | None = None,
) -> ModelCard:
    """Write down what a trained recipe expects and is good for."""
    return ModelCard(
        name=name,
        task=recipe.task,
        description=description,
        input=InputSpec(name="image", layout="NHWC", dtype="uint8", colour="rgb"),
        scale=answer_scale(recipe),
        # Measured on the vessel net: with these tiles 99.9998 % of pixels are within 1/255 of a whole run.
        tile=TileSpec(stride=stride_of(recipe), size=_TILE, overlap=96),
        output=OutputSpec(
            name="probability",
            layout="NHWC",
            meaning="probability",
            channels=recipe.channels,
            foreground=recipe.foreground,
            features="features",
        ),
        threshold=threshold,
        parent=parent,
        timestamp=time_stamp(),
        command=command,
        training_data=sources,
        licence=licence,
        limits=limits,
        config={"recipe": recipe_to_dict(recipe)},
    )


def _tested(net: Segmenter, recipe: Recipe) -> tuple[onnx.ModelProto, SelfTest]:
    """Give the graph of a net, which was seen to answer as the net does, whatever a picture's shape.

    Our own nets are known to do so at every shape, and are asked at one.
    """
    stride = stride_of(recipe)
    tile = _TILE + -_TILE % stride
    own = recipe.architecture.startswith("own-")
    sides = () if own else ((stride, stride), (3 * stride, 5 * stride), (tile, tile))
    shipped = Shipped(net.eval().float().cpu(), recipe.views).eval()
    try:
        model = _graph(shipped, stride)
        _check_weights(model, shipped)
        return model, _self_test(model, shipped, recipe, sides)
    except Exception as error:  # whatever the exporter and ONNX Runtime find wrong
        said = str(error) if isinstance(error, VesselError) else "Its graph has parts that can't be kept."
        raise VesselError(
            f"The net {name_of(recipe)} can't be exported as a model file. {said}",
            "docs/models.md lists what can be taken.",
        ) from error


def _graph(shipped: Shipped, stride: int) -> onnx.ModelProto:
    dim = torch.export.Dim
    sides = {1: stride * dim("h", min=1, max=4096), 2: stride * dim("w", min=1, max=4096)}
    example = torch.zeros(2, 4 * stride, 6 * stride, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own insides
        program = torch.onnx.export(
            shipped,
            (example,),
            input_names=["image"],
            output_names=["probability", "features"],
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            dynamic_shapes={"image": {0: dim("n"), **sides}},
            optimize=False,
            verbose=False,
        )
        assert program is not None
        _fold(program.model, set(shipped.state_dict()))
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # stack traces with the paths of the machine it was made on
        node.doc_string = ""
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info, *model.graph.initializer):
        del value.metadata_props[:]
    del model.graph.value_info[:]
    return model


def _fold(model: onnx_ir.Model, weights: set[str]) -> None:
    """Work out beforehand what is constant, but nothing of a weight: each keeps its name and its values.

    Batch norm stays apart too; ONNX Runtime joins it when it loads the file.
    """

    def may_fold(node: onnx_ir.Node) -> bool | None:
        return False if any(value is not None and value.name in weights for value in node.inputs) else None

    onnxscript.optimizer.inline(model)
    for _ in range(2):
        onnxscript.optimizer.fold_constants(model, should_fold=may_fold)
        RemoveUnusedNodesPass()(model)


def _check_weights(model: onnx.ModelProto, shipped: Shipped) -> None:
    """Make sure that every weight lies in the file under its PyTorch name."""
    names = {i.name for i in model.graph.initializer}
    lost = [k for k in shipped.state_dict() if k not in names and not k.endswith("num_batches_tracked")]
    if lost:
        raise VesselError(f"The exported file lost the weight {lost[0]}.")


def _self_test(
    model: onnx.ModelProto, shipped: Shipped, recipe: Recipe, more: Iterable[tuple[int, int]] = ()
) -> SelfTest:
    """Run the file against PyTorch, and keep what it answered for the app to check.

    ``more``: heights and widths of other pictures that it is run on, for a graph that is new.
    """
    test = SelfTest(seed=7, size=128 + -128 % stride_of(recipe), grid=8)
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 4  # what it finds wrong is raised too
    session = onnxruntime.InferenceSession(model.SerializeToString(), quiet, ["CPUExecutionProvider"])
    for height, width in more:
        side = max(height, width)
        _checked_answer(session, shipped, self_test_picture(test.seed, side)[:height, :width])
    answer = _checked_answer(session, shipped, self_test_picture(test.seed, test.size))
    means = raster_means(foreground_in(answer, recipe), test.grid)
    return test.model_copy(update={"expected": tuple(round(float(v), 6) for v in means)})


def _checked_answer(
    session: onnxruntime.InferenceSession, shipped: Shipped, picture: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Give a file's (H, W, C) answer for a picture (VesselError where it is not the net's)."""
    (answer,) = session.run(["probability"], {"image": picture[None]})
    with torch.no_grad():
        wanted = shipped(torch.from_numpy(picture[None]))[0].numpy()
    off = float(np.abs(answer - wanted).max())
    if not off < _TOLERANCE:
        raise VesselError(f"The exported file answers differently from the net (by {off:.4f}).")
    return np.asarray(answer[0], np.float32)


def _write(model: onnx.ModelProto, path: Path, card: ModelCard) -> None:
    kept = [(p.key, p.value) for p in model.metadata_props if p.key != METADATA_KEY]
    del model.metadata_props[:]
    for key, value in [*kept, (METADATA_KEY, card.model_dump_json())]:
        model.metadata_props.add(key=key, value=value)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, model.SerializeToString())


def _load(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path)
    except (OSError, DecodeError, ValueError) as error:
        raise VesselError(f"{path} can't be read as an ONNX model.") from error
