from pathlib import Path

import pytest

from tests.inference.foreign_models import split_model
from tests.tiny_models import tiny_vessel_model
from vesselapp.inference import model as model_module
from vesselapp.inference.trial import guess_in_this_process
from vesselapp.state.finding import Finder, Question


def test_a_model_written_anew_is_loaded_anew(tmp_path: Path) -> None:
    path = tiny_vessel_model(tmp_path / "tiny.onnx", threshold=0.5)
    finder, question = Finder(), Question(str(path), "vessels", "cpu")
    first = finder.load(question)
    assert finder.load(question) is first
    tiny_vessel_model(path, threshold=0.25)
    again = finder.load(question)
    assert again.card.threshold == 0.25
    assert again.sha256 != first.sha256
    path.unlink()
    assert finder.load(question) is again


def test_a_model_whose_other_file_is_written_anew_is_loaded_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "try_foreign", guess_in_this_process)
    path = split_model(tmp_path / "split.onnx")
    finder, question = Finder(), Question(str(path), "vessels", "cpu")
    first = finder.load(question)
    assert finder.load(question) is first
    split_model(path, 8.0)
    assert finder.load(question).sha256 != first.sha256
