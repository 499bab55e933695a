"""Two people at one picture, one after the other: what one has said and drawn, the other doesn't undo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.state.test_document import stroke
from tests.state.test_keeping import (
    FACTS,
    SIZE,
    begin,
    document_of,
    keeper,
    kept_in,
    new_keeper,
    place,
    until,
)
from vesselapp.state.brush import Brush
from vesselapp.state.document import Document
from vesselapp.state.keeping import Keeper
from vesselapp.state.merging import merged_record
from vesselapp.state.pictures import Entry
from vesselapp.state.review import Review
from vesselapp.state.sitting import Sitting
from vesselapp.state.sources import Source
from vesselapp.state.standing import Hold
from vesselapp.study.annotation import AnnotationFolder, Kept
from vesselapp.study.record import Record, State

__all__ = ["keeper", "place"]  # fixtures
RECORD = Record("eye.png", "0" * 64, *SIZE)


def look(keeper: Keeper, place: AnnotationFolder) -> tuple[Document, Review, list[str]]:
    """Open a picture without the lock, as it is made ready; what a window does at `reopened` is done."""
    kept = place.load(FACTS.sha256, *SIZE)
    document = document_of(kept)
    document.lock("Still asking.")
    review = review_of(document, kept, keeper.who)
    told: list[str] = []

    def reopened(_sitting: Sitting, kept: Kept | None, sentence: str) -> None:
        if kept is not None:
            document.replace_corrections(kept.corrections, kept.done, kept.undone, kept.level)
            review.take(kept)
        document.lock("")
        told.append(sentence)

    keeper.reopened.connect(reopened)
    review.sitting = keeper.sit(place, FACTS, document, kept)
    return document, review, told


def review_of(document: Document, kept: Kept | None, who: str) -> Review:
    return Review(Entry(Source("eye.png", Path.cwd, None)), document, FACTS, kept, who)  # type: ignore[arg-type]


def end(review: Review) -> None:
    review.leave()
    assert review.sitting is not None
    review.sitting.close()
    assert review.sitting.wait(20)


def has_lock(review: Review) -> bool:
    assert review.sitting is not None
    return review.sitting.standing.hold is Hold.MINE


@pytest.mark.parametrize("when", ["while ann has it", "after ann has left"])
def test_who_merely_looks_leaves_review_and_note_of_another(
    tmp_path: Path, keeper: Keeper, place: AnnotationFolder, when: str
) -> None:
    document, sitting = begin(keeper, place)
    ann = review_of(document, None, "ann")
    ann.sitting = sitting
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: (place.folder / "record.json").exists() and not sitting.standing.unsaved)
    bobs = new_keeper(tmp_path, "bob")
    kept = place.load(FACTS.sha256, *SIZE)
    if when == "while ann has it":
        _, bob, told = look(bobs, place)
        until(lambda: bob.sitting is not None and bob.sitting.standing.hold is Hold.TAKEN)
    ann.set_note("haemorrhage at 3 o'clock")
    ann.mark(State.REVIEWED)
    end(ann)
    if when == "after ann has left":
        load = place.load
        place.load = lambda *_: kept  # type: ignore[method-assign] # bob's was made ready before
        _, bob, told = look(bobs, place)
        place.load = load  # type: ignore[method-assign]
    until(lambda: has_lock(bob) and bool(told))
    assert (bob.record.state, bob.record.note) == (State.REVIEWED, "haemorrhage at 3 o'clock")
    bob.note_input(0.0)
    bob.note_input(9.0)
    end(bob)
    record = kept_in(place).record
    assert record is not None
    assert (record.state, record.note, record.who) == (State.REVIEWED, "haemorrhage at 3 o'clock", "ann")
    assert bobs.close(10) == []


def test_what_two_have_said_is_brought_together(keeper: Keeper, place: AnnotationFolder) -> None:
    document, sitting = begin(keeper, place)
    review = review_of(document, None, "ann")
    review.sitting = sitting
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: (place.folder / "record.json").exists() and not sitting.standing.unsaved)
    for file in place.folder.glob("*lock*"):
        file.unlink()  # as if somebody had taken it over while the computer slept
    theirs = place.open("bob", FACTS)
    assert theirs.record is not None
    theirs.write_record(replace(theirs.record, note="bob's words", state=State.REVIEWED, who="bob"))
    shown: list[tuple[Kept | None, str]] = []
    keeper.reopened.connect(lambda _sitting, kept, told: shown.append((kept, told)))
    review.set_note("ann's words")
    review.mark(State.REVIEWED)
    stroke(document, Brush.PAINT, 20, (200, 200))
    review.mark(State.REVIEWED)
    until(lambda: sitting.standing.hold is Hold.LOST)
    theirs.close()
    until(lambda: bool(shown) and not sitting.standing.unsaved)
    kept, told = shown[0]
    assert kept is not None
    assert kept.record == kept_in(place).record
    assert kept.record is not None
    assert kept.record.note == "bob's words\nann's words"
    assert kept.corrections[200, 200] == 2
    assert kept.record.strokes == 2


@pytest.mark.parametrize(
    ("begun", "mine", "theirs", "after"),
    [
        (State.NEW, State.IN_PROGRESS, State.REVIEWED, State.REVIEWED),
        (State.NEW, State.REVIEWED, State.NEW, State.IN_PROGRESS),
        (State.IN_PROGRESS, State.REVIEWED, State.IN_PROGRESS, State.IN_PROGRESS),
        (State.IN_PROGRESS, State.IN_PROGRESS, State.REVIEWED, State.REVIEWED),
        (State.IN_PROGRESS, State.FLAGGED, State.REVIEWED, State.FLAGGED),
        (State.REVIEWED, State.IN_PROGRESS, State.REVIEWED, State.IN_PROGRESS),
    ],
)
def test_a_review_is_never_made_of_two_halves(begun: State, mine: State, theirs: State, after: State) -> None:
    boxes = ((0, 0, 5, 5),)
    merged = merged_record(
        replace(RECORD, state=begun, strokes=3, note="a"),
        replace(RECORD, state=mine, strokes=5, note="a", reviewed_boxes=boxes, who="me"),
        replace(RECORD, state=theirs, strokes=4, note="b", nothing_there=True),
    )
    assert merged.state is after
    assert (merged.strokes, merged.note) == (6, "b")
    assert merged.nothing_there is (after is State.REVIEWED)
    assert merged.reviewed_boxes == ()
