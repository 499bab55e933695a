"""Processes of this computer: which run of it this is, and whether another process still lives."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import uuid
from functools import cache
from pathlib import Path


@cache
def boot_id() -> str:
    """Name this run of the computer, and the room of process numbers in it (a container has its own).

    Where the system doesn't tell (Windows, macOS), the network card's number stands in: a process that died
    is told all the same, only one whose number was given again passes for living.
    """
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    return f"{uuid.getnode():x}"


def is_alive(host: str, boot: str, pid: int) -> bool | None:
    """Tell whether a process lives; None where it isn't one of this computer, so that none here can know."""
    if (host, boot) != (socket.gethostname(), boot_id()) or pid <= 0:
        return None
    if sys.platform == "win32":
        return _alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _alive_on_windows(pid: int) -> bool:  # os.kill would end the process there
    if sys.platform != "win32":
        raise NotImplementedError
    import ctypes

    synchronize, still_runs = 0x00100000, 0x102
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    handle = kernel.OpenProcess(synchronize, False, pid)
    if not handle:
        return bool(ctypes.get_last_error() == 5)  # access denied: it is there
    try:
        return bool(kernel.WaitForSingleObject(handle, 0) == still_runs)
    finally:
        kernel.CloseHandle(handle)
