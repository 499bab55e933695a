"""Devices that ONNX Runtime can compute on: which there are, how each is set up, what to install."""

import contextlib
import functools
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnxruntime

from vesselapp.core.errors import VesselError
from vesselapp.core.folders import cache_folder


@dataclass(frozen=True)
class Provider:
    """A way to compute.

    Attributes
    ----------
    name : str
        Short name, as on the command line.
    runtime_name : str
        ONNX Runtime's name of it.
    automatic : bool
        False for one that is used only when asked for by name.
    fixed_tiles : bool
        True where every new tile size costs a long set-up, so that all tiles take one size.
    batch : int
        Tiles computed at once.
    install : str
        What brings it.
    options : Mapping[str, Any]
        ONNX Runtime's options for it.
    """

    name: str
    runtime_name: str
    automatic: bool = True
    fixed_tiles: bool = True
    batch: int = 1
    install: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


_ONE_RUNTIME = "pip uninstall onnxruntime, then pip install {} (the two can't be installed together)"

_MEGABYTES_A_TILE = 1500
"""What a tile of 768 px takes at most in a U-Net of usual width."""

# Best first. TensorRT builds for up to two minutes per tile size, so it only runs when asked for.
PROVIDERS = (
    Provider(
        "tensorrt",
        "TensorrtExecutionProvider",
        automatic=False,
        batch=4,
        install=_ONE_RUNTIME.format("onnxruntime-gpu[cuda,cudnn] tensorrt"),
    ),
    Provider(
        "cuda",
        "CUDAExecutionProvider",
        batch=4,
        install=_ONE_RUNTIME.format("onnxruntime-gpu[cuda,cudnn]"),
        options={"cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"},
    ),
    Provider("rocm", "MIGraphXExecutionProvider", install=_ONE_RUNTIME.format("onnxruntime-migraphx")),
    Provider("directml", "DmlExecutionProvider", install=_ONE_RUNTIME.format("onnxruntime-directml")),
    Provider("coreml", "CoreMLExecutionProvider", install="onnxruntime for macOS has it"),
    Provider("openvino", "OpenVINOExecutionProvider", install=_ONE_RUNTIME.format("onnxruntime-openvino")),
    Provider("cpu", "CPUExecutionProvider", fixed_tiles=False, install="always there"),
)
CPU = PROVIDERS[-1]
_BY_NAME = {provider.name: provider for provider in PROVIDERS}
PROVIDER_NAMES = tuple(_BY_NAME)


def offered_providers() -> list[Provider]:
    """Give the providers that the installed ONNX Runtime was built with, best first (none tried yet)."""
    offered = set(onnxruntime.get_available_providers())
    return [provider for provider in PROVIDERS if provider.runtime_name in offered]


def providers_to_try(wish: str) -> tuple[list[Provider], str]:
    """Give what to try for a wish, in order and ending with the CPU, and why the wish itself can't be met.

    Parameters
    ----------
    wish : str
        ``auto`` or a short name.

    Returns
    -------
    candidates : list[Provider]
    reason : str
        Empty where the wish is among them.

    Raises
    ------
    VesselError
        If there is no provider of that name at all.
    """
    offered = offered_providers()
    if wish == "auto":
        return [provider for provider in offered if provider.automatic], ""
    wanted = _BY_NAME.get(wish.lower())
    if wanted is None:
        raise VesselError(
            f"There is no provider named {wish}.", f"Choose auto or one of {', '.join(_BY_NAME)}."
        )
    if wanted in offered:
        return ([wanted, CPU] if wanted is not CPU else [CPU]), ""
    return [CPU], f"{wanted.name} is not in the installed ONNX Runtime. To get it: {wanted.install}."


def session_options(threads: int | None) -> onnxruntime.SessionOptions:
    """Set ONNX Runtime up: quiet, threads that sleep while idle, no memory plan tied to one tile size."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads if threads else physical_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def device_options(provider: Provider) -> dict[str, Any]:
    """Give ONNX Runtime's options for a provider; what it builds is kept, so that it is built once."""
    options = dict(provider.options)
    if provider.name == "tensorrt":
        cache = cache_folder() / "tensorrt"
        cache.mkdir(parents=True, exist_ok=True)
        options |= {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(cache)}
    return options


@functools.cache
def load_device_libraries() -> None:
    """Load CUDA's libraries from where pip puts them: ONNX Runtime doesn't look there by itself."""
    preload = getattr(onnxruntime, "preload_dlls", None)
    if preload is not None:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it doesn't find
            preload()


def tiles_at_once(provider: Provider) -> int:
    """Give how many tiles fit into the free memory of a provider's device (at most ``provider.batch``)."""
    free = _free_megabytes() if provider.name in ("cuda", "tensorrt") and provider.batch > 1 else None
    return provider.batch if free is None else min(provider.batch, max(1, free // _MEGABYTES_A_TILE))


def _free_megabytes() -> int | None:
    """Ask NVIDIA's own tool for the free memory of the first card; None where it can't tell."""
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits", "--id=0"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
        return int(done.stdout.split()[0])
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None


@functools.cache
def physical_cores() -> int:
    """Count the physical cores this process may run on (at least 1)."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if sys.platform.startswith("linux") and usable:
        cores = set()
        for cpu in usable:
            siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
            try:
                cores.add(siblings.read_text(encoding="ascii").strip())
            except OSError:
                cores.add(str(cpu))
        return len(cores)
    logical = os.cpu_count() or 1
    # Macs have one thread a core; elsewhere two are the rule.
    return logical if sys.platform == "darwin" else max(1, logical // 2)


def gui_threads() -> int:
    """Give the number of threads that leaves one core to the window (at least 1)."""
    return max(1, physical_cores() - 1)
