"""A picture is opened with all that is kept of it, and nothing is done on top of anything else."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests.state.test_document import stroke
from tests.state.test_keeping import keeper, new_keeper, saved, until
from tests.study.studies import make_study, review
from vesselapp.core.errors import VesselError
from vesselapp.core.image import read_image
from vesselapp.state import opening
from vesselapp.state.brush import Brush
from vesselapp.state.collection import LoosePictures, StudyPictures
from vesselapp.state.keeping import Keeper
from vesselapp.state.opening import WAITS, Opened, Wishes, open_picture
from vesselapp.state.pictures import Entry
from vesselapp.state.rescue import Rescue
from vesselapp.state.review import Review
from vesselapp.state.sources import Source
from vesselapp.state.standing import Hold, Unsaved
from vesselapp.study import along
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.journal import Operation
from vesselapp.study.kept import Kept
from vesselapp.study.lock import Lock
from vesselapp.study.record import RECORD_NAME, Record, State
from vesselapp.study.store import AnnotationStore
from vesselapp.study.study import Study
from vesselapp.study.writer import Writer

__all__ = ["keeper"]  # a fixture


@pytest.fixture
def pictures(tmp_path: Path) -> LoosePictures:
    path = tmp_path / "eye.png"
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (100, 120, 3), np.uint8)).save(path)
    source = Source("eye.png", lambda: read_image(path), path)
    return LoosePictures([source], AnnotationStore(tmp_path / "store"), tmp_path / "hashes")


def opened_to_write(pictures: LoosePictures, keeper: Keeper) -> Opened:
    return open_picture(pictures.entries()[0], pictures, keeper, Wishes(0.5, 2**24), to_write=True)


def kept_of(opened: Opened) -> Kept:
    kept = opened.place.load(opened.facts.sha256, opened.facts.height, opened.facts.width)
    assert kept is not None
    return kept


def sit(opened: Opened, keeper: Keeper) -> Review:
    """Begin to work on it, as the window does it."""
    opened.document.lock(opened.why_locked)
    review = Review(opened.entry, opened.document, opened.facts, opened.kept, "ann")

    def reopened(_sitting: object, kept: Kept | None, _told: str) -> None:
        if kept is not None:
            opened.document.replace_corrections(kept.corrections, kept.done, kept.undone, kept.level)
            review.take(kept)
        opened.document.lock("")

    keeper.reopened.connect(reopened)
    review.sitting = keeper.sit(opened.place, opened.facts, opened.document, opened.kept, opened.writer)
    return review


def end(review: Review) -> None:
    review.leave()
    assert review.sitting is not None
    review.sitting.close()
    assert review.sitting.wait(20)


@pytest.fixture
def rescued(pictures: LoosePictures, tmp_path: Path) -> Iterator[None]:
    """Leave a stroke, a review and the answer that was judged in the rescue folder."""
    another = new_keeper(tmp_path)
    opened = opened_to_write(pictures, another)
    happened: list[Operation] = []
    opened.document.happened.connect(happened.append)
    stroke(opened.document, Brush.PAINT, 20, (50, 50))
    facts = opened.facts
    record = Record(facts.image, facts.sha256, facts.height, facts.width, state=State.REVIEWED)
    answer = np.full((facts.height, facts.width), 90, np.uint8)
    unsaved = Unsaved(0, (), tuple(happened), record, True, answer)
    Rescue(tmp_path / "rescue").keep(object(), opened.place, facts, unsaved)
    assert opened.writer is not None
    opened.writer.abandon()
    opened.place.folder.mkdir(parents=True, exist_ok=True)
    (opened.place.folder / RECORD_NAME).write_bytes(b'{"x')
    yield
    assert Rescue(tmp_path / "rescue").left() == []


FULL = VesselError("The disk is full.")


def raising_once(method: Callable[..., Any], problem: Exception = FULL) -> Callable[..., Any]:
    raised = False

    def once(*args: Any, **others: Any) -> Any:
        nonlocal raised
        if not raised:
            raised = True
            raise problem
        return method(*args, **others)

    return once


@pytest.mark.usefixtures("rescued")
@pytest.mark.parametrize(("of", "name"), [(Writer, "write_answer"), (AnnotationFolder, "load")])
def test_nothing_is_done_on_top_of_what_is_only_half_put_back(
    pictures: LoosePictures, keeper: Keeper, monkeypatch: pytest.MonkeyPatch, of: type, name: str
) -> None:
    monkeypatch.setattr(of, name, raising_once(getattr(of, name)))
    opened = opened_to_write(pictures, keeper)
    assert [str(problem) for problem in opened.problems] == ["The disk is full."]
    assert opened.writer is None
    assert opened.readable
    assert opened.why_locked
    assert opened.document.corrections[50, 50] == 2
    assert np.array_equal(opened.document.corrections, kept_of(opened).corrections)
    assert any("could not be saved last time" in note for note in opened.notes) is (of is AnnotationFolder)
    assert sum("is damaged" in note for note in opened.notes) == 1  # it was put apart, and is told once
    review = sit(opened, keeper)
    sitting, document = review.sitting, opened.document
    assert sitting is not None
    holds = set[Hold]()
    keeper.changed.connect(lambda: holds.add(sitting.standing.hold))
    until(lambda: not document.locked)
    assert Hold.LOST not in holds  # nobody else has it
    assert review.record.state is State.REVIEWED
    stroke(document, Brush.PAINT, 20, (50, 50), (70, 50))
    until(lambda: saved(sitting))
    end(review)
    kept = kept_of(opened)
    assert np.array_equal(kept.corrections, document.corrections)
    assert (kept.corrections[50, 50], kept.corrections[50, 70]) == (2, 2)
    assert kept.answer is not None
    assert (kept.answer == 90).all()
    assert [edit.name for edit in kept.done] == document.history.names[0]


@pytest.mark.parametrize("lasting", [False, True])
def test_a_study_that_cannot_be_read_just_now_is_told_whichever_call_fails(
    tmp_path: Path, keeper: Keeper, monkeypatch: pytest.MonkeyPatch, lasting: bool
) -> None:
    study = make_study(tmp_path)
    pictures = StudyPictures(study, lambda name: AnnotationFolder(tmp_path / "alone" / name), keeper.ended)
    entry = pictures.entries()[0]
    review(study, entry.name)
    calls, locked = 0, 0
    for fails in range(1, 100):
        calls = 0
        for lock in study.folder.glob("annotations/*/lock.json*"):
            lock.unlink()  # that the one before could not give back

        def guarded(real: Callable[..., object], fails: int = fails) -> Callable[..., object]:
            def call(path: object = ".", *given: object, **named: object) -> object:
                nonlocal calls
                if str(path).startswith(str(study.folder)):
                    calls += 1
                    if calls == fails or (lasting and calls > fails):
                        raise OSError(errno.ESTALE, "stale", str(path))
                return real(path, *given, **named)

            return call

        with monkeypatch.context() as stale:
            for where, name in ((os, "stat"), (os, "scandir"), (os, "listdir"), (os, "open"), (io, "open")):
                stale.setattr(where, name, guarded(getattr(where, name)))
            try:
                opened = open_picture(entry, pictures, keeper, Wishes(0.5, 2**24), to_write=True)
            except VesselError:
                continue
        locked += not opened.readable
        assert opened.kept is not None or not opened.readable
        if opened.writer is not None:
            opened.writer.abandon()
        if calls < fails:
            break
    assert calls < fails
    assert bool(locked) is lasting


def test_strokes_that_wait_in_the_rescue_folder_are_told_where_nothing_can_be_written(
    pictures: LoosePictures, rescued: None, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise VesselError("The disk is full.")

    with monkeypatch.context() as full:
        full.setattr(AnnotationFolder, "open", refuse)
        assert WAITS in opened_to_write(pictures, keeper).notes
    opened = opened_to_write(pictures, keeper)
    assert WAITS not in opened.notes
    assert opened.writer is not None
    opened.writer.close()


@pytest.mark.usefixtures("rescued")
@pytest.mark.parametrize("what", ["put_back", "make_document"])
def test_a_picture_that_does_not_open_keeps_no_lock(
    pictures: LoosePictures, keeper: Keeper, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as full:
        full.setattr(*((Rescue, what) if what == "put_back" else (opening, what)), fail)
        with pytest.raises(MemoryError):
            opened_to_write(pictures, keeper)
    opened = opened_to_write(pictures, keeper)
    assert opened.writer is not None
    opened.writer.close()


def test_a_sitting_that_cannot_go_on_keeps_no_lock(
    pictures: LoosePictures, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_picture(pictures.entries()[0], pictures, keeper, Wishes(0.5, 2**24), to_write=False)
    monkeypatch.setattr(Rescue, "put_back", raising_once(Rescue.put_back, RuntimeError("a mistake")))
    review = sit(opened, keeper)
    until(lambda: review.sitting is not None and review.sitting.standing.hold is Hold.MINE)
    end(review)


def test_a_picture_that_cannot_be_opened_to_write_takes_strokes_once_its_sitting_has_asked(
    pictures: LoosePictures, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AnnotationFolder, "open", raising_once(AnnotationFolder.open))
    opened = opened_to_write(pictures, keeper)
    assert opened.problems
    assert opened.why_locked
    review = sit(opened, keeper)
    until(lambda: not opened.document.locked)
    stroke(opened.document, Brush.PAINT, 20, (50, 50))
    end(review)
    assert kept_of(opened).corrections[50, 50] == 2


def worked_on_alone(
    pictures: LoosePictures, keeper: Keeper, folder: Path
) -> tuple[Opened, StudyPictures, Entry]:
    """Paint a stroke on a picture alone; give it, a new study that has it, and its row there."""
    opened = opened_to_write(pictures, keeper)
    review = sit(opened, keeper)
    stroke(opened.document, Brush.PAINT, 20, (50, 50))
    end(review)
    study = StudyPictures(
        Study.create(folder / "study", roots=[folder]),
        AnnotationStore(folder / "store").place,
        keeper.ended,
    )
    entry = next(entry for entry in study.entries() if entry.name == opened.entry.name)
    return opened, study, entry


def test_work_on_a_picture_alone_comes_along_once_its_sitting_has_ended(
    pictures: LoosePictures, keeper: Keeper, tmp_path: Path
) -> None:
    opened, happened = opened_to_write(pictures, keeper), list[Operation]()
    writer = opened.writer
    assert writer is not None
    opened.document.happened.connect(happened.append)
    stroke(opened.document, Brush.PAINT, 20, (50, 50))
    writer.append(happened)
    study = StudyPictures(
        Study.create(tmp_path / "study", roots=[tmp_path]),
        AnnotationStore(tmp_path / "store").place,
        lambda folder: writer.close() if folder.parent == tmp_path / "store" else None,
    )
    (entry,) = study.entries()
    opened = open_picture(entry, study, keeper, Wishes(0.5, 2**24), to_write=False)
    assert ["brought along" in note for note in opened.notes] == [True]
    assert opened.document.corrections[50, 50] == 2


def test_work_on_a_picture_alone_that_cannot_come_along_is_gone_on_with_and_comes_later(
    pictures: LoosePictures, keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, study, entry = worked_on_alone(pictures, keeper, tmp_path)
    wishes = Wishes(0.5, 2**24)
    monkeypatch.setattr(along, "hand_in", raising_once(along.hand_in, PermissionError(13, "denied")))
    opened = open_picture(entry, study, keeper, wishes, to_write=True)
    assert ["comes along when the picture is opened next" in note for note in opened.notes] == [True]
    assert opened.place.study is None
    review = sit(opened, keeper)
    stroke(opened.document, Brush.PAINT, 20, (20, 20))
    end(review)
    opened = open_picture(entry, study, keeper, wishes, to_write=False)
    assert ["brought along" in note for note in opened.notes] == [True]
    assert opened.place.study == tmp_path / "study"
    assert (opened.document.corrections[[20, 50], [20, 50]] == 2).all()


def test_where_work_on_a_picture_alone_can_not_be_gone_on_with_either_it_begins_in_the_study(
    pictures: LoosePictures, keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, study, entry = worked_on_alone(pictures, keeper, tmp_path)
    alone, take = opened.place.folder, Lock.take

    def full(folder: Path, *rest: Any) -> Lock:
        if folder == alone:
            raise VesselError("It can't be written to: the disk is full.")
        return take(folder, *rest)

    monkeypatch.setattr(Lock, "take", full)
    opened = open_picture(entry, study, keeper, Wishes(0.5, 2**24), to_write=True)
    assert ["could not be brought" in note for note in opened.notes] == [True]
    assert opened.place.study == tmp_path / "study"
    assert opened.why_locked == ""


@pytest.mark.parametrize("replaced", [False, True])
def test_a_picture_put_in_the_place_of_one_that_was_worked_on_is_new_in_the_list(
    pictures: LoosePictures, keeper: Keeper, replaced: bool
) -> None:
    opened = opened_to_write(pictures, keeper)
    review = sit(opened, keeper)
    stroke(opened.document, Brush.PAINT, 20, (50, 50))
    end(review)
    if replaced:
        assert opened.entry.path is not None
        PIL.Image.fromarray(np.zeros((90, 90, 3), np.uint8)).save(opened.entry.path)
    pictures.remember(opened.entry, opened.image)
    assert len(list(pictures.records())) == (not replaced)


@pytest.mark.parametrize("lost", [False, True])
def test_a_picture_whose_record_is_damaged_or_lost_is_in_progress(
    pictures: LoosePictures, keeper: Keeper, lost: bool
) -> None:
    opened = opened_to_write(pictures, keeper)
    review = sit(opened, keeper)
    stroke(opened.document, Brush.PAINT, 20, (50, 50))
    end(review)
    file = opened.place.folder / RECORD_NAME
    if lost:
        file.unlink()
    else:
        file.write_bytes(b'{"x')
    opened = opened_to_write(pictures, keeper)
    review = sit(opened, keeper)
    assert opened.entry.state is State.IN_PROGRESS
    assert review.record.strokes == 1
    review.set_note("a note")
    end(review)
    record = kept_of(opened).record
    assert record is not None
    assert (record.state, record.note, record.strokes) == (State.IN_PROGRESS, "a note", 1)
    assert opened.entry.state is State.IN_PROGRESS
