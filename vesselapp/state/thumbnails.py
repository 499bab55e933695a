"""Small copies of the pictures in sight of a list: made on a thread of their own, kept in a cache on disk."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from vesselapp.core.errors import VesselError
from vesselapp.state.jobs import Deliver

_log = logging.getLogger(__name__)

SIDE = 96
_IN_MEMORY = 1500
_MOST_FILES = 30_000

Thumbnail = NDArray[np.uint8] | None


class Thumbnails:
    """Makes small copies of those pictures that are asked for last.

    Parameters
    ----------
    deliver : callable
        Runs a function on the thread of the list.
    folder : Path
        Where they are kept between runs, keyed by path, time of change and size of the picture.

    Attributes
    ----------
    ready : Signal
        Carries the path whose small copy can be had now.
    """

    ready = Signal(object)

    def __init__(self, deliver: Deliver, folder: Path) -> None:
        self._deliver = deliver
        self._folder = folder
        self._known: OrderedDict[Path, Thumbnail] = OrderedDict()
        self._wanted: list[Path] = []
        self._wake = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def get(self, path: Path) -> tuple[bool, Thumbnail]:
        """Tell whether a picture's small copy is known, and give it ((h, w, 3) uint8; None: unreadable)."""
        if path not in self._known:
            return False, None
        self._known.move_to_end(path)
        return True, self._known[path]

    def want(self, paths: Iterable[Path]) -> None:
        """Ask for pictures, the most urgent first, in place of those asked for before."""
        with self._wake:
            self._wanted = [path for path in paths if path not in self._known]
            if self._wanted and self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="thumbnails", daemon=True)
                self._thread.start()
            self._wake.notify()

    def close(self) -> None:
        """Make no more."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(2.0)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._prune()
        while (path := self._next()) is not None:
            self._deliver(partial(self._take, path, self._small_copy(path)))

    def _next(self) -> Path | None:
        with self._wake:
            while not self._wanted and not self._closed:
                self._wake.wait()
            return None if self._closed else self._wanted.pop(0)

    def _take(self, path: Path, small: Thumbnail) -> None:
        self._known[path] = small
        while len(self._known) > _IN_MEMORY:
            self._known.popitem(last=False)
        self.ready.emit(path)

    def _small_copy(self, path: Path) -> Thumbnail:
        """Read a small copy from the cache, or make and keep it; None where the picture can't be read."""
        from vesselapp.core.thumbnail import thumbnail

        try:
            stat = path.stat()
            name = hashlib.sha256(f"{path}|{stat.st_mtime_ns}|{stat.st_size}|{SIDE}".encode()).hexdigest()
            file = self._folder / f"{name[:32]}.jpg"
            kept = _read(file)
            if kept is not None:
                return kept
            made = thumbnail(path, SIDE)
        except (VesselError, OSError, ValueError, UnicodeError) as problem:
            _log.info("no thumbnail of %s: %s", path, problem)
            return None
        _write(file, made)
        return made

    def _prune(self) -> None:
        """Keep the cache from growing without end: the older half goes."""
        files = list(self._folder.glob("*.jpg"))
        if len(files) > _MOST_FILES:
            files.sort(key=lambda file: file.stat().st_mtime)
            for file in files[: len(files) // 2]:
                file.unlink(missing_ok=True)


def _read(file: Path) -> Thumbnail:
    try:
        data = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError:
        return None
    if not data.size:
        return None
    found = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if found is None or max(found.shape[:2]) > SIDE:
        return None
    return np.ascontiguousarray(found[:, :, ::-1])


def _write(file: Path, pixels: NDArray[np.uint8]) -> None:
    """Keep a small copy; it is a cache, so a failure is of no matter and nothing is flushed."""
    swapped = np.ascontiguousarray(pixels[:, :, ::-1])
    done, data = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, 88])
    if not done:
        return
    temporary = file.with_name(f".{file.name}.{threading.get_ident()}")
    with contextlib.suppress(OSError):
        try:
            temporary.write_bytes(data.tobytes())
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
