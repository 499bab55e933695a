"""Where the pictures at hand come from, and where what is done to them is kept: a study, or loose files."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vesselapp.core.errors import VesselError
from vesselapp.core.files import FileState
from vesselapp.core.image import Image, read_image
from vesselapp.state.pictures import Entry
from vesselapp.state.sources import Source
from vesselapp.study.along import bring_along
from vesselapp.study.record import ImageFacts, Record, State

if TYPE_CHECKING:
    from vesselapp.study.annotation import AnnotationFolder
    from vesselapp.study.store import AnnotationStore
    from vesselapp.study.study import Study, StudyPicture

_log = logging.getLogger(__name__)


class Collection(Protocol):
    """Pictures with a place for the annotation of each."""

    def entries(self) -> list[Entry]:
        """List the pictures."""
        ...

    def records(self) -> Iterator[tuple[Entry, Record]]:
        """Give what is known already of pictures of the list; may be slow."""
        ...

    def place(self, entry: Entry, image: Image, who: str) -> tuple[AnnotationFolder, str]:
        """Give where a picture's annotation lies, and a sentence where a person should be told of it."""
        ...

    def facts(self, entry: Entry, image: Image) -> ImageFacts:
        """Give what tells the picture from others."""
        ...

    def holds(self, entry: Entry, place: AnnotationFolder, path: Path | None) -> bool:
        """Tell whether work at a place, on the picture of that file, is on a picture of the list."""
        ...

    def remember(self, entry: Entry, image: Image) -> None:
        """Note that a picture has an annotation; may be slow."""
        ...


class StudyPictures:
    """The pictures of a study.

    Parameters
    ----------
    study : Study
    alone : callable
        Gives where work on a picture alone, of that hash, is kept: it comes along.
    ended : callable
        Waits until closed sittings on a folder have ended.
    """

    def __init__(
        self, study: Study, alone: Callable[[str], AnnotationFolder], ended: Callable[[Path], object]
    ) -> None:
        self.study, self._alone, self._ended = study, alone, ended
        self._entries: dict[str, Entry] = {}
        self._pictures: dict[str, StudyPicture] = {}

    def entries(self) -> list[Entry]:
        """List the pictures."""
        self._pictures = {picture.key: picture for picture in self.study.pictures()}
        for key, picture in self._pictures.items():
            source = Source(picture.name, partial(read_image, picture.path), picture.path)
            self._entries[key] = Entry(source, key)
        return list(self._entries.values())

    def away(self) -> list[str]:
        """Say which folders of pictures aren't there just now, or could not be listed; asks the drives."""
        gone = [
            f"The folder of pictures {folder} is not there now. If it was moved, say where it is with "
            "'vesselapp study moved'."
            for folder in self.study.missing_roots
        ]
        return gone + [
            f"{folder} can't be listed just now: its pictures are not in the list."
            for folder in self.study.unlisted
        ]

    def records(self) -> Iterator[tuple[Entry, Record]]:
        """Give the records there are; where one can't be read, there is work all the same."""
        unreadable: dict[str, VesselError] = {}
        for key, record in self.study.records(unreadable):
            if key in self._entries:
                yield self._entries[key], record
        for key, problem in unreadable.items():
            _log.warning("the list shows %s as in progress: %s", key, problem)
            if key in self._entries:
                yield self._entries[key], Record("", "", 0, 0, state=State.IN_PROGRESS)

    def place(self, entry: Entry, image: Image, who: str) -> tuple[AnnotationFolder, str]:
        """Give where a picture's annotation lies; says so if it is another picture than before."""
        picture = self._pictures[entry.key]
        opened = self.study.note_opened(picture, image.sha256, who, self._ended)
        sentence = opened.sentence
        if opened.what in ("new", "changed"):
            alone = self._alone(image.sha256)
            self._ended(alone.folder)
            place, along = bring_along(self.study, picture, image.sha256, alone, who)
            return place, " ".join(filter(None, (sentence, along)))
        return self.study.place_of(opened.key), sentence

    def facts(self, entry: Entry, image: Image) -> ImageFacts:
        """Give what tells the picture from others."""
        height, width = image.pixels.shape[:2]
        path = self._pictures[entry.key].relative
        return ImageFacts(entry.name, image.sha256, height, width, path)

    def holds(self, entry: Entry, place: AnnotationFolder, path: Path | None) -> bool:
        """Tell whether it is the picture's place in this study."""
        return place.folder == self.study.place_of(entry.key).folder

    def remember(self, entry: Entry, image: Image) -> None:
        """Do nothing: the study knows."""


class LoosePictures:
    """Pictures opened without a study; their annotations are found again by the hash of their file.

    So that the list can say how far each is without reading all files, the hashes of those that have an
    annotation are remembered with each file's path, time of change and size.

    Parameters
    ----------
    sources : sequence of Source
    store : AnnotationStore
    hashes : Path
        The file in which hashes are remembered; a cache.
    """

    def __init__(self, sources: Sequence[Source], store: AnnotationStore, hashes: Path) -> None:
        self._entries = [Entry(source) for source in sources]
        self._store = store
        self._hashes = hashes

    def entries(self) -> list[Entry]:
        """List the pictures."""
        return list(self._entries)

    def records(self) -> Iterator[tuple[Entry, Record]]:
        """Give the records of those whose hash is remembered."""
        known = self._known()
        for entry in self._entries:
            found = known.get(str(entry.path)) if known else None
            if found is None or entry.path is None:
                continue
            file, sha256 = found
            if file == FileState.of(entry.path):
                record = self._record(sha256)
                if record is not None:
                    yield entry, record

    def place(self, entry: Entry, image: Image, who: str) -> tuple[AnnotationFolder, str]:
        """Give where a picture's annotation lies."""
        return self._store.place(image.sha256), ""

    def facts(self, entry: Entry, image: Image) -> ImageFacts:
        """Give what tells the picture from others."""
        height, width = image.pixels.shape[:2]
        return ImageFacts(entry.name, image.sha256, height, width)

    def holds(self, entry: Entry, place: AnnotationFolder, path: Path | None) -> bool:
        """Tell whether it is a place outside a study, and the picture's file."""
        return place.study is None and path is not None and path == entry.path

    def remember(self, entry: Entry, image: Image) -> None:
        """Remember the hash of a picture's file."""
        file = image.file  # as it was read: another one may be there by now
        if entry.path is None or file is None:
            return
        line = json.dumps([str(entry.path), file.changed, file.size, image.sha256])
        try:
            self._hashes.parent.mkdir(parents=True, exist_ok=True)
            with self._hashes.open("a", encoding="utf-8") as cache:
                cache.write(line + "\n")
        except (OSError, ValueError) as problem:
            _log.info("hash of %s not remembered: %s", entry.path, problem)

    def _known(self) -> dict[str, tuple[FileState, str]]:
        known: dict[str, tuple[FileState, str]] = {}
        try:
            lines = self._hashes.read_text("utf-8").splitlines()
        except (OSError, ValueError):
            return known
        for line in lines:
            try:
                path, changed, size, sha256 = json.loads(line)
                known[path] = (FileState(changed, size), str(sha256))
            except (ValueError, TypeError):
                continue  # a torn line: that picture shows as new until it is opened
        return known

    def _record(self, sha256: str) -> Record | None:
        try:
            return self._store.place(sha256).record()
        except VesselError:
            return None  # told when the picture is opened
