"""The pictures that can be opened, and reading one before it is asked for."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vesselapp.core.errors import VesselError
from vesselapp.core.image import Image, read_image
from vesselapp.core.memory import keep_freed_memory


@dataclass(frozen=True, eq=False)
class Source:
    """A picture that can be opened: a file, or a sample that `read` makes.

    ``task`` names the kind of model that suits it (a sample's), in place of the one used last time.
    """

    name: str
    read: Callable[[], Image]
    path: Path | None = None
    task: str | None = None


class ReadAhead:
    """Reads one picture on a thread of its own, so that it is there when it is asked for."""

    def __init__(self) -> None:
        keep_freed_memory()  # before the first thread that reads
        self._path: Path | None = None
        self._thread: threading.Thread | None = None
        self._image: Image | None = None
        self._problem: VesselError | None = None

    @property
    def path(self) -> Path | None:
        """Of the picture that is read, until it is asked for."""
        return self._path

    def start(self, path: Path) -> None:
        """Begin to read a picture; one that was begun before and not asked for is forgotten."""
        self._path, self._image, self._problem = path, None, None
        self._thread = threading.Thread(target=self._work, args=(path,), name="read ahead", daemon=True)
        self._thread.start()

    def read(self, path: Path) -> Image:
        """Give a picture: the one read ahead if it is that, else read now.

        Raises
        ------
        VesselError
            As `read_image`.
        """
        if path != self._path or self._thread is None:
            return read_image(path)
        self._thread.join()
        image, problem = self._image, self._problem
        self._path = self._thread = self._image = self._problem = None
        if image is not None:
            return image
        if problem is not None:
            raise problem
        return read_image(path)

    def source(self, path: Path) -> Source:
        """Make a source of a picture file that makes use of what was read ahead."""
        return Source(path.name, lambda: self.read(path), path)

    def _work(self, path: Path) -> None:
        try:
            image = read_image(path)
        except VesselError as problem:
            if path == self._path:
                self._problem = problem
        else:
            if path == self._path:
                self._image = image
