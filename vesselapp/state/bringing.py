"""Brings a picture to the desk: as it was made ready ahead, or read now."""

from __future__ import annotations

from collections.abc import Callable

from vesselapp.core.errors import VesselError
from vesselapp.state.ahead import Ahead
from vesselapp.state.collection import Collection
from vesselapp.state.jobs import Job, Jobs
from vesselapp.state.keeping import Keeper
from vesselapp.state.opening import Opened, Wishes, open_picture
from vesselapp.state.pictures import Entry


class Bringing:
    """Hands over the picture that was wanted last, and gives the locks of all others back.

    Parameters
    ----------
    jobs : Jobs
    keeper : Keeper
    ahead : Ahead
        Makes pictures ready.
    wishes : callable
        Gives how a picture is to be opened now.
    progress : callable
        Told words and share done (0-1).
    failed : callable
        Told why the picture can't be opened.
    stopped : callable
        Told that reading ended without a picture.
    """

    def __init__(
        self,
        jobs: Jobs,
        keeper: Keeper,
        ahead: Ahead,
        wishes: Callable[[], Wishes],
        *,
        progress: Callable[[str, float], None],
        failed: Callable[[VesselError], None],
        stopped: Callable[[], None],
    ) -> None:
        self._jobs, self._keeper, self._ahead, self._wishes = jobs, keeper, ahead, wishes
        self._progress, self._failed, self._stopped = progress, failed, stopped
        self._job: Job | None = None
        self._before: Job | None = None
        self._words = ""
        self._turn = 0

    @property
    def running(self) -> bool:
        """Whether a picture, or what stands before it, is waited for."""
        return self._job is not None

    def turn(self) -> None:
        """Drop what is under way: another picture is wanted now."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._turn += 1

    def bring(self, entry: Entry, collection: Collection, show: Callable[[Opened], None]) -> None:
        """Give a picture to ``show`` as soon as it is there, unless another is wanted by then."""
        turn = self._turn

        def ready(opened: Opened | None) -> None:
            if turn != self._turn:
                self.let_go(opened)
            elif opened is None:
                self._read(entry, collection, ready)
            else:
                self._job = None
                show(opened)

        if not self._ahead.take(entry, ready):
            self._read(entry, collection, ready)

    def wait_for(self, job: Job, words: str) -> None:
        """Bring nothing until a job is done; another turn cancels it."""
        self.turn()
        self._job = self._before = job
        self._words = words
        self.tell()

    def tell(self) -> None:
        """Say what is waited for."""
        self._progress(self._words, 0.0)

    def waited(self) -> None:
        """Note that the job that was waited for is done."""
        self._job = None

    def give_up(self) -> bool:
        """Wait no longer for what stands before a picture; False where that isn't waited for."""
        waits = self._job is not None and self._job is self._before
        if waits:
            self.turn()
        return waits

    def _read(self, entry: Entry, collection: Collection, ready: Callable[[Opened | None], None]) -> None:
        wishes, keeper, found = self._wishes(), self._keeper, list[Opened]()

        def work(_job: Job) -> Opened:
            found.append(open_picture(entry, collection, keeper, wishes, to_write=True))
            return found[0]

        def failed(error: VesselError) -> None:
            self._job = None
            self._failed(error)

        def stopped() -> None:
            self.let_go(*found)
            self._stopped()

        self._words = f"Opening {entry.name}"
        self.tell()
        self._job = self._jobs.submit("open", work, ready, failed, stopped=stopped)

    def let_go(self, *unwanted: Opened | None) -> None:
        """Give the locks of pictures back that are not wanted any more."""
        for opened in unwanted:
            writer = opened.writer if opened is not None else None
            if writer is not None:
                self._jobs.aside("let go", writer.close)
