import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from tests.trainer.conftest import draw_fundus
from trainer.export import export_net, make_card, net_from_onnx, read_card, weights_from_onnx, write_card
from trainer.losses import probabilities
from trainer.nets import Segmenter, build_net, stride_of
from trainer.recipes import RECIPES, Recipe
from vesselapp.core.errors import VesselError
from vesselapp.inference.model import load_model
from vesselapp.inference.predict import predict


def stirred(recipe: Recipe) -> Segmenter:
    """A net whose norms have seen something, so that nothing is left at its start value."""
    torch.manual_seed(0)
    net = build_net(recipe).train()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        for _ in range(3):
            net(torch.randint(0, 255, (2, 64, 64, 3), dtype=torch.uint8))
    return net.eval()


def exported(recipe: Recipe, path: Path) -> Segmenter:
    net = stirred(recipe)
    export_net(net, recipe, path, make_card(recipe, name="tiny", command="python -m trainer train"))
    return net


@pytest.fixture
def cells(tiny: Recipe) -> Recipe:
    return dataclasses.replace(
        RECIPES["cells"], architecture="own-wnet", widths=(8, 16), crop=64, batch=2, workers=0, precision="32"
    )


def test_parity_with_pytorch_through_the_apps_engine(tmp_path: Path, tiny: Recipe):
    net = exported(tiny, tmp_path / "m.onnx")
    model = load_model(tmp_path / "m.onnx", "cpu")
    for size in ((32, 64), (66, 48)):
        batch = np.random.default_rng(0).integers(0, 255, (2, *size, 3), np.uint8)
        with torch.no_grad():
            logits, features = net(torch.from_numpy(batch))
        wanted = probabilities(logits).permute(0, 2, 3, 1).numpy()
        assert np.abs(model.run(batch) - wanted).max() < 1e-4
        assert np.abs(model.features(batch) - features.permute(0, 2, 3, 1).numpy()).max() < 1e-3
    answer = predict(model, draw_fundus(0)[0])
    assert answer.probability.shape == (160, 160)
    assert answer.probability.max() > 0


def test_three_channels(tmp_path: Path, cells: Recipe):
    net = exported(cells, tmp_path / "m.onnx")
    model = load_model(tmp_path / "m.onnx", "cpu")
    batch = np.random.default_rng(0).integers(0, 255, (1, 64, 32, 3), np.uint8)
    answer = model.run(batch)
    assert np.allclose(answer.sum(axis=-1), 1, atol=1e-5)
    with torch.no_grad():
        wanted = probabilities(net(torch.from_numpy(batch))[0]).permute(0, 2, 3, 1).numpy()
    assert np.abs(answer - wanted).max() < 1e-4
    assert model.card.output.foreground == (0, 1)


def test_smp_net_is_small_and_agrees(tmp_path: Path):
    recipe = RECIPES["fundus-vessels"]
    net = exported(recipe, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").stat().st_size < 5e6
    model = load_model(tmp_path / "m.onnx", "cpu")
    batch = np.random.default_rng(0).integers(0, 255, (1, 64, 96, 3), np.uint8)
    with torch.no_grad():
        wanted = net(torch.from_numpy(batch))[0].sigmoid().permute(0, 2, 3, 1).numpy()
    assert np.abs(model.run(batch) - wanted).max() < 1e-4


def test_mirrored_views_are_averaged(tmp_path: Path, tiny: Recipe):
    recipe = dataclasses.replace(tiny, views=4)
    net = exported(recipe, tmp_path / "m.onnx")
    model = load_model(tmp_path / "m.onnx", "cpu")
    batch = np.random.default_rng(0).integers(0, 255, (1, 32, 32, 3), np.uint8)
    answers = []
    for axes in ((), (1,), (2,), (1, 2)):
        with torch.no_grad():
            logits, _ = net(torch.from_numpy(np.ascontiguousarray(np.flip(batch, axes))))
        answers.append(np.flip(logits.sigmoid().permute(0, 2, 3, 1).numpy(), axes))
    assert np.abs(model.run(batch) - np.mean(answers, axis=0)).max() < 1e-4


@pytest.mark.parametrize("views", [1, 2])
def test_the_file_alone_gives_the_net_back(tmp_path: Path, tiny: Recipe, views: int):
    recipe = dataclasses.replace(tiny, views=views)
    net = exported(recipe, tmp_path / "m.onnx")
    remembered, again = net_from_onnx(tmp_path / "m.onnx")
    assert remembered == recipe
    state, back = net.state_dict(), weights_from_onnx(tmp_path / "m.onnx")
    assert state.keys() == back.keys()
    assert all(torch.equal(state[key], back[key]) for key in state if not key.endswith("tracked"))
    batch = torch.randint(0, 255, (1, 32, 32, 3), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(net(batch)[0], again(batch)[0])


def test_card_and_graph(tmp_path: Path, tiny: Recipe):
    path = tmp_path / "m.onnx"
    exported(tiny, path)
    card = read_card(path)
    assert card.self_test is not None
    assert len(card.self_test.expected) == card.self_test.grid**2
    assert (card.tile.stride, card.scale.size) == (stride_of(tiny), round(1.2 * tiny.size))
    write_card(path, card.model_copy(update={"threshold": 0.4}))
    assert read_card(path).threshold == 0.4
    model = onnx.load(path)
    onnx.checker.check_model(model)
    assert [i.name for i in model.graph.input] == ["image"]
    assert [o.name for o in model.graph.output] == ["probability", "features"]
    assert str(Path.cwd()) not in path.read_bytes().decode("latin-1")


def test_no_model_is_one_sentence(tmp_path: Path):
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(VesselError, match="can't be read as an ONNX model"):
        weights_from_onnx(tmp_path / "m.onnx")
    with pytest.raises(VesselError, match="There is no model file"):
        read_card(tmp_path / "none.onnx")
