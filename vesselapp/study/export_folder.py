"""The folder of a study's export: which files in it are an export's own, and may be replaced."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from vesselapp.core.errors import VesselError
from vesselapp.core.export import PROVENANCE_SUFFIX
from vesselapp.core.files import (
    atomic_write,
    file_sha256,
    is_folder,
    is_of_browser,
    is_there,
    make_folder,
    patiently,
    remove_old_temporaries,
    telling,
)
from vesselapp.core.stamps import time_stamp
from vesselapp.core.walk import EXPORT_NAME
from vesselapp.study.json_text import parse_object
from vesselapp.study.pictures import StudyPicture

Kind = Literal["folder", "coco"]
COCO_NAME = "annotations.json"
_FOLDERS = ("images", "masks", "unsure", "provenance")
_ANOTHER = "Choose a new or an empty folder."


class ExportFolder:
    """A folder made ready for an export: an earlier one in it is replaced, anything else is refused.

    It is replaced file by file; what of it isn't written again goes when all is written. So an export that
    comes to no end leaves what it didn't come to, and its list says that it isn't finished.

    That list keeps the hash of each file, by which a later export knows what a person changed. Of an export
    that was killed, it lists all that might be there, without hashes.

    Parameters
    ----------
    path : Path
    kind : str
    names : sequence of (str, str)
        Stem and file name of each picture.
    listed : sequence of StudyPicture
        What the study works on: a folder that these lie in is refused.

    Raises
    ------
    VesselError
        Where it is refused, also for what was changed or added since the earlier export; or can't be written.
    """

    def __init__(
        self, path: Path, kind: Kind, names: Sequence[tuple[str, str]], listed: Sequence[StudyPicture]
    ) -> None:
        self._path, self._kind = path, kind
        self._planned = [COCO_NAME, *(name for stem, image in names for name in _files_of(stem, image))]
        self._written: dict[str, str] = {}
        with telling(f"{path} can't be written to"):
            self._former = self._earlier(listed)
        for name in ("images", "masks") if kind == "folder" else ("images",):
            make_folder(path / name)
        self._list(self._former | dict.fromkeys(self._planned, ""), finished=False)

    def note(self, *names: str) -> None:
        """Note files as they were written."""
        with telling(f"{self._path} can't be read"):
            self._written |= self._hashed(names)

    def __enter__(self) -> ExportFolder:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        """List the files that are there; where all was written, nothing is left of the earlier export."""
        if error is None:
            try:
                with telling(f"What is left of the earlier export in {self._path} can't be removed"):
                    for name in self._left():
                        patiently((self._path / name).unlink)
            except VesselError:
                self._list(self._left() | self._written, finished=False)
                raise
            self._list(self._written, finished=True)
        else:
            with telling(f"{self._path} can't be read"):
                begun = self._hashed([name for name in self._planned if name not in self._written])
            self._list(self._left() | begun | self._written, finished=False)

    def _hashed(self, names: Sequence[str]) -> dict[str, str]:
        return {name: file_sha256(self._path / name) for name in names if self._holds(name)}

    def _left(self) -> dict[str, str]:
        """Give what is there of the earlier export and wasn't written again."""
        former = self._former.items()
        return {name: sha256 for name, sha256 in former if name not in self._written and self._holds(name)}

    def _holds(self, name: str) -> bool:
        return is_there(self._path / name)

    def _list(self, files: Mapping[str, str], *, finished: bool) -> None:
        about = {"kind": self._kind, "exported": time_stamp(), "finished": finished, "files": files}
        atomic_write(self._path / EXPORT_NAME, json.dumps(about, indent=1).encode())

    def _earlier(self, listed: Sequence[StudyPicture]) -> dict[str, str]:
        """Give the files of an earlier export that are there, each with its hash; refuse anything else."""
        out = self._path
        there = [path.name for path in out.iterdir()] if out.exists() else []
        if all(is_of_browser(name) for name in there):
            return {}
        if EXPORT_NAME not in there:
            raise VesselError(f"The folder {out} holds other files.", _ANOTHER)
        if _holds_any(out, listed):
            raise VesselError(
                f"The study's own pictures lie in {out}, where an export would replace them.", _ANOTHER
            )
        former = {name: sha256 for name, sha256 in _former(out).items() if self._holds(name)}
        added = [name for name in self._planned if name not in former and self._holds(name)]
        changed = [name for name, sha256 in former.items() if sha256 not in ("", file_sha256(out / name))]
        if changed or added:
            raise _not_its_own(out, [*changed, *added])
        remove_old_temporaries(out, *(out / name for name in _FOLDERS))
        return former


def _files_of(stem: str, image: str) -> list[str]:
    """Name all that an export of either kind may write of a picture."""
    told = [f"{folder}/{stem}{PROVENANCE_SUFFIX}" for folder in ("masks", "provenance")]
    return [f"images/{image}", f"masks/{stem}.png", f"unsure/{stem}.png", *told]


def _not_its_own(out: Path, names: Sequence[str]) -> VesselError:
    more = len(names) - 1
    which = f"{out / names[0]}" + (f" and {more} more file{'s' * (more > 1)} in that folder" if more else "")
    return VesselError(
        f"{which} {'were' if more else 'was'} changed or added since the earlier export.",
        "Choose another folder, or move that away first.",
    )


def _former(out: Path) -> dict[str, str]:
    """Give the hash of each file that an earlier export says it wrote."""
    try:
        files = parse_object((out / EXPORT_NAME).read_bytes())["files"]
        names = {PurePosixPath(name): str(sha256) for name, sha256 in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        told = f"{out / EXPORT_NAME} doesn't tell which files are those of the earlier export."
        raise VesselError(told, _ANOTHER) from problem
    return {
        str(name): sha256
        for name, sha256 in names.items()
        if not name.is_absolute() and ".." not in name.parts and len(name.parts) <= 2
    }


def _holds_any(out: Path, pictures: Sequence[StudyPicture]) -> bool:
    """Tell whether a picture really lies in an export's folder, whatever links and spellings lead there."""
    above = {folder for one in pictures for folder in Path(os.path.realpath(one.path)).parents}
    own = [out, *(out / name for name in _FOLDERS)]
    theirs, ours = ({_identity(one) for one in some if is_folder(one)} for some in (above, own))
    return not theirs.isdisjoint(ours)


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino
