"""One stay at a picture: what is done there goes to the disk at once, on a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.edits import digest_of
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import corrected_share
from vesselapp.state.anew import TOLD, Shown, write_anew
from vesselapp.state.backlog import NEVER, Backlog
from vesselapp.state.document import Document
from vesselapp.state.safekeeping import Safekeeping
from vesselapp.state.standing import Hold, Standing, Unsaved, follow
from vesselapp.study.journal import Operation
from vesselapp.study.lock import HEARTBEAT_SECONDS, Lost, Taken
from vesselapp.study.lock_file import Holder
from vesselapp.study.record import ImageFacts, Record

if TYPE_CHECKING:
    from vesselapp.state.rescue import Rescue
    from vesselapp.study.annotation import AnnotationFolder, Writer
    from vesselapp.study.kept import Kept

_log = logging.getLogger(__name__)

RETRY_S = 3.0
KNOCK_S = 4.0
"""How often a picture that somebody else has open is asked for again."""
SNAPSHOT_S = 15.0


class Sitting:
    """Keeps one open picture's work.

    Parameters
    ----------
    place : AnnotationFolder
    facts : ImageFacts
    document : Document
        Whose operations come here (`put`).
    who : str
    rescue : Rescue
        Whose strokes of an earlier run, if any, are put back when the lock is had.
    kept : Kept or None
        What the document was made from.
    report : callable
        Called from its thread whenever its standing is another.
    reopened : callable
        Called with the sitting, with what is kept (None: what the document shows) and what a person should
        know, from its thread, when it may be written from now on.
    writer : Writer, optional
        Where the lock is ours already.
    """

    def __init__(
        self,
        place: AnnotationFolder,
        facts: ImageFacts,
        document: Document,
        who: str,
        rescue: Rescue,
        kept: Kept | None,
        report: Callable[[], None],
        reopened: Callable[[Sitting, Kept | None, str], None],
        writer: Writer | None = None,
    ) -> None:
        self.place, self.facts, self.document, self.who = place, facts, document, who
        self._rescue, self._report, self._reopened = rescue, report, reopened
        self._writer = writer
        self._backlog = Backlog()  # used while `_wake` is had
        self._shown: Shown | None = None
        self._begun = threading.Event()
        self._hold = Hold.MINE if writer is not None else Hold.ASKED
        self._holder: Holder | None = None
        self._wake = threading.Condition()
        self._saved: datetime | None = None
        self._problem: VesselError | None = None
        self._take_over = self._closing = self._failed = self._nudged = self._asks_to_see = False
        self._to_tell = ""
        self._safe = Safekeeping(rescue, place, facts, self.unsaved, self._is_over)
        now = time.monotonic()
        self._snapshot_at, self._refresh_at, self._try_at = NEVER, now + HEARTBEAT_SECONDS, now
        self._ended = threading.Event()
        run = threading.Thread(target=self._run, args=(kept,), name=f"keeping {facts.image}", daemon=True)
        run.start()

    # -- from the GUI thread: hand over, never wait ------------------------------------------------------

    def put(self, operation: Operation) -> None:
        """Take an operation that was done."""
        with self._wake:
            self._backlog.put(operation, time.monotonic())
            self._nudge()

    def put_record(
        self, record: Record, *, told: bool = False, answer: NDArray[np.uint8] | None = None
    ) -> None:
        """Take the record as it is now; written within seconds, or at once (told, or with an answer).

        Parameters
        ----------
        record : Record
        told : bool
            Whether a person said something that is in it.
        answer : (H, W) uint8, 1-253, optional
            The probability that was judged; nobody writes into it any more.
        """
        with self._wake:
            self._backlog.put_record(record, time.monotonic(), told=told, answer=answer)
            self._nudge()

    def save_now(self) -> None:
        """Try again what failed, and make the snapshot now."""
        with self._wake:
            self._try_at = self._snapshot_at = 0.0
            self._backlog.hurry()
            self._nudge()

    def take_over(self) -> None:
        """Take a lock over whose owner gives no sign of life."""
        with self._wake:
            self._take_over, self._try_at = True, 0.0
            self._nudge()

    def close(self) -> None:
        """End when all is on the disk; `stay` takes it back as long as that is not so."""
        with self._wake:
            self._closing, self._try_at, self._failed = True, 0.0, False
            self._nudge()

    def stay(self) -> bool:
        """Go on after `close`; False where it has ended already."""
        with self._wake:
            if self._hold is Hold.ENDED:
                return False
            self._closing = False
            return True

    def show(self) -> None:
        """Let it see what the document shows, where it asks for that."""
        if self._asks_to_see:
            self._see()

    def _see(self) -> None:
        """Take note of what the document shows, while nothing is done on it."""
        with self._wake:
            if not self.document.in_stroke:
                unsaved = tuple(self._backlog.operations)
                self._shown = Shown(self.document.corrections.copy(), unsaved)
                self._asks_to_see, self._try_at = False, 0.0
                self._nudge()

    @property
    def closing(self) -> bool:
        """Whether it is to end."""
        return self._closing

    @property
    def failed(self) -> bool:
        """Whether saving has failed since it was to end."""
        return self._failed

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end after `close`; False where it hasn't come."""
        return self._ended.wait(max(0.0, timeout_s))

    @property
    def standing(self) -> Standing:
        """How it stands now."""
        with self._wake:
            unsaved = self._unsaved().count  # of which the history is no matter
            since, safe = self._backlog.since, self._safe
            waiting = time.monotonic() - since if unsaved and since is not None else 0.0
            return Standing(
                self._hold,
                self._holder,
                unsaved,
                waiting,
                self._saved,
                self._problem,
                rescued=safe.there,
                rescue_problem=safe.problem,
            )

    def unsaved(self) -> Unsaved:
        """Give what isn't on the disk yet (not from the GUI thread while a picture is open)."""
        self._begun.wait()
        with self._wake:
            return self._unsaved()

    def _nudge(self) -> None:
        """Wake the thread, once: each time costs the window's thread its turn."""
        if not self._nudged:
            self._nudged = True
            self._wake.notify()

    def _unsaved(self) -> Unsaved:
        return self._backlog.unsaved(self._backlog.known if self._writer is None else self._writer.record)

    def _begin_with(self, kept: Kept | None) -> None:
        """Take note of what the document shows: all that the disk holds."""
        done, undone = ([], []) if kept is None else (kept.done, kept.undone)
        names, undone_names = [digest_of(edit) for edit in done], [digest_of(edit) for edit in undone]
        with self._wake:
            self._backlog.begin(kept, names, undone_names)
        self._begun.set()

    # -- on its own thread -------------------------------------------------------------------------------

    def _run(self, kept: Kept | None) -> None:
        self._begin_with(kept)
        while not self._is_over():
            with self._wake:
                pause = self._due() - time.monotonic()
                if pause > 0:
                    self._nudged = False
                    self._wake.wait(min(pause, HEARTBEAT_SECONDS))
                    continue
            try:
                if self._writer is None:
                    self._ask()
                else:
                    self._write(self._writer)
            except Lost as lost:
                self._on_lost(lost)
            except VesselError as problem:
                self._on_failed(problem)
            except Exception as problem:  # noqa: BLE001 - the thread's edge: told, logged, tried again
                _log.exception("keeping %s failed", self.facts.image)
                self._on_failed(VesselError(f"Something went wrong while saving: {problem!r}."))
            if not self._is_over():
                self._report()
        self._ended.set()
        self._report()

    def _is_over(self) -> bool:
        return self._hold is Hold.ENDED

    def _due(self) -> float:
        """Give when something is to be done next (as `time.monotonic`)."""
        if self._writer is None or self._problem is not None:
            return self._try_at
        if self._closing:
            return 0.0
        return min(self._backlog.due, self._snapshot_at, self._refresh_at)

    def _ask(self) -> None:
        """Ask for the lock; where it is had, bring disk and document together."""
        take_over, self._take_over = self._take_over, False
        if self._closing and not self.unsaved().count and self._end():
            return
        cap = self.document.history.cap_bytes
        try:
            writer = self.place.open(self.who, self.facts, take_over=take_over, cap_bytes=cap)
        except Taken as taken:
            self._on_taken(taken.holder)
            return
        try:
            mine, kept = self._to_put_on_top(writer), writer.kept
            put_back, told = self._rescue.put_back(writer, self.place, self.facts, mine)
            self._to_tell = " ".join(filter(None, (self._to_tell, told)))
            if mine is not None:
                with self._wake:
                    self._backlog.put_back(mine)
                self._safe.renew()
            if put_back:
                kept = self.place.load(self.facts.sha256, self.facts.height, self.facts.width, cap)
        except BaseException:  # whatever it is: who can't go on doesn't keep the lock
            writer.abandon()
            raise
        reread = mine is not None or put_back
        if reread:
            self._begin_with(kept)
        with self._wake:
            self._writer, self._hold, self._holder, self._problem = writer, Hold.MINE, None, None
            self._refresh_at = time.monotonic() + HEARTBEAT_SECONDS
            self._backlog.write_by(time.monotonic())
            told, self._to_tell = self._to_tell, ""
        self._reopened(self, kept if reread else None, told)

    def _to_put_on_top(self, writer: Writer) -> Unsaved | None:
        """Give what is unsaved where the disk holds something else than was known; None where it doesn't."""
        if self._backlog.known is not None and writer.kept is None and not self.unsaved().count:
            # Nothing may be done on top of nothing: somebody took it along, or away.
            text = f"What was kept of {self.facts.image} is no longer where it was."
            raise VesselError(text, "Open the picture again.")
        # A review or a note of others has no number: the record tells.
        changed = writer.number != self._backlog.number or writer.record != self._backlog.known
        changed = changed or any(self._rescue.left_of(self.place, self.facts))
        unsaved = self.unsaved()
        if changed and self._hold is not Hold.LOST and (unsaved.operations or self._takes_strokes()):
            # What is there is not what the document shows: it takes nothing more until it shows that.
            raise Lost("Somebody else has changed it meanwhile.")
        return unsaved if changed else None

    def _takes_strokes(self) -> bool:
        """Tell whether a person may be at work on the document although the lock isn't had."""
        return self._hold is Hold.ASKED and (self._problem is not None or not self.document.locked)

    def _on_taken(self, holder: Holder) -> None:
        """Wait for somebody else to end; on closing, leave what is unsaved to the rescue folder."""
        if self._closing and self._safe.give_over(self._end):
            return
        with self._wake:
            self._hold = Hold.LOST if self._hold is Hold.LOST else Hold.TAKEN
            self._holder, self._problem = holder, None
            self._try_at = time.monotonic() + KNOCK_S

    def _write(self, writer: Writer) -> None:
        """Do all that is due."""
        if self._problem is not None and self.place.was_removed():
            writer = self._write_anew(writer)
        now = time.monotonic()
        with self._wake:
            batch, answer, record = self._backlog.take(now, all_of_it=self._closing)
        if batch:
            writer.append(batch)
            self._on_appended(batch)
        if answer is not None:
            writer.write_answer(answer)
            with self._wake:
                self._backlog.answered(answer)
                self._saved = datetime.now()
        if record is not None:
            writer.write_record(replace(record, corrected_share=corrected_share(self.document.corrections)))
            with self._wake:
                self._backlog.recorded(record)
                self._saved = datetime.now()
        if self._refresh_at <= now:
            writer.refresh()
            self._refresh_at = now + HEARTBEAT_SECONDS
        writer.cap_bytes = self.document.history.cap_bytes
        if self._snapshot_at <= now and not self._closing:
            self._snapshot_at = NEVER
            writer.compact()
        told, writer.told = writer.told, ""
        if told:
            self._reopened(self, None, told)
        self._on_done(writer)

    def _write_anew(self, former: Writer) -> Writer:
        """Write again what was removed while we had it, and with it what is unsaved."""
        with self._wake:
            if self._closing and self._shown is None:
                self._see()  # nobody works on it any more
        anew = write_anew(self.place, self.facts, self.who, former, self._shown)
        if anew is None:
            self._asks_to_see = True
            raise VesselError(
                f"What was kept of {self.facts.image} was removed from the disk.", "It is written anew."
            )
        writer, operations = anew
        done, undone = list[str](), list[str]()
        for operation in operations:
            follow(done, undone, operation, digest_of)
        with self._wake:
            self._writer, self._shown = writer, None
            self._backlog.written_anew(writer.number, done, undone, former.record)
        self._reopened(self, None, TOLD)
        return writer

    def _was_removed(self) -> bool:
        try:
            return self.place.was_removed()
        except VesselError:
            return False  # its drive is gone, and all of it with that

    def _on_appended(self, batch: Sequence[Operation]) -> None:
        with self._wake:
            self._backlog.appended(batch)
            self._saved = datetime.now()
            self._snapshot_at = time.monotonic() + SNAPSHOT_S
        self._safe.renew()

    def _on_done(self, writer: Writer) -> None:
        """Note that all that was due is on the disk; end, where that was asked for."""
        with self._wake:
            self._problem = None
            if not self._backlog.is_empty or (self._closing and self._backlog.has_record):
                return
            self._backlog.since = None
            ending = self._closing
            self._hold = Hold.ENDED if ending else self._hold
        self._safe.drop()
        if ending:
            try:
                writer.close()
            except VesselError as problem:
                if self._was_removed():
                    self._hold = Hold.MINE
                    self._write_anew(writer)
                    return
                _log.warning(
                    "%s has no new snapshot; its journal has everything: %s", self.facts.image, problem
                )
                writer.abandon()
            if writer.told:  # of files that others put there meanwhile
                self._reopened(self, None, writer.told)

    def keep_in_rescue(self) -> None:
        """Put what is unsaved into the rescue folder (from any thread; see `Safekeeping.keep`)."""
        self._safe.keep()

    def _end(self) -> bool:
        """End, unless the picture is wanted again meanwhile."""
        with self._wake:
            if self._closing:
                self._hold = Hold.ENDED
            return self._closing

    def _on_failed(self, problem: VesselError) -> None:
        with self._wake:
            if self._problem is None:
                _log.warning("%s isn't saved: %s", self.facts.image, problem)
            self._problem, self._try_at, self._failed = problem, time.monotonic() + RETRY_S, True

    def _on_lost(self, lost: Lost) -> None:
        _log.warning("the lock of %s is lost: %s", self.facts.image, lost)
        writer = self._writer
        if writer is not None:
            writer.abandon()
        with self._wake:
            if writer is not None:
                self._backlog.known = writer.record
            self._writer, self._hold, self._problem, self._shown = None, Hold.LOST, None, None
            self._try_at = time.monotonic() + KNOCK_S
