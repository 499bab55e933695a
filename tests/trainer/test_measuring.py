"""What an evaluation says where pictures are not all alike, and what it refuses in one sentence."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.trainer.conftest import draw_fundus, save
from trainer.compare import compare, compare_files
from trainer.evaluate import (
    SECOND,
    Scores,
    _measured,
    answer_picture,
    as_figures,
    evaluate_file,
    print_table,
    print_warnings,
    summarise,
    write_results,
)
from trainer.export import export_net, make_card
from trainer.metrics import count
from trainer.nets import build_net
from trainer.pictures import prepare, read_picture, with_numbers
from trainer.readers import Case, read_sets
from trainer.recipes import RECIPES, change_recipe
from vesselapp.core.errors import VesselError
from vesselapp.inference.model import load_model
from vesselapp.inference.predict import predict
from vesselapp.inference.suitability import FUNDUS

NONE = np.zeros((4, 4), bool)


def scores(name: str, **values: float) -> Scores:
    case = Case("eyes", name, name, Path(name), ())
    return Scores(case, "model", values, count(None, NONE, NONE, ~NONE))


def test_pictures_of_one_object_have_measures_of_objects(tmp_path: Path):
    for name, count_ in (("a", 1), ("b", 3)):
        folder = tmp_path / "stage1_train" / name
        save(folder / "images" / f"{name}.png", np.full((32, 32, 3), 20, np.uint8))
        for number in range(count_):
            mask = np.zeros((32, 32), bool)
            mask[10 * number : 10 * number + 6, 4:10] = True
            save(folder / "masks" / f"{number}.png", mask)
    found = [read_picture(case, "cells").instances for case in read_sets([tmp_path / "stage1_train"])]
    assert [None if one is None else int(one.max()) for one in found] == [1, 3]


def test_in_a_set_of_numbered_masks_one_object_and_none_are_counted(tmp_path: Path):
    for name, count_ in (("a", 3), ("b", 1), ("c", 0)):
        numbers = np.zeros((32, 32), np.uint8)
        for number in range(count_):
            numbers[10 * number : 10 * number + 6, 4:10] = number + 1
        save(tmp_path / "set" / "images" / f"{name}.png", np.full((32, 32, 3), 20, np.uint8))
        save(tmp_path / "set" / "masks" / f"{name}.png", numbers)
        save(tmp_path / "plain" / "images" / f"{name}.png", np.full((32, 32, 3), 20, np.uint8))
        save(tmp_path / "plain" / "masks" / f"{name}.png", numbers > 0)
    found = [read_picture(case, "cells").instances for case in with_numbers(read_sets([tmp_path]))]
    assert [None if one is None else int(one.max()) for one in found] == [None] * 3 + [3, 1, 0]


def test_a_picture_without_a_measure_takes_it_from_no_other(capsys: pytest.CaptureFixture[str]):
    rows = [scores("a", dice=1.0), scores("b", dice=0.6, auc=0.8), scores("c", dice=0.8, auc=0.9)]
    (summary,) = summarise(rows)
    assert summary.mean == pytest.approx({"dice": 0.8, "auc": 0.85})
    assert (summary.of("dice"), summary.of("auc")) == (3, 2)
    print_table([summary])
    assert "2 of 3" in capsys.readouterr().out
    whole, part = as_figures([summary])
    assert (whole.name, whole.pictures, set(whole.values)) == ("eyes", 3, {"dice"})
    assert (part.name, part.pictures, set(part.values)) == ("eyes, where it is defined", 2, {"auc"})
    better = [scores("a", dice=1.0), scores("b", dice=0.6, auc=0.9), scores("c", dice=0.8, auc=0.9)]
    assert [(d.measure, d.pictures) for d in compare(rows, better)] == [("dice", 3), ("auc", 2)]


def test_objects_outside_the_field_of_view_are_neither_measured_nor_learnt(tmp_path: Path):
    numbers = np.zeros((120, 120), np.uint16)
    for number in range(9):
        cv2.circle(numbers, (20 + 40 * (number % 3), 20 + 40 * (number // 3)), 12, number + 1, -1)
    field = np.zeros((120, 120), bool)
    field[:, :60] = True
    save(tmp_path / "images" / "a.png", np.repeat(np.uint8(numbers > 0)[:, :, None] * 200, 3, axis=2))
    save(tmp_path / "masks" / "a.png", numbers > 0)
    save(tmp_path / "labels" / "a.png", numbers)
    save(tmp_path / "fov" / "a.png", field)
    picture = read_picture(read_sets([tmp_path])[0], "cells")
    answer = np.where(field, numbers, 0).astype(np.int32)
    answer[:, 100:] = 99
    values, _ = _measured(picture, None, answer > 0, answer)
    assert [values[name] for name in ("dice", "f1", "ap50", "pq", "count_error")] == [1, 1, 1, 1, 0]
    valid = prepare(picture, RECIPES["cells"]).valid
    assert valid.mean() == pytest.approx(0.5, abs=0.02)
    assert valid[:, 0].all()
    assert not valid[:, -1].any()


def test_models_of_two_tasks_are_not_compared(tmp_path: Path, fundus_set: Path):
    paths = []
    for name in RECIPES:
        recipe = change_recipe(RECIPES[name], ["architecture=own-unet", "widths=[4,8]"])
        paths.append(tmp_path / f"{name}.onnx")
        export_net(build_net(recipe), recipe, paths[-1], make_card(recipe, name=name, command="none"))
    with pytest.raises(VesselError, match="cells: they can't be compared"):
        compare_files(*paths, read_sets([fundus_set]))


def test_cells_are_measured_as_the_app_answers_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recipe = change_recipe(RECIPES["cells"], ["architecture=own-unet", "widths=[4,8]"])
    export_net(build_net(recipe), recipe, tmp_path / "a.onnx", make_card(recipe, name="a", command="none"))
    model, pixels = load_model(tmp_path / "a.onnx"), draw_fundus(0)[0]
    monkeypatch.setattr("vesselapp.inference.objects._LONGEST", 64)  # as if it were a very large picture
    monkeypatch.setattr("trainer.evaluate.find_diameter", lambda *_args: 20.0)
    answer = answer_picture(model, pixels, 128)
    assert np.array_equal(answer.probability, predict(model, pixels, object_diameter=20.0).probability)


def test_probabilities_that_are_no_numbers_are_one_sentence():
    with pytest.raises(VesselError, match="no numbers"):
        count(np.full((4, 4), np.nan, np.float32), NONE, NONE, ~NONE)


def test_results_are_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rows = [scores("a", dice=1.0), scores("b", dice=0.6)]
    write_results(rows, summarise(rows), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["summary"][0]["measured"] == {
        "dice": 2
    }
    assert (tmp_path / "out" / "evaluation.csv").read_text().splitlines()[0] == (
        "picture,who,seconds,dice,warnings"
    )
    (tmp_path / "file").write_text("mine")
    with pytest.raises(VesselError, match="is a file, not a folder"):
        write_results(rows, summarise(rows), tmp_path / "file")

    def full(*_args: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    before = (tmp_path / "out" / "evaluation.json").read_bytes()
    monkeypatch.setattr("os.fsync", full)
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(VesselError, match="the disk is full"):
        write_results(rows[:1], summarise(rows[:1]), tmp_path / "out")
    assert (tmp_path / "out" / "evaluation.json").read_bytes() == before


@pytest.mark.parametrize("damage", ["cut", "deflate"])
def test_a_damaged_packed_picture_is_one_sentence(tmp_path: Path, damage: str):
    pixels, vessels, _ = draw_fundus(0)
    packed = bytearray(gzip.compress(cv2.imencode(".ppm", pixels)[1].tobytes()))
    if damage == "deflate":
        packed[10:50] = b"\xff" * 40  # right after the head
    (tmp_path / "im0001.ppm.gz").write_bytes(bytes(packed[: len(packed) // 2] if damage == "cut" else packed))
    save(tmp_path / "im0001.ah.ppm", np.repeat(vessels[:, :, None] * np.uint8(255), 3, axis=2))
    (case,) = read_sets([tmp_path])
    with pytest.raises(VesselError, match="can't be read"):
        read_picture(case, "vessels")


def test_a_second_observers_mask_must_fit_its_picture(tmp_path: Path):
    pixels, vessels, _ = draw_fundus(0)
    save(tmp_path / "eyes" / "images" / "a.png", pixels)
    save(tmp_path / "eyes" / "masks" / "a.png", vessels)
    save(tmp_path / "eyes" / "masks_2nd" / "a.png", vessels[:80])
    with pytest.raises(VesselError, match="it is 160 x 80 px, its picture 160 x 160 px"):
        read_picture(read_sets([tmp_path / "eyes"])[0], "vessels")


def test_object_numbers_of_several_channels_are_named(tmp_path: Path):
    save(tmp_path / "cells" / "images" / "a.png", np.full((32, 32, 3), 20, np.uint8))
    save(tmp_path / "cells" / "masks" / "a.png", np.ones((32, 32), bool))
    save(tmp_path / "cells" / "labels" / "a.png", np.ones((32, 32, 3), np.uint8))
    with pytest.raises(VesselError, match="has 3 channels, but object numbers are one"):
        read_picture(read_sets([tmp_path / "cells"])[0], "cells")


def test_what_the_app_would_warn_of_is_told_once_with_its_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    warned, second = ("It is no cell.",), replace(scores("a", dice=0.5), who="second observer")
    rows = [replace(scores(name, dice=0.5), warnings=warned) for name in "ab"] + [second, scores("c", dice=1)]
    print_warnings(rows)
    assert " ".join(capsys.readouterr().out.split()) == "2 of 3 pictures (eyes/a, ...): It is no cell."
    write_results(rows, summarise(rows), tmp_path)
    pictures = json.loads((tmp_path / "evaluation.json").read_text())["pictures"]
    assert [p["warnings"] for p in pictures] == [*warned, *warned, "", ""]


def test_a_picture_that_the_model_is_not_for_is_told(tmp_path: Path, fundus_set: Path):
    recipe = change_recipe(RECIPES["cells"], ["architecture=own-unet", "widths=[4,8]"])
    path = tmp_path / "cells.onnx"
    export_net(build_net(recipe), recipe, path, make_card(recipe, name="cells", command="none"))
    for score in evaluate_file(path, read_sets([fundus_set])[:1]):
        assert score.warnings == (() if score.who == SECOND else (FUNDUS,))
