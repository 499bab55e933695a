"""Turning to other pictures, of files and folders or of a study: looked for in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vesselapp.core.errors import VesselError
from vesselapp.core.walk import find_pictures
from vesselapp.state.collection import Collection, LoosePictures, StudyPictures
from vesselapp.state.desk import Desk
from vesselapp.state.jobs import Job, Jobs
from vesselapp.state.keeping import Keeper
from vesselapp.state.pictures import Entry
from vesselapp.state.sources import ReadAhead, Source
from vesselapp.study.store import AnnotationStore

if TYPE_CHECKING:
    from vesselapp.study.annotation import AnnotationFolder
    from vesselapp.study.study import Study


@dataclass(frozen=True)
class Turned:
    """The pictures to turn to.

    Attributes
    ----------
    collection : Collection
    entries : sequence of Entry
    study : Study or None
        Whose they are.
    model : str
        The study's.
    sentences : sequence of str
        What a person should know, with the first of them.
    """

    collection: Collection
    entries: Sequence[Entry]
    study: Study | None = None
    model: str = ""
    sentences: Sequence[str] = ()


class Turning:
    """Looks for pictures and hands them over; the open one stays until then, and where nothing comes of it.

    Parameters
    ----------
    jobs : Jobs
    desk : Desk
    keeper : Keeper
    store : AnnotationStore
        Annotations of pictures opened without a study.
    hashes : Path
        File in which hashes of pictures are remembered.
    first_read : ReadAhead
        A picture that may be being read already.
    take : callable
        Gets the pictures.
    """

    def __init__(
        self,
        jobs: Jobs,
        desk: Desk,
        keeper: Keeper,
        store: AnnotationStore,
        hashes: Path,
        first_read: ReadAhead,
        take: Callable[[Turned], None],
    ) -> None:
        self._jobs, self._desk, self._keeper = jobs, desk, keeper
        self._store, self._hashes, self._first_read, self._take = store, hashes, first_read, take
        self._making: list[threading.Event] = []

    def to_sources(self, sources: Sequence[Source], sentences: Sequence[str] = ()) -> None:
        """Turn to pictures that are known; the sentences are told with the first."""
        pictures = LoosePictures(sources, self._store, self._hashes)
        self._take(Turned(pictures, pictures.entries(), sentences=sentences))

    def to_pictures(self, paths: list[Path], model: str = "") -> None:
        """Turn to the pictures in files and folders; a model's file is chosen then, and asked about them.

        The picture that is being read already is opened at once.
        """
        unlisted: list[str] = []

        def done(found: list[Path]) -> None:
            self._desk.bringing.waited()
            self.to_sources([self._first_read.source(path) for path in found], unlisted)
            then()

        def failed(error: VesselError) -> None:
            self._stay_with(error)
            then()

        def then() -> None:
            if model:
                self._desk.use_model(model)

        if paths == [self._first_read.path]:
            done(paths)
            return

        def work(job: Job) -> list[Path]:
            return find_pictures(paths, unlisted.append, job.cancelled)

        job = self._jobs.beside("pictures", work, done, failed, stopped=self._desk.rest)
        self._desk.bringing.wait_for(job, "Looking for pictures")

    def to_new_study(self, folder: Path, name: str, pictures: Path, model: str) -> None:
        """Make a study of a folder of pictures, and turn to it.

        It is made also where a person turns to something else meanwhile, and that is told.
        """
        whole, problems = threading.Event(), list[VesselError]()
        made: list[Study] = []

        def work(_job: Job) -> None:
            from vesselapp.study.study import Study

            try:
                made.append(Study.create(folder, name, [pictures], model, self._keeper.who))
            except VesselError as problem:
                problems.append(problem)
                raise
            finally:
                whole.set()

        def done(_none: None) -> None:
            self._desk.bringing.waited()
            self.to_study(made[0].folder)

        def stopped() -> None:
            self._desk.rest()
            if problems:
                self._desk.telling.also_with_next(str(problems[0]))
            elif made:
                words = f"The study {name} is made in {folder}, but not opened: File > Open study… does that."
                self._desk.telling.also_with_next(words)
            whole.set()

        self._making = [*(one for one in self._making if not one.is_set()), whole]
        job = self._jobs.beside("make study", work, done, self._stay_with, stopped=stopped)
        self._desk.bringing.wait_for(job, f"Making the study {name}")

    def wait_made(self, timeout_s: float) -> None:
        """Wait until studies that are being made are whole."""
        until = time.monotonic() + timeout_s
        for whole in self._making:
            whole.wait(max(0.0, until - time.monotonic()))

    def to_study(self, folder: Path) -> None:
        """Turn to a study, and the picture of it that was open last."""

        def work(_job: Job) -> Turned:
            from vesselapp.study.study import Study
            from vesselapp.study.study_model import model_of

            study = Study.open(folder)
            pictures = StudyPictures(study, self._alone, self._keeper.ended)
            entries, (model, problem) = pictures.entries(), model_of(study)
            sentences = [*filter(None, [problem]), *pictures.away()]
            return Turned(pictures, entries, study, model, sentences)

        def done(found: Turned) -> None:
            self._desk.bringing.waited()
            self._take(found)

        job = self._jobs.submit("study", work, done, self._stay_with, stopped=self._desk.rest)
        self._desk.bringing.wait_for(job, f"Opening {folder.name}")

    def _stay_with(self, error: VesselError) -> None:
        """Tell why other pictures can't be opened, and go on with those that are."""
        self._desk.bringing.waited()
        self._desk.failed.emit(error)
        self._desk.go_on(str(error))
        self._desk.rest()

    def _alone(self, image_sha256: str) -> AnnotationFolder:
        """Give where work on a picture alone is kept, once it is all there."""
        place = self._store.place(image_sha256)
        self._keeper.ended(place.folder)
        return place
