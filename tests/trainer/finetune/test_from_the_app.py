"""The app's side of retraining with the real trainer and a tiny net: asked, started, watched, promoted."""

from pathlib import Path

import pytest

from tests.state.test_retraining import Desk
from tests.trainer.finetune.conftest import MakeStudy
from vesselapp.state.judged import read_judged
from vesselapp.state.retraining import Retraining
from vesselapp.state.trainer_process import TrainingOptions
from vesselapp.study.models import Registry
from vesselapp.study.promote import promote
from vesselapp.study.run_progress import Plan
from vesselapp.study.run_state import RunState

LONG = 240.0


@pytest.mark.timeout(900)  # two processes that load torch, at low priority
def test_the_loop_with_the_real_trainer(make_study: MakeStudy, base: Path) -> None:
    made = make_study(count=4, reviewed=3)
    desk = Desk()
    retraining = Retraining(desk.calls.put)
    retraining.open(made.folder)
    options = TrainingOptions(settings=("steps=20", "learning_rate=0.005", "folds=2", "precision=32"))
    answers: list[object] = []
    retraining.planned.connect(answers.append)
    retraining.ask_plan(options)
    desk.until(lambda: bool(answers), LONG)
    plan = answers[0]
    assert isinstance(plan, Plan), plan
    assert set(plan.learn) == {"eye00.png", "eye01.png", "eye02.png"}
    assert {name for fold in plan.folds for name in fold} == set(plan.learn)
    assert plan.device.startswith(("CPU", "GPU"))
    assert "Only 3 pictures" in plan.warnings[0]
    assert not (made.folder / "runs").exists()

    retraining.start(options)
    desk.until(lambda: not retraining.state.live, 2 * LONG)
    run = retraining.run
    assert run is not None
    assert retraining.state is RunState.DONE, run.log_tail()
    progress = retraining.progress
    assert progress.step == progress.steps == plan.steps
    assert len(progress.losses) == plan.steps
    assert progress.examples
    assert all((run.folder / example.file).is_file() for example in progress.examples)
    assert any(found.learn is not None for found in progress.validations)
    assert any(found.old is not None for found in progress.validations)
    assert progress.threshold is not None
    assert "{" not in run.log_tail(), "the log is for people"

    judged = read_judged(made.folder, run)
    assert judged.incumbent is not None
    assert judged.incumbent.read_bytes() == base.read_bytes() or judged.incumbent == base
    assert judged.candidate == (run.folder / "candidate.onnx").resolve()
    assert not judged.hindrance
    assert not judged.note
    scored = [picture.name for picture in judged.pictures if picture.candidate is not None]
    assert sorted(scored) == ["eye00.png", "eye01.png", "eye02.png"]
    assert {ground.ground for ground in judged.verdict.table} >= {"new"}
    number = promote(made.folder, run, who="ann", overrule="a test")
    active = Registry(made.folder).active()
    assert active is not None
    assert active.number == number == 1
    retraining.close()
