from pathlib import Path

import pytest

from tests.tiny_models import tiny_vessel_model
from vesselapp.inference.model import Model, load_model


@pytest.fixture
def tiny_path(tmp_path: Path) -> Path:
    return tiny_vessel_model(tmp_path / "tiny.onnx")


@pytest.fixture
def tiny_model(tiny_path: Path) -> Model:
    return load_model(tiny_path, "cpu")
