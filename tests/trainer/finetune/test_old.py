"""What of old ground may be learnt, whose run may be promoted, and whose figures a card tells."""

import dataclasses
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.reviewing import new_study, review
from tests.trainer.conftest import draw_fundus, save, write_fundus_set
from tests.trainer.finetune.conftest import MakeStudy, events_of, only_run
from trainer.__main__ import main
from trainer.export import make_card, read_card
from trainer.finetune import judging
from trainer.finetune.candidate import judged_card, tuned_card
from trainer.finetune.command import finetune, plan_only
from trainer.finetune.gate import Pair, judge, row_of
from trainer.finetune.old import Replay, drawn_lessons, drawn_truths, hold_replay, other_pictures, read_replay
from trainer.finetune.plan import Request
from trainer.finetune.scores import Truth
from trainer.finetune.settings import Tuning
from trainer.finetune.sides import Sides
from trainer.finetune.task import Ground
from trainer.lineage import held_by, learnt_by, seen_by
from trainer.pictures import Scaled
from trainer.readers import read_sets
from trainer.recipes import RECIPES
from trainer.ship import sources_of
from trainer.split import make_split
from vesselapp.core.errors import VesselError
from vesselapp.core.files import file_sha256
from vesselapp.core.image import read_image
from vesselapp.study.models import Registry

SHORT = ("steps=10", "patience=0")


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten drawn eyes."""
    return write_fundus_set(tmp_path_factory.mktemp("replay") / "eyes", 10)


def test_what_is_reviewed_is_not_replayed(eyes: Path):
    whole = read_replay([eyes], "vessels")
    reviewed = {file_sha256(case.image) for case in (whole.learn[0], whole.judge[0])}
    rest = read_replay([eyes], "vessels", reviewed)
    assert rest.learn == whole.learn[1:]
    assert rest.judge == whole.judge[1:]


def test_a_run_goes_on_only_with_the_replay_that_it_began_with(
    make_study: MakeStudy, eyes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = make_study(3)
    old = shutil.copytree(eyes, tmp_path / "old" / "eyes")

    def killed(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("trainer.finetune.command.judge_run", killed)
        with pytest.raises(SystemExit):
            finetune(made.request(*SHORT, replay=(old,)))
    run = only_run(made.folder)
    added = [old / kind / "more.png" for kind in ("images", "masks")]
    for place in added:
        shutil.copy(place.with_name("eye0.png"), place)
    with pytest.raises(VesselError, match="old pictures given to this run are no longer those"):
        finetune(made.request(run=run))
    for place in added:
        place.unlink()
    assert finetune(made.request(run=run)) is not None


def test_a_replayed_picture_that_cannot_be_read_is_one_sentence(eyes: Path, tmp_path: Path):
    replay = read_replay([shutil.copytree(eyes, tmp_path / "eyes")], "vessels")
    replay.judge[0].image.unlink()
    with pytest.raises(VesselError, match=r"The picture .*\.png can't be read"):
        hold_replay(tmp_path, replay)


@pytest.mark.parametrize("task", ["vessels", "cells"])
def test_the_other_eye_of_a_reviewed_picture_is_not_replayed(eyes: Path, tmp_path: Path, task: str):
    for number, name in enumerate(f"p{person}_{eye}.png" for person in range(5) for eye in ("OD", "OS")):
        for kind in ("images", "masks"):
            (tmp_path / "two" / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(eyes / kind / f"eye{number}.png", tmp_path / "two" / kind / name)
    reviewed = {file_sha256(tmp_path / "two" / "images" / name) for name in ("p1_OD.png", "p3_OS.png")}
    found = read_replay([tmp_path / "two"], task, reviewed)
    names = {case.name for case in (*found.learn, *found.judge)}
    assert names == {f"p{person}_{eye}" for person in (0, 2, 4) for eye in ("OD", "OS")}


def test_what_the_base_was_validated_on_is_not_learnt_under_another_name(eyes: Path, tmp_path: Path):
    sides, cases = make_split(read_sets([eyes])), {case.key: case for case in read_sets([eyes])}
    held = {file_sha256(cases[key].image) for key in sides["validation"]}
    card = make_card(RECIPES["fundus-vessels"], name="x", command="")
    card = card.model_copy(update={"config": {"training": {"held": sorted(held)}}})
    assert held_by(card) == held
    for number in range(9):  # some name or other draws other sides
        other = shutil.copytree(eyes, tmp_path / f"old{number}")
        if {file_sha256(case.image) for case in read_replay([other], "vessels").learn} & held:
            break
    else:
        pytest.fail("every name drew the same sides")
    found = read_replay([other], "vessels", seen=seen_by(card))
    assert not {file_sha256(case.image) for case in found.learn} & held
    assert {file_sha256(case.image) for case in found.judge} >= held


def test_a_net_that_judges_sees_no_view_of_its_judges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from trainer.finetune import loop

    def scaled(name: str, *_: object) -> Scaled:
        plane = np.full((8, 8, 3), 255, np.uint8)
        return Scaled("study", name, plane, plane, plane[..., 0])

    def learn(_course: object, ground: Ground, *_: object) -> int:
        learnt.append([{one.name for one in part} for part in (ground.new, ground.taught)])
        return 10

    learnt: list[list[set[str]]] = []
    for name, instead in (
        ("kept_judgement", lambda *_: None),
        ("lesson_of", scaled),
        ("off_scale", lambda name, *_: [scaled(f"small {name}")]),
        ("drawn_lessons", lambda _recipe: [scaled("drawn")]),
        ("_windows", lambda *_: []),
        ("learn", learn),
    ):
        monkeypatch.setattr(loop, name, instead)
    keys, nothing = "abc", SimpleNamespace(heed_cancel=list, emit=lambda *_, **__: None, take_late_stop=bool)
    plan = SimpleNamespace(
        sides=Sides(tuple(keys), (), (("a",), ("b", "c"))),
        pictures={key: SimpleNamespace(name=key) for key in keys},
        subjects=dict(zip(keys, keys, strict=True)),
        recipe=RECIPES["cells"],
        tuning=Tuning(),
        steps=30,
    )
    course: Any = SimpleNamespace(plan=plan, base_recipe=plan.recipe, base=None, lessons={}, views={})
    course.replay, course.line, course.folder = Replay(), nothing, tmp_path
    course.card = SimpleNamespace(threshold=0.5)
    loop.learn_all(course, loop.bring_lessons(course))
    assert learnt == [
        [{"a", "b", "c"}, {"drawn", "small a", "small b", "small c"}],
        [{"b", "c"}, {"drawn", "small b", "small c"}],
        [{"a"}, {"drawn", "small a"}],
    ]


def test_what_is_drawn_to_judge_cells_is_not_learnt():
    recipe = dataclasses.replace(RECIPES["cells"], size=12)
    learnt, judging = list(drawn_lessons(recipe)), list(drawn_truths(recipe))
    kinds = Counter(kind for kind, _truth in judging)
    assert kinds == Counter(lesson.set_name for lesson in learnt) == dict.fromkeys(kinds, 12)
    for kind, dark in (("drawn cells", False), ("drawn fluorescence", True)):
        shown = [truth.pixels for one, truth in judging if one == kind]
        assert (np.mean(shown) < 90) == dark
        assert not any(np.array_equal(lesson.pixels, one) for lesson in learnt for one in shown)


def test_cells_are_held_to_what_is_drawn_and_vessels_to_the_sample(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
):
    study = make_study(2).study
    keys = [picture.key for picture in study.pictures()]
    assert [name for name, _pixels in other_pictures(study, keys, "vessels")] == ["sample fundus"]
    assert not list(other_pictures(study, keys, "cells"))
    pixels = np.zeros((8, 8, 3), np.uint8)
    whole, half = np.ones((8, 8), bool), np.tri(8, dtype=bool)
    truths = [("drawn fluorescence", Truth(name, name, pixels, half, whole)) for name in "abc"]
    monkeypatch.setattr(judging, "drawn_truths", lambda _recipe: truths)
    monkeypatch.setattr(judging, "mask_by", lambda model, _pixels: model)
    course: Any = SimpleNamespace(
        base_recipe=RECIPES["cells"], replay=Replay(), study=study, plan=SimpleNamespace(pictures=keys)
    )
    course.line, course.incumbent = SimpleNamespace(heed_cancel=list), half
    for candidate, held in ((half, True), (whole, False)):
        (row,) = judging._old_rows(course, candidate, 1.0)  # type: ignore[arg-type] # the model gives itself
        assert (row.ground, row.set, row.incumbent, row.not_worse) == ("old", "drawn fluorescence", 1.0, held)


@pytest.mark.parametrize("name", ["Image_01L", "holiday"])
def test_a_card_names_the_sets_that_were_replayed_and_their_terms(name: str):
    base = make_card(RECIPES["fundus-vessels"], name="x", command="", licence="Apache-2.0")
    replayed = sources_of([f"CHASE_DB1/{name}"])
    card = tuned_card(
        base, parent="", study="s", threshold=0.5, learnt=3, replayed=replayed, config={}, command=""
    )
    again, study = card.training_data
    assert (again.name, again.pictures, study.name) == ("CHASE_DB1, replayed", 1, "study s")
    assert ("Kingston" in again.credit) == (again.licence == "CC BY 4.0") == (name == "Image_01L")
    assert (card.licence == "Apache-2.0") == (name == "Image_01L")


@pytest.mark.parametrize("config", [{}, {"training": []}, {"training": {"held": 3}}])
def test_a_card_that_tells_of_no_validation(config: dict[str, object]):
    card = make_card(RECIPES["cells"], name="x", command="").model_copy(update={"config": config})
    assert held_by(card) == set()


def test_judges_that_are_in_the_replay_too_are_not_learnt(make_study: MakeStudy, tmp_path: Path):
    made = make_study(3)
    old = tmp_path / "old" / "eyes"
    for picture in made.study.pictures():
        (old / "images").mkdir(parents=True, exist_ok=True)
        shutil.copy(picture.path, old / "images" / f"x{picture.name}")
        save(old / "masks" / f"x{picture.name}", made.truths[picture.name])
    for number in range(4):
        pixels, vessels, _field = draw_fundus(number)
        save(old / "images" / f"y{number}.png", pixels)
        save(old / "masks" / f"y{number}.png", vessels)
    from trainer.finetune import loop

    seen = []
    read = loop.read_replay

    def watched(*arguments):
        seen.append(read(*arguments))
        return seen[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "read_replay", watched)
        finetune(made.request(*SHORT, replay=(old,)))
    (replay,) = seen
    names = {case.name for case in (*replay.learn, *replay.judge)}
    assert names == {f"y{number}" for number in range(4)}


def test_what_was_replayed_does_not_judge_later(
    make_study: MakeStudy, base: Path, eyes: Path, tmp_path: Path
):
    made = make_study(3)
    finetune(made.request(*SHORT, replay=(eyes,)))
    tuned = only_run(made.folder) / "candidate.onnx"
    card = read_card(tuned)
    lineage = card.config["finetune"]
    assert [one["name"] for one in lineage["judged"]] == ["eye00.png", "eye01.png", "eye02.png"]
    reviewed = {file_sha256(picture.path) for picture in made.study.pictures()}
    assert {one["sha256"] for one in lineage["judged"]} == reviewed
    replay = read_replay([eyes], "vessels", seen=seen_by(read_card(base))).learn
    assert replay
    sources = [(source.name, source.pictures) for source in card.training_data]
    assert sources[-2:] == [("eyes, replayed", len(replay)), ("study study", 3)]
    assert [one["sha256"] for one in lineage["replayed"]] == [file_sha256(case.image) for case in replay]
    assert set(learnt_by(card)) == {*reviewed, *(file_sha256(case.image) for case in replay)}
    pictures = tmp_path / "again"
    pictures.mkdir()
    for case in (*replay[:2], *read_replay([eyes], "vessels").judge[:1]):
        shutil.copy(case.image, pictures)
    study = new_study(tmp_path / "later", pictures, tuned)
    for picture in study.pictures():
        truth = read_image(picture.path).pixels[..., 1] < 60
        review(study, picture, truth, np.full(truth.shape, 60, np.uint8))
    assert not {case.key for case in read_replay([eyes], "vessels", seen=seen_by(card)).judge} & {
        case.key for case in replay
    }
    plan = plan_only(Request(study.folder, accelerator="cpu"))
    judged = [*plan["judge"], *(name for fold in plan["folds"] for name in fold)]
    assert not {case.image.name for case in replay[:2]} & set(judged)
    assert len(judged) == 1


def test_a_card_that_names_only_the_folders_of_what_was_replayed(base: Path):
    card = read_card(base)
    older = {"learnt": [{"sha256": "a"}], "judged": ["some-key"], "replayed": ["eyes"]}
    assert learnt_by(card.model_copy(update={"config": {"finetune": older}})) == ["a"]


def test_figures_of_the_folds_are_not_called_the_candidates_own(make_study: MakeStudy):
    made = make_study(4, 3)
    finetune(made.request(*SHORT))
    new, old = read_card(only_run(made.folder) / "candidate.onnx").validation
    assert new.name == "judged pictures, by models made like this one that had not learnt them"
    assert old.name == "other pictures"
    row = row_of("new", "judged pictures", [Pair(name, name, 0.7, 0.8) for name in "abc"])
    card = make_card(RECIPES["cells"], name="x", command="").model_copy(update={"config": {"finetune": {}}})
    assert judged_card(card, judge([row])).validation[0].name == "judged pictures"


def test_a_run_lies_in_its_study(make_study: MakeStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    made = make_study(3)
    for place in (tmp_path / "elsewhere", made.folder / "runs", made.folder / "runs" / "a" / "b"):
        assert main(["finetune", str(made.folder), "--run", str(place), "--accelerator", "cpu"]) == 1
        assert "is no run folder of the study" in capsys.readouterr().err
    assert not (tmp_path / "elsewhere").exists()
    run = made.folder / "runs" / "mine"
    settings = [f"--set={one}" for one in made.request(*SHORT).settings]
    assert main(["finetune", str(made.folder), "--run", str(run), "--accelerator", "cpu", *settings]) == 0
    assert events_of(run)[-1]["event"] == "done"


def test_only_a_run_of_a_study_is_promoted(
    make_study: MakeStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    made = make_study(3)
    finetune(made.request(*SHORT))
    run = only_run(made.folder)
    capsys.readouterr()
    for place, said in (("a/b", "is in no study's runs folder"), ("a/runs/b", "study")):
        stray = shutil.copytree(run, tmp_path / place)
        assert main(["promote", str(stray), "--overrule", "a test"]) == 1
        assert said in capsys.readouterr().err
    assert not list(tmp_path.rglob("registry.json"))
    assert main(["promote", str(run), "--overrule", "a test"]) == 0
    assert Registry(made.folder).active() is not None
    with pytest.raises(VesselError):
        Registry(made.folder).entry(2)
