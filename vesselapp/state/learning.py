"""Learning from the open picture: its corrections adapt the model's answer, everywhere in it at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import Correction
from vesselapp.core.learnt import Learnt
from vesselapp.state.answers import Answer
from vesselapp.state.asking import Asking
from vesselapp.state.document import Document
from vesselapp.state.jobs import Job, Jobs

if TYPE_CHECKING:
    from vesselapp.core.adapt import Features
    from vesselapp.inference.model import Model

NAME = "Learn from this picture"
OWN_NAME = "The model's own answer"
_OF_ANOTHER = "What was learnt from this picture is of another model: it is not used."
T = TypeVar("T")
FEWEST_PX = 100
"""Corrected pixels to learn from, of both kinds together."""
FEWEST_OF_KIND_PX = 20
_STEPS_BEFORE = 3
"""After so many edits the features are made ready, in idle times."""


@dataclass(frozen=True, eq=False)
class _Material:
    """What a head is learnt from and applied to: a model, its own answer, the net's features if needed."""

    model: Model
    answer: Answer
    features: Features | None = None


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
    """

    changed = Signal()
    progress = Signal(str, float)
    rested = Signal()
    told = Signal(str)
    failed = Signal(object)

    def __init__(self, jobs: Jobs, asking: Asking) -> None:
        self._jobs, self._asking = jobs, asking
        self._document: Document | None = None
        self._answer: Answer | None = None
        self._features: Features | None = None
        self._planes: dict[Learnt, NDArray[np.uint8]] = {}
        self._job: Job | None = None
        self._turn: object | None = None
        self._given_up: list[Learnt | None] = []
        self._ready: Job | None = None

    @property
    def running(self) -> bool:
        """Whether the answer is being adapted."""
        return self._turn is not None

    def follow(self, document: Document | None) -> None:
        """Turn to another picture."""
        self.cancel()
        if self._document is not None:
            self._document.history_changed.disconnect(self.catch_up)
        self._document = document
        self._forget()
        if document is not None:
            document.history_changed.connect(self.catch_up)

    def cancel(self) -> None:
        """Stop what is under way."""
        for job in (self._job, self._ready):
            if job is not None:
                job.cancel()
        self._turn = self._job = self._ready = None

    # -- what a person asks for --------------------------------------------------------------------------

    def learn(self) -> None:
        """Adapt the model's answer to the corrections made so far, as one step of the history."""
        document = self._document
        if document is None or self.running:
            return
        problem = document.locked or self._why_not(document)
        if problem:
            self.told.emit(problem)
            return
        assert document.probability is not None
        corrections, shown, level = document.corrections.copy(), document.probability, document.level

        def work(job: Job) -> tuple[_Material, Learnt, NDArray[np.uint8], int]:
            from vesselapp.core.adapt import adapted, fit_head

            found = self._find(document, job)
            features, own = found.features, found.answer.probability
            assert features is not None
            head = fit_head(features, own, shown, corrections, level)
            if head is None:
                raise VesselError(
                    "Nothing that repeats was found in the corrections, so the answer stays as it is.",
                    "Correct more mistakes of the same kind, and try again.",
                )
            plane, free = adapted(features, own, head), corrections == Correction.NONE
            changed = np.count_nonzero(((plane >= level) != (shown >= level)) & free)
            pixels = np.count_nonzero(~free & (corrections != Correction.UNSURE))
            return found, Learnt(head, found.model.sha256, int(pixels)), plane, int(changed)

        def done(result: tuple[_Material, Learnt, NDArray[np.uint8], int]) -> None:
            found, learnt, plane, changed = result
            self._take(found)
            self._planes = {learnt: plane}
            document.learn(NAME, learnt)
            self.told.emit(
                f"Learnt from {learnt.pixels:,} corrected pixels: {changed:,} others changed. "
                "Ctrl+Z takes it back."
            )

        self._run("Learning", work, done)

    def own_again(self) -> None:
        """Go back to the model's own answer, as one step of the history; nothing where it is in sight."""
        document = self._document
        if document is not None and document.learnt is not None:
            document.learn(OWN_NAME, Learnt(None, document.learnt.model_sha256))

    def _why_not(self, document: Document) -> str:
        """Say why nothing can be learnt now; empty where something can."""
        if document.probability is None or self._asking.answer is None or self._asking.running:
            return "There is no answer to learn on yet: wait for the model, or run it (F5)."
        model = self._asking.model
        if model is not None and model.card.output.features is None:
            return f"{model.card.name} can't learn from one picture: its file gives no features."
        if document.history.ends_learnt:
            return "Nothing was corrected since this picture was learnt from."
        return _too_little(document.corrections)

    # -- in step with the history ------------------------------------------------------------------------

    def note_answer(self, answer: Answer) -> None:
        """Take note of the answer that the open picture has, and adapt it where that was learnt before."""
        document = self._document
        if document is None:
            return
        if answer is not self._answer:
            self._forget()
            self._answer = answer
        learnt = document.learnt
        if learnt is not None and not answer.judged and learnt.model_sha256 != answer.model_sha256:
            self.told.emit(_OF_ANOTHER)
        self.catch_up()

    def catch_up(self) -> None:
        """Bring the answer in sight to what the history says."""
        document, answer = self._document, self._asking.answer
        if document is None or answer is None or self._asking.running:
            return
        learnt = document.learnt
        of_this = learnt is not None and (answer.judged or answer.model_sha256 == learnt.model_sha256)
        wanted = learnt if of_this else None
        if wanted == document.adapted:
            self._make_ready(document, answer)
        elif wanted is None and not answer.judged:
            self._show(document, answer.probability, None)
        elif wanted is not None and wanted in self._planes:
            self._show(document, self._planes[wanted], wanted)
        elif wanted not in self._given_up:
            self._compute(document, wanted)

    def _show(self, document: Document, plane: NDArray[np.uint8], learnt: Learnt | None) -> None:
        if document.adapted is not None and document.probability is not None:
            self._planes = {document.adapted: document.probability}
        document.set_probability(plane, learnt)
        self.changed.emit()

    def _compute(self, document: Document, wanted: Learnt | None) -> None:
        """Compute the answer that the history asks for."""
        if self.running:
            return  # it is looked at again afterwards

        def work(job: Job) -> tuple[_Material, NDArray[np.uint8]]:
            from vesselapp.core.adapt import adapted

            found = self._find(document, job, with_features=wanted is not None)
            if wanted is None or wanted.head is None or found.features is None:
                return found, found.answer.probability
            if found.model.sha256 != wanted.model_sha256:
                raise VesselError(_OF_ANOTHER)
            try:
                return found, adapted(found.features, found.answer.probability, wanted.head)
            except ValueError as problem:
                raise VesselError("What was learnt from this picture doesn't fit its model.") from problem

        def done(result: tuple[_Material, NDArray[np.uint8]]) -> None:
            self._take(result[0])
            if wanted is not None:
                self._planes = {wanted: result[1]}

        self._run("Adapting", work, done, lambda: self._given_up.append(wanted))

    # -- slow work ---------------------------------------------------------------------------------------

    def _find(self, document: Document, job: Job, *, with_features: bool = True) -> _Material:
        """Ask the model, or remember what it said, and its features; on the lane."""
        from vesselapp.inference.features import features_of

        model, answer = self._asking.finder.find(self._asking.present_question, document.image, job)
        if not with_features:
            return _Material(model, answer)
        if self._features is not None and answer is self._answer:
            return _Material(model, answer, self._features)
        assert answer.frame is not None
        pixels, stop = document.image.pixels, job.cancelled
        found = features_of(model, pixels, answer.frame, progress=job.report, cancelled=stop)
        return _Material(model, answer, found)

    def _take(self, found: _Material) -> None:
        """Hold what was found for the open picture."""
        if self._asking.answer is not found.answer:
            self._asking.take(found.model, found.answer)
        self._answer = found.answer
        self._features = found.features or self._features

    def _forget(self) -> None:
        self._answer = self._features = None
        self._planes.clear()
        self._given_up.clear()

    def _make_ready(self, document: Document, answer: Answer) -> None:
        """Compute the features in idle times, once a few edits tell that the picture is being corrected."""
        model, known = self._asking.model, self._features is not None or self._ready is not None
        if known or answer.judged or model is None or model.card.output.features is None:
            return
        if document.history.edits_done < _STEPS_BEFORE:
            return

        def done(found: _Material) -> None:
            self._ready = None
            if found.answer is self._answer:
                self._features = found.features

        def ended() -> None:
            self._ready = None

        self._ready = self._jobs.submit(
            "features",
            lambda job: self._find(document, job),
            done,
            lambda _error: ended(),
            stopped=ended,
            idle=True,
        )

    def _run(
        self,
        words: str,
        work: Callable[[Job], T],
        done: Callable[[T], None],
        given_up: Callable[[], None] = lambda: None,
    ) -> None:
        mine = self._turn = object()

        def settle(result: T) -> None:
            done(result)  # as long as this counts as running, nothing else is begun
            end()

        def failed(error: Exception) -> None:
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


def _too_little(corrections: NDArray[np.uint8]) -> str:
    """Say why corrections are too few to learn from; empty where they are not."""
    background = int(np.count_nonzero(corrections == Correction.BACKGROUND))
    foreground = int(np.count_nonzero(corrections == Correction.FOREGROUND))
    if background + foreground < FEWEST_PX:
        found = background + foreground
        return f"Too little is corrected to learn from: {found} pixels of at least {FEWEST_PX}."
    if min(background, foreground) < FEWEST_OF_KIND_PX:
        only, other = ("added", "erase") if foreground > background else ("erased", "add")
        return f"So far you have only {only}: {other} something too, so that both sides are known."
    return ""
