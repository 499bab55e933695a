"""What the window works on: the pictures at hand, the open one, the model, and the commands on them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from vesselapp.core.errors import VesselError
from vesselapp.core.geometry import Box
from vesselapp.state.ahead import Ahead
from vesselapp.state.answers import Answer
from vesselapp.state.asking import Asking, told
from vesselapp.state.collection import Collection, LoosePictures, StudyPictures
from vesselapp.state.document import Document
from vesselapp.state.exporting import export_picture, export_stem
from vesselapp.state.jobs import Job, Jobs
from vesselapp.state.keeping import Keeper
from vesselapp.state.listing import Listing
from vesselapp.state.opening import Opened, Wishes, open_picture
from vesselapp.state.pictures import Entry, PictureList
from vesselapp.state.review import Review
from vesselapp.state.settings import Settings
from vesselapp.state.sitting import Sitting
from vesselapp.state.sources import ReadAhead, Source
from vesselapp.state.standing import Hold, words_of
from vesselapp.study.journal import Viewed
from vesselapp.study.record import Record, State
from vesselapp.study.store import AnnotationStore

if TYPE_CHECKING:
    from vesselapp.inference.model import Model
    from vesselapp.study.annotation import Kept
    from vesselapp.study.study import Study

_log = logging.getLogger(__name__)


class Workspace:
    """The app without its window.

    Every slow step goes through the background lane, what is done goes to the disk through the keeper;
    answers for a picture that is no longer open are dropped.

    Parameters
    ----------
    jobs : Jobs
    settings : Settings
    store : AnnotationStore
        Annotations of pictures opened without a study.
    keeper : Keeper
    cache : Path
        Folder for what can be made again.
    ahead : ReadAhead, optional
        A picture that is being read already.

    Attributes
    ----------
    pictures : PictureList
    study : Study or None
    document : Document or None
    review : Review or None
        State, note and figures of the open picture.
    view : dict or None
        Where the person was looking when the open picture was left, if that is to be shown again.
    """

    pictures_changed = Signal()
    study_changed = Signal()
    document_changed = Signal()
    answered = Signal()
    progress = Signal(str, float)
    idle = Signal()
    failed = Signal(object)
    told = Signal(str)
    standing_changed = Signal()
    leaving = Signal()

    def __init__(
        self,
        jobs: Jobs,
        settings: Settings,
        store: AnnotationStore,
        keeper: Keeper,
        cache: Path,
        ahead: ReadAhead | None = None,
    ) -> None:
        self.jobs, self.settings, self.store, self.keeper, self.cache = jobs, settings, store, keeper, cache
        self.ahead = ahead or ReadAhead()
        self.asking = Asking(jobs, settings)
        self.next = Ahead(jobs, self.asking.finder, keeper)
        self.pictures = PictureList()
        self.study: Study | None = None
        self.document: Document | None = None
        self.review: Review | None = None
        self.sitting: Sitting | None = None
        self.view: dict[str, Any] | None = None
        self.box_in_sight: Callable[[], Box | None] = lambda: None
        self.remember: Callable[[], None] = lambda: None
        self._collection: Collection | None = None
        self._listing = Listing(jobs.deliver, self._take_records)
        self._opening: Job | None = None
        self._left: list[tuple[Review, Answer | None]] = []
        self._direction = 1
        self._generation = 0
        self._from_anew, self._read_only = True, False
        self._look: dict[str, Any] | None = None
        self.asking.progress.connect(self.progress.emit)
        self.asking.failed.connect(lambda error: self.failed.emit(told(error)))
        self.asking.answered.connect(self._on_answered)
        self.asking.rested.connect(self._rest)
        keeper.changed.connect(self._on_standing)
        keeper.reopened.connect(self._on_reopened)

    # -- which pictures ----------------------------------------------------------------------------------

    @property
    def sources(self) -> list[Source]:
        """The pictures as listed."""
        return [entry.source for entry in self.pictures.shown]

    @property
    def entry(self) -> Entry | None:
        """The open picture's."""
        return self.pictures.current

    @property
    def name(self) -> str:
        """Of the open picture."""
        return self.entry.name if self.entry is not None and self.document is not None else ""

    def set_sources(self, sources: Sequence[Source]) -> None:
        """Take a new list of pictures and open the first."""
        pictures = LoosePictures(sources, self.store, self.cache / "hashes.jsonl")
        self._take_collection(pictures, pictures.entries(), None)

    def open_study(self, folder: Path) -> None:
        """Open a study, in the background, and the picture of it that was open last."""

        def work(_job: Job) -> tuple[Study, StudyPictures, list[Entry], tuple[str, str]]:
            from vesselapp.state.study_model import model_of
            from vesselapp.study.study import Study

            study = Study.open(folder)
            pictures = StudyPictures(study)
            return study, pictures, pictures.entries(), model_of(study)

        def done(found: tuple[Study, StudyPictures, list[Entry], tuple[str, str]]) -> None:
            self._opening = None
            study, pictures, entries, (model, problem) = found
            self._take_collection(pictures, entries, study, model)
            if problem:
                self.told.emit(problem)

        self._stop_opening()
        self.progress.emit(f"Opening {folder.name}", 0.0)
        self._opening = self.jobs.submit("study", work, done, self._on_opening_failed, stopped=self._rest)

    def _take_collection(
        self, collection: Collection, entries: Sequence[Entry], study: Study | None, model: str = ""
    ) -> None:
        self._leave()
        self.next.forget()
        before = self.study
        self._collection, self.study, self._from_anew = collection, study, True
        if study is not None or before is not None:
            self.asking.choose_study(None if study is None else model)
        self.pictures.set_entries(entries)
        self.study_changed.emit()
        last = ""
        if study is not None:
            self.settings.note_study(study.folder)
            last = self.settings.last_pictures.get(str(study.folder), "")
            for missing in study.missing_roots:
                self.told.emit(f"The folder of pictures {missing} is not there just now.")
        shown = self.pictures.shown
        if shown:
            self.open(next((entry for entry in shown if entry.key and entry.key == last), shown[0]))
        else:
            self._show_nothing()
        self._listing.read(collection)
        self.pictures_changed.emit()

    def _take_records(self, _collection: Collection, found: Sequence[tuple[Entry, Record]]) -> None:
        for entry, record in found:
            if entry is not self.entry or self.review is None:  # the open one knows better
                entry.take(record)
        self.pictures.refresh([entry for entry, _ in found])

    # -- going from one to another -----------------------------------------------------------------------

    def step(self, by: int) -> None:
        """Open the next (1) or previous (-1) picture of the list as filtered and sorted."""
        entry = self.pictures.beside(by)
        if entry is not None and entry is not self.entry:
            self._direction = 1 if by > 0 else -1
            self.open(entry)

    def open(self, entry: Entry) -> None:
        """Open a picture; the one before goes on to the disk by itself."""
        self._leave()
        self._stop_opening()
        self._generation += 1
        self.pictures.set_current(entry)
        if self.study is not None:
            self.settings.last_pictures[str(self.study.folder)] = entry.key
        self.pictures_changed.emit()
        collection, generation = self._collection, self._generation
        assert collection is not None

        def ready(opened: Opened | None) -> None:
            if generation != self._generation:
                self._let_go(opened)
            elif opened is None:
                self._read(entry, collection, ready)
            else:
                self._opening = None
                self._show(opened)

        if not self._come_back(entry) and not self.next.take(entry, ready):
            self._read(entry, collection, ready)

    def _read(self, entry: Entry, collection: Collection, ready: Callable[[Opened | None], None]) -> None:
        wishes, keeper, found = self._wishes(), self.keeper, list[Opened]()

        def work(_job: Job) -> Opened:
            found.append(open_picture(entry, collection, keeper, wishes, to_write=True))
            return found[0]

        def stopped() -> None:
            self._let_go(*found)
            self._rest()

        self.progress.emit(f"Opening {entry.name}", 0.0)
        self._opening = self.jobs.submit("open", work, ready, self._on_opening_failed, stopped=stopped)

    def _let_go(self, *unwanted: Opened | None) -> None:
        """Give the locks of pictures back that are not wanted any more."""
        for opened in unwanted:
            writer = opened.writer if opened is not None else None
            if writer is not None:
                self.aside("let go", writer.close)

    def aside(self, name: str, work: Callable[[], None]) -> None:
        """Do something on the lane whose outcome nobody waits for."""
        self.jobs.submit(
            name,
            lambda _job: work(),
            lambda _none: None,
            lambda error: _log.warning("%s: %s", name, error),
        )

    def _show(self, opened: Opened) -> None:
        """Make a picture that was opened the one in sight."""
        entry, kept, document = opened.entry, opened.kept, opened.document
        document.lock(_why_locked(opened))
        review = Review(entry, document, opened.facts, kept, self.keeper.who)
        if opened.readable:
            review.sitting = self.keeper.sit(opened.place, opened.facts, document, kept, opened.writer)
        self._take(review, kept.view if kept is not None else None)
        sentences = [*map(str, opened.problems), *opened.notes]
        if sentences:
            self.told.emit(" ".join(sentences))
        if kept is not None and kept.answer is not None:
            self.asking.take(None, _judged(kept))
        elif opened.found is not None:
            model, answer = opened.found
            document.suggest_threshold(answer.threshold)
            self.asking.take(model, answer)
        else:
            self.run_model()

    def _come_back(self, entry: Entry) -> bool:
        """Show a picture again that was left and isn't on the disk yet; False where there is none."""
        for review, answer in self._left:
            if review.entry is entry and review.sitting is not None and review.sitting.stay():
                self._left.remove((review, answer))
                review.resume()
                self._take(review, None)
                if answer is not None:
                    self.asking.take(None, answer)
                else:
                    self.run_model()
                return True
        return False

    def _take(self, review: Review, view: dict[str, Any] | None) -> None:
        """Turn to a picture, with all that looks at it."""
        self.review, self.sitting, self.document = review, review.sitting, review.document
        self.view = view if self._from_anew else None
        self._from_anew, self._look, self._read_only = False, None, False
        self.asking.follow(self.document, review.entry.source.task)
        review.changed.connect(self._on_review)
        review.begun.connect(self._keep_look)
        self.document_changed.emit()
        self._on_review()
        self._on_standing()
        self.remember()

    def _leave(self) -> None:
        """Let the open picture go; what is done on it goes to the disk by itself."""
        review = self.review
        if review is not None:
            self.leaving.emit()
            review.document.end_stroke("Stroke")
            review.leave()
            review.changed.disconnect(self._on_review)
            review.begun.disconnect(self._keep_look)
            collection, image = self._collection, review.document.image
            if review.touched and collection is not None:
                self.aside("remember", lambda: collection.remember(review.entry, image))
            if review.sitting is not None:
                review.sitting.close()
                self._left.append((review, self.answer))
        self.asking.follow(None, None)
        self.review = self.sitting = None

    def _show_nothing(self) -> None:
        # An empty canvas rather than the picture before under another one's name.
        self.document = None
        self.document_changed.emit()

    def _stop_opening(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None

    def _on_opening_failed(self, error: Exception) -> None:
        self._opening = None
        self._show_nothing()
        self.failed.emit(told(error))
        self._rest()

    def _wishes(self) -> Wishes:
        threshold = self.model.card.threshold if self.model else 0.5
        return Wishes(threshold, self.settings.history_megabytes * 2**20, self.keeper.who)

    def _look_ahead(self) -> None:
        """Make the next picture ready, once the open one has its answer."""
        entry = self.pictures.beside(self._direction)
        if entry is not None and entry is not self.entry and self._collection is not None:
            question = self.asking.question(entry.source.task)
            self.next.prepare(entry, self._collection, self._wishes(), question)

    # -- the model ---------------------------------------------------------------------------------------

    @property
    def model(self) -> Model | None:
        """The one that answered last."""
        return self.asking.model

    @property
    def answer(self) -> Answer | None:
        """What a model said about the open picture."""
        return self.asking.answer

    @property
    def object_diameter(self) -> float | None:
        """Of the objects (px), for models of one object size; None: found by itself."""
        return self.asking.object_diameter

    def wanted_model(self) -> tuple[str | None, str]:
        """Give the name or file (None: the shipped one) and the task of the model for the open picture."""
        question = self.asking.question(self.entry.source.task if self.entry is not None else None)
        return question.choice, question.task

    def use_model(self, choice: str | None) -> None:
        """Choose a model by name or file (None: the shipped one), and ask it about the open picture."""
        self.asking.choose(choice)
        self._ask_another()

    def _ask_another(self) -> None:
        """Ask the model that was just chosen, unless a person has judged the answer in sight."""
        self.next.forget()
        self._left = [(review, _lasting(review, answer)) for review, answer in self._left]
        if self.review is not None and _lasting(self.review, self.answer) is not None:
            self.told.emit("This picture keeps the answer that was reviewed; F5 asks the chosen model.")
        else:
            self.run_model()

    def study_model_changed(self) -> None:
        """Turn to the model that the study uses now: what isn't reviewed is asked of it, corrections stay."""
        study = self.study
        if study is None:
            return

        def work(_job: Job) -> tuple[str, str]:
            from vesselapp.state.study_model import model_of

            return model_of(study)

        def done(found: tuple[str, str]) -> None:
            if study is self.study:
                self.asking.choose_study(found[0])
                self._ask_another()
                if found[1]:
                    self.told.emit(found[1])

        self.jobs.submit("study's model", work, done, lambda error: self.failed.emit(told(error)))

    def run_model(self, *, fresh: bool = False) -> None:
        """Ask the chosen model about the open picture, in the background."""
        self.asking.ask(self.box_in_sight(), fresh=fresh)

    def set_object_diameter(self, diameter: float | None) -> None:
        """Say how wide (px) the objects are, for models of one object size; None: found by itself."""
        if diameter != self.asking.object_diameter:
            self.asking.object_diameter = diameter
            self.next.forget()
            self.run_model()

    def reload_model(self) -> None:
        """Load the model anew, after the choice of provider changed, and ask it."""
        self.asking.finder.forget()
        self.next.forget()
        self.run_model()

    def correct_model(self, changes: dict[str, object]) -> None:
        """Correct what was guessed of a foreign model (values by dotted name), keep it, and ask it again."""
        try:
            self.asking.correct(changes)
        except VesselError as error:
            self.failed.emit(error)
            return
        self.next.forget()
        self.run_model()

    def cancel(self) -> None:
        """Stop the model's run, if one is under way; the document stays as it is."""
        self.asking.cancel()

    def _on_answered(self) -> None:
        if self.review is not None and self.answer is not None:
            self.review.note_answer(self.answer)
        self.answered.emit()
        self._look_ahead()

    # -- keeping -----------------------------------------------------------------------------------------

    def save(self) -> None:
        """Put everything on the disk now, the snapshot too; it gets there by itself as well."""
        if self.sitting is not None:
            self.sitting.save_now()

    def export(self, folder: Path, kinds: Sequence[str]) -> list[Path]:
        """Write the open picture's files; give them (see `export_picture`)."""
        return export_picture(self.review, folder, kinds, self.settings)

    def export_stem(self) -> str:
        """The name that exported files begin with."""
        return export_stem(self.review)

    def look(self, view: dict[str, Any]) -> None:
        """Keep where the person is looking, as soon as there is anything of theirs to keep."""
        self._look = view
        self._keep_look()

    def _keep_look(self) -> None:
        if (
            self._look is not None
            and self.sitting is not None
            and self.review is not None
            and self.review.touched
        ):
            self.sitting.put(Viewed(self._look))

    def take_over(self) -> None:
        """Take over a picture that somebody else has, who gives no sign of life."""
        if self.sitting is not None:
            self.sitting.take_over()

    def close(self) -> list[str]:
        """End; give the names of pictures whose work is neither in its place nor in the rescue folder."""
        self.cancel()
        self.next.forget()
        self._leave()
        return [sitting.facts.image for sitting in self.keeper.close()]

    def _on_review(self) -> None:
        if self.review is not None:
            self.pictures.touched.emit(self.review.entry)

    def _on_standing(self) -> None:
        self._left = [(review, answer) for review, answer in self._left if not _has_ended(review)]
        if self.sitting is not None and self.document is not None:
            standing = self.sitting.standing
            if standing.is_read_only:
                self._read_only = True
                self.document.lock(standing.words)
            elif standing.hold is Hold.ASKED and standing.problem is not None:
                self.document.lock("")  # what is done is kept in memory and in the rescue folder
        self.standing_changed.emit()

    def _on_reopened(self, sitting: Sitting, kept: Kept | None, sentence: str) -> None:
        if sitting is not self.sitting or self.document is None or self.review is None:
            return
        if kept is not None:
            self.document.replace_corrections(kept.corrections, kept.done, kept.undone, kept.level)
            self.review.take(kept)
            if kept.answer is not None:
                self.document.set_probability(kept.answer)
                self.asking.take(None, _judged(kept))
        waited, self._read_only = self._read_only, False
        self.document.lock("")
        if sentence or waited:
            self.told.emit(
                sentence or "Nobody else has this picture open any longer: you can correct it now."
            )
        self.standing_changed.emit()

    def _rest(self) -> None:
        """Tell that nothing is under way, unless a newer job is."""
        if not self.asking.running and self._opening is None:
            self.idle.emit()


def _why_locked(opened: Opened) -> str:
    if opened.writer is not None:
        return ""
    if not opened.readable:
        return "What is kept of this picture can't be read just now, so nothing can be changed."
    if opened.holder is not None:
        return words_of(Hold.TAKEN, opened.holder)
    return "" if opened.problems else words_of(Hold.ASKED, None)


def _judged(kept: Kept) -> Answer:
    """Give the answer that a person judged earlier, as it was kept."""
    assert kept.answer is not None
    record = kept.record
    if record is None:
        return Answer(kept.answer, "", "", "", 0.5, judged=True)
    return Answer(
        kept.answer, record.model, record.model_version, record.model_sha256, record.threshold, judged=True
    )


def _lasting(review: Review, answer: Answer | None) -> Answer | None:
    """Give an answer that a person has judged, None for one that another model's may replace."""
    judged = answer is not None and answer.judged
    return answer if judged or review.record.state is State.REVIEWED else None


def _has_ended(review: Review) -> bool:
    return review.sitting is None or review.sitting.standing.hold is Hold.ENDED
