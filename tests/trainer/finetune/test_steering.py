"""One trainer a run, and what a run keeps for going on."""

import json
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.trainer.finetune.conftest import MakeStudy, events_of
from trainer.finetune import steering
from trainer.finetune.command import finetune
from trainer.finetune.kept_lessons import keep_judgement, kept_judgement
from trainer.finetune.lessons import Judgement
from trainer.finetune.reviewed import find_reviewed
from trainer.finetune.steering import LOCK_NAME, Line
from vesselapp.core.errors import VesselError
from vesselapp.study.lock import Lock
from vesselapp.study.run_folder import RunFolder


def test_a_second_trainer_is_refused_and_leaves_the_run_alone(make_study: MakeStudy, tmp_path: Path):
    made, run = make_study(2), RunFolder(tmp_path / "run")
    run.folder.mkdir()
    with Line(run, events=False) as line:
        line.emit("stage", name="learning")
        with pytest.raises(VesselError, match="is at work on this run already"):
            finetune(made.request(run=run.folder))
        line.emit("done")
    assert [event["event"] for event in events_of(run.folder)] == ["stage", "done"]
    with Line(run, events=False):  # given back
        pass


def test_the_time_worked_goes_on_where_a_dead_trainer_left_it(tmp_path: Path):
    (tmp_path / "heartbeat").write_text("100.0")
    with Line(RunFolder(tmp_path), events=False) as line:
        assert 100 <= line.worked < 160
    assert float((tmp_path / "heartbeat").read_text()) >= 100


def test_a_loss_that_is_no_number_makes_no_broken_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with Line(RunFolder(tmp_path), events=True) as line:
        line.emit("step", step=1, loss=float("nan"), eta_s=float("inf"))
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert told["loss"] is None
    assert told["eta_s"] is None


def heed_for_a_while(line: Line) -> None:
    for _ in range(2000):
        line.heed()
        time.sleep(0.01)


def test_a_trainer_whose_run_was_taken_over_ends_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(steering, "_BEAT_S", 0.02)
    with Line(RunFolder(tmp_path), events=False) as asleep:
        other = Lock.take_over(tmp_path, "", name=LOCK_NAME, stale=-1.0)
        with pytest.raises(VesselError, match="has taken this run over"):
            heed_for_a_while(asleep)
        asleep.last_word("failed", message="...")
    assert not (tmp_path / "events.jsonl").exists()
    other.check()
    other.release()


def test_what_a_run_learnt_is_read_where_opencv_opens_no_such_name(
    make_study: MakeStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    picture = next(iter(find_reviewed(make_study(2).study)[0].values()))
    truth = np.zeros((160, 160), bool)
    truth[4:9] = True
    judged = Judgement(np.zeros((160, 160, 3), np.uint8), truth, np.full(truth.shape, 3, np.uint8))
    run = tmp_path / "Jürgen"
    keep_judgement(run, picture, judged)
    monkeypatch.setattr(cv2, "imread", lambda *_: None)  # as on Windows
    found = kept_judgement(run, picture)
    assert np.array_equal(found.truth, truth)
    assert np.array_equal(found.weight, judged.weight)
    (run / "lessons" / f"{picture.key}.png").write_bytes(b"")
    with pytest.raises(VesselError, match="can't be read"):
        kept_judgement(run, picture)
