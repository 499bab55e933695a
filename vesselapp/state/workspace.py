"""What the window works on: the pictures at hand, the open one, the model, and the commands on them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from vesselapp.core.errors import VesselError
from vesselapp.state.answers import Answer
from vesselapp.state.asking import Asking
from vesselapp.state.collection import Collection
from vesselapp.state.desk import Desk
from vesselapp.state.document import Document
from vesselapp.state.exporting import Exports, InSight
from vesselapp.state.jobs import Job, Jobs
from vesselapp.state.keeping import CLOSE_S, Keeper
from vesselapp.state.learning import Learning
from vesselapp.state.listing import Listing
from vesselapp.state.pictures import Entry, Order, PictureList
from vesselapp.state.ranking import Doubts, Ranking
from vesselapp.state.review import Review
from vesselapp.state.settings import Settings
from vesselapp.state.sitting import Sitting
from vesselapp.state.sources import ReadAhead
from vesselapp.state.turning import Turned, Turning
from vesselapp.study.pictures import key_in
from vesselapp.study.record import Record
from vesselapp.study.store import AnnotationStore

if TYPE_CHECKING:
    from vesselapp.inference.model import Model
    from vesselapp.study.study import Study


_LOOK_AGAIN_S = 10.0
"""Other people's work is looked for at most so often."""


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
    desk : Desk
        The open picture.
    exports : Exports
    turning : Turning
        Turns to other pictures.
    remember : callable
        Writes the settings, so that the next start finds the picture that is open now.
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
    study_model_turned = Signal()
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
        self.pictures = PictureList()
        self.study: Study | None = None
        self.remember: Callable[[], None] = lambda: None
        self._collection: Collection | None = None
        self._opened: set[Entry] = set()
        self._looked = self._model_looked = 0.0
        self._listing = Listing(jobs.deliver, self._take_records)
        self.desk = desk = Desk(jobs, settings, keeper, self.pictures)
        desk.opening.connect(self._on_opening)
        desk.changed.connect(self._on_document)
        desk.standing_changed.connect(self.standing_changed)
        desk.leaving.connect(self.leaving)
        desk.progress.connect(self.progress)
        desk.rested.connect(self.idle)
        desk.failed.connect(self.failed)
        desk.told.connect(self.told)
        desk.asking.answered.connect(self._on_answered)
        self.first_read, hashes = ahead or ReadAhead(), cache / "hashes.jsonl"
        self.turning = Turning(jobs, desk, keeper, store, hashes, self.first_read, self._turn)
        self.exports = Exports(jobs.deliver)
        self.ranking = Ranking(jobs.deliver, Doubts(cache / "doubt"), lambda: desk.busy)
        self.ranking.found.connect(self.pictures.touched)
        self.ranking.recalled.connect(self.pictures.refresh)
        self.ranking.ranked.connect(lambda: self.pictures.arrange(order=Order.DOUBT))
        self._doubts_of = ""

    # -- the open picture --------------------------------------------------------------------------------

    @property
    def document(self) -> Document | None:
        """The open one."""
        return self.desk.document

    @property
    def review(self) -> Review | None:
        """State, note and figures of the open picture."""
        return self.desk.review

    @property
    def sitting(self) -> Sitting | None:
        """Takes what is done on the open picture to the disk."""
        return self.desk.sitting

    @property
    def view(self) -> dict[str, Any] | None:
        """What was in sight when the open picture was left, if that is to be shown again."""
        return self.desk.view

    @property
    def entry(self) -> Entry | None:
        """The open picture's."""
        return self.pictures.current

    @property
    def name(self) -> str:
        """Of the open picture."""
        return self.entry.name if self.entry is not None and self.document is not None else ""

    def open(self, entry: Entry) -> None:
        """Open a picture of the list; the one before goes on to the disk by itself."""
        self.desk.open(entry)

    def step(self, by: int) -> None:
        """Open the next (1) or previous (-1) picture of the list as filtered and sorted."""
        self.desk.step(by)

    def look(self, view: dict[str, Any]) -> None:
        """Keep where the person is looking, as soon as there is anything of theirs to keep."""
        self.desk.look(view)

    def take_over(self) -> None:
        """Take over a picture that somebody else has, who gives no sign of life."""
        if self.sitting is not None:
            self.sitting.take_over()

    def save(self) -> None:
        """Put everything on the disk now, the snapshot too; it gets there by itself as well."""
        if self.sitting is not None:
            self.sitting.save_now()

    def export(self, folder: Path, kinds: Sequence[str]) -> None:
        """Begin to write the files of what is in sight now; `exports` tells how that ends.

        Raises
        ------
        VesselError
            Also while a model is at work on the picture, or another picture is being opened.
        """
        if self.desk.unsettled:
            raise VesselError(self.desk.unsettled, "Export it when that is done.")
        self.exports.begin(InSight.of(self.review, kinds, self.settings), folder)

    def close(self) -> dict[str, Hashable]:
        """End; name the pictures whose work is neither in its place nor in the rescue folder.

        With each comes what is another as soon as more is done on it.
        """
        self.desk.bringing.turn()
        self.cancel()
        self.ranking.close(2.0)
        self.desk.ahead.forget()
        self.desk.leave()
        self.turning.wait_made(CLOSE_S)
        lost = {sitting.facts.image: sitting.standing for sitting in self.keeper.close()}
        return {image: (standing.unsaved, standing.saved) for image, standing in lost.items()}

    def stay(self, why: str) -> None:
        """Go on after `close`, with the picture that was open; told why."""
        self.desk.go_on(why)
        self.told.emit(why)

    # -- which pictures ----------------------------------------------------------------------------------

    def _turn(self, to: Turned) -> None:
        study, collection = to.study, to.collection
        if study is not None:
            self.settings.note_study(study.folder)
        self.ranking.stop()
        self._doubts_of = ""
        in_sight = None if self.entry is None else self.entry.path
        self.desk.turn_to(collection, list(to.sentences))
        before, self.study, self._collection = self.study, study, collection
        if study is not None or before is not None:
            self.asking.choose_study(None if study is None else to.model)
        self._opened.clear()
        self.pictures.set_entries(to.entries)
        self.study_changed.emit()
        shown = self.pictures.shown
        self._looked = self._model_looked = time.monotonic()
        if shown:
            self.open(self._of_last_time() or self._in_study(in_sight) or shown[0])
        else:
            self.desk.show_nothing()
        self._listing.read(collection)
        self.pictures_changed.emit()

    def _of_last_time(self) -> Entry | None:
        last = "" if self.study is None else self.settings.last_pictures.get(str(self.study.folder), "")
        return next((entry for entry in self.pictures.shown if entry.key and entry.key == last), None)

    def _in_study(self, path: Path | None) -> Entry | None:
        if self.study is None or path is None:
            return None
        whole = Path(os.path.abspath(path))  # noqa: PTH100 - as a study knows its folders
        return next((entry for entry in self.pictures.shown if entry.path == whole), None)

    def _take_records(self, _collection: Collection, found: Sequence[tuple[Entry, Record]]) -> None:
        # What was opened since knows better than a record that may have been read before.
        news = [entry for entry, record in found if entry not in self._opened and entry.take(record)]
        if news:
            self.pictures.refresh(news)

    def look_again(self) -> None:
        """See how far the study's pictures are by now: somebody else may work on them too."""
        collection = self._collection
        if self.study is None or collection is None or time.monotonic() - self._looked < _LOOK_AGAIN_S:
            return
        self._looked = time.monotonic()
        at_work = {key_in(folder) for folder in self.keeper.at_work()}  # by name: no drive is asked here
        self._opened = {one for one in self._opened if one.key in at_work}
        self._listing.read(collection)
        self.study_model_changed(by_hand=False)

    def rank(self) -> None:
        """Ask the model about all pictures of the list, in the background, and sort them by doubt."""
        self.ranking.start(self.pictures.shown, self.asking.question(None))

    def _on_answered(self) -> None:
        entry, document, answer = self.entry, self.document, self.answer
        if entry is not None and document is not None and answer is not None and not answer.judged:
            if answer.reading != self._doubts_of:
                self._doubts_of = answer.reading
                self.ranking.recall(self.pictures.entries, answer.reading)
            self.ranking.note(entry, document.image, answer)
        self.answered.emit()

    def _on_opening(self, entry: Entry) -> None:
        if self.study is not None:
            self.settings.last_pictures[str(self.study.folder)] = entry.key
        self.pictures_changed.emit()

    def _on_document(self) -> None:
        if self.review is not None:
            self._opened.add(self.review.entry)
            if time.monotonic() - self._model_looked >= _LOOK_AGAIN_S:
                self.study_model_changed(by_hand=False)
        self.document_changed.emit()
        self.remember()

    # -- the model ---------------------------------------------------------------------------------------

    @property
    def asking(self) -> Asking:
        """The model in use."""
        return self.desk.asking

    @property
    def learning(self) -> Learning:
        """Adapts the answer in sight to what is corrected in the open picture."""
        return self.desk.learning

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
        """Of the open picture's cells (px), for models of one object size; None: found by itself."""
        return self.asking.object_diameter

    def wanted_model(self) -> tuple[str | None, str]:
        """Give the name or file (None: the shipped one) and the task of the model for the open picture."""
        question = self.asking.question(self.entry.source.task if self.entry is not None else None)
        return question.choice, question.task

    def run_model(self, *, fresh: bool = False) -> None:
        """Ask the chosen model about the open picture (fresh: even where its answer is remembered)."""
        self.desk.ask(fresh=fresh)

    def cancel(self) -> str:
        """Stop the model's run, learning, or opening others; what was in sight before is so again.

        Gives a sentence that says what was stopped; empty where nothing was under way.
        """
        stopped = "The model was stopped; F5 runs it." if self.asking.running else ""
        if self.learning.running:
            stopped = self.learning.stopped_told
        self.asking.cancel()
        self.learning.cancel()
        if self.desk.bringing.give_up():
            stopped = f"Opening was stopped. {stopped}".strip()
            self.desk.go_on()
            self.desk.rest()
        return stopped

    def use_model(self, choice: str | None) -> None:
        """Choose a model by name or file (None: the shipped one), and ask it about the open picture."""
        self.desk.use_model(choice)

    def study_model_changed(self, *, by_hand: bool = True) -> None:
        """Turn to the model that the study uses now: what isn't reviewed is asked of it, corrections stay.

        Not ``by_hand``: only where somebody else, or a command, has changed it since it was last looked at;
        one that can't be had just now is no change.
        """
        study = self.study
        if study is None:
            return
        self._model_looked = looked = time.monotonic()

        def work(_job: Job) -> tuple[str, str]:
            from vesselapp.study.study_model import model_of

            return model_of(type(study).open(study.folder))

        def done(found: tuple[str, str]) -> None:
            model, problem = found
            if study is not self.study:
                return
            as_before = bool(problem) or model == self.asking.of_study or looked != self._model_looked
            if as_before and not by_hand:  # or a newer look tells
                return
            self.asking.choose_study(model)
            told = problem if by_hand else "The study's model was changed elsewhere; it answers from now on."
            self.desk.ask_another(told)
            self.study_model_turned.emit()

        def failed(error: VesselError) -> None:
            if by_hand:
                self.failed.emit(error)

        self.jobs.submit("study's model", work, done, failed)

    def set_object_diameter(self, diameter: float | None) -> None:
        """Say how wide (px) the cells are, for models of one object size; None: found by itself."""
        if diameter != self.asking.object_diameter:
            self.desk.set_object_diameter(diameter)

    def reload_model(self) -> None:
        """Load the model anew, after the choice of provider changed, and ask it."""
        self.asking.finder.forget()
        self.desk.ask_another(quiet=True)

    def correct_model(self, changes: dict[str, object]) -> None:
        """Correct what was guessed of a foreign model (values by dotted name), keep it, and ask it again."""
        try:
            self.asking.correct(changes)
        except VesselError as error:
            self.failed.emit(error)
            return
        self.desk.ask_another()
