"""The whole loop on tiny pictures: learn, judge, promote; refuse what is worse or forgets."""

import json
import shlex
import shutil
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import onnx
import pytest
import torch

from tests.trainer.finetune.conftest import MakeStudy, bright, events_of, only_run
from trainer.__main__ import main
from trainer.export import read_card
from trainer.finetune import loop, steering, watch
from trainer.finetune.command import finetune, plan_only
from trainer.finetune.steering import Line
from trainer.finetune.task import FineTune
from trainer.finetune.watch import Watch, Window, example_png
from vesselapp.core.errors import VesselError
from vesselapp.core.files import file_sha256
from vesselapp.inference.catalog import find_model
from vesselapp.study.models import Registry
from vesselapp.study.promote import promote
from vesselapp.study.run_folder import RunFolder
from vesselapp.study.verdict import read_verdict


def test_a_better_candidate_is_offered_promoted_and_rolled_back(
    make_study: MakeStudy, base: Path, old_ground: Path, capsys: pytest.CaptureFixture[str]
):
    made = make_study(16)
    arguments = ["finetune", str(made.folder), "--replay", str(old_ground), "--accelerator", "cpu"]
    settings = ["steps=120", "learning_rate=0.01", "precision=32", "old_share=0.5"]
    assert main([*arguments, *(f"--set={one}" for one in settings)]) == 0
    told = capsys.readouterr().out
    assert told.count("better: On 5 judged pictures") == 1
    assert any(line.endswith(("points", "not worse")) for line in told.splitlines())  # of old ground

    run = only_run(made.folder)
    verdict = read_verdict(run / "verdict.json")
    assert (verdict.verdict, verdict.offered) == ("better", True)
    new, old = verdict.table
    assert new.candidate > new.incumbent + 0.05
    assert old.difference > -0.005
    assert verdict.candidate_sha256 == file_sha256(run / "candidate.onnx")
    assert verdict.parity is not None
    assert verdict.parity < 1e-4
    kinds = [event["event"] for event in events_of(run)]
    assert kinds[-2:] == ["verdict", "done"]
    assert {"plan", "stage", "step", "validation", "example", "threshold"} <= set(kinds)
    steps = [event["step"] for event in events_of(run) if event["event"] == "step"]
    assert steps == sorted(steps)
    assert (run / next(e["file"] for e in events_of(run) if e["event"] == "example")).is_file()

    card = read_card(run / "candidate.onnx")
    assert card.parent == file_sha256(base)
    tuned = card.config["finetune"]
    assert {one["sha256"] for one in tuned["learnt"]} <= {file_sha256(p.path) for p in made.study.pictures()}
    assert len(tuned["learnt"]) == 11
    kept = {path.stem: file_sha256(path) for path in (run / "lessons").iterdir()}
    assert all(one["mask_sha256"] == kept[one["key"]] for one in tuned["learnt"])
    assert card.command.startswith("python -m trainer finetune STUDY --replay eyes --set ")
    assert tuned["verdict"]["verdict"] == "better"
    assert card.threshold == verdict.threshold.after

    assert main(["promote", str(run)]) == 0
    registry = Registry(made.folder)
    active = registry.active()
    assert active is not None
    assert (active.number, active.parent, active.run) == (1, file_sha256(base), run.name)
    registry.use(None)
    assert registry.active() is None
    assert main(["runs", str(made.folder)]) == 0
    assert "promoted  On 5 judged pictures" in capsys.readouterr().out


def test_few_pictures_are_judged_by_nets_that_have_not_learnt_them(make_study: MakeStudy):
    made = make_study(4, 3)
    verdict = finetune(made.request())
    assert verdict is not None
    assert "had not learnt it" in verdict.sentence
    assert verdict.table[0].pictures == 3
    assert verdict.table[0].difference > 0.03
    assert [row.measure for row in verdict.table] == ["Dice", "agreement"]
    run = only_run(made.folder)
    for number in (1, 2):
        learnt = {one["key"] for one in _tuned(run / f"fold{number}" / "candidate.onnx")["learnt"]}
        fold = {score.key for score in verdict.pictures} - learnt
        assert learnt
        assert fold
    assert len(_tuned(run / "candidate.onnx")["learnt"]) == 3


def _tuned(file: Path) -> dict:
    return read_card(file).config["finetune"]


def test_a_candidate_that_learnt_shuffled_masks_is_refused(make_study: MakeStudy, old_ground: Path):
    def shuffled(number: int, truth: np.ndarray) -> np.ndarray:
        return np.roll(truth[::-1], 7 * number + 11, axis=1)

    made = make_study(16, said=shuffled)
    finetune_on_truth_judges(made)
    verdict = finetune(made.request("steps=40", "corrected=3", replay=(old_ground,)))
    assert verdict is not None
    assert not verdict.offered
    assert verdict.verdict == "worse"
    run = RunFolder(only_run(made.folder))
    with pytest.raises(VesselError, match="not offered"):
        promote(made.folder, run)
    assert Registry(made.folder).active() is None


def finetune_on_truth_judges(made) -> None:
    """Let the judges be right although what is learnt is wrong."""
    from tests.reviewing import review
    from trainer.finetune.sides import decide
    from vesselapp.core.evidence import LOWEST
    from vesselapp.study.subjects import subject_of

    subjects = {p.key: subject_of(f"{p.root}/{p.relative}") for p in made.study.pictures()}
    sides = decide({}, subjects)
    for picture in made.study.pictures():
        if sides[picture.key] == "judge":
            truth = made.truths[picture.name]
            review(made.study, picture, truth, np.full(truth.shape, LOWEST, np.uint8))


def test_a_candidate_that_forgets_is_refused(make_study: MakeStudy, old_ground: Path):
    made = make_study(16, look=bright)
    settings = (
        "steps=80",
        "learning_rate=0.03",
        "old_share=0",
        "frozen_norms=false",
        "patience=0",
        "blend=1",
    )
    verdict = finetune(made.request(*settings, replay=(old_ground,)))
    assert verdict is not None
    new, old = verdict.table
    assert new.low is not None
    assert new.low > 0  # better on what it learnt
    assert old.difference < -0.005
    assert (verdict.verdict, verdict.offered) == ("worse", False)
    assert "worse on eyes" in verdict.sentence


def test_a_killed_run_goes_on_to_the_same_candidate(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    made = make_study(3)
    quick = ("steps=20", "patience=0")
    whole = tmp_path / "whole"
    finetune(made.request(*quick, run=whole))

    class Killed(Exception):
        pass

    step = FineTune.training_step
    calls = []

    def until(self, batch, index):
        calls.append(1)
        if len(calls) == 36:  # in the first fold
            raise Killed
        return step(self, batch, index)

    monkeypatch.setattr(FineTune, "training_step", until)
    again = tmp_path / "again"
    with pytest.raises(Killed):
        finetune(made.request(*quick, run=again))
    monkeypatch.setattr(FineTune, "training_step", step)
    # What is asked of the second process doesn't matter: the run knows what it was begun with.
    verdict = finetune(made.request("steps=999", run=again))
    assert verdict is not None
    assert _weights(whole / "candidate.onnx") == _weights(again / "candidate.onnx")
    assert _weights(whole / "fold1" / "candidate.onnx") == _weights(again / "fold1" / "candidate.onnx")
    assert verdict.table == read_verdict(whole / "verdict.json").table
    # and once it is done, it says so again without learning anything
    monkeypatch.setattr(FineTune, "training_step", until)
    assert finetune(made.request(run=again)) == verdict


def _weights(file: Path) -> list[bytes]:
    return [weight.SerializeToString() for weight in onnx.load(file).graph.initializer]


def wish_at(monkeypatch: pytest.MonkeyPatch, at: int, *words: str, kind: str = "step") -> None:
    """Let a person wish something after a step, or its validation; further words, at each further look."""
    emit = Line.emit
    left = list(words)

    def also(self: Line, event: str, **values: object) -> None:
        emit(self, event, **values)
        if left and ((event == kind and values["step"] == at) or event == "paused"):
            self.run.wish(left.pop(0))

    monkeypatch.setattr(Line, "emit", also)


def test_stop_keeps_what_was_reached(make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch):
    made = make_study(3)
    wish_at(monkeypatch, 25, "stop")
    verdict = finetune(made.request())
    assert verdict is not None
    run = only_run(made.folder)
    done = json.loads((run / "training" / "done.json").read_text())
    assert done["steps"] == 25
    kept = done["kept"]
    assert kept in (10, 20, 25)  # the step of a validation, whose weights are kept
    # the nets that judge are made as the candidate was
    assert _steps(run / "fold1") == _steps(run / "fold2") == (kept, kept)
    events = events_of(run)
    assert events[-1]["event"] == "done"
    assert (run / "candidate.onnx").exists()
    assert [event["step"] for event in events if event["event"] == "stopping"] == [25]
    # and the steps that are told are those that are made
    folds = [event for event in events if event["event"] == "stage" and "judging," in event["name"]]
    assert [event["begun"] for event in folds] == [25, 25 + kept]
    last = [event for event in events if event["event"] == "step"][-1]
    assert (last["step"], last["steps"]) == (25 + 2 * kept, 25 + 2 * kept)
    planned = next(event for event in events if event["event"] == "plan")
    assert f"ended at step 25 of {planned['each']}." in verdict.sentence
    assert planned["steps"] == 3 * planned["each"]


def _steps(folder: Path) -> tuple[int, int]:
    """Give the steps that a training made, and those behind what was kept of it."""
    done = json.loads((folder / "done.json").read_text())
    return done["steps"], done["kept"]


def test_nets_that_judge_are_of_the_step_that_was_kept(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
):
    falling = iter(np.linspace(0.9, 0.1, 200))
    monkeypatch.setattr(watch, "dice", lambda *_: next(falling))
    made = make_study(3)
    wish_at(monkeypatch, 15, "stop")
    verdict = finetune(made.request())
    assert verdict is not None
    run = only_run(made.folder)
    assert _steps(run / "training") == (15, 10)
    assert _steps(run / "fold1") == _steps(run / "fold2") == (10, 10)
    assert "ended at step 15 of 60. The candidate is its model of step 10." in verdict.sentence


def test_a_stop_goes_by_pictures_that_hold_something(make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch):
    made = make_study(5, said=lambda number, truth: truth & (number not in (0, 1)))
    wish_at(monkeypatch, 15, "stop")
    verdict = finetune(made.request())
    assert verdict is not None
    scores = {score.name: score.measure for score in verdict.pictures}
    assert [name for name, measure in scores.items() if measure == "specificity"] == [
        "eye00.png",
        "eye01.png",
    ]
    seen = [event for event in events_of(only_run(made.folder)) if event["event"] == "validation"]
    assert all(event["learn"] > 0.1 and event["learn_before"] > 0 for event in seen)
    assert all(event.get("dice") is None or event["dice"] > 0.1 for event in seen)


def test_no_net_is_asked_about_pictures_in_which_nothing_is_before_a_training(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
):
    asked, ask = [], loop.mask_in
    monkeypatch.setattr(loop, "mask_in", lambda *given: asked.append(1) or ask(*given))
    made = make_study(12, said=lambda number, truth: truth & (number >= 9))
    assert finetune(made.request("steps=10")) is not None
    run = only_run(made.folder)
    nets = 1 + len(list(run.glob("fold*")))
    assert len(asked) <= nets * 5  # two that judge, two that are learnt, one of old ground


def test_of_steps_that_do_equally_well_the_last_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watch, "save_weights", lambda *_: None)
    task = SimpleNamespace(
        best=torch.tensor(-1.0),
        stale=torch.tensor(0),
        best_steps=torch.tensor(0),
        average=SimpleNamespace(module=torch.nn.Identity()),
        recipe=SimpleNamespace(patience=3),
    )
    trainer = SimpleNamespace(default_root_dir=tmp_path, should_stop=False)
    watching = Watch(SimpleNamespace(), [], 0.5, 0, 60)
    kept = []
    for steps, reached in ((10, 0.29593), (20, 0.29593), (30, 0.1), (40, 0.29593)):
        task.steps_done = steps
        watching._keep_best(task, reached, trainer)
        kept.append(int(task.best_steps))
    assert kept == [10, 20, 20, 40]
    assert trainer.should_stop  # it learns no more all the same


@pytest.mark.parametrize(
    ("at", "kind"),
    [(25, "step"), (20, "step"), (20, "validation")],
    ids=["in the second net that judges", "at the end of the first", "between them"],
)
def test_stopped_judging_says_whom_it_left_out(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch, at: int, kind: str
):
    made = make_study(4)
    wish_at(monkeypatch, at, "stop", kind=kind)
    verdict = finetune(made.request("steps=10"))
    assert verdict is not None
    assert "Only 2 of the 4 pictures were judged" in verdict.sentence
    assert verdict.table[0].pictures == 2
    events = [event for event in events_of(only_run(made.folder)) if event["event"] == "stopping"]
    assert [event["step"] for event in events] == [at]


def test_a_net_that_was_stopped_on_its_way_judges_nobody(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
):
    made = make_study(4)
    wish_at(monkeypatch, 15, "stop")  # in the first of the two nets that judge
    verdict = finetune(made.request("steps=10"))
    assert verdict is not None
    assert (verdict.verdict, verdict.offered, verdict.table) == ("not judged", False, ())
    assert verdict.sentence.startswith("The judging was stopped before any picture was judged")
    assert verdict.sentence.count(".") == 1
    run = RunFolder(only_run(made.folder))
    assert run.verdict() == verdict
    assert read_card(run.folder / "candidate.onnx").validation == ()
    (run.folder / "verdict.json").unlink()  # killed before it was written: what was stopped stays so
    again = finetune(made.request(run=run.folder))
    assert again is not None
    assert again.verdict == "not judged"


def test_a_stop_that_comes_too_late_for_the_candidate_spares_the_judging(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
):
    made = make_study(4)
    wish_at(monkeypatch, 10, "stop", kind="validation")
    verdict = finetune(made.request("steps=10"))
    assert verdict is not None
    assert verdict.table[0].pictures == 4
    events = [event for event in events_of(only_run(made.folder)) if event["event"] == "stopping"]
    assert [event["step"] for event in events] == [10]  # the window gets its answer


def test_cancel_ends_the_run_without_a_verdict(make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch):
    made = make_study(3)
    wish_at(monkeypatch, 12, "cancel")
    assert finetune(made.request()) is None
    run = only_run(made.folder)
    assert events_of(run)[-1]["event"] == "stopped"
    assert not (run / "verdict.json").exists()
    assert Registry(made.folder).active() is None
    # Nothing of it is kept, as it was told: only its log and its signs of life.
    assert {path.name for path in run.iterdir()} == {"events.jsonl", "heartbeat", "process.json"}


def test_pause_and_go_on(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    made = make_study(3)
    wish_at(monkeypatch, 5, "pause", "go")
    listed = []

    def listing(_seconds: float) -> None:
        capsys.readouterr()
        main(["runs", str(made.folder)])
        listed.append(capsys.readouterr().out.split("  ", 1)[1])

    monkeypatch.setattr(steering, "time", SimpleNamespace(monotonic=time.monotonic, sleep=listing))
    finetune(made.request("steps=10"))
    assert listed == ["paused  no verdict yet\n"]
    kinds = [event["event"] for event in events_of(only_run(made.folder))]
    assert kinds.index("paused") + 1 == kinds.index("resumed")
    assert kinds[-1] == "done"


def test_a_night_of_pause_is_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run, clock = RunFolder(tmp_path), [1000.0]

    def sleep(seconds: float) -> None:
        clock[0] += 8 * 3600
        assert line.worked == 60  # also while it lasts: a sign of life keeps it
        run.wish("go")

    monkeypatch.setattr(steering, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep))
    with Line(run, events=False) as line:
        clock[0] += 60
        run.wish("pause")
        line.heed()
        clock[0] += 5
        assert line.worked == 65


def test_a_base_that_finds_something_else_is_told(make_study: MakeStudy, tmp_path: Path):
    made = make_study(3)
    cells = tmp_path / "cells.onnx"
    shutil.copy(find_model(task="cells"), cells)
    told = [
        words for words in plan_only(made.request(base=str(cells)))["warnings"] if "compared with" in words
    ]
    assert len(told) == 1
    assert "cells finds cells" in told[0]
    assert not [words for words in plan_only(made.request())["warnings"] if "compared with" in words]


def test_ctrl_c_says_how_the_run_goes_on(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    made, step = make_study(3), FineTune.training_step

    def pressed(self, batch, index):
        if self.steps_done == 12:
            signal.raise_signal(signal.SIGINT)
        return step(self, batch, index)

    settings = ["--set=steps=20", "--set=precision=32"]
    monkeypatch.setattr(FineTune, "training_step", pressed)
    assert main(["finetune", str(made.folder), "--accelerator", "cpu", *settings]) == 130
    monkeypatch.setattr(FineTune, "training_step", step)
    said = capsys.readouterr()
    run = only_run(made.folder)
    assert f"the run's folder: {run}" in said.out
    told, command = said.err.strip().splitlines()[-1].split("To go on: python -m trainer ")
    assert told == "trainer: Stopped. "
    assert main(shlex.split(command)) == 0
    assert only_run(made.folder) == run
    assert RunFolder(run).has_verdict
    steps = [event["step"] for event in events_of(run) if event["event"] == "step"]
    assert steps.count(1) == 1  # not from its beginning
    assert steps.count(11) == 2


def test_kill_while_it_is_judged_says_how_the_run_goes_on(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    made, before = make_study(3), signal.getsignal(signal.SIGTERM)

    def killed(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("trainer.finetune.command.judge_run", killed)
    settings = ["--set=steps=2", "--set=precision=32"]
    assert main(["finetune", str(made.folder), "--accelerator", "cpu", *settings]) == 130
    assert "Stopped. To go on: " in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before


def test_ctrl_c_before_the_plan_begins_anew(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def pressed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("trainer.finetune.command.read_judgement", pressed)
    assert main(["finetune", str(make_study(3).folder)]) == 130
    assert "Nothing was learnt yet: give the same command again" in capsys.readouterr().err


def test_sides_are_kept_with_the_study(make_study: MakeStudy):
    made = make_study(8)
    finetune(made.request("steps=10"))
    kept = json.loads((made.folder / "judge.json").read_text())["pictures"]
    assert sorted(set(kept.values())) == ["judge", "learn"]
    split = json.loads((only_run(made.folder) / "split.json").read_text())
    assert {key for key, side in kept.items() if side == "judge"} == set(split["validation"])
    sides = dict.fromkeys(kept, "learn") | {min(kept): "judge"}
    (made.folder / "judge.json").write_text(json.dumps({"format": 1, "pictures": sides}))
    finetune(made.request("steps=10", run=made.folder / "runs" / "second"))
    assert json.loads((made.folder / "judge.json").read_text())["pictures"] == sides


def test_the_plan_says_what_would_be_done_and_does_nothing(
    make_study: MakeStudy, capsys: pytest.CaptureFixture[str]
):
    made = make_study(4, 3)
    assert main(["finetune", str(made.folder), "--plan"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["event"] == "plan"
    assert plan["learn"] == ["eye00.png", "eye01.png", "eye02.png"]
    assert plan["judge"] == []
    assert sorted(name for fold in plan["folds"] for name in fold) == plan["learn"]
    assert plan["steps"] > 0
    assert plan["expected_s"] > 0
    assert "Only 3 pictures" in plan["warnings"][0]
    assert not (made.folder / "runs").exists()
    assert not (made.folder / "judge.json").exists()


def test_an_example_that_cannot_be_written_ends_no_training(tmp_path: Path, monkeypatch):
    def busy(*_: object) -> None:
        raise VesselError("another program has it open")

    monkeypatch.setattr(watch, "atomic_write", busy)
    told: list[str] = []
    line = SimpleNamespace(run=RunFolder(tmp_path), emit=lambda event, **_: told.append(event))
    eye = Window("judge", "eye", np.zeros((9, 9, 3), np.uint8), *np.ones((2, 9, 9), bool))
    Watch(line, [eye], 0.5, 0, 9)._show(eye, eye.truth, 3)
    assert told == []


def test_an_example_tints_the_mask_and_what_it_misses() -> None:
    pixels = np.full((64, 64, 3), 200, np.uint8)
    truth, mask = np.zeros((64, 64), bool), np.zeros((64, 64), bool)
    truth[10:20, 10:50], mask[10:20, 10:30], mask[40:50, 10:30] = True, True, True
    window = Window("judge", "eye", pixels, truth, np.ones((64, 64), bool))
    drawn = cv2.cvtColor(
        cv2.imdecode(np.frombuffer(example_png(window, mask), np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB
    ).astype(int)
    found, wrong, missed, bare = drawn[15, 20], drawn[45, 20], drawn[15, 40], drawn[60, 60]
    assert np.array_equal(bare, [200, 200, 200])
    assert found[0] > found[2] + 60
    assert np.array_equal(found, wrong)
    assert missed[2] > missed[0] + 60
