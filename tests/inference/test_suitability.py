from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from tests.tiny_models import fundus_picture, tiny_vessel_model
from vesselapp.core.model_card import ScaleSpec
from vesselapp.inference.model import Model, load_model
from vesselapp.inference.predict import predict
from vesselapp.inference.suitability import BLURRED, EMPTY, FUNDUS, NO_FIELD, NOT_FUNDUS


@pytest.fixture
def model(tmp_path: Path) -> Model:
    scale = ScaleSpec(kind="field_of_view", size=500)
    return load_model(tiny_vessel_model(tmp_path / "m.onnx", scale=scale, tile=512), "cpu")


def test_a_fundus_photograph_is_warned_of_nothing(model: Model) -> None:
    assert predict(model, fundus_picture(500, 560, 460)).warnings == ()
    assert predict(model, skimage.data.retina()).warnings == ()
    gray = cv2.cvtColor(skimage.data.retina(), cv2.COLOR_RGB2GRAY)
    assert predict(model, np.repeat(gray[..., None], 3, axis=2)).warnings == ()


@pytest.mark.parametrize("name", ["chelsea", "astronaut", "immunohistochemistry"])
def test_what_is_no_eye_is_warned_of(model: Model, name: str) -> None:
    assert NO_FIELD in predict(model, getattr(skimage.data, name)()).warnings


@pytest.mark.parametrize("value", [0, 90, 255])
def test_an_empty_frame_is_called_empty(model: Model, value: int) -> None:
    assert predict(model, np.full((400, 500, 3), value, np.uint8)).warnings == (EMPTY,)


def test_heavy_blur_is_told(model: Model) -> None:
    blurred = cv2.GaussianBlur(skimage.data.retina(), (0, 0), 14)
    assert predict(model, blurred).warnings == (BLURRED,)


def test_wrong_colours_in_a_round_field_are_told(model: Model) -> None:
    pixels = np.ascontiguousarray(fundus_picture(500, 560, 460)[..., ::-1])
    assert predict(model, pixels).warnings == (NOT_FUNDUS,)


def test_a_cell_model_says_so_when_it_is_shown_an_eye(tmp_path: Path) -> None:
    model = load_model(tiny_vessel_model(tmp_path / "m.onnx", task="cells"), "cpu")
    assert predict(model, skimage.data.retina()).warnings == (FUNDUS,)
    assert predict(model, skimage.data.immunohistochemistry()).warnings == ()


@pytest.mark.parametrize(("folder", "warned"), [("fundus/chase_db1", False), ("cells/bccd", True)])
def test_real_pictures(model: Model, shared_data: Path, folder: str, warned: bool) -> None:
    for path in sorted((shared_data / folder / "images").iterdir())[:10]:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        assert bool(predict(model, pixels).warnings) == warned, path.name


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (20000, 10)])
def test_a_strip_is_answered_too(model: Model, size: tuple[int, int]) -> None:
    assert predict(model, np.full((*size, 3), 90, np.uint8)).probability.shape == size
