"""One writer an image: a lock file that names its owner, with a heartbeat.

A lock is stale when its heartbeat is older than two minutes by the file server's clock, or, at once, when its
owner was a process of this computer that is no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vesselapp.core.errors import VesselError

STALE_SECONDS = 120.0
HEARTBEAT_SECONDS = 30.0


@dataclass(frozen=True)
class Holder:
    """Who has a lock.

    Attributes
    ----------
    who, host : str
        The person and the computer.
    pid : int
    boot : str
        Of the computer's run, so that a process number of an earlier one isn't taken for a living process.
    token : str
        Of this very lock.
    since : str
        ISO 8601, UTC.
    stale : bool
        Whether it gave no sign of life for so long that it may be taken over (`Lock.take_over`).
    """

    who: str
    host: str
    pid: int
    boot: str
    token: str
    since: str
    stale: bool = False


class Taken(VesselError):
    """Somebody else has the lock: ``holder`` says who, and whether it may be taken over."""

    def __init__(self, holder: Holder) -> None:
        super().__init__(f"{holder.who} has it open on {holder.host}.")
        self.holder = holder


class Lost(VesselError):
    """The lock was ours, and was taken over meanwhile (the computer slept): nothing was written."""


class Lock:
    """A lock that is held (made by `take` and `take_over`)."""

    @classmethod
    def take(cls, folder: Path, who: str) -> Lock:
        """Take the lock of a folder: a free one, or one whose process on this computer has died.

        Raises
        ------
        Taken
            Where another has it; ``holder.stale`` says whether `take_over` would do.
        VesselError
            Where nothing can be written there.
        """
        raise NotImplementedError

    @classmethod
    def take_over(cls, folder: Path, who: str) -> Lock:
        """Take the lock of a folder even where it is stale; of several who try at once, one gets it.

        Raises
        ------
        Taken, VesselError
            As `take`.
        """
        raise NotImplementedError

    def refresh(self) -> None:
        """Give the sign of life, every `HEARTBEAT_SECONDS`.

        Raises
        ------
        Lost
            Where another has taken the lock over.
        VesselError
            Where it can't be written.
        """
        raise NotImplementedError

    def held(self) -> bool:
        """Tell, from the disk, whether the lock is still ours."""
        raise NotImplementedError

    def release(self) -> None:
        """Give the lock back; nothing happens where it is no longer ours."""
        raise NotImplementedError
