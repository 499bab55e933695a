"""The next picture and its mask, made ready while a person is at work on the one before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from vesselapp.core.files import FileState
from vesselapp.state.answers import Answer
from vesselapp.state.collection import Collection
from vesselapp.state.document import Document
from vesselapp.state.finding import Finder, Question
from vesselapp.state.jobs import Job, Jobs
from vesselapp.state.keeping import Keeper
from vesselapp.state.opening import Opened, Wishes, make_document, open_picture
from vesselapp.state.pictures import Entry

if TYPE_CHECKING:
    from vesselapp.inference.model import Model

LARGEST_PX = 40_000_000
"""Larger pictures are not made ready: two of them at once would take too much memory."""


class Ahead:
    """Makes one picture ready in the lane's idle times: first its pixels, then its mask.

    Parameters
    ----------
    jobs : Jobs
    finder : Finder
    keeper : Keeper
    """

    def __init__(self, jobs: Jobs, finder: Finder, keeper: Keeper) -> None:
        self._jobs, self._finder, self._keeper = jobs, finder, keeper
        self._wanted: tuple[Entry, Question] | None = None
        self._file: FileState | None = None
        self._job: Job | None = None
        self._opened: Opened | None = None
        self._ready: Callable[[Opened | None], None] | None = None

    def prepare(self, entry: Entry, collection: Collection, wishes: Wishes, question: Question) -> None:
        """Begin with a picture, in place of the one before; nothing is done where it is ready already."""
        if self._wanted == (entry, question) and (self._job is not None or self._opened is not None):
            return
        self.forget()
        self._wanted = mine = (entry, question)
        self._file = _state_of(entry)

        def work(_job: Job) -> Opened | None:
            opened = open_picture(entry, collection, self._keeper, wishes, to_write=False)
            return opened if opened.image.pixels.size // 3 <= LARGEST_PX else None

        def done(opened: Opened | None) -> None:
            if self._wanted is not mine:
                return
            self._job, self._opened = None, opened
            if self._ready is not None:
                self._hand_over()
            elif opened is not None:
                self._find(opened, wishes, question)

        def give_up() -> None:
            if self._wanted is mine:
                self._opened = None
                self._hand_over()

        self._job = self._jobs.submit(
            "read ahead", work, done, lambda _: give_up(), stopped=give_up, idle=True
        )

    def take(self, entry: Entry, ready: Callable[[Opened | None], None]) -> bool:
        """Hand a picture over as soon as its pixels are there, with its mask where that is there too.

        Parameters
        ----------
        entry : Entry
        ready : callable
            Gets the picture, now or when it has been read; None where it has to be opened after all.

        Returns
        -------
        bool
            False where the picture isn't being made ready, or its file is another one by now.
        """
        ours = self._wanted is not None and self._wanted[0] is entry and self._file == _state_of(entry)
        if not ours or not (self._job or self._opened):
            self.forget()
            return False
        self._ready = ready
        if self._job is not None:
            self._jobs.want(self._job)
        if self._opened is not None:
            self._hand_over()
        return True

    def forget_answer(self) -> None:
        """Drop what was made ready with another model; a picture that is waited for still comes."""
        if self._ready is None:
            self.forget()

    def forget(self) -> None:
        """Drop what was made ready, and stop."""
        if self._job is not None:
            self._job.cancel()
        self._wanted = self._job = self._opened = self._ready = None

    def _hand_over(self) -> None:
        """Give the picture away; a model that is being asked goes on, and the finder remembers its answer."""
        opened, ready = self._opened, self._ready
        self._wanted = self._job = self._opened = self._ready = None
        if ready is not None:
            ready(opened)

    def _find(self, opened: Opened, wishes: Wishes, question: Question) -> None:
        if opened.kept is not None and opened.kept.answer is not None:
            return
        if opened.kept is not None:
            question = replace(question, object_diameter=opened.kept.object_diameter)

        def work(job: Job) -> tuple[Model, Answer, Document]:
            model, answer = self._finder.find(question, opened.image, job)
            return model, answer, make_document(opened, wishes, answer.probability)

        def done(found: tuple[Model, Answer, Document]) -> None:
            self._job = None
            model, answer, document = found
            if self._opened is opened:
                opened.found, opened.document = (model, answer), document

        def stopped() -> None:
            if self._opened is opened:
                self._job = None

        self._job = self._jobs.submit(
            "find ahead", work, done, lambda _: stopped(), stopped=stopped, idle=True
        )


def _state_of(entry: Entry) -> FileState | None:
    return FileState.of(entry.path) if entry.path is not None else None
