"""The reviewed pictures of a study: found by their records, read with their masks, and checked."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.finetune.lessons import Judgement
from trainer.lineage import copies_as_one
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import Correction
from vesselapp.core.files import file_sha256, reason
from vesselapp.core.image import read_image
from vesselapp.study.kept import Kept
from vesselapp.study.pictures import StudyPicture, is_key_of
from vesselapp.study.record import Record, State, record_bytes
from vesselapp.study.study import Study
from vesselapp.study.subjects import subject_of
from vesselapp.study.unusable import copies_told, missing_pictures, missing_told, unknown_told


@dataclass(frozen=True)
class ReviewedPicture:
    """A picture that a person has judged, as its record says.

    Attributes
    ----------
    key, name, subject : str
        Key in the study, path inside its root, whose eye or which sample it shows.
    path : Path
    sha256 : str
        Of the picture that was judged.
    model, model_sha256 : str
        Whose answer was corrected; empty where that isn't known.
    object_diameter : float or None
        Px: how wide the person said its cells are; None: the app finds it.
    nothing_there : bool
        Whether the person said that there is nothing to find.
    judged : str
        Hash of what its record says of the judgement.
    """

    key: str
    name: str
    subject: str
    path: Path
    sha256: str
    model: str = ""
    model_sha256: str = ""
    object_diameter: float | None = None
    nothing_there: bool = False
    judged: str = ""


class Read(NamedTuple):
    """What was found when a picture's mask was read: its ``judged``, and whether the mask is empty."""

    judged: str
    empty: bool


class Known(NamedTuple):
    """A picture of the study, reviewed or not: of whom it is, and its hash (empty without a record)."""

    subject: str
    sha256: str


def find_reviewed(study: Study) -> tuple[dict[str, ReviewedPicture], list[str], dict[str, Known]]:
    """Find the reviewed pictures of a study.

    Returns
    -------
    pictures : dict
        By key.
    told : list of str
        Which can't be found or have a record that can't be used, and which annotations are copies.
    known : dict
        All pictures of the study by key, also those that are missing.

    Raises
    ------
    VesselError
        Where there is nothing to learn from, with the reason.
    """
    listed = {picture.key: picture for picture in study.pictures()}
    records = dict(study.records())
    reviewed = {key: record for key, record in records.items() if record.state is State.REVIEWED}
    known = _known(study, listed, records)
    found = {
        key: ReviewedPicture(
            key,
            listed[key].relative,
            known[key].subject,
            listed[key].path,
            record.sha256,
            record.model,
            record.model_sha256,
            record.object_diameter,
            record.nothing_there,
            _judged(record),
        )
        for key, record in reviewed.items()
        if key in listed
    }
    missing = missing_pictures(listed, records)
    unknown = unknown_told(study, list(listed.values()))
    if not found:
        raise _nothing(study, listed=len(listed), missing=missing, unknown=unknown)
    told = [str(missing_told(missing, len(found)))] if missing else []
    return found, told + unknown + copies_told(study), known


def _judged(record: Record) -> str:
    """Give the hash of a record without what is written anew when a picture is looked at, left or renamed."""
    names = {"image": "", "path": ""}
    beside = replace(record, saved="", active_seconds=0.0, note="", audit="", who="", software="", **names)
    return hashlib.sha256(record_bytes(beside)).hexdigest()


def _known(
    study: Study, listed: Mapping[str, StudyPicture], records: Mapping[str, Record]
) -> dict[str, Known]:
    """Tell of whom each picture is that is listed or has a record; copies are of one subject."""
    paths = {key: f"{picture.root}/{picture.relative}" for key, picture in listed.items()}
    for key, record in records.items():
        roots = (n for n in range(len(study.roots)) if is_key_of(key, n, record.path))
        paths.setdefault(key, f"{next(roots, '')}/{record.path or record.image}")
    hashes = {key: records[key].sha256 if key in records else "" for key in paths}
    subjects = copies_as_one(list(map(subject_of, paths.values())), [hashes[key] or key for key in paths])
    return {key: Known(subject, hashes[key]) for key, subject in zip(paths, subjects, strict=True)}


def _nothing(study: Study, *, listed: int, missing: Sequence[str], unknown: Sequence[str]) -> VesselError:
    if missing:
        return missing_told(missing, 0)
    if not listed:
        return VesselError(f"The study {study.name} has no pictures.", "Add some, and review them.")
    if unknown:
        return VesselError("No picture can be learnt from.", " ".join(unknown))
    return VesselError("No picture of this study is reviewed yet.", "Correct some and mark them as reviewed.")


def read_judgement(study: Study, picture: ReviewedPicture, corrected: int) -> Judgement:
    """Read a reviewed picture and what was said of it.

    Parameters
    ----------
    study : Study
    picture : ReviewedPicture
    corrected : int
        Weight of a corrected px (1-127).

    Raises
    ------
    VesselError
        Where picture or mask can't be read, don't fit each other, or say nothing, or nobody has reviewed what
        is there by now.
    """
    try:
        sha256 = file_sha256(picture.path)
    except OSError as problem:
        raise VesselError(f"{picture.name} can't be read: {reason(problem)}.") from problem
    if sha256 != picture.sha256:
        raise VesselError(f"{picture.name} is not the picture that was reviewed.", "Review it anew.")
    pixels = read_image(picture.path).pixels
    height, width = pixels.shape[:2]
    place = study.place_of(picture.key)
    record = place.record()
    if record is None:
        raise VesselError(f"What was said of {picture.name} can't be read.", "Open it in the app.")
    if (record.height, record.width) != (height, width):
        raise VesselError(
            f"The mask of {picture.name} is {record.width} x {record.height} px, but the picture is "
            f"{width} x {height} px.",
            "Review it anew.",
        )
    kept = place.load(picture.sha256, height, width, 0)
    if kept is None or kept.record is None or kept.corrections.shape != (height, width):
        notes = " ".join(kept.notes) if kept is not None else ""
        text = f"What was said of {picture.name} can't be read. {notes}"
        raise VesselError(text.strip(), "Open it in the app.")
    if kept.record.state is not State.REVIEWED:
        text = " ".join((f"{picture.name} is being worked on again.", *kept.notes))
        raise VesselError(text, "Review it, then train anew.")
    if kept.needs_answer:
        raise VesselError(
            f"Of {picture.name} the answer that was judged is not kept.",
            "Open it and mark it as reviewed again.",
        )
    truth = kept.mask()
    weight = _weights(kept, kept.record, truth, corrected)
    if not weight.any():
        raise VesselError(f"Of {picture.name} nothing is known: all that was looked at is unsure.")
    return Judgement(pixels, truth, weight, picture.object_diameter)


def _weights(kept: Kept, record: Record, truth: NDArray[np.bool_], corrected: int) -> NDArray[np.uint8]:
    said = kept.corrections
    weight = np.ones(said.shape, np.uint8)
    weight[(said == Correction.BACKGROUND) | (said == Correction.FOREGROUND)] = corrected
    if record.nothing_there and kept.answer is not None:  # what the model saw, and is not there
        weight[(kept.answer >= kept.mask_level) & ~truth] = corrected
    weight[said == Correction.UNSURE] = 0
    if record.reviewed_boxes:
        looked = np.zeros(said.shape, bool)
        for left, top, right, bottom in record.reviewed_boxes:
            looked[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
        weight[~looked] = 0
    return weight
