"""What a fine-tune decides before it begins: who learns, who judges, and what is said of it."""

import errno
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.reviewed_study import drawn_study, review
from tests.trainer.finetune.conftest import MakeStudy, events_of, only_run
from trainer.export import read_card, write_card
from trainer.finetune import lessons
from trainer.finetune.bases import choose_models
from trainer.finetune.command import finetune, plan_only
from trainer.finetune.kept_lessons import keep_judgement, kept_judgement
from trainer.finetune.lessons import Judgement, lesson_of
from trainer.finetune.plan import (
    CONFIG,
    Request,
    expected_s,
    flattery_told,
    kept_plan,
    make_plan,
    plan_to_dict,
)
from trainer.finetune.reviewed import ReviewedPicture, find_reviewed, read_judgement
from trainer.finetune.scores import mask_by
from trainer.finetune.sides import write_sides
from trainer.lineage import learnt_by
from trainer.recipes import RECIPES
from vesselapp.core.errors import VesselError
from vesselapp.core.files import file_sha256
from vesselapp.core.geometry import Box
from vesselapp.inference.catalog import list_models
from vesselapp.inference.model import load_model
from vesselapp.study.models import Registry
from vesselapp.study.record import ImageFacts, State
from vesselapp.study.study import Study


def tuned_on(base: Path, target: Path, pictures: list[Path], before: list[Path]) -> Path:
    """Write a model that says it has learnt pictures, and the one that it came of others."""
    target.write_bytes(base.read_bytes())
    card = read_card(target)
    learnt = [{"key": path.stem, "name": path.name, "sha256": file_sha256(path)} for path in pictures]
    tuned = {"learnt": learnt, "learnt_before": [file_sha256(path) for path in before]}
    write_card(target, card.model_copy(update={"config": {**card.config, "finetune": tuned}}))
    return target


def test_what_the_base_has_learnt_does_not_judge(make_study: MakeStudy, base: Path, tmp_path: Path):
    made = make_study(5)
    paths = [picture.path for picture in made.study.pictures()]
    model = tuned_on(base, tmp_path / "tuned.onnx", paths[:2], paths[2:3])
    assert len(learnt_by(read_card(model))) == 3
    plan = plan_only(made.request(base=str(model)))
    judged = [*plan["judge"], *(name for fold in plan["folds"] for name in fold)]
    assert sorted(judged) == [path.name for path in paths[3:]]
    model = tuned_on(base, tmp_path / "tuned.onnx", paths, [])
    with pytest.raises(VesselError, match="has learnt every picture that could judge"):
        plan_only(made.request(base=str(model)))


def test_plan_and_verdict_say_that_the_model_to_beat_has_learnt_what_judges(
    make_study: MakeStudy, base: Path, tmp_path: Path
):
    in_use = tmp_path / "in_use.onnx"
    in_use.write_bytes(base.read_bytes())
    made = make_study(3, model=in_use)
    paths = [picture.path for picture in made.study.pictures()]
    tuned_on(base, in_use, paths, [])
    told = "The model it is compared with has learnt all pictures that judge, which flatters that."
    request = made.request("steps=2", base=str(base))
    assert [words for words in plan_only(request)["warnings"] if told in words]
    verdict = finetune(request)
    assert verdict is not None
    assert told in verdict.sentence
    assert "(each judged by a candidate that had not learnt it)" in verdict.sentence  # the other had


@pytest.mark.parametrize(("known", "which"), [("abc", "all"), ("ad", "1 of the 3"), ("d", "")])
def test_how_many_of_what_judges_the_model_to_beat_has_learnt(known: str, which: str):
    told = flattery_told(set(known), "abc")
    assert bool(told) is bool(which)
    assert which in told


def test_the_other_eye_of_one_that_was_learnt_and_is_worked_on_again_does_not_judge(
    make_study: MakeStudy, base: Path, tmp_path: Path
):
    made = make_study(names=["p1_OD.png", "p1_OS.png", "p2.png", "p3.png"])
    first, *others = made.study.pictures()
    writer = made.study.place(first).open("ann", ImageFacts(first.name, file_sha256(first.path), 160, 160))
    assert writer.kept is not None
    assert writer.kept.record is not None
    writer.write_record(writer.kept.record.taken_back)
    writer.close()
    model = tuned_on(base, tmp_path / "tuned.onnx", [first.path], [])
    plan = plan_only(made.request(base=str(model)))
    assert plan["learn"] == [picture.name for picture in others]
    assert sorted(name for fold in plan["folds"] for name in fold) == ["p2.png", "p3.png"]
    write_sides(made.folder, {first.key: "judge"})
    assert plan_only(made.request())["judge"] == ["p1_OS.png"]
    first.path.unlink()
    assert plan_only(made.request())["judge"] == ["p1_OS.png"]


def test_a_fine_tune_starts_where_the_fine_tunes_began(make_study: MakeStudy, base: Path, tmp_path: Path):
    """A model that was trained on from another with ``train --weights`` is itself a beginning."""
    made = make_study(2)
    registry = Registry(made.folder)
    files = [tmp_path / f"{number}.onnx" for number in range(3)]
    for number, file in enumerate(files):
        file.write_bytes(base.read_bytes())
        card = read_card(file)
        parent = file_sha256(files[number - 1]) if number else None
        write_card(file, card.model_copy(update={"name": str(number), "parent": parent}))
        registry.use(registry.add(file, run="a run" if number == 2 else ""))
    assert choose_models(made.study, "", chain=False).base == registry.entry(2).path
    registry.use(2)
    assert choose_models(made.study, "", chain=False).base == registry.entry(2).path


@pytest.mark.parametrize("base_given", [False, True])
def test_a_numbered_model_that_was_changed_is_refused(
    make_study: MakeStudy, base: Path, tmp_path: Path, base_given: bool
):
    made = make_study(2)
    registry = Registry(made.folder)
    number = registry.add(base)
    if not base_given:
        registry.use(number)
    registry.entry(number).path.write_bytes(base.read_bytes() + b" ")
    with pytest.raises(VesselError, match="changed"):
        choose_models(made.study, str(number) if base_given else "", chain=False)


def test_the_size_of_cells_that_a_person_set_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    study = drawn_study(tmp_path / "study", 1)
    review(study, study.pictures()[0], boxes=[Box(20, 20, 60, 60)], object_diameter=40.0)
    (picture,) = find_reviewed(study)[0].values()
    keep_judgement(tmp_path, picture, read_judgement(study, picture, 2))
    judged = kept_judgement(tmp_path, picture)
    assert judged.object_diameter == 40.0
    cells = load_model(next(entry.path for entry in list_models() if entry.path.stem == "cells"), "cpu")
    monkeypatch.setattr("trainer.finetune.lessons.find_diameter", lambda *_: pytest.fail("it is known"))
    lesson = lesson_of("p0", judged, cells, RECIPES["cells"])
    assert lesson.pixels.shape[0] == 120 * 28 // 40
    sizes = [mask_by(cells, judged.pixels, size).sum() for size in (40.0, 12.0)]
    assert sizes[0] != sizes[1]


def test_what_nobody_looked_at_does_not_set_the_size_of_cells(monkeypatch: pytest.MonkeyPatch):
    objects = np.zeros((200, 400), np.int32)
    for number, left in enumerate((10, 50, 90), 1):
        objects[50:78, left : left + 28] = number
    objects[:, 200:] = 4
    weight = np.zeros(objects.shape, np.uint8)
    weight[:, :150] = 1
    for name, found in (
        ("find_diameter", 90.0),
        ("answer_cells", (None, None)),
        ("part_into_cells", objects),
    ):
        monkeypatch.setattr(lessons, name, lambda *_, found=found: found)
    judged = Judgement(np.zeros((200, 400, 3), np.uint8), objects > 0, weight)
    wide = 28 * np.sqrt(4 / np.pi)
    lesson = lesson_of("x", judged, None, RECIPES["cells"])  # type: ignore[arg-type] # what it finds is given
    assert lesson.pixels.shape[0] == round(200 * 28 / wide)


@pytest.mark.skipif(sys.platform == "darwin", reason="they are one name there")
def test_names_that_differ_in_their_accents_alone_are_learnt_both(tmp_path: Path):
    study = drawn_study(tmp_path / "study", 2)
    for picture, name in zip(study.pictures(), ("\u00e9.png", "e\u0301.png"), strict=True):
        picture.path.rename(picture.path.with_name(name))
    for picture in study.pictures():
        review(study, picture)
    found, told, _ = find_reviewed(study)
    assert told == []
    pictures = {read_judgement(study, picture, 2).pixels.tobytes() for picture in found.values()}
    assert len(pictures) == 2


def test_copies_of_a_picture_are_one_subject(make_study: MakeStudy):
    made = make_study(8, look=lambda pixels, vessels: np.full_like(pixels, 90))
    found = find_reviewed(made.study)[0]
    assert len(found) == 8
    assert len({picture.subject for picture in found.values()}) == 1


def test_all_kept_for_judging(make_study: MakeStudy):
    made = make_study(3)
    write_sides(made.folder, {picture.key: "judge" for picture in made.study.pictures()})
    with pytest.raises(VesselError, match="none is left to learn from"):
        plan_only(made.request())


def test_few_subjects_that_judge_are_told(make_study: MakeStudy, base: Path, tmp_path: Path):
    made = make_study(3)
    one, *others = (picture.key for picture in made.study.pictures())
    write_sides(made.folder, {one: "learn", **dict.fromkeys(others, "judge")})
    told = " ".join(plan_only(made.request())["warnings"])
    assert "Pictures of two subjects judge" in told
    paths = [picture.path for picture in made.study.pictures()]
    write_sides(made.folder, {})
    model = tuned_on(base, tmp_path / "tuned.onnx", paths[:2], [])
    told = " ".join(plan_only(made.request(base=str(model)))["warnings"])
    assert "Pictures of one subject judge" in told


def test_few_subjects_at_all_are_told(make_study: MakeStudy):
    warnings = plan_only(make_study(2).request())["warnings"]
    assert "Pictures of two subjects judge: three are needed to call a model better." in warnings


def test_judges_in_which_nothing_is_are_told(make_study: MakeStudy):
    made = make_study(4, nothing_there=True)
    one, *others = (picture.key for picture in made.study.pictures())
    write_sides(made.folder, {one: "learn", **dict.fromkeys(others, "judge")})
    told = " ".join(plan_only(made.request())["warnings"])
    assert "No picture that judges holds anything to find" in told


@pytest.mark.parametrize(
    ("task", "steps", "pictures", "minutes"),
    [
        ("vessels", 280, 6, 3.9),
        ("vessels", 280, 10, 3.6),  # with replay
        ("vessels", 390, 9, 5.1),
        ("vessels", 60, 6, 1.2),
        ("cells", 60, 10, 1.5),
        ("cells", 180, 5, 3.1),
    ],
)
def test_the_time_expected_is_about_what_was_measured(
    monkeypatch: pytest.MonkeyPatch, task: str, steps: int, pictures: int, minutes: float
):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert expected_s(task, steps, pictures, "CPU, 2 cores") / 60 == pytest.approx(minutes, rel=0.2)


def test_pictures_answered_by_a_model_that_is_not_the_studys(
    make_study: MakeStudy, base: Path, tmp_path: Path
):
    other = tuned_on(base, tmp_path / "other.onnx", [], [])
    made = make_study(3, said_by=other)
    plan = plan_only(made.request())
    assert (plan["base"], plan["incumbent"]) == ("base", "base")
    said = "3 of 3 reviewed pictures were answered by other, but the training starts from base: start from"
    assert any(words.startswith(said) for words in plan["warnings"])
    plan = plan_only(made.request(base=str(other)))  # so it is the one to beat too
    assert (plan["base"], plan["incumbent"]) == ("other", "other")
    assert not any("answered" in words for words in plan["warnings"])
    registry = Registry(made.folder)
    registry.use(registry.add(base))
    plan = plan_only(made.request(base=str(other)))
    assert (plan["base"], plan["incumbent"]) == ("other", "model 1")
    assert not any("answered" in words for words in plan["warnings"])


def test_pictures_answered_by_a_model_of_the_study(make_study: MakeStudy, base: Path, tmp_path: Path):
    tuned = tuned_on(base, tmp_path / "tuned.onnx", [], [])
    made = make_study(3, said_by=tuned)
    Registry(made.folder).add(tuned, run="one")
    assert not any("answered" in words for words in plan_only(made.request())["warnings"])


def test_pictures_answered_by_a_model_that_the_start_came_of(
    make_study: MakeStudy, base: Path, tmp_path: Path
):
    made = make_study(3, said_by=base)
    registry = Registry(made.folder)
    parent = base
    for name in ("first", "second"):  # each goes on from the one before
        file = tuned_on(parent, tmp_path / f"{name}.onnx", [], [])
        card = read_card(file)
        write_card(file, card.model_copy(update={"name": name, "parent": file_sha256(parent)}))
        registry.use(registry.add(file, run=name))
        plan = plan_only(made.request(chain=True))
        assert plan["base"] == f"model {registry.entries()[-1].number}"
        assert not any("answered" in words for words in plan["warnings"])
        parent = file


def test_a_picture_that_does_not_open_is_left_out(make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch):
    made = make_study(3)
    picture = next(iter(find_reviewed(made.study)[0].values()))

    def locked(_path: Path) -> str:
        raise PermissionError(errno.EACCES, "in use by another program")

    monkeypatch.setattr("trainer.finetune.reviewed.file_sha256", locked)
    with pytest.raises(VesselError, match=f"{picture.name} can't be read"):
        read_judgement(made.study, picture, 2)


@pytest.mark.parametrize("again", [False, True], ids=["it is taken up", "and reviewed again"])
@pytest.mark.parametrize("before", [True, False], ids=["before its mask is read", "after"])
def test_a_picture_that_is_worked_on_while_the_study_is_read_is_left_out(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch, *, before: bool, again: bool
):
    made = make_study(3)
    picture = made.study.pictures()[-1]

    def work(*, reviewed: bool) -> None:
        facts = ImageFacts(picture.name, file_sha256(picture.path), 160, 160)
        writer = made.study.place(picture).open("ann", facts)
        assert writer.kept is not None
        assert writer.kept.record is not None
        taken_back = writer.kept.record.taken_back
        other = replace(taken_back, state=State.REVIEWED, strokes=taken_back.strokes + 1)
        writer.write_record(other if reviewed else taken_back)
        writer.close()

    def meanwhile(study: Study, one: ReviewedPicture, corrected: int) -> Judgement:
        if one.key != picture.key:
            return read_judgement(study, one, corrected)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("vesselapp.study.writer.time_stamp", lambda: "2100-01-01T00:00:00+00:00")
            if before:
                work(reviewed=False)
            try:
                return read_judgement(study, one, corrected)
            finally:
                work(reviewed=again)

    monkeypatch.setattr("trainer.finetune.command.read_judgement", meanwhile)
    monkeypatch.setattr("trainer.finetune.command._work", lambda course: course.plan)
    plan: Any = finetune(made.request("steps=10"))
    assert [one.name for one in plan.pictures.values()] == ["eye00.png", "eye01.png"]
    why = "is being worked on again" if before else "was worked on while it was read"
    assert (f"Left out: eye02.png {why}." in plan.warnings) is (before or again)


def test_a_picture_that_is_left_while_the_study_is_read_is_learnt(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
):
    made = make_study(2)
    picture = made.study.pictures()[-1]

    def leave(study: Study, one: ReviewedPicture, corrected: int) -> Judgement:
        judged = read_judgement(study, one, corrected)
        facts = ImageFacts(picture.name, file_sha256(picture.path), 160, 160)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("vesselapp.study.writer.time_stamp", lambda: "2100-01-01T00:00:00+00:00")
            writer = made.study.place(picture).open("bob", facts)
            assert writer.record is not None
            writer.write_record(replace(writer.record, active_seconds=9.0, note="Done.", who="bob"))
            writer.close()
        return judged

    monkeypatch.setattr("trainer.finetune.command.read_judgement", leave)
    monkeypatch.setattr("trainer.finetune.command._work", lambda course: course.plan)
    plan: Any = finetune(made.request("steps=10"))
    assert len(plan.pictures) == 2
    assert not any(words.startswith("Left out") for words in plan.warnings)


def test_an_empty_mask_has_nothing_to_find_whatever_its_record_says(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
):
    made = make_study(5, said=lambda number, truth: truth & (number > 2))
    keys = [picture.key for picture in made.study.pictures()]
    write_sides(made.folder, {key: "learn" if key in keys[3:] else "judge" for key in keys})
    monkeypatch.setattr("trainer.finetune.command._work", lambda course: course.plan)
    plan: Any = finetune(made.request("steps=10"))
    assert set(plan.sides.judged) == set(keys)
    few = "Pictures of two subjects judge and hold something to find: three are needed"
    assert few in " ".join(plan.warnings)


def test_a_drive_that_goes_away_is_one_sentence(make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch):
    made = make_study(3)

    def gone(_course: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("trainer.finetune.command._work", gone)
    with pytest.raises(VesselError, match="The run can't go on"):
        finetune(made.request("steps=10"))
    last = events_of(only_run(made.folder))[-1]
    assert last["event"] == "failed"
    assert json.dumps(last["message"]).startswith("\"The run can't go on")


def test_a_run_goes_on_after_its_study_was_renamed(base: Path, tmp_path: Path):
    study = drawn_study(tmp_path / "before")
    for picture in study.pictures():
        review(study, picture)
    registry = Registry(study.folder)
    registry.use(registry.add(base))
    begun = replace(
        make_plan(study, Request(study.folder)), replay=(study.folder / "old", tmp_path / "older")
    )
    run = study.folder / "runs" / "20250101T000000Z"
    run.mkdir(parents=True)
    (run / CONFIG).write_text(json.dumps(plan_to_dict(begun, "cpu", study.folder)))
    after = study.folder.rename(tmp_path / "after")
    moved = Study.open(after)
    kept = kept_plan(moved, after / run.relative_to(study.folder))
    assert kept is not None
    assert all(one.path.is_relative_to(after) and one.path.is_file() for one in kept[0].pictures.values())
    assert kept[0].replay == (after / "old", tmp_path / "older")
    assert kept[0].base == kept[0].incumbent == Registry(after).entry(1).path
    assert (kept[0].sides, kept[0].in_use_sha256) == (begun.sides, file_sha256(base))
    kept[0].base.unlink()
    with pytest.raises(VesselError, match="is gone or changed"):
        kept_plan(moved, after / run.relative_to(study.folder))
