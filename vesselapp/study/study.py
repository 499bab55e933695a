"""A study: a folder with pictures to work on (or that points at them), their annotations, and models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.record import Record

STUDY_FORMAT = 1


@dataclass(frozen=True)
class StudyPicture:
    """A picture of a study.

    Attributes
    ----------
    key : str
        Name of its annotation's folder.
    name : str
        File name.
    path : Path
    root : int
        Number of the study's root that it lies in.
    relative : str
        Path inside that root, with forward slashes.
    """

    key: str
    name: str
    path: Path
    root: int
    relative: str


@dataclass(frozen=True)
class Opened:
    """What was found when a picture was opened.

    ``what`` is ``new`` (no annotation yet), ``same``, ``changed`` (another picture under that name: the
    annotation of the former one is kept apart), or ``moved`` (renamed or moved: its annotation was found by
    its hash); ``sentence`` tells a person, and is empty where there is nothing to tell.
    """

    what: Literal["new", "same", "changed", "moved"]
    sentence: str = ""


class Study:
    """A study's folder.

    Attributes
    ----------
    folder : Path
    name : str
    model : str
        Name or file of a model, or its number in the study's registry; empty: the shipped one.
    roots : list of Path
        Folders of pictures.
    """

    folder: Path
    name: str
    model: str
    roots: list[Path]

    @classmethod
    def create(cls, folder: Path, name: str, roots: Sequence[Path], model: str = "", who: str = "") -> Study:
        """Make a study of folders of pictures, one of which may be the study's own.

        Raises
        ------
        VesselError
            Where there is one already, or it can't be written.
        """
        raise NotImplementedError

    @classmethod
    def open(cls, folder: Path) -> Study:
        """Open a study.

        Raises
        ------
        VesselError
            Where there is none, or a newer version of the app made it.
        """
        raise NotImplementedError

    @property
    def missing_roots(self) -> list[Path]:
        """Folders of pictures that aren't there just now."""
        raise NotImplementedError

    def pictures(self) -> list[StudyPicture]:
        """List the pictures, in natural order."""
        raise NotImplementedError

    def records(self) -> Iterator[tuple[str, Record]]:
        """Give key and record of each picture that has an annotation."""
        raise NotImplementedError

    def place(self, picture: StudyPicture) -> AnnotationFolder:
        """Give where a picture's annotation lies, whether or not it exists yet."""
        raise NotImplementedError

    def note_opened(self, picture: StudyPicture, image_sha256: str, who: str = "") -> Opened:
        """See whether a picture is the one that was annotated; call it before `AnnotationFolder.open`."""
        raise NotImplementedError
