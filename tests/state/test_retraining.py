"""A training run beside the window, with a trainer that trains nothing but writes what one would."""

import json
import os
import queue
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import fake_trainer
from vesselapp.core.errors import VesselError
from vesselapp.state import run_watch, trainer_process
from vesselapp.state.retraining import Retraining
from vesselapp.state.run_watch import newest_run
from vesselapp.state.trainer_process import PlanQuestion, TrainingOptions, trainer_command
from vesselapp.study import run_state
from vesselapp.study.process import boot_id
from vesselapp.study.run_events import EventTail, parse_event
from vesselapp.study.run_folder import Decision, RunFolder, new_run, runs_of
from vesselapp.study.run_progress import Plan, RunProgress
from vesselapp.study.run_state import RunState
from vesselapp.study.verdict import read_verdict

COMMAND = (sys.executable, fake_trainer.__file__)


class Desk:
    """Stands for the window's thread: calls are run where `until` waits."""

    def __init__(self) -> None:
        self.calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def until(self, reached: Callable[[], bool], timeout_s: float = 30.0) -> None:
        ends = time.monotonic() + timeout_s
        while not reached():
            assert time.monotonic() < ends, "never reached"
            try:
                self.calls.get(timeout=0.05)()
            except queue.Empty:
                continue


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "candidate-for-tests.onnx").write_bytes(b"a model")
    return tmp_path


@pytest.fixture
def retraining(desk: Desk, study: Path) -> Iterator[Retraining]:
    retraining = Retraining(desk.calls.put, COMMAND)
    retraining.open(study)
    yield retraining
    if retraining.state.live:
        retraining.wish("cancel")
        desk.until(lambda: not retraining.state.live)
    retraining.close()


def options(**settings: object) -> TrainingOptions:
    return TrainingOptions(settings=tuple(f"{key}={value}" for key, value in settings.items()))


def test_a_run_is_followed_from_start_to_verdict(
    retraining: Retraining, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PYTHONUTF8", "0"), ("PYTHONCOERCECLOCALE", "0"), ("LC_ALL", "C")):
        monkeypatch.setenv(name, value)  # a locale without the letters of the study, as on Windows
    retraining.start(options(steps=20))
    assert retraining.state is RunState.STARTING
    desk.until(lambda: retraining.state is RunState.DONE)
    progress, run = retraining.progress, retraining.run
    assert run is not None
    assert [step for step, _ in progress.losses] == list(range(1, 21))
    assert [found.step for found in progress.validations] == [5, 10, 15, 20]
    assert progress.best is not None
    assert progress.best.step == 20
    assert progress.best.learn == pytest.approx(0.94)
    assert progress.share == 1.0
    assert progress.threshold == (0.5, 0.45)
    assert all((run.folder / example.file).is_file() for example in progress.examples)
    assert run.verdict().verdict == "better"
    assert "fake trainer at work on α-SMA" in run.log_tail()


@pytest.mark.skipif(os.name != "posix", reason="Windows is told the priority with the start")
def test_a_training_gives_way_to_other_programs(retraining: Retraining, desk: Desk) -> None:
    retraining.start(options(steps=1000, pause_s=0.01))
    desk.until(lambda: retraining.progress.step > 0)
    run = retraining.run
    assert run is not None
    process = json.loads((run.folder / "process.json").read_text())["pid"]
    assert os.getpriority(os.PRIO_PROCESS, process) >= 10
    session = Path(f"/proc/{process}/autogroup")
    if session.exists():  # in a session of its own, that priority counts against nobody
        assert session.read_text().endswith("nice 10\n")


def test_lines_written_in_halves_are_read_whole(retraining: Retraining, desk: Desk) -> None:
    retraining.start(options(steps=12, torn=1, pause_s=0))
    desk.until(lambda: retraining.state is RunState.DONE)
    assert [step for step, _ in retraining.progress.losses] == list(range(1, 13))


def test_pause_and_go(retraining: Retraining, desk: Desk) -> None:
    retraining.start(options(steps=1000, pause_s=0.01))
    desk.until(lambda: retraining.progress.step > 3)
    retraining.wish("pause")
    assert retraining.wished == "pause"
    desk.until(lambda: retraining.state is RunState.PAUSED)
    assert retraining.wished is None
    at_pause = retraining.progress.step
    retraining.wish("go")
    desk.until(lambda: retraining.progress.step > at_pause)
    assert retraining.state is RunState.RUNNING
    assert retraining.wished is None


def test_stop_keeps_the_best_and_judges_it(retraining: Retraining, desk: Desk) -> None:
    retraining.start(options(steps=100000, pause_s=0.01))
    desk.until(lambda: len(retraining.progress.validations) > 0)
    retraining.wish("stop")
    desk.until(lambda: retraining.state is RunState.DONE)
    assert retraining.run is not None
    assert retraining.run.has_verdict


def test_cancel_leaves_no_verdict(retraining: Retraining, desk: Desk) -> None:
    retraining.start(options(steps=100000, pause_s=0.01))
    desk.until(lambda: retraining.progress.step > 0)
    with pytest.raises(VesselError, match="at work already"):
        retraining.start(options())
    retraining.wish("cancel")
    desk.until(lambda: retraining.state is RunState.STOPPED)
    assert retraining.run is not None
    assert not retraining.run.has_verdict


def test_a_run_is_found_again_by_another_app(retraining: Retraining, desk: Desk, study: Path) -> None:
    retraining.start(options(steps=100000, pause_s=0.01))
    desk.until(lambda: retraining.progress.step > 5)
    retraining.close()
    other = Retraining(desk.calls.put, COMMAND)
    other.open(study)
    desk.until(lambda: other.progress.step > 10)
    assert other.state is RunState.RUNNING
    assert other.run == retraining.run
    other.wish("stop")
    desk.until(lambda: other.state is RunState.DONE)
    late = Retraining(desk.calls.put, COMMAND)
    late.open(study)
    desk.until(lambda: late.state is RunState.DONE)
    assert late.decision is None
    late.decide(Decision("kept"))
    again = Retraining(desk.calls.put, COMMAND)
    again.open(study)
    desk.until(lambda: again.decision is not None)
    assert again.decision is not None
    assert again.decision.decision == "kept"
    assert again.decision.when
    retraining.open(None)


def test_two_apps_do_not_train_at_once(retraining: Retraining, desk: Desk, study: Path) -> None:
    other = Retraining(desk.calls.put, COMMAND)
    other.open(study)
    retraining.start(options(steps=100000, pause_s=0.01))
    desk.until(lambda: retraining.progress.step > 0)
    with pytest.raises(VesselError, match="Another training"):
        other.start(options())
    assert other.run == retraining.run
    desk.until(lambda: other.state is RunState.RUNNING)
    other.close()


def test_a_dead_trainer_is_told_and_gone_on_with(retraining: Retraining, desk: Desk) -> None:
    retraining.start(options(steps=20, die=8))
    desk.until(lambda: retraining.state is RunState.DEAD)
    run = retraining.run
    assert run is not None
    assert "Killed by the test" in run.log_tail()
    assert retraining.progress.step == 7
    retraining.go_on()
    desk.until(lambda: retraining.state is RunState.DONE)
    assert retraining.run == run
    assert [step for step, _ in retraining.progress.losses] == list(range(1, 21))


def test_a_dead_run_is_not_gone_on_with_beside_another(
    retraining: Retraining, desk: Desk, study: Path
) -> None:
    retraining.start(options(steps=20, die=8))
    desk.until(lambda: retraining.state is RunState.DEAD)
    dead, other = retraining.run, Retraining(desk.calls.put, COMMAND)
    other.open(study)
    desk.until(lambda: other.state is RunState.DEAD)
    time.sleep(1.1)  # runs are named by the second
    other.start(options(steps=100000, pause_s=0.01))
    desk.until(lambda: other.progress.step > 0)
    with pytest.raises(VesselError, match="Another training"):
        retraining.go_on()
    assert retraining.run == other.run != dead
    other.wish("cancel")
    desk.until(lambda: other.state is RunState.STOPPED)
    other.close()


def test_a_stop_ends_a_pause() -> None:
    progress = RunProgress()
    for event in ({"event": "plan", "steps": 9}, step(2), {"event": "paused"}):
        progress.take(event)
    assert progress.paused
    progress.take({"event": "stopping", "step": 2})
    assert not progress.paused


def test_whatever_goes_wrong_with_the_plan_is_told(
    retraining: Retraining, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_question: PlanQuestion) -> Plan:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(PlanQuestion, "ask", fail)
    answers: list[object] = []
    retraining.planned.connect(answers.append)
    retraining.ask_plan(options())
    desk.until(lambda: bool(answers))
    assert isinstance(answers[0], VesselError)
    assert "oh" in str(answers[0])


def test_one_that_goes_on_is_starting_until_its_trainer_speaks(tmp_path: Path) -> None:
    retraining = Retraining(lambda _call: None)
    retraining.run, retraining._lives = RunFolder(tmp_path), True
    for event in ({"event": "plan", "steps": 9}, step(4), {"event": "paused"}):
        retraining.progress.take(event)
    assert retraining.state is RunState.PAUSED
    retraining.run.tell_going_on()
    for event in EventTail(retraining.run.events_file).read():
        retraining.progress.take(event)
    assert retraining.state is RunState.STARTING
    retraining.progress.take(step(3))
    assert retraining.state is RunState.RUNNING


def test_a_run_killed_while_it_was_reading_goes_on_with_the_same_options(
    desk: Desk, study: Path, tmp_path: Path
) -> None:
    begun = tmp_path / "argv.txt"
    command = (
        sys.executable,
        "-c",
        f"import sys; open({str(begun)!r}, 'a').write(repr(sys.argv[1:]) + '\\n')",
    )
    retraining = Retraining(desk.calls.put, command)
    retraining.open(study)
    retraining.start(TrainingOptions("3", True, ("/data/old",), ("corrected=9",)))
    desk.until(lambda: retraining.state is RunState.DEAD)
    retraining.go_on()
    desk.until(lambda: retraining.state is RunState.DEAD)
    first, second = begun.read_text().splitlines()
    assert first == second
    assert "corrected=9" in second
    assert retraining.run is not None
    (retraining.run.folder / "options.json").unlink()
    with pytest.raises(VesselError, match="isn't known with which options"):
        retraining.go_on()
    (retraining.run.folder / "config.json").write_text("{}")  # the trainer knows by itself
    retraining.go_on()
    desk.until(lambda: retraining.state is RunState.DEAD)
    retraining.close()


def test_a_dead_trainer_of_an_earlier_app_is_told_at_once(desk: Desk, study: Path) -> None:
    run = RunFolder(study / "runs" / "20250101T000000Z")
    run.folder.mkdir(parents=True)
    process = {"pid": 2**22 + 1, "host": socket.gethostname(), "boot": boot_id()}
    (run.folder / "process.json").write_text(json.dumps(process))
    run.events_file.write_text('{"event": "step", "step": 3, "steps": 9, "loss": 0.5}\n')
    retraining = Retraining(desk.calls.put, COMMAND)
    retraining.open(study)
    desk.until(lambda: retraining.state is RunState.DEAD)
    assert retraining.progress.step == 3
    retraining.close()


def run_elsewhere(study: Path, name: str = "20250101T000000Z") -> RunFolder:
    """Make a run whose trainer is on another computer, and gives signs of life where it is touched."""
    run = RunFolder(study / "runs" / name)
    run.folder.mkdir(parents=True)
    (run.folder / "process.json").write_text(json.dumps({"pid": 7, "host": "elsewhere", "boot": "x"}))
    (run.folder / "config.json").write_text("{}")
    run.events_file.write_text('{"event": "step", "step": 3, "steps": 9, "loss": 0.5}\n')
    return run


def beat(run: RunFolder, *, ago_s: float = 0.0) -> None:
    (run.folder / "heartbeat").touch()
    os.utime(run.folder / "heartbeat", (time.time() - ago_s,) * 2)


def test_a_trainer_elsewhere_that_was_cut_off_is_seen_again(
    desk: Desk, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (run_watch, run_state):
        monkeypatch.setattr(module, "STILL_S", 5.0)
    monkeypatch.setattr(run_watch, "_LOOK_AT_DEAD_S", 0.05)
    run = run_elsewhere(study)
    beat(run, ago_s=100)
    refused = (sys.executable, "-c", "raise SystemExit(1)")  # as one is that finds the run's lock taken
    retraining = Retraining(desk.calls.put, refused)
    retraining.open(study)
    desk.until(lambda: retraining.state is RunState.RUNNING)
    desk.until(lambda: retraining.state is RunState.DEAD)
    retraining.go_on()
    desk.until(lambda: retraining.state is RunState.DEAD)
    beat(run)
    with pytest.raises(VesselError, match="Another training"):
        retraining.start(options())
    retraining.show_run(run)
    desk.until(lambda: retraining.state is RunState.DEAD)
    retraining.go_on()
    desk.until(lambda: retraining.state is RunState.DEAD)
    beat(run)
    desk.until(lambda: retraining.state.live)
    with pytest.raises(VesselError, match="at work already"):
        retraining.start(options())
    assert runs_of(study) == [run]
    retraining.close()


def test_a_run_begun_while_a_clock_was_ahead_hides_no_later_one(desk: Desk, study: Path) -> None:
    ahead = run_elsewhere(study, "20991231T235959Z")
    ahead.events_file.write_text('{"event": "stopped"}\n')
    at_work = run_elsewhere(study)
    beat(at_work)
    retraining = Retraining(desk.calls.put, COMMAND)
    retraining.open(study)
    desk.until(lambda: retraining.run == at_work)
    at_work.events_file.write_text('{"event": "done"}\n')
    now = f"{datetime.now().astimezone():%Y-%m-%d}"
    first = new_run(study)
    first.log_file.touch()
    assert first.began.startswith(now)
    assert newest_run(study) == first
    time.sleep(1.1)  # names tell seconds
    second = new_run(study)
    assert second.began.startswith(now)
    assert runs_of(study) == [second, first, ahead, at_work]
    retraining.close()


def test_a_failed_run_says_why(retraining: Retraining, desk: Desk) -> None:
    retraining.start(options(fail=3))
    desk.until(lambda: retraining.state is RunState.FAILED)
    assert retraining.progress.message == "The disk is full."
    assert retraining.can_go_on


def test_a_run_that_failed_before_it_had_a_plan_does_not_go_on(retraining: Retraining, desk: Desk) -> None:
    retraining.start(options(fail=0))
    desk.until(lambda: retraining.state is RunState.FAILED)
    retraining.go_on()
    assert retraining.state is RunState.FAILED


def test_what_the_trainer_would_do_is_asked_of_it(retraining: Retraining, desk: Desk, study: Path) -> None:
    answers: list[object] = []
    retraining.planned.connect(answers.append)
    retraining.ask_plan(options(steps=77))
    desk.until(lambda: bool(answers))
    plan = answers[0]
    assert isinstance(plan, Plan)
    assert (plan.steps, plan.device, plan.judge) == (77, "CPU, 2 cores", ("c.png",))
    retraining.ask_plan(options(refuse=1))
    desk.until(lambda: len(answers) == 2)
    assert "No picture is reviewed" in str(answers[1])
    retraining.ask_plan(options())
    retraining.cancel_plan()
    assert not runs_of(study)


def test_a_trainer_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = trainer_process.importlib.util.find_spec
    monkeypatch.setattr(
        trainer_process.importlib.util, "find_spec", lambda name: None if name == "torch" else found(name)
    )
    with pytest.raises(VesselError, match=r"torch.*pip install") as told:
        trainer_command()
    assert "vesselapp[train]" in told.value.hint


def test_a_trainer_that_cannot_be_started_is_told(desk: Desk, study: Path) -> None:
    retraining = Retraining(desk.calls.put, (str(study / "nothing"),))
    retraining.open(study)
    with pytest.raises(VesselError, match="can't be started"):
        retraining.start(options())
    assert retraining.state is RunState.NONE


def test_options_become_arguments() -> None:
    chosen = TrainingOptions("3", True, ("/a", "/b"), ("steps=5",))
    assert chosen.arguments() == ["--base", "3", "--chain", "--replay", "/a", "/b", "--set", "steps=5"]


def test_a_tail_survives_rubbish_and_a_file_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    tail = EventTail(file)
    assert tail.read() == []
    file.write_bytes(
        b'\xff\xfe\n[1]\n{"event": 3}\n{"event": "st{"event": "done"}\n{"time": 1, "event": "stage"}\n{"ev'
    )
    assert [event["event"] for event in tail.read()] == ["done", "stage"]
    assert tail.read() == []
    file.write_bytes(b'{"event": "step"}\n')
    assert [event["event"] for event in tail.read()] == ["step"]
    assert tail.rewound


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
), st.sampled_from(["plan", "step", "validation", "example", "threshold", "stage", "failed"]))  # fmt: skip
def test_no_event_breaks_the_progress(value: object, kind: str) -> None:
    progress = RunProgress()
    keys = (
        "step",
        "steps",
        "loss",
        "eta_s",
        "dice",
        "old",
        "file",
        "before",
        "after",
        "name",
        "learn",
        "expected_s",
    )
    line = json.dumps({"event": kind, **dict.fromkeys(keys, value)}).encode()
    event = parse_event(line)
    if event is not None:
        progress.take(event)
    assert 0 <= progress.share <= 1


def step(n: int, **values: object) -> dict[str, object]:
    return {"event": "step", "step": n, "steps": 30, "loss": 1.0, "eta_s": 5.0, **values}


def test_trainings_of_one_run_are_told_apart() -> None:
    progress = RunProgress()
    for event in (
        {"event": "stage", "name": "learning"},
        step(10),
        {"event": "validation", "step": 5, "learn": 0.7},
        {"event": "validation", "step": 10, "learn": 0.7},  # as good: the last is kept
        {"event": "stopping", "step": 10},
        {"event": "stage", "name": "learning for judging, 1 of 2", "begun": 10},
        step(20, steps=20),
        {"event": "validation", "step": 20, "learn": 0.9},
    ):
        progress.take(event)
    assert progress.begun == [10]
    assert progress.best is not None
    assert progress.best.step == 10  # the other is no candidate
    assert progress.stopped_at == 10
    assert progress.stoppable
    assert progress.share == 1.0
    assert not progress.without_steps
    progress.take({"event": "stage", "name": "learning for judging, 1 of 2", "begun": 10})  # gone on with
    assert progress.begun == [10]
    progress.take({"event": "stopping", "step": 20})
    assert progress.stopped_at == 10
    assert progress.judging_stopped
    assert not progress.stoppable
    progress.take({"event": "stage", "name": "judging"})
    assert progress.eta_s is None
    assert progress.without_steps


def test_a_promotion_is_not_decided_away(retraining: Retraining, desk: Desk) -> None:
    retraining.start(options(steps=5, pause_s=0))
    desk.until(lambda: retraining.state is RunState.DONE)
    run = retraining.run
    assert run is not None
    retraining.decide(Decision("kept", "ann"))
    RunFolder(run.folder).decide(Decision("promoted", "bob", number=2))
    with pytest.raises(VesselError, match="promoted as model 2 by bob"):
        retraining.decide(Decision("discarded", "ann"))
    assert retraining.decision is not None
    assert retraining.decision.decision == "promoted"
    assert run.decision() == retraining.decision


def test_a_run_left_without_a_verdict_may_come_to_one(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.decide(Decision("left", "ann"))
    left = run.decision()
    assert left is not None
    assert left.decision == "left"
    (tmp_path / "verdict.json").write_text("{}")
    assert run.decision() is None


def test_a_broken_verdict_is_told(tmp_path: Path) -> None:
    file = tmp_path / "verdict.json"
    with pytest.raises(VesselError, match="can't be read"):
        read_verdict(file)
    for text in ("", "[]", '{"verdict": "splendid"}'):
        file.write_text(text)
        with pytest.raises(VesselError, match="no verdict"):
            read_verdict(file)


def test_a_run_names_no_file_outside_of_its_folder(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert run.inside("examples/a.png") is not None
    assert run.inside("../other.onnx") is None
    assert run.inside("/etc/passwd") is None
    assert run.inside("\ud800.png") is None
    assert run.inside("a\0.png") is None
