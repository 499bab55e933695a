"""What is done gets to the disk by itself, whatever the disk says meanwhile."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.state.test_document import make_document, stroke
from vesselapp.core.errors import VesselError
from vesselapp.state.brush import Brush
from vesselapp.state.document import Document
from vesselapp.state.keeping import Keeper
from vesselapp.state.rescue import Rescue
from vesselapp.state.sitting import Sitting
from vesselapp.state.standing import Hold
from vesselapp.study import journal_file, writer
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.audit import AuditLog
from vesselapp.study.journal import Viewed
from vesselapp.study.kept import Kept
from vesselapp.study.lock import Lost, holder_of
from vesselapp.study.record import ImageFacts, Record, State

SIZE = (530, 600)
FACTS = ImageFacts("eye.png", "0" * 64, *SIZE)


@pytest.fixture
def place(tmp_path: Path) -> AnnotationFolder:
    return AnnotationFolder(tmp_path / "a place with ünïcode" / "key")


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    monkeypatch.setattr("vesselapp.state.sitting.RETRY_S", 0.05)
    monkeypatch.setattr("vesselapp.state.sitting.KNOCK_S", 0.05)
    monkeypatch.setattr("vesselapp.state.keeping._WATCH_S", 0.02)
    monkeypatch.setattr("vesselapp.state.keeping.LATE_S", 0.1)
    keeper = new_keeper(tmp_path)
    yield keeper
    keeper.close(5.0)


def new_keeper(tmp_path: Path, who: str = "ann") -> Keeper:
    return Keeper(lambda call: call(), Rescue(tmp_path / "rescue"), who)


def begin(keeper: Keeper, place: AnnotationFolder) -> tuple[Document, Sitting]:
    """Open a document with its sitting, as the app does it when nothing was made ready."""
    opened = place.open(keeper.who, FACTS)
    keeper.rescue.put_back(opened, place, FACTS)
    kept = place.load(FACTS.sha256, *SIZE)
    document = document_of(kept)
    return document, keeper.sit(place, FACTS, document, kept, opened)


def document_of(kept: Kept | None) -> Document:
    document = make_document(*SIZE)
    if kept is not None:
        document.replace_corrections(kept.corrections, kept.done, kept.undone, kept.level)
    return document


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def saved(sitting: Sitting) -> bool:
    standing = sitting.standing
    return not standing.unsaved and standing.problem is None


def kept_in(place: AnnotationFolder) -> Kept:
    kept = place.load(FACTS.sha256, *SIZE)
    assert kept is not None
    return kept


def assert_same(kept: Kept, document: Document) -> None:
    assert np.array_equal(kept.corrections, document.corrections)
    assert ([edit.name for edit in kept.done], [edit.name for edit in reversed(kept.undone)]) == (
        document.history.names
    )


def die(sitting: Sitting) -> None:
    """Let a sitting stop as if its process had ended."""
    with sitting._wake:
        sitting._hold = Hold.ENDED
        sitting._wake.notify()
    assert sitting.wait(20)
    (sitting.place.folder / "lock.json").unlink()


class Full:
    """A disk that takes nothing into a folder as long as it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.full = False
        self._folder = str(folder)
        fsync = os.fsync

        def checked(handle: int) -> None:
            if self.full and str(Path(f"/proc/self/fd/{handle}").readlink()).startswith(self._folder):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            fsync(handle)

        monkeypatch.setattr(os, "fsync", checked)


def test_strokes_undo_and_threshold_are_on_the_disk_while_it_is_open(
    keeper: Keeper, place: AnnotationFolder
) -> None:
    document, sitting = begin(keeper, place)
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: saved(sitting))
    assert sitting.standing.saved is not None
    stroke(document, Brush.ERASE, 30, (300, 300), (400, 310))
    document.undo()
    stroke(document, Brush.UNSURE, 9, (50, 50))
    document.undo()
    document.set_level(99)
    until(lambda: saved(sitting))
    kept = kept_in(place)
    assert_same(kept, document)
    assert kept.level == 99


def test_a_dragged_threshold_and_a_view_are_written_when_they_rest(
    keeper: Keeper, place: AnnotationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[int] = []
    append = writer.Writer.append

    def counted(self: writer.Writer, operations: list[object]) -> None:
        lengths.append(len(operations))
        append(self, operations)  # type: ignore[arg-type]

    monkeypatch.setattr(writer.Writer, "append", counted)
    document, sitting = begin(keeper, place)
    for level in range(20, 220):
        document.set_level(level)
    for x in range(100):
        sitting.put(Viewed({"x": x}))
    until(lambda: saved(sitting) and kept_in(place).view is not None)
    assert sum(lengths) < 20
    kept = kept_in(place)
    assert kept.level == 219
    assert kept.view == {"x": 99}


def test_the_record_follows_and_closing_makes_the_snapshot(keeper: Keeper, place: AnnotationFolder) -> None:
    document, sitting = begin(keeper, place)
    stroke(document, Brush.UNSURE, 9, (50, 50))
    unsure = np.count_nonzero(document.corrections)
    stroke(document, Brush.PAINT, 20, (100, 100))
    answer = np.full(SIZE, 200, np.uint8)
    sitting.put_record(Record("eye.png", "0" * 64, *SIZE, state=State.REVIEWED), told=True, answer=answer)
    until(lambda: saved(sitting))
    kept = kept_in(place)
    assert kept.record is not None
    assert kept.record.state is State.REVIEWED
    said = np.count_nonzero(document.corrections) - unsure
    assert kept.record.corrected_share == pytest.approx(said / document.corrections.size)
    assert kept.answer is not None
    assert np.array_equal(kept.answer, answer)
    sitting.close()
    assert sitting.wait(20)
    assert (place.folder / "corrections.png").exists()
    assert holder_of(place.folder) is None
    assert_same(kept_in(place), document)


def test_a_picture_only_looked_at_leaves_nothing(keeper: Keeper, place: AnnotationFolder) -> None:
    _, sitting = begin(keeper, place)
    sitting.close()
    assert sitting.wait(20)
    assert not place.folder.exists()


def test_a_full_disk_is_told_rescued_and_tried_again(
    keeper: Keeper, place: AnnotationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Full(monkeypatch, place.folder)
    document, sitting = begin(keeper, place)
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: saved(sitting))
    disk.full = True
    stroke(document, Brush.PAINT, 20, (200, 200))
    until(lambda: bool(keeper.unsaved()))
    standing = sitting.standing
    assert standing.unsaved == 1
    until(lambda: bool(list(keeper.rescue.folder.glob("*.rescue"))))
    stroke(document, Brush.PAINT, 20, (300, 300))
    document.undo()
    until(lambda: sitting.standing.problem is not None)
    assert "full" in str(sitting.standing.problem)
    assert sitting.standing.unsaved == 3
    disk.full = False
    until(lambda: saved(sitting))
    assert_same(kept_in(place), document)
    until(lambda: not list(keeper.rescue.folder.iterdir()))


def test_what_the_disk_never_took_is_put_back_by_the_next_run(
    tmp_path: Path, keeper: Keeper, place: AnnotationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Full(monkeypatch, place.folder)
    document, sitting = begin(keeper, place)
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: saved(sitting))
    disk.full = True
    stroke(document, Brush.ERASE, 20, (200, 200))
    document.set_level(77)
    record = Record("eye.png", "0" * 64, *SIZE, note="look")
    sitting.put_record(record, told=True, answer=np.full(SIZE, 9, np.uint8))
    assert keeper.close(0.3) == []
    die(sitting)
    disk.full = False
    after = new_keeper(tmp_path)
    assert [left.image for left in after.rescue.left()] == ["eye.png"]
    again, sitting = begin(after, place)
    assert np.array_equal(again.corrections, document.corrections)
    assert again.level == 77
    kept = kept_in(place)
    assert kept.record is not None
    assert kept.record.note == "look"
    assert kept.answer is not None
    assert after.rescue.left() == []
    again.undo()
    assert again.corrections[200, 200] == 0
    assert again.corrections[100, 100] == 2
    assert after.close(10) == []


def test_nowhere_to_write_is_said_at_the_end(
    tmp_path: Path, keeper: Keeper, place: AnnotationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Full(monkeypatch, tmp_path)
    document, sitting = begin(keeper, place)
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: saved(sitting))
    disk.full = True
    stroke(document, Brush.PAINT, 20, (200, 200))
    assert keeper.close(0.3) == [sitting]
    disk.full = False
    assert keeper.close(10) == []
    assert_same(kept_in(place), document)


def test_a_disk_that_does_not_answer_does_not_hold_the_strokes_up(
    keeper: Keeper, place: AnnotationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = []
    append = journal_file.JournalFile.append

    def slow(self: journal_file.JournalFile, *given: object) -> None:
        while hangs:
            time.sleep(0.01)
        append(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(journal_file.JournalFile, "append", slow)
    document, sitting = begin(keeper, place)
    hangs.append(1)
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: bool(list(keeper.rescue.folder.glob("*.rescue"))))
    assert keeper.unsaved()[0][1].problem is None
    hangs.clear()
    until(lambda: saved(sitting))
    until(lambda: not list(keeper.rescue.folder.glob("*.rescue")))
    assert_same(kept_in(place), document)


def test_the_second_waits_and_takes_what_the_first_did(
    tmp_path: Path, keeper: Keeper, place: AnnotationFolder
) -> None:
    document, sitting = begin(keeper, place)
    other = new_keeper(tmp_path, "bob")
    theirs = make_document(*SIZE)
    reopened: list[Kept | None] = []
    other.reopened.connect(lambda _sitting, kept, _told: reopened.append(kept))
    waiting = other.sit(place, FACTS, theirs, None)
    until(lambda: waiting.standing.hold is Hold.TAKEN)
    holder = waiting.standing.holder
    assert holder is not None
    assert holder.who == "ann"
    assert "ann has this picture open" in waiting.standing.words
    stroke(document, Brush.PAINT, 20, (100, 100))
    sitting.close()
    until(lambda: waiting.standing.hold is Hold.MINE)
    until(lambda: bool(reopened))
    assert reopened[0] is not None
    assert np.array_equal(reopened[0].corrections, document.corrections)
    assert other.close(10) == []


def test_what_is_saved_while_it_is_rescued_does_not_stay_rescued(
    keeper: Keeper, place: AnnotationFolder
) -> None:
    document, sitting = begin(keeper, place)
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: saved(sitting))
    sitting.keep_in_rescue()  # as when its thread ended the stroke just before
    assert not list(keeper.rescue.folder.glob("*.rescue"))


def test_a_lost_lock_keeps_the_strokes_and_puts_them_on_top(keeper: Keeper, place: AnnotationFolder) -> None:
    document, sitting = begin(keeper, place)
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: saved(sitting))
    for file in place.folder.glob("*lock*"):
        os.utime(file, (1, 1))
    theirs = place.open("bob", FACTS, take_over=True)
    their_document = document_of(theirs.kept)
    happened: list[object] = []
    their_document.happened.connect(happened.append)
    stroke(their_document, Brush.ERASE, 20, (300, 300))
    theirs.append(happened)  # type: ignore[arg-type]
    stroke(document, Brush.PAINT, 20, (200, 200))
    until(lambda: sitting.standing.hold is Hold.LOST)
    document.lock(sitting.standing.words)
    stroke(document, Brush.PAINT, 20, (400, 400))
    assert document.corrections[400, 400] == 0
    until(lambda: bool(list(keeper.rescue.folder.glob("*.rescue"))))
    shown: list[Kept | None] = []
    keeper.reopened.connect(lambda _sitting, kept, _told: shown.append(kept))
    theirs.close()
    until(lambda: saved(sitting) and bool(shown))
    kept = kept_in(place)
    assert kept.corrections[100, 100] == 2
    assert kept.corrections[200, 200] == 2
    assert kept.corrections[300, 300] == 1
    assert shown[0] is not None
    assert np.array_equal(shown[0].corrections, kept.corrections)
    until(lambda: not list(keeper.rescue.folder.glob("*.rescue")))


def lose(keeper: Keeper, place: AnnotationFolder) -> tuple[Document, Sitting, writer.Writer]:
    """Draw, lose the lock to bob, and draw once more."""
    document, sitting = begin(keeper, place)
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: saved(sitting))
    for file in place.folder.glob("*lock*"):
        os.utime(file, (1, 1))
    theirs = place.open("bob", FACTS, take_over=True)
    stroke(document, Brush.PAINT, 20, (200, 200))
    until(lambda: sitting.standing.hold is Hold.LOST)
    return document, sitting, theirs


def test_what_a_sitting_leaves_in_the_rescue_folder_is_there_once_and_counts_as_waiting(
    tmp_path: Path, keeper: Keeper, place: AnnotationFolder
) -> None:
    busy: list[Callable[[], None]] = []
    keeper._deliver = busy.append  # type: ignore[method-assign] # the window's thread doesn't come to it
    document, sitting, theirs = lose(keeper, place)
    until(lambda: sitting.standing.rescued)
    sitting.close()
    assert sitting.wait(20)
    assert keeper.unsaved() == []
    sitting.keep_in_rescue()  # as when the watch looked just before
    (left,) = keeper.rescue.left()
    assert [work.image for work in keeper.rescue.waiting.values()] == ["eye.png"]
    theirs.close()
    for call in busy:
        call()
    again, sitting = begin(keeper, place)
    assert np.array_equal(again.corrections, document.corrections)
    assert not keeper.rescue.waiting
    assert not left.file.exists()


def test_an_export_waits_for_what_lies_in_the_rescue_folder_alone(
    keeper: Keeper, place: AnnotationFolder
) -> None:
    place.study = None
    _, sitting, theirs = lose(keeper, place)
    sitting.close()
    assert sitting.wait(20)
    with pytest.raises(VesselError, match="rescue folder"):
        keeper.wait_saved(place.study)  # type: ignore[arg-type]
    theirs.close()


def test_work_that_is_nowhere_on_a_disk_is_said_to_be_in_memory_only(
    tmp_path: Path, keeper: Keeper, place: AnnotationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Full(monkeypatch, tmp_path)
    document, sitting = begin(keeper, place)
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: saved(sitting))
    disk.full = True
    stroke(document, Brush.PAINT, 20, (200, 200))
    until(lambda: sitting.standing.rescue_problem is not None)
    assert not sitting.standing.rescued
    disk.full = False
    until(lambda: saved(sitting))
    assert sitting.standing.rescue_problem is None


def test_a_rescue_file_goes_when_its_strokes_are_on_the_disk_though_the_record_is_not(
    keeper: Keeper, place: AnnotationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Full(monkeypatch, place.folder)
    document, sitting = begin(keeper, place)
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: saved(sitting))

    def refuse(*_: object) -> None:
        raise VesselError("No more files.")

    monkeypatch.setattr(writer.Writer, "write_record", refuse)
    disk.full = True
    stroke(document, Brush.PAINT, 20, (200, 200))
    sitting.put_record(Record("eye.png", "0" * 64, *SIZE))
    sitting.save_now()
    until(lambda: sitting.standing.rescued)
    disk.full = False
    until(lambda: not sitting.standing.unsaved)
    until(lambda: not list(keeper.rescue.folder.iterdir()))
    assert sitting.standing.problem is not None
    monkeypatch.undo()


def test_an_answer_and_the_record_that_names_its_model_go_to_the_disk_together(
    keeper: Keeper, place: AnnotationFolder
) -> None:
    _, sitting = begin(keeper, place)
    record = Record("eye.png", "0" * 64, *SIZE, model="another")
    sitting.put_record(record, answer=np.full(SIZE, 200, np.uint8))
    assert sitting.standing.unsaved
    until(lambda: saved(sitting))
    kept = kept_in(place)
    assert kept.answer is not None
    assert kept.record is not None
    assert kept.record.model == "another"


def test_a_record_that_comes_while_a_stroke_is_flushed_is_kept_on_closing(
    keeper: Keeper, place: AnnotationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, goes_on = threading.Event(), threading.Event()
    append = journal_file.JournalFile.append

    def slow(self: journal_file.JournalFile, *given: object) -> None:
        append(self, *given)  # type: ignore[arg-type]
        begun.set()
        assert goes_on.wait(20)

    document, sitting = begin(keeper, place)
    monkeypatch.setattr(journal_file.JournalFile, "append", slow)
    stroke(document, Brush.PAINT, 20, (100, 100))
    assert begun.wait(20)
    sitting.put_record(Record("eye.png", "0" * 64, *SIZE, strokes=4))
    sitting.close()
    goes_on.set()
    assert sitting.wait(20)
    record = kept_in(place).record
    assert record is not None
    assert record.strokes == 4
    assert record.corrected_share == pytest.approx((document.corrections > 0).mean())


def test_a_record_waits_for_the_first_stroke_not_for_the_last(
    keeper: Keeper, place: AnnotationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vesselapp.state.backlog.RECORD_S", 0.3)
    _, sitting = begin(keeper, place)
    end = time.monotonic() + 20
    while not (place.folder / "record.json").exists():
        assert time.monotonic() < end
        sitting.put_record(Record("eye.png", "0" * 64, *SIZE))
        time.sleep(0.02)


def test_a_lost_lock_of_the_audit_log_loses_no_picture(
    keeper: Keeper, place: AnnotationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.folder.mkdir(parents=True)
    place.study = place.folder.parent
    (place.study / "study.json").write_text("{}")
    _, sitting = begin(keeper, place)
    add, times = AuditLog._add, [1, 2]

    def late(self: AuditLog, data: bytes) -> None:
        if times:
            times.pop()
            raise Lost("Taken over.")
        add(self, data)

    monkeypatch.setattr(AuditLog, "_add", late)
    sitting.put_record(Record("eye.png", "0" * 64, *SIZE, note="look"), told=True)
    until(lambda: sitting.standing.problem is not None or saved(sitting))
    assert sitting.standing.hold is Hold.MINE
    until(lambda: saved(sitting))
    assert sitting.standing.hold is Hold.MINE


def reopened_of(keeper: Keeper) -> list[tuple[Kept | None, str]]:
    told: list[tuple[Kept | None, str]] = []
    keeper.reopened.connect(lambda _sitting, kept, words: told.append((kept, words)))
    return told


@pytest.mark.parametrize("history", ["whole", "lost"])
def test_what_is_removed_while_it_is_open_is_written_anew(
    keeper: Keeper, place: AnnotationFolder, history: str
) -> None:
    document, sitting = begin(keeper, place)
    stroke(document, Brush.PAINT, 60, (100, 100))
    record = Record("eye.png", "0" * 64, *SIZE, state=State.REVIEWED, note="look")
    sitting.put_record(record, told=True, answer=np.full(SIZE, 200, np.uint8))
    until(lambda: saved(sitting))
    sitting.close()
    assert sitting.wait(20)
    if history == "lost":
        (place.folder / "journal.log").unlink()
    document, sitting = begin(keeper, place)
    told = reopened_of(keeper)
    stroke(document, Brush.PAINT, 20, (300, 300))
    stroke(document, Brush.ERASE, 30, (90, 100))
    document.undo()
    document.set_level(99)
    until(lambda: saved(sitting))
    shutil.rmtree(place.folder)
    document.begin_stroke()
    document.paint((400, 400), (420, 400), 20, Brush.PAINT)
    sitting.put_record(replace(record, state=State.IN_PROGRESS), told=True)
    until(lambda: sitting.standing.problem is not None or bool(told))
    document.end_stroke("Stroke")
    document.redo()
    stroke(document, Brush.ERASE, 30, (110, 100))
    until(lambda: bool(told) and saved(sitting))
    kept = kept_in(place)
    assert np.array_equal(kept.corrections, document.corrections)
    assert kept.level == 99
    assert kept.answer is not None
    assert kept.record is not None
    assert (kept.record.note, kept.record.state) == ("look", State.IN_PROGRESS)
    assert told[0][0] is None
    assert "written anew" in told[0][1]
    assert [edit.name for edit in kept.done][-3:] == document.history.names[0][-3:]
    stroke(document, Brush.PAINT, 20, (200, 200))
    sitting.close()
    assert sitting.wait(20)
    again, sitting = begin(keeper, place)
    assert np.array_equal(again.corrections, document.corrections)


def test_a_review_that_is_removed_while_it_is_open_is_written_anew(
    keeper: Keeper, place: AnnotationFolder
) -> None:
    document, sitting = begin(keeper, place)
    told = reopened_of(keeper)
    stroke(document, Brush.PAINT, 60, (100, 100))
    record = Record("eye.png", "0" * 64, *SIZE, state=State.REVIEWED, note="look")
    sitting.put_record(record, told=True, answer=np.full(SIZE, 200, np.uint8))
    until(lambda: saved(sitting))
    shutil.rmtree(place.folder)
    sitting.close()
    until(lambda: bool(told))
    assert sitting.wait(20)
    kept = kept_in(place)
    assert_same(kept, document)
    assert kept.answer is not None
    assert kept.record is not None
    assert (kept.record.note, kept.record.state) == ("look", State.REVIEWED)


def test_nothing_is_written_anew_where_the_drive_is_away(
    tmp_path: Path, keeper: Keeper, place: AnnotationFolder
) -> None:
    document, sitting = begin(keeper, place)
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: saved(sitting))
    away = place.folder.parent.rename(tmp_path / "away")
    stroke(document, Brush.PAINT, 20, (200, 200))
    until(lambda: sitting.standing.problem is not None)
    time.sleep(0.2)
    assert not place.folder.parent.exists()
    away.rename(place.folder.parent)
    until(lambda: saved(sitting))
    assert_same(kept_in(place), document)


def test_staying_after_closing(
    keeper: Keeper, place: AnnotationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Full(monkeypatch, place.folder)
    document, sitting = begin(keeper, place)
    stroke(document, Brush.PAINT, 20, (100, 100))
    until(lambda: saved(sitting))
    disk.full = True
    stroke(document, Brush.PAINT, 20, (200, 200))
    sitting.close()
    until(lambda: sitting.standing.problem is not None)
    assert sitting.stay()
    disk.full = False
    until(lambda: saved(sitting))
    stroke(document, Brush.PAINT, 20, (300, 300))
    until(lambda: saved(sitting))
    sitting.close()
    assert sitting.wait(20)
    assert not sitting.stay()
    assert_same(kept_in(place), document)


def test_what_another_program_puts_there_is_kept_apart_and_told(
    keeper: Keeper, place: AnnotationFolder
) -> None:
    document, sitting = begin(keeper, place)
    told = reopened_of(keeper)
    stroke(document, Brush.PAINT, 20, (300, 300))
    until(lambda: saved(sitting))
    journal = place.folder / "journal.log"
    theirs = journal.read_bytes() * 2
    (place.folder / "copy").write_bytes(theirs)
    (place.folder / "copy").replace(journal)
    stroke(document, Brush.PAINT, 20, (90, 100))
    until(lambda: bool(told) and saved(sitting))
    assert told[0][0] is None
    assert "is kept in aside-1" in told[0][1]
    assert (place.folder / "aside-1" / "journal.log").read_bytes() == theirs
    assert_same(kept_in(place), document)


def test_what_is_kept_apart_only_at_closing_is_told_too(keeper: Keeper, place: AnnotationFolder) -> None:
    document, sitting = begin(keeper, place)
    told = reopened_of(keeper)
    stroke(document, Brush.PAINT, 20, (300, 300))
    until(lambda: saved(sitting))
    theirs = b"another's corrections"
    (place.folder / "corrections.png").write_bytes(theirs)
    sitting.close()
    until(lambda: bool(told))
    assert told[0][0] is None
    assert "is kept in aside-1" in told[0][1]
    assert (place.folder / "aside-1" / "corrections.png").read_bytes() == theirs
    assert_same(kept_in(place), document)
