"""The golden test: what was trained is what runs, through cropping, scaling, tiles and scaling back."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from tests.tiny_models import fundus_picture, with_card
from vesselapp.core.model_card import TileSpec
from vesselapp.core.scaling import resize_probability
from vesselapp.inference.catalog import find_model
from vesselapp.inference.frame import frame_for, working_pixels
from vesselapp.inference.model import Model, load_model
from vesselapp.inference.predict import predict

torch = pytest.importorskip("torch")


def torch_answer(path: Path, model: Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Run the trainer's own net over the whole working plane at once, in PyTorch."""
    from trainer.export import Shipped, net_from_onnx

    recipe, net = net_from_onnx(path)
    frame = frame_for(pixels, model.card)
    working, stride = working_pixels(pixels, frame), model.card.tile.stride
    padding = ((0, -frame.height % stride), (0, -frame.width % stride), (0, 0))
    given = torch.from_numpy(np.pad(working, padding, mode="reflect")[None])
    with torch.inference_mode():
        answer = Shipped(net, recipe.views).eval()(given)[0][0, : frame.height, : frame.width, 0].numpy()
    left, top, right, bottom = frame.box
    whole = np.zeros(pixels.shape[:2], np.float32)
    whole[top:bottom, left:right] = resize_probability(answer, bottom - top, right - left)
    assert frame.field_of_view is not None
    return whole * frame.field_of_view.mask(*whole.shape)


def difference(path: Path, pixels: NDArray[np.uint8], tile: TileSpec) -> NDArray[np.float32]:
    """Give by how much the app's answer, in these tiles, is off the trainer's net's."""
    model = load_model(path, "cpu")
    model = with_card(model, model.card.model_copy(update={"tile": tile}))
    wanted = torch_answer(path, model, pixels)
    assert wanted.std() > 0.02  # an answer that tells something apart
    return np.abs(predict(model, pixels).probability - wanted)


def assert_alike(path: Path, pixels: NDArray[np.uint8], tile: TileSpec) -> None:
    assert (difference(path, pixels, tile) <= 1 / 255).mean() >= 0.999


def shipped_tile() -> TileSpec:
    from trainer.export import make_card, read_card
    from trainer.recipes import recipe_from_dict

    recipe = recipe_from_dict(read_card(find_model()).config["recipe"])
    return make_card(recipe, name="", command="").tile  # as written today, should the file be older


def test_the_shipped_vessel_model_answers_as_in_training() -> None:
    one = shipped_tile().model_copy(update={"size": 2048})  # the whole picture
    assert_alike(find_model(), skimage.data.retina(), one)


def test_the_shipped_vessel_model_depends_little_on_its_tiles() -> None:
    """Its blocks weigh channels by means over a tile, so tiles can't answer exactly as the whole does."""
    off = difference(find_model(), skimage.data.retina(), shipped_tile())
    assert off.mean() < 0.005
    assert (off <= 0.1).mean() >= 0.99


def test_a_net_fresh_from_the_trainer_answers_as_in_training(tmp_path: Path) -> None:
    from trainer.export import export_net, make_card
    from trainer.nets import build_net
    from trainer.recipes import RECIPES, change_recipe

    torch.manual_seed(3)
    recipe = change_recipe(
        RECIPES["fundus-vessels"], ["architecture=own-unet", "widths=[8,16]", "size=600", "crop=256"]
    )
    net = build_net(recipe).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter *= 1.5
    path = tmp_path / "fresh.onnx"
    export_net(net, recipe, path, make_card(recipe, name="fresh", command="none"))
    assert_alike(path, fundus_picture(900, 1000, 800), TileSpec(stride=2, size=256, overlap=96))
