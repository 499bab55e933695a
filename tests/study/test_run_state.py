"""How a run stands, told by one look at its folder."""

import json
from pathlib import Path

import pytest

from vesselapp.study.run_folder import RunFolder
from vesselapp.study.run_state import RunState, is_at_work, state_now

PLAN, STEP = {"event": "plan", "steps": 9}, {"event": "step", "step": 3, "steps": 9}


@pytest.mark.parametrize(
    ("events", "beats", "state"),
    [
        ((), False, RunState.DEAD),
        ((), True, RunState.STARTING),
        ((PLAN, STEP), True, RunState.RUNNING),
        ((PLAN, STEP, {"event": "paused"}), True, RunState.PAUSED),
        ((PLAN, STEP, {"event": "paused"}), False, RunState.DEAD),
        ((PLAN, {"event": "stopped"}), True, RunState.STOPPED),
        ((PLAN, {"event": "failed"}), False, RunState.FAILED),
        ((PLAN, STEP, {"event": "done"}), True, RunState.DONE),
    ],
)
def test_one_look_tells_how_a_run_stands(
    tmp_path: Path, events: tuple[dict[str, object], ...], beats: bool, state: RunState
) -> None:
    run = RunFolder(tmp_path)
    run.events_file.write_text("".join(json.dumps(event) + "\n" for event in events))
    if beats:
        (tmp_path / "heartbeat").touch()
    assert state_now(run) is state
    assert is_at_work(run) is state.live
