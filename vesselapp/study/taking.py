"""Masks made elsewhere, taken into a study as corrections that can be edited and undone."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

import vesselapp.core.image_decode  # noqa: F401 - lifts Pillow's limit of 89 megapixels
from vesselapp.core.edits import EditRecorder
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import Correction
from vesselapp.core.files import file_sha256, reason
from vesselapp.core.geometry import box_of
from vesselapp.core.image import PICTURE_SUFFIXES, image_size
from vesselapp.core.image_values import stored_values
from vesselapp.study.audit import AuditLog
from vesselapp.study.journal import Edited
from vesselapp.study.pictures import StudyPicture, printable
from vesselapp.study.record import ImageFacts, Record, State
from vesselapp.study.study import Study
from vesselapp.study.writer import Writer

EDIT_NAME = "Imported mask"
_ENDING = "_mask"
_IMPORTED = "Mask imported from "
_BRIGHT = 200
"""Highest value from which a mask of whole numbers may have soft edges."""
_MOSTLY = 0.6


@dataclass
class Imported:
    """What an import took: the pictures' paths; what was not taken and why; what else is to be known."""

    pictures: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def import_masks(
    study: Study,
    folder: Path,
    *,
    reviewed: bool = False,
    replace_corrections: bool = False,
    who: str = "",
    progress: Callable[[float], None] | None = None,
) -> Imported:
    """Take masks from a folder for pictures of the same stem (``a.png`` or ``a_mask.png`` for ``a.jpg``).

    Each becomes one edit, foreground and background, which can be undone; the picture is then in progress.

    Parameters
    ----------
    study : Study
    folder : Path
    reviewed : bool
        Whether a person has looked at them, so that the pictures count as reviewed.
    replace_corrections : bool
        Whether masks are also taken for pictures that have corrections, are reviewed or flagged.
    who : str
    progress : callable, optional
        Called with the share done, 0-1.

    Raises
    ------
    VesselError
        Where there are no masks for any picture of the study.
    """
    masks = _masks_in(folder)
    pictures = study.pictures()
    by_stem: dict[str, list[StudyPicture]] = defaultdict(list)
    for picture in pictures:
        by_stem[picture.path.stem.casefold()].append(picture)
    outcome = Imported()
    pairs: list[tuple[StudyPicture, Path]] = []
    for stem, files in masks.items():
        found = by_stem.get(stem) or by_stem.get(stem.removesuffix(_ENDING)) or []
        files = [file for file in files if not any(_is_same(file, picture.path) for picture in found)]
        if len(found) == 1 and len(files) == 1:
            pairs.append((found[0], files[0]))
        elif files:
            outcome.left_out.append(_why_no_pair(files, found))
    named = {picture.key for picture, file in pairs if file.stem.casefold().endswith(_ENDING)}
    for picture, file in [*pairs]:
        if picture.key in named and not file.stem.casefold().endswith(_ENDING):
            pairs.remove((picture, file))
            text = f"{file.name} was not taken: another file is called the mask of {picture.name}."
            outcome.left_out.append(text)
    if not pairs:
        hint = "A mask has the name of its picture: a.png, or a_mask.png, for a.jpg."
        raise VesselError(f"No file in {folder} is a mask for one picture of {study.name}.", hint)
    for done, (picture, file) in enumerate(pairs):
        if progress is not None:
            progress(done / len(pairs))
        try:
            _take(study, picture, file, reviewed, replace_corrections, who)
            outcome.pictures.append(picture.relative)
        except VesselError as problem:
            outcome.left_out.append(f"{file.name} was not taken: {problem.message}")
    without = len(pictures) - len({picture.key for picture, _ in pairs})
    if without:
        outcome.notes.append(f"{without} of {len(pictures)} pictures have no mask in the folder.")
    AuditLog(study.folder).append(who, "imported", pictures=len(outcome.pictures), where=str(folder))
    return outcome


def _is_same(file: Path, picture: Path) -> bool:
    """Tell whether a file is a picture itself, or a copy of it."""
    try:
        return file.stat().st_size == picture.stat().st_size and file_sha256(file) == file_sha256(picture)
    except OSError:
        return False


def read_mask(path: Path, height: int, width: int) -> NDArray[np.bool_]:
    """Read a mask made elsewhere.

    Of two values the higher is foreground. Of more, either they are broken numbers (a probability) or most
    that are marked lie near the highest (a mask with soft edges or saved as JPEG): the upper half is
    foreground. Or they are numbers of objects: all but 0 are foreground. Of a palette the numbers count, but
    where its colours are gray, or black lies behind another one, how bright they are.

    Parameters
    ----------
    path : Path
    height, width : int
        Px, of the picture.

    Returns
    -------
    (H, W) bool

    Raises
    ------
    VesselError
        Where it can't be read, has another size, or nothing is marked in it.
    """
    values = _values(path, height, width)
    lowest, highest = float(values.min()), float(values.max())
    if not np.isfinite([lowest, highest]).all():
        raise VesselError("it holds values that are no numbers.")
    if lowest == highest:
        raise VesselError("nothing is marked in it." if not highest else "all of it is marked.")
    if np.all((values == lowest) | (values == highest)):
        return np.asarray(values == highest)
    return np.asarray(values > highest / 2 if _is_soft(values, highest) else values != 0)


def _is_soft(values: NDArray[Any], highest: float) -> bool:
    """Tell a mask with values between its two from numbers of objects, which lie anywhere."""
    if values.dtype.kind == "f" and not np.all(values == np.round(values)):
        return True
    if values.dtype.kind != "f" and highest < _BRIGHT:
        return False
    marked = values[values > highest / 8]
    return bool(np.mean(marked >= highest * 7 / 8) >= _MOSTLY)


def _values(path: Path, height: int, width: int) -> NDArray[Any]:
    """Give the values of a mask file as they are, one a pixel: not scaled; of a palette see `_of_palette`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a file's metadata may hold is no matter here
            with PIL.Image.open(path) as stored:
                if stored.size != (width, height):
                    size = f"{stored.size[0]} x {stored.size[1]}"
                    raise VesselError(f"it is {size} px, its picture {width} x {height}.")
                values = _of_palette(stored) if stored.mode == "P" else stored_values(stored)
    except VesselError:
        raise
    except OSError as problem:
        why = reason(problem) if problem.errno else "it is no picture, or it is damaged"
        raise VesselError(f"it can't be read ({why}).") from problem
    except (ValueError, SyntaxError, EOFError, MemoryError) as problem:
        raise VesselError("it can't be read (it is damaged).") from problem
    if values.ndim == 3:
        colours = values[..., :3].max(axis=2) if values.shape[2] >= 3 else values[..., 0]
        opaque = values[..., -1] > 0 if values.shape[2] in (2, 4) else True
        values = np.where(opaque, colours, 0)
    if values.shape != (height, width) or values.dtype.kind not in "buif":
        raise VesselError("it is no picture with one value a pixel.")
    return values.astype(np.uint8) if values.dtype == np.bool_ else values


def _of_palette(stored: PIL.Image.Image) -> NDArray[np.uint8]:
    """Give the numbers of a palette's colours, or their brightness where the numbers mean nothing.

    That is so where all colours in use are gray, and where black isn't the first of them: a program that
    saved a mask as GIF, or made its colours fewer, numbered them by itself.
    """
    numbers, colours = np.asarray(stored), np.asarray(stored.convert("RGB"))
    brightest = colours.max(axis=2)
    gray = bool((colours.min(axis=2) == brightest).all())
    black_behind = bool(brightest[numbers == 0].any()) and not brightest.all()
    return brightest if gray or black_behind else numbers


def _masks_in(folder: Path) -> dict[str, list[Path]]:
    """Give the files of a folder that may be masks, by stem (upper and lower case being alike)."""
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    except OSError as problem:
        raise VesselError(f"The folder {folder} can't be read: {reason(problem)}.") from problem
    found: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        if not file.name.startswith("."):
            found[file.stem.casefold()].append(file)
    return found


def _why_no_pair(files: list[Path], found: list[StudyPicture]) -> str:
    names = ", ".join(file.name for file in files)
    if len(files) > 1:
        return f"{names} were not taken: they have one name, so it isn't clear which is the mask."
    if found:
        return f"{names} was not taken: {len(found)} pictures of the study have that name."
    return f"{names} was not taken: the study has no picture of that name."


def _take(
    study: Study, picture: StudyPicture, file: Path, reviewed: bool, replace_corrections: bool, who: str
) -> None:
    """Take one mask."""
    height, width = image_size(picture.path)
    mask = read_mask(file, height, width)
    try:
        sha256 = file_sha256(picture.path)
    except OSError as problem:
        raise VesselError(f"its picture can't be read ({reason(problem)}).") from problem
    facts = ImageFacts(printable(picture.name), sha256, height, width, printable(picture.relative))
    opened = study.note_opened(picture, sha256, who)
    writer = study.place_of(opened.key).open(who, facts)
    try:
        _write(writer, facts, mask, reviewed, replace_corrections, printable(str(file)))
        writer.close()
    except BaseException:
        writer.abandon()
        raise


def _write(
    writer: Writer,
    facts: ImageFacts,
    mask: NDArray[np.bool_],
    reviewed: bool,
    replace_corrections: bool,
    source: str,
) -> None:
    kept = writer.kept
    record = kept.record if kept is not None else None
    corrected = kept is not None and bool(kept.corrections.any())
    judged = record is not None and record.state in (State.REVIEWED, State.FLAGGED)
    if (corrected or judged) and not replace_corrections:
        what = "has corrections" if corrected or record is None else f"is {record.state}"
        raise VesselError(f"its picture {what} already (--replace takes it all the same).")
    plane = np.zeros(mask.shape, np.uint8) if kept is None else kept.corrections
    recorder = EditRecorder(plane)
    recorder.about_to_change(box_of(plane))
    plane[...] = np.where(mask, np.uint8(Correction.FOREGROUND), np.uint8(Correction.BACKGROUND))
    edit = recorder.finish(EDIT_NAME)
    if edit is not None:
        writer.append([Edited(edit)])
    if record is None:
        record = Record(facts.image, facts.sha256, facts.height, facts.width, facts.path)
    state = State.REVIEWED if reviewed else State.IN_PROGRESS
    ours = not record.note or record.note.startswith(_IMPORTED)
    note = f"{_IMPORTED}{source}" if ours else record.note
    # No name: the writer's own is taken, for what was said is now this person's.
    changed = replace(record, state=state, nothing_there=False, reviewed_boxes=(), note=note, who="")
    writer.write_record(replace(changed, corrected_share=1.0, strokes=record.strokes + 1))
