"""One writer an image: who has it is known, and of several who want it one gets it."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.study.work import FACTS, Work, load, record, state_of
from vesselapp.core.errors import VesselError
from vesselapp.study import annotation, journal_file, lock_file
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.lock import STALE_SECONDS, Lock, Lost, Taken, holder_of, unclean_end
from vesselapp.study.process import boot_id, is_alive
from vesselapp.study.writer import Writer


def foreign_lock(folder: Path, age: float = 0.0, who: str = "eve") -> Path:
    """Put the lock of somebody on another computer, last heard of so many seconds ago."""
    path = folder / "lock.json"
    lock_file.create(path, replace(lock_file.ourselves(who), host="elsewhere", boot="other"))
    os.utime(path, (time.time() - age,) * 2)
    return path


def grow_stale(lock: Lock) -> None:
    """Let our own lock look as if the computer had slept, and was another one."""
    path = lock._file
    text = path.read_text().replace(lock.holder.boot, "another boot")
    path.write_text(text)
    os.utime(path, (time.time() - 200,) * 2)


def test_taken_told_and_given_back(tmp_path: Path) -> None:
    lock = Lock.take(tmp_path, "ann")
    lock.check()
    assert not lock.unclean
    holder = holder_of(tmp_path)
    assert holder is not None
    assert (holder.who, holder.pid, holder.stale) == ("ann", os.getpid(), False)
    for take in (Lock.take, Lock.take_over):
        with pytest.raises(Taken, match="ann") as caught:
            take(tmp_path, "ben")
        assert not caught.value.holder.stale
    lock.release()
    with pytest.raises(Lost):
        lock.check()
    assert holder_of(tmp_path) is None
    assert not list(tmp_path.iterdir())
    assert not Lock.take(tmp_path, "ben").unclean


def test_a_stale_lock_is_taken_over_only_on_wish(tmp_path: Path) -> None:
    foreign_lock(tmp_path, STALE_SECONDS - 20)
    with pytest.raises(Taken) as caught:
        Lock.take_over(tmp_path, "ben")
    assert not caught.value.holder.stale
    (tmp_path / "lock.json").unlink()
    foreign_lock(tmp_path, STALE_SECONDS + 20)
    with pytest.raises(Taken) as caught:
        Lock.take(tmp_path, "ben")
    assert caught.value.holder.stale
    lock = Lock.take_over(tmp_path, "ben")
    assert lock.unclean
    holder = holder_of(tmp_path)
    assert holder is not None
    assert holder.who == "ben"
    with pytest.raises(Taken, match="ben"):
        Lock.take_over(tmp_path, "cid")
    lock.refresh()
    lock.release()
    assert not list(tmp_path.iterdir())


def test_a_heartbeat_keeps_a_lock_from_growing_stale(tmp_path: Path) -> None:
    lock = Lock.take(tmp_path, "ann")
    os.utime(tmp_path / "lock.json", (time.time() - 500,) * 2)
    held = holder_of(tmp_path)
    assert held is not None
    assert held.stale
    lock.refresh()
    held = holder_of(tmp_path)
    assert held is not None
    assert not held.stale
    assert held == replace(lock.holder, stale=False)


def test_staleness_goes_by_the_file_servers_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign_lock(tmp_path, 10)
    monkeypatch.setattr(time, "time", lambda: 1e10)
    holder = holder_of(tmp_path)
    assert holder is not None
    assert not holder.stale


def test_the_lock_of_a_process_that_died_here_is_free_at_once(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        Lock.take(tmp_path, "ann")
        os._exit(0)
    os.waitpid(pid, 0)
    assert is_alive(lock_file.ourselves("").host, boot_id(), pid) is False
    lock = Lock.take(tmp_path, "ben")
    assert lock.unclean
    lock.release()
    assert not list(tmp_path.iterdir())


def test_a_process_elsewhere_is_never_known_to_be_dead() -> None:
    here = lock_file.ourselves("")
    assert is_alive(here.host, here.boot, os.getpid()) is True
    assert is_alive("elsewhere", here.boot, 2**22 + 5) is None
    assert is_alive(here.host, "an earlier start", 2**22 + 5) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff\xfe", b'{"token": "../../x"}'])
def test_a_lock_that_cannot_be_read_is_somebodys_until_it_is_stale(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lock.json"
    path.write_bytes(content)
    with pytest.raises(Taken, match="Somebody"):
        Lock.take_over(tmp_path, "ben")
    os.utime(path, (1e9, 1e9))
    Lock.take_over(tmp_path, "ben").release()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("how", ["stale", "dead", "free"])
def test_of_many_who_try_at_once_one_gets_it(tmp_path: Path, how: str) -> None:
    for round_ in range(40):
        folder = tmp_path / str(round_)
        folder.mkdir()
        if how == "stale":
            foreign_lock(folder, 300)
        elif how == "dead":
            dead = replace(lock_file.ourselves("eve"), pid=2**22 + 5)
            lock_file.create(folder / "lock.json", dead)
        ready = threading.Barrier(6)

        def attempt(name: str, folder: Path = folder, ready: threading.Barrier = ready) -> Lock | None:
            ready.wait()
            try:
                return Lock.take_over(folder, name)
            except Taken:
                return None

        with ThreadPoolExecutor(6) as pool:
            locks = [lock for lock in pool.map(attempt, "abcdef") if lock is not None]
        assert len(locks) == 1
        locks[0].check()
        locks[0].release()
        assert not list(folder.iterdir())


def test_a_lock_without_links_works_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    lock = Lock.take(tmp_path, "ann")
    with pytest.raises(Taken, match="ann"):
        Lock.take(tmp_path, "ben")
    lock.release()
    assert not list(tmp_path.iterdir())


def test_a_writer_that_slept_notices_before_it_writes(tmp_path: Path) -> None:
    writer, work = AnnotationFolder(tmp_path / "a").open("ann", FACTS), Work()
    writer.append([work.step()])
    grow_stale(writer.lock)
    other = AnnotationFolder(tmp_path / "a").open("ben", FACTS, take_over=True)
    assert state_of(other.kept) == work.state
    other.append([work.step()])
    before = work.state
    calls = (
        lambda: writer.append([Work(5).paint()]),
        lambda: writer.write_record(record()),
        lambda: writer.write_answer(work.corrections + 1),
        lambda: writer.refresh(),
        writer.close,
    )
    for call in calls:
        with pytest.raises(Lost, match="ben works on it"):
            call()
    writer.abandon()
    assert state_of(load(tmp_path / "a")) == before
    other.lock.check()
    other.append([work.step()])
    other.close()
    assert state_of(load(tmp_path / "a")) == work.state


@pytest.mark.parametrize("moment", ["before the journal is looked at", "before the bytes are written"])
def test_a_write_in_the_very_moment_of_being_taken_over_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The former owner falls asleep between its last look at the lock and the write itself."""
    folder = tmp_path / "a"
    writer, work = AnnotationFolder(folder).open("ann", FACTS), Work()
    writer.append([work.step() for _ in range(4)])
    taken: list[Writer] = []

    def asleep(real: Callable[..., None], *arguments: object) -> None:
        monkeypatch.undo()
        grow_stale(writer.lock)
        taken.append(AnnotationFolder(folder).open("ben", FACTS, take_over=True))
        real(*arguments)

    if moment == "before the journal is looked at":
        monkeypatch.setattr(writer._journal, "append", partial(asleep, writer._journal.append))
    else:
        monkeypatch.setattr(journal_file, "append_whole", partial(asleep, journal_file.append_whole))
    with pytest.raises(Lost):
        writer.append([Work(5).paint()])
    assert state_of(load(folder)) == work.state
    taken[0].append([work.step()])
    assert state_of(load(folder)) == work.state
    taken[0].close()
    kept = load(folder)
    assert kept is not None
    assert kept.notes == ()
    assert state_of(kept) == work.state


@pytest.mark.parametrize("moment", ["before the journal is looked at", "before the bytes are written"])
def test_a_journal_that_its_former_owner_has_open_on_windows_is_taken_over_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """No new file can take its place then, so a former owner who wakes up writes into the present one's."""
    folder = tmp_path / "a"
    writer, work = AnnotationFolder(folder).open("ann", FACTS), Work()
    writer.append([work.step() for _ in range(4)])
    taken: list[Writer] = []
    replace_file = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if target.name == "journal.log":
            raise PermissionError(13, "Access is denied", str(path))
        return replace_file(path, target)

    def asleep(real: Callable[..., None], *arguments: object) -> None:
        monkeypatch.undo()
        grow_stale(writer.lock)
        with monkeypatch.context() as windows:
            windows.setattr(Path, "replace", refuse)
            taken.append(AnnotationFolder(folder).open("ben", FACTS, take_over=True))
        taken[0].append([work.step()])
        real(*arguments)

    if moment == "before the journal is looked at":
        monkeypatch.setattr(writer._journal, "append", partial(asleep, writer._journal.append))
    else:
        monkeypatch.setattr(journal_file, "append_whole", partial(asleep, journal_file.append_whole))
    with pytest.raises(Lost):
        writer.append([Work(5).paint()])
    taken[0].append([work.step()])
    taken[0].close()
    kept = load(folder)
    assert kept is not None
    assert kept.notes == ()
    assert state_of(kept) == work.state


def test_a_lock_that_a_failed_opening_gave_back_still_makes_a_new_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a"
    writer, work = AnnotationFolder(folder).open("ann", FACTS), Work()
    writer.append([work.step()])
    grow_stale(writer.lock)
    with monkeypatch.context() as full:
        full.setattr(annotation, "copy_file", raising)
        with pytest.raises(VesselError):
            AnnotationFolder(folder).open("ben", FACTS, take_over=True)
    before = (folder / "journal.log").stat().st_ino
    AnnotationFolder(folder).open("ben", FACTS).close()
    assert (folder / "journal.log").stat().st_ino != before


def raising(*_: object) -> None:
    raise VesselError("The disk is full.")


def test_a_journal_replaced_under_the_owner_is_put_back(tmp_path: Path) -> None:
    """A former owner woke up at the worst of moments, or a sync client put an older copy there."""
    writer, work = AnnotationFolder(tmp_path / "a").open("ann", FACTS), Work()
    writer.append([work.step() for _ in range(4)])
    old = (tmp_path / "a" / "journal.log").read_bytes()
    writer.append([work.step()])
    journal = tmp_path / "a" / "journal.log"
    for replace_it in (lambda: _swap(journal, old), journal.unlink, lambda: _swap(journal, b"")):
        replace_it()
        writer.append([work.step()])
        assert state_of(load(tmp_path / "a")) == work.state
    writer._journal.close()
    _swap(journal, old)
    writer.append([work.step()])
    assert state_of(load(tmp_path / "a")) == work.state
    writer.close()
    assert state_of(load(tmp_path / "a")) == work.state


def test_an_end_without_giving_back_is_seen(tmp_path: Path) -> None:
    assert not unclean_end(tmp_path)
    foreign_lock(tmp_path)
    assert unclean_end(tmp_path)


def test_a_lock_given_back_unclean_is_free_and_says_so_once(tmp_path: Path) -> None:
    Lock.take(tmp_path, "ann").release(clean=False)
    assert holder_of(tmp_path) is None
    assert unclean_end(tmp_path)
    lock = Lock.take(tmp_path, "ben")
    assert lock.unclean
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(VesselError, match="can't be written"):
        Lock.take(tmp_path / "nowhere", "ann")


def test_a_brief_lock_waits_for_its_turn(tmp_path: Path) -> None:
    values: list[int] = []

    def count(_: int) -> None:
        for _ in range(10):
            with Lock.briefly(tmp_path, "ann", "x.lock"):
                value = len(values)
                time.sleep(0.001)
                assert len(values) == value
                values.append(value)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert values == list(range(40))


def _swap(path: Path, content: bytes) -> None:
    temporary = path.with_name("other")
    temporary.write_bytes(content)
    temporary.replace(path)
