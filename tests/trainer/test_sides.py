from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.finetune.sides import (
    ENOUGH,
    FEWEST_JUDGES,
    decide,
    read_sides,
    take_sides,
    without,
    write_sides,
)
from vesselapp.core.errors import VesselError
from vesselapp.study.subjects import subject_of


def pictures(count: int, of_each: int = 1) -> dict[str, str]:
    """Keys with subjects."""
    return {f"k{number}": f"s{number // of_each}" for number in range(count)}


def test_few_pictures_all_learn_and_are_judged_in_folds():
    subjects = pictures(5)
    sides = take_sides(decide({}, subjects), subjects, [], folds=3)
    assert set(sides.learn) == set(subjects)
    assert sides.judge == ()
    assert len(sides.folds) == 3
    assert sorted(sides.judged) == sorted(subjects)
    for fold in sides.folds:
        assert not set(fold) & set(without(sides.learn, fold, subjects))


def test_many_pictures_are_split_for_ever():
    sides = decide({}, pictures(10))
    first = take_sides(sides, pictures(10), [], folds=3)
    assert len(first.judge) == 3
    assert first.folds == ()
    later = decide(sides, pictures(40))
    assert all(later[key] == side for key, side in sides.items())
    assert sum(side == "judge" for side in later.values()) == 12


def test_with_judges_of_two_people_those_who_learn_judge_too():
    subjects = pictures(10, of_each=2)
    few = {key: subject for key, subject in subjects.items() if subject in list(subjects.values())[:8]}
    sides = take_sides(decide({}, few), few, [], folds=3)
    assert len({few[key] for key in sides.judge}) == 2
    assert {few[key] for key in sides.judged} == set(few.values())


def test_where_judges_hold_nothing_to_find_those_who_learn_judge_too():
    subjects = pictures(10)
    known = decide({}, subjects)
    judges = take_sides(known, subjects, [], folds=3).judge
    assert len(judges) == 3
    assert set(take_sides(known, subjects, [], 3, empty=judges[:1]).judged) == set(subjects)


def test_what_was_learnt_when_there_were_few_never_judges():
    few = decide({}, pictures(5))
    assert set(few.values()) == {"learn"}
    more = decide(few, pictures(12))
    assert all(more[key] == "learn" for key in few)
    assert sum(side == "judge" for side in more.values()) >= FEWEST_JUDGES


def test_pictures_that_are_not_reviewed_just_now_keep_their_subjects_on_a_side():
    known = {"a": "learn", "b": "judge", "gone": "judge"}
    sides = decide(known, pictures(12), {"a": "s0", "b": "s1"})
    assert (sides["k0"], sides["k1"]) == ("learn", "judge")
    assert {key: sides[key] for key in known} == known


def test_what_the_incumbent_learnt_judges_only_where_there_is_nothing_else():
    subjects = pictures(6)
    sides = decide({}, subjects)
    assert sorted(take_sides(sides, subjects, ["k0", "k1", "k2", "k3"], 3).judged) == ["k4", "k5"]
    assert sorted(take_sides(sides, subjects, list(subjects), 3).judged) == sorted(subjects)


def test_what_the_base_learnt_never_judges_nor_do_others_of_its_subjects():
    subjects = pictures(6, of_each=2)
    sides = decide({}, subjects)
    learnt = {"k0": "s0", "k2": "s1"}
    assert sorted(take_sides(sides, subjects, [], 3, learnt).judged) == ["k4", "k5"]
    assert take_sides(sides, subjects, [], 3, {**learnt, "k4": "s2"}).judged == ()
    assert sorted(take_sides(sides, subjects, [], 3, {"away": "s0"}).judged) == ["k2", "k3", "k4", "k5"]
    many = pictures(10)
    judges = take_sides(decide({}, many), many, [], 3).judge
    learnt = {key: many[key] for key in judges}
    assert set(take_sides(decide({}, many), many, [], 3, learnt).judged) == set(many) - set(judges)


def test_a_judge_of_which_a_copy_is_learnt_does_not_judge():
    sides = decide({}, pictures(12))
    judge, learner = (next(key for key in sides if sides[key] == side) for side in ("judge", "learn"))
    subjects = {**pictures(12), judge: pictures(12)[learner]}
    assert judge not in take_sides(sides, subjects, [], 3).judged


def test_one_learner_leaves_the_judging_to_the_judges():
    subjects = pictures(3)
    sides = take_sides({"k0": "learn", "k1": "judge", "k2": "judge"}, subjects, [], folds=3)
    assert (sides.learn, sides.judge, sides.folds) == (("k0",), ("k1", "k2"), ())


def test_pictures_of_one_person_do_not_both_learn_and_judge_beside_judges():
    subjects = {f"k{number}": f"s{max(0, number - 4) // 2}" for number in range(10)}
    known = {key: "learn" if subject == "s0" else "judge" for key, subject in subjects.items()}
    sides = take_sides(known, subjects, [], folds=2)
    assert (len(sides.learn), len(sides.judge), sides.folds) == (6, 4, ())


def test_one_subject_alone_is_split_by_picture():
    subjects = dict.fromkeys(["a", "b", "c"], "one")
    sides = take_sides(decide({}, subjects), subjects, [], folds=3)
    assert sorted(map(len, sides.folds)) == [1, 1, 1]
    assert len(without(sides.learn, sides.folds[0], subjects)) == 2


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), min_size=1, max_size=60),
    st.integers(0, 60),
)
def test_subjects_stay_on_one_side_and_somebody_learns(drawn: list[tuple[int, int]], begun: int):
    subjects = {f"k{number}": f"s{subject}" for number, subject in drawn}
    early = dict(list(subjects.items())[:begun])
    known = decide({}, early) if early else {}
    sides = decide(known, subjects)
    assert all(sides[key] == side for key, side in known.items())
    assert "learn" in {sides[key] for key in subjects}
    for subject in set(subjects.values()):
        assert len({sides[key] for key in subjects if subjects[key] == subject}) == 1
    if len(subjects) < ENOUGH:
        assert "judge" not in {sides[key] for key in subjects if key not in known}


def test_kept_with_the_study_and_not_guessed_when_damaged(tmp_path: Path):
    assert read_sides(tmp_path) == {}
    write_sides(tmp_path, {"a": "judge", "b": "learn"})
    assert read_sides(tmp_path) == {"a": "judge", "b": "learn"}
    for text in ("{", '{"format": 1}', '{"format": 1, "pictures": {"a": "both"}}', "[]"):
        (tmp_path / "judge.json").write_text(text)
        with pytest.raises(VesselError, match="damaged"):
            read_sides(tmp_path)


@pytest.mark.parametrize("name", ["0/patient{}/{}.jpg", "0/{1}_p{0}.jpg", "0/p{}_{}_2.jpg", "0/{1}/p{0}.jpg"])
def test_both_eyes_of_a_person_are_on_one_side(name: str):
    people = range(12)
    subjects = {f"{p}-{eye}": subject_of(name.format(p, eye)) for p in people for eye in ("OD", "OS")}
    sides = decide({}, subjects)
    assert "judge" in sides.values()
    assert all(sides[f"{p}-OD"] == sides[f"{p}-OS"] for p in people)
