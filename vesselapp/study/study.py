"""A study: a folder with pictures to work on (or that points at them), their annotations, and models."""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from vesselapp.core.errors import VesselError
from vesselapp.core.files import (
    atomic_write,
    file_sha256,
    is_file,
    is_folder,
    is_there,
    make_folder,
    reason,
    remove_old_temporaries,
    typed_path,
)
from vesselapp.core.stamps import time_stamp
from vesselapp.core.walk import STUDY_NAME
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.apart import FILES
from vesselapp.study.audit import AuditLog
from vesselapp.study.homes import Homes, Opened
from vesselapp.study.json_text import parse_object
from vesselapp.study.lock import Lock
from vesselapp.study.migrate import parse_any_record
from vesselapp.study.pictures import StudyPicture, is_key, is_key_of, key_in, printable, walk_in
from vesselapp.study.record import RECORD_NAME, Record, refuse_newer

__all__ = ["Study", "StudyPicture", "is_study"]

STUDY_FORMAT = 1


class Study:
    """A study's folder (made by `open` and `create`).

    Attributes
    ----------
    folder : Path
    name : str
    model : str
        Name or file of a model, or its number in the study's registry; empty: the shipped one.
    roots : list of Path
        Folders of pictures.
    created : str
        ISO 8601, UTC.
    unlisted : list of Path
        Folders in there that could not be listed when the pictures were listed last.
    """

    def __init__(self, folder: Path, values: dict[str, Any]) -> None:
        self.folder = folder
        self.unlisted: list[Path] = []
        self._listed: dict[str, Path] = {}
        self._homes = Homes(self)
        self._set(values)

    def _set(self, values: dict[str, Any]) -> None:
        self.name: str = values["name"]
        self.model: str = values["model"]
        self.created: str = values["created"]
        self.roots = [_root_path(self.folder, root) for root in values["roots"]]

    @classmethod
    def create(
        cls, folder: Path, name: str = "", roots: Sequence[Path] = (), model: str = "", who: str = ""
    ) -> Study:
        """Make a study of folders of pictures.

        Parameters
        ----------
        folder : Path
            Where the study is kept; made where it isn't there.
        name : str
            The folder's where empty.
        roots : sequence of Path
            Folders of pictures; the study's own folder where none is given.
        model : str
            See the class.
        who : str

        Raises
        ------
        VesselError
            Where there is one already, a folder of pictures isn't there, or it can't be written.
        """
        folder = Path(os.path.abspath(folder))  # noqa: PTH100 - links are kept as they are
        if is_study(folder):
            raise VesselError(f"There is a study in {folder} already.", "Open it, or choose another folder.")
        places = _without_nested([Path(os.path.abspath(root)) for root in roots] or [folder])  # noqa: PTH100
        for place in places:
            if place != folder:
                _see_folder(place)
        make_folder(folder)
        make_folder(folder / "annotations")
        values = {
            "format": STUDY_FORMAT,
            "name": printable(name.strip() or folder.name),
            "roots": [_root_text(folder, place) for place in places],
            "model": _model_text(folder, model),
            "created": time_stamp(),
        }
        data = _as_bytes(values)
        atomic_write(folder / STUDY_NAME, data)
        AuditLog(folder).append(who, "created", study=hashlib.sha256(data).hexdigest())
        return cls(folder, values)

    @classmethod
    def open(cls, folder: Path) -> Study:
        """Open a study, by its folder or by its ``study.json``.

        Raises
        ------
        VesselError
            Where there is none, or a newer version of the app made it.
        """
        folder = Path(os.path.abspath(folder))  # noqa: PTH100
        folder = folder.parent if folder.name == STUDY_NAME else folder
        return cls(folder, _read_values(folder))

    @property
    def identity(self) -> tuple[str, str]:
        """When the study was made, and its name: what tells it from others that have the same pictures."""
        return self.created, self.name

    # -- pictures -------------------------------------------------------------------------------------------

    @property
    def missing_roots(self) -> list[Path]:
        """Folders of pictures that aren't there just now."""
        return [root for root in self.roots if not is_folder(root)]

    def pictures(self) -> list[StudyPicture]:
        """List the pictures, root after root in natural order; what can't be listed gives none."""
        found: list[StudyPicture] = []
        self.unlisted = []
        for number, root in enumerate(self.roots):
            problems: list[OSError] = []
            found += walk_in(root, number, failed=problems.append)
            folders = [Path(problem.filename or root) for problem in problems]
            self.unlisted += [folder for folder in folders if folder != root or is_folder(root)]
        self._listed = {picture.key: picture.path for picture in found}
        return found

    def records(self, unreadable: dict[str, VesselError] | None = None) -> Iterator[tuple[str, Record]]:
        """Give key and record of each picture that has an annotation; one that can't be read is left out.

        Where a damaged record leaves a journal behind, a stand-in says that work is in progress
        (`vesselapp.study.unusable.unknown_told` tells of those).

        Parameters
        ----------
        unreadable : dict, optional
            Takes those that can't be read, with why.

        Raises
        ------
        VesselError
            As `keys`.
        """
        top = self.folder / "annotations"
        for key in self.keys():
            try:
                with open(f"{top}/{key}/{RECORD_NAME}", "rb") as file:  # noqa: PTH123 - thousands of them
                    record: Record | None = parse_any_record(file.read())[0]
            except (OSError, ValueError, VesselError):
                try:
                    record = self.place_of(key).record()
                except VesselError as problem:
                    record = None
                    if unreadable is not None:
                        unreadable[key] = problem
            if record is not None:
                yield key, record

    def keys(self) -> list[str]:
        """List the names of all annotations.

        Raises
        ------
        VesselError
            Where the study can't be read just now, which isn't the same as having none.
        """
        return [name for name in self._annotations() if is_key(name)]

    def copies(self) -> list[str]:
        """List folders that are annotations by what is in them, but not by their name: sync tools make them.

        Raises
        ------
        VesselError
            As `keys`.
        """
        strange = (name for name in self._annotations() if not is_key(name))
        return [name for name in strange if any(is_there(self.place_of(name).folder / one) for one in FILES)]

    def _annotations(self) -> list[str]:
        """List the folders where annotations are.

        Raises
        ------
        VesselError
            Where the study can't be read just now, which isn't the same as having none.
        """
        try:
            with os.scandir(self.folder / "annotations") as entries:
                found = (Path(entry) for entry in entries if entry.is_dir() and entry.name[0] != ".")
                return sorted({key_in(folder) for folder in found})
        except OSError as problem:
            if isinstance(problem, FileNotFoundError) and is_study(self.folder):
                return []
            text = f"The study in {self.folder} can't be read: {reason(problem)}."
            raise VesselError(text, "Is its drive connected?") from problem

    def place(self, picture: StudyPicture) -> AnnotationFolder:
        """Give where a picture's annotation lies, whether or not it exists yet."""
        return self.place_of(picture.key)

    def place_of(self, key: str) -> AnnotationFolder:
        """Give where the annotation of a key lies; a copy from another system may spell accents otherwise."""
        folder = self.folder / "annotations" / key
        if not key.isascii() and not is_there(folder):
            apart = folder.with_name(unicodedata.normalize("NFD", key))
            folder = apart if is_there(apart) else folder
        return AnnotationFolder(folder, self.folder, self.identity)

    def note_opened(
        self,
        picture: StudyPicture,
        image_sha256: str,
        who: str = "",
        ended: Callable[[Path], object] = lambda folder: None,
    ) -> Opened:
        """See whose annotation a picture's is (`vesselapp.study.homes.Homes.note_opened`)."""
        return self._homes.note_opened(picture, image_sha256, who, ended)

    def has_left(self, key: str, image_sha256: str) -> bool:
        """Tell whether the picture of a key is surely gone, or another one than that of a hash by now.

        Raises
        ------
        VesselError
            Where the study can't be read.
        """
        if not self.lists(key):
            self.pictures()  # the list may be older than that picture
        if _holds(self._listed.get(key), image_sha256) or self.may_hide(key):
            return False
        return not self.missing_roots  # asked last: a drive may go away while the picture is looked for

    def may_hide(self, key: str) -> bool:
        """Tell whether the picture of a key isn't listed, but may lie where nothing could be listed."""
        if self.lists(key) or not self.unlisted:
            return False
        try:
            record = self.place_of(key).record()
        except VesselError:
            return True
        path = record.path if record is not None else ""
        places = [root / path for number, root in enumerate(self.roots) if is_key_of(key, number, path)]
        return not places or any(places[0].is_relative_to(folder) for folder in self.unlisted)

    def lists(self, key: str) -> bool:
        """Tell whether a picture of that key was there when the pictures were listed last."""
        return key in self._listed

    # -- changing -------------------------------------------------------------------------------------------

    def set_root(self, number: int, folder: Path, who: str = "") -> None:
        """Say where one of the folders of pictures is now; the pictures keep their annotations.

        Raises
        ------
        VesselError
            Where it isn't there, or the study can't be written.
        """
        place = Path(os.path.abspath(folder))  # noqa: PTH100
        _see_folder(place)

        def change(values: dict[str, Any]) -> None:
            values["roots"][number] = _root_text(self.folder, place)

        self._change(change, who)

    def set_model(self, model: str, who: str = "") -> None:
        """Choose the study's model (see the class).

        Raises
        ------
        VesselError
            Where the study can't be written.
        """
        self._change(lambda values: values.update(model=_model_text(self.folder, model)), who)

    def set_name(self, name: str, who: str = "") -> None:
        """Rename the study; its folder stays.

        Raises
        ------
        VesselError
            Where the study can't be written.
        """
        self._change(lambda values: values.update(name=printable(name)), who)

    def _change(self, change: Callable[[dict[str, Any]], None], who: str) -> None:
        remove_old_temporaries(self.folder)
        with Lock.briefly(self.folder, who, "study.lock") as lock:
            values = _read_values(self.folder)
            change(values)
            data = _as_bytes(values)
            AuditLog(self.folder).append(who, "study changed", study=hashlib.sha256(data).hexdigest())
            atomic_write(self.folder / STUDY_NAME, data, ready=lock.check)
        self._set(values)
        self._listed = {}


def _holds(file: Path | None, image_sha256: str) -> bool:
    """Tell whether a picture's file is there and has that hash; yes where it can't be read just now."""
    try:
        return file is not None and file_sha256(file) == image_sha256
    except FileNotFoundError:
        return False
    except OSError:
        return True


def is_study(folder: Path) -> bool:
    """Tell whether a folder is a study's."""
    return is_file(folder / STUDY_NAME)


def _read_values(folder: Path) -> dict[str, Any]:
    """Read and check ``study.json``."""
    file = folder / STUDY_NAME
    try:
        values = parse_object(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as problem:
        text = f"There is no study in {folder}."
        raise VesselError(text, "Make one with: vesselapp study new FOLDER --pictures DIR") from problem
    except OSError as problem:
        raise VesselError(f"{file} can't be read: {reason(problem)}.") from problem
    except ValueError as problem:
        raise VesselError(f"{file} is damaged: {problem}.", "Put back a copy of it.") from problem
    refuse_newer(values, STUDY_FORMAT, f"The study in {folder}")
    roots = values.get("roots")
    sound = isinstance(roots, list) and all(isinstance(root, str) and "\0" not in root for root in roots)
    if not sound or not isinstance(values.get("name"), str) or not isinstance(values.get("format"), int):
        raise VesselError(f"{file} is damaged: it doesn't say what a study is.", "Put back a copy of it.")
    return {**values, "model": str(values.get("model") or ""), "created": str(values.get("created") or "")}


def _as_bytes(values: dict[str, Any]) -> bytes:
    return json.dumps(values, indent=1).encode()


def _root_text(folder: Path, root: Path) -> str:
    """Give a root as it is kept: relative where it lies in the study or beside it, so that both can move."""
    beside = root.is_relative_to(folder.parent) and folder.parent != Path(folder.anchor)
    if beside or root.is_relative_to(folder):
        return Path(os.path.relpath(root, folder)).as_posix()
    return os.fspath(root)


def _model_text(folder: Path, model: str) -> str:
    """Give a model as it is kept: a name as it is, a file by its path, relative where it is in the study."""
    if not model or not is_file(typed_path(model)):
        return model.strip()
    file = Path(os.path.abspath(typed_path(model)))  # noqa: PTH100
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else os.fspath(file)


def _see_folder(place: Path) -> None:
    """See that a folder of pictures is there, and is one."""
    if is_file(place):
        raise VesselError(f"{place} is a file.", "Name the folder that it lies in.")
    if not is_folder(place):
        text = f"The folder of pictures {place} isn't there, or can't be looked at."
        raise VesselError(text, "Check how it is spelt.")


def _root_path(folder: Path, text: str) -> Path:
    return Path(os.path.normpath(folder / text))


def _without_nested(roots: list[Path]) -> list[Path]:
    """Drop roots that lie in another one, so that no picture comes twice."""
    alone = dict.fromkeys(roots)
    return [root for root in alone if not any(root != o and root.is_relative_to(o) for o in alone)]
