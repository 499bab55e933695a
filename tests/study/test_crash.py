"""The app is killed: what was acknowledged is there, no file is unreadable, undo works."""

import itertools
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.soak.killing import Killing
from tests.study.faults import Faults
from tests.study.test_faults import Session, calls_of_a_session, make_study
from tests.study.work import FACTS, HEIGHT, WIDTH, Work, load, record, state_of, undoes_to_nothing
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.record import State
from vesselapp.study.verify import verify_study
from vesselapp.study.writer import Writer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
_LARGEST_BATCH = 3


def run_until_killed(study: Path, at: int) -> int:
    """Work in a process that ends at once in the midst of a call; give the number of steps acknowledged."""
    read, write = os.pipe()
    real_write = os.write
    pid = os.fork()
    if pid == 0:
        try:
            session = Session(study)
            session.acknowledge = lambda steps: real_write(write, bytes([steps])) and None
            with Faults(at, 0):
                session.run()
        finally:
            os._exit(1)  # it should not have come to this
    os.close(write)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(read, "rb") as pipe:
        acknowledged = sum(pipe.read())
    assert os.waitstatus_to_exitcode(status) == 9
    return acknowledged


def test_killed_in_the_midst_of_any_call(tmp_path: Path) -> None:
    calls = calls_of_a_session(tmp_path / "count")
    for at in range(1, calls + 1):
        study = tmp_path / str(at)
        make_study(study)
        acknowledged = run_until_killed(study, at)
        work = Work(7)
        for _ in range(acknowledged):
            work.step()
        folder = study / "annotations" / "eye-0123456789"
        kept = load(folder)
        assert kept is None or kept.notes == ()
        ahead = 0
        while state_of(kept) != work.state and ahead < _LARGEST_BATCH:
            work.step()
            ahead += 1
        assert state_of(kept) == work.state, at
        check_that_work_goes_on(study, work)


@pytest.mark.parametrize("what", ["another answer", "a stroke", "a threshold"])
def test_killed_between_review_and_what_changes_it(tmp_path: Path, what: str) -> None:
    """A mask that counts as reviewed is the one that was judged, whenever the app ends."""
    make_study(tmp_path / "study")
    place = AnnotationFolder(tmp_path / "study" / "annotations" / "eye-0123456789", tmp_path / "study")
    work, judged = Work(7), np.full((HEIGHT, WIDTH), 90, np.uint8)
    writer = place.open("ann", FACTS)
    writer.append([work.paint()])
    writer.write_answer(judged)
    writer.write_record(record(State.REVIEWED))
    writer.close()
    before = load(place.folder)
    assert before is not None
    step = work.set_level(40) if what == "a threshold" else work.paint()

    def change(writer: Writer) -> None:
        if what == "another answer":
            writer.write_answer(np.full_like(judged, 200))
        else:
            writer.append([step])
        writer.write_record(record(State.IN_PROGRESS))

    home, states = tmp_path / "before", set()
    shutil.copytree(tmp_path / "study", home)
    for at in itertools.count(1):
        shutil.rmtree(tmp_path / "study")
        shutil.copytree(home, tmp_path / "study")
        pid = os.fork()
        if pid == 0:
            try:
                writer = place.open("bob", FACTS)
                with Faults(at, 0):
                    change(writer)
            finally:
                os._exit(0)
        killed = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        kept = load(place.folder)
        assert kept is not None
        assert kept.record is not None
        states.add(kept.record.state)
        if kept.record.state is State.REVIEWED:
            assert np.array_equal(kept.corrections, before.corrections), at
            assert np.array_equal(kept.mask(), before.mask()), at
        if not killed:
            break
    assert states == {State.REVIEWED, State.IN_PROGRESS}


def check_that_work_goes_on(study: Path, work: Work) -> None:
    folder = study / "annotations" / "eye-0123456789"
    writer = AnnotationFolder(folder, study).open("ann", FACTS)
    assert writer.kept is None or (writer.kept.notes == () and undoes_to_nothing(writer.kept))
    writer.append([work.paint()])
    writer.append([work.undo()])
    writer.close()
    assert state_of(load(folder)) == work.state
    problems = [finding for finding in verify_study(study) if finding.problem]
    assert [p.sentence for p in problems if "picture" not in p.sentence] == []
    assert not [path for path in folder.iterdir() if path.name.startswith((".", "lock"))]


@pytest.mark.parametrize("recorded", [True, False])
def test_killed_work_says_when_its_newest_stroke_was_saved(tmp_path: Path, recorded: bool) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            writer, work = AnnotationFolder(tmp_path).open("ann", FACTS), Work(0)
            writer.append([work.paint()])
            if recorded:
                writer.write_record(record())
                writer.append([work.paint()])
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    later = datetime(2100, 1, 1, 12, tzinfo=UTC)
    os.utime(tmp_path / "journal.log", (later.timestamp(), later.timestamp()))
    writer = AnnotationFolder(tmp_path).open("ann", FACTS)
    assert writer.kept is not None
    assert (writer.kept.record is not None) == recorded
    assert writer.kept.saved == later.isoformat(timespec="seconds")
    writer.close()
    kept = load(tmp_path)
    assert kept is not None
    assert kept.record is not None
    assert kept.saved == kept.record.saved  # closed in peace, the record's time is the newest


def test_killed_at_random_moments(tmp_path: Path) -> None:
    killing = Killing(tmp_path, seed=5)
    while killing.outcome.kills < 45:
        killing.kill_once()
    assert killing.outcome.broken == []
    assert killing.outcome.lost == 0
    assert killing.outcome.acknowledged > 0
