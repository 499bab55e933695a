"""The journal's file in the hands of the one who writes it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vesselapp.core.files import append_whole, atomic_write, sync

if TYPE_CHECKING:
    Digest = hashlib._Hash

_CHUNK = 2**20


class Changed(Exception):
    """The journal on disk is no longer the one that was written: another program changed it."""


class JournalFile:
    """A journal that is appended to.

    Parameters
    ----------
    path : Path
    length : int
        Bytes of its sound part; a step that lies behind it in part is cut off before the first append.
    digest
        Running sha256 of that part.
    ready : callable
        Raises where the file must not be replaced, because the lock is no longer ours.
    """

    def __init__(self, path: Path, length: int, digest: Digest, ready: Callable[[], object]) -> None:
        self.path, self.length = path, length
        self._digest, self._ready = digest, ready
        self._handle: int | None = None
        self._known = False
        self._tried = b""

    @property
    def sha256(self) -> str:
        """Hash of the sound part."""
        return self._digest.hexdigest()

    def append(self, data: bytes) -> None:
        """Append whole lines; they are on the disk when this returns.

        Raises
        ------
        OSError
            Where they aren't; the file is then as before, or will be before the next append.
        Changed
            Where another program changed it, or put another in its place.
        """
        handle = self._opened()
        self._tried = data
        try:
            append_whole(handle, data, self.length)
        except OSError:
            self._forget()  # what a failed write or flush left is unknown, so nothing of it is built on
            raise
        self.length += len(data)
        self._digest.update(data)

    def trim(self) -> None:
        """Cut off what lies behind the sound part, such as half a line of an app that was killed.

        Raises
        ------
        OSError, VesselError, Changed
            As `append`.
        """
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            raise Changed from None
        if size != self.length:
            self._opened()

    def replace(self, data: bytes) -> None:
        """Write the journal anew, in one step.

        Raises
        ------
        VesselError
            Where it can't be written; the old one is still there.
        """
        self.close()  # Windows replaces no file that is open
        atomic_write(self.path, data, ready=self._ready)
        self.length, self._digest, self._known = len(data), hashlib.sha256(data), True

    @property
    def is_ours(self) -> bool:
        """Whether the file is as we found or wrote it."""
        if not self.length and not self.path.exists():
            return True
        try:
            self._opened()
        except Changed:
            return False
        return True

    def close(self) -> None:
        """Close the file; it is opened again for the next append."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            with contextlib.suppress(OSError):
                os.close(handle)

    def _forget(self) -> None:
        """Close the file; what is in its place at the next append is looked at before it is built on."""
        self.close()
        self._known = False

    def _opened(self) -> int:
        if self._handle is not None:
            try:
                if os.path.samestat(os.fstat(self._handle), self.path.stat()):
                    self._check(self._handle)
                else:
                    self._forget()
            except OSError:
                self._forget()  # it may be dead for good (a file server was restarted); the path leads on
        if self._handle is None:
            self._ready()  # the file in place may be a present owner's
            try:
                handle = os.open(self.path, os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0))
            except FileNotFoundError:
                raise Changed from None
            try:
                self._check(handle)
            except BaseException:
                os.close(handle)
                raise
            self._handle = handle
        return self._handle

    def _check(self, handle: int) -> None:
        """See that an open file is the journal that we know; a step behind it that isn't whole is cut off."""
        size = os.fstat(handle).st_size
        known = self._known and size == self.length
        if size < self.length or not (known or _sha256(handle, self.length) == self.sha256):
            raise Changed
        if size > self.length:
            self._ready()  # a former owner cuts nothing off
            tail = b"".join(_parts(handle, size - self.length, self.length))
            if b"\n" in tail and not self._tried.startswith(tail):
                raise Changed  # whole steps, and not the ones whose write failed
            os.ftruncate(handle, self.length)
            sync(handle)
        self._known = True


def _sha256(handle: int, length: int) -> str:
    digest = hashlib.sha256()
    for part in _parts(handle, length):
        digest.update(part)
    return digest.hexdigest()


def _parts(handle: int, length: int, start: int = 0) -> Iterator[bytes]:
    """Read so many bytes from a place on, part by part; fewer where the file is shorter."""
    os.lseek(handle, start, os.SEEK_SET)
    while length and (part := os.read(handle, min(_CHUNK, length))):
        yield part
        length -= len(part)
