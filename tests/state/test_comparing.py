"""Two models on one picture, asked as the app would ask them."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.reviewed_study import drawn_study, review
from tests.tiny_models import tiny_vessel_model
from vesselapp.inference.predict import predict
from vesselapp.state.comparing import Comparing, Wanted


@pytest.mark.parametrize("said", [None, 17.0])
def test_models_are_asked_with_the_size_of_cells_that_a_person_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: float | None
) -> None:
    study = drawn_study(tmp_path / "study", 1)
    (picture,) = study.pictures()
    review(study, picture, object_diameter=said)
    asked: list[object] = []

    def listen(*arguments: object, **named: object) -> object:
        asked.append(named["object_diameter"])
        return predict(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("vesselapp.inference.predict.predict", listen)
    model = tiny_vessel_model(tmp_path / "tiny.onnx")
    wanted = Wanted(picture.path, model, model, study.place(picture))
    job = SimpleNamespace(report=lambda share: None, cancelled=lambda: False)
    compared = Comparing(SimpleNamespace())._compare(wanted, job)  # type: ignore[arg-type]
    assert asked == [said, said]
    assert compared.only_old == compared.only_new == 0
