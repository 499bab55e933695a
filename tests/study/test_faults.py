"""A disk that says no, at every call in turn: nothing acknowledged is lost, broken or there twice."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.study.conftest import move_mount
from tests.study.faults import Faults
from tests.study.work import FACTS, HEIGHT, WIDTH, Work, load, record, state_of, undoes_to_nothing
from vesselapp.core.errors import VesselError
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.record import State
from vesselapp.study.study import Study
from vesselapp.study.verify import verify_study
from vesselapp.study.writer import Writer

ANSWER = np.full((HEIGHT, WIDTH), 9, np.uint8)


class Session:
    """A person at work on one picture of a study, who tries again what fails, as the app does."""

    def __init__(self, folder: Path) -> None:
        self.study = folder
        self.folder = folder / "annotations" / "eye-0123456789"
        self.work = Work(7)
        self.acknowledged = self.work.state
        self.failures = 0
        self.faults: Faults | None = None
        self.acknowledge: Callable[[int], None] = lambda steps: None
        self.writer: Writer | None = None

    def run(self) -> None:
        """Work from opening to closing."""
        self._try(self._open)
        assert self.writer is not None
        writer = self.writer
        for steps in (1, 3, 2):
            self._append(steps)
        self._try(lambda: writer.write_record(record()))
        self._try(writer.compact)
        self._append(2)
        self._try(lambda: writer.write_answer(ANSWER))
        writer._journal_slack = 0  # the journal is written anew
        self._append(1)
        self._try(writer.compact)
        self._append(2)
        self._try(lambda: writer.write_record(record(State.REVIEWED)))
        self._try(writer.refresh)
        self._try(writer.close)

    def _look(self) -> None:
        """See what is on disk while it fails: all that was acknowledged, and no broken file; then mend it."""
        assert self.faults is not None
        self.faults.mend()
        kept = load(self.folder)
        assert state_of(kept) in (self.acknowledged, self.work.state)
        assert kept is None or kept.notes == ()

    def _open(self) -> None:
        self.writer = AnnotationFolder(self.folder, self.study).open("ann", FACTS)

    def _append(self, steps: int) -> None:
        assert self.writer is not None
        writer, operations = self.writer, [self.work.step() for _ in range(steps)]
        self._try(lambda: writer.append(operations))
        self.acknowledged = self.work.state
        self.acknowledge(steps)

    def _try(self, action: Callable[[], None]) -> None:
        while True:
            try:
                return action()
            except VesselError:
                self.failures += 1
                if self.failures == 20:
                    raise
                self._look()


def make_study(folder: Path) -> None:
    Study.create(folder, "study", [], "", "ann")


def calls_of_a_session(folder: Path) -> int:
    make_study(folder)
    with Faults() as faults:
        Session(folder).run()
    return faults.count


def check_the_end(session: Session) -> None:
    kept = load(session.folder)
    assert kept is not None
    assert state_of(kept) == session.work.state
    assert kept.notes == ()
    assert undoes_to_nothing(kept)
    assert kept.record is not None
    assert kept.record.state is State.REVIEWED
    assert kept.answer is not None
    problems = [finding for finding in verify_study(session.study) if finding.problem]
    assert [p for p in problems if "eye 1.png" not in p.sentence] == []  # the picture itself isn't there


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "until mended"])
def test_every_call_may_fail(tmp_path: Path, number: int, lasting: bool) -> None:
    calls = calls_of_a_session(tmp_path / "count")
    assert calls > 100
    told = 0
    for at in range(1, calls + 1):
        study = tmp_path / str(at)
        make_study(study)
        session = Session(study)
        with Faults(at, number, lasting=lasting) as faults:
            session.faults = faults
            session.run()
            assert faults.hit, at
        told += session.failures > 0
        check_the_end(session)
        shutil.rmtree(study)
    assert told > calls // 3  # most failures matter and are told; the rest are of cleaning up


def test_a_full_disk_for_real(tiny_disk: Path) -> None:
    """Work until a disk of half a megabyte is full, free some of it, and go on."""
    folder, work = tiny_disk / "x", Work(1)
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(bytes(200_000))
    writer = AnnotationFolder(folder).open("ann", FACTS)
    problem, kept_steps = None, 0
    while problem is None and kept_steps < 5000:
        before, operation = work.state, work.step()
        problem = told_by(lambda: writer.append([operation]))  # noqa: B023
        kept_steps += problem is None
    assert problem is not None
    assert "full" in str(problem)
    assert state_of(load(folder)) == before
    with pytest.raises(VesselError, match="full"):
        writer.write_answer(np.random.default_rng(0).integers(1, 254, (HEIGHT, WIDTH), np.uint8))
    ballast.unlink()
    writer.append([operation])
    writer.close()
    assert state_of(load(folder)) == work.state
    assert kept_steps > 10


def test_a_drive_that_vanishes_and_comes_back(tiny_disk: Path) -> None:
    """The mount point is moved away while a picture is open: told, and all goes on once it is back."""
    away = tiny_disk.parent / "away"
    away.mkdir()
    folder, work = tiny_disk / "x", Work(1)
    writer = AnnotationFolder(folder).open("ann", FACTS)
    writer.append([work.step()])
    acknowledged, operation = work.state, work.step()
    move_mount(tiny_disk, away)
    for attempt in (
        lambda: writer.append([operation]),
        lambda: writer.write_record(record()),
        writer.refresh,
    ):
        with pytest.raises(VesselError) as caught:
            attempt()
        assert type(caught.value) is VesselError  # gone, not taken over
    assert not list(tiny_disk.iterdir())
    assert state_of(load(away / "x")) == acknowledged
    move_mount(away, tiny_disk)
    writer.append([operation])
    writer.close()
    assert state_of(load(folder)) == work.state


@pytest.mark.parametrize("dead", ["fstat", "read"])
@pytest.mark.parametrize("changed", [False, True])
def test_a_file_server_that_was_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead: str, changed: bool
) -> None:
    """What was open before is dead for good, and the path leads on, to a file of another number."""
    work, path, close = Work(1), tmp_path / "x" / "journal.log", os.close
    writer = AnnotationFolder(tmp_path / "x").open("ann", FACTS)
    writer.append([work.step(), work.step()])
    (tmp_path / "copy").write_bytes(path.read_bytes()[: -1 if changed else None])
    (tmp_path / "copy").replace(path)
    dead_handles = {writer._journal._handle}
    real = getattr(os, dead)

    def failing(handle: int, *given: int) -> object:
        if handle in dead_handles:
            raise OSError(errno.ESTALE, "stale")
        return real(handle, *given)

    def closed(handle: int) -> None:
        close(handle)
        dead_handles.discard(handle)

    monkeypatch.setattr(os, dead, failing)
    monkeypatch.setattr(os, "close", closed)
    operation = work.step()
    writer.append([operation])
    writer.close()
    assert state_of(load(tmp_path / "x")) == work.state
    assert (tmp_path / "x" / "aside-1").exists() is changed


def told_by(call: Callable[[], None]) -> VesselError | None:
    try:
        call()
    except VesselError as problem:
        return problem
    return None


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(VesselError, match="no permission"):
            AnnotationFolder(tmp_path / "x").open("ann", FACTS)
    finally:
        tmp_path.chmod(0o700)
