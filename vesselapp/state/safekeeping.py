"""What one sitting has in the rescue folder: what is unsaved, no more, and nothing once it has ended."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from vesselapp.core.errors import VesselError
from vesselapp.state.rescue import Rescue, Waiting
from vesselapp.state.standing import Unsaved
from vesselapp.study.record import ImageFacts

if TYPE_CHECKING:
    from vesselapp.study.annotation import AnnotationFolder


class Safekeeping:
    """Keeps what a sitting could not save; may be used from any thread, one at a time gets its turn.

    Parameters
    ----------
    rescue : Rescue
    place : AnnotationFolder
    facts : ImageFacts
    unsaved : callable
        Gives what is unsaved now.
    is_over : callable
        Tells whether the sitting has ended.

    Attributes
    ----------
    there : bool
        Whether what was unsaved when it was last looked at is in the rescue folder.
    problem : VesselError or None
        Why it isn't.
    """

    def __init__(
        self,
        rescue: Rescue,
        place: AnnotationFolder,
        facts: ImageFacts,
        unsaved: Callable[[], Unsaved],
        is_over: Callable[[], bool],
    ) -> None:
        self._rescue, self._place, self._facts = rescue, place, facts
        self._unsaved, self._is_over = unsaved, is_over
        self._turn = threading.Lock()
        self._begun = False
        self.there = False
        self.problem: VesselError | None = None

    def keep(self) -> None:
        """Put there what is unsaved, in place of what is there; nothing is left where all is saved.

        Raises
        ------
        VesselError
            Where the rescue folder can't be written to; what is there is older then, or nothing.
        """
        with self._turn:
            if not self._is_over():
                self._keep()

    def renew(self) -> None:
        """Bring what is there, if anything, up to date: some of it is on the disk now."""
        if self._begun:
            with contextlib.suppress(VesselError):
                self.keep()

    def give_over(self, end: Callable[[], bool]) -> bool:
        """Leave what is unsaved there for whoever opens the picture next, and end the sitting.

        Returns
        -------
        bool
            False where it can't be left there, or ``end`` says that the picture is wanted again.
        """
        with self._turn:
            try:
                self._keep()
            except VesselError:
                return False
            if not end():
                return False
            self._rescue.release(self, Waiting(self._place.study, self._facts.image))
            return True

    def drop(self) -> None:
        """Take away what is there: all is saved."""
        if self._begun:
            with self._turn:
                self._drop()

    def _keep(self) -> None:
        self._begun = True  # before it is looked at what is unsaved: who saves it from now on takes it away
        unsaved = self._unsaved()
        if not unsaved.count:
            self._drop()
            return
        try:
            self._rescue.keep(self, self._place, self._facts, unsaved)
        except VesselError as problem:
            self.there, self.problem = False, problem
            raise
        self.there, self.problem = True, None

    def _drop(self) -> None:
        self._rescue.drop(self)
        self._begun = self.there = False
        self.problem = None
