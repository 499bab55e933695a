"""A batch beside the open picture: a thread of its own, so that correcting goes on meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from vesselapp.core.errors import Cancelled, VesselError, in_a_sentence
from vesselapp.core.walk import find_pictures
from vesselapp.state.jobs import Deliver

if TYPE_CHECKING:
    from vesselapp.inference.batch import BatchSpec, Control, Outcome

_log = logging.getLogger(__name__)


class BatchRun:
    """Writes the results of many pictures in the background.

    Parameters
    ----------
    deliver : callable
        Runs a function on the thread that may touch the window.

    Attributes
    ----------
    found : Signal
        Once it is known how many pictures there are; carries sentences about folders that can't be listed.
    advanced : Signal
        After each picture; carries its `Outcome`.
    ended : Signal
        Once, with a sentence that says how it went.
    done, failed, total : int
        Pictures so far; none in total until they are found.
    """

    found = Signal(list)
    advanced = Signal(object)
    ended = Signal(str)

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._control: Control | None = None
        self._thread: threading.Thread | None = None
        self._began = 0.0
        self.done = self.failed = self.total = 0

    @property
    def running(self) -> bool:
        """Whether pictures are being worked on."""
        return self._thread is not None

    @property
    def paused(self) -> bool:
        """Whether no other picture is begun for now."""
        return self._control is not None and self._control.is_paused()

    @property
    def seconds_left(self) -> float | None:
        """Give the time that the rest will take at the pace so far; None until that can be told."""
        finished = self.done + self.failed
        if not finished or self.paused:
            return None
        return (time.monotonic() - self._began) / finished * (self.total - finished)

    def start(self, pictures: Path | Sequence[Path], spec: BatchSpec, *, resume: bool, workers: int) -> None:
        """Begin with pictures, or with those in a folder; what is running already goes on alone."""
        if self.running:
            return
        from vesselapp.inference.batch import Control

        self._control = Control()
        self.done = self.failed = self.total = 0
        work = (pictures, spec, resume, workers, self._control)
        self._thread = threading.Thread(target=self._work, args=work, name="batch", daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """Finish the pictures in work and begin no other."""
        if self._control is not None:
            self._control.pause()

    def go_on(self) -> None:
        """End a pause."""
        if self._control is not None:
            self._control.go_on()

    def cancel(self) -> None:
        """Stop soon; no half-written file is left."""
        if self._control is not None:
            self._control.cancel()

    def close(self, timeout_s: float = 10.0) -> None:
        """Cancel and wait for the end."""
        self.cancel()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _work(
        self, pictures: Path | Sequence[Path], spec: BatchSpec, resume: bool, workers: int, control: Control
    ) -> None:
        from vesselapp.inference.many import predict_many

        told, unlisted = "", list[str]()
        try:
            if isinstance(pictures, Path):
                pictures = find_pictures([pictures], unlisted.append, control.is_cancelled)
            self._deliver(partial(self._note_found, len(pictures), unlisted))
            for outcome in predict_many(pictures, spec, resume=resume, workers=workers, control=control):
                self._deliver(partial(self._advance, outcome))
        except Cancelled:
            pass
        except VesselError as error:
            told = str(error)
        except Exception as error:  # noqa: BLE001 - the thread's edge: told to the person, logged whole
            _log.exception("the batch failed")
            told = str(in_a_sentence(error))
        self._deliver(lambda: self._end(told, cancelled=control.is_cancelled()))

    def _note_found(self, total: int, unlisted: list[str]) -> None:
        self.total, self._began = total, time.monotonic()
        self.found.emit(unlisted)

    def _advance(self, outcome: Outcome) -> None:
        if outcome.problem:
            self.failed += 1
        else:
            self.done += 1
        self.advanced.emit(outcome)

    def _end(self, told: str, *, cancelled: bool) -> None:
        self._thread = None
        words = f"{self.done} of {self.total} done"
        if self.failed:
            words += f", {self.failed} failed"
        if cancelled:
            words = (
                f"Cancelled: {words}" if self.total else "Cancelled before it was known what there is to do"
            )
        self.ended.emit(told or f"{words}.")
