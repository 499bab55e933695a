"""Asking a model about a picture, on the background lane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.evidence import quantise
from vesselapp.core.geometry import Box
from vesselapp.core.image import Image
from vesselapp.state.answers import Answer, Answers, Asked

if TYPE_CHECKING:
    from vesselapp.inference.checks import Stamp
    from vesselapp.inference.model import Model
    from vesselapp.state.jobs import Job

OnTile = Callable[[tuple[int, int, int, int], NDArray[np.float32]], None]


@dataclass(frozen=True)
class Question:
    """Which model to ask, and how.

    Attributes
    ----------
    choice : str or None
        Name or file; None: the shipped one.
    task : str
        What the shipped one is for.
    provider : str
    object_diameter : float or None
        Px, for models of one object size; None: found by itself.
    """

    choice: str | None
    task: str
    provider: str
    object_diameter: float | None = None


class Finder:
    """Loads models as they are needed, and remembers their latest answers; for the lane's thread."""

    def __init__(self) -> None:
        self.answers = Answers()
        self._loaded: tuple[tuple[str | None, str, str], Stamp | None, Model] | None = None

    def load(self, question: Question) -> Model:
        """Give the model that is asked, loaded and tested on its provider; anew where its file has changed.

        Raises
        ------
        VesselError
            Where there is none, or it doesn't run.
        """
        # Loaded here, on the lane, so that the picture is painted before the runtime is in memory.
        from vesselapp.inference.catalog import find_model
        from vesselapp.inference.model import load_model
        from vesselapp.inference.providers import gui_threads

        wanted = (question.choice, question.task, question.provider)
        if self._loaded is not None and self._loaded[0] == wanted:
            _wanted, stamp, model = self._loaded
            if _stamp(model.path) in (stamp, None):
                return model
        path = find_model(question.choice, question.task)
        stamp = _stamp(path)
        model = load_model(path, question.provider, threads=gui_threads())
        self._loaded = (wanted, stamp, model)
        return model

    def sha256(self, question: Question) -> str:
        """Give the hash of the model that is asked, which isn't loaded for that (VesselError, OSError)."""
        from vesselapp.inference.catalog import find_model
        from vesselapp.inference.checks import model_sha256

        return model_sha256(find_model(question.choice, question.task))

    def find(
        self,
        question: Question,
        image: Image,
        job: Job,
        *,
        first: Box | None = None,
        on_tile: OnTile | None = None,
        fresh: bool = False,
    ) -> tuple[Model, Answer]:
        """Ask a model, or remember what it said.

        Parameters
        ----------
        question : Question
        image : Image
        job : Job
            Told of the progress, asked whether to go on.
        first : Box, optional
            Where to begin (px).
        on_tile : callable, optional
            Gets each part of the answer as it comes.
        fresh : bool
            Whether to ask even where the answer is remembered.

        Raises
        ------
        VesselError, Cancelled
        """
        from vesselapp.inference.predict import predict

        model = self.load(question)
        sized = model.card.scale.kind == "object_diameter"
        diameter = question.object_diameter if sized else None
        asked = Asked(image.sha256, model.sha256, diameter)
        known = None if fresh else self.answers.get(asked)
        if known is not None:
            return model, known
        found = predict(
            model,
            image.pixels,
            progress=job.report,
            cancelled=job.cancelled,
            first=first,
            on_tile=on_tile,
            object_diameter=diameter,
        )
        answer = Answer(
            quantise(found.probability),
            model.card.name,
            model.card.version,
            model.sha256,
            model.card.threshold,
            found.warnings,
            found.provider,
            model.provider_note,
            found.seconds,
            frame=found.frame,
            sized=sized,
            object_diameter=diameter,
            reading=model.reading,
        )
        self.answers.put(asked, answer)
        return model, answer

    def forget(self) -> None:
        """Load and ask anew from now on: a provider or a card has changed."""
        self._loaded = None
        self.answers.clear()


def _stamp(path: Path) -> Stamp | None:
    """Give the stamp of a model's files; None where they can't be seen."""
    from vesselapp.inference.checks import model_stamp

    try:
        return model_stamp(path)
    except OSError:
        return None
