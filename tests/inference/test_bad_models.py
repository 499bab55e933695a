"""Files that are no usable model: one clear sentence each, no hang, no crash, no file read elsewhere."""

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from tests.inference.foreign_models import foreign_model, split_model
from tests.tiny_models import save_model, tiny_vessel_model
from vesselapp.core.errors import VesselError
from vesselapp.core.files import file_sha256
from vesselapp.core.model_card import METADATA_KEY, ModelCard
from vesselapp.inference.checks import check_graph, model_sha256, model_stamp
from vesselapp.inference.graph import read_graph
from vesselapp.inference.model import load_model
from vesselapp.inference.session import DeviceError
from vesselapp.inference.trial import try_foreign


def _graph(
    nodes: list[onnx.NodeProto],
    *,
    shape: list[object] | None = None,
    kind: int = TensorProto.FLOAT,
    weights: list[onnx.TensorProto] | None = None,
) -> onnx.GraphProto:
    given = helper.make_tensor_value_info("picture", kind, shape or ["N", 3, "H", "W"])
    return helper.make_graph(
        nodes,
        "bad",
        [given],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, None)],
        weights or [],
    )


def _claim(name: str, dims: list[int]) -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims)
    tensor.raw_data = b"\0" * 16
    return tensor


def _external(name: str, location: str, **more: str) -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def _with_external(path: Path, location: str, **more: str) -> Path:
    add = helper.make_node("Add", ["picture", "w"], ["answer"])
    return save_model(path, _graph([add], weights=[_external("w", location, **more)]))


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def text(path: Path) -> Path:
    path.write_text("This is a letter to the editor, and no model at all.\n" * 50)
    return path


def picture(path: Path) -> Path:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)
    return path


def zeros(path: Path) -> Path:
    path.write_bytes(b"\0" * 4096)
    return path


def truncated(path: Path) -> Path:
    whole = tiny_vessel_model(path).read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    return path


def classifier(path: Path) -> Path:
    nodes = [
        helper.make_node("GlobalAveragePool", ["picture"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["answer"]),
    ]
    return save_model(path, _graph(nodes))


def huge_sides(path: Path) -> Path:
    return foreign_model(path, size=(100_000, 100_000))


def custom_operation(path: Path) -> Path:
    node = helper.make_node("Segment", ["picture"], ["answer"], domain="my.company")
    return save_model(path, _graph([node]))


def huge_claim(path: Path) -> Path:
    add = helper.make_node("Add", ["picture", "w"], ["answer"])
    return save_model(path, _graph([add], weights=[_claim("w", [750_000_000])]))


def negative_claim(path: Path) -> Path:
    add = helper.make_node("Add", ["picture", "w"], ["answer"])
    return save_model(path, _graph([add], weights=[_claim("w", [-4])]))


def cyclic(path: Path) -> Path:
    nodes = [
        helper.make_node("Add", ["picture", "later"], ["sum"]),
        helper.make_node("Sigmoid", ["sum"], ["later"]),
        helper.make_node("Identity", ["later"], ["answer"]),
    ]
    return save_model(path, _graph(nodes))


def whole_numbers(path: Path) -> Path:
    cast = helper.make_node("Cast", ["picture"], ["answer"], to=TensorProto.FLOAT)
    return save_model(path, _graph([cast], kind=TensorProto.INT64))


def words(path: Path) -> Path:
    node = helper.make_node("StringNormalizer", ["picture"], ["answer"])
    return save_model(path, _graph([node], kind=TensorProto.STRING, shape=["N"]))


def many_channels(path: Path) -> Path:
    return save_model(
        path, _graph([helper.make_node("Sigmoid", ["picture"], ["answer"])], shape=["N", 7, "H", "W"])
    )


def two_inputs(path: Path) -> Path:
    graph = _graph([helper.make_node("Add", ["picture", "clicks"], ["answer"])])
    graph.input.append(helper.make_tensor_value_info("clicks", TensorProto.FLOAT, ["N", 3, "H", "W"]))
    return save_model(path, graph)


def nothing_inside(path: Path) -> Path:
    return save_model(path, _graph([]))


def unknown_operation(path: Path) -> Path:
    return save_model(path, _graph([helper.make_node("Levitate", ["picture"], ["answer"])]))


def too_new(path: Path) -> Path:
    return save_model(path, _graph([helper.make_node("Sigmoid", ["picture"], ["answer"])]), opset=99)


def of_a_later_format(path: Path) -> Path:
    model = onnx.load(save_model(path, _graph([helper.make_node("Sigmoid", ["picture"], ["answer"])])))
    model.ir_version = 99
    onnx.save(model, str(path))
    return path


def without_an_opset(path: Path) -> Path:
    model = onnx.load(save_model(path, _graph([helper.make_node("Sigmoid", ["picture"], ["answer"])])))
    del model.opset_import[:]
    onnx.save(model, str(path))
    return path


def damaged_card(path: Path) -> Path:
    model = onnx.load(foreign_model(path))
    helper.set_model_props(model, {"vesselapp.card": '{"name": 3'})
    onnx.save(model, str(path))
    return path


def not_a_number(path: Path) -> Path:
    nodes = [
        helper.make_node("Sub", ["picture", "picture"], ["nought"]),
        helper.make_node("Div", ["nought", "nought"], ["answer"]),
    ]
    return save_model(path, _graph(nodes))


BAD: list[tuple[Callable[[Path], Path], str]] = [
    (empty, "is empty"),
    (text, "no ONNX model"),
    (picture, "no ONNX model"),
    (zeros, "no ONNX model"),
    (truncated, "no ONNX model, or it is cut short"),
    (classifier, "no segmentation model"),
    (huge_sides, "too large"),
    (custom_operation, r"not part of ONNX: my\.company\.Segment"),
    (huge_claim, "claim 3000 MB"),
    (negative_claim, "negative size"),
    (cyclic, "runs in a circle"),
    (whole_numbers, "takes no pictures: it wants int64"),
    (words, "takes no pictures: it wants string"),
    (many_channels, "none of which is 1 or 3 channels"),
    (two_inputs, r"more than a picture \(clicks\)"),
    (nothing_inside, "is empty"),
    (unknown_operation, "can't be run"),
    (too_new, "can't be run: ONNX Runtime only .* Opset 99 is under development"),
    (of_a_later_format, "can't be run: Unsupported model IR version: 99"),
    (without_an_opset, "can't be run: Missing opset in the model"),
    (damaged_card, "card in bad.onnx is damaged"),
    (not_a_number, "no segmentation model|no numbers"),
]


@pytest.mark.parametrize(("make", "sentence"), BAD, ids=[make.__name__ for make, _ in BAD])
def test_a_bad_file_gives_one_clear_sentence(
    tmp_path: Path, make: Callable[[Path], Path], sentence: str
) -> None:
    path = make(tmp_path / "bad.onnx")
    with pytest.raises(VesselError, match=sentence) as caught:
        load_model(path, "cpu")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "place",
    [
        "Load model from m.onnx failed:D:\\a\\onnxruntime\\core\\model.cc:9 onnxruntime::Model::Model",
        "Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:3 void* "
        "onnxruntime::BFCArena::Take(size_t, std::function<void()>)",
        "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:9 std::conditional_t<THRW, void> "
        "onnxruntime::CudaCall(ERRTYPE, const char*) [with ERRTYPE = cudaError; bool THRW = true]",
    ],
)
def test_places_in_the_runtimes_source_are_not_told(place: str) -> None:
    trouble = DeviceError(
        RuntimeError(f"[ONNXRuntimeError] : 6 : FAIL : {place} Too much (9) is asked for.\n")
    )
    assert trouble.message == "Too much (9) is asked for"


@pytest.mark.parametrize(
    "changes",
    [
        {"self_test.size": 1_000_000},
        {"self_test.size": 2},
        {"self_test.grid": 0},
        {"self_test.grid": 9},
        {"self_test.grid": 100, "self_test.expected": []},
        {"self_test.seed": -1},
        {"tile.stride": 10**7},
        {"tile.size": 10**6, "tile.fixed": True},
        {"tile.width": 0, "tile.fixed": True},
        {"output.margin": 10**6},
        {"output.foreground": [7]},
        {"output.foreground": [-1]},
        {"output.foreground": []},
        {"input.mean": []},
        {"input.std": [1.0, 1.0]},
        {"scale.size": None, "scale.kind": "object_diameter"},
        {"scale.size": 0, "scale.kind": "object_diameter"},
        {"scale.size": -5, "scale.kind": "field_of_view"},
        {"scale.size": 10**9, "scale.kind": "fixed"},
        {"scale.largest": 10**9},
    ],
    ids=str,
)
def test_a_card_with_numbers_that_cannot_be_is_damaged(tmp_path: Path, changes: dict[str, object]) -> None:
    path = _with_card_values(tiny_vessel_model(tmp_path / "bad.onnx"), changes)
    with pytest.raises(VesselError, match=r"card in bad\.onnx is damaged"):
        load_model(path, "cpu")


def test_a_card_that_names_other_channels_than_there_are_is_refused(tmp_path: Path) -> None:
    changes = {"output.channels": ["cell", "border"], "output.foreground": [1]}
    path = _with_card_values(tiny_vessel_model(tmp_path / "bad.onnx"), changes)
    with pytest.raises(VesselError, match="card names the channels cell, border, but it answers 1"):
        load_model(path, "cpu")


def _with_card_values(path: Path, changes: dict[str, object]) -> Path:
    """Change values (by dotted name) of the card in a file."""
    model = onnx.load(path)
    card = json.loads(model.metadata_props[0].value)
    for name, value in changes.items():
        part, last = name.split(".")
        card[part][last] = value
    helper.set_model_props(model, {METADATA_KEY: json.dumps(card)})
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(
    "location",
    [
        "../secret.bin",
        "a/../../secret.bin",
        "/etc/passwd",
        "C:\\secret.bin",
        "..\\secret.bin",
        "a/./../../secret.bin",
    ],
)
def test_weights_outside_the_models_folder_are_never_read(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "models"
    (folder / "a").mkdir(parents=True)
    (tmp_path / "secret.bin").write_bytes(b"\0" * 16)
    path = _with_external(folder / "m.onnx", location)
    with pytest.raises(VesselError, match="outside its folder"):
        load_model(path, "cpu")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(b"\0" * 16)
    (folder / "w.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(VesselError, match="outside its folder"):
        load_model(_with_external(folder / "m.onnx", "w.bin"), "cpu")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"offset": "8"}, "cut short"),
        ({"offset": "-8"}, "cut short"),
        ({"length": "99999999999"}, "cut short"),
        ({"length": "4"}, "cut short"),
        ({"offset": "soon"}, "cut short"),
    ],
)
def test_weights_beside_the_model_must_be_whole(tmp_path: Path, more: dict[str, str], sentence: str) -> None:
    (tmp_path / "w.bin").write_bytes(b"\0" * 16)
    with pytest.raises(VesselError, match=sentence):
        load_model(_with_external(tmp_path / "m.onnx", "w.bin", **more), "cpu")


def test_a_pointer_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    path = _with_external(tmp_path / "m.onnx", "*/_ORT_MEM_ADDR_/*", offset="4096", length="16")
    with pytest.raises(VesselError, match="missing"):
        load_model(path, "cpu")


def test_weights_beside_the_model_work(tmp_path: Path) -> None:
    path = split_model(tmp_path / "split.onnx")
    assert (tmp_path / "split.data").exists()
    assert load_model(path, "cpu").provider == "cpu"


def test_a_model_is_known_by_the_weights_beside_it_too(tmp_path: Path) -> None:
    path = split_model(tmp_path / "split.onnx")
    graph, before, stamp = path.read_bytes(), load_model(path, "cpu").sha256, model_stamp(path)
    assert (before, stamp) == (model_sha256(path), model_stamp(path))
    split_model(path, 8.0)
    assert path.read_bytes() == graph
    assert load_model(path, "cpu").sha256 == model_sha256(path) != before
    assert model_stamp(path) != stamp
    split_model(path)
    assert model_sha256(path) == before
    whole = foreign_model(tmp_path / "whole.onnx")
    assert load_model(whole, "cpu").sha256 == model_sha256(whole) == file_sha256(whole)
    (tmp_path / "split.data").unlink()
    assert model_sha256(path) == file_sha256(path)  # it can't be run


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.onnx", tmp_path):
        with pytest.raises(VesselError, match="no model file"):
            load_model(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_does_not_hang_the_app(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(VesselError, match="no model file"):
        load_model(tmp_path / "pipe.onnx")


def test_a_graph_that_never_ends_is_stopped(tmp_path: Path) -> None:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["goes_on"]),
            helper.make_node("Sin", ["value"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
    )
    weights = [
        numpy_helper.from_array(np.array(2**62), "turns"),
        numpy_helper.from_array(np.array(True), "yes"),
    ]
    loop = helper.make_node("Loop", ["turns", "yes", "picture"], ["answer"], body=body)
    path = save_model(tmp_path / "loop.onnx", _graph([loop], weights=weights))
    begun = time.monotonic()
    with pytest.raises(VesselError, match="within 3 s"):
        try_foreign(path, time_limit=3)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("carded", [False, True])
def test_a_graph_that_asks_for_all_memory_is_refused(tmp_path: Path, carded: bool) -> None:
    sides = numpy_helper.from_array(np.array([1, 3, 200_000, 200_000]), "sides")
    nodes = [
        helper.make_node("ConstantOfShape", ["sides"], ["vast"]),
        helper.make_node("ReduceMean", ["vast"], ["mean"], keepdims=0),
        helper.make_node("Add", ["picture", "mean"], ["answer"]),
    ]
    card = ModelCard(name="vast") if carded else None
    path = save_model(tmp_path / "vast.onnx", _graph(nodes, weights=[sides]), card)
    with pytest.raises(VesselError, match=r"vast\.onnx"):
        load_model(path, "cpu")


def test_graphs_within_graphs_without_end_are_refused(tmp_path: Path) -> None:
    flat = graph = _graph([helper.make_node("Sigmoid", ["picture"], ["answer"])])
    for _ in range(22):
        graph = _graph([helper.make_node("If", ["picture"], ["answer"], then_branch=graph, else_branch=flat)])
    path = save_model(tmp_path / "deep.onnx", graph)
    with pytest.raises(VesselError, match="no ONNX model"):
        load_model(path)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_makes_the_look_into_a_file_fail_with_anything_but_a_sentence(
    tmp_path: Path, data: st.DataObject
) -> None:
    source = tmp_path / "whole.onnx"
    whole = bytearray((source if source.exists() else tiny_vessel_model(source)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.onnx"
    path.write_bytes(whole[: data.draw(st.integers(1, len(whole)))])
    with contextlib.suppress(VesselError):
        check_graph(read_graph(path), path)
