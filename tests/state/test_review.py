"""How far a picture is, as it changes under a person's hands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.state.test_document import make_document, stroke
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import LOWEST, level_of
from vesselapp.core.geometry import Box
from vesselapp.core.learnt import Head, Learnt
from vesselapp.state.answers import Answer
from vesselapp.state.brush import Brush
from vesselapp.state.document import Document
from vesselapp.state.exporting import InSight, provenance_of
from vesselapp.state.pictures import Entry
from vesselapp.state.review import LONGEST_PAUSE_S, Review
from vesselapp.state.settings import Settings
from vesselapp.state.sources import Source
from vesselapp.study.kept import Kept
from vesselapp.study.record import ImageFacts, Record, State

FACTS = ImageFacts("eye.png", "0" * 64, 530, 600)


class Sitting:
    """Takes what a real one would take to the disk."""

    def __init__(self) -> None:
        self.records: list[tuple[Record, bool]] = []
        self.answers: list[np.ndarray] = []

    def put_record(self, record: Record, *, told: bool = False, answer: np.ndarray | None = None) -> None:
        self.records.append((record, told))
        if answer is not None:
            self.answers.append(answer)


@pytest.fixture
def document() -> Document:
    document = make_document()
    probability = np.full((530, 600), 40, np.uint8)
    probability[100:200, 100:300] = 220
    document.set_probability(probability)
    return document


@pytest.fixture
def sitting() -> Sitting:
    return Sitting()


@pytest.fixture
def review(document: Document, sitting: Sitting) -> Review:
    review = Review(Entry(Source("eye.png", Path.cwd, None)), document, FACTS, None, "ann")  # type: ignore[arg-type]
    review.sitting = sitting  # type: ignore[assignment]
    return review


def answer(name: str = "net", value: int = 90) -> Answer:
    return Answer(np.full((530, 600), value, np.uint8), name, "2", "ab" * 32, 0.5)


def test_the_first_stroke_begins_it(review: Review, document: Document, sitting: Sitting) -> None:
    assert review.record.state is State.NEW
    assert not review.touched
    stroke(document, Brush.PAINT, 20, (50, 50))
    assert review.record.state is State.IN_PROGRESS
    assert review.entry.state is State.IN_PROGRESS
    assert review.record.strokes == 1
    assert review.record.who == "ann"
    assert sitting.records[-1][1]
    stroke(document, Brush.PAINT, 20, (90, 50))
    document.undo()
    assert review.record.strokes == 2
    assert not sitting.records[-1][1]


def test_a_threshold_alone_is_kept_but_begins_nothing(review: Review, document: Document) -> None:
    document.set_level(99)
    assert review.record.state is State.NEW
    assert review.record.level == 99
    assert review.touched


def test_a_size_of_cells_alone_is_kept_but_begins_nothing(review: Review, sitting: Sitting) -> None:
    review.set_object_diameter(None)
    assert not review.touched
    review.set_object_diameter(24.0)
    record, told = sitting.records[-1]
    assert told
    assert (record.state, record.object_diameter) == (State.NEW, 24.0)
    review.document.lock("Somebody has it open.")
    review.set_object_diameter(30.0)
    assert review.record.object_diameter == 24.0


def test_an_answer_tells_the_size_that_it_was_asked_with(review: Review) -> None:
    review.note_answer(replace(answer(), sized=True, object_diameter=24.0))
    assert not review.touched
    assert provenance_of(review)["object_diameter"] == 24.0
    review.note_answer(answer())  # of a model that works at no size
    assert review.record.object_diameter == 24.0
    assert provenance_of(review)["object_diameter"] is None
    review.note_answer(replace(answer(), judged=True))
    assert provenance_of(review)["object_diameter"] == 24.0, "as the record says"
    review.note_answer(replace(answer(), sized=True))
    assert provenance_of(review)["object_diameter"] is None


def test_reviewed_keeps_the_answer_that_was_judged(
    review: Review, document: Document, sitting: Sitting
) -> None:
    review.note_answer(answer())
    review.mark(State.REVIEWED)
    assert sitting.answers[0] is document.probability
    record, told = sitting.records[-1]
    assert told
    assert (record.state, record.model, record.model_version) == (State.REVIEWED, "net", "2")
    assert record.level == document.level
    assert record.reviewed_boxes == ()


@pytest.mark.parametrize("change", ["stroke", "undo", "threshold"])
def test_what_is_changed_after_the_review_is_in_progress_again(
    review: Review, document: Document, change: str
) -> None:
    stroke(document, Brush.PAINT, 20, (50, 50))
    review.mark(State.REVIEWED)
    if change == "stroke":
        stroke(document, Brush.PAINT, 20, (90, 90))
    elif change == "undo":
        document.undo()
    else:
        document.set_level(33)
    assert review.record.state is State.IN_PROGRESS


def test_nothing_there_is_one_edit_that_can_be_undone(review: Review, document: Document) -> None:
    before = document.mask().copy()
    assert before.any()
    review.mark_nothing_there()
    assert not document.mask().any()
    assert document.history.names[0] == ["Nothing there"]
    assert review.record.nothing_there
    assert review.entry.words == "reviewed, nothing there"
    document.undo()
    assert np.array_equal(document.mask(), before)
    assert review.record.state is State.IN_PROGRESS
    assert not review.record.nothing_there


def test_nothing_there_where_nothing_was_found_makes_no_edit(review: Review, document: Document) -> None:
    document.set_level(253)
    review.mark_nothing_there()
    assert document.history.undo_name is None
    assert review.record.nothing_there


def test_only_what_is_in_sight(review: Review) -> None:
    review.mark_in_sight(Box(10, 20, 110, 220))
    review.mark_in_sight(Box(200, 20, 300, 220))
    review.mark_in_sight(Box(10, 20, 110, 220))
    assert review.record.reviewed_boxes == ((10, 20, 110, 220), (200, 20, 300, 220))
    assert review.entry.words == "reviewed in part"
    review.mark(State.REVIEWED)
    assert review.record.reviewed_boxes == ()
    assert review.entry.words == "reviewed"


def test_a_flag_outlasts_strokes(review: Review, document: Document) -> None:
    review.mark(State.FLAGGED)
    stroke(document, Brush.PAINT, 20, (50, 50))
    assert review.record.state is State.FLAGGED


def test_nothing_is_marked_where_nothing_can_be_changed(
    review: Review, document: Document, sitting: Sitting
) -> None:
    document.lock("bob has it.")
    with pytest.raises(VesselError, match="bob"):
        review.mark(State.REVIEWED)
    with pytest.raises(VesselError, match="bob"):
        review.mark_nothing_there()
    review.set_note("a note")
    assert sitting.records == []
    assert document.mask().any()


def test_another_answer_after_the_review_is_in_progress_and_kept(
    review: Review, document: Document, sitting: Sitting
) -> None:
    review.note_answer(answer())
    review.mark(State.REVIEWED)
    other = answer("other", 100)
    document.set_probability(other.probability)
    review.note_answer(other)
    assert review.record.state is State.IN_PROGRESS
    assert review.record.model == "other"
    assert sitting.answers[-1] is other.probability


def test_the_same_answer_after_the_review_changes_nothing(
    review: Review, document: Document, sitting: Sitting
) -> None:
    review.mark(State.REVIEWED)
    assert document.probability is not None
    again = replace(answer(), probability=document.probability.copy())
    document.set_probability(again.probability)
    review.note_answer(again)
    assert review.record.state is State.REVIEWED
    assert len(sitting.answers) == 1


def test_another_threshold_for_the_same_answer_is_another_mask(review: Review, document: Document) -> None:
    review.mark(State.REVIEWED)
    assert document.probability is not None
    document.suggest_threshold(0.9)
    review.note_answer(replace(answer(), probability=document.probability))
    assert review.record.state is State.IN_PROGRESS


def test_an_answer_adapted_otherwise_after_the_review_is_in_progress(
    review: Review, document: Document, sitting: Sitting
) -> None:
    review.mark(State.REVIEWED)
    other = np.full((530, 600), 240, np.uint8)
    document.set_probability(other, Learnt(Head((1.0,), 0.0), "ab" * 32, 50))
    review.note_adapted()
    assert review.record.state is State.IN_PROGRESS
    assert review.record.adapted_px == 50
    assert sitting.answers[-1] is other


def test_another_answer_for_what_was_changed_here_is_told_of_on_the_disk(
    review: Review, document: Document, sitting: Sitting
) -> None:
    stroke(document, Brush.PAINT, 20, (50, 50))
    probability = np.full((530, 600), 240, np.uint8)
    document.set_probability(probability, Learnt(Head((1.0,), 0.0), "ab" * 32, 50))
    review.note_adapted()
    assert sitting.records[-1] == (review.record, False)
    assert review.record.adapted_px == 50
    review.mark(State.REVIEWED)
    document.set_probability(probability, Learnt(Head((1.0,), 0.0), "ab" * 32, 60))
    review.note_adapted()
    assert sitting.records[-1][0].adapted_px == 60, "also where it is just the same"
    document.set_probability(probability)
    review.note_answer(answer("other"))
    assert sitting.records[-1] == (review.record, False)
    assert review.record.model == "other"
    assert review.record.state is State.REVIEWED


def test_answers_alone_leave_nothing_of_a_picture(
    review: Review, document: Document, sitting: Sitting
) -> None:
    document.set_probability(np.full((530, 600), 240, np.uint8), Learnt(Head((1.0,), 0.0), "ab" * 32, 50))
    review.note_answer(answer())
    review.note_adapted()
    review.leave()
    assert not sitting.records
    assert not review.touched


def test_nothing_is_written_of_answers_in_a_picture_that_is_locked(
    review: Review, document: Document, sitting: Sitting
) -> None:
    review.mark(State.REVIEWED)
    written = len(sitting.records), len(sitting.answers)
    document.lock("bob has it.")
    other = answer("other", 100)
    document.set_probability(other.probability)
    review.note_answer(other)
    document.set_probability(np.full((530, 600), 7, np.uint8))
    review.note_adapted()
    assert (len(sitting.records), len(sitting.answers)) == written
    assert review.record.state is State.REVIEWED


def test_what_was_reviewed_lasts_also_where_no_model_had_answered(sitting: Sitting) -> None:
    document = make_document()
    review = Review(Entry(Source("eye.png", Path.cwd, None)), document, FACTS, None, "ann")  # type: ignore[arg-type]
    review.sitting = sitting  # type: ignore[assignment]
    assert review.lasting(None) is None
    assert review.lasting(answer()) is None
    review.mark(State.REVIEWED)
    lasting = review.lasting(None)
    assert lasting is not None
    assert lasting.judged
    assert np.array_equal(lasting.probability, sitting.answers[0])


def test_a_review_without_an_answer_is_not_that_of_an_earlier_model(sitting: Sitting) -> None:
    document = make_document()
    stroke(document, Brush.PAINT, 20, (50, 50))
    named = {"model": "net", "model_version": "2", "model_sha256": "ab" * 32, "adapted_px": 500}
    record = Record("eye.png", "0" * 64, 530, 600, state=State.IN_PROGRESS, **named)  # type: ignore[arg-type]
    kept = Kept(document.corrections, record, [], [], None, None, None)
    review = Review(Entry(Source("eye.png", Path.cwd, None)), document, FACTS, kept, "ann")  # type: ignore[arg-type]
    review.sitting = sitting  # type: ignore[assignment]
    review.mark(State.FLAGGED)
    assert sitting.records[-1][0].model == "net"  # whose answer was corrected, and nothing is judged
    review.mark(State.REVIEWED)
    record = sitting.records[-1][0]
    assert (record.model, record.model_version, record.model_sha256, record.adapted_px) == ("", "", "", 0)
    assert (sitting.answers[-1] == LOWEST).all()


def test_time_is_counted_without_the_pauses(review: Review) -> None:
    for now in (0.0, 10.0, 25.0, 25.0 + LONGEST_PAUSE_S, 26.0 + LONGEST_PAUSE_S):
        review.note_input(now)
    assert review.record.active_seconds == pytest.approx(26.0)


def test_a_note_is_kept_at_once(review: Review, sitting: Sitting) -> None:
    review.set_note("haemorrhage?")
    assert sitting.records[-1][0].note == "haemorrhage?"
    assert sitting.records[-1][1]
    assert review.entry.note == "haemorrhage?"
    count = len(sitting.records)
    review.set_note("haemorrhage?")
    assert len(sitting.records) == count


def test_whose_review_it_is_stays_with_a_note_of_somebody_else(review: Review, sitting: Sitting) -> None:
    review.mark(State.REVIEWED)
    review.who = "bob"
    review.set_note("cataract?")
    assert (review.record.state, review.record.who) == (State.REVIEWED, "ann")
    review.mark(State.REVIEWED)
    assert review.record.who == "bob"
    review.who = "eve"
    review.mark(State.IN_PROGRESS)
    assert review.record.who == "eve"


def test_the_models_threshold_is_the_records(review: Review, document: Document) -> None:
    document.suggest_threshold(0.3)
    review.note_answer(answer())
    assert review.record.level == level_of(0.3)


def test_a_picture_that_is_called_otherwise_now_is_called_so(document: Document) -> None:
    before = Record("old.png", FACTS.sha256, FACTS.height, FACTS.width, note="look")
    kept = Kept(document.corrections, before, [], [], None, None, None)
    review = Review(Entry(Source("eye.png", Path.cwd, None)), document, FACTS, kept, "ann")  # type: ignore[arg-type]
    assert (review.record.image, review.record.note) == ("eye.png", "look")


def test_what_is_told_of_a_mask_without_an_answer_names_no_model() -> None:
    document = make_document()
    before = Record(
        "eye.png", FACTS.sha256, FACTS.height, FACTS.width, model="Tiny", model_sha256="a" * 64, adapted_px=7
    )
    kept = Kept(document.corrections, before, [], [], None, None, None)
    review = Review(Entry(Source("eye.png", Path.cwd, None)), document, FACTS, kept, "ann")  # type: ignore[arg-type]
    facts = provenance_of(review)
    assert (facts["model"], facts["model_sha256"], facts["adapted_px"]) == ("", "", 0)
    document.set_probability(np.full((530, 600), 40, np.uint8))
    assert provenance_of(review)["model"] == "Tiny"


def test_a_picture_of_a_very_long_name_is_exported(document: Document, tmp_path: Path) -> None:
    name = "網膜" * 41 + ".png"
    review = Review(Entry(Source(name, Path.cwd, None)), document, FACTS, None, "ann")  # type: ignore[arg-type]
    written = InSight.of(review, ("mask",), Settings()).write(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(written)
    assert all(path.name.startswith("網膜") for path in written)
