"""What a model has learnt never judges one that is trained on from it, or its card says so."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.conftest import options, write_fundus_set
from trainer.export import make_card, read_card, write_card
from trainer.lineage import Seen, flattery, seen_by, split_after
from trainer.readers import Case
from trainer.recipes import RECIPES, Recipe
from trainer.run import train
from trainer.ship import ship
from trainer.split import make_split
from vesselapp.core.files import file_sha256


def seen_of(**config: Any) -> Seen:
    card = make_card(RECIPES["cells"], name="x", command="").model_copy(update={"config": config})
    return seen_by(card)


def people(folder: Path, set_name: str, count: int) -> list[Case]:
    """Give two pictures of each person, which differ in their bytes alone."""
    cases = []
    for name in (f"{person}{eye}" for person in range(count) for eye in "LR"):
        path = folder / set_name / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{set_name} {name}")
        cases.append(Case(set_name, name, name[:-1], path, (path,)))
    return cases


def hashes(cases: list[Case], *names: str) -> list[str]:
    return [file_sha256(case.image) for case in cases if case.name in names]


def test_a_card_tells_what_its_model_knows():
    own = {"held": ["a", "b"], "learnt": ["c"], "learnt_before": ["d"], "whole": True}
    assert seen_of(training=own) == Seen(frozenset("cd"), frozenset("ab"), whole=True)
    tuned = {"learnt": [{"sha256": "a"}], "learnt_before": ["e"]}
    assert seen_of(training=own, finetune=tuned) == Seen(frozenset("acde"), frozenset("b"), whole=True)
    assert not seen_of(training=own, finetune={**tuned, "replayed": ["eyes"]}).whole
    assert seen_of(training=own, finetune={"old_judged": ["f", "c"]}).held == frozenset("abf")
    unsure = seen_of(training={"held": ["a", "b"], "unsure": ["b"]})
    assert (unsure.may_have_learnt("a"), unsure.may_have_learnt("b")) == (False, True)
    assert seen_of(training={"held": ["a"]}) == Seen(held=frozenset("a"), whole=False)
    for config in ({}, {"training": 3, "finetune": []}, {"training": {"held": 3, "learnt": None}}):
        assert seen_of(**config) == Seen(whole=False)


def test_what_a_model_learnt_does_not_judge_the_next(tmp_path: Path):
    cases = people(tmp_path, "eyes", 10)
    assert split_after(Seen(), cases) == make_split(cases)
    judges = {key[:-1] for key in make_split(cases)["validation"]}
    assert len(judges) == 2
    learnt = hashes(cases, *(f"{key[-1]}L" for key in judges))  # of each of these one eye
    others = [f"{number}L" for number in range(10) if f"eyes/{number}" not in judges]
    held = hashes(cases, *others[:3])
    sides = split_after(Seen(frozenset(learnt), frozenset(held)), cases)
    assert sorted(sides["train"] + sides["validation"]) == [case.key for case in cases]
    judging = {file_sha256(case.image) for case in cases if case.key in sides["validation"]}
    assert set(held) < judging
    assert not judging & set(learnt)
    people_of = [{key[:-1] for key in sides[side]} for side in ("train", "validation")]
    assert judges <= people_of[0]
    assert not people_of[0] & people_of[1]


def test_a_card_that_tells_only_what_was_held_back(tmp_path: Path):
    old, new = people(tmp_path, "old", 6), people(tmp_path, "new", 6)
    seen = Seen(held=frozenset(hashes(old, "3L", "3R")), whole=False)
    sides = split_after(seen, [*old, *new])
    assert [key for key in sides["validation"] if key.startswith("old")] == ["old/3L", "old/3R"]
    assert [key for key in sides["validation"] if key.startswith("new")] == make_split(new)["validation"]
    held = [*hashes(old, "3L", "3R"), *hashes(new, "0L")]
    (told,) = flattery(seen, held)
    assert told.startswith("1 of the 3 pictures held back may have been learnt")
    for count, said in ((1, "1 of the 3 pictures held back was"), (2, "2 of the 3 pictures held back were")):
        assert flattery(Seen(frozenset(held[:count])), held)[0].startswith(f"{said} learnt by")
    assert flattery(Seen(), held) == []


@pytest.mark.parametrize("learnt", [[], ["3L"]])
def test_copies_of_a_picture_are_on_one_side_under_any_names(tmp_path: Path, learnt: list[str]):
    cases = people(tmp_path, "eyes", 10)
    copies = [
        dataclasses.replace(c, set_name="more", name=f"x{c.name}", subject=f"x{c.subject}") for c in cases
    ]
    sides = split_after(Seen(frozenset(hashes(cases, *learnt))), [*cases, *copies[:-1]])
    bytes_of = {case.key: file_sha256(case.image) for case in (*cases, *copies)}
    train, judging = ({bytes_of[key] for key in sides[side]} for side in ("train", "validation"))
    assert len(judging) == 4
    assert not train & judging
    assert not judging & set(hashes(cases, *(f"{name[0]}{eye}" for name in learnt for eye in "LR")))
    assert sorted(sides["train"] + sides["validation"]) == sorted(bytes_of.keys() - {copies[-1].key})


def split_file(path: Path, learn: tuple[int, int], judge: tuple[int, int]) -> Path:
    sides = {"train": learn, "validation": judge}
    named = {side: [f"eyes/eye{number}" for number in numbers] for side, numbers in sides.items()}
    path.write_text(json.dumps(named))
    return path


@pytest.fixture
def first(tmp_path: Path, tiny: Recipe) -> tuple[Path, Path]:
    """Eight eyes, and a model that learnt the first two and held the next two back."""
    data = write_fundus_set(tmp_path / "eyes", 8)
    split = split_file(tmp_path / "first.json", (0, 1), (2, 3))
    ship(train(tiny, options(tmp_path / "run1", data, split=split)), tmp_path / "first.onnx", data=[data])
    return data, tmp_path / "first.onnx"


def test_figures_on_what_the_base_learnt_are_said_to_flatter(
    first: tuple[Path, Path], tmp_path: Path, tiny: Recipe, capsys: pytest.CaptureFixture[str]
):
    data, base = first
    split = split_file(tmp_path / "other.json", (2, 4), (1, 3))
    more = options(tmp_path / "run2", data, split=split, weights=base)
    capsys.readouterr()
    train(tiny, dataclasses.replace(more, quiet=False))
    said = "1 of the 2 pictures held back was learnt by the model it started from"
    assert said in capsys.readouterr().err
    card = ship(tmp_path / "run2", tmp_path / "second.onnx", data=[data])
    assert said in capsys.readouterr().err
    assert said in card.limits[0]
    assert card.parent == file_sha256(base)
    assert [source.name for source in card.training_data] == ["eyes", "eyes, before"]
    sha = {number: file_sha256(data / "images" / f"eye{number}.png") for number in range(5)}
    assert seen_by(card) == Seen(frozenset({sha[0], sha[1], sha[2], sha[4]}), frozenset({sha[3]}))
    (tmp_path / "run2" / "parent.json").write_text(json.dumps({"sha256": "a", "training_data": []}))
    card = ship(tmp_path / "run2", tmp_path / "second.onnx", data=[data])
    assert "2 of the 2 pictures held back may have been learnt" in card.limits[0]
    judged = frozenset({sha[1], sha[3]})
    assert seen_by(card) == Seen(frozenset({sha[2], sha[4]}), judged, judged, whole=False)


def test_a_training_from_a_model_keeps_to_what_that_held_back(
    first: tuple[Path, Path], tmp_path: Path, tiny: Recipe, capsys: pytest.CaptureFixture[str]
):
    data, base = first
    run = train(tiny, options(tmp_path / "run2", data, weights=base))
    sides = json.loads((run / "split.json").read_text())
    assert {"eyes/eye0", "eyes/eye1"} < set(sides["train"])
    assert {"eyes/eye2", "eyes/eye3"} < set(sides["validation"])
    card = ship(run, tmp_path / "second.onnx", data=[data])
    assert not any("started from" in one for one in card.limits)
    old = read_card(base)
    training = {"held": old.config["training"]["held"]}  # as cards were before
    write_card(base, old.model_copy(update={"config": {**old.config, "training": training}}))
    run = train(tiny, options(tmp_path / "run3", data, weights=base))
    assert json.loads((run / "split.json").read_text())["validation"] == ["eyes/eye2", "eyes/eye3"]
    assert not any("started from" in one for one in ship(run, tmp_path / "third.onnx", data=[data]).limits)


def test_what_an_attempt_without_a_step_left_behind_does_not_split(
    first: tuple[Path, Path], tmp_path: Path, tiny: Recipe
):
    data, base = first
    fresh = json.loads((train(tiny, options(tmp_path / "fresh", data)) / "split.json").read_text())
    train(tiny, options(tmp_path / "run2", data, weights=base))
    (tmp_path / "again").mkdir()
    shutil.copy(tmp_path / "run2" / "parent.json", tmp_path / "again")
    run = train(tiny, options(tmp_path / "again", data))
    assert json.loads((run / "split.json").read_text()) == fresh
