"""The app is killed: what was acknowledged is there, no file is unreadable, undo works."""

import os
import sys
from pathlib import Path

import pytest

from tests.soak.killing import Killing
from tests.study.faults import Faults
from tests.study.test_faults import Session, calls_of_a_session, make_study
from tests.study.work import FACTS, Work, load, state_of, undoes_to_nothing
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.verify import verify_study

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
        folder = study / "annotations" / "eye"
        kept = load(folder)
        assert kept is None or kept.notes == ()
        ahead = 0
        while state_of(kept) != work.state and ahead < _LARGEST_BATCH:
            work.step()
            ahead += 1
        assert state_of(kept) == work.state, at
        check_that_work_goes_on(study, work)


def check_that_work_goes_on(study: Path, work: Work) -> None:
    folder = study / "annotations" / "eye"
    writer = AnnotationFolder(folder, study).open("ann", FACTS)
    assert writer.kept is None or (writer.kept.notes == () and undoes_to_nothing(writer.kept))
    writer.append([work.paint()])
    writer.append([work.undo()])
    writer.close()
    assert state_of(load(folder)) == work.state
    problems = [finding for finding in verify_study(study) if finding.problem]
    assert [p.sentence for p in problems if "picture" not in p.sentence] == []
    assert not [path for path in folder.iterdir() if path.name.startswith((".", "lock"))]


def test_killed_at_random_moments(tmp_path: Path) -> None:
    killing = Killing(tmp_path, seed=5)
    while killing.outcome.kills < 45:
        killing.kill_once()
    assert killing.outcome.broken == []
    assert killing.outcome.lost == 0
    assert killing.outcome.acknowledged > 0
