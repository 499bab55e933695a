"""Annotations of a study that can't be used (a record is damaged, a picture missing), or are too few."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from vesselapp.core.errors import VesselError
from vesselapp.core.files import reason
from vesselapp.study.migrate import parse_any_record
from vesselapp.study.pictures import StudyPicture
from vesselapp.study.reading import file_bytes
from vesselapp.study.record import RECORD_NAME, Record, State
from vesselapp.study.snapshot import ANSWER_NAME
from vesselapp.study.study import Study
from vesselapp.study.told import gone

_FEW = 5
"""Below so many reviewed pictures a person is told that they are few."""


def unknown_told(study: Study, pictures: Sequence[StudyPicture]) -> list[str]:
    """Say of which pictures it isn't known whether they were reviewed, because their records can't be used.

    A damaged or lost record is to be made anew; one of a newer version, or that can't be read, is not.

    Raises
    ------
    VesselError
        Where the study can't be read.
    """
    known, told = set(study.keys()), []
    damaged, unread = list[str](), list[tuple[str, VesselError]]()
    for picture in pictures:
        try:
            if picture.key in known and _is_damaged(study.place(picture).folder):
                damaged.append(picture.relative)
        except VesselError as problem:
            unread.append((picture.relative, problem))
    if damaged:
        told.append(_damage_told(damaged))
    if unread:
        name, why = unread[0]
        which = f"{len(unread)} pictures were reviewed (first: {name})"
        which = which if len(unread) > 1 else f"{name} was reviewed"
        told.append(f"It isn't known whether {which}: {why}")
    return told


def copies_told(study: Study) -> list[str]:
    """Tell of copies of annotations that another program made: nothing in them is used.

    Raises
    ------
    VesselError
        Where the study can't be read.
    """
    copies = [study.folder / "annotations" / name for name in study.copies()]
    if len(copies) < 2:
        told = "is a copy of an annotation, which another program made: what is in it is not used."
        return [f"{copy} {told}" for copy in copies]
    told = f"{len(copies)} copies of annotations, which another program made, are not used"
    return [f"{told} (first: {copies[0]})."]


def gone_told(study: Study) -> list[str]:
    """Tell of annotations that the audit log knows, and that aren't there.

    Raises
    ------
    VesselError
        Where the study can't be read.
    """
    keys = gone(study)
    if len(keys) < 2:
        return [f"What was kept in annotations/{key} is gone." for key in keys]
    return [f"What was kept in {len(keys)} folders of annotations is gone (first: {keys[0]})."]


def _damage_told(names: Sequence[str]) -> str:
    """Say of which pictures (at least one) the record is damaged."""
    hint = "Open what is damaged in the app, and review it again."
    if len(names) == 1:
        return f"The record of {names[0]} is damaged, so it isn't known whether it was reviewed. {hint}"
    told = f"The records of {len(names)} pictures are damaged (first: {names[0]})"
    return f"{told}, so it isn't known whether they were reviewed. {hint}"


def only_one_told() -> VesselError:
    """Say that nothing can be learnt with a single picture."""
    text = "Only one picture can be learnt from, and none is left to judge by."
    return VesselError(text, "Review at least two, better five.")


def few_told(pictures: int) -> str:
    """Say that hardly anything can be shown with so few reviewed pictures; nothing where they are enough."""
    return f"Only {pictures} pictures are reviewed: the verdict will be uncertain." if pictures < _FEW else ""


def one_subject_told(subjects: Collection[str]) -> str:
    """Say so where all pictures are of one subject (one is named for each); else nothing."""
    one = "All pictures are of one subject: how the model does on others, nobody can tell."
    return one if len(set(subjects)) == 1 else ""


def missing_pictures(there: Collection[str], records: Mapping[str, Record]) -> list[str]:
    """List reviewed pictures (their paths inside their roots) whose key isn't among those that are there."""
    gone = (one for key, one in records.items() if one.state is State.REVIEWED and key not in there)
    return sorted(record.path or record.image for record in gone)


def missing_told(names: Sequence[str], kept: int) -> VesselError:
    """Say that reviewed pictures (at least one) aren't there, beside so many that are."""
    count = len(names)
    some = "A reviewed picture is" if count == 1 else f"{count} reviewed pictures are"
    every = "The only reviewed picture is" if count == 1 else f"All {count} reviewed pictures are"
    first = names[0] if count == 1 else f"first: {names[0]}"
    text = f"{some if kept else every} missing ({first})."
    return VesselError(text, "Connect the drive that holds what is missing, or put it back.")


def unreachable_told(study: Study) -> list[str]:
    """Say which folders of pictures aren't there just now, or could not be listed last; asks the drives."""
    gone = [
        f"The folder of pictures {root} isn't there: its pictures are left out."
        for root in study.missing_roots
    ]
    shut = [f"{folder} can't be listed just now: its pictures are left out." for folder in study.unlisted]
    return gone + shut


def _is_damaged(folder: Path) -> bool:
    """Tell whether a record is damaged or lost (VesselError where it can't be read, or is a newer one)."""
    try:
        data = file_bytes(folder / RECORD_NAME)
        if data is None:  # normal, until an answer was judged
            return (folder / ANSWER_NAME).exists()
        parse_any_record(data)
    except ValueError:
        return True
    except OSError as problem:
        raise VesselError(f"Its record can't be read: {reason(problem)}.") from problem
    return False
