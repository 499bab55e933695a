"""Each device that the installed ONNX Runtime offers besides the CPU, for real; skipped where none is."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data

from tests.inference.foreign_models import disc_picture, foreign_model
from tests.tiny_models import fundus_picture, tiny_vessel_model, with_card
from vesselapp.cli.providers import why_not
from vesselapp.inference import model as model_module
from vesselapp.inference.catalog import find_model
from vesselapp.inference.model import load_model
from vesselapp.inference.predict import predict
from vesselapp.inference.providers import CPU, offered_providers
from vesselapp.inference.trial import guess_in_this_process

DEVICES = [provider.name for provider in offered_providers() if provider is not CPU]
pytestmark = pytest.mark.skipif(not DEVICES, reason="this ONNX Runtime offers nothing but the CPU")


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    """One that works here: one that doesn't must say why."""
    name = str(request.param)
    model = load_model(find_model(), name)
    if model.provider != name:
        assert model.provider_note
        pytest.skip(f"{name}: {model.provider_note}")
    return name


def test_own_models_answer_as_on_the_cpu(device: str, tmp_path: Path) -> None:
    for path, pixels in (
        (tiny_vessel_model(tmp_path / "tiny.onnx"), fundus_picture(700, 760, 640)),
        (find_model(), skimage.data.retina()),
    ):
        model, reference = load_model(path, device), load_model(path, "cpu")
        tile = model.card.tile.model_copy(update={"size": 512, "fixed": True})
        card = model.card.model_copy(update={"tile": tile})  # the same tiles on both
        answer = predict(with_card(model, card), pixels)
        assert answer.provider == device
        wanted = predict(with_card(reference, card), pixels).probability
        assert (np.abs(answer.probability - wanted) <= 1 / 255).mean() >= 0.999


@pytest.mark.parametrize("kind", [{}, {"layout": "NHWC", "answer": "softmax"}, {"dtype": "float16"}])
def test_foreign_models_answer_as_on_the_cpu(
    device: str, kind: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "try_foreign", guess_in_this_process)
    path = foreign_model(tmp_path / "foreign.onnx", **kind)  # type: ignore[arg-type]
    pixels, _ = disc_picture()
    wanted = predict(load_model(path, "cpu"), pixels).probability
    assert np.abs(predict(load_model(path, device), pixels).probability - wanted).mean() < 0.01


def test_check_tells_what_works(device: str) -> None:
    found = why_not(find_model())
    assert found[device] == ""
    assert found["cpu"] == ""
