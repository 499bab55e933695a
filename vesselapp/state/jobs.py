"""One background lane for slow work: requests go in, answers come back on the caller's thread."""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from vesselapp.core.errors import Cancelled, VesselError, in_a_sentence

_log = logging.getLogger(__name__)
T = TypeVar("T")
Deliver = Callable[[Callable[[], None]], None]


@dataclass(eq=False)
class Job:
    """A request in the lane.

    The work polls `cancelled` between its steps and tells how far it is with `report`; both may be called
    from the lane's thread.
    """

    name: str
    _deliver: Deliver
    _on_progress: Callable[[float], None]
    _cancel: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Ask the work to stop; its answer, should it still come, is dropped."""
        self._cancel.set()

    def cancelled(self) -> bool:
        """Tell whether the requester no longer wants the answer."""
        return self._cancel.is_set()

    def report(self, share: float) -> None:
        """Tell how much is done (0-1)."""
        self.deliver(lambda: self._on_progress(share))

    def deliver(self, call: Callable[[], None]) -> None:
        """Run a call on the requester's thread, unless the job is cancelled by then."""
        self._deliver(lambda: None if self.cancelled() else call())


class Jobs:
    """Runs one job at a time on a thread of its own.

    Parameters
    ----------
    deliver : callable
        Runs a function on the thread that may touch the document; tests pass ``lambda f: f()``.
    """

    def __init__(self, deliver: Deliver) -> None:
        self.deliver = deliver
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._idle: Job | None = None
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()

    def submit(
        self,
        name: str,
        work: Callable[[Job], T],
        done: Callable[[T], None],
        failed: Callable[[VesselError], None],
        *,
        progress: Callable[[float], None] = lambda share: None,
        stopped: Callable[[], None] = lambda: None,
        idle: bool = False,
    ) -> Job:
        """Queue work.

        Exactly one of ``done`` (with the answer), ``failed`` (with what a person is told) and ``stopped``
        (the job was cancelled) is delivered. Work for idle times is cancelled as soon as other work is
        queued.
        """
        job = Job(name, self.deliver, progress)
        if self._idle is not None:
            self._idle.cancel()
        self._idle = job if idle else None

        def step() -> None:
            answer: Any = None
            error: VesselError | None = None
            try:
                if not job.cancelled():
                    answer = work(job)
            except Cancelled:
                job.cancel()
            except VesselError as problem:
                error = problem
            except Exception as problem:  # noqa: BLE001 - the lane's edge: told to the person, logged whole
                _log.exception("job %s failed", name)
                error = in_a_sentence(problem)

            def settle() -> None:
                if job.cancelled():
                    stopped()
                elif error is not None:
                    failed(error)
                else:
                    done(answer)

            self.deliver(settle)

        self._queue.put(step)
        return job

    def beside(
        self,
        name: str,
        work: Callable[[Job], T],
        done: Callable[[T], None],
        failed: Callable[[VesselError], None],
        *,
        stopped: Callable[[], None] = lambda: None,
    ) -> Job:
        """Begin work at once, on a thread of its own that the lane doesn't hold up; else as `submit`."""
        lane = Jobs(self.deliver)
        job = lane.submit(name, work, done, failed, stopped=stopped)
        lane.close(0)
        return job

    def aside(self, name: str, work: Callable[[], None]) -> None:
        """Queue work whose outcome nobody waits for; a failure is only logged."""
        self.submit(
            name,
            lambda _job: work(),
            lambda _none: None,
            lambda error: _log.warning("%s: %s", name, error),
        )

    def want(self, job: Job) -> None:
        """Let work for idle times be work like any other."""
        if self._idle is job:
            self._idle = None

    def close(self, timeout_s: float = 5.0) -> None:
        """End the lane after the work that is queued."""
        self._queue.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (step := self._queue.get()) is not None:
            step()
