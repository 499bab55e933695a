"""Which pictures teach a model most: how doubtful its answers are, picture by picture."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from vesselapp.core.errors import Cancelled, VesselError, in_a_sentence
from vesselapp.core.evidence import level_of, quantise
from vesselapp.core.files import FileState
from vesselapp.state.answers import Answer
from vesselapp.state.finding import Question
from vesselapp.state.jobs import Deliver
from vesselapp.state.pictures import Entry

if TYPE_CHECKING:
    from vesselapp.core.image import Image
    from vesselapp.inference.model import Model

_log = logging.getLogger(__name__)
_REST_S = 0.05
_MOST_PLACES = 100_000
_STOPPED = "Ranking was stopped."


def doubt_of(probability: NDArray[np.uint8], level: int) -> float:
    """Tell how much a person's word is worth in a picture.

    Parameters
    ----------
    probability : (H, W) uint8, 1-253
        A model's answer.
    level : int
        2-253.

    Returns
    -------
    float
        Weight of all doubtful places (`vesselapp.core.tools.doubtful`) in a million pixels.
    """
    from vesselapp.core.tools.doubtful import doubtful_places

    places = doubtful_places(probability, level, most=_MOST_PLACES)
    return sum(place.weight for place in places) * 1e6 / max(1, probability.size)


class Doubts:
    """Remembers doubts by model (`Model.reading`) and picture file (path, its state when read); a cache.

    Parameters
    ----------
    folder : Path
        One file a model.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, dict[tuple[str, FileState], float]] = {}
        self._lock = threading.Lock()

    def get(self, reading: str, path: Path) -> float | None:
        """Give the doubt in a picture, if it is known."""
        file = FileState.of(path)
        with self._lock:
            return None if file is None else self._of(reading).get((str(path), file))

    def put(self, reading: str, path: Path, file: FileState, doubt: float) -> None:
        """Remember the doubt in a picture, as its file was when it was read."""
        line = json.dumps([str(path), file.changed, file.size, round(doubt, 3)])
        with self._lock:
            self._of(reading)[str(path), file] = doubt
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                with self._file(reading).open("a", encoding="utf-8") as known:
                    known.write(line + "\n")
            except (OSError, ValueError) as problem:
                _log.info("doubt in %s not remembered: %s", path, problem)

    def _of(self, reading: str) -> dict[tuple[str, FileState], float]:
        if reading not in self._known:
            self._known[reading] = self._read(reading)
        return self._known[reading]

    def _read(self, reading: str) -> dict[tuple[str, FileState], float]:
        known: dict[tuple[str, FileState], float] = {}
        try:
            lines = self._file(reading).read_text("utf-8").splitlines()
        except (OSError, ValueError):
            return known
        for line in lines:
            try:
                path, changed, size, doubt = json.loads(line)
                known[str(path), FileState(int(changed), int(size))] = float(doubt)
            except (ValueError, TypeError):
                continue  # a torn line
        return known

    def _file(self, reading: str) -> Path:
        return self._folder / f"{reading[:32]}.jsonl"


class Ranking:
    """Finds the doubt in many pictures, on a thread that rests while the open picture needs a model.

    Parameters
    ----------
    deliver : callable
        Runs a function on the GUI thread.
    doubts : Doubts
    busy : callable
        Whether the open picture needs the computer just now.

    Attributes
    ----------
    found : Signal
        Carries an entry whose doubt is known now.
    recalled : Signal
        Carries entries whose doubts were remembered.
    ranked : Signal
        All pictures were asked about; nothing stopped it.
    ended : Signal
        Carries a sentence that says how it went; comes after the others.
    done, total : int
        Pictures.
    """

    found = Signal(object)
    recalled = Signal(object)
    ranked = Signal()
    ended = Signal(str)

    def __init__(self, deliver: Deliver, doubts: Doubts, busy: Callable[[], bool]) -> None:
        self._hand_over, self._doubts, self._busy = deliver, doubts, busy
        self._closed = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._shown = ""
        self.done = self.total = 0

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self._thread is not None

    def start(self, entries: Sequence[Entry], question: Question) -> None:
        """Begin with some pictures, once what was stopped has ended; one at work already goes on alone."""
        if self.running and not self._stop.is_set():
            return
        self._stop = threading.Event()
        self._shown = ""
        self.done, self.total = 0, len(entries)
        work = (list(entries), question, self._stop, self._thread)
        self._thread = threading.Thread(target=self._work, args=work, name="ranking", daemon=True)
        self._thread.start()

    def note(self, entry: Entry, image: Image, answer: Answer) -> None:
        """Take the doubt in a picture from the answer that is in sight anyway."""

        def work() -> None:
            doubt = doubt_of(answer.probability, level_of(answer.threshold))
            if entry.path is not None and image.file is not None:
                self._doubts.put(answer.reading, entry.path, image.file, doubt)
            self._deliver(partial(self._show, entry, doubt))

        threading.Thread(target=work, name="doubt", daemon=True).start()

    def recall(self, entries: Sequence[Entry], reading: str) -> None:
        """Show what is remembered of a model's doubts, in place of another's, whose ranking ends."""
        self._shown = reading
        for entry in entries:
            entry.doubt = None

        def work() -> None:
            known = [
                self._doubts.get(reading, entry.path) if entry.path is not None else None for entry in entries
            ]
            self._deliver(lambda: self._show_all(entries, known))

        threading.Thread(target=work, name="doubts", daemon=True).start()

    def _deliver(self, call: Callable[[], None]) -> None:
        def unless_closed() -> None:
            if not self._closed:
                call()

        self._hand_over(unless_closed)

    def close(self, timeout_s: float) -> None:
        """End it, and tell nothing any more."""
        self._closed = True
        self.stop(timeout_s)

    def stop(self, timeout_s: float = 0.0) -> None:
        """Ask it to end, and wait so long for that."""
        self._stop.set()
        if timeout_s and self._thread is not None:
            self._thread.join(timeout_s)

    def _work(
        self,
        entries: list[Entry],
        question: Question,
        stop: threading.Event,
        before: threading.Thread | None,
    ) -> None:
        from vesselapp.inference.catalog import find_model
        from vesselapp.inference.model import load_model

        if before is not None:
            before.join()
        told, failed = "", 0
        try:
            model = load_model(find_model(question.choice, question.task), question.provider, threads=1)
            for entry in entries:
                if stop.is_set() or self._shown not in ("", model.reading):
                    raise Cancelled
                try:
                    doubt = self._doubt(model, entry, question, stop)
                except VesselError as problem:
                    _log.info("no doubt of %s: %s", entry.name, problem)
                    doubt, failed = None, failed + 1
                self._deliver(partial(self._take, entry, doubt, stop, model.reading))
        except Cancelled:
            told = _STOPPED
        except VesselError as problem:
            told = str(problem)
        except Exception as problem:  # noqa: BLE001 - the thread's edge: told to the person, logged whole
            _log.exception("ranking failed")
            told = str(in_a_sentence(problem))
        words = "Ranked by doubt" + (f"; {failed} could not be read." if failed else ".")
        self._deliver(partial(self._end, told, words, stop))

    def _doubt(self, model: Model, entry: Entry, question: Question, stop: threading.Event) -> float | None:
        from vesselapp.inference.predict import predict

        if entry.path is None:
            return None
        known = self._doubts.get(model.reading, entry.path)
        if known is not None:
            return known

        def cancelled() -> bool:
            while self._busy() and not stop.is_set():
                time.sleep(_REST_S)
            return stop.is_set()

        if cancelled():
            raise Cancelled
        image = entry.source.read()
        found = predict(model, image.pixels, cancelled=cancelled, object_diameter=question.object_diameter)
        doubt = doubt_of(quantise(found.probability), level_of(model.card.threshold))
        if image.file is not None:
            self._doubts.put(model.reading, entry.path, image.file, doubt)
        return doubt

    def _take(self, entry: Entry, doubt: float | None, stop: threading.Event, reading: str) -> None:
        if stop is self._stop and self._shown in ("", reading):
            self.done += 1
            entry.doubt = doubt
            self.found.emit(entry)

    def _show(self, entry: Entry, doubt: float) -> None:
        entry.doubt = doubt
        self.found.emit(entry)

    def _show_all(self, entries: Sequence[Entry], known: Sequence[float | None]) -> None:
        for entry, doubt in zip(entries, known, strict=True):
            entry.doubt = entry.doubt if doubt is None else doubt
        self.recalled.emit(entries)

    def _end(self, told: str, words: str, stop: threading.Event) -> None:
        if stop is not self._stop:  # started again meanwhile
            return
        self._thread = None
        if not told and stop.is_set():  # after the last picture
            told = _STOPPED
        if not told:
            self.ranked.emit()
        self.ended.emit(told or words)
