"""The net's last features for the open picture: what learning from it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vesselapp.core.image import Image
from vesselapp.state.answers import Answer
from vesselapp.state.asking import Asking
from vesselapp.state.finding import Question
from vesselapp.state.jobs import Job, Jobs

if TYPE_CHECKING:
    from vesselapp.core.adapt import Features
    from vesselapp.inference.model import Model


@dataclass(frozen=True, eq=False)
class Material:
    """What a head is learnt from and applied to: a model, its own answer, the net's features if needed."""

    model: Model
    answer: Answer
    features: Features | None = None


class FeatureFinder:
    """Asks the model in use for features, and holds them for one answer.

    Parameters
    ----------
    jobs : Jobs
    asking : Asking
        The model in use.
    """

    def __init__(self, jobs: Jobs, asking: Asking) -> None:
        self._jobs, self._asking = jobs, asking
        self._held: tuple[Answer, Features] | None = None
        self._ready: Job | None = None

    def find(self, question: Question, image: Image, job: Job, *, with_features: bool = True) -> Material:
        """Ask a model, or remember what it said, and its features; for the lane's thread.

        Raises
        ------
        VesselError, Cancelled
        """
        from vesselapp.inference.features import features_of

        model, answer = self._asking.finder.find(question, image, job)
        if not with_features:
            return Material(model, answer)
        held = self._held
        if held is None or held[0] is not answer:
            assert answer.frame is not None
            found = features_of(
                model, image.pixels, answer.frame, progress=job.report, cancelled=job.cancelled
            )
            held = self._held = answer, found
        return Material(model, answer, held[1])

    def make_ready(self, image: Image, answer: Answer) -> None:
        """Compute the features in idle times, unless that is done or under way, or the model gives none."""
        model, held = self._asking.model, self._held
        if self._ready is not None or (held is not None and held[0] is answer):
            return
        if answer.judged or model is None or model.card.output.features is None:
            return
        question = self._asking.present_question

        def ended(_outcome: object = None) -> None:
            if self._ready is mine:
                self._ready = None

        mine = self._ready = self._jobs.submit(
            "features",
            lambda job: self.find(question, image, job),
            ended,
            ended,
            stopped=ended,
            idle=True,
        )

    def want(self) -> None:
        """Let what is being made ready come to its end, since it is wanted now."""
        if self._ready is not None:
            self._jobs.want(self._ready)

    def forget(self) -> None:
        """Let the features go, and stop computing them."""
        if self._ready is not None:
            self._ready.cancel()
        self._ready = self._held = None
