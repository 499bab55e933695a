"""What `evaluate` and `compare` print, write and refuse."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.tiny_models import tiny_vessel_model, with_card
from tests.trainer.conftest import draw_fundus, save
from trainer.__main__ import main
from trainer.compare import Difference, compare, compare_files, print_differences
from trainer.evaluate import Scores, as_figures, evaluate, notes_of, print_table, print_warnings, summarise
from trainer.export import export_net, make_card, write_card
from trainer.metrics import count, pixel_measures, pooled_intervals
from trainer.nets import build_net
from trainer.pictures import read_picture
from trainer.readers import Case, image_sha256, read_sets
from trainer.recipes import RECIPES, change_recipe
from vesselapp.inference.catalog import list_models
from vesselapp.inference.model import load_model

LINE = 80


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_vessel_model(tmp_path / "tiny.onnx")


def scores(set_name: str, name: str, right: int) -> Scores:
    probability = np.full((10, 10), 0.2, np.float32)
    truth = np.zeros((10, 10), bool)
    truth[:2] = True
    probability[:1, :right] = 0.9
    counts = count(probability, probability > 0.5, truth, np.ones((10, 10), bool))
    return Scores(Case(set_name, name, name, Path(name), ()), "model", pixel_measures(counts), counts)


def printed(text: str) -> str:
    """Give what was said, without the breaks of lines."""
    return " ".join(text.split())


def test_the_table_has_pooled_figures_with_intervals_and_cuts_none_at_80_columns():
    names = ("CHASE_DB1 of a long name", "HRF", "STARE")
    console = Console(width=LINE, record=True)
    summaries = summarise([scores(s, str(n), n + 1) for s in names for n in range(4)])
    print_table(summaries, console)
    text = console.export_text()
    assert "…" not in text
    for s in summaries:
        low, high = s.pooled_interval["dice"]
        assert low < s.pooled["dice"] < high
        assert f"{s.pooled['dice']:.4f} │ {low:.3f}-{high:.3f}" in text


def test_an_interval_reads_as_it_will_in_a_card():
    console = Console(width=LINE, record=True)
    summary = summarise([scores("HRF", "1", 3)])[0]
    summary = replace(summary, interval={"dice": (0.62547, 0.62552)})
    print_table([summary], console)
    low, high = as_figures([summary])[0].intervals["dice"]
    assert f"{low:.3f}-{high:.3f}" in console.export_text()


def test_brackets_in_names_are_printed(capsys: pytest.CaptureFixture[str]):
    rows = [replace(scores("eyes [left]", f"[b]{n}", n), warnings=("It is dark.",)) for n in range(2)]
    print_table(summarise(rows))
    print_differences(compare(rows, rows))
    print_warnings(rows)
    told = printed(capsys.readouterr().out)
    assert told.startswith("eyes [left]: model, 2 pictures")
    assert "eyes [left], 2 pictures" in told
    assert "(eyes [left]/[b]0, ...): It is dark." in told


def test_one_subject_has_no_interval():
    (summary,) = summarise([scores("HRF", "1", 3)])
    assert summary.interval == summary.pooled_interval == {}
    console = Console(width=LINE, record=True)
    print_table([summary], console)
    assert f"│ {summary.mean['dice']:.4f} │      │" in console.export_text()
    assert as_figures([summary])[0].intervals == {}


def test_differences_are_whole_at_80_columns_and_have_all_measures(tmp_path: Path, fundus_set: Path):
    paths = [tiny_vessel_model(tmp_path / f"{n}.onnx", threshold=0.4 + n / 5) for n in range(2)]
    cases = read_sets([fundus_set])
    rows, notes = compare_files(*paths, cases)
    assert {"iou", "precision", "accuracy", "specificity", "betti0_error"} <= {d.measure for d in rows}
    assert notes == []
    console = Console(width=LINE, record=True)
    print_differences(rows, console)
    assert "…" not in console.export_text()
    same, _ = compare_files(*paths, cases, 0.5)
    assert all(d.difference == 0 for d in same)


def test_compare_passes_the_threshold_on_and_writes_what_it_found(
    model: Path, fundus_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    other = tiny_vessel_model(tmp_path / "other.onnx", threshold=0.9)
    arguments = ["compare", str(model), str(other), "--data", str(fundus_set), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--threshold", "0.5"]) == 0
    whole = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert (whole["first"], whole["second"]) == ("tiny.onnx", "other.onnx")
    assert all(row["difference"] == 0 for row in whole["differences"])
    with (tmp_path / "out" / "comparison.csv").open() as file:
        assert [row["measure"] for row in csv.DictReader(file)] == [
            r["measure"] for r in whole["differences"]
        ]
    assert "4 pictures" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--side", "train"], "Give --split FILE too"),
        (["--split", "{split}"], "The validation side of"),
        (["--gallery"], "--gallery needs a folder"),
        (["--out", "{split}"], "is a file, not a folder"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_measured(
    more: list[str],
    said: str,
    model: Path,
    fundus_set: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": ["eyes/eye0"], "validation": []}))
    monkeypatch.setattr("trainer.evaluate.evaluate", lambda *_args: pytest.fail("measured"))
    arguments = [part.format(split=split) for part in more]
    assert main(["evaluate", str(model), "--data", str(fundus_set), *arguments]) == 1
    assert said in capsys.readouterr().err


def test_truth_without_anything_is_told(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pixels, vessels, _field = draw_fundus(0)
    for name in "ab":
        save(tmp_path / "eyes" / "images" / f"{name}.png", pixels)
        save(tmp_path / "eyes" / "masks" / f"{name}.png", vessels & False)
    arguments = [str(model), "--data", str(tmp_path / "eyes")]
    assert main(["evaluate", *arguments]) == 0
    out = capsys.readouterr().out
    assert "Nothing is marked inside the field of view in any mask (2 pictures)" in printed(out)
    assert "sensitivity" not in out
    save(tmp_path / "eyes" / "masks" / "b.png", vessels)
    assert main(["compare", str(model), *arguments]) == 0
    out = capsys.readouterr().out
    assert "Nothing is marked inside the field of view in 1 of 2 masks (eyes/a)." in printed(out)
    assert "1 of 2" in out


def test_pictures_that_a_model_has_learnt_are_told(
    model: Path, fundus_set: Path, capsys: pytest.CaptureFixture[str]
):
    learnt = [image_sha256(case) for case in read_sets([fundus_set])[1:]]
    card = load_model(model).card.model_copy(update={"config": {"training": {"learnt": learnt}}})
    write_card(model, card)
    assert main(["evaluate", str(model), "--data", str(fundus_set)]) == 0
    note = "3 of 4 pictures were learnt by tiny.onnx (eyes/eye1, ...): figures on those flatter it."
    assert note in printed(capsys.readouterr().out)


def test_a_model_of_unknown_purpose_is_measured_where_ours_is(
    model: Path, tmp_path: Path, fundus_set: Path, capsys: pytest.CaptureFixture[str]
):
    for path in (fundus_set / "images").iterdir():
        for kind in ("images", "masks"):
            (tmp_path / "eyes" / kind).mkdir(parents=True, exist_ok=True)
            (tmp_path / "eyes" / kind / path.name).write_bytes((fundus_set / kind / path.name).read_bytes())
    cases = read_sets([tmp_path / "eyes"])
    foreign = tiny_vessel_model(tmp_path / "foreign.onnx", task="other")
    inside = [read_picture(cases[0], task).inside for task in ("vessels", "other", "cells")]
    assert np.array_equal(inside[0], inside[1])
    assert inside[2].all()
    assert not inside[0].all()
    rows, _ = compare_files(model, foreign, cases)
    assert rows
    loaded = load_model(foreign)
    guessed = with_card(loaded, loaded.card.model_copy(update={"guessed": ("task", "input.layout")}))
    (note,) = notes_of(guessed, [scores("HRF", "1", 3)])
    assert "foreign.onnx takes and what its answer means was guessed" in note


def test_large_counts_of_pieces_stay_whole_at_80_columns():
    console = Console(width=LINE, record=True)
    row = Difference("HRF", "betti0_error", 15, 1741.5, 2741.5, 912.25, 1187.5)
    print_differences([row, Difference("HRF", "sensitivity", 12, 0.5, 0.6, 0.05, 0.15)], console)
    text = console.export_text()
    assert "│ +1000.0 (+912.2 to +1187.5)  │ worse  │" in text
    assert "│ better" in text
    assert "12 of 15" in text


def test_a_shipped_models_name_will_do(fundus_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen = []
    monkeypatch.setattr("trainer.compare.compare_files", lambda *args: (seen.append(args[:2]), ([], []))[1])
    name = next(entry.name for entry in list_models() if entry.task == "cells")
    assert main(["compare", name, name, "--data", str(fundus_set)]) == 0
    assert [path.stem for path in seen[0]] == [name, name]


@pytest.mark.parametrize("task", ["vessels", "cells"])
def test_all_is_pooled_but_the_difference_in_pieces(task: str, tmp_path: Path):
    for number in range(2):
        pixels, vessels, _field = draw_fundus(number)
        save(tmp_path / "set" / "images" / f"{number}.png", pixels)
        save(tmp_path / "set" / "masks" / f"{number}.png", vessels)
        save(tmp_path / "set" / "labels" / f"{number}.png", vessels.astype(np.uint8))
    recipe = change_recipe(
        RECIPES["cells" if task == "cells" else "fundus-vessels"], ["architecture=own-unet", "widths=[4,8]"]
    )
    path = tmp_path / "net.onnx"
    export_net(build_net(recipe), recipe, path, make_card(recipe, name="x", command="none"))
    (summary,) = summarise(evaluate(load_model(path), read_sets([tmp_path / "set"])))
    assert ({"f1", "ap50", "pq", "count_error"} <= summary.mean.keys()) == (task == "cells")
    assert summary.mean.keys() - summary.pooled.keys() == {"betti0_error"}
    assert summary.mean.keys() - summary.pooled_interval.keys() == {"betti0_error"}


def test_pooled_intervals_draw_whole_subjects():
    one = scores("HRF", "1", 3).counts
    twice = [one, one]
    low, high = pooled_intervals(twice, ["a", "b"])["dice"]
    assert low == high == pytest.approx(pixel_measures(one)["dice"])
    assert pooled_intervals(twice, ["a", "a"]) == {}
