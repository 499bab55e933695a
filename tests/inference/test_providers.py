from collections.abc import Callable
from pathlib import Path

import pytest

from vesselapp.inference import providers
from vesselapp.inference.providers import PROVIDERS, Provider, gui_threads, physical_cores, tiles_at_once

CUDA = next(provider for provider in PROVIDERS if provider.name == "cuda")


@pytest.fixture
def nvidia(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a stand-in for NVIDIA's tool on the path."""

    def answer(text: str) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    return answer


def test_fewer_tiles_go_to_a_card_that_is_nearly_full(nvidia: Callable[[str], None]) -> None:
    nvidia("echo 80000")
    assert tiles_at_once(CUDA) == CUDA.batch
    nvidia("echo 3200")
    assert tiles_at_once(CUDA) == 2
    nvidia("echo 100")
    assert tiles_at_once(CUDA) == 1


@pytest.mark.parametrize("text", ["exit 9", "echo N/A", ":"])
def test_a_card_that_says_nothing_is_taken_as_it_is(nvidia: Callable[[str], None], text: str) -> None:
    nvidia(text)
    assert tiles_at_once(CUDA) == CUDA.batch


def test_a_wish_is_tried_first_and_the_cpu_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        providers.onnxruntime,
        "get_available_providers",
        lambda: ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
    )

    def names(wish: str) -> list[str]:
        return [provider.name for provider in providers.providers_to_try(wish)[0]]

    assert names("auto") == ["cuda", "cpu"]
    assert names("tensorrt") == ["tensorrt", "cpu"]
    assert names("cpu") == ["cpu"]
    candidates, reason = providers.providers_to_try("directml")
    assert [provider.name for provider in candidates] == ["cpu"]
    assert "onnxruntime-directml" in reason


def test_tensorrt_keeps_what_it_builds() -> None:
    tensorrt = next(provider for provider in PROVIDERS if provider.name == "tensorrt")
    options = providers.device_options(tensorrt)
    assert Path(options["trt_engine_cache_path"]).is_dir()
    assert providers.device_options(Provider("x", "X")) == {}


def test_the_window_keeps_a_core() -> None:
    assert physical_cores() >= 1
    assert gui_threads() == max(1, physical_cores() - 1)
