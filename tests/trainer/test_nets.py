"""Which nets can be taken: what docs/models.md lists becomes a model file, the rest is refused at once."""

import dataclasses
from pathlib import Path

import pytest

from tests.trainer.test_fit import options
from trainer import export
from trainer.export import export_net, make_card, net_from_onnx, try_net
from trainer.nets import build_net
from trainer.recipes import RECIPES, Recipe, change_recipe
from trainer.run import train
from vesselapp.core.errors import VesselError
from vesselapp.inference.model import load_model

SMALL = dataclasses.replace(RECIPES["fundus-vessels"], crop=64, batch=2)


@pytest.mark.parametrize(
    "changes",
    [
        ["architecture=FPN", "encoder_depth=4"],
        ["encoder=resnet18", "encoder_depth=3", "decoder_channels=[64, 32, 16]"],
        ["architecture=own-unet", "norm=group"],
    ],
)
def test_nets_become_model_files_and_come_back(tmp_path: Path, changes: list[str]):
    recipe = change_recipe(SMALL, changes)
    net, path = build_net(recipe), tmp_path / "net.onnx"
    export_net(net, recipe, path, make_card(recipe, name="x", command="none"))
    _recipe, back = net_from_onnx(path)
    assert back.state_dict().keys() == net.state_dict().keys()
    load_model(path, "cpu")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["architecture=PAN", "encoder_depth=5"], "'PAN' with encoder 'efficientnet-b0' can't be built"),
        (["architecture=DPT", "encoder=tu-vit_tiny_patch16_224", "encoder_depth=4"], "can't be built"),
        (["architecture=DeepLabV3", "encoder_depth=5", "batch=1"], "can't learn from 1 crops"),
        (["crop=100"], "Crops of 100 px don't fit"),
        (["architecture=own-unet", "crop=100"], "Crops of 100 px don't fit"),
    ],
)
def test_what_can_not_be_a_model_file_is_one_sentence(changes: list[str], said: str):
    with pytest.raises(VesselError, match=said):
        try_net(change_recipe(SMALL, changes))


def test_a_net_is_refused_before_anything_is_written(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise RuntimeError("no such operator")

    monkeypatch.setattr(export, "_graph", broken)
    recipe = dataclasses.replace(tiny, architecture="Unet")
    with pytest.raises(VesselError, match="can't be exported as a model file"):
        train(recipe, options(tmp_path / "run", fundus_set))
    assert not (tmp_path / "run").exists()
    train(tiny, options(tmp_path / "run", fundus_set))  # our own nets are known to be exported
