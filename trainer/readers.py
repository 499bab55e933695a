"""Readers for the folder layouts that public data sets come in.

Every reader gives `Case` values: where one picture and its truth lie, which set it is of, and whose eye (or
which look) it shows, so that a split can keep a person's pictures together.
"""

import dataclasses
import os
import re
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vesselapp.core.errors import VesselError
from vesselapp.core.files import file_sha256, reason
from vesselapp.study.subjects import subject_of

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".ppm", ".ppm.gz", ".bmp", ".gif", ".webp")
_ENDING = re.compile(
    r"([_.-](1stho|2ndho|mask|manual1|manual2|manual|training_mask|test_mask|ah|vk|gt|label))+$", re.I
)

_IS_FIELD = re.compile(r"_(test|training)_mask$|^\d\d_(h|dr|g)_mask$", re.I)
"""How DRIVE and HRF name their fields of view."""
_PARTS = ("train", "training", "val", "valid", "validation", "test", "testing")
"""A folder of such a name is a part of the set that the folder around it is."""


@dataclass(frozen=True)
class Case:
    """One picture with its truth.

    Attributes
    ----------
    set_name, name : str
        The set, and the picture's name inside it.
    subject : str
        Pictures of one subject stay on one side of a split: both eyes of a person, as far as names tell.
    kind : str
        Splits take their share of each kind.
    image : Path
    masks : tuple[Path, ...]
        One mask; or, where ``apart``, one of each object.
    numbered : bool
        Other masks of the set hold numbers of objects (`trainer.pictures.with_numbers`).
    second, fov, instances : Path or None
        A second observer's mask, the field of view, and a uint16 picture of object numbers.
    """

    set_name: str
    name: str
    subject: str
    image: Path
    masks: tuple[Path, ...]
    kind: str = ""
    second: Path | None = None
    fov: Path | None = None
    instances: Path | None = None
    apart: bool = False
    numbered: bool = False

    @property
    def key(self) -> str:
        """Give the name that split files use, in one form whatever system wrote the folder's name."""
        return unicodedata.normalize("NFC", f"{self.set_name}/{self.name}")


def image_sha256(case: Case) -> str:
    """Give the hash of a case's picture file (VesselError where that can't be read)."""
    try:
        return file_sha256(case.image)
    except OSError as error:
        raise VesselError(f"The picture {case.image} can't be read: {reason(error)}.") from error


def read_sets(folders: list[Path]) -> list[Case]:
    """Find every case in some folders; each is a set, or holds sets, at most two levels down.

    What else lies in a set's folder is told.

    Raises
    ------
    VesselError
        Where a folder can't be read, or what it holds is no set that can be told from others.
    """
    cases: list[Case] = []
    for folder in folders:
        named = folder.resolve() if ".." in folder.parts else folder.absolute()
        try:
            if not folder.is_dir():
                why = "is no folder" if folder.exists() else "doesn't exist"
                raise VesselError(f"The data folder {folder} {why}.")
            found = _read_below(named, levels=2)
        except OSError as error:
            raise VesselError(f"{error.filename or folder} can't be read: {reason(error)}.") from error
        if not found:
            raise VesselError(
                f"No pictures with masks were found in {folder}.",
                "Known layouts: DRIVE, STARE, CHASE_DB1, HRF, DSB2018 stage1_train, BCCD, images/ + masks/.",
            )
        cases += found
    for case in cases:
        told = case.key.encode(errors="backslashreplace").decode()
        if told != case.key:
            raise VesselError(
                f"The name {told} is no UTF-8 (a zip from another system leaves such names).",
                "Give it another name.",
            )
    keys = [case.key for case in cases]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise VesselError(
            f"Two pictures share the name {min(twice)}.", "Give each set a folder of its own name."
        )
    return cases


def _read_below(folder: Path, levels: int) -> list[Case]:
    """Read a folder as a set, or else the folders in it."""
    found = read_set(folder)
    if found or not levels:
        return found
    return [case for child in _folders(folder) for case in _read_below(child, levels - 1)]


def read_set(folder: Path) -> list[Case]:
    """Read one set, whatever its layout; an empty list where there is none."""
    for reader in (_read_drive, _read_folders, _read_stare, _read_flat_chase, _read_stage1):
        cases = reader(folder)
        if cases:
            _tell_of_rest(folder, cases)
            return sorted(_of_whole(folder, cases), key=lambda case: case.key)
    return []


def _of_whole(folder: Path, cases: list[Case]) -> list[Case]:
    """Name the cases of a set's part by the whole set: a person's pictures may lie in two of its parts."""
    if folder.name.lower() not in _PARTS:
        return cases
    whole = folder.parent.name or folder.name
    return [dataclasses.replace(c, set_name=whole, name=f"{folder.name}/{c.name}") for c in cases]


def _tell_of_rest(folder: Path, cases: list[Case]) -> None:
    """Say which pictures in a set's folder, or below it, are no part of what was read as the set."""
    used = {path for c in cases for path in (c.image, *c.masks, c.second, c.fov, c.instances)}
    rest = []
    for place, below, names in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".")]
        rest += [path for name in names if (path := Path(place, name)) not in used and _is_picture(path)]
    if rest:
        first = min(rest).relative_to(folder)
        print(
            f"{folder} was read as one set; {len(rest)} of the picture files in it are no part of that and "
            f"are left out (first: {first}).",
            file=sys.stderr,
        )


def _read_folders(folder: Path) -> list[Case]:
    """``images/`` + ``masks/`` and the same under other names: HRF, BCCD, CHASE_DB1 in folders."""
    images = _first_folder(folder, "images", "original", "image")
    masks = _first_folder(folder, "masks", "manual1", "1st_manual", "mask", "ground_truth")
    if images is None or masks is None:
        return []
    if masks.name.lower() == "mask" and any(_IS_FIELD.search(path.stem) for path in masks.iterdir()):
        raise VesselError(
            f"{masks} holds fields of view, and there is no truth beside it.",
            "Put the truth into 1st_manual (DRIVE) or manual1 (HRF).",
        )
    second = _by_stem(_first_folder(folder, "masks_2nd", "manual2", "2nd_manual"))
    fields = _first_folder(folder, "fov", "mask")
    fov, truth = _by_stem(fields if fields != masks else None), _by_stem(masks)
    instances = _by_stem(_first_folder(folder, "labels", "instances"))
    pictures = _by_stem(images)
    missing = sorted(set(pictures) - set(truth))
    if missing:
        raise VesselError(
            f"{len(missing)} of {len(pictures)} pictures in {images} have no mask (first: {missing[0]}).",
            f"Put one mask of the same stem into {masks} for each.",
        )
    return [
        _case(folder.name, stem, path, (truth[stem],), second.get(stem), fov.get(stem), instances.get(stem))
        for stem, path in pictures.items()
    ]


def _read_drive(folder: Path) -> list[Case]:
    """DRIVE: ``training/`` and ``test/``, each with images, 1st_manual, mask (and 2nd_manual)."""
    cases: list[Case] = []
    for half in (folder / "training", folder / "test"):
        if (half / "1st_manual").is_dir():
            cases += [
                Case(folder.name, c.name, c.subject, c.image, c.masks, c.kind, c.second, c.fov)
                for c in _read_folders(half)
            ]
    return cases


def _read_stare(folder: Path) -> list[Case]:
    """STARE: im0001.ppm, im0001.ah.ppm, im0001.vk.ppm, gzipped or not, in one folder or several."""
    places = [folder, *(folder / name for name in ("stare-images", "images", "labels-ah", "labels-vk"))]
    files: dict[str, Path] = {}
    for path in (path for place in places for path in _pictures(place)):
        if re.match(r"im\d{4}\.", path.name):
            _keep(files, _bare(path), path)
    return [
        _case(folder.name, stem, path, (files[f"{stem}.ah"],), files.get(f"{stem}.vk"), None, None)
        for stem, path in files.items()
        if f"{stem}.ah" in files  # of the whole set of 397, 20 have one
    ]


def _read_flat_chase(folder: Path) -> list[Case]:
    """CHASE_DB1 as downloaded: pictures and both observers' masks in one folder."""
    cases = []
    for path in _pictures(folder):
        if not re.fullmatch(r"Image_.*\.jpg", path.name, re.I):
            continue
        first, second = (path.with_name(f"{path.stem}_{which}HO.png") for which in ("1st", "2nd"))
        if not first.exists():
            raise VesselError(f"The mask {first} is missing.")
        cases.append(
            _case(folder.name, path.stem, path, (first,), second if second.exists() else None, None, None)
        )
    return cases


def _read_stage1(folder: Path) -> list[Case]:
    """DSB2018 stage1_train: ``<id>/images/<id>.png`` and one mask file an object in ``<id>/masks``."""
    cases = []
    for path in (path for child in _folders(folder) for path in _pictures(child / "images")):
        if path.suffix != ".png":
            continue
        if path.stem != path.parent.parent.name:
            return []
        masks = tuple(mask for mask in _pictures(path.parent.parent / "masks") if mask.suffix == ".png")
        if not masks:
            raise VesselError(f"The masks of {path} are missing.")
        case = _case(folder.name, path.stem, path, masks, None, None, None)
        cases.append(dataclasses.replace(case, apart=True))
    return cases


def _case(
    set_name: str,
    stem: str,
    image: Path,
    masks: tuple[Path, ...],
    second: Path | None,
    fov: Path | None,
    instances: Path | None,
) -> Case:
    subject, kind = subject_of(f"{stem}.png"), ""
    for pattern, read in _SUBJECTS:
        match = pattern.fullmatch(stem)
        if match:
            subject, kind = read(match)
    return Case(set_name, stem, subject, image, masks, kind, second, fov, instances)


_SUBJECTS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[str, str]]], ...] = (
    (re.compile(r"Image_(\d\d)[LR]"), lambda m: (m[1], "child")),
    (re.compile(r"\d\d_(h|dr|g)"), lambda m: (m[0], m[1])),
)


def _is_picture(path: Path) -> bool:
    """Tell a picture from other files; names with a dot in front are hidden (macOS: ``._a.png``)."""
    return not path.name.startswith(".") and path.name.lower().endswith(PICTURES) and path.is_file()


def _folders(folder: Path) -> list[Path]:
    """Give the folders in a folder that aren't hidden."""
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]


def _pictures(folder: Path | None) -> list[Path]:
    """Give the pictures in a folder; none where there is no such folder."""
    there = folder is not None and folder.is_dir()
    return [path for path in sorted(folder.iterdir()) if _is_picture(path)] if folder and there else []


def _first_folder(folder: Path, *names: str) -> Path | None:
    """Give the first of some folders that is there, however its name is written."""
    there = {path.name.lower(): path for path in _folders(folder)}
    return next((there[name] for name in names if name in there), None)


def _by_stem(folder: Path | None) -> dict[str, Path]:
    """Map each picture's stem, without endings such as ``_1stHO`` or ``_mask``, to its file."""
    found: dict[str, Path] = {}
    for path in _pictures(folder):
        _keep(found, re.sub(r"_(training|test)$", "", _ENDING.sub("", _bare(path))), path)
    return found


def _keep(found: dict[str, Path], stem: str, path: Path) -> None:
    """Note a stem's file; where there are two, which of them is meant can't be told (VesselError)."""
    other = found.setdefault(stem, path)
    if other != path:
        where = path.parent if path.parent == other.parent else f"{other.parent} and {path.parent}"
        raise VesselError(
            f"{other.name} and {path.name} in {where} are both of '{stem}'.", "Leave one of them there."
        )


def _bare(path: Path) -> str:
    """Give a picture's name without its ending, in one form whatever system wrote it."""
    name = unicodedata.normalize("NFC", path.name)
    ending = max((one for one in PICTURES if name.lower().endswith(one)), key=len)
    return name[: -len(ending)]
