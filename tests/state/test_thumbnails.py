import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from vesselapp.core import thumbnail as thumbnail_module
from vesselapp.state.thumbnails import SIDE, Thumbnails


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the pictures that were really decoded."""
    names: list[str] = []
    make = thumbnail_module.thumbnail

    def watched(path: Path, side: int) -> np.ndarray:
        names.append(path.name)
        return make(path, side)

    monkeypatch.setattr(thumbnail_module, "thumbnail", watched)
    return names


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Thumbnails]:
    cache = Thumbnails(lambda call: call(), tmp_path / "cache")
    yield cache
    cache.close()


def picture(path: Path, value: int, size: int = 200) -> Path:
    PIL.Image.fromarray(np.full((size, size, 3), value, np.uint8)).save(path)
    return path


def wait_for(cache: Thumbnails, *paths: Path) -> None:
    until = time.monotonic() + 20
    while not all(cache.get(path)[0] for path in paths):
        assert time.monotonic() < until
        time.sleep(0.005)


def test_they_are_made_once_and_kept_on_disk(tmp_path: Path, cache: Thumbnails, made: list[str]) -> None:
    file = picture(tmp_path / "ä b.png", 90)
    assert cache.get(file) == (False, None)
    cache.want([file])
    wait_for(cache, file)
    small = cache.get(file)[1]
    assert small is not None
    assert small.shape == (SIDE, SIDE, 3)
    assert abs(int(small.mean()) - 90) <= 2
    again = Thumbnails(lambda call: call(), tmp_path / "cache")
    again.want([file])
    wait_for(again, file)
    again.close()
    assert made == ["ä b.png"]


def test_a_changed_picture_gets_another(tmp_path: Path, cache: Thumbnails, made: list[str]) -> None:
    file = picture(tmp_path / "a.png", 90)
    cache.want([file])
    wait_for(cache, file)
    picture(file, 200)
    os.utime(file, ns=(1, 1))
    again = Thumbnails(lambda call: call(), tmp_path / "cache")
    again.want([file])
    wait_for(again, file)
    again.close()
    small = again.get(file)[1]
    assert small is not None
    assert abs(int(small.mean()) - 200) <= 2
    assert len(made) == 2


def test_what_cannot_be_read_is_known_as_such(tmp_path: Path, cache: Thumbnails) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    cache.want([tmp_path / "bad.png", tmp_path / "gone.png"])
    wait_for(cache, tmp_path / "bad.png", tmp_path / "gone.png")
    assert cache.get(tmp_path / "bad.png") == (True, None)


def test_a_cache_folder_that_cannot_be_written_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = Thumbnails(lambda call: call(), tmp_path / "file" / "cache")
    file = picture(tmp_path / "a.png", 90)
    cache.want([file])
    wait_for(cache, file)
    assert cache.get(file)[1] is not None
    cache.close()


def test_a_broken_file_in_the_cache_is_made_anew(tmp_path: Path, cache: Thumbnails) -> None:
    file = picture(tmp_path / "a.png", 90)
    cache.want([file])
    wait_for(cache, file)
    for kept in (tmp_path / "cache").glob("*.jpg"):
        kept.write_bytes(b"x")
    again = Thumbnails(lambda call: call(), tmp_path / "cache")
    again.want([file])
    wait_for(again, file)
    again.close()
    assert again.get(file)[1] is not None


def test_what_is_asked_for_last_comes_first(tmp_path: Path, cache: Thumbnails, made: list[str]) -> None:
    files = [picture(tmp_path / f"{i}.png", i, 600) for i in range(40)]
    cache.want(files)
    cache.want(files[:-4:-1])
    wait_for(cache, *files[-3:])
    assert len(made) < 20
