"""Disks that fail at will: each call that changes a disk is counted, and one, or all from one on, fails."""

import errno
import io
import os
from collections.abc import Callable
from typing import Any, Self
from unittest import mock

_CALLS = ("fsync", "ftruncate", "replace", "rename", "link", "unlink", "mkdir", "rmdir")
_FREEING = ("unlink", "rmdir", "ftruncate")


class Faults:
    """Let the calls that change a disk fail, inside a ``with`` block, for this process.

    A write that fails has written its first half.

    Parameters
    ----------
    at : int or None
        Number of the call that fails, from 1; None: the calls are only counted.
    number : int
        Of the error; 0: the process ends at once, as if it were killed.
    lasting : bool
        Whether all later calls fail too, but those that free space.
    """

    def __init__(self, at: int | None = None, number: int = errno.EIO, *, lasting: bool = False) -> None:
        self.at, self.number, self.lasting = at, number, lasting
        self.count = 0
        self.hit = ""
        self._patches: list[Any] = []

    def __enter__(self) -> Self:
        real_open = io.open
        for name in _CALLS:
            self._patch(os, name, self._guarded(name, getattr(os, name)))
        self._patch(os, "open", self._guarded_open(os.open))
        self._patch(os, "write", self._guarded_write(os.write))
        self._patch(io, "open", self._opening(real_open))
        return self

    def __exit__(self, *_: object) -> None:
        while self._patches:
            self._patches.pop().stop()

    def mend(self) -> None:
        """Let nothing fail from now on."""
        self.at = None

    def strikes(self, name: str) -> bool:
        """Count a call and tell whether it fails; a process that is to be killed doesn't come back."""
        self.count += 1
        struck = self.at is not None and (
            self.count == self.at or (self.lasting and self.count > self.at and name not in _FREEING)
        )
        if struck:
            self.hit = name
        return struck

    def fail(self) -> None:
        """Raise the error, or end the process."""
        if self.number == 0:
            os._exit(9)
        raise OSError(self.number, os.strerror(self.number))

    def _patch(self, where: Any, name: str, new: Callable[..., Any]) -> None:
        patch = mock.patch.object(where, name, new)
        patch.start()
        self._patches.append(patch)

    def _guarded(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if self.strikes(name):
                self.fail()
            return real(*arguments, **named)

        return call

    def _guarded_open(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(path: Any, flags: int, *rest: Any, **named: Any) -> int:
            if flags & (os.O_WRONLY | os.O_RDWR) and self.strikes("open"):
                self.fail()
            return real(path, flags, *rest, **named)

        return call

    def _guarded_write(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(handle: int, data: Any) -> int:
            if self.strikes("write"):
                real(handle, bytes(data)[: len(data) // 2])
                self.fail()
            return real(handle, data)

        return call

    def _opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        faults = self

        class Raw(io.FileIO):
            def write(self, data: Any) -> int:
                if faults.strikes("write"):
                    super().write(bytes(data)[: len(data) // 2])
                    faults.fail()
                return super().write(data)

        def call(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if "b" not in mode or not set(mode) & set("wxa+"):
                return real(file, mode, *rest, **named)
            if faults.strikes("open"):
                faults.fail()
            raw = Raw(file, mode.replace("b", ""))
            return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)

        return call
