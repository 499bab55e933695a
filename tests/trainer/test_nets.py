"""Which nets can be taken: what docs/models.md lists becomes a model file, the rest is refused at once."""

import dataclasses
import json
from collections import Counter
from pathlib import Path

import pytest
import segmentation_models_pytorch.encoders as smp_encoders
import torch

from tests.trainer.conftest import options
from trainer import export
from trainer.export import export_net, make_card, net_from_onnx, try_net
from trainer.nets import build_net
from trainer.recipes import RECIPES, Recipe, change_recipe, recipe_to_dict
from trainer.run import load_net, train
from vesselapp.core.errors import VesselError
from vesselapp.inference.model import load_model

SMALL = dataclasses.replace(RECIPES["fundus-vessels"], crop=64, batch=2)


@pytest.mark.parametrize(
    "changes",
    [
        ["architecture=FPN", "encoder_depth=4"],
        ["encoder=resnet18", "encoder_depth=3", "decoder_channels=[64, 32, 16]"],
        ["architecture=own-unet", "norm=group"],
        ["architecture=own-unet", "widths=[4, 4, 4, 4, 4, 4, 4, 4, 4]", "crop=256"],
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
        (["architecture=PSPNet"], "'PSPNet' with encoder 'efficientnet-b0' can't be exported"),
        (["architecture=DPT", "encoder=tu-vit_tiny_patch16_224", "encoder_depth=4"], "can't be built"),
        (["encoder=mit_b0"], r"16 x 16 px, .* Set encoder_depth to 5 and decoder_channels to 5 numbers\."),
        (["encoder=mit_b0", "architecture=UPerNet"], r"at encoder_depth=4\. Set encoder_depth to 5\."),
        (["architecture=DeepLabV3", "encoder_depth=5", "batch=1"], "can't learn from 1 crops"),
        (["architecture=own-unet", "widths=[4, 4, 4, 4, 4, 4, 4]", "batch=1"], "can't learn from 1 crops"),
        (["architecture=own-unet", "crop=2048", f"widths={[4] * 12}"], "Take at most 11 widths"),
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


def test_a_net_that_needs_a_deep_encoder_can_be_taken_with_one():
    deep = ["encoder=mit_b0", "encoder_depth=5", "decoder_channels=[64,32,16,16,8]"]
    net = build_net(change_recipe(SMALL, deep)).eval()
    assert net(torch.zeros(1, 32, 32, 3, dtype=torch.uint8))[0].shape == (1, 1, 32, 32)


@pytest.mark.parametrize("encoder", ["tu-efficientnet_b0", "tu-mobilenetv3_small_100"])
def test_group_norm_keeps_the_activations(encoder: str):
    def activations(norm: str) -> Counter[str]:
        net = build_net(change_recipe(SMALL, [f"encoder={encoder}", f"norm={norm}"]))
        return Counter(type(part).__name__ for part in net.modules())

    batch, group = activations("batch"), activations("group")
    kinds = [kind for kind in batch if kind in ("SiLU", "ReLU", "Hardswish")]
    assert kinds
    assert [group[kind] for kind in kinds] == [batch[kind] for kind in kinds]
    assert group["GroupNorm"] == sum(batch[kind] for kind in ("BatchNorm2d", "BatchNormAct2d"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["encoder=resnet19"], "There is no encoder 'resnet19'. Take resnet1"),
        (["encoder=resnet18", "encoder_weights=imagnet"], "no weights 'imagnet'. Take imagenet"),
    ],
)
def test_names_near_to_known_ones_are_said(changes: list[str], said: str):
    with pytest.raises(VesselError, match=said):
        build_net(change_recipe(SMALL, changes))


def test_encoder_weights_are_fetched_for_a_beginning_alone(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch
):
    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("no route to host")

    kept = dataclasses.replace(tiny, architecture="Unet", encoder="resnet18")
    run = options(tmp_path / "run", fundus_set)
    train(kept, run)
    asked = dataclasses.replace(kept, encoder_weights="imagenet")
    (run.out / "recipe.json").write_text(json.dumps(recipe_to_dict(asked)))
    monkeypatch.setattr(smp_encoders, "hf_hub_download", unreachable)
    with pytest.raises(VesselError, match=r"'imagenet' of the encoder 'resnet18' can't be had: no route"):
        build_net(asked)
    recipe, net = load_net(run.out)
    export_net(net, recipe, tmp_path / "net.onnx", make_card(recipe, name="x", command="none"))
    net_from_onnx(tmp_path / "net.onnx")
    (run.out / "done.json").unlink()
    train(asked, run)
