"""The model in use, and asking it about the open picture."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import quantise
from vesselapp.core.geometry import Box
from vesselapp.state.answers import Answer
from vesselapp.state.document import Document
from vesselapp.state.finding import Finder, Question
from vesselapp.state.jobs import Job, Jobs
from vesselapp.state.settings import Settings

if TYPE_CHECKING:
    from vesselapp.inference.model import Model

SHOW_PARTS_PX = 16_000_000
"""From this size on, parts of an answer are shown as they come, beginning with what is in sight."""


class Asking:
    """Chooses a model and asks it; answers for a picture that is no longer open are dropped.

    Attributes
    ----------
    model : Model or None
        The one that answered last.
    answer : Answer or None
        For the open picture.
    object_diameter : float or None
        Of the open picture's cells, px, for models of one object size; None: found by itself.
    usual_diameter : float or None
        The same of pictures that nobody has worked on.
    of_study : str or None
        The model of the open study (name or file; empty: the shipped one); None without a study.
    progress, answered, failed, rested : Signal
        How far a run is; the document has its answer; why there is none; nothing is under way.
    """

    progress = Signal(str, float)
    answered = Signal()
    failed = Signal(object)
    rested = Signal()

    def __init__(self, jobs: Jobs, settings: Settings) -> None:
        self._jobs, self._settings = jobs, settings
        self.finder = Finder()
        self.model: Model | None = None
        self.answer: Answer | None = None
        self.object_diameter: float | None = None
        self.usual_diameter: float | None = None
        self.of_study: str | None = None
        self._document: Document | None = None
        self._task: str | None = None
        self._choice: str | None = None
        self._running: Job | None = None

    # -- which model -------------------------------------------------------------------------------------

    def question(self, task: str | None) -> Question:
        """Give which model is to be asked about a new picture, which may name what it is for."""
        usual = self._settings.model if self.of_study is None else self.of_study
        choice = self._choice or (usual if task is None else "")
        return Question(choice or None, task or "vessels", self._settings.provider, self.usual_diameter)

    def choose(self, choice: str | None) -> None:
        """Choose a model by name or file (None: the shipped one)."""
        self._choice = choice
        self._settings.model = choice or ""

    def choose_diameter(self, diameter: float | None) -> None:
        """Say how wide (px) cells are, in the open picture and in those that nobody has worked on."""
        self.object_diameter = self.usual_diameter = diameter

    def choose_study(self, model: str | None) -> None:
        """Turn to the model of a study (name or file; empty: the shipped one), or to none where None.

        What was chosen by hand before counts no longer.
        """
        self._choice, self.of_study = None, model

    def correct(self, changes: dict[str, object]) -> None:
        """Correct what was guessed of a foreign model (values by dotted name), and keep it.

        Raises
        ------
        VesselError
            Where the values don't fit, or can't be kept.
        """
        from vesselapp.inference.cards import correct_card, keep_card

        if self.model is not None:
            keep_card(self.model.sha256, correct_card(self.model.card, changes))
            self.finder.forget()

    # -- the open picture --------------------------------------------------------------------------------

    def follow(self, document: Document | None, task: str | None) -> None:
        """Turn to another picture; what was asked about the one before is dropped."""
        self.cancel()
        self._document, self._task, self.answer = document, task, None
        self.object_diameter = self.usual_diameter

    @property
    def present_question(self) -> Question:
        """Which model is to be asked about the open picture, and how."""
        return replace(self.question(self._task), object_diameter=self.object_diameter)

    @property
    def running(self) -> bool:
        """Whether an answer for the open picture is under way."""
        return self._running is not None

    def ask(self, first: Box | None = None, *, fresh: bool = False) -> None:
        """Ask the chosen model about the open picture, in the background.

        Parameters
        ----------
        first : Box, optional
            Where to begin (px).
        fresh : bool
            Whether to ask even where the answer is remembered.
        """
        document = self._document
        if document is None:
            self.rested.emit()
            return
        self.cancel()
        question = self.present_question
        by_parts = document.height * document.width >= SHOW_PARTS_PX

        def work(job: Job) -> tuple[Model, Answer]:
            show = partial(_deliver_part, job, document) if by_parts else None
            return self.finder.find(question, document.image, job, first=first, on_tile=show, fresh=fresh)

        def done(found: tuple[Model, Answer]) -> None:
            if document is self._document:
                self._running = None
                document.suggest_threshold(found[1].threshold)
                document.set_probability(found[1].probability)
                self.take(*found)

        self.progress.emit("Finding", 0.0)
        self._running = self._jobs.submit(
            "find",
            work,
            done,
            partial(self._on_failed, document),
            progress=lambda share: self.progress.emit("Finding", share),
            stopped=partial(self._on_stopped, document),
        )

    def take(self, model: Model | None, answer: Answer) -> None:
        """Take note of the answer that the open picture has (model: None where a person judged it before)."""
        self.model, self.answer = model or self.model, answer
        self.answered.emit()
        self.rested.emit()

    def cancel(self) -> None:
        """Stop the run, if one is under way; the parts of its answer in sight are taken back at once."""
        if self._running is not None:
            self._running.cancel()
            self._running = None
        if self._document is not None:
            self._document.drop_parts()

    def _on_failed(self, document: Document, error: VesselError) -> None:
        document.drop_parts()
        self._running = None
        self.failed.emit(error)
        self.rested.emit()

    def _on_stopped(self, document: Document) -> None:
        document.drop_parts()
        self.rested.emit()


def _deliver_part(
    job: Job, document: Document, box: tuple[int, int, int, int], part: NDArray[np.float32]
) -> None:
    """Hand a part of the answer to the document, on the thread that may touch it."""
    values = quantise(part)
    job.deliver(lambda: document.show_part(box[0], box[1], values))
