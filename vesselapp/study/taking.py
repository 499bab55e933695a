"""Masks made elsewhere, taken into a study as corrections that can be edited and undone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.edits import EditRecorder
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import Correction
from vesselapp.core.export import PROVENANCE_SUFFIX
from vesselapp.core.files import file_sha256, reason, sha256_if_readable, telling
from vesselapp.core.geometry import box_of
from vesselapp.core.image import PICTURE_SUFFIXES, image_size
from vesselapp.core.mask_file import read_mask
from vesselapp.core.stems import folded, short_stem
from vesselapp.study.audit import AuditLog
from vesselapp.study.journal import Edited
from vesselapp.study.json_text import parse_object
from vesselapp.study.pictures import StudyPicture, printable
from vesselapp.study.record import ImageFacts, Record, State
from vesselapp.study.study import Study
from vesselapp.study.writer import Writer

EDIT_NAME = "Imported mask"
_ENDING = "_mask"
_IMPORTED = "Mask imported from "


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

    Where a study's export says beside a mask which picture it is of, that is the one.

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
    files, pictures, outcome = _masks_in(folder), study.pictures(), Imported()
    pairs = _pairs(files, pictures, outcome.left_out)
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
    facts = {"pictures": len(outcome.pictures), "where": str(folder)}
    outcome.notes += AuditLog(study.folder).append_done(who, "imported", **facts)
    return outcome


def _pairs(
    files: Sequence[Path], pictures: Sequence[StudyPicture], left_out: list[str]
) -> list[tuple[StudyPicture, Path]]:
    """Find the picture of each mask; say in `left_out` of which there is none."""
    by_path: dict[str, list[StudyPicture]] = defaultdict(list)
    by_stem: dict[str, list[StudyPicture]] = defaultdict(list)
    for picture in pictures:
        by_path[picture.relative].append(picture)
        stem = picture.path.stem
        for name in {folded(stem), folded(short_stem(stem))}:  # an export may have cut it
            by_stem[name].append(picture)
    sure: list[tuple[StudyPicture, Path]] = []
    others: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        image, sha256 = _told_beside(file)
        found = [picture for picture in by_path.get(image, ()) if sha256_if_readable(picture.path) == sha256]
        if len(found) == 1:
            sure.append((found[0], file))
        elif sha256 and image in by_path and not found:
            left_out.append(f"{file.name} was not taken: it is of another image than the {image} of now.")
        else:
            others[folded(file.stem)].append(file)
    called: list[tuple[StudyPicture, Path]] = []
    for stem, some in others.items():
        found = by_stem.get(stem) or by_stem.get(stem.removesuffix(_ENDING)) or []
        some = [file for file in some if not any(_is_same(file, picture.path) for picture in found)]
        if len(found) == 1 and len(some) == 1:
            called.append((found[0], some[0]))
        elif some:
            left_out.append(_why_no_pair(some, found))
    taken = {picture.key for picture, _ in sure}
    for picture, file in sorted(called, key=lambda pair: not folded(pair[1].stem).endswith(_ENDING)):
        if picture.key in taken:
            text = f"{file.name} was not taken: another file is called the mask of {picture.name}."
            left_out.append(text)
        else:
            taken.add(picture.key)
            sure.append((picture, file))
    return sure


def _told_beside(file: Path) -> tuple[str, str]:
    """Give path and hash of the image that a study's export says beside a mask it is of; else empty."""
    try:
        told = parse_object(file.with_name(f"{file.stem}{PROVENANCE_SUFFIX}").read_bytes())
        return str(told["image"]), str(told["image_sha256"])
    except (OSError, ValueError, KeyError):
        return "", ""


def _is_same(file: Path, picture: Path) -> bool:
    """Tell whether a file is a picture itself, or a copy of it."""
    try:
        return file.stat().st_size == picture.stat().st_size and file_sha256(file) == file_sha256(picture)
    except OSError:
        return False


def _read_mask(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Read a mask made elsewhere, in which a person has told foreground from background."""
    marked = read_mask(path, size).marked
    if not marked.any():
        raise VesselError("nothing is marked in it.")
    if marked.all():
        raise VesselError("all of it is marked.")
    return marked


def _masks_in(folder: Path) -> list[Path]:
    """List the files of a folder that may be masks."""
    with telling(f"The folder {folder} can't be read"):
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    return [file for file in files if not file.name.startswith(".")]


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
    mask = _read_mask(file, (height, width))
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
