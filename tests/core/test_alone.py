"""One run at a time in a folder."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from vesselapp.core import alone
from vesselapp.core.alone import alone_in
from vesselapp.core.errors import VesselError

HOLD = """
import sys
from pathlib import Path
from vesselapp.core.alone import alone_in
with alone_in(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    with alone_in(tmp_path), pytest.raises(VesselError, match="Another run"), alone_in(tmp_path):
        pass
    assert not list(tmp_path.iterdir())
    with alone_in(tmp_path):
        pass


def test_a_killed_run_keeps_nobody_out(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        with pytest.raises(VesselError, match="Another run"), alone_in(tmp_path):
            pass
        process.kill()
        process.wait()
    assert list(tmp_path.iterdir())
    with alone_in(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_drive_without_locks_keeps_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    name, module = ("locking", "msvcrt") if sys.platform == "win32" else ("flock", "fcntl")
    monkeypatch.setattr(f"{module}.{name}", refuse)
    with alone_in(tmp_path), alone_in(tmp_path):
        pass


def test_a_lock_that_its_holder_removes_just_now_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, taken = alone._lock, []

    def late(handle: int) -> None:
        if not taken:
            next(tmp_path.iterdir()).unlink()
        taken.append(handle)
        lock(handle)

    if sys.platform != "win32":
        monkeypatch.setattr(alone, "_lock", late)
    with alone_in(tmp_path), pytest.raises(VesselError, match="Another run"), alone_in(tmp_path):
        pass
