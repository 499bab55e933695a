"""What a computer can't do, and who else is at work: the training goes round it or says so."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.trainer.conftest import TINY, options
from tests.trainer.test_fit import same, weights_of
from trainer import machine
from trainer.begun import CHECKPOINT
from trainer.fit import Fit
from trainer.machine import computed_precision, only_one
from trainer.recipes import Recipe
from trainer.run import load_net, train
from vesselapp.core.errors import VesselError


@pytest.mark.parametrize("computes", [True, False])
@pytest.mark.parametrize("precision", ["32", "bf16", "16"])
def test_a_cpu_works_in_what_it_computes(monkeypatch: pytest.MonkeyPatch, computes: bool, precision: str):
    monkeypatch.setattr(machine, "_computes_bf16", lambda: computes)
    monkeypatch.setattr(machine, "_has_gpu", lambda: True)
    assert computed_precision(precision, "cpu") == (precision if computes else "32")
    assert computed_precision(precision, "gpu") == computed_precision(precision, "auto") == precision
    monkeypatch.setattr(machine, "_has_gpu", lambda: False)
    assert computed_precision(precision, "auto") == (precision if computes else "32")


@pytest.mark.parametrize(("free", "said"), [(4e5, "3 of 4"), (float("inf"), "")])
def test_pictures_that_begin_to_fill_the_memory_are_told_before_they_do(
    tmp_path: Path,
    tiny: Recipe,
    fundus_set: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys,
    free: float,
    said: str,
):
    """Each is of 128 px at working scale, and so takes 82 kB or so."""
    monkeypatch.setattr("trainer.run.free_memory", lambda: free)
    loud = dataclasses.replace(options(tmp_path / "a", fundus_set), quiet=False)
    train(dataclasses.replace(tiny, steps=2), loud)
    told = capsys.readouterr().err
    assert told.count("GB of memory that were free") == bool(said)
    assert said in told


def test_the_memory_that_is_free_is_known_on_linux():
    assert (0 < machine.free_memory() < 2**50) == (sys.platform == "linux")


def test_a_cpu_without_bf16_trains_in_float32_and_keeps_the_recipe(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.setattr(machine, "_computes_bf16", lambda: False)
    recipe = dataclasses.replace(tiny, precision="bf16", steps=2)
    loud = dataclasses.replace(options(tmp_path / "a", fundus_set), quiet=False)
    run = train(recipe, loud)
    assert capsys.readouterr().err.count("This CPU doesn't compute bf16") == 1
    assert load_net(run)[0] == recipe
    exact = train(dataclasses.replace(recipe, precision="32"), options(tmp_path / "b", fundus_set))
    assert same(weights_of(run), weights_of(exact))


def test_crops_are_made_without_forking_where_there_is_none(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch
):
    recipe = dataclasses.replace(tiny, workers=1, steps=2)
    forked = train(recipe, options(tmp_path / "a", fundus_set))
    monkeypatch.setattr(machine.sys, "platform", "win32")
    assert machine.loading(1) == {"num_workers": 0}
    alone = train(recipe, options(tmp_path / "b", fundus_set))
    assert same(weights_of(forked), weights_of(alone))


def training(run: Path, data: Path, *more: str) -> subprocess.Popen[str]:
    """Start a training of many short epochs, in a process group of its own."""
    command = ["-m", "trainer", "train", "fundus-vessels", "--data", str(data), "--out", str(run)]
    settings = [*TINY, "--set=steps=4000", "--set=validate_every=2", *more]
    return subprocess.Popen(
        [sys.executable, *command, "--accelerator", "cpu", "--threads", "1", *settings],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def after(file: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a training has written a file."""
    while not file.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.002)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups to interrupt")
@pytest.mark.parametrize("more", [["--devices=1"], ["--devices=2"]])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_kill_stop_at_every_moment(
    tmp_path: Path, fundus_set: Path, more: list[str], sent: signal.Signals
):
    process = training(tmp_path / "run", fundus_set, "--set=workers=1", *more)
    try:
        after(tmp_path / "run" / CHECKPOINT, process)
        os.killpg(process.pid, sent)
        _, said = process.communicate(timeout=60)  # all processes have let go of the pipe
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == 130, said
    *others, told = said.splitlines()
    assert told == "trainer: Stopped. The same command goes on from the end of the last epoch."
    assert not others or sent == signal.SIGTERM  # which ends a loading process that is just being made
    assert not (tmp_path / "run" / "done.json").exists()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_what_stops_a_training_is_told_where_the_same_command_goes_on(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals
):
    recipe = dataclasses.replace(tiny, workers=1, validate_every=9)
    whole = train(recipe, options(tmp_path / "whole", fundus_set))
    run, step = options(tmp_path / "run", fundus_set), Fit.training_step
    before = signal.getsignal(sent)  # SIGINT is ignored, where the tests run in the background

    def pressed(number: int):
        def training_step(self, batch, index):
            if self.steps_done == number:
                signal.raise_signal(sent)
            return step(self, batch, index)

        return training_step

    for number, said in ((0, "begins anew"), (2, "goes on from the end"), (3, "had come to its end")):
        monkeypatch.setattr(Fit, "training_step", pressed(number))
        with pytest.raises(KeyboardInterrupt, match=said):
            train(recipe, run)
    assert signal.getsignal(sent) is before
    assert (run.out / "done.json").exists()
    assert same(weights_of(run.out), weights_of(whole))


@pytest.mark.skipif(os.name == "nt", reason="there is no kill -9")
def test_a_run_folder_is_for_one_training_until_it_ends_however(
    tmp_path: Path, tiny: Recipe, fundus_set: Path
):
    run = tmp_path / "run"
    process = training(run, fundus_set, "--devices=1")
    try:
        after(run / CHECKPOINT, process)
        with pytest.raises(VesselError, match="Another training is at work in"):
            train(tiny, options(run, fundus_set))
    finally:
        process.kill()
        process.communicate()
    with only_one(run):
        pass
