"""One writer an image: a lock file that names its owner, with a heartbeat.

A lock is stale when its heartbeat is older than two minutes by the file server's clock, or, at once, when its
owner was a process of this computer that is no more.

Nobody replaces the lock file of another: who takes a lock over creates a successor, a file named after the
token of the lock it succeeds. Creating a file that must not exist is the one step that is atomic on every
drive, so each lock has at most one successor, and of several who try at once one gets it. The owner is the
end of the chain that begins with the lock file. Giving back is succeeding oneself, then removing the chain.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from vesselapp.core.errors import VesselError
from vesselapp.core.files import patiently, telling
from vesselapp.study.lock_file import (
    Holder,
    age,
    chain,
    create,
    nobody,
    ourselves,
    parsed,
    read,
    remove,
    successor,
    successors,
)
from vesselapp.study.process import is_alive

STALE_SECONDS = 120.0
HEARTBEAT_SECONDS = 30.0
LOCK_NAME = "lock.json"

_ATTEMPTS = 10
_BRIEF_SECONDS = 20.0
"""Nobody holds a lock `briefly` for so long and lives."""
_PATIENCE_SECONDS = 10.0
_ABANDONED: set[str] = set()
"""Tokens of this process that no lock stands for any more, although the disk may still hold their files."""


class Taken(VesselError):
    """Somebody else has the lock: ``holder`` says who, and whether it may be taken over."""

    def __init__(self, holder: Holder) -> None:
        where = f" on {holder.host}" if holder.host else ""
        super().__init__(f"{holder.who or 'Somebody'} has it open{where}.", "You can look, but not correct.")
        self.holder = holder


class Lost(VesselError):
    """The lock was ours, and was taken over meanwhile (the computer slept): nothing was written."""


class Lock:
    """A lock that is held (made by `take` and `take_over`).

    Attributes
    ----------
    holder : Holder
        We.
    unclean : bool
        Whether the owner before didn't give it back.
    """

    def __init__(self, path: Path, holder: Holder, file: Path, root: str, *, unclean: bool) -> None:
        self._path, self._file, self._root = path, file, root
        self.holder = holder
        self.unclean = unclean

    @classmethod
    def take(cls, folder: Path, who: str, *, name: str = LOCK_NAME) -> Lock:
        """Take the lock of a folder: a free one, or one whose process on this computer has died.

        Parameters
        ----------
        folder : Path
            Must exist.
        who : str
        name : str
            Of the lock file.

        Raises
        ------
        Taken
            Where another has it; ``holder.stale`` says whether `take_over` would do.
        VesselError
            Where nothing can be written there.
        """
        return cls._take(folder / name, who, STALE_SECONDS, over_stale=False)

    @classmethod
    def take_over(
        cls, folder: Path, who: str, *, name: str = LOCK_NAME, stale: float = STALE_SECONDS
    ) -> Lock:
        """Take the lock of a folder even where it is stale; of several who try at once, one gets it.

        Parameters and errors as of `take`. No question need be asked before: each stroke of the former owner
        was on disk before the next, and one that comes back too late notices (`Lost`).
        """
        return cls._take(folder / name, who, stale, over_stale=True)

    @classmethod
    @contextlib.contextmanager
    def briefly(cls, folder: Path, who: str, name: str) -> Iterator[Lock]:
        """Hold a lock while a file that several people change is changed, waiting for a turn.

        Raises
        ------
        VesselError
            Where it isn't to be had within ten seconds, or nothing can be written there.
        """
        began, pause = time.monotonic(), 0.005
        while True:
            try:
                lock = cls.take_over(folder, who, name=name, stale=_BRIEF_SECONDS)
                break
            except Taken as taken:
                if time.monotonic() - began > _PATIENCE_SECONDS:
                    by = taken.holder.who or "somebody"
                    raise VesselError(f"{folder} is being changed by {by}.", "Try again.") from taken
            time.sleep(pause)
            pause = min(2 * pause, 0.2)
        try:
            yield lock
        finally:
            lock.release()

    def moved_to(self, folder: Path) -> None:
        """Say that the locked folder was moved, with the lock in it."""
        self._path, self._file = folder / self._path.name, folder / self._file.name

    @classmethod
    def _take(cls, path: Path, who: str, stale: float, *, over_stale: bool) -> Lock:
        for _ in range(_ATTEMPTS):
            mine = ourselves(who)
            try:
                with _told(path):
                    try:
                        lock = cls._attempt(path, mine, stale, over_stale)
                    except FileNotFoundError:
                        if not path.parent.is_dir():
                            raise
                        continue  # the owner swept our temporary file away
            except Taken:
                raise
            except VesselError:
                _ABANDONED.add(mine.token)
                raise
            if lock is not None:
                return lock
        raise Taken(nobody())

    @classmethod
    def _attempt(cls, path: Path, mine: Holder, stale: float, over_stale: bool) -> Lock | None:
        """Try to take a lock; None where others were at it in the same moment, so that all has changed."""
        if create(path, mine):
            leftovers = [] if successor(path, mine.token).exists() else successors(path)
            remove(leftovers)  # of chains that began with a lock file before ours
            return cls(path, mine, path, mine.token, unclean=bool(leftovers))
        links = chain(path)
        if not links:
            return None
        holder, file = links[-1]
        dead = _is_dead(holder)
        late = dead or age(file) > stale
        if not (dead or (late and over_stale)):
            raise Taken(replace(holder, stale=late))
        claim = successor(path, holder.token)
        if not create(claim, mine):
            return None
        links = chain(path)
        if not links or links[-1][0].token != mine.token:
            remove([claim])  # the chain had ended meanwhile
            return None
        if dead and _unlocked(path):
            return None  # nobody to wait for: it begins anew
        return cls(path, mine, claim, links[0][0].token, unclean=True)

    def check(self) -> None:
        """See from the disk that the lock is still ours.

        Raises
        ------
        Lost
            Where another has taken it over.
        VesselError
            Where the disk doesn't answer.
        """
        with _told(self._path):
            if not self._path.parent.is_dir():
                raise OSError(errno.ENOENT, "the folder is gone")
            if not self._is_ours():
                raise self._lost()

    def refresh(self) -> None:
        """Give the sign of life, every `HEARTBEAT_SECONDS`.

        Raises
        ------
        Lost, VesselError
            As `check`.
        """
        self.check()
        with _told(self._path):
            try:
                handle = os.open(self._file, os.O_RDWR | getattr(os, "O_BINARY", 0))
            except FileNotFoundError:
                raise self._lost() from None
            try:
                # Written rather than stamped, so that the file server's clock sets the time; through a handle
                # that was seen to be our own file; one byte, the same, so that it can't be written by halves.
                text = os.read(handle, 2**16)
                if parsed(text).token != self.holder.token:
                    raise self._lost()
                os.lseek(handle, 0, os.SEEK_SET)
                os.write(handle, text[:1])
                os.fsync(handle)
            finally:
                os.close(handle)

    def release(self, *, clean: bool = True) -> None:
        """Give the lock back; nothing happens where it is no longer ours.

        Where the disk refuses, the lock is left to grow stale; in this process it counts as free.

        Parameters
        ----------
        clean : bool
            False where not all was brought to its end: the next owner is told (`unclean`), as after a crash.
        """
        last = ourselves(self.holder.who)
        try:
            self.check()
            gone = not create(successor(self._path, self.holder.token), last)
            if not gone:
                links = chain(self._path)
                gone = _unlocked(self._path)
                if gone and clean:
                    remove([file for _, file in links if file != self._path])
        except (OSError, VesselError) as problem:
            gone = isinstance(problem, Lost)
        if not gone:
            _ABANDONED.update({self.holder.token, last.token})

    def _is_ours(self) -> bool:
        """Tell whether the chain still begins where it began and ends with us."""
        if successor(self._path, self.holder.token).exists():
            return False
        root = read(self._path)
        if root is None or root.token != self._root:
            return False
        return self._file == self._path or self._file.exists()

    def _lost(self) -> Lost:
        links = chain(self._path)
        by = f" {links[-1][0].who} works on it now." if links and links[-1][0].who else ""
        return Lost(
            f"This picture was taken over while the computer slept or was cut off.{by}",
            "What you did since is kept apart.",
        )


def holder_of(folder: Path) -> Holder | None:
    """Tell who has a folder's lock, without taking it; None where it is free.

    Whether it is stale is told by the server's clock, so only where a file can be written to the folder.
    """
    try:
        links = chain(folder / LOCK_NAME)
        if not links:
            return None
        holder, file = links[-1]
        if _is_dead(holder):
            return replace(holder, stale=True)
        return replace(holder, stale=age(file) > STALE_SECONDS)
    except OSError:
        return None


def unclean_end(folder: Path) -> bool:
    """Tell whether whoever had the lock didn't give it back, or still has it."""
    return (folder / LOCK_NAME).exists() or bool(successors(folder / LOCK_NAME))


def _is_dead(holder: Holder) -> bool:
    """Tell whether a holder is surely gone: a process of this computer that ended, or our own past self."""
    if holder.token in _ABANDONED and holder.pid == os.getpid():
        return True
    return is_alive(holder.host, holder.boot, holder.pid) is False


def _unlocked(path: Path) -> bool:
    """Remove the lock file, whose chain must be one's own; False where the disk refuses."""
    try:
        patiently(path.unlink, missing_ok=True)
    except OSError:
        return False
    return True


def _told(path: Path) -> AbstractContextManager[None]:
    return telling(f"{path.parent} can't be written to")
