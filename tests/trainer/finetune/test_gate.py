"""What the gate decides, and what a verdict's sentence says."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from trainer.finetune import judging
from trainer.finetune.gate import Pair, agreement_floor, judge, row_of
from trainer.finetune.sides import Sides
from vesselapp.study.verdict import ThresholdChange

LEARNT = row_of("new", "judged pictures", [Pair(name, name, 0.70, 0.76) for name in "abc"])


def test_old_pictures_with_truth_say_whether_old_ground_is_held():
    held = row_of("old", "chase_db1", [Pair(name, name, 0.80, 0.80) for name in "abcd"])
    assert "Old ground is held: chase_db1" in judge([LEARNT, held]).sentence


def gains(*by: float, subject: str = "{}") -> list[Pair]:
    return [Pair(f"p{n}", subject.format(n), 0.70, 0.70 + gain) for n, gain in enumerate(by)]


def test_steady_gains_are_offered_and_uncertain_ones_are_not():
    assert judge([row_of("new", "judged pictures", gains(0.057, 0.033, 0.034))]).offered
    verdict = judge([row_of("new", "judged pictures", gains(0.08, 0.01, 0.02))])
    assert (verdict.verdict, verdict.offered) == ("no clear difference", False)
    assert judge([row_of("new", "judged pictures", gains(-0.057, -0.033, -0.034))]).verdict == "worse"


@pytest.mark.parametrize("pictures", [1, 4])
def test_one_subject_decides_nothing(pictures: int):
    row = row_of("new", "judged pictures", gains(*[0.05] * pictures, subject="one"))
    verdict = judge([row])
    assert row.low is None
    assert verdict.verdict == "no clear difference"
    assert "decide" in verdict.sentence
    old = row_of("old", "chase_db1", gains(*[0.0] * pictures, subject="one"))
    verdict = judge([LEARNT, old])
    assert not verdict.offered
    assert "1 subject can hardly show it" in verdict.sentence
    assert "to the old ones" in verdict.sentence


def test_two_subjects_are_never_called_better():
    pairs = [Pair(f"{name}{n}", name, 0.7, 0.8) for name in "ab" for n in range(3)]
    verdict = judge([row_of("new", "judged pictures", pairs)])
    assert not verdict.offered
    assert "3 subjects or more" in verdict.sentence


def test_two_children_of_old_ground_are_too_few_to_show_that_it_is_held():
    pairs = [
        Pair(f"{name}{n}", name, 0.784, 0.784 + by)
        for name, by in (("a", -0.004), ("b", 0.013))
        for n in "LR"
    ]
    verdict = judge([LEARNT, row_of("old", "chase_db1", pairs)])
    assert not verdict.offered
    assert "2 subjects can hardly show it; adding pictures of more subjects" in verdict.sentence


def test_one_empty_picture_blocks_only_where_something_is_found_in_it():
    for specificity, offered in ((0.999, True), (0.98, False)):
        empty = row_of(
            "new", "pictures in which nothing is", [Pair("x", "x", 0.999, specificity)], measure="specificity"
        )
        assert judge([LEARNT, empty]).offered is offered


@pytest.mark.parametrize(("to", "word"), [(0.96, "no clear difference"), (0.85, "worse")])
def test_who_marks_less_is_not_better_where_nothing_is_to_be_found(to: float, word: str):
    pairs = [Pair(name, name, 0.917, to) for name in "abc"]
    verdict = judge([row_of("new", "pictures in which nothing is", pairs, measure="specificity")])
    assert (verdict.verdict, verdict.offered) == (word, False)
    said = "none of them holds anything to find, so whether it is better isn't known"
    assert (said in verdict.sentence) is (word != "worse")
    assert ": better" not in verdict.sentence


def test_all_that_was_lost_is_named_and_all_that_is_not_shown():
    lost = [
        row_of("old", name, [Pair(n, n, 0.9, 0.9 - by) for n in "abc"])
        for name, by in (("cells", 0.1), ("nuclei", 0.2))
    ]
    said = judge([LEARNT, *lost]).sentence
    assert "It is worse on cells (Dice 0.900 to 0.800), nuclei (Dice 0.900 to 0.700)." in said
    unsure = [row_of("old", name, gains(-0.03, 0.02, 0.01)) for name in ("cells", "nuclei")]
    unsure.append(row_of("old", "smears", gains(0.0)))
    said = judge([LEARNT, *unsure]).sentence
    named = "cells (Dice 0.700 to 0.700), nuclei (Dice 0.700 to 0.700), smears (Dice 0.700 to 0.700)"
    assert f"That it is not worse on {named} is not shown: 1 subject can hardly show it" in said


def test_agreement_that_is_unusual_is_not_offered():
    pairs = [Pair(name, name, 1.0, 0.6) for name in "ab"]
    verdict = judge([LEARNT, row_of("old", "other pictures", pairs, measure="agreement", floor=-0.3)])
    assert (verdict.verdict, verdict.offered) == ("no clear difference", False)
    assert "differ much on other pictures" in verdict.sentence


@pytest.mark.parametrize(
    ("on_judged", "on_others", "offered"), [(0.0, 0.0, False), (0.9, 0.8, False), (0.2, 0.6, True)]
)
def test_models_that_agree_nowhere_are_not_offered(on_judged: float, on_others: float, offered: bool):
    pairs = [Pair(name, name, 1.0, on_others) for name in "ab"]
    floor = agreement_floor(on_judged)
    others = row_of("old", "other pictures", pairs, measure="agreement", floor=floor)
    assert judge([LEARNT, others]).offered is offered


def test_agreement_alone_is_not_told_as_old_ground_held():
    agreeing = row_of("old", "other pictures", [Pair("a", "a", 1.0, 0.8)], measure="agreement", floor=-0.3)
    verdict = judge([LEARNT, agreeing])
    assert verdict.offered
    assert "held" not in verdict.sentence
    assert "what it forgot there isn't known" in verdict.sentence
    assert "agreement with the incumbent 0.800" in verdict.sentence


@pytest.mark.parametrize(("keys", "agreement"), [(["eye", "nothing"], 0.8), (["nothing"], 0.0)])
def test_pictures_in_which_nothing_is_say_nothing_of_how_far_models_agree(
    monkeypatch: pytest.MonkeyPatch, keys: list[str], agreement: float
):
    compared = {
        "eye": (Pair("", "", 0.7, 0.8), 0.8),
        "nothing": (Pair("", "", 1.0, 1.0, "specificity"), 1.0),
    }
    heard: list[float] = []
    for name, instead in (
        ("load_model", lambda _file: None),
        ("_compare", lambda _course, _model, key: (key, *compared[key])),
        ("_old_rows", lambda _course, _candidate, on_judged: heard.append(on_judged) or []),
        ("_pictures", lambda *_: []),
    ):
        monkeypatch.setattr(judging, name, instead)
    course: Any = SimpleNamespace(plan=SimpleNamespace(sides=Sides((), tuple(keys))))
    judging.judge_run(course, [(Path("candidate.onnx"), keys)], ThresholdChange(0.5, 0.5))
    assert heard == [agreement]
