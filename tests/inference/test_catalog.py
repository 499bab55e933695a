from pathlib import Path

import pytest

from tests.tiny_models import tiny_vessel_model
from vesselapp.core.errors import VesselError
from vesselapp.inference import catalog


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "shipped_folder", lambda: tmp_path / "shipped")
    monkeypatch.setattr(catalog, "user_folder", lambda: tmp_path / "user")


def test_no_model_is_said_plainly() -> None:
    with pytest.raises(VesselError, match="no model for vessels"):
        catalog.find_model()


def test_shipped_models_come_first_and_are_found_by_name_task_and_path(tmp_path: Path) -> None:
    shipped = tiny_vessel_model(tmp_path / "shipped" / "fundus.onnx")
    own = tiny_vessel_model(tmp_path / "user" / "a-mine.onnx")
    (tmp_path / "user" / "._a-mine.onnx").write_bytes(b"of Finder")
    assert [entry.name for entry in catalog.list_models()] == ["fundus", "a-mine"]
    assert [entry.shipped for entry in catalog.list_models()] == [True, False]
    assert catalog.find_model() == shipped
    assert catalog.find_model("a-mine") == own
    assert catalog.find_model(str(own)) == own
    with pytest.raises(VesselError, match="fundus, a-mine"):
        catalog.find_model("nothing")
