"""The whole way on tiny drawn eyes: train, export, evaluate, compare."""

import csv
import io
import json
import shlex
import sys
from pathlib import Path

import pytest

from tests.trainer.conftest import TINY, write_fundus_set
from trainer.__main__ import _parser, _without_paths, main
from trainer.compare import compare, print_differences
from trainer.evaluate import SECOND, Scores, summarise
from trainer.export import net_from_onnx, read_card
from trainer.finetune.plan import Request
from trainer.metrics import BINS, Counts
from trainer.readers import Case
from vesselapp.inference.catalog import list_models


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Data, run and model of a first training by the commands alone."""
    root = tmp_path_factory.mktemp("commands")
    data = write_fundus_set(root / "eyes")
    arguments = [
        "train",
        "fundus-vessels",
        "--data",
        str(data),
        "--out",
        str(root / "run"),
        "--accelerator",
        "cpu",
    ]
    assert main([*arguments, "--devices", "1", *TINY]) == 0
    model = root / "tiny.onnx"
    assert main(["export", str(root / "run"), "--out", str(model), "--data", str(data)]) == 0
    return data, root / "run", model


def test_card_tells_the_truth(made):
    data, run, model = made
    card = read_card(model)
    assert card.command.startswith("python -m trainer train fundus-vessels --data eyes --out RUN")
    assert "--set 'widths=[8,16]'" in card.command
    assert str(data.parent) not in card.model_dump_json()
    (figures,) = card.validation
    sides = json.loads((run / "split.json").read_text())
    assert figures.pictures == len(sides["validation"])
    assert figures.pictures == 1
    assert figures.intervals == {}  # of one subject
    assert sum(source.pictures for source in card.training_data) == len(sides["train"])
    assert card.limits


def test_evaluate_writes_tables_and_a_gallery(made, tmp_path: Path, capsys):
    data, run, model = made
    arguments = ["evaluate", str(model), "--data", str(data), "--split", str(run / "split.json")]
    assert main([*arguments, "--out", str(tmp_path), "--gallery"]) == 0
    assert "eyes" in capsys.readouterr().out
    results = json.loads((tmp_path / "evaluation.json").read_text())
    with (tmp_path / "evaluation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(results["pictures"]) == 1
    assert results["summary"][0]["mean"]["dice"] == pytest.approx(float(rows[0]["dice"]))
    assert {"auc", "pr_auc", "cldice", "betti0_error", "ece", "mcc"} <= rows[0].keys()
    assert (tmp_path / "gallery.png").stat().st_size > 1000
    assert "eyes/" in (tmp_path / "gallery.html").read_text()


def test_compare_with_itself_is_a_draw(made, capsys):
    data, _run, model = made
    assert main(["compare", str(model), str(model), "--data", str(data)]) == 0
    out = capsys.readouterr().out
    assert "+0.0000" in out
    assert "better" not in out
    assert "worse" not in out


def test_training_goes_on_from_the_file_alone(made, tmp_path: Path):
    data, _run, model = made
    base = ["train", "fundus-vessels", "--data", str(data), "--out", str(tmp_path), "--accelerator", "cpu"]
    frozen = [
        *TINY,
        "--set=learning_rate=1e-9",
        "--set=weight_decay=0",
        "--devices",
        "1",
        "--weights",
        str(model),
    ]
    assert main([*base, *frozen]) == 0
    kept = (tmp_path / "command.txt").read_text()
    assert kept.startswith(f"{read_card(model).command}; then python -m trainer train")
    _, net = net_from_onnx(model)
    from trainer.run import load_net

    before, after = net.state_dict(), load_net(tmp_path)[1].state_dict()
    assert all(after[k].allclose(before[k], atol=1e-6) for k in before if k.endswith((".weight", ".bias")))


FOLDERS = [Path("drive"), Path("my eyes")]


def folders_of(command: str, option: str) -> list[Path]:
    words = shlex.split(command.removeprefix("python -m trainer "))
    return list(getattr(_parser().parse_args(words), option))


@pytest.mark.parametrize("given", ["{option} drive 'my eyes'", "{option} drive {option} 'my eyes'"])
@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("train cells --out RUN", "data"),
        ("tune cells --out RUN", "data"),
        ("evaluate cells", "data"),
        ("compare cells fundus-vessels", "data"),
        ("export RUN --out x.onnx", "data"),
        ("finetune STUDY", "replay"),
    ],
)
def test_folders_given_one_by_one_are_all_taken(command: str, option: str, given: str):
    assert folders_of(f"{command} {given.format(option=f'--{option}')}", option) == FOLDERS


def test_the_command_on_a_card_asks_for_the_same_folders():
    assert folders_of(Request(Path("study"), replay=tuple(FOLDERS)).command, "replay") == FOLDERS
    typed = _parser().parse_args(["train", "cells", "--out", "run", "--data", *map(str, FOLDERS)])
    assert folders_of(_without_paths(typed), "data") == FOLDERS


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["promote", "x" * 300], "holds no verdict"),
        (["train", "nerves", "--data", "x", "--out", "y"], "no recipe 'nerves'"),
        (["train", "cells", "--data", "nowhere", "--out", "y"], "nowhere doesn't exist"),
        (["train", "cells", "--data", "x", "--out", "y", "--set", "steps"], "no setting"),
        (["evaluate", "none.onnx", "--data", "{data}"], "none.onnx"),
        (["export", "{data}", "--out", "x.onnx"], "recipe.json"),
    ],
)
def test_problems_are_one_sentence(
    made, arguments: list[str], said: str, capsys, tmp_path: Path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main([a.format(data=made[0]) for a in arguments]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("trainer: ")
    assert "Traceback" not in error


def test_a_name_that_the_terminal_cannot_show_ends_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "cp1252"))
    assert main(["train", "nerves", "--data", "x", "--out", "y"]) == 1
    print("α-SMA", flush=True)


def test_a_failure_is_an_event_too(tmp_path: Path, capsys):
    arguments = [
        "train",
        "cells",
        "--data",
        str(tmp_path / "nowhere"),
        "--out",
        str(tmp_path / "run"),
        "--events",
    ]
    assert main(arguments) == 1
    event = json.loads(capsys.readouterr().out)
    assert event["event"] == "failed"
    assert "doesn't exist" in event["message"]


def scores(name: str, dice: float, who: str = "model") -> Scores:
    counts = Counts(*(2 * [__import__("numpy").zeros(BINS, "int64")]), 8, 1, 1, 90)
    return Scores(Case("set", name, name, Path(name), ()), who, {"dice": dice}, counts)


def test_paired_comparison_sees_a_small_steady_gain():
    first = [scores(str(i), 0.6 + i / 20) for i in range(6)]
    second = [scores(str(i), 0.61 + i / 20) for i in range(6)]
    (row,) = compare(first, second)
    assert row.difference == pytest.approx(0.01)
    assert row.low == pytest.approx(0.01)


def test_one_subject_is_never_better(capsys: pytest.CaptureFixture[str]):
    (row,) = compare([scores("a", 0.5)], [scores("a", 0.7)])
    assert (row.low, row.high) == (None, None)
    print_differences([row])
    out = capsys.readouterr().out
    assert "+0.2000" in out
    assert "better" not in out


def test_summaries_put_the_second_observer_beside_the_model():
    model, person = summarise([scores("a", 0.8), scores("b", 0.6), scores("a", 0.7, SECOND)])
    assert (model.who, model.pictures, model.mean["dice"]) == ("model", 2, pytest.approx(0.7))
    assert (person.who, person.pictures) == (SECOND, 1)
    assert model.pooled["dice"] == pytest.approx(16 / 18)


def test_shipped_models_carry_their_story():
    shipped = [entry for entry in list_models() if entry.shipped]
    assert shipped
    for entry in shipped:
        card = read_card(entry.path)
        assert entry.path.stat().st_size <= 5e6
        assert card.name == entry.path.stem
        assert card.validation
        assert card.training_data
        assert card.limits
        assert card.command
        assert not any("bccd" in source.name.lower() for source in card.training_data)
        net_from_onnx(entry.path)
