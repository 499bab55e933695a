"""A GPU whose memory is full, in whatever words it says so."""

import contextlib
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.conftest import options
from trainer.callbacks import HeedInterrupt
from trainer.fit import Fit
from trainer.full_memory import fit_within_memory, memory_is_full
from trainer.recipes import Recipe, read_recipe
from trainer.run import load_net, train
from vesselapp.core.errors import VesselError

LOST = RuntimeError("CUDA error: out of memory")  # torch.AcceleratorError is a RuntimeError
FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("MPS backend out of memory (MPS allocated: 8 GB, other allocations: 1 GB)"),
    LOST,
]
OTHER = RuntimeError("mat1 and mat2 shapes cannot be multiplied")


def _full(_recipe):
    raise torch.OutOfMemoryError("CUDA out of memory")


def test_full_gpu_halves_the_batch(tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch, capsys):
    step = Fit.training_step

    def too_big(self, batch, index):
        if len(batch[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(self, batch, index)

    monkeypatch.setattr(Fit, "training_step", too_big)
    run = train(dataclasses.replace(tiny, batch=4), options(tmp_path / "run", fundus_set))
    assert load_net(run)[0].batch == 2
    assert "going on with batch=2" in capsys.readouterr().err
    with monkeypatch.context() as several:
        several.setattr(torch.distributed, "is_initialized", lambda: True)
        several.setattr(torch.distributed, "get_world_size", lambda: 2)
        with pytest.raises(VesselError, match="goes on with batch=2"):
            fit_within_memory(dataclasses.replace(tiny, batch=4), run, _full)
    assert load_net(run)[0].batch == 2
    monkeypatch.setattr(Fit, "training_step", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("x")))
    with pytest.raises(VesselError, match="too small for even one crop"):
        train(tiny, options(tmp_path / "hopeless", fundus_set))


def test_a_full_memory_is_known_in_all_words():
    assert all(memory_is_full(error) for error in FULL)
    assert not any(memory_is_full(error) for error in (OTHER, OSError("out of memory"), None))


@pytest.mark.parametrize("error", FULL)
def test_the_batch_is_halved_in_all_words(tmp_path: Path, tiny: Recipe, error: RuntimeError):
    batches = []

    def fitting(recipe: Recipe) -> None:
        batches.append(recipe.batch)
        if recipe.batch > 1:
            raise error

    ends = pytest.raises(VesselError, match="Give the same command again: it goes on with batch=1")
    with ends if error is LOST else contextlib.nullcontext():
        fit_within_memory(tiny, tmp_path, fitting)
    assert batches == ([2] if error is LOST else [2, 1])
    assert read_recipe(tmp_path / "recipe.json").batch == 1


def test_another_error_is_told_as_it_is(tmp_path: Path, tiny: Recipe):
    def broken(_recipe: Recipe) -> None:
        raise OTHER

    with pytest.raises(RuntimeError, match="mat1"):
        fit_within_memory(tiny, tmp_path, broken)


@pytest.mark.parametrize("error", [*FULL, OTHER])
def test_the_cpu_answers_where_the_memory_is_full_and_nowhere_else(
    tiny: Recipe, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
):
    task = Fit(tiny, [], [])

    def answer(net: torch.nn.Module, *_: object) -> str:
        if net is task.average.module:
            raise error
        return "by the CPU"

    monkeypatch.setattr("trainer.fit.answer_whole", answer)
    with pytest.raises(RuntimeError, match="mat1") if error is OTHER else contextlib.nullcontext():
        assert task.answer(np.zeros((16, 16, 3), np.uint8)) == "by the CPU"


@pytest.mark.parametrize(
    "error", [*FULL, OTHER, RuntimeError("DataLoader worker (pid 7) is killed by signal: Terminated.")]
)
def test_ctrl_c_before_the_memory_was_full_or_a_process_was_gone_stops(tmp_path: Path, error: RuntimeError):
    def interrupted() -> None:
        with HeedInterrupt(tmp_path, first=True) as stop:
            stop.asked = True
            raise error

    with pytest.raises(RuntimeError if error is OTHER else KeyboardInterrupt):
        interrupted()
