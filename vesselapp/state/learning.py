"""Learning from the open picture: its corrections adapt the model's answer, everywhere in it at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from vesselapp.core.errors import VesselError
from vesselapp.core.learnt import Learnt
from vesselapp.state.answers import Answer
from vesselapp.state.asking import Asking
from vesselapp.state.document import Document
from vesselapp.state.features import FeatureFinder, Material
from vesselapp.state.finding import Question
from vesselapp.state.jobs import Job, Jobs
from vesselapp.state.lesson import OF_ANOTHER, Lesson, adapted_by, learn_from, refuse_other, too_little

NAME = "Learn from this picture"
OWN_NAME = "The model's own answer"
_STEPS_BEFORE = 3
"""After so many edits the features are made ready, in idle times."""
T = TypeVar("T")

_LEARNING, _ADAPTING = "Learning", "Adapting"
_STOPPED = {
    _LEARNING: "Learning from this picture was stopped; L learns again.",
    _ADAPTING: "Adapting to this picture was stopped: the model's own answer is in sight.",
}


class Learning:
    """Adapts the answer in sight to what was corrected, and keeps it in step with the history.

    What was learnt is an edit of the document (`Edit.learnt`): it is undone, redone and kept like the others.
    The answer in sight follows: it is computed anew from the model's own and the net's features, which are
    held for the open picture only.

    Parameters
    ----------
    jobs : Jobs
    asking : Asking
        The model in use, and its answer.
    is_reviewed : callable
        Says whether the picture is reviewed: then no other answer takes the place of the one in sight.

    Attributes
    ----------
    changed : Signal
        The answer in sight is adapted otherwise than before.
    progress : Signal
        Words and share done (0-1).
    rested : Signal
        Nothing is under way.
    told, failed : Signal
        A sentence for the person; an error.
    stopped_told : str
        What is to be told where what was begun last is stopped.
    taken_back : Signal
        A sentence told before that no longer holds.
    """

    changed = Signal()
    progress = Signal(str, float)
    rested = Signal()
    told = Signal(str)
    taken_back = Signal(str)
    failed = Signal(object)

    def __init__(self, jobs: Jobs, asking: Asking, is_reviewed: Callable[[], bool] = lambda: False) -> None:
        self._jobs, self._asking, self._is_reviewed = jobs, asking, is_reviewed
        self._features = FeatureFinder(jobs, asking)
        self._document: Document | None = None
        self._answer: Answer | None = None
        self._planes: dict[Learnt, NDArray[np.uint8]] = {}
        self._job: Job | None = None
        self._turn: object | None = None
        self._given_up: list[tuple[Learnt | None, Question]] = []
        self._said: tuple[Learnt | None, str] = (None, "")
        self._refused: tuple[object, str] = (None, "")
        self.stopped_told = ""
        self._outrun = False  # by strokes made while the last lesson was computed

    @property
    def running(self) -> bool:
        """Whether the answer is being adapted."""
        return self._turn is not None

    @property
    def unused(self) -> str:
        """Why what was learnt doesn't adapt the answer in sight, as a sentence; empty where it does."""
        learnt = self._document.learnt if self._document is not None else None
        answer = self._asking.answer
        if learnt is None or answer is None or answer.judged or learnt.model_sha256 == answer.model_sha256:
            return ""
        return OF_ANOTHER

    def follow(self, document: Document | None) -> None:
        """Turn to another picture."""
        self.cancel()
        if self._document is not None:
            self._document.history_changed.disconnect(self.catch_up)
        self._document, self._outrun = document, False
        self._forget()
        if document is not None:
            document.history_changed.connect(self.catch_up)

    def cancel(self) -> None:
        """Stop what is under way."""
        if self._job is not None:
            self._job.cancel()
        self._turn = self._job = None

    # -- what a person asks for --------------------------------------------------------------------------

    def learn(self) -> None:
        """Adapt the model's answer to the corrections made so far, as one step of the history."""
        document, answer = self._document, self._asking.answer
        if document is None or self.running:
            return
        problem = self._why_not(document)
        if problem:
            self._refused = (document.history.state, problem)
            self.told.emit(problem)
            return
        assert document.probability is not None
        assert answer is not None
        corrections, shown, level = document.corrections.copy(), document.probability, document.level
        begun, question = document.history.state, self._asking.present_question

        def work(job: Job) -> Lesson:
            found = self._features.find(question, document.image, job)
            refuse_other(answer, found)
            return learn_from(found, shown, corrections, level)

        def done(lesson: Lesson) -> None:
            if not document.history.leads_on_from(begun):
                self.told.emit("Corrections were undone meanwhile, so nothing was learnt: press L again.")
                return
            self._outrun = document.history.state is not begun
            self._take(lesson.found)
            self._planes = {lesson.learnt: lesson.plane}
            if document.learn(NAME, lesson.learnt):
                said = (
                    f"Learnt from {lesson.learnt.pixels:,} corrected pixels: {lesson.changed:,} others "
                    "changed. Ctrl+Z takes it back."
                )
                self._said = (lesson.learnt, said)
                self.told.emit(said)

        self._features.want()
        self._run(_LEARNING, work, done)

    def own_again(self) -> None:
        """Go back to the model's own answer, as one step of the history; nothing where it is in sight."""
        document = self._document
        if document is not None and document.learnt is not None:
            document.learn(OWN_NAME, Learnt(None, document.learnt.model_sha256))

    def _why_not(self, document: Document) -> str:
        """Say why nothing can be learnt now; empty where something can."""
        if document.locked:
            return document.locked
        if document.probability is None or self._asking.answer is None or self._asking.running:
            return "There is no answer to learn on yet: wait for the model, or run it (F5)."
        model = self._asking.model
        if model is not None and model.card.output.features is None:
            return f"{model.card.name} can't learn from one picture: its file gives no features."
        if document.history.ends_learnt and document.adapted == document.learnt and not self._outrun:
            return "Nothing was corrected since this picture was learnt from."
        return too_little(document.corrections)

    # -- in step with the history ------------------------------------------------------------------------

    def note_answer(self, answer: Answer) -> None:
        """Take note of the answer that the open picture has, and adapt it where that was learnt before."""
        document = self._document
        if document is None:
            return
        if answer is not self._answer:
            self._forget()
            self._answer = answer
        self.catch_up()

    def catch_up(self) -> None:
        """Bring the answer in sight to what the history says."""
        document, answer = self._document, self._asking.answer
        if document is None:
            return
        self._take_back(document)
        if answer is None or self._asking.running or self._is_reviewed():
            return
        learnt = document.learnt
        of_this = learnt is not None and answer.model_sha256 == learnt.model_sha256
        wanted = learnt if of_this else None
        if wanted == document.adapted:
            if document.history.edits_done >= _STEPS_BEFORE:
                self._features.make_ready(document.image, answer)
        elif wanted is None and not answer.judged:
            self._show(document, answer.probability, None)
        elif wanted is not None and wanted in self._planes:
            self._show(document, self._planes[wanted], wanted)
        elif (wanted, self._asking.present_question) not in self._given_up:
            self._compute(document, answer, wanted)

    def _show(self, document: Document, plane: NDArray[np.uint8], learnt: Learnt | None) -> None:
        if document.adapted is not None and document.probability is not None:
            self._planes = {document.adapted: document.probability}
        document.set_probability(plane, learnt)
        self.changed.emit()

    def _take_back(self, document: Document) -> None:
        """Take back what was said of a lesson or refused: it is so no longer, or a newer step followed."""
        unused = self.unused
        if not unused:
            self.taken_back.emit(OF_ANOTHER)
        at, problem = self._refused
        if problem and (document.history.state is not at or problem != self._why_not(document)):
            self._refused = (None, "")
            self.taken_back.emit(problem)
        of, said = self._said
        if said and (unused or of != document.learnt or not document.history.ends_learnt):
            self._said = (None, "")
            self.taken_back.emit(said)

    def _compute(self, document: Document, answer: Answer, wanted: Learnt | None) -> None:
        """Compute the answer that the history asks for."""
        if self.running:
            return  # it is looked at again afterwards
        question = self._asking.present_question

        def work(job: Job) -> tuple[Material, NDArray[np.uint8]]:
            found = self._features.find(question, document.image, job, with_features=wanted is not None)
            refuse_other(answer, found)
            return found, adapted_by(found, wanted)

        def done(result: tuple[Material, NDArray[np.uint8]]) -> None:
            self._take(result[0])
            if wanted is not None:
                self._planes = {wanted: result[1]}

        self._features.want()
        self._run(_ADAPTING, work, done, lambda: self._given_up.append((wanted, question)))

    # -- slow work ---------------------------------------------------------------------------------------

    def _take(self, found: Material) -> None:
        """Take note of the answer that was asked for."""
        if self._asking.answer is not found.answer:
            self._answer = found.answer  # what is held is of this one
            self._asking.take(found.model, found.answer)

    def _forget(self) -> None:
        self._answer = None
        self._features.forget()
        self._planes.clear()
        self._given_up.clear()

    def _run(
        self,
        words: str,
        work: Callable[[Job], T],
        done: Callable[[T], None],
        given_up: Callable[[], None] = lambda: None,
    ) -> None:
        mine = self._turn = object()
        self.stopped_told = _STOPPED[words]

        def settle(result: T) -> None:
            done(result)  # as long as this counts as running, nothing else is begun
            end()

        def failed(error: VesselError) -> None:
            given_up()
            self.failed.emit(error)
            end()

        def end() -> None:
            if self._turn is mine:
                self._turn = self._job = None
                self.catch_up()
            self.rested.emit()

        self.progress.emit(words, 0.0)
        self._job = self._jobs.submit(
            words,
            work,
            settle,
            failed,
            progress=lambda share: self.progress.emit(words, share),
            stopped=end,
        )
