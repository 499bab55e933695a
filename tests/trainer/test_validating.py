"""What a validation says, by one process or several, and where it ends a training."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainer.conftest import TINY, options, write_fundus_set
from tests.trainer.test_fit import same, weights_of
from tests.trainer.test_several import finish, start
from trainer.fit import BEST, Fit, save_weights
from trainer.nets import answer_whole
from trainer.pictures import Scaled
from trainer.recipes import Recipe, change_recipe, read_recipe
from trainer.run import steps_behind, train
from vesselapp.core.errors import VesselError


def test_processes_agree_on_figures_of_several_sets(tmp_path: Path):
    sets = [write_fundus_set(tmp_path / name, count) for name, count in (("one", 5), ("two", 4))]
    held = ["one/eye0", "one/eye1", "one/eye2", "two/eye0", "two/eye1"]
    learn = [f"one/eye{n}" for n in (3, 4)] + [f"two/eye{n}" for n in (2, 3)]
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": learn, "validation": held}))
    base = ["-m", "trainer", "train", "fundus-vessels", "--data", *map(str, sets), "--split", str(split)]
    base += ["--accelerator", "cpu", "--threads", "1", "--events", *TINY, "--set=learning_rate=1e-12"]
    base += ["--set=norm=group"]  # batch statistics depend on the crops that a process had
    said = {}
    for count in (1, 2):
        events = finish(start([*base, "--out", str(tmp_path / f"by{count}"), "--devices", str(count)]))
        said[count] = [event for event in events if event["event"] == "validated"]
    assert [len(rows) for rows in said.values()] == [2, 2]
    for alone, together in zip(*said.values(), strict=True):
        assert {"dice", "dice/one", "dice/two", "bias"} <= alone.keys()
        for name in ("dice", "dice/one", "dice/two", "bias"):
            assert together[name] == pytest.approx(alone[name], abs=2e-5), name


def scaled(name: str, truth: int) -> Scaled:
    plane = np.full((16, 16, 1), truth, np.uint8)
    return Scaled("eyes", name, np.zeros((16, 16, 3), np.uint8), plane, np.ones((16, 16), np.uint8))


def test_nothing_found_where_nothing_is_counts_as_right(tiny: Recipe, monkeypatch: pytest.MonkeyPatch):
    task = Fit(tiny, [], [scaled("empty", 0), scaled("full", 255)])
    monkeypatch.setattr(task, "answer", lambda pixels: np.zeros((16, 16, 1), np.float32))
    task.validation_step(torch.tensor([0, 1]), 0)
    assert task.seen[:, 0].tolist() == [1.0, 0.0]


def test_a_full_gpu_at_validation_leaves_the_batch_alone(
    tmp_path: Path,
    tiny: Recipe,
    fundus_set: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    roomy = train(tiny, options(tmp_path / "roomy", fundus_set))
    capsys.readouterr()
    averages = []

    def full(net: torch.nn.Module, *more: Any) -> np.ndarray:
        if any(net is average for average in averages):  # the net that is trained, and on the GPU
            raise torch.OutOfMemoryError("CUDA out of memory")
        return answer_whole(net, *more)

    started = Fit.on_validation_epoch_start
    monkeypatch.setattr(
        Fit, "on_validation_epoch_start", lambda self: (averages.append(self.average.module), started(self))
    )
    monkeypatch.setattr("trainer.fit.answer_whole", full)
    run = train(tiny, options(tmp_path / "full", fundus_set))
    assert len(averages) == 2
    assert capsys.readouterr().err.count("too small to validate a whole picture") == 1
    assert read_recipe(run / "recipe.json").batch == tiny.batch
    assert same(weights_of(run), weights_of(roomy))
    assert figures_of(run) == figures_of(roomy)


def figures_of(run: Path) -> list[str]:
    """Give what the validations of a run logged."""
    with next(run.glob("logs/*/metrics.csv")).open(newline="") as file:
        return [row["dice"] for row in csv.DictReader(file) if row["dice"]]


def test_a_training_that_stopped_early_stays_ended(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch
):
    recipe = change_recipe(tiny, ["steps=40", "patience=2", "learning_rate=1e-12", "norm=group"])
    run = train(recipe, options(tmp_path, fundus_set))
    first = weights_of(run)
    (run / "done.json").unlink()  # killed before it was written
    best = torch.load(run / BEST, weights_only=True)
    with monkeypatch.context() as another:  # on a computer whose GPU this one lacks
        another.setattr(torch.serialization, "location_tag", lambda _: "cuda:0")
        torch.save(best, run / BEST)
    train(recipe, options(tmp_path, fundus_set))
    assert json.loads((run / "done.json").read_text())["steps"] == 6
    assert steps_behind(run) == (2, True)  # the best validated weights are the first
    assert same(weights_of(run), first)


def test_weights_are_written_from_the_memory_of_the_computer(tmp_path: Path):
    class OnGpu:
        def cpu(self) -> torch.Tensor:
            return torch.ones(2)

    save_weights({"weight": OnGpu()}, tmp_path / BEST)
    assert torch.load(tmp_path / BEST, weights_only=True)["weight"].tolist() == [1.0, 1.0]


def test_a_full_disk_leaves_the_best_weights_whole(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch
):
    train(tiny, options(tmp_path, fundus_set))
    before = (tmp_path / BEST).read_bytes()
    (tmp_path / "last.ckpt").unlink()
    (tmp_path / "done.json").unlink()
    save = torch.save

    def full(value: Any, to: Any, *more: Any) -> None:
        if isinstance(to, str | Path) and Path(to).name == BEST:
            Path(to).write_bytes(b"half")
            raise OSError(28, "No space left on device")
        save(value, to, *more)

    def no_room(path: Any, content: Any, **_more: Any) -> None:
        raise VesselError(f"{path} can't be written: the disk is full.")

    monkeypatch.setattr(torch, "save", full)
    monkeypatch.setattr("trainer.fit.atomic_write", no_room, raising=False)
    with pytest.raises(VesselError, match="the disk is full"):
        train(tiny, options(tmp_path, fundus_set))
    assert (tmp_path / BEST).read_bytes() == before


def test_a_last_epoch_that_is_cut_short_is_validated(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    recipe = change_recipe(tiny, ["steps=3", "validate_every=2", "patience=1"])
    run = train(recipe, options(tmp_path / "run", fundus_set))
    (path,) = run.glob("logs/version_0/metrics.csv")
    with path.open(newline="") as file:
        assert [row["step"] for row in csv.DictReader(file) if row["dice"]] == ["2"]  # counted from 0
    assert (run / BEST).exists()
    assert steps_behind(run) == (3, True)
