"""One training by several processes: two devices of one machine, and two machines under torchrun."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from tests.trainer.conftest import TINY
from trainer.__main__ import main
from trainer.begun import keep_begun, kept_command, write_json
from trainer.fit import save_weights
from trainer.recipes import Recipe
from trainer.run import RunOptions, train
from trainer.several import is_first
from vesselapp.core.errors import VesselError


@pytest.fixture
def command(fundus_set: Path, tmp_path: Path) -> list[str]:
    """What follows ``python`` or ``torchrun`` alike."""
    base = ["-m", "trainer", "train", "fundus-vessels", "--data", str(fundus_set), "--out", str(tmp_path)]
    return [*base, "--accelerator", "cpu", "--threads", "1", "--events", *TINY]


def start(arguments: list[str]) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def finish(process: subprocess.Popen[str]) -> list[dict[str, object]]:
    """Wait for a process to succeed, and give its events."""
    try:
        out, err = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == 0, err[-3000:]
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def check(events: list[dict[str, object]], run: Path) -> None:
    kinds = [e["event"] for e in events if e["event"] != "step"]
    assert kinds == ["started", "validated", "validated", "finished"]
    assert events[-1]["step"] == 4
    assert json.loads((run / "done.json").read_text())["steps"] == 4
    assert (run / "weights.pt").exists()


def test_two_devices_of_one_machine(command: list[str], tmp_path: Path):
    check(finish(start([*command, "--devices", "2"])), tmp_path)
    assert kept_command(tmp_path).endswith(" --devices 2")


def test_two_machines_under_torchrun(command: list[str], tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = ["-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    launcher += ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    first, second = (
        start([*launcher, "--node-rank", str(rank), *command]) for rank in (0, 1)
    )  # two nets in one folder, were each its own
    try:
        events = finish(first)
    finally:
        others = finish(second)
    check(events, tmp_path)
    assert kept_command(tmp_path).endswith(" --devices 1 --nodes 2")
    assert others == []  # only the first machine speaks


@pytest.fixture
def torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the last of four processes finds, two on each of two machines."""
    found = {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "RANK": "3", "LOCAL_RANK": "1", "GROUP_RANK": "1"}
    found |= {"TORCHELASTIC_RUN_ID": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rank_zero_only, "rank", 3)  # Lightning sets it, and leaves it set


@pytest.mark.usefixtures("torchrun")
@pytest.mark.parametrize(
    "more", [[], ["--devices", "2"], ["--nodes", "2"], ["--devices", "2", "--nodes", "2"]]
)
def test_the_numbers_of_torchrun_are_taken(
    command: list[str], monkeypatch: pytest.MonkeyPatch, more: list[str]
):
    asked = []
    monkeypatch.setattr("trainer.run.train", lambda _recipe, run: asked.append(run))
    assert main([*command[2:], *more]) == 0
    assert [(run.devices, run.nodes) for run in asked] == [(2, 2)]


@pytest.mark.usefixtures("torchrun")
@pytest.mark.parametrize("rank", [0, 3])
def test_a_failure_of_several_processes_is_one_event(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rank: int
):
    monkeypatch.setattr(rank_zero_only, "rank", rank)
    monkeypatch.setenv("GROUP_RANK", str(rank // 2))
    assert main([*command[2:], "--set=batch=no"]) == 1
    said = capsys.readouterr()
    assert "batch" in said.err
    assert said.out.count('"failed"') == (rank == 0)


@pytest.mark.usefixtures("torchrun")
@pytest.mark.parametrize("asked", [{"devices": 1}, {"devices": "1", "nodes": 2}, {"devices": 3, "nodes": 2}])
def test_other_numbers_than_those_of_torchrun_are_one_sentence(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, asked: dict[str, int | str]
):
    run = RunOptions(out=tmp_path / "run", data=(fundus_set,), accelerator="cpu", quiet=True, **asked)
    with pytest.raises(VesselError, match="torchrun has started 4 processes"):
        train(tiny, run)
    assert not run.out.exists()


@pytest.mark.parametrize(
    ("found", "rank", "nodes", "first"),
    [
        ({}, 0, 1, True),
        ({}, 1, 1, False),
        ({"NODE_RANK": "0"}, 0, 2, True),
        ({"NODE_RANK": "1"}, 0, 2, False),
        ({"GROUP_RANK": "1"}, 0, 2, False),
        ({"NODE_RANK": "1"}, 0, 1, True),  # of machines that train each their own
    ],
)
def test_one_process_of_all_machines_is_the_first(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, str], rank: int, nodes: int, first: bool
):
    for name in ("NODE_RANK", "GROUP_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rank_zero_only, "rank", rank)
    assert is_first(nodes) == first


@pytest.mark.parametrize("machine", [0, 1])
def test_the_first_machine_alone_holds_the_folder_and_speaks(
    tmp_path: Path, tiny: Recipe, monkeypatch: pytest.MonkeyPatch, capsys, machine: int
):
    keep_begun(tmp_path, tiny, {}, "", None, {}, 1)
    save_weights({}, tmp_path / "weights.pt")
    write_json(tmp_path / "done.json", {"steps": 4})
    monkeypatch.setattr(rank_zero_only, "rank", 0)
    monkeypatch.setenv("NODE_RANK", str(machine))
    train(tiny, RunOptions(out=tmp_path, data=(), nodes=2))
    assert (tmp_path / "train.lock").exists() == (machine == 0)
    assert ("nothing left to train" in capsys.readouterr().err) == (machine == 0)
