"""Two models on one picture, asked as the app would ask them."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest

from tests.reviewed_study import drawn_study, review
from tests.tiny_models import tiny_vessel_model
from vesselapp.core.geometry import Box
from vesselapp.core.image import read_image
from vesselapp.inference.predict import predict
from vesselapp.state.comparing import Comparing, Wanted, _reviewed
from vesselapp.study.taking import import_masks


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


@pytest.mark.parametrize("kind", ["judged", "taken from elsewhere", "nothing there", "not reviewed"])
def test_the_mask_that_a_person_reviewed_is_the_exported_one(tmp_path: Path, kind: str) -> None:
    study = drawn_study(tmp_path / "study", 1)
    (picture,) = study.pictures()
    image = read_image(picture.path)
    expected = np.zeros(image.pixels.shape[:2], np.bool_)
    if kind == "taken from elsewhere":
        expected[20:50, 30:60] = True
        (tmp_path / "masks").mkdir()
        PIL.Image.fromarray(expected.astype(np.uint8) * 255).save(tmp_path / "masks" / "p0.png")
        assert import_masks(study, tmp_path / "masks", reviewed=True).pictures == ["p0.png"]
    elif kind != "not reviewed":
        review(study, picture, boxes=[Box(10, 10, 40, 30)], nothing_there=kind == "nothing there")
        kept = study.place(picture).load(image.sha256, *expected.shape, 0)
        assert kept is not None
        expected = kept.mask()
    side = _reviewed(study.place(picture), image)
    assert (side is None) == (kind == "not reviewed")
    if side is not None:
        assert np.array_equal(side.evidence.levels[0] >= side.level, expected)
