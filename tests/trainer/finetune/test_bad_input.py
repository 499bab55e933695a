"""What can go wrong is told in one sentence; nothing is lost, and the model in use stays as it is."""

import dataclasses
import errno
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer

from tests.reviewing import new_study, review
from tests.tiny_models import tiny_vessel_model
from tests.trainer.conftest import save
from tests.trainer.finetune.conftest import Made, MakeStudy, events_of, only_run
from trainer import fit
from trainer.__main__ import main
from trainer.export import read_card
from trainer.finetune.command import finetune, plan_only
from trainer.finetune.loop import Course
from trainer.finetune.task import NEW, TAUGHT, FineTune, Ground
from trainer.recipes import RECIPES
from vesselapp.core.errors import VesselError
from vesselapp.study.models import Registry
from vesselapp.study.record import State

SHORT = ("steps=10", "patience=0")


def refused(made: Made, said: str, *more: str, **others: object) -> None:
    """A fine-tune ends with a sentence, tells it to the window too, and leaves all else as it was."""
    kept = _files(made.folder / "annotations")
    with pytest.raises(VesselError, match=said):
        finetune(made.request(*SHORT, *more, **others))
    assert Registry(made.folder).active() is None
    assert _files(made.folder / "annotations") == kept
    for run in (made.folder / "runs").glob("*"):
        last = events_of(run)[-1]
        assert last["event"] == "failed"
        assert "\n" not in str(last["message"])
        assert not (run / "verdict.json").exists()


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_study_without_pictures(tmp_path: Path, base: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "pictures").mkdir()
    new_study(tmp_path / "study", tmp_path / "pictures", base)
    assert main(["finetune", str(tmp_path / "study"), "--plan"]) == 1
    streams = capsys.readouterr()
    assert json.loads(streams.out)["event"] == "failed"
    assert "The study study has no pictures" in streams.err
    assert not (tmp_path / "study" / "runs").exists()


def test_nothing_reviewed(make_study: MakeStudy, capsys: pytest.CaptureFixture[str]):
    made = make_study(2, 0)
    refused(made, "No picture of this study is reviewed yet")
    # there is no run yet, and whoever reads the events hears of it all the same
    assert main(["finetune", str(made.folder), "--events"]) == 1
    event = json.loads(capsys.readouterr().out)
    assert event["event"] == "failed"
    assert event["message"].startswith("No picture of this study is reviewed yet")


@pytest.mark.parametrize("full", [False, True], ids=["a lost drive", "a full disk"])
def test_a_failure_of_the_run_is_printed_once(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], full: bool
):
    made = make_study(2)

    def broken(course: Course) -> None:
        if full:  # then not even that can be written down
            course.line.run.events_file.unlink()
            course.line.run.events_file.mkdir()
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("trainer.finetune.command._work", broken)
    assert main(["finetune", str(made.folder), "--events", "--accelerator", "cpu"]) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in told] == ["stage", "plan", "failed"]
    if not full:
        kept = events_of(only_run(made.folder))
        assert [event["event"] for event in kept] == ["stage", "plan", "failed"]
        assert kept[-1]["message"] == told[-1]["message"]


def test_nothing_but_begun(make_study: MakeStudy):
    refused(make_study(2, state=State.IN_PROGRESS), "No picture of this study is reviewed yet")


def test_no_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["finetune", str(tmp_path)]) == 1
    assert "trainer:" in capsys.readouterr().err


def test_one_picture(make_study: MakeStudy):
    refused(make_study(2, 1), "Only one picture can be learnt from")


def test_all_masks_empty(make_study: MakeStudy):
    refused(make_study(3, said=lambda _number, truth: truth & False), "Every reviewed mask is empty")


def test_pictures_missing(make_study: MakeStudy, tmp_path: Path):
    made = make_study(3)
    shutil.move(tmp_path / "pictures", tmp_path / "elsewhere")
    refused(made, r"All 3 reviewed pictures are missing \(first: eye00.png\)")


def test_one_picture_missing_and_one_changed(make_study: MakeStudy, tmp_path: Path):
    made = make_study(4)
    (tmp_path / "pictures" / "eye00.png").unlink()
    save(tmp_path / "pictures" / "eye01.png", np.zeros((50, 60, 3), np.uint8))
    finetune(made.request(*SHORT))
    plan = next(e for e in events_of(only_run(made.folder)) if e["event"] == "plan")
    assert plan["learn"] == ["eye02.png", "eye03.png"]
    warnings = " ".join(plan["warnings"])
    assert "A reviewed picture is missing (eye00.png)" in warnings
    assert "eye01.png is not the picture that was reviewed" in warnings


def test_a_damaged_record(make_study: MakeStudy):
    made = make_study(3)
    first, *others = sorted((made.folder / "annotations").iterdir())
    (first / "record.json").write_text("{")
    warnings = plan_only(made.request())["warnings"]
    assert any("The record of eye00.png is damaged" in told for told in warnings)
    for place in others:
        (place / "record.json").write_text("{")
    with pytest.raises(VesselError, match="No picture can be learnt from") as told:
        plan_only(made.request())
    assert "The records of 3 pictures are damaged" in told.value.hint


def test_mask_and_picture_of_different_size(make_study: MakeStudy):
    made = make_study(2)
    for place in (made.folder / "annotations").iterdir():
        record = json.loads((place / "record.json").read_text())
        (place / "record.json").write_text(json.dumps({**record, "width": record["width"] + 5}))
    refused(made, r"The mask of eye00.png is 165 x 160 px, but the picture is 160 x 160 px")


def test_a_model_of_somebody_else(make_study: MakeStudy, tmp_path: Path):
    foreign = tiny_vessel_model(tmp_path / "theirs.onnx")
    made = make_study(2, model=foreign)
    refused(made, "theirs.onnx can't be fine-tuned: it does not carry the weights")
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    refused(made, "broken.onnx can't be fine-tuned", base=str(tmp_path / "broken.onnx"))


def test_a_loss_that_is_no_number(make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fit, "parse_loss", lambda _: lambda logits, *_: logits.mean() * float("nan"))
    refused(make_study(2), "The loss became nan at step")


def test_settings_that_make_no_sense(make_study: MakeStudy):
    made = make_study(2)
    for setting, said in (
        ("corrected=0", "must lie between 1 and 100"),
        ("blend=much", "can't be 'much'"),
        ("frozen_norms=2", "can't be '2'"),
        ("folds=2.5", "must be a whole number"),
        ("fog=1", "no setting 'fog'"),
    ):
        refused(made, said, setting)


@pytest.mark.parametrize("what", ["checkpoint", "events", "candidate", "verdict"])
def test_full_disk(make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch, what: str):
    made = make_study(2)
    full = OSError(errno.ENOSPC, "No space left on device")

    def fail(*_args: object, **_more: object) -> None:
        raise full

    if what == "checkpoint":
        monkeypatch.setattr(Trainer, "save_checkpoint", fail)
    elif what == "candidate":
        monkeypatch.setattr("trainer.finetune.candidate.export_like", lambda *_a: _told("candidate.onnx"))
    elif what == "verdict":
        place = "vesselapp.study.run_folder.RunFolder.write_verdict"
        monkeypatch.setattr(place, lambda *_a: _told("verdict.json"))
    else:
        opened = Path.open

        def open_or_fail(self: Path, *args: object, **more: object) -> object:
            if self.name == "events.jsonl" and self.exists() and self.stat().st_size > 500:
                raise full
            return opened(self, *args, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(Path, "open", open_or_fail)
    with pytest.raises(VesselError, match="the disk is full"):
        finetune(made.request(*SHORT))
    monkeypatch.undo()
    assert Registry(made.folder).active() is None
    verdict = finetune(made.request(run=only_run(made.folder)))  # there is room again: the run goes on
    assert verdict is not None


def _told(name: str) -> None:
    raise VesselError(f"{name} can't be written: the disk is full.")


def test_full_gpu_halves_the_batch(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    step = FineTune.training_step

    def too_big(self: FineTune, batch: tuple[torch.Tensor, ...], index: int) -> torch.Tensor:
        if len(batch[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(self, batch, index)

    monkeypatch.setattr(FineTune, "training_step", too_big)
    made = make_study(2)
    assert finetune(made.request(*SHORT)) is not None
    assert "going on with batch=2" in capsys.readouterr().err
    run = only_run(made.folder)
    assert json.loads((run / "training" / "recipe.json").read_text())["batch"] == 2
    assert read_card(run / "candidate.onnx").config["finetune"]["recipe"]["batch"] == 2
    assert [event["batch"] for event in events_of(run) if event["event"] == "batch"][:1] == [2]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("norm=group", "'norm' is the base model's own"),
        ("widths=[8,32]", "'widths' is the base model's own"),
        ("views=4", "'views' is the base model's own"),
        ("crop=63", "'crop' must be a multiple of"),
    ],
)
def test_what_a_fine_tune_can_not_change_is_refused(make_study: MakeStudy, setting: str, told: str):
    with pytest.raises(VesselError, match=told):
        plan_only(make_study(2).request(setting))


def test_a_device_that_is_not_there_is_told_before_sides_are_drawn(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    made = make_study(2)
    for run in (None, made.folder / "runs" / "mine"):
        request = dataclasses.replace(made.request(*SHORT, run=run), accelerator="gpu")
        for ask in (plan_only, finetune):
            with pytest.raises(VesselError, match="no device for accelerator=gpu"):
                ask(request)
    assert not (made.folder / "judge.json").exists()
    assert not list(made.folder.glob("runs/*"))


def test_a_run_goes_on_with_the_device_asked_for(make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch):
    made, taken = make_study(2), []
    monkeypatch.setattr("trainer.finetune.command.device_name", lambda accelerator: accelerator)
    monkeypatch.setattr("trainer.finetune.command._work", lambda course: taken.append(course.accelerator))
    request = made.request(*SHORT, run=made.folder / "runs" / "mine")
    for accelerator in ("gpu", "auto", "cpu"):
        finetune(dataclasses.replace(request, accelerator=accelerator))
    assert taken == ["gpu", "gpu", "cpu"]


def test_a_picture_of_which_nothing_is_known_is_left_out(make_study: MakeStudy):
    made = make_study(3, reviewed=2)
    unsure = made.study.pictures()[2]
    truth = made.truths[unsure.name]
    answer = np.full(truth.shape, 50, np.uint8)
    review(made.study, unsure, truth, answer, unsure=np.ones(truth.shape, bool))
    assert finetune(made.request(*SHORT)) is not None
    plan = next(e for e in events_of(only_run(made.folder)) if e["event"] == "plan")
    assert plan["learn"] == ["eye00.png", "eye01.png"]
    assert "Of eye02.png nothing is known" in " ".join(plan["warnings"])


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("share", [0.25, 0.5])
def test_old_ground_is_in_every_layout(batch: int, share: float):
    ground = Ground([], taught_recipe=RECIPES["fundus-vessels"])
    layout = ground.layout(batch, share)
    assert NEW in layout
    assert TAUGHT in layout
    assert len(layout) % batch == 0
    assert set(ground.layout(batch, 0)) == {NEW}


def test_old_ground_that_is_not_there_is_told_before_anything_begins(make_study: MakeStudy, tmp_path: Path):
    made = make_study(2)
    with pytest.raises(VesselError, match="doesn't exist"):
        plan_only(dataclasses.replace(made.request(*SHORT), replay=(tmp_path / "nowhere",)))


def test_a_run_whose_model_changed_does_not_go_on(make_study: MakeStudy, tmp_path: Path, base: Path):
    own = Path(shutil.copy(base, tmp_path / "own.onnx"))
    made = make_study(2, model=own)
    run = tmp_path / "run"
    finetune(made.request(*SHORT, run=run))
    (run / "verdict.json").unlink()
    own.write_bytes(tiny_vessel_model(tmp_path / "other.onnx").read_bytes())
    with pytest.raises(VesselError, match="this run began with is gone or changed"):
        finetune(made.request(*SHORT, run=run))
