"""One run at a time in a folder: a lock that the system takes back when its process ends, however it ends."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from vesselapp.core.errors import VesselError
from vesselapp.core.files import TEMPORARY_PREFIX, patiently, reason

_NAME = f"{TEMPORARY_PREFIX}lock"
_TRIES = 20
_HELD = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder; on a drive that knows no locks, nobody is kept out.

    Raises
    ------
    VesselError
        Where another run is in it, or nothing can be written there.
    """
    path = folder / _NAME
    try:
        file = _locked(path)
    except BlockingIOError as problem:
        raise VesselError(
            f"Another run is writing into {folder} just now.", "Wait for its end, or choose another folder."
        ) from problem
    except OSError as problem:
        raise VesselError(f"{folder} can't be written to: {reason(problem)}.") from problem
    try:
        yield
    finally:
        if os.name != "nt":  # there, only a file that nobody has open can be removed
            _remove(path)
        file.close()
        if os.name == "nt":
            _remove(path)


def _locked(path: Path) -> BinaryIO:
    """Open and lock a file; anew where its last holder has removed it meanwhile."""
    for _ in range(_TRIES):
        file = _opened(path)
        try:
            _lock(file.fileno())
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    return file
        except BaseException:
            file.close()
            raise
        file.close()
    raise BlockingIOError


def _opened(path: Path) -> BinaryIO:
    try:
        return patiently(path.open, "ab")
    except PermissionError:
        return path.open("rb")  # what somebody else's run left when it was killed


def _lock(handle: int) -> None:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        if problem.errno in _HELD:
            raise BlockingIOError from problem


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
