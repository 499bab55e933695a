"""Finding what a clean-up would change while the window goes on, of the picture as it is and of no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from psygnal import Signal

from vesselapp.core.errors import VesselError
from vesselapp.core.geometry import Box, box_of
from vesselapp.state.cleanup import Cleanup, Found, Frozen, found_by
from vesselapp.state.document import Document
from vesselapp.state.jobs import Deliver, Job, Jobs


@dataclass(frozen=True)
class Wanted:
    """A clean-up of things up to a size (px), in a box of a document as it is at one moment."""

    cleanup: Cleanup
    size: int
    document: Document
    changes: int
    level: int
    box: Box

    @classmethod
    def now(cls, cleanup: Cleanup, size: int, document: Document, box: Box | None = None) -> Wanted:
        """Want it of a document as it is; everywhere without a box."""
        where = box_of(document.corrections) if box is None else box
        return cls(cleanup, size, document, document.changes, document.level, where)

    @property
    def everywhere(self) -> bool:
        """Whether it is of the whole picture."""
        return self.box == box_of(self.document.corrections)

    @property
    def holds(self) -> bool:
        """Whether the document is still as it was."""
        return self.document.changes == self.changes and self.document.level == self.level

    def beside(self, other: Wanted | None) -> bool:
        """Tell whether it is as another one, but for where to look."""
        return other is not None and replace(self, box=other.box) == other


class Cleaning:
    """Looks for what clean-ups of the open picture would change, on a thread of its own.

    Parameters
    ----------
    deliver : callable
        Runs a function on the GUI thread.

    Attributes
    ----------
    changed : Signal
        `applying` is otherwise than before.
    told : Signal
        Carries a sentence for the person.
    """

    changed = Signal()
    told = Signal(str)

    def __init__(self, deliver: Deliver) -> None:
        self._jobs = Jobs(deliver)
        self._look: Job | None = None
        self._apply: tuple[Wanted, Job] | None = None

    @property
    def applying(self) -> bool:
        """Whether something is looked for that is made as soon as it is found."""
        return self._apply is not None

    def look(
        self, wanted: Wanted, show: Callable[[Wanted, Found], None], failed: Callable[[VesselError], None]
    ) -> None:
        """Look for it, and no more for what was looked for before; show it where it still holds."""

        def done(found: Found) -> None:
            if wanted.holds:
                show(wanted, found)

        self.stop_looking()
        self._look = self._find(wanted, done, failed)

    def stop_looking(self) -> None:
        """Drop what is looked for, unless it is to be made."""
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def apply(self, wanted: Wanted, make: Callable[[Wanted, Found], None]) -> None:
        """Look for it, and make it where it still holds; else a person is told that nothing was made."""

        def done(found: Found) -> None:
            try:
                if wanted.holds:
                    make(wanted, found)
                else:
                    self.told.emit(_changed_nothing(wanted, "was changed"))
            finally:
                self._end_applying()

        def failed(error: VesselError) -> None:
            self.told.emit(str(error))
            self._end_applying()

        self.stop_looking()
        self._apply = wanted, self._find(wanted, done, failed)
        self.changed.emit()

    def leave(self) -> list[str]:
        """Look for nothing more in the open picture; give what a person should be told of that."""
        self.stop_looking()
        if self._apply is None:
            return []
        wanted, job = self._apply
        job.cancel()
        self._end_applying()
        return [_changed_nothing(wanted, "was left")]

    def close(self) -> None:
        """End the thread."""
        self._jobs.close(0.0)

    def _end_applying(self) -> None:
        self._apply = None
        self.changed.emit()

    def _find(
        self, wanted: Wanted, done: Callable[[Found], None], failed: Callable[[VesselError], None]
    ) -> Job:
        frozen = Frozen.of(wanted.document)
        return self._jobs.submit(
            "clean-up",
            lambda _job: found_by(wanted.cleanup, frozen, wanted.size, wanted.box),
            done,
            failed,
        )


def _changed_nothing(wanted: Wanted, why: str) -> str:
    path = wanted.document.image.path
    name = path.name if path is not None else "the picture"
    return f"{wanted.cleanup.name}: nothing was changed, for {name} {why} before it was done."
