"""Many pictures on this machine: read, judged and written at once, so that no core waits.

Each worker takes a picture from file to files. On the CPU each of them runs the model on its share of the
cores, which is faster than all cores on one picture; on another device they take turns, and reading and
writing overlap with it. A budget of pixels keeps memory within bounds however large the pictures are.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.files import FileState
from vesselapp.core.image import image_size
from vesselapp.inference.batch import BatchSpec, Control, Errand, Outcome, do_errand
from vesselapp.inference.model import Model, load_model
from vesselapp.inference.providers import physical_cores

MOST_WORKERS = 8
_BUDGET_PX = 200_000_000
"""Pixels in work at once; a larger picture is worked on alone."""
_BYTES_A_PX = 12
"""What each takes, about. Files count by it too: of a stack all pages are read."""
_TO_NUMBER = 5
"""So many times as much memory does it take to number a picture's objects."""
_LISTEN_S = 1.0
"""On Windows, a wait without an end hears no Ctrl+C."""


def run_batch(
    errands: Sequence[Errand],
    spec: BatchSpec,
    *,
    workers: int | None,
    control: Control,
    on_share: Callable[[Path, float], None] | None,
    model: Model | None,
) -> Iterator[Outcome]:
    """Do all errands, and give what became of each as it is done.

    Parameters
    ----------
    errands : sequence of Errand
        From `vesselapp.inference.batch.plan_errands`.
    spec : BatchSpec
    workers : int, optional
        Pictures in work at once; by the number of cores where None.
    control : Control
    on_share : callable, optional
        Told picture and share done (0-1) from the workers' threads.
    model : Model, optional
        That of ``spec``, where it is loaded already.

    Yields
    ------
    Outcome
        In the order of completion; nothing of pictures that a cancelled batch didn't finish.

    Raises
    ------
    VesselError
        If the model can't be loaded.
    """
    if not errands:
        return
    count = workers_for(len(errands), workers)
    model = model or load_model(spec.model, spec.provider, threads=max(1, physical_cores() // count))
    work = _Work(model, spec, control, on_share, errands)
    threads = [
        threading.Thread(target=work.all_of_it, name=f"batch {number}", daemon=True)
        for number in range(count)
    ]
    try:  # from here on, so that a Ctrl+C while they start leaves no worker behind
        for thread in threads:
            thread.start()
        busy = count
        while busy:
            try:
                outcome = work.outcomes.get(timeout=_LISTEN_S)
            except queue.Empty:
                continue
            if outcome is None:
                busy -= 1
            else:
                yield outcome
    finally:  # also where the consumer stopped, or was stopped: then so must the workers
        if any(thread.is_alive() for thread in threads):
            control.cancel()
        for thread in threads:
            if thread.ident is not None:
                thread.join()


def workers_for(pictures: int, wish: int | None = None) -> int:
    """Give how many of so many pictures are in work at once: as wished, else by the number of cores."""
    return max(1, min(wish or min(physical_cores(), MOST_WORKERS), pictures))


class _Work:
    """What the workers share."""

    def __init__(
        self,
        model: Model,
        spec: BatchSpec,
        control: Control,
        on_share: Callable[[Path, float], None] | None,
        errands: Sequence[Errand],
    ) -> None:
        self.model, self.spec, self.control, self.on_share = model, spec, control, on_share
        self.outcomes: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self._waiting: queue.SimpleQueue[Errand] = queue.SimpleQueue()
        for errand in errands:
            self._waiting.put(errand)
        self._budget = _Budget(_BUDGET_PX)

    def all_of_it(self) -> None:
        """Do errands until none is left or the batch is cancelled; then hand on None."""
        try:
            while not self.control.is_cancelled():
                self.control.wait()
                self._next()
        except (queue.Empty, Cancelled):
            pass
        finally:
            self.outcomes.put(None)

    def _next(self) -> None:
        errand = self._waiting.get_nowait()
        stop = self.control.is_cancelled
        times = _TO_NUMBER if "objects" in self.spec.save else 1
        taken = self._budget.take(_pixels_of(errand.picture, times), stop)
        try:
            self.outcomes.put(do_errand(errand, self.spec, self.model, stop, self.on_share))
        finally:
            self._budget.give_back(taken)


class _Budget:
    """Hands out pixels to work on, so that few large or many small pictures are in memory."""

    def __init__(self, pixels: int) -> None:
        self._all = self._left = pixels
        self._changed = threading.Condition()

    def take(self, pixels: int, give_up: Callable[[], bool]) -> int:
        pixels = min(pixels, self._all)
        with self._changed:
            while self._left < pixels and not give_up():
                self._changed.wait(0.2)
            self._left -= pixels
        return pixels

    def give_back(self, pixels: int) -> None:
        with self._changed:
            self._left += pixels
            self._changed.notify_all()


def _pixels_of(path: Path, times: int) -> int:
    """Give how many pixels a picture counts for: its own, so many times, and those that its file fills."""
    try:
        height, width = image_size(path)
    except VesselError:
        return 0  # reading it will say what is wrong
    file = FileState.of(path)
    return times * height * width + (0 if file is None else file.size // _BYTES_A_PX)
