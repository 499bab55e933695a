"""The folder where unsaved work waits."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.state.test_document import make_document, stroke
from vesselapp.core.edits import digest_of
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import Correction
from vesselapp.core.files import file_sha256
from vesselapp.state.brush import Brush
from vesselapp.state.rescue import Rescue
from vesselapp.state.standing import Unsaved
from vesselapp.study import snapshot
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.journal import Edited, Operation, Undone, Viewed
from vesselapp.study.process import boot_id
from vesselapp.study.record import ImageFacts, Record, State
from vesselapp.study.study import Study

FACTS = ImageFacts("eye.png", "0" * 64, 530, 600)


def unsaved(number: int = 0, brush: Brush = Brush.PAINT) -> Unsaved:
    document = make_document()
    happened: list[Operation] = []
    document.happened.connect(happened.append)
    stroke(document, brush, 20, (100, 100))
    return Unsaved(number, (), tuple(happened), None, False, None)


def owned_by(file: Path, host: str, boot: str, pid: int) -> None:
    about, _, rest = file.read_bytes().partition(b"\n")
    values = json.loads(about) | {"owner": [host, boot, pid]}
    file.write_bytes(json.dumps(values).encode() + b"\n" + rest)


def test_what_another_living_process_keeps_is_its_own(tmp_path: Path) -> None:
    place = AnnotationFolder(tmp_path / "key")
    Rescue(tmp_path / "rescue").keep(object(), place, FACTS, unsaved())
    (file,) = (tmp_path / "rescue").iterdir()
    rescue = Rescue(tmp_path / "rescue")
    assert len(rescue.left()) == 1
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        owned_by(file, socket.gethostname(), boot_id(), other.pid)
        assert rescue.left() == []
    finally:
        other.communicate(b"\n")
    assert len(rescue.left()) == 1
    for host in ("another computer", socket.gethostname()):
        owned_by(file, host, boot_id(), os.getppid())
        assert rescue.left() == []
        os.utime(file, (1, 1))  # no sign of life: the process is another one by now
        assert len(rescue.left()) == 1


def test_what_is_kept_gives_a_sign_of_life(tmp_path: Path) -> None:
    rescue = Rescue(tmp_path / "rescue")
    rescue.keep(object(), AnnotationFolder(tmp_path / "key"), FACTS, unsaved())
    (file,) = (tmp_path / "rescue").iterdir()
    os.utime(file, (1, 1))
    rescue.give_sign()
    assert file.stat().st_mtime > 1


def test_what_was_left_first_is_put_back_first(tmp_path: Path) -> None:
    place = AnnotationFolder(tmp_path / "key")
    brushes = [Brush.PAINT, Brush.ERASE, Brush.UNSURE, Brush.PAINT, Brush.ERASE, Brush.UNSURE]
    for time, brush in enumerate(brushes, start=1):
        before = set((tmp_path / "rescue").glob("*"))
        Rescue(tmp_path / "rescue").keep(object(), place, FACTS, unsaved(brush=brush))
        (file,) = set((tmp_path / "rescue").glob("*")) - before
        os.utime(file, (time, time))
    writer = place.open("ann", FACTS)
    Rescue(tmp_path / "rescue").put_back(writer, place, FACTS)
    writer.close()
    kept = place.load(FACTS.sha256, FACTS.height, FACTS.width)
    assert kept is not None
    assert kept.corrections[100, 100] == Correction.UNSURE


@pytest.mark.parametrize("cut_off", [True, False])
def test_a_file_that_cannot_be_removed_is_put_back_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_off: bool
) -> None:
    place, record = AnnotationFolder(tmp_path / "key"), Record("eye.png", "0" * 64, 530, 600, note="mine")
    Rescue(tmp_path / "rescue").keep(object(), place, FACTS, replace(unsaved(), record=record, told=True))

    def refuse_rescue(real: Callable[..., None]) -> Callable[..., None]:
        def call(path: Path, *given: object, **named: object) -> None:
            if path.suffix == ".rescue":
                raise PermissionError(13, "in use", str(path))
            real(path, *given, **named)

        return call

    def open_it(*more: Operation) -> Record | None:
        writer = place.open("ann", FACTS)
        Rescue(tmp_path / "rescue").put_back(writer, place, FACTS)
        writer.append(more)
        writer.close()
        return writer.record

    with monkeypatch.context() as held:
        held.setattr(Path, "unlink", refuse_rescue(Path.unlink))
        if not cut_off:
            held.setattr(os, "truncate", refuse_rescue(os.truncate))
        before = open_it()
        again = open_it()
        document = make_document()
        stroke(document, Brush.PAINT, 20, (100, 100))
        happened: list[Operation] = []
        document.happened.connect(happened.append)
        stroke(document, Brush.ERASE, 20, (100, 100))
        open_it(*happened)
        open_it()
    assert before is not None
    assert again is not None
    assert (again.note, again.strokes) == (before.note, before.strokes)
    open_it()
    kept = place.load(FACTS.sha256, FACTS.height, FACTS.width)
    assert kept is not None
    assert kept.corrections[100, 100] == Correction.BACKGROUND
    assert kept.record is not None
    assert kept.record.note == "mine"
    assert list((tmp_path / "rescue").iterdir()) == []


@pytest.mark.parametrize("line", range(2, 5))
def test_what_follows_a_damaged_step_is_kept_apart(tmp_path: Path, line: int) -> None:
    place = AnnotationFolder(tmp_path / "key")
    record = Record("eye.png", "0" * 64, 530, 600, state=State.REVIEWED, note="mine")
    document = make_document()
    happened: list[Operation] = []
    document.happened.connect(happened.append)
    stroke(document, Brush.PAINT, 20, (100, 100))
    stroke(document, Brush.ERASE, 20, (100, 100))
    document.undo()
    left = replace(unsaved(), operations=tuple(happened), record=record)
    Rescue(tmp_path / "rescue").keep(object(), place, FACTS, left)
    (file,) = (tmp_path / "rescue").iterdir()
    lines = file.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line][:-2] + b"!\n"
    file.write_bytes(b"".join(lines))
    writer = place.open("ann", FACTS)
    _, told = Rescue(tmp_path / "rescue").put_back(writer, place, FACTS)
    writer.close()
    assert "damaged" in told
    (apart,) = (tmp_path / "rescue").iterdir()
    assert str(apart) in told
    assert apart.read_bytes() == b"".join(lines)
    kept = place.load(FACTS.sha256, FACTS.height, FACTS.width)
    assert kept is not None
    assert kept.corrections[100, 100] == {2: 0, 3: 2, 4: 1}[line]
    assert kept.record is not None
    assert (kept.record.note, kept.record.state) == ("mine", State.IN_PROGRESS)


def test_a_folder_without_room_is_not_filled_with_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rescue, owner, place = Rescue(tmp_path / "rescue"), object(), AnnotationFolder(tmp_path / "key")
    left = replace(unsaved(), answer=np.full((530, 600), 90, np.uint8))

    def refuse(*_: object) -> None:
        raise VesselError("The disk is full.")

    with monkeypatch.context() as full:
        full.setattr("vesselapp.state.rescue.atomic_write", refuse)
        for _ in range(3):
            with pytest.raises(VesselError):
                rescue.keep(owner, place, FACTS, left)
            assert list((tmp_path / "rescue").iterdir()) == []
    rescue.keep(owner, place, FACTS, left)
    assert len(list((tmp_path / "rescue").iterdir())) == 2


def test_it_is_put_back_where_the_study_is_now(tmp_path: Path) -> None:
    Rescue(tmp_path / "rescue").keep(object(), AnnotationFolder(tmp_path / "old" / "key"), FACTS, unsaved())
    place = AnnotationFolder(tmp_path / "new" / "key")
    rescue = Rescue(tmp_path / "rescue")
    writer = place.open("ann", FACTS)
    changed, told = rescue.put_back(writer, place, FACTS)
    assert changed
    assert "put back" in told
    kept = place.load(FACTS.sha256, FACTS.height, FACTS.width)
    assert kept is not None
    assert kept.corrections[100, 100] == 2
    assert rescue.put_back(writer, place, FACTS) == (False, "")
    writer.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    values = np.random.default_rng(0).integers(0, 255, (53, 60, 3), dtype=np.uint8)
    PIL.Image.fromarray(values).save(folder / "eye.png")
    return folder


def put_back(tmp_path: Path, study: Study, key: str = "", facts: ImageFacts = FACTS) -> str:
    """Open a study's picture of a key (its first one), and say what was put back."""
    place = study.place_of(key or study.pictures()[0].key)
    writer = place.open("ann", facts)
    try:
        return Rescue(tmp_path / "rescue").put_back(writer, place, facts)[1]
    finally:
        writer.close()


def without_study(tmp_path: Path) -> None:
    """Make the files of the rescue folder those of an earlier version."""
    for file in (tmp_path / "rescue").glob("*.rescue"):
        about, _, rest = file.read_bytes().partition(b"\n")
        values = {
            name: value
            for name, value in json.loads(about).items()
            if name not in ("study", "begun", "answer")
        }
        file.write_bytes(json.dumps(values).encode() + b"\n" + rest)


@pytest.mark.parametrize("version", ["now", "earlier"])
def test_work_of_one_study_stays_out_of_another_with_the_same_pictures(
    tmp_path: Path, pictures: Path, version: str
) -> None:
    first = Study.create(tmp_path / "first", "First", [pictures])
    second = Study.create(tmp_path / "second", "Second", [pictures])
    place = first.place(first.pictures()[0])
    assert place.folder.name == second.place(second.pictures()[0]).folder.name
    Rescue(tmp_path / "rescue").keep(object(), place, FACTS, unsaved())
    if version == "earlier":
        without_study(tmp_path)
    assert put_back(tmp_path, second) == ""
    copy = shutil.copytree(tmp_path / "first", tmp_path / "copy")
    assert put_back(tmp_path, Study.open(copy)) == ""
    away = first.folder.rename(tmp_path / "away")  # its drive isn't there just now
    assert put_back(tmp_path, second) == ""
    away.rename(first.folder)
    assert "put back" in put_back(tmp_path, first)
    assert Rescue(tmp_path / "rescue").left() == []


@pytest.mark.parametrize("version", ["now", "earlier"])
def test_work_follows_its_study_when_that_is_moved(tmp_path: Path, pictures: Path, version: str) -> None:
    study = Study.create(tmp_path / "study", "S", [pictures])
    Rescue(tmp_path / "rescue").keep(object(), study.place(study.pictures()[0]), FACTS, unsaved())
    if version == "earlier":
        without_study(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    shutil.move(pictures, tmp_path / "elsewhere")
    moved = study.folder.rename(tmp_path / "elsewhere" / "study")
    assert "put back" in put_back(tmp_path, Study.open(moved))


@pytest.mark.parametrize("another", [False, True])
def test_work_follows_a_picture_that_is_renamed(tmp_path: Path, pictures: Path, another: bool) -> None:
    study = Study.create(tmp_path / "study", "S", [pictures])
    place = study.place(study.pictures()[0])
    facts = replace(FACTS, sha256=file_sha256(pictures / "eye.png"))
    Rescue(tmp_path / "rescue").keep(object(), place, facts, unsaved())
    shutil.copy(pictures / "eye.png", pictures / "the same.png")
    same = next(picture for picture in study.pictures() if picture.name == "the same.png")
    assert put_back(tmp_path, study, same.key, facts) == ""  # the other one is still there
    study.set_name("Renamed")
    (pictures / "eye.png").rename(pictures / "renamed.png")
    if another:
        (pictures / "eye.png").write_bytes((pictures / "renamed.png").read_bytes() + b"another")
    renamed = next(picture for picture in study.pictures() if picture.name == "renamed.png")
    assert "put back" in put_back(tmp_path, Study.open(study.folder), renamed.key, facts)


def test_what_does_not_fit_is_kept_apart_and_told(tmp_path: Path) -> None:
    place = AnnotationFolder(tmp_path / "key")
    Rescue(tmp_path / "rescue").keep(object(), place, FACTS, unsaved(number=7))
    rescue = Rescue(tmp_path / "rescue")
    writer = place.open("ann", FACTS)
    _, told = rescue.put_back(writer, place, FACTS)
    (file,) = (tmp_path / "rescue").iterdir()
    assert str(file) in told
    assert rescue.left() == []
    writer.close()


def with_lost_history(place: AnnotationFolder) -> tuple[Unsaved, Record]:
    """Work on a picture and lose the journal, not the corrections; give what stood then, and the record."""
    stroked = unsaved()
    writer = place.open("ann", FACTS)
    writer.append(stroked.operations)
    writer.write_record(Record("eye.png", "0" * 64, 530, 600, state=State.IN_PROGRESS))
    writer.close()
    assert writer.record is not None
    journal = place.folder / "journal.log"
    journal.write_bytes(journal.read_bytes().replace(b'"', b"!"))
    history = tuple(digest_of(one.edit) for one in stroked.operations if isinstance(one, Edited))
    return Unsaved(len(stroked.operations), history, (), None, False, None, writer.record), writer.record


def test_an_undo_of_what_is_lost_is_kept_apart(tmp_path: Path) -> None:
    place = AnnotationFolder(tmp_path / "key")
    left, _ = with_lost_history(place)
    Rescue(tmp_path / "rescue").keep(object(), place, FACTS, replace(left, operations=(Undone(),)))
    writer = place.open("ann", FACTS)
    changed, told = Rescue(tmp_path / "rescue").put_back(writer, place, FACTS)
    writer.close()
    assert not changed
    assert "kept apart" in told
    assert [file.suffix for file in (tmp_path / "rescue").iterdir()] == [".apart"]


@pytest.mark.parametrize("drawn", [False, True])
def test_a_note_is_put_back_whatever_the_history_and_a_review_where_nothing_was_drawn(
    tmp_path: Path, drawn: bool
) -> None:
    place = AnnotationFolder(tmp_path / "key")
    left, record = with_lost_history(place)
    record = replace(record, note="ask the ward", state=State.REVIEWED)
    viewed = (Viewed({"x": 1}),)
    Rescue(tmp_path / "rescue").keep(
        object(), place, FACTS, replace(left, operations=viewed, record=record, told=True)
    )
    writer = place.open("ann", FACTS)
    if drawn:  # by somebody whose app ended before it wrote a record
        writer.append([*unsaved().operations, *unsaved().operations])
    _, told = Rescue(tmp_path / "rescue").put_back(writer, place, FACTS)
    writer.close()
    assert writer.record is not None
    assert writer.record.note == "ask the ward"
    assert writer.record.state is (State.IN_PROGRESS if drawn else State.REVIEWED)
    assert "put back" in told
    assert ("look at it again" in told) is drawn
    assert list((tmp_path / "rescue").iterdir()) == []


def test_the_same_answer_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    write = snapshot.write_answer

    def counted(path: Path, answer: np.ndarray) -> str:
        written.append(path)
        return write(path, answer)

    monkeypatch.setattr(snapshot, "write_answer", counted)
    rescue, owner, place = Rescue(tmp_path / "rescue"), object(), AnnotationFolder(tmp_path / "key")
    answer = np.full((530, 600), 90, np.uint8)
    for _ in range(3):
        rescue.keep(owner, place, FACTS, replace(unsaved(), answer=answer))
    assert len(written) == 1
    rescue.keep(owner, place, FACTS, replace(unsaved(), answer=np.full_like(answer, 91)))
    assert len(written) == 2
    assert (snapshot.read_answer(written[1].read_bytes(), 530, 600) == 91).all()
    rescue.keep(owner, place, FACTS, unsaved())
    assert not written[1].exists()
    rescue.drop(owner)
    assert list((tmp_path / "rescue").iterdir()) == []


@pytest.mark.parametrize("of_the_record", [True, False])
def test_a_review_is_put_back_with_the_answer_that_was_judged_or_not_at_all(
    tmp_path: Path, of_the_record: bool
) -> None:
    place, answer = AnnotationFolder(tmp_path / "key"), np.full((530, 600), 90, np.uint8)
    record = Record("eye.png", "0" * 64, 530, 600, state=State.REVIEWED, note="mine")
    Rescue(tmp_path / "rescue").keep(
        object(), place, FACTS, replace(unsaved(), record=record, told=True, answer=answer)
    )
    (file,) = (tmp_path / "rescue").glob("*.answer.png")
    if not of_the_record:  # the app ended before the record that goes with it was written
        snapshot.write_answer(file, np.full_like(answer, 91))
    writer = place.open("ann", FACTS)
    _, told = Rescue(tmp_path / "rescue").put_back(writer, place, FACTS)
    writer.close()
    kept = place.load(FACTS.sha256, FACTS.height, FACTS.width)
    assert kept is not None
    assert kept.record is not None
    assert kept.record.note == "mine"
    assert kept.record.state is (State.REVIEWED if of_the_record else State.IN_PROGRESS)
    assert (kept.answer is not None) is of_the_record
    assert ("look at it again" in told) is not of_the_record


def test_a_rescue_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(VesselError, match="can't be written"):
        Rescue(tmp_path / "file" / "rescue").keep(
            object(), AnnotationFolder(tmp_path / "key"), FACTS, unsaved()
        )


def test_a_broken_file_hinders_nothing(tmp_path: Path) -> None:
    rescue = Rescue(tmp_path / "rescue")
    rescue.keep(object(), AnnotationFolder(tmp_path / "key"), FACTS, unsaved())
    (file,) = (tmp_path / "rescue").iterdir()
    data = file.read_bytes()
    random = np.random.default_rng(0)
    for cut in random.integers(0, len(data), 40):
        file.write_bytes(data[:cut])
        for left in Rescue(tmp_path / "rescue").left():
            assert left.image == "eye.png"
    file.write_bytes(b"[]\n[]\n")
    assert Rescue(tmp_path / "rescue").left() == []
