"""Two processes at once on one study: no edit is lost and no file is broken."""

import os
import random
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import pytest

from tests.study.work import FACTS, HEIGHT, WIDTH, load, record, undoes_to_nothing
from vesselapp.core.edits import Edit, EditRecorder
from vesselapp.core.geometry import Box
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.journal import Edited
from vesselapp.study.lock import Taken
from vesselapp.study.record import State
from vesselapp.study.study import Study
from vesselapp.study.verify import verify_study
from vesselapp.study.writer import Writer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
ROUNDS = 200


def dot(writer: Writer, row: int, column: int, value: int, name: str) -> Edit:
    """Correct one pixel upon what the writer found."""
    corrections = np.zeros((HEIGHT, WIDTH), np.uint8) if writer.kept is None else writer.kept.corrections
    recorder = EditRecorder(corrections)
    box = Box(column, row, column + 1, row + 1)
    recorder.about_to_change(box)
    corrections[box.slices] = value
    edit = recorder.finish(name)
    assert edit is not None
    return edit


def opened(place: AnnotationFolder, number: int) -> Writer | str:
    """Open an annotation, or give the name of who has it."""
    try:
        return place.open(f"person {number}", FACTS)
    except Taken as taken:
        return taken.holder.who


def run_in_processes(work, count: int = 2) -> None:
    """Run ``work(number)`` in several processes at once; each must end well."""
    children = []
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            try:
                work(number)
                os._exit(0)
            finally:
                traceback.print_exc()
                os._exit(1)
        children.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    assert codes == [0] * count


def test_two_writers_of_one_picture(tmp_path: Path) -> None:
    study = tmp_path / "study"
    Study.create(study, "both", [], "", "ann")
    folder = study / "annotations" / "eye-0123456789"

    def work(number: int) -> None:
        chance = random.Random(number)
        place = AnnotationFolder(folder, study)
        for round_ in range(ROUNDS):
            while isinstance(writer := opened(place, number), str):
                if writer != f"person {1 - number}":
                    raise AssertionError(writer)
                place.load(FACTS.sha256, HEIGHT, WIDTH)  # a reader is never in the way, and never fails
                time.sleep(chance.uniform(0, 0.002))
            row, column = 100 * number + round_ // 100, round_ % 100
            edit = dot(writer, row, column, 1 + round_ % 3, f"{number} {round_}")
            writer.append([Edited(edit)])
            if chance.random() < 0.1:
                writer.write_record(record(State.IN_PROGRESS, note=f"{number} {round_}"))
            if chance.random() < 0.8:
                writer.close()
            else:
                writer.abandon()  # as after a crash, but for the lock

    run_in_processes(work)
    kept = load(folder)
    assert kept is not None
    assert kept.notes == ()
    names = [edit.name for edit in kept.done]
    for number in range(2):
        assert [name for name in names if name[0] == str(number)] == [f"{number} {n}" for n in range(ROUNDS)]
        for round_ in range(ROUNDS):
            place = 100 * number + round_ // 100, round_ % 100
            assert kept.corrections[place] == 1 + round_ % 3
    assert undoes_to_nothing(kept)
    AnnotationFolder(folder, study).open("ann", FACTS).close()
    assert [f.sentence for f in verify_study(study) if f.problem and "picture" not in f.sentence] == []


def test_two_apps_on_two_pictures_share_the_audit_log(tmp_path: Path) -> None:
    study = tmp_path / "study"
    Study.create(study, "both", [], "", "ann")

    def work(number: int) -> None:
        place = AnnotationFolder(study / "annotations" / f"eye-{number:010}", study)
        writer = place.open(f"person {number}", FACTS)
        for round_ in range(60):
            edit = dot(writer, number, round_, 2, str(round_))
            if writer.kept is None:
                writer.close()
                writer = place.open(f"person {number}", FACTS)
                edit = dot(writer, number, round_, 2, str(round_))
            writer.append([Edited(edit)])
            writer.write_record(record(note=str(round_)))  # a line of the log each
            writer.close()
            writer = place.open(f"person {number}", FACTS)
        writer.close()

    run_in_processes(work, 3)
    assert [f.sentence for f in verify_study(study) if f.problem and "picture" not in f.sentence] == []
    assert len((study / "audit.log").read_bytes().splitlines()) > 3 * 60


def test_two_who_take_over_at_once(tmp_path: Path) -> None:
    """Both find a lock whose owner died; one goes on with the work, the other learns who."""
    for round_ in range(30):
        folder = tmp_path / str(round_)
        pid = os.fork()
        if pid == 0:
            writer = AnnotationFolder(folder).open("dead", FACTS)
            writer.append([Edited(dot(writer, 0, 0, 1, "first"))])
            os._exit(0)
        os.waitpid(pid, 0)

        def work(number: int, folder: Path = folder) -> None:
            writer = opened(AnnotationFolder(folder), number)
            if isinstance(writer, Writer):
                writer.append([Edited(dot(writer, 1, number, 2, str(number)))])
                writer.close()
            elif writer != f"person {1 - number}":
                raise AssertionError(writer)

        run_in_processes(work)
        kept = load(folder)
        assert kept is not None
        assert kept.notes == ()
        assert 2 <= len(kept.done) <= 3
        assert np.count_nonzero(kept.corrections) == len(kept.done)
