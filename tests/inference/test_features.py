from pathlib import Path

import numpy as np
import pytest

from tests.tiny_models import GREEN_OF_ZERO, fundus_picture, tiny_vessel_model, with_card
from vesselapp.core.adapt import UNIT
from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.model_card import ScaleSpec
from vesselapp.inference import features as module
from vesselapp.inference.features import features_of
from vesselapp.inference.frame import frame_for
from vesselapp.inference.model import Model, load_model
from vesselapp.inference.predict import predict


@pytest.fixture
def plain(tmp_path: Path) -> Model:
    """A model of pixels as they are, whose features are the colours."""
    return load_model(tiny_vessel_model(tmp_path / "m.onnx", task="other"), "cpu")


def test_features_of_tiles_are_those_of_the_whole(plain: Model) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 417, 3), np.uint8)
    found = features_of(plain, pixels, predict(plain, pixels).frame)
    assert found.box == (0, 0, 417, 300)
    wanted = np.round(pixels.astype(np.float32) / GREEN_OF_ZERO * UNIT)
    np.testing.assert_allclose(found.codes, wanted, atol=1)


def test_features_cover_the_field_of_view_at_the_models_scale(tmp_path: Path) -> None:
    scale = ScaleSpec(kind="field_of_view", size=140)
    model = load_model(tiny_vessel_model(tmp_path / "m.onnx", scale=scale), "cpu")
    pixels = fundus_picture(300, 340, 280)
    answer = predict(model, pixels)
    found = features_of(model, pixels, answer.frame)
    assert found.field_of_view is not None
    assert found.box == answer.frame.box
    assert found.codes.shape[:2] == (answer.frame.height, answer.frame.width)
    left, top, right, bottom = found.box
    middle = pixels[(top + bottom) // 2, (left + right) // 2].astype(np.float32) / GREEN_OF_ZERO * UNIT
    height, width = found.codes.shape[:2]
    np.testing.assert_allclose(found.codes[height // 2, width // 2], middle, atol=4)


def test_features_are_never_larger_than_the_picture(tmp_path: Path) -> None:
    scale = ScaleSpec(kind="field_of_view", size=560)
    model = load_model(tiny_vessel_model(tmp_path / "m.onnx", scale=scale), "cpu")
    pixels = fundus_picture(300, 340, 280)
    frame = predict(model, pixels).frame
    found = features_of(model, pixels, frame)
    assert found.codes.shape[0] <= found.box.bottom - found.box.top
    assert found.codes.shape[1] <= found.box.right - found.box.left


@pytest.mark.parametrize("magnify", [0.4, 1.0, 1.7])
def test_objects_are_brought_to_size_before(tmp_path: Path, magnify: float) -> None:
    scale = ScaleSpec(kind="object_diameter", size=28)
    model = load_model(tiny_vessel_model(tmp_path / "m.onnx", scale=scale, task="cells"), "cpu")
    pixels = np.ascontiguousarray(np.mgrid[0:300, 0:260].transpose(1, 2, 0)[..., [0, 1, 1]] % 256, np.uint8)
    pixels[..., 2] = 0
    found = features_of(model, pixels, frame_for(pixels, model.card, 28 / magnify))
    share = min(1.0, magnify)
    assert found.codes.shape == (round(300 * share), round(260 * share), 3)
    # Rows grow downwards, columns to the right, as they do in the picture.
    rows, columns = found.codes[..., 0].astype(int), found.codes[..., 1].astype(int)
    assert abs(rows[int(150 * share), 40] - 150 / GREEN_OF_ZERO * UNIT) < 2
    assert abs(columns[40, int(200 * share)] - 200 / GREEN_OF_ZERO * UNIT) < 2


def test_memory_is_bounded_by_means_over_several_pixels(
    plain: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_PX", 10_000)
    pixels = np.full((301, 407, 3), 100, np.uint8)
    found = features_of(plain, pixels, predict(plain, pixels).frame)
    assert found.codes.nbytes <= 10_000 * 3 * 1.02
    np.testing.assert_allclose(found.codes, round(100 / GREEN_OF_ZERO * UNIT), atol=1)


def test_a_model_without_features_says_so(plain: Model) -> None:
    output = plain.card.output.model_copy(update={"features": None})
    foreign = with_card(plain, plain.card.model_copy(update={"output": output}))
    pixels = np.zeros((40, 40, 3), np.uint8)
    with pytest.raises(VesselError, match="no features"):
        features_of(foreign, pixels, frame_for(pixels, foreign.card))


def test_it_can_be_stopped(plain: Model) -> None:
    pixels = np.zeros((600, 600, 3), np.uint8)
    told: list[float] = []
    with pytest.raises(Cancelled):
        features_of(
            plain,
            pixels,
            frame_for(pixels, plain.card),
            progress=told.append,
            cancelled=lambda: len(told) > 1,
        )
    assert len(told) == 2
