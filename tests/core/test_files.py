"""A file is written whole or not at all."""

import errno
import io
import os
import sys
from pathlib import Path

import pytest

from vesselapp.core.errors import VesselError
from vesselapp.core.files import (
    atomic_write,
    copy_file,
    is_file,
    is_folder,
    is_there,
    make_folder,
    reason,
    remove_old_temporaries,
    sync,
    typed_path,
)


def test_bytes_and_writers_arrive(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a", b"one")
    atomic_write(tmp_path / "a", lambda file: file.write(b"two"))
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("problem", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_halfway_leaves_the_old_file(problem: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail(file) -> None:
        file.write(b"new")
        raise problem

    expected = VesselError if isinstance(problem, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        atomic_write(path, fail)
    if expected is VesselError:
        assert "the disk is full" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_failure_of_the_renaming_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(VesselError, match="no permission"):
        atomic_write(tmp_path / "a", b"one")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("code", "path", "said"),
    [
        (3, "short", "its folder doesn't exist"),
        (3, "n" * 260, "its path is too long for Windows"),
        (5, "a", "you have no permission there, or another program has it open"),
        (32, "a", "another program has it open"),
    ],
)
def test_what_windows_means_is_told(code: int, path: str, said: str) -> None:
    problem = OSError(errno.EACCES if code != 3 else errno.ENOENT, "Denied", path)
    problem.winerror = code  # type: ignore[attr-defined]
    assert reason(problem) == said


def test_a_reason_that_is_a_sentence_is_told_without_its_full_stop() -> None:
    assert reason(ConnectionError("No network is on.")) == "no network is on"


def test_what_is_open_elsewhere_for_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        problem = PermissionError(errno.EACCES, "denied")
        problem.winerror = 32  # type: ignore[attr-defined]
        raise problem

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(VesselError, match=r"another program has it open\. Close it there"):
        atomic_write(tmp_path / "a", b"one")


def test_reasons_are_told(tmp_path: Path) -> None:
    with pytest.raises(VesselError, match="its folder doesn't exist"):
        atomic_write(tmp_path / "nowhere" / "a", b"")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(VesselError, match="its folder is a file"):
        atomic_write(tmp_path / "file" / "a", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(VesselError, match="a folder of that name is in the way"):
        atomic_write(tmp_path / "folder", b"")


@pytest.mark.parametrize("fails", ["open", "read", "write"])
def test_a_copy_that_fails_tells_which_of_both_files(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    opened = Path.open

    class Gone(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError(errno.ESTALE, "Stale file handle")

    class Full(io.BytesIO):
        def write(self, *_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def open_(path: Path, mode: str = "r") -> object:
        if path == source and fails == "open":
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        if path == source and fails == "read":
            return Gone()
        return Full() if path != source and fails == "write" else opened(path, mode)

    monkeypatch.setattr(Path, "open", open_)
    with pytest.raises(VesselError) as told:
        copy_file(source, target)
    assert (
        told.value.message
        == {
            "open": f"{source} can't be read: the network drive is gone.",
            "read": f"{source} can't be read: the network drive has changed or gone.",
            "write": f"{target} can't be written: the disk is full.",
        }[fails]
    )
    monkeypatch.undo()
    assert target.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == [source, target]


def test_long_names_are_written(tmp_path: Path) -> None:
    name = "n" * 250 + ".png"
    atomic_write(tmp_path / name, b"x")
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_others_may_read_what_the_umask_lets_them(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"x")
    atomic_write(tmp_path / "atomic", b"x")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_make_folder(tmp_path: Path) -> None:
    made = make_folder(tmp_path / "a" / "b")
    assert made.is_dir()
    assert not list(made.iterdir())
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(VesselError, match="is a file"):
        make_folder(tmp_path / "file")
    with pytest.raises(VesselError, match="can't be written to"):
        make_folder(tmp_path / "file" / "below")


def test_a_folder_that_takes_no_files_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(VesselError, match="the disk is read-only"):
        make_folder(tmp_path)


@pytest.mark.parametrize("name", ["/tmp/" + "a" * 300 + "/m", "/proc/1/root/m", "a\0b"])
def test_what_can_not_be_seen_is_not_there(name: str) -> None:
    assert not is_there(Path(name))
    assert not is_file(Path(name))
    assert not is_folder(Path(name))


def test_typed_paths() -> None:
    assert typed_path(" ~ ") == Path.home()
    assert typed_path("~nosuchuser1/x") == Path("~nosuchuser1/x")


@pytest.mark.skipif(os.name == "nt", reason="without fcntl")
@pytest.mark.parametrize(
    ("refused", "by_fsync"), [(0, False), (errno.ENOTSUP, True), (errno.EINVAL, True), (errno.EIO, None)]
)
def test_on_macos_the_drives_own_memory_is_emptied_too(
    refused: int, by_fsync: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    asked: list[object] = []

    def fake_fcntl(_handle: int, command: int) -> int:
        asked.append(command)
        if refused:
            raise OSError(refused, "refused")
        return 0

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", fake_fcntl)
    monkeypatch.setattr(os, "fsync", lambda _handle: asked.append("fsync"))
    with (tmp_path / "a").open("wb") as file:
        if by_fsync is None:
            with pytest.raises(OSError, match="refused"):
                sync(file.fileno())
        else:
            sync(file.fileno())
    assert asked == [51, "fsync"] if by_fsync else asked == [51]
    assert typed_path(' "/data/some eyes" ') == Path("/data/some eyes")  # as Windows copies a path
    assert typed_path('"') == Path('"')


def test_old_temporaries_are_removed_and_those_of_others_at_work_are_not(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in (".vesselapp-a.tmp", ".vesselapp-b.tmp", "c.tmp"))
    for file in (old, young, other):
        file.write_bytes(b"x")
    before = old.stat().st_mtime - 2 * 86400
    for file in (old, other):
        os.utime(file, (before, before))
    remove_old_temporaries(tmp_path / "none", tmp_path)
    assert sorted(tmp_path.iterdir()) == [young, other]
