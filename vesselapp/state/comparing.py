"""What incumbent and candidate say of a picture, for a look at both side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import level_of, quantise
from vesselapp.core.image import Image, read_image
from vesselapp.core.pyramid import Pyramid, halve_evidence, halve_pixels
from vesselapp.state.jobs import Job, Jobs
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.record import State

if TYPE_CHECKING:
    from vesselapp.inference.checks import Stamp
    from vesselapp.inference.model import Model


@dataclass(frozen=True)
class Wanted:
    """A picture to compare two models on; ``place`` is where its annotation lies."""

    picture: Path
    incumbent: Path
    candidate: Path
    place: AnnotationFolder


@dataclass(frozen=True, eq=False)
class Side:
    """A mask: evidence ((H, W) uint8 and its reduced copies) and the level (2-253) it is cut at."""

    evidence: Pyramid
    level: int


@dataclass(frozen=True, eq=False)
class Compared:
    """A picture with the answers of both models.

    Attributes
    ----------
    wanted : Wanted
    pixels : Pyramid
        Of the (H, W, 3) uint8 picture.
    incumbent, candidate : Side
    reviewed : Side or None
        The mask that a person reviewed.
    only_old, only_new, both : float
        Shares of the picture's px, 0-1.
    """

    wanted: Wanted
    pixels: Pyramid
    incumbent: Side
    candidate: Side
    reviewed: Side | None
    only_old: float
    only_new: float
    both: float


class Comparing:
    """Lets two models answer.

    Parameters
    ----------
    jobs : Jobs
        Another lane than the open picture's, which doesn't wait for this.

    Attributes
    ----------
    provider : str
        What models are asked with, as in the settings.
    found : Signal
        Carries a `Compared`.
    failed : Signal
        Carries a VesselError.
    progress : Signal
        Carries the share done, 0-1.
    """

    found = Signal(object)
    failed = Signal(object)
    progress = Signal(float)

    def __init__(self, jobs: Jobs) -> None:
        self.provider = "auto"
        self._jobs = jobs
        self._job: Job | None = None
        self._models: dict[tuple[Path, Stamp, str], Model] = {}

    def ask(self, wanted: Wanted) -> None:
        """Compare on a picture; one that was asked for before is dropped."""
        self.cancel()
        self._job = self._jobs.submit(
            "compare",
            lambda job: self._compare(wanted, job),
            self.found.emit,
            self.failed.emit,
            progress=self.progress.emit,
        )

    def cancel(self) -> None:
        """Drop what is under way."""
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def _compare(self, wanted: Wanted, job: Job) -> Compared:
        image = read_image(wanted.picture)
        size = _said_size(wanted.place)
        old = self._answer(wanted.incumbent, image, size, job, 0.0)
        new = self._answer(wanted.candidate, image, size, job, 0.5)
        in_old = old.evidence.levels[0] >= old.level
        in_new = new.evidence.levels[0] >= new.level
        return Compared(
            wanted,
            Pyramid(image.pixels, halve_pixels),
            old,
            new,
            _reviewed(wanted.place, image),
            float((in_old & ~in_new).mean()),
            float((in_new & ~in_old).mean()),
            float((in_old & in_new).mean()),
        )

    def _answer(self, file: Path, image: Image, size: float | None, job: Job, begin: float) -> Side:
        from vesselapp.inference.predict import predict

        model = self._model(file)
        found = predict(
            model,
            image.pixels,
            progress=lambda share: job.report(begin + share / 2),
            cancelled=job.cancelled,
            object_diameter=size,
        )
        return Side(Pyramid(quantise(found.probability), halve_evidence), level_of(model.card.threshold))

    def _model(self, file: Path) -> Model:
        """Give a loaded model; two are kept, since one pair is looked at at a time."""
        from vesselapp.inference.checks import model_stamp
        from vesselapp.inference.model import load_model
        from vesselapp.inference.providers import gui_threads

        try:
            key = (file, model_stamp(file), self.provider)
        except OSError as problem:
            raise VesselError(f"The model file {file} is gone.") from problem
        if key not in self._models:
            while len(self._models) > 1:
                del self._models[next(iter(self._models))]
            self._models[key] = load_model(file, self.provider, threads=gui_threads())
        return self._models[key]


def _said_size(place: AnnotationFolder) -> float | None:
    """Give how wide (px) a person said the cells are; None where nobody did, or it can't be read."""
    try:
        record = place.record()
    except VesselError:
        return None
    return None if record is None else record.object_diameter


def _reviewed(place: AnnotationFolder, image: Image) -> Side | None:
    """Give the mask that a person reviewed; None where there is none that can be read."""
    try:
        height, width = image.pixels.shape[:2]
        kept = place.load(image.sha256, height, width, 0)
    except VesselError:
        return None
    record = kept.record if kept is not None else None
    if kept is None or record is None or record.state is not State.REVIEWED or kept.needs_answer:
        return None
    mask = quantise(kept.mask().astype(np.float32))
    return Side(Pyramid(mask, halve_evidence), level_of(0.5))
