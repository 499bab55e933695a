"""ONNX Runtime's sessions, with its many kinds of errors turned into one."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vesselapp.inference.providers import (
    CPU,
    Provider,
    device_options,
    load_device_libraries,
    session_options,
)

_MEMORY_WORDS = ("memory", "bad_alloc", "alloc_failed", "8007000e", "allocat")
_WHERE = re.compile(
    r"^.*[\\/]onnxruntime[\\/]\S+\.\w+:\d+ (?:[^(]*\w\(.*?\)(?: const)?(?: \[[^]]*=.*?\])?|\S+::\S+) "
)
"""A line of the runtime's own source and the function there; what is wrong is told after these."""


class DeviceError(Exception):
    """A device failed while it computed.

    Attributes
    ----------
    message : str
        The runtime's own words, in one line.
    memory : bool
        True where it ran out of memory, so that less at once may do.
    """

    def __init__(self, cause: Exception) -> None:
        self.message = _first_line(cause)
        super().__init__(self.message)
        text = str(cause).lower()
        self.memory = isinstance(cause, MemoryError) or any(word in text for word in _MEMORY_WORDS)


def open_session(path: Path, device: Provider, threads: int | None) -> Any:
    """Make a session for a model file on a device, with the CPU for what the device can't do.

    Raises
    ------
    DeviceError
        If the runtime won't have the model there.
    """
    providers: list[Any] = [(device.runtime_name, device_options(device))]
    options = session_options(threads)
    if device.runtime_name != CPU.runtime_name:
        load_device_libraries()
        providers.append(CPU.runtime_name)
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    try:
        # Its own fallback would print on stdout and hide the reason.
        return onnxruntime.InferenceSession(str(path), options, providers=providers, enable_fallback=0)
    except Exception as error:
        raise DeviceError(error) from error


def set_aside_by_runtime(session: Any, device: Provider) -> str:
    """Say why a session that was made for a device doesn't compute on it; empty where it does."""
    running = session.get_providers()[0]
    if running != device.runtime_name:
        return f"ONNX Runtime took {running} instead, as libraries are missing. To get them: {device.install}"
    if device.runtime_name == CPU.runtime_name or not hasattr(session, "get_provider_graph_assignment_info"):
        return ""
    parts = session.get_provider_graph_assignment_info()
    if parts and all(part.ep_name != device.runtime_name for part in parts):
        return "ONNX Runtime gave it no part of the model"
    return ""


def run_session(session: Any, names: Sequence[str], given: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """Compute the named outputs, and nothing that only the others need.

    Raises
    ------
    DeviceError
        If the runtime failed at it.
    """
    options = onnxruntime.RunOptions()
    options.only_execute_path_to_fetches = True
    options.log_severity_level = 4
    try:
        return [np.asarray(answer) for answer in session.run(list(names), dict(given), options)]
    except Exception as error:
        raise DeviceError(error) from error


def _first_line(error: Exception) -> str:
    """Give the first line of a runtime's message at a readable length, without codes and places in it."""
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    return _WHERE.sub("", lines[0].split(" : ")[-1]).strip().rstrip(".")[:200]
