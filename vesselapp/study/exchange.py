"""A study's masks for other programs: a pair of folders, or COCO, each mask with where it comes from."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vesselapp
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import Correction, mask_of, threshold_of
from vesselapp.core.export import PROVENANCE_SUFFIX, write_provenance
from vesselapp.core.files import (
    atomic_write,
    copy_file,
    file_sha256,
    make_folder,
    reason,
)
from vesselapp.core.image import image_size, is_stored_turned
from vesselapp.core.stamps import time_stamp
from vesselapp.core.stems import unique_stems
from vesselapp.study.audit import AuditLog
from vesselapp.study.coco import object_annotations, pieces
from vesselapp.study.export_folder import COCO_NAME, ExportFolder, Kind
from vesselapp.study.judging import Judging
from vesselapp.study.pictures import StudyPicture, printable
from vesselapp.study.plane_png import encode_plane
from vesselapp.study.record import Record, State
from vesselapp.study.study import Study
from vesselapp.study.unusable import (
    copies_told,
    gone_told,
    missing_pictures,
    missing_told,
    unknown_told,
    unreachable_told,
)


@dataclass
class Exported:
    """What an export wrote: stems of the pictures; what was left out and why; what else is to be known."""

    stems: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Mask:
    """A picture's mask ((H, W) bool), where a person was unsure, and where both come from.

    ``object_diameter`` (px) is how wide a person said the cells are.
    """

    mask: NDArray[np.bool_]
    unsure: NDArray[np.bool_]
    facts: dict[str, Any]
    object_diameter: float | None = None
    numbers: NDArray[np.int32] | None = None
    """Of its objects, where they are more than its connected pieces."""

    @property
    def in_part(self) -> bool:
        """Whether a person reviewed only boxes of it."""
        return self.facts["state"] is State.REVIEWED and bool(self.facts.get("reviewed_boxes"))


class _Coco:
    """The one file of a COCO export, as it grows."""

    def __init__(self, of_objects: bool) -> None:
        self._of_objects = of_objects
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def add(self, name: str, made: _Mask) -> None:
        """Add a picture with its mask or its objects."""
        number = len(self._images) + 1
        height, width = made.mask.shape
        self._images.append({"id": number, "file_name": name, "height": height, "width": width})
        numbers = made.numbers if self._of_objects else made.mask.astype(np.int32)  # the whole is one object
        for one in object_annotations(pieces(made.mask) if numbers is None else numbers):
            own = {"id": len(self._annotations) + 1, "image_id": number, "category_id": 1}
            self._annotations.append(own | one)

    def write(self, path: Path, name: str) -> None:
        """Write the file."""
        maker = f"vesselapp {vesselapp.__version__}"
        values = {
            "info": {"description": name, "contributor": maker, "date_created": time_stamp()},
            "licenses": [],
            "images": self._images,
            "annotations": self._annotations,
            "categories": [{"id": 1, "name": "cell" if self._of_objects else "vessel", "supercategory": ""}],
        }
        atomic_write(path, json.dumps(values, separators=(",", ":")).encode())


def export_study(
    study: Study,
    out: Path,
    kind: Kind = "folder",
    *,
    everything: bool = False,
    judging: Judging | None = None,
    objects: bool | None = None,
    parted: bool = False,
    who: str = "",
    progress: Callable[[float], None] | None = None,
) -> Exported:
    """Write pictures and masks at their own size.

    ``folder`` gives ``images/`` and ``masks/`` of the same stems (0 outside, 255 inside), ``coco`` gives
    ``images/`` and ``annotations.json``. Where a person was unsure is left out of a mask, and told in
    ``unsure/``. Beside each mask (COCO: in ``provenance/``) lies ``<stem>_mask.json``: what it was made with,
    by whom and when.

    Parameters
    ----------
    study : Study
    out : Path
        A new or empty folder, or one with an earlier export, which is replaced (see `ExportFolder`).
    kind : str
    everything : bool
        Pictures that aren't reviewed too.
    judging : Judging, optional
        What answers where no answer is kept; the study's model where None.
    objects : bool, optional
        COCO: one annotation for each connected object rather than for each picture; where None, by what the
        study's model is for.
    parted : bool
        COCO, of objects: cells that touch are parted as the model sees them, which nobody has reviewed.
    who : str
    progress : callable, optional
        Called with the share done, 0-1.

    Raises
    ------
    VesselError
        Where there is nothing to export, or it can't be written.
    """
    judging = judging or Judging(study)
    records, listed = dict(study.records()), study.pictures()
    unknown = unknown_told(study, listed) + gone_told(study)
    missing = missing_pictures({picture.key for picture in listed}, records)
    away = unreachable_told(study) if everything else []
    chosen = [p for p in listed if everything or _is_reviewed(records.get(p.key))]
    if not chosen:
        raise _nothing(study.name, missing, unknown, away, everything=everything)
    names = _names(chosen)
    if objects is None:
        objects = kind == "coco" and _finds_objects(judging)
    parted = parted and objects
    outcome, coco = Exported(left_out=away + _missing_told(len(missing))), _Coco(objects)
    in_part = turned = 0
    told = outcome.notes if everything else outcome.left_out
    told[:0] = unknown
    outcome.notes += copies_told(study)
    with ExportFolder(out, kind, names, listed) as folder:
        for done, (picture, (stem, image)) in enumerate(zip(chosen, names, strict=True)):
            if progress is not None:
                progress(done / len(chosen))
            try:
                made = _mask(study, picture, records.get(picture.key), judging, everything=everything)
                made = _parted(made, picture, judging) if parted else made
                turned += is_stored_turned(picture.path)
            except VesselError as problem:
                outcome.left_out.append(f"{picture.relative} was left out: {problem.message}")
                continue
            copy_file(picture.path, out / "images" / image)
            folder.note(f"images/{image}", *_write_planes(out, kind, stem, made))
            if kind == "coco":
                coco.add(image, made)
            in_part += made.in_part
            outcome.stems.append(stem)
        if kind == "coco":
            coco.write(out / COCO_NAME, study.name)
            folder.note(COCO_NAME)
    outcome.notes += _notes(judging, parted=parted and bool(outcome.stems), turned=turned, in_part=in_part)
    facts = {"kind": kind, "pictures": len(outcome.stems), "where": str(out)}
    outcome.notes += AuditLog(study.folder).append_done(who, "exported", **facts)
    return outcome


def _notes(judging: Judging, *, parted: bool, turned: int, in_part: int) -> list[str]:
    """Say what a person should know of the masks that were written."""
    told = []
    if in_part == 1:
        told.append("1 picture is reviewed in part: nobody has reviewed the rest of its mask.")
    elif in_part:
        told.append(f"{in_part} pictures are reviewed in part: nobody has reviewed the rest of their masks.")
    if parted:
        told.append(f"Touching cells are parted as {judging.judge.model} sees them: not reviewed.")
    if turned:
        told.append(_turned_told(turned))
    if judging.asked and judging.note:
        told.append(judging.note)
    return told


def _turned_told(count: int) -> str:
    """Say that so many pictures, which are copied as they are, lie otherwise than their masks."""
    if count == 1:
        return (
            "1 picture is upright only by its EXIF data: where a program ignores them, its mask doesn't fit."
        )
    which = f"{count} pictures are upright only by their EXIF data"
    return f"{which}: where a program ignores them, their masks don't fit."


def _finds_objects(judging: Judging) -> bool:
    try:
        return judging.finds_objects()
    except VesselError as problem:
        raise VesselError(
            f"Whether these are cells or vessels can't be told: {problem.message}",
            "Bring the study's model back, or choose which: objects (cells) or whole (vessels).",
        ) from problem


def _missing_told(count: int) -> list[str]:
    """Tell of reviewed pictures that aren't there."""
    if count == 1:
        return ["1 reviewed picture is missing: its mask is left out."]
    return [f"{count} reviewed pictures are missing: their masks are left out."] if count else []


def _nothing(
    name: str, missing: Sequence[str], unknown: Sequence[str], away: Sequence[str], *, everything: bool
) -> VesselError:
    """Say why there is nothing to export."""
    if everything:
        hint = " ".join(away) or "Check where its pictures are."
        return VesselError(f"The study {name} has no pictures to export.", hint)
    if missing:
        return missing_told(missing, 0)
    hint = " ".join(unknown) or "Review some first, or export all of them."
    return VesselError(f"The study {name} has no reviewed pictures to export.", hint)


def _names(pictures: Sequence[StudyPicture]) -> list[tuple[str, str]]:
    """Give stem and file name that each picture has in an export."""
    stems = [printable(stem) for stem in unique_stems([picture.path for picture in pictures])]
    return [(stem, stem + one.path.suffix.lower()) for stem, one in zip(stems, pictures, strict=True)]


def _is_reviewed(record: Record | None) -> bool:
    return record is not None and record.state is State.REVIEWED


def _mask(
    study: Study, picture: StudyPicture, record: Record | None, judging: Judging, *, everything: bool
) -> _Mask:
    """Give a picture's mask as the person left it, or as the model answers where nobody did anything.

    ``record`` is of when the export began; only what is reviewed now is given, unless ``everything`` is.
    """
    try:
        sha256 = file_sha256(picture.path)
    except OSError as problem:
        raise VesselError(f"it can't be read ({reason(problem)}).") from problem
    if record is not None and record.sha256 != sha256:
        raise VesselError("it was changed since it was annotated.")
    height, width = image_size(picture.path)
    kept = study.place(picture).load(sha256, height, width, 0)
    said, size = (None, None) if kept is None else (kept.record, kept.object_diameter)
    if not everything and not _is_reviewed(said):
        notes = kept.notes if kept is not None else ()
        raise VesselError(" ".join(("it is no longer reviewed.", *notes)))
    facts: dict[str, Any] = {"study": study.name, "image": picture.relative, "image_sha256": sha256}
    if kept is not None and said is not None:
        facts = asdict(said if kept.answer is not None else said.without_model) | facts
    for name in ("format", "sha256", "path", "software", "judged"):
        facts.pop(name, None)
    if kept is not None and not kept.needs_answer:
        facts["answer"] = "kept" if kept.answer is not None else "none needed"
        mask, level = kept.mask(), kept.mask_level
    elif kept is not None and _is_reviewed(said):
        raise VesselError("the answer that was judged is not kept. Mark it as reviewed again.")
    else:
        learnt = kept.learnt if kept is not None else None
        judge, (answer, adapted_px) = judging.judge, judging.answer(picture.path, learnt, size)
        facts |= {"answer": "computed at export", "model": judge.model, "model_version": judge.version}
        facts |= {"model_sha256": judge.sha256, "adapted_px": adapted_px}
        facts["object_diameter"] = size if judge.sized else None
        level = judge.level if kept is None or kept.level is None else kept.level
        mask = kept.mask(answer, level) if kept is not None else mask_of(answer, level)
    unsure = np.zeros(mask.shape, np.bool_) if kept is None else kept.corrections == Correction.UNSURE
    state = State.NEW if kept is None else State.IN_PROGRESS  # where its record is damaged
    facts = {"state": state} | facts | {"exported": time_stamp()}
    facts |= {"notes": list(kept.notes) if kept else [], "level": level, "threshold": threshold_of(level)}
    return _Mask(mask, unsure, facts, size)


def _parted(made: _Mask, picture: StudyPicture, judging: Judging) -> _Mask:
    """Give a mask with its cells numbered, and by what model and at what size they were parted."""
    size = made.object_diameter
    numbers, judge = judging.parted(picture.path, made.mask, size), judging.judge
    told = {"model": judge.model, "model_sha256": judge.sha256, "object_diameter": size}
    return replace(made, numbers=numbers, facts=made.facts | {"parted_by": told})


def _write_planes(out: Path, kind: Kind, stem: str, made: _Mask) -> list[str]:
    """Write mask and unsure pixels as PNG, and where they come from; name the files."""
    planes = {f"masks/{stem}.png": made.mask} if kind == "folder" else {}
    unsure = {"pixels": int(made.unsure.sum()), "file": ""}
    if unsure["pixels"]:
        unsure["file"] = f"unsure/{stem}.png"
        planes[f"unsure/{stem}.png"] = made.unsure
    for name, plane in planes.items():
        make_folder((out / name).parent)
        atomic_write(out / name, encode_plane(plane.astype(np.uint8) * np.uint8(255)))
    told = f"{'masks' if kind == 'folder' else 'provenance'}/{stem}{PROVENANCE_SUFFIX}"
    make_folder((out / told).parent)
    write_provenance(out / told, made.facts | {"unsure": unsure})
    return [*planes, told]
