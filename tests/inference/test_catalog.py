from pathlib import Path

import onnx
import pytest

from tests.inference.foreign_models import foreign_model
from tests.tiny_models import tiny_vessel_model
from vesselapp.core.errors import VesselError
from vesselapp.inference import catalog, manage
from vesselapp.inference.model import load_model


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "shipped_folder", lambda: tmp_path / "shipped")
    for module in (catalog, manage):
        monkeypatch.setattr(module, "user_folder", lambda: tmp_path / "user")


def test_no_model_is_said_plainly() -> None:
    with pytest.raises(VesselError, match="no model for vessels"):
        catalog.find_model()


def test_shipped_models_come_first_and_are_found_by_name_task_and_path(tmp_path: Path) -> None:
    shipped = tiny_vessel_model(tmp_path / "shipped" / "fundus.onnx")
    own = tiny_vessel_model(tmp_path / "user" / "a-mine.onnx")
    assert [entry.name for entry in catalog.list_models()] == ["fundus", "a-mine"]
    assert [entry.shipped for entry in catalog.list_models()] == [True, False]
    assert catalog.find_model() == shipped
    assert catalog.find_model("a-mine") == own
    assert catalog.find_model(str(own)) == own
    with pytest.raises(VesselError, match="fundus, a-mine"):
        catalog.find_model("nothing")


def test_an_imported_model_is_tried_copied_and_can_be_removed(tmp_path: Path) -> None:
    source = tiny_vessel_model(tmp_path / "from elsewhere.onnx")
    entry = manage.import_model(source)
    assert entry.name == "from-elsewhere"
    assert entry.path.read_bytes() == source.read_bytes()
    assert manage.import_model(source) == entry
    other = manage.import_model(tiny_vessel_model(tmp_path / "b.onnx", name="B"), "from elsewhere")
    assert other.name == "from-elsewhere-2"
    assert manage.remove_model("from-elsewhere") == entry.path
    assert [entry.name for entry in catalog.list_models()] == ["from-elsewhere-2"]
    with pytest.raises(VesselError, match="no model from-elsewhere"):
        manage.remove_model("from-elsewhere")


def test_a_model_with_weights_in_another_file_is_imported_whole(tmp_path: Path) -> None:
    model = onnx.load(foreign_model(tmp_path / "whole.onnx"))
    path = tmp_path / "split.onnx"
    onnx.save(model, str(path), save_as_external_data=True, location="split.bin", size_threshold=0)
    entry = manage.import_model(path)
    assert (entry.path.parent / "split.bin").exists()
    assert [found.name for found in catalog.list_models()] == ["split"]
    assert load_model(entry.path, "cpu").provider == "cpu"
    manage.remove_model("split")
    assert not entry.path.parent.exists()


def test_shipped_models_stay(tmp_path: Path) -> None:
    path = tiny_vessel_model(tmp_path / "shipped" / "fundus.onnx")
    with pytest.raises(VesselError, match="came with the app"):
        manage.remove_model("fundus")
    assert path.exists()


def test_a_bad_file_is_not_imported(tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_text("no model")
    with pytest.raises(VesselError):
        manage.import_model(bad)
    assert catalog.list_models() == []


def test_show_and_check_say_what_is_known(tmp_path: Path) -> None:
    path = tiny_vessel_model(tmp_path / "m.onnx")
    shown = manage.show_model(path)
    assert shown["card"]["task"] == "vessels"
    assert shown["guesses"] == []
    assert [(check.provider, check.problem) for check in manage.check_model(path)] == [("cpu", "")]
