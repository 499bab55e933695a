import threading
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_models import fundus_picture, tiny_probability, tiny_vessel_model
from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.model_card import ScaleSpec
from vesselapp.inference.model import Model, load_model
from vesselapp.inference.predict import predict


def test_the_answer_has_the_pictures_size_and_is_zero_outside_the_field(tiny_model: Model) -> None:
    pixels = fundus_picture(300, 341)
    answer = predict(tiny_model, pixels)
    assert answer.probability.shape == (300, 341)
    assert answer.probability.dtype == np.float32
    assert answer.provider == "cpu"
    assert answer.field_of_view is not None
    assert answer.field_of_view.found
    inside = answer.field_of_view.mask(300, 341) == 1
    assert not answer.probability[~inside].any()
    np.testing.assert_allclose(answer.probability[inside], tiny_probability(pixels)[inside], atol=2e-6)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 300), (64, 64), (129, 127), (300, 301)])
def test_any_size_works(tiny_model: Model, height: int, width: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    answer = predict(tiny_model, pixels)
    assert not answer.field_of_view or not answer.field_of_view.found
    np.testing.assert_allclose(answer.probability, tiny_probability(pixels), atol=2e-6)


def test_tiles_give_the_same_answer_as_the_whole_where_the_receptive_field_fits_the_overlap(
    tmp_path: Path,
) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (400, 530, 3), np.uint8)
    tiled = load_model(tiny_vessel_model(tmp_path / "a.onnx", blur=31, tile=128, overlap=32), "cpu")
    whole = load_model(tiny_vessel_model(tmp_path / "b.onnx", blur=31, tile=1024), "cpu")
    a, b = predict(tiled, pixels).probability, predict(whole, pixels).probability
    assert np.abs(a - b)[16:-16, 16:-16].max() <= 1 / 255
    assert np.abs(a - b)[16:-16, 16:-16].max() < 1e-5


def test_cameras_of_all_sizes_meet_the_model_at_one_scale(tmp_path: Path) -> None:
    model = load_model(
        tiny_vessel_model(tmp_path / "m.onnx", scale=ScaleSpec(kind="field_of_view", size=280)), "cpu"
    )
    small = predict(model, fundus_picture(300, 340, 280))
    large = predict(model, fundus_picture(900, 1020, 840))
    assert large.probability.shape == (900, 1020)
    shrunk = large.probability.reshape(300, 3, 340, 3).mean(axis=(1, 3))
    inside = small.field_of_view.mask(300, 340) == 1 if small.field_of_view else None
    assert inside is not None
    assert np.abs(shrunk - small.probability)[inside].mean() < 0.05


def test_progress_rises_to_one_and_cancel_stops_within_a_tile(tiny_model: Model) -> None:
    pixels = fundus_picture(700, 700, 680)
    shares: list[float] = []
    predict(tiny_model, pixels, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 4
    stop = threading.Event()
    seen: list[float] = []

    def on_progress(share: float) -> None:
        seen.append(share)
        stop.set()

    with pytest.raises(Cancelled):
        predict(tiny_model, pixels, progress=on_progress, cancelled=stop.is_set)
    assert len(seen) == 1


def test_wrong_pixels_are_refused_in_a_sentence(tiny_model: Model) -> None:
    with pytest.raises(VesselError, match="8-bit colour"):
        predict(tiny_model, np.zeros((4, 4), np.uint8))
