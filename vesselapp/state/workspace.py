"""What the window works on: the pictures at hand, the open document, the model, and the commands on them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import dequantise, quantise
from vesselapp.core.export import write_outputs
from vesselapp.core.files import make_folder
from vesselapp.core.geometry import Box
from vesselapp.core.image import Image
from vesselapp.core.pyramid import Pyramid, halve_pixels
from vesselapp.state.document import Document
from vesselapp.state.jobs import Job, Jobs
from vesselapp.state.settings import Settings
from vesselapp.state.sources import ReadAhead, Source
from vesselapp.study.annotation import Annotation, AnnotationStore, Record

if TYPE_CHECKING:
    from vesselapp.inference.model import Model

_log = logging.getLogger(__name__)
_SHOW_PARTS_PX = 16_000_000
"""From this size on, parts of an answer are shown as they come, beginning with what is in sight."""


@dataclass(frozen=True, eq=False)
class _Opened:
    image: Image
    pixels: Pyramid
    annotation: Annotation | None
    problem: VesselError | None


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model said about the open picture, and how."""

    probability: NDArray[np.uint8]
    warnings: tuple[str, ...]
    provider: str
    provider_note: str
    seconds: float


class Workspace:
    """The app without its window.

    Every slow step goes through the one background lane; answers for a picture that is no longer open
    are dropped by generation number, and those of a model that is no longer chosen by cancelling its run.
    """

    pictures_changed = Signal()
    document_changed = Signal()
    model_changed = Signal()
    answered = Signal()
    progress = Signal(str, float)
    idle = Signal()
    failed = Signal(object)
    told = Signal(str)
    saved = Signal()

    def __init__(
        self, jobs: Jobs, settings: Settings, store: AnnotationStore, ahead: ReadAhead | None = None
    ) -> None:
        self.jobs = jobs
        self.settings = settings
        self.store = store
        self.ahead = ahead or ReadAhead()
        self.sources: list[Source] = []
        self.index = -1
        self.document: Document | None = None
        self.name = ""
        self.model: Model | None = None
        self.answer: Answer | None = None
        self._chosen: str | None = None
        self._loaded_as: tuple[str | None, str] | None = None
        self.object_diameter: float | None = None
        self.box_in_sight: Callable[[], Box | None] = lambda: None
        self._generation = 0
        self._running: Job | None = None
        self._opening: Job | None = None

    # -- pictures -------------------------------------------------------------------------------------------

    def set_sources(self, sources: Sequence[Source]) -> None:
        """Take a new list of pictures and open the first."""
        self.sources = list(sources)
        self.index = -1
        self.pictures_changed.emit()
        if self.sources:
            self.open(0)

    def open(self, index: int) -> None:
        """Open the picture at a place of the list; what is unsaved on the one before is saved first."""
        if not 0 <= index < len(self.sources):
            return
        if self.document is not None:
            self.document.end_stroke("Stroke")
        if not self.save():
            return
        self.cancel()
        if self._opening is not None:
            self._opening.cancel()
        self._generation += 1
        generation, source = self._generation, self.sources[index]
        self.index = index
        self.pictures_changed.emit()

        def work(job: Job) -> _Opened:
            return self._read(source)

        def done(opened: _Opened) -> None:
            self._opening = None
            if generation == self._generation:
                self._show(source, opened)

        def failed(error: Exception) -> None:
            # An empty canvas rather than the picture before under this one's name.
            self.document = self.answer = None
            self.document_changed.emit()
            self._tell_failure(error)

        self.progress.emit(f"Opening {source.name}", 0.0)
        self._opening = self.jobs.submit("open", work, done, failed, stopped=self._rest)

    def step(self, by: int) -> None:
        """Open the next (1) or previous (-1) picture of the list."""
        self.open(self.index + by)

    def _read(self, source: Source) -> _Opened:
        image = source.read()
        annotation, problem = None, None
        try:
            annotation = self.store.load(image)
        except VesselError as error:
            problem = error
            self.store.set_aside(image)
        return _Opened(image, Pyramid(image.pixels, halve_pixels), annotation, problem)

    def _show(self, source: Source, opened: _Opened) -> None:
        threshold = self.model.card.threshold if self.model else 0.5
        document = Document(opened.image, opened.pixels, threshold, self.settings.history_megabytes * 2**20)
        if opened.annotation is not None:
            record = opened.annotation.record
            document.load_corrections(
                opened.annotation.corrections, record.threshold, _local_time(record.saved)
            )
        self.document, self.answer, self.name = document, None, source.name
        self.document_changed.emit()
        if opened.problem is not None:
            self.failed.emit(opened.problem)
        for note in opened.image.notes:
            self.told.emit(note)
        self.run_model()

    # -- the model ------------------------------------------------------------------------------------------

    def use_model(self, choice: str | None) -> None:
        """Choose a model by name or file (None: the shipped one) and run it on the open picture."""
        self.cancel()
        self._chosen = choice
        self.settings.model = choice or ""
        self._loaded_as = None
        self.run_model()

    def run_model(self) -> None:
        """Run the chosen model on the open picture, in the background."""
        document = self.document
        if document is None:
            self._rest()
            return
        self.cancel()
        generation, provider, wanted = self._generation, self.settings.provider, self.wanted_model()
        loaded = self.model if wanted == self._loaded_as else None
        pixels = document.image.pixels
        seen, size = self.box_in_sight(), self.object_diameter
        by_parts = pixels.shape[0] * pixels.shape[1] >= _SHOW_PARTS_PX

        def work(job: Job) -> tuple[Model, Answer]:
            # Loaded here, on the lane, so that the picture is painted before the runtime is in memory.
            from vesselapp.inference.catalog import find_model
            from vesselapp.inference.model import load_model
            from vesselapp.inference.predict import predict
            from vesselapp.inference.providers import gui_threads

            model = loaded or load_model(find_model(*wanted), provider, threads=gui_threads())
            show = partial(self._deliver_part, job, document) if by_parts else None
            found = predict(
                model,
                pixels,
                progress=job.report,
                cancelled=job.cancelled,
                first=seen,
                on_tile=show,
                object_diameter=size,
            )
            probability = quantise(found.probability)
            return model, Answer(
                probability, found.warnings, found.provider, model.provider_note, found.seconds
            )

        def done(result: tuple[Model, Answer]) -> None:
            if generation == self._generation and document is self.document:
                self._loaded_as = wanted
                self._take(*result)

        self.progress.emit("Finding", 0.0)
        self._running = self.jobs.submit(
            "find",
            work,
            done,
            partial(self._run_failed, document),
            progress=lambda share: self.progress.emit("Finding", share),
            stopped=partial(self._run_stopped, document),
        )

    def _deliver_part(
        self, job: Job, document: Document, box: tuple[int, int, int, int], part: NDArray[np.float32]
    ) -> None:
        """Hand a part of the answer to the document, on the thread that may touch it."""
        values = quantise(part)
        job.deliver(lambda: document.show_part(box[0], box[1], values))

    def _run_failed(self, document: Document, error: Exception) -> None:
        document.drop_parts()
        self._tell_failure(error)

    def _run_stopped(self, document: Document) -> None:
        document.drop_parts()
        self._rest()

    def set_object_diameter(self, diameter: float | None) -> None:
        """Say how wide (px) the objects are, for models of one object size; None: found by itself."""
        if diameter != self.object_diameter:
            self.object_diameter = diameter
            self.run_model()

    def reload_model(self) -> None:
        """Load the model anew, after the choice of provider changed, and run it."""
        self.cancel()
        self._loaded_as = None
        self.run_model()

    def correct_model(self, changes: dict[str, object]) -> None:
        """Correct what was guessed of a foreign model (values by dotted name), keep it, and run it again."""
        from vesselapp.inference.cards import correct_card, keep_card

        if self.model is None:
            return
        try:
            keep_card(self.model.sha256, correct_card(self.model.card, changes))
        except VesselError as error:
            self.failed.emit(error)
            return
        self._loaded_as = None
        self.run_model()

    def wanted_model(self) -> tuple[str | None, str]:
        """Give the name or file (None: the shipped one) and the task of the model for the open picture."""
        task = self.sources[self.index].task
        used_last = self.settings.model if task is None and self.settings.model else None
        return self._chosen or used_last, task or "vessels"

    def cancel(self) -> None:
        """Stop the model's run, if one is under way; the document stays as it is."""
        if self._running is not None:
            self._running.cancel()
            self._running = None

    def _take(self, model: Model, answer: Answer) -> None:
        assert self.document is not None
        self._running = None
        self.model, self.answer = model, answer
        self.model_changed.emit()
        self.document.suggest_threshold(model.card.threshold)
        self.document.set_probability(answer.probability)
        self.answered.emit()
        self.idle.emit()

    # -- keeping --------------------------------------------------------------------------------------------

    def save(self) -> bool:
        """Keep the open picture's corrections; False (and told) where that failed."""
        document = self.document
        if document is None or not document.unsaved:
            return True
        state = document.state
        try:
            self.store.save(document.image, document.corrections, self._record(document))
        except VesselError as error:
            self.failed.emit(error)
            return False
        document.mark_saved(state, f"{datetime.now():%H:%M:%S}")
        self.saved.emit()
        return True

    def export(self, folder: Path, kinds: Sequence[str]) -> list[Path]:
        """Write the open picture's mask, overlay and probability at its own size; give the files.

        Raises
        ------
        VesselError
            Where nothing is open or a file can't be written.
        """
        document = self.document
        if document is None:
            raise VesselError("No picture is open.", "Open one first (Ctrl+O).")
        probability = None
        if "probability" in kinds:
            if document.probability is None:
                raise VesselError(
                    "No model has answered for this picture yet.", "Wait for it, or run it (F5)."
                )
            probability = dequantise(document.probability)
        written = write_outputs(
            make_folder(folder),
            self.export_stem(),
            kinds,
            document.image.pixels,
            document.mask(),
            probability,
            colour=self.settings.overlay_colour,
            opacity=self.settings.overlay_opacity,
        )
        return list(written.values())

    def export_stem(self) -> str:
        """The name that exported files begin with."""
        return Path(self.name).stem or "picture"

    def _record(self, document: Document) -> Record:
        return Record(
            image=self.name,
            sha256=document.image.sha256,
            height=document.height,
            width=document.width,
            threshold=document.threshold,
            model=self.model.card.name if self.model else "",
            model_sha256=self.model.sha256 if self.model else "",
        )

    # -- telling --------------------------------------------------------------------------------------------

    def _tell_failure(self, error: Exception) -> None:
        self._running = self._opening = None
        if not isinstance(error, VesselError):
            error = VesselError(
                f"Something went wrong inside the app: {error!r}.", "The log file has the details."
            )
        self.failed.emit(error)
        self.idle.emit()

    def _rest(self) -> None:
        """Tell that nothing is under way, unless a newer job is."""
        if self._running is None and self._opening is None:
            self.idle.emit()


def _local_time(stamp: str) -> str:
    """Give an ISO time as a person's own date and time; as it is where it is none."""
    try:
        return f"{datetime.fromisoformat(stamp).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return stamp
