"""What the tests of the study floor share."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """Give a folder on a disk in memory where there is one: each of the many writes waits for its disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of half a megabyte, which may be moved inside its parent folder."""
    outer, place = tmp_path / "outer", tmp_path / "outer" / "a drive"
    outer.mkdir()
    try:
        _run("mount", "--bind", outer, outer)
        _run("mount", "--make-private", outer)  # else it can't be moved
        place.mkdir()
        _run("mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", place)
    except (OSError, subprocess.CalledProcessError):
        subprocess.run(["umount", "-l", str(outer)], check=False, capture_output=True)
        pytest.skip("mounting a disk is not permitted here")
    yield place
    for mounted in (place, outer / "away", outer):
        subprocess.run(["umount", "-l", str(mounted)], check=False, capture_output=True)


@pytest.fixture
def read_only_copy(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Give a function that shows a folder once more, on a disk that may only be read."""
    shown: list[Path] = []

    def show(folder: Path) -> Path:
        place = tmp_path / f"read only {len(shown)}"
        place.mkdir()
        try:
            _run("mount", "--bind", folder, place)
            shown.append(place)
            _run("mount", "-o", "remount,bind,ro", place)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("mounting a disk is not permitted here")
        return place

    yield show
    for place in shown:
        subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)


def move_mount(source: Path, target: Path) -> None:
    """Let a drive appear at another place."""
    _run("mount", "--move", source, target)


def _run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)
