"""Two people at one picture, one after the other: what one has said and drawn, the other doesn't undo."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
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
from vesselapp.core.errors import VesselError
from vesselapp.state.brush import Brush
from vesselapp.state.document import Document
from vesselapp.state.keeping import Keeper
from vesselapp.state.merging import merged_record
from vesselapp.state.pictures import Entry
from vesselapp.state.rescue import Rescue
from vesselapp.state.review import Review
from vesselapp.state.sitting import Sitting
from vesselapp.state.sources import Source
from vesselapp.state.standing import Hold, Unsaved
from vesselapp.study.annotation import AnnotationFolder, Writer
from vesselapp.study.journal import Operation
from vesselapp.study.kept import Kept
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


def test_nothing_is_done_where_what_was_looked_at_is_gone(
    tmp_path: Path, keeper: Keeper, place: AnnotationFolder
) -> None:
    document, sitting = begin(keeper, place)
    ann = review_of(document, None, "ann")
    ann.sitting = sitting
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: (place.folder / "record.json").exists() and not sitting.standing.unsaved)
    bobs = new_keeper(tmp_path, "bob")
    seen, bob, told = look(bobs, place)
    until(lambda: bob.sitting is not None and bob.sitting.standing.hold is Hold.TAKEN)
    place.folder.rename(tmp_path / "elsewhere")  # as with a picture that was renamed and opened by another
    assert bob.sitting is not None
    until(lambda: bob.sitting.standing.problem is not None)  # type: ignore[union-attr]
    assert "no longer where it was" in bob.sitting.standing.problem.message  # type: ignore[union-attr]
    assert seen.locked
    assert told == []
    bob.sitting.close()
    assert bob.sitting.wait(20)
    (tmp_path / "elsewhere").rename(place.folder)
    end(ann)


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
    kept, _ = shown[0]
    assert kept is not None
    assert kept.record == kept_in(place).record
    assert kept.record is not None
    assert kept.record.note == "bob's words\nann's words"
    assert kept.corrections[200, 200] == 2
    assert kept.record.strokes == 2


@pytest.mark.parametrize("why", ["another has drawn", "strokes of an earlier run are put back"])
def test_a_stroke_made_while_the_lock_is_taken_lies_on_top(
    tmp_path: Path, keeper: Keeper, place: AnnotationFolder, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    real, gone = AnnotationFolder.open, threading.Event()
    opening, go_on = threading.Event(), threading.Event()

    def slow(self: AnnotationFolder, *given: object, **named: object) -> Writer:
        if gone.is_set():
            raise VesselError("The drive doesn't answer.")
        writer = real(self, *given, **named)  # type: ignore[arg-type]
        opening.set()
        go_on.wait(20)
        return writer

    gone.set()
    if why == "another has drawn":
        draw(place, Brush.ERASE, 100)
    else:
        keep_of_an_earlier_run(tmp_path, place, Brush.ERASE, 100)
    monkeypatch.setattr(AnnotationFolder, "open", slow)
    monkeypatch.setattr(AnnotationFolder, "load", lambda *_: None)
    document, review, told = look(keeper, place)
    monkeypatch.undo()
    monkeypatch.setattr("vesselapp.state.sitting.KNOCK_S", 0.05)
    monkeypatch.setattr(AnnotationFolder, "open", slow)
    sitting = review.sitting
    assert sitting is not None
    until(lambda: sitting.standing.problem is not None)
    document.lock("")  # as the window does: what is done is kept in memory
    gone.clear()
    assert opening.wait(20)
    stroke(document, Brush.PAINT, 20, (100, 100))
    document.lock("Somebody was here.")  # the window hears of it
    go_on.set()
    until(lambda: bool(told) and not sitting.standing.unsaved)
    kept = kept_in(place)
    assert kept.corrections[100, 100] == document.corrections[100, 100] == 2
    assert set(np.unique(kept.corrections)) == {0, 1, 2}  # theirs is wider than the stroke on top
    assert not told[0] or "put back" in told[0]


def draw(place: AnnotationFolder, brush: Brush, diameter: int) -> None:
    with_lock = place.open("bob", FACTS)
    with_lock.append(strokes_of(brush, diameter))
    with_lock.close()


def keep_of_an_earlier_run(tmp_path: Path, place: AnnotationFolder, brush: Brush, diameter: int) -> None:
    unsaved = Unsaved(0, (), tuple(strokes_of(brush, diameter)), None, False, None)
    Rescue(tmp_path / "rescue").keep(object(), place, FACTS, unsaved)


def strokes_of(brush: Brush, diameter: int) -> list[Operation]:
    document = document_of(None)
    happened: list[Operation] = []
    document.happened.connect(happened.append)
    stroke(document, brush, diameter, (100, 100))
    return happened


@pytest.mark.parametrize(
    ("begun", "mine", "theirs", "after"),
    [
        (State.NEW, State.IN_PROGRESS, State.REVIEWED, State.REVIEWED),
        (State.NEW, State.REVIEWED, State.NEW, State.IN_PROGRESS),
        (State.IN_PROGRESS, State.REVIEWED, State.IN_PROGRESS, State.IN_PROGRESS),
        (State.IN_PROGRESS, State.IN_PROGRESS, State.REVIEWED, State.REVIEWED),
        (State.IN_PROGRESS, State.FLAGGED, State.REVIEWED, State.FLAGGED),
        (State.REVIEWED, State.IN_PROGRESS, State.REVIEWED, State.IN_PROGRESS),
        (State.REVIEWED, State.IN_PROGRESS, State.FLAGGED, State.FLAGGED),
        (State.FLAGGED, State.IN_PROGRESS, State.FLAGGED, State.IN_PROGRESS),
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


def test_a_note_is_put_on_top_once() -> None:
    mine, theirs = replace(RECORD, note="mine\nof two lines"), replace(RECORD, note="theirs")
    once = merged_record(RECORD, mine, theirs)
    assert merged_record(RECORD, mine, once).note == once.note == "theirs\nmine\nof two lines"
    begun = replace(RECORD, note="a")
    both = merged_record(begun, replace(RECORD, note="a\nb"), replace(RECORD, note="a\nc"))
    assert both.note == "a\nc\nb"
    assert merged_record(RECORD, replace(mine, note="min"), once).note.endswith("\nmin")


def test_what_is_put_on_top_is_put_there_once_though_reading_it_fails(
    keeper: Keeper, place: AnnotationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, sitting = begin(keeper, place)
    review = review_of(document, None, "ann")
    review.sitting = sitting
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: (place.folder / "record.json").exists() and not sitting.standing.unsaved)
    for file in place.folder.glob("*lock*"):
        file.unlink()  # as if somebody had taken it over while the computer slept
    theirs = place.open("bob", FACTS)
    theirs.append(strokes_of(Brush.ERASE, 30))
    shown: list[Kept | None] = []
    keeper.reopened.connect(lambda _sitting, kept, _told: shown.append(kept))
    stroke(document, Brush.PAINT, 20, (200, 200))
    review.set_note("mine")
    until(lambda: sitting.standing.hold is Hold.LOST)
    load, fails = AnnotationFolder.load, [1, 2]

    def failing(self: AnnotationFolder, *given: object) -> Kept | None:
        if fails:
            fails.pop()
            raise VesselError("The drive doesn't answer.")
        return load(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr("vesselapp.state.sitting.RETRY_S", 0.05)
    monkeypatch.setattr(AnnotationFolder, "load", failing)
    theirs.close()
    until(lambda: bool(shown) and not sitting.standing.unsaved)
    monkeypatch.undo()
    kept = shown[0]
    assert kept is not None
    assert kept.record is not None
    assert (kept.record.note, kept.record.strokes) == ("mine", 2)
    assert [edit.name for edit in kept.done][-1] == "Strokes put back"
    assert np.array_equal(kept_in(place).corrections, kept.corrections)


@pytest.mark.parametrize(
    ("mine", "theirs", "state", "after"),
    [
        (24.0, None, State.IN_PROGRESS, 24.0),
        (None, 24.0, State.IN_PROGRESS, 24.0),
        (24.0, 30.0, State.IN_PROGRESS, 24.0),
        (24.0, 30.0, State.REVIEWED, 30.0),
    ],
)
def test_a_size_of_cells_that_was_set_here_is_kept_unless_another_has_judged_the_answer(
    mine: float | None, theirs: float | None, state: State, after: float
) -> None:
    begun = replace(RECORD, state=State.IN_PROGRESS)
    merged = merged_record(
        begun, replace(begun, object_diameter=mine), replace(begun, state=state, object_diameter=theirs)
    )
    assert merged.object_diameter == after
