"""The open picture: going from one to another, and what is kept of each."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from vesselapp.core.errors import VesselError
from vesselapp.core.geometry import Box
from vesselapp.state.ahead import Ahead
from vesselapp.state.answers import Answer
from vesselapp.state.asking import Asking
from vesselapp.state.bringing import Bringing
from vesselapp.state.cleaning import Cleaning
from vesselapp.state.collection import Collection
from vesselapp.state.document import Document
from vesselapp.state.jobs import Jobs
from vesselapp.state.just_left import JustLeft
from vesselapp.state.keeping import Keeper
from vesselapp.state.learning import Learning
from vesselapp.state.opening import Opened, Wishes, judged_answer
from vesselapp.state.pictures import Entry, PictureList
from vesselapp.state.review import Review
from vesselapp.state.settings import Settings
from vesselapp.state.sitting import Sitting
from vesselapp.state.standing import Hold
from vesselapp.state.telling import Telling
from vesselapp.study.journal import Viewed
from vesselapp.study.record import State

if TYPE_CHECKING:
    from vesselapp.study.kept import Kept

_log = logging.getLogger(__name__)

KEEPS_ANSWER = "This picture keeps its answer; F5 asks the chosen model."
BETWEEN = "The next picture is being opened."
"""Why the picture that was left takes nothing more, as long as it is in sight."""

ANSWERED_ANEW = "The model answers otherwise than what was reviewed: this picture is in progress again."

_FREE_AGAIN = "Nobody else has this picture open any longer: you can correct it now."


class Desk:
    """Holds the open picture, the next one as it is made ready, and those just left on their way to the disk.

    Parameters
    ----------
    jobs : Jobs
    settings : Settings
    keeper : Keeper
    pictures : PictureList
        Whose current entry is the open picture.

    Attributes
    ----------
    document : Document or None
    review : Review or None
        State, note and figures of the open picture.
    view : dict or None
        What was in sight when the open picture was left, if that is to be shown again.
    cleaning : Cleaning
        Finds what clean-ups would change.
    ahead : Ahead
        Makes the next picture ready.
    bringing : Bringing
        Opens what is wanted.
    just_left : JustLeft
        What isn't on the disk yet of those before.
    telling : Telling
        What is told with the next picture.
    box_in_sight : callable
        Gives the part of the picture (px) that a person sees.
    changed : Signal
        Another document is open.
    opening : Signal
        Carries the entry that is being opened.
    standing_changed : Signal
        What is on the disk, or who may write, is otherwise than before.
    leaving : Signal
        The open picture is about to be left: the last moment for what is still in the hand.
    taken_back : Signal
        The open picture was reviewed, and isn't any longer.
    told, over, failed : Signal
        A sentence for the person; one that holds no longer; an error.
    progress, rested : Signal
        Slow work is under way; none is.
    """

    changed = Signal()
    opening = Signal(object)
    standing_changed = Signal()
    leaving = Signal()
    taken_back = Signal()
    told = Signal(str)
    over = Signal(str)
    failed = Signal(object)
    progress = Signal(str, float)
    rested = Signal()

    def __init__(self, jobs: Jobs, settings: Settings, keeper: Keeper, pictures: PictureList) -> None:
        self._jobs, self._settings, self._keeper, self._pictures = jobs, settings, keeper, pictures
        self.asking = Asking(jobs, settings)
        self.learning = Learning(jobs, self.asking, self._is_reviewed)
        self.cleaning = Cleaning(jobs.deliver)
        self.ahead = Ahead(jobs, self.asking.finder, keeper)
        self.bringing = Bringing(
            jobs,
            keeper,
            self.ahead,
            self._wishes,
            progress=self.progress.emit,
            failed=self._on_opening_failed,
            stopped=self.rest,
        )
        self.just_left = JustLeft(keeper)
        self.telling = Telling(self.told.emit, lambda: self.bringing.running)
        self.document: Document | None = None
        self.review: Review | None = None
        self.view: dict[str, Any] | None = None
        self.box_in_sight: Callable[[], Box | None] = lambda: None
        self._collection: Collection | None = None
        self._direction = 1
        self._from_anew, self._read_only, self._asked_anew = True, False, False
        self._look: dict[str, Any] | None = None
        self.asking.progress.connect(self.progress)
        self.asking.failed.connect(self.failed)
        self.asking.answered.connect(self._on_answered)
        self.asking.rested.connect(self._on_asked)
        self.learning.progress.connect(self.progress)
        self.learning.changed.connect(self._on_adapted)
        self.learning.told.connect(self.told)
        self.cleaning.told.connect(self.told)
        self.learning.failed.connect(self.failed)
        self.learning.rested.connect(self.rest)
        keeper.changed.connect(self._on_standing)
        keeper.reopened.connect(self._on_reopened)

    @property
    def sitting(self) -> Sitting | None:
        """Takes what is done on the open picture to the disk; None where that can't be."""
        return self.review.sitting if self.review is not None else None

    @property
    def answer(self) -> Answer | None:
        """What a model said about the open picture."""
        return self.asking.answer

    @property
    def busy(self) -> bool:
        """Whether a picture is being opened, or a model asked about it, or its answer adapted."""
        return self.asking.running or self.learning.running or self.bringing.running

    @property
    def unsettled(self) -> str:
        """Why what is in sight isn't to be judged or given away yet, as a sentence; empty where it is."""
        if self.review is None:
            return BETWEEN if self.document is not None else ""
        if self.asking.running:
            return "The model is still at work on this picture."
        if self.learning.running:
            return "The model's answer is still being adapted to this picture."
        return "The clean-up of this picture is still under way." if self.cleaning.applying else ""

    # -- which pictures ----------------------------------------------------------------------------------

    def turn_to(self, collection: Collection, sentences: list[str]) -> None:
        """Turn to other pictures, none of which is open yet; sentences are told with the first of them."""
        self.leave()
        self.telling.of_list(sentences)
        self.ahead.forget()
        self._collection, self._from_anew = collection, True

    def show_nothing(self) -> None:
        """Show an empty canvas, rather than the picture before under another one's name."""
        self.document = None
        self.changed.emit()
        self.telling.tell()
        self.rest()

    def go_on(self, *sentences: str) -> None:
        """Open the current picture, where it was left and nothing came of what should follow.

        Sentences are told when it is there.
        """
        entry = self._pictures.current
        if self.review is None and entry is not None:
            self.telling.with_next(*sentences)
            self.open(entry)

    # -- going from one to another -----------------------------------------------------------------------

    def step(self, by: int) -> None:
        """Open the next (1) or previous (-1) picture of the list as filtered and sorted."""
        entry = self._pictures.beside(by)
        if entry is not None and entry is not self._pictures.current:
            self._direction = 1 if by > 0 else -1
            self.open(entry)

    def open(self, entry: Entry) -> None:
        """Open a picture; the one before goes on to the disk by itself."""
        self.leave()
        self.bringing.turn()
        self._pictures.set_current(entry)
        self.opening.emit(entry)
        assert self._collection is not None
        if not self._come_back(entry):
            self.bringing.bring(entry, self._collection, self._show)

    def _show(self, opened: Opened) -> None:
        """Make a picture that was opened the one in sight."""
        if self._come_back(opened.entry, opened):
            self.bringing.let_go(opened)
            return
        entry, kept, document = opened.entry, opened.kept, opened.document
        document.lock(opened.why_locked)
        review = Review(entry, document, opened.facts, kept, self._keeper.who)
        if opened.readable:
            review.sitting = self._keeper.sit(opened.place, opened.facts, document, kept, opened.writer)
        self._take(review, kept.view if kept is not None else None)
        told = self.telling.tell(*map(str, opened.problems), *opened.notes)
        if kept is not None and kept.answer is not None:
            self._tell_of_another_model(review, told)  # queued before the next picture is made ready
            self.asking.take(None, judged_answer(kept))
        elif opened.found is not None:
            model, answer = opened.found
            document.suggest_threshold(answer.threshold)
            self.asking.take(model, answer)
        else:
            self.asking.ask(self.box_in_sight())

    def _tell_of_another_model(self, review: Review, told: list[str]) -> None:
        """Say so, after what was told, where work goes on upon a judged answer of another model."""
        record, question = review.record, self.asking.present_question

        def done(sha256: str) -> None:
            same = record.model_sha256 in ("", sha256)
            if review is self.review and review.record.state is State.IN_PROGRESS and not same:
                self.told.emit(" ".join([*told, KEEPS_ANSWER]))

        if record.state is State.IN_PROGRESS:
            finder = self.asking.finder
            self._jobs.submit("which model", lambda _job: finder.sha256(question), done, lambda _error: None)

    def _come_back(self, entry: Entry, found: Opened | None = None) -> bool:
        """Show a picture again that was left and isn't on the disk yet; False where there is none."""
        assert self._collection is not None
        back = self.just_left.take_back(entry, self._collection, found)
        if back is None:
            return False
        review, answer = back
        assert review.sitting is not None
        review.list_as(entry)
        review.document.lock(review.sitting.standing.words)
        review.resume()
        self._take(review, None)
        self.telling.tell()  # before the answer comes, and what it warns of
        answer = answer or review.lasting(None)
        if answer is not None:
            self.asking.take(None, answer)
        else:
            self.asking.ask(self.box_in_sight())
        return True

    def _take(self, review: Review, view: dict[str, Any] | None) -> None:
        """Turn to a picture, with all that looks at it."""
        self.review, self.document = review, review.document
        self.view = view if self._from_anew else None
        self._from_anew, self._look, self._read_only, self._asked_anew = False, None, False, False
        self.asking.follow(self.document, review.entry.source.task)
        if review.touched:
            self.asking.object_diameter = review.record.object_diameter
        self.learning.follow(self.document)
        review.changed.connect(self._on_review)
        review.begun.connect(self._keep_look)
        review.taken_back.connect(self.taken_back)
        self.changed.emit()
        self._on_review()
        self._on_standing()

    def leave(self) -> None:
        """Let the open picture go; what is done on it goes to the disk by itself.

        It stays in sight until another one is there, and can only be looked at.
        """
        review = self.review
        self.telling.with_next(*self.cleaning.leave())
        if review is not None:
            self.leaving.emit()
            review.document.end_stroke("Stroke")
            review.leave()
            review.changed.disconnect(self._on_review)
            review.begun.disconnect(self._keep_look)
            review.taken_back.disconnect(self.taken_back)
            collection, image = self._collection, review.document.image
            if review.touched and collection is not None:
                self._jobs.aside("remember", lambda: collection.remember(review.entry, image))
            if review.sitting is not None:
                review.sitting.close()
                # One that is being replaced is asked for anew on coming back, as it was to be.
                answer = review.lasting(self.answer) if self.asking.running else self.answer
                self.just_left.add(review, answer)
            review.document.lock(BETWEEN)
        self.learning.follow(None)
        self.asking.follow(None, None)
        self.review = None
        if review is not None:
            self.standing_changed.emit()

    def _on_opening_failed(self, error: VesselError) -> None:
        self.show_nothing()
        self.failed.emit(error)

    def _wishes(self) -> Wishes:
        threshold = self.asking.model.card.threshold if self.asking.model else 0.5
        return Wishes(threshold, self._settings.history_megabytes * 2**20)

    def ask(self, *, fresh: bool = False) -> None:
        """Ask the chosen model about the open picture (fresh: even where its answer is remembered).

        Its own answer is shown then, also where it was adapted to the picture before. A picture that was
        reviewed and is answered otherwise now is in progress again, and that is told; where somebody else has
        the picture open, what was reviewed stays in sight.
        """
        review = self.review
        if review is not None and review.document.locked and review.lasting(self.answer) is not None:
            self.told.emit(review.document.locked)
        else:
            self._ask(own=True, fresh=fresh)

    def _ask(self, *, own: bool = False, fresh: bool = False) -> None:
        """Ask the chosen model; own: for its own answer, whatever was learnt from the picture."""
        if self.review is None:
            self.rest()
            return
        self.learning.cancel()
        self._asked_anew = own or (self._asked_anew and self.asking.running)  # that wish still holds
        self.asking.ask(self.box_in_sight(), fresh=fresh)

    def set_object_diameter(self, diameter: float | None) -> None:
        """Say how wide (px) the cells are, and ask the model anew, unless a person has judged the answer."""
        self.asking.choose_diameter(diameter)
        if self.review is not None and self.review.lasting(self.answer) is None:
            self.review.set_object_diameter(diameter)
        self.ask_another()

    def use_model(self, choice: str | None) -> None:
        """Choose a model by name or file (None: the shipped one), and ask it about the open picture."""
        self.asking.choose(choice)
        self.ask_another()

    def ask_another(self, told: str = "", *, quiet: bool = False) -> None:
        """Ask the model as it is chosen now, unless a person has judged the answer in sight.

        That is said after what is told, unless ``quiet``. What was learnt from the picture stays: it adapts
        this answer too where the model is the same, at whatever size of cells.
        """
        self.ahead.forget_answer()
        self.just_left.forget_answers()
        keeps = self.review is not None and self.review.lasting(self.answer) is not None
        told = f"{told} {KEEPS_ANSWER if keeps and not quiet else ''}".strip()
        if told:
            self.told.emit(told)
        if not keeps:
            self._ask()

    def _is_reviewed(self) -> bool:
        return self.review is not None and self.review.record.state is State.REVIEWED

    def _look_ahead(self) -> None:
        """Make the next picture ready, once the open one has its answer."""
        entry = self._pictures.beside(self._direction)
        if entry is not None and entry is not self._pictures.current and self._collection is not None:
            question = self.asking.question(entry.source.task)
            self.ahead.prepare(entry, self._collection, self._wishes(), question)

    # -- keeping -----------------------------------------------------------------------------------------

    def look(self, view: dict[str, Any]) -> None:
        """Keep where the person is looking, as soon as there is anything of theirs to keep."""
        self._look = view
        self._keep_look()

    def _keep_look(self) -> None:
        review = self.review
        if self._look is not None and review is not None and review.touched and review.sitting is not None:
            review.sitting.put(Viewed(self._look))

    def _on_review(self) -> None:
        if self.review is not None:
            self._pictures.touched.emit(self.review.entry)

    def _on_standing(self) -> None:
        self.just_left.forget_ended()
        sitting = self.sitting
        if sitting is not None and self.document is not None:
            standing = sitting.standing
            if standing.is_read_only:
                self._read_only = True
                self.over.emit(_FREE_AGAIN)
                self.document.lock(standing.words)
            elif standing.hold is Hold.ASKED and standing.problem is not None:
                self.document.lock("")  # what is done is kept in memory and in the rescue folder
        self.standing_changed.emit()

    def _on_reopened(self, sitting: Sitting, kept: Kept | None, sentence: str) -> None:
        if sitting is not self.sitting or self.document is None or self.review is None:
            if kept is not None:  # coming back shows what the disk holds, not what was left
                self.just_left.forget(sitting)
            elif sentence:
                tell = self.telling.with_next if self.review is None else self.told.emit
                tell(f"{sitting.facts.image}: {sentence}")
            return
        if kept is not None:
            self.document.replace_corrections(kept.corrections, kept.done, kept.undone, kept.level)
            self.review.take(kept)
            if kept.answer is not None:
                self.asking.cancel()
                self.document.set_probability(kept.answer, kept.adapted)
                judged = judged_answer(kept)
                self.document.suggest_threshold(judged.threshold)
                self.asking.take(None, judged)
            elif self.review.record.object_diameter != self.asking.object_diameter:
                self.asking.object_diameter = self.review.record.object_diameter
                self.asking.ask(self.box_in_sight())  # for another has said how wide the cells are
            elif self.answer is not None:
                self.review.note_answer(self.answer)  # what is read anew doesn't say what is in sight
        waited, self._read_only = self._read_only, False
        self.document.lock("")
        if kept is None:
            self.review.note_adapted()  # what is in sight since it was locked
        if sentence or waited:
            self.told.emit(sentence or _FREE_AGAIN)
        self.standing_changed.emit()

    def _on_answered(self) -> None:
        review = self.review
        if review is not None and self.answer is not None:
            before = review.record.state
            review.note_answer(self.answer)
            if before is State.REVIEWED and review.record.state is not before:
                self.told.emit(ANSWERED_ANEW)
            if self._asked_anew and not review.document.locked:
                self.learning.own_again()
            self.learning.note_answer(self.answer)
        self._look_ahead()

    def _on_asked(self) -> None:
        self._asked_anew = self._asked_anew and self.asking.running
        answer = self.answer
        if answer is not None and not answer.judged:
            self.over.emit(KEEPS_ANSWER)
        if self.review is not None and answer is not None and answer.sized and not self.asking.running:
            self.asking.object_diameter = answer.object_diameter  # of the one in sight, after a stop
            self.review.set_object_diameter(answer.object_diameter)
        self.learning.catch_up()
        self.rest()

    def _on_adapted(self) -> None:
        if self.review is not None:
            self.review.note_adapted()

    def rest(self) -> None:
        """Tell that nothing is under way, unless a newer job is."""
        if not self.busy:
            self.rested.emit()
        elif self.bringing.running:
            self.bringing.tell()
