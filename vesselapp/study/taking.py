"""Masks made elsewhere, taken into a study as corrections that can be edited and undone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.edits import EditRecorder
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import Correction, corrected_share
from vesselapp.core.files import file_sha256, reason, sha256_if_readable, telling
from vesselapp.core.geometry import Box, box_of
from vesselapp.core.image import PICTURE_SUFFIXES, image_size
from vesselapp.core.mask_file import read_mask
from vesselapp.core.stems import folded, short_stem
from vesselapp.study.audit import AuditLog
from vesselapp.study.beside import Beside, beside
from vesselapp.study.journal import Edited
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


@dataclass(frozen=True, eq=False)
class _Mask:
    """A mask as corrections ((H, W) uint8), how much of it is reviewed, and the file that it comes from.

    ``notes`` say what of it could not be taken.
    """

    corrections: NDArray[np.uint8]
    state: State
    boxes: tuple[Box, ...]
    source: str
    notes: list[str]


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

    Where a study's export says beside a mask which picture it is of, that is the one. Where it says that a
    person was unsure, or reviewed a part, so it is taken; where that part can't be read, nothing is reviewed.

    Each becomes one edit, which can be undone; the picture is then in progress.

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
    unsure = in_part = 0
    if not pairs:
        hint = "A mask has the name of its picture: a.png, or a_mask.png, for a.jpg."
        raise VesselError(f"No file in {folder} is a mask for one picture of {study.name}.", hint)
    for done, (picture, file) in enumerate(pairs):
        if progress is not None:
            progress(done / len(pairs))
        try:
            mask = _mask(file, files[file], image_size(picture.path), reviewed=reviewed)
            _take(study, picture, mask, replace_corrections, who)
            outcome.pictures.append(picture.relative)
            outcome.notes += mask.notes
            unsure += bool((mask.corrections == Correction.UNSURE).any())
            in_part += bool(mask.boxes)
        except VesselError as problem:
            outcome.left_out.append(f"{file.name} was not taken: {problem.message}")
    without = len(pictures) - len({picture.key for picture, _ in pairs})
    if without:
        outcome.notes.append(f"{without} of {len(pictures)} pictures have no mask in the folder.")
    outcome.notes += _notes(unsure, in_part)
    facts = {"pictures": len(outcome.pictures), "where": str(folder)}
    outcome.notes += AuditLog(study.folder).append_done(who, "imported", **facts)
    return outcome


def _notes(unsure: int, in_part: int) -> list[str]:
    """Say what was taken as an export says it beside the masks."""
    told = []
    if unsure:
        told.append(f"In {unsure} picture{'s' * (unsure > 1)} some px are unsure, as in the export.")
    if in_part:
        which = "1 picture is" if in_part == 1 else f"{in_part} pictures are"
        told.append(f"{which} reviewed in part, as in the export.")
    return told


def _pairs(
    files: Mapping[Path, Beside], pictures: Sequence[StudyPicture], left_out: list[str]
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
    for file, said in files.items():
        image, sha256 = said.image, said.sha256
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


def _is_same(file: Path, picture: Path) -> bool:
    """Tell whether a file is a picture itself, or a copy of it."""
    try:
        return file.stat().st_size == picture.stat().st_size and file_sha256(file) == file_sha256(picture)
    except OSError:
        return False


def _mask(file: Path, said: Beside, size: tuple[int, int], *, reviewed: bool) -> _Mask:
    """Read a mask made elsewhere, in which a person has told foreground from background."""
    marked = read_mask(file, size).marked
    if not marked.any():
        raise VesselError("nothing is marked in it.")
    if marked.all():
        raise VesselError("all of it is marked.")
    corrections = np.where(marked, np.uint8(Correction.FOREGROUND), np.uint8(Correction.BACKGROUND))
    state = State.REVIEWED if reviewed else State.IN_PROGRESS
    boxes: tuple[Box, ...] = ()
    notes = []
    try:
        corrections[said.unsure_in(size) & ~marked] = Correction.UNSURE
        boxes = said.boxes_in(size) if reviewed else ()
    except VesselError as problem:
        state = State.IN_PROGRESS
        notes.append(f"The picture of {file.name} is in progress: {problem.message}")
    return _Mask(corrections, state, boxes, printable(str(file)), notes)


def _masks_in(folder: Path) -> dict[Path, Beside]:
    """List the files of a folder that may be masks, with what an export says beside each."""
    with telling(f"The folder {folder} can't be read"):
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    said = {file: beside(file) for file in files if not file.name.startswith(".")}
    unsure = {one.unsure for one in said.values()}
    return {file: one for file, one in said.items() if file not in unsure}


def _why_no_pair(files: list[Path], found: list[StudyPicture]) -> str:
    names = ", ".join(file.name for file in files)
    if len(files) > 1:
        return f"{names} were not taken: they have one name, so it isn't clear which is the mask."
    if found:
        return f"{names} was not taken: {len(found)} pictures of the study have that name."
    return f"{names} was not taken: the study has no picture of that name."


def _take(study: Study, picture: StudyPicture, mask: _Mask, replace_corrections: bool, who: str) -> None:
    """Take one mask."""
    try:
        sha256 = file_sha256(picture.path)
    except OSError as problem:
        raise VesselError(f"its picture can't be read ({reason(problem)}).") from problem
    height, width = mask.corrections.shape
    facts = ImageFacts(printable(picture.name), sha256, height, width, printable(picture.relative))
    opened = study.note_opened(picture, sha256, who)
    writer = study.place_of(opened.key).open(who, facts)
    try:
        _write(writer, facts, mask, replace_corrections)
        writer.close()
    except BaseException:
        writer.abandon()
        raise


def _write(writer: Writer, facts: ImageFacts, mask: _Mask, replace_corrections: bool) -> None:
    kept = writer.kept
    record = kept.record if kept is not None else None
    corrected = kept is not None and bool(kept.corrections.any())
    judged = record is not None and record.state in (State.REVIEWED, State.FLAGGED)
    if (corrected or judged) and not replace_corrections:
        what = "has corrections" if corrected or record is None else f"is {record.state}"
        raise VesselError(f"its picture {what} already (--replace takes it all the same).")
    plane = np.zeros_like(mask.corrections) if kept is None else kept.corrections
    recorder = EditRecorder(plane)
    recorder.about_to_change(box_of(plane))
    plane[...] = mask.corrections
    edit = recorder.finish(EDIT_NAME)
    if edit is not None:
        writer.append([Edited(edit)])
    if record is None:
        record = Record(facts.image, facts.sha256, facts.height, facts.width, facts.path)
    ours = not record.note or record.note.startswith(_IMPORTED)
    note = f"{_IMPORTED}{mask.source}" if ours else record.note
    # No name: the writer's own is taken, for what was said is now this person's.
    changed = replace(record, state=mask.state, nothing_there=False, note=note, who="")
    share = corrected_share(mask.corrections)
    changed = replace(changed, reviewed_boxes=mask.boxes, corrected_share=share, strokes=record.strokes + 1)
    writer.write_record(changed)
