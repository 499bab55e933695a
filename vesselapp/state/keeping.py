"""Keeps what is done: a sitting for each picture that is open or not on the disk yet, and a watch on them."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from vesselapp.core.errors import VesselError
from vesselapp.state.document import Document
from vesselapp.state.jobs import Deliver
from vesselapp.state.rescue import Rescue
from vesselapp.state.rescue_file import SIGN_S
from vesselapp.state.sitting import Sitting
from vesselapp.state.standing import Hold, Standing
from vesselapp.study.record import ImageFacts

if TYPE_CHECKING:
    from vesselapp.study.annotation import AnnotationFolder, Writer
    from vesselapp.study.kept import Kept

_log = logging.getLogger(__name__)

LATE_S = 2.0
"""What waits for so long goes into the rescue folder, whether the disk says no or says nothing."""
_WATCH_S = 0.5
_PAUSE_S = 0.02
CLOSE_S = 10.0


class Keeper:
    """Takes what is done to the disk without ever making the window wait.

    Parameters
    ----------
    deliver : callable
        Runs a function on the GUI thread.
    rescue : Rescue
        Where unsaved work goes when its own place can't be written to.
    who : str
        The person at work.

    Attributes
    ----------
    changed : Signal
        Some sitting stands otherwise than before.
    reopened : Signal
        Carries a sitting that may write from now on, what its document has to show (`Kept`) where the disk
        holds something else (or None), and what a person should know.
    """

    changed = Signal()
    reopened = Signal(object, object, str)

    def __init__(self, deliver: Deliver, rescue: Rescue, who: str) -> None:
        self.rescue = rescue
        self.who = who
        self._deliver = deliver
        self._sittings: list[Sitting] = []
        self._told = threading.Event()
        self._late: dict[Sitting, bool] = {}
        self._closed = threading.Event()
        self._watch: threading.Thread | None = None

    # -- sittings ----------------------------------------------------------------------------------------

    def sit(
        self,
        place: AnnotationFolder,
        facts: ImageFacts,
        document: Document,
        kept: Kept | None,
        writer: Writer | None = None,
    ) -> Sitting:
        """Begin to keep a document's work.

        Parameters
        ----------
        place : AnnotationFolder
        facts : ImageFacts
        document : Document
        kept : Kept or None
            What the document was made from.
        writer : Writer, optional
            Where the lock is had already.
        """
        sitting = Sitting(
            place, facts, document, self.who, self.rescue, kept, self._report, self._reopen, writer
        )
        document.happened.connect(sitting.put)
        self._sittings.append(sitting)
        if self._watch is None:
            self._watch = threading.Thread(target=self._keep_watch, name="keeping watch", daemon=True)
            self._watch.start()
        return sitting

    def ended(self, folder: Path) -> bool:
        """Wait until those sittings on a folder that were closed have ended (not from the GUI thread)."""
        until = time.monotonic() + CLOSE_S
        at_work = [one for one in self._at_present() if one.closing and one.place.folder == folder]
        return all(sitting.wait(until - time.monotonic()) for sitting in at_work)

    def at_work(self) -> set[Path]:
        """Give the folders of sittings that haven't ended."""
        return {sitting.place.folder for sitting in self._at_present() if not sitting.wait(0.0)}

    def wait_saved(self, study: Path, timeout_s: float = CLOSE_S) -> None:
        """Wait until all that was done in a study is on the disk (not from the GUI thread).

        Raises
        ------
        VesselError
            Where the disk refuses it, or doesn't take it in time.
        """
        until = time.monotonic() + timeout_s
        while waiting := [
            one for one in self._at_present() if one.place.study == study and one.standing.unsaved
        ]:
            standing = waiting[0].standing
            if standing.problem is not None or time.monotonic() > until:
                why = f": {standing.problem.message}" if standing.problem is not None else "."
                raise VesselError(
                    f"What was done last in {waiting[0].facts.image} is not saved yet{why}",
                    "Try again when it is saved.",
                )
            time.sleep(_PAUSE_S)
        left = [work.image for work in self.rescue.waiting.values() if work.study == study]
        if left:
            raise VesselError(
                f"What was done last in {left[0]} waits in the rescue folder.",
                "Open the picture again: it is put back as soon as that can be.",
            )

    def close(self, timeout_s: float = CLOSE_S) -> list[Sitting]:
        """End all sittings; give those whose work is neither in its place nor in the rescue folder.

        Waits so long for the disk; what isn't there by then goes to the rescue folder.
        """
        until = time.monotonic() + timeout_s
        for sitting in self._sittings:
            sitting.close()
        while any(self._hopeful(sitting) for sitting in self._sittings) and time.monotonic() < until:
            time.sleep(0.01)
        lost = [sitting for sitting in self._sittings if not self._settled(sitting)]
        if not lost:
            self._closed.set()
        return lost

    def unsaved(self) -> list[tuple[Sitting, Standing]]:
        """Give the sittings that fail, or that have waited for the disk too long, with how they stand.

        One that has ended is none of them: what it could not save waits in the rescue folder.
        """
        standings = [(sitting, sitting.standing) for sitting in self._at_present()]
        at_work = [(sitting, one) for sitting, one in standings if one.hold is not Hold.ENDED]
        return [(sitting, one) for sitting, one in at_work if one.unsaved and (one.problem or _late(one))]

    def _at_present(self) -> list[Sitting]:
        """Give the sittings as they are now: another thread may add and remove some."""
        return [*self._sittings]

    def _hopeful(self, sitting: Sitting) -> bool:
        """Tell whether waiting may still bring a sitting to its end; what failed is tried once more."""
        return not sitting.wait(0.0) and not sitting.failed

    def _settled(self, sitting: Sitting) -> bool:
        """Tell whether nothing of a sitting is lost if the app ends now."""
        if sitting.wait(0.0) or not sitting.standing.unsaved:
            return True
        return self._rescued(sitting)

    def _rescued(self, sitting: Sitting) -> bool:
        """Put into the rescue folder what a sitting has unsaved; False where that can't be."""
        try:
            sitting.keep_in_rescue()
        except VesselError as problem:
            _log.error("%s is neither saved nor rescued: %s", sitting.facts.image, problem)
            return False
        return True

    # -- from other threads ------------------------------------------------------------------------------

    def _report(self) -> None:
        if not self._told.is_set():
            self._told.set()
            self._deliver(self._tell)

    def _tell(self) -> None:
        self._told.clear()
        for sitting in [one for one in self._sittings if one.wait(0.0)]:
            self._sittings.remove(sitting)
            sitting.document.happened.disconnect(sitting.put, missing_ok=True)
        for sitting in self._sittings:
            sitting.show()
        self.changed.emit()

    def _reopen(self, sitting: Sitting, kept: Kept | None, told: str) -> None:
        self._deliver(partial(self.reopened.emit, sitting, kept, told))

    def _keep_watch(self) -> None:
        """Put into the rescue folder what its own place doesn't take in time."""
        sign_at = time.monotonic() + SIGN_S
        while not self._closed.wait(_WATCH_S):
            late = {sitting: self._rescued(sitting) for sitting, _ in self.unsaved()}
            if time.monotonic() >= sign_at:
                self.rescue.give_sign()
                sign_at = time.monotonic() + SIGN_S
            if late != self._late:
                self._late = late
                self._deliver(self._tell)


def _late(standing: Standing) -> bool:
    return standing.waiting_s > LATE_S
