"""One training by several processes: two devices of one machine, and two machines under torchrun."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trainer.conftest import TINY


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


def test_two_machines_under_torchrun(command: list[str], tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = ["-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    launcher += ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    first, second = (
        start([*launcher, "--node-rank", str(rank), *command, "--devices", "1", "--nodes", "2"])
        for rank in (0, 1)
    )
    try:
        events = finish(first)
    finally:
        others = finish(second)
    check(events, tmp_path)
    assert others == []  # only the first machine speaks
