"""The record beside an image's corrections: what was judged, how far, by whom, with which model."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

import vesselapp
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import threshold_of
from vesselapp.core.stamps import time_stamp

if TYPE_CHECKING:
    from pydantic import TypeAdapter

RECORD_NAME = "record.json"
RECORD_FORMAT = 2


class State(StrEnum):
    """How far the review of an image has come."""

    NEW = "new"
    IN_PROGRESS = "in-progress"
    REVIEWED = "reviewed"
    FLAGGED = "flagged"


@dataclass(frozen=True)
class ImageFacts:
    """What tells an image from others.

    Attributes
    ----------
    image : str
        Its file name.
    sha256 : str
        Of the file's bytes.
    height, width : int
        Px, upright.
    path : str
        Inside the study's root, with forward slashes; empty for a picture opened alone.
    """

    image: str
    sha256: str
    height: int
    width: int
    path: str = ""


@dataclass(frozen=True)
class Record:
    """What is kept of an image beside its corrections.

    Attributes
    ----------
    image, path, sha256, height, width
        As in `ImageFacts`.
    state : State
    nothing_there : bool
        With ``reviewed``: a person looked, and there is nothing to find.
    reviewed_boxes : tuple of (left, top, right, bottom)
        Px. Where a person looked; empty: at the whole picture.
    note : str
        The person's own words.
    threshold : float
        0-1, the mask's.
    level : int
        The threshold as an evidence value, 2-253.
    model, model_version, model_sha256 : str
        Whose answer was corrected.
    software : str
        What wrote the record, with its version.
    who : str
        The person who worked on it last.
    created, saved : str
        ISO 8601, UTC.
    active_seconds : float
        Time of work, pauses left out.
    strokes : int
        Edits made.
    corrected_share : float
        Share of the pixels that a person called foreground or background, 0-1.
    adapted_px : int
        From how many corrected pixels the model's answer was adapted; 0: it is the model's own.
    object_diameter : float or None
        Px: how wide a person said the cells are, for models that work at one size; None: the app finds it.
    audit : str
        Hash of the image's last line in the study's audit log; empty outside a study.
    judged : str
        What the review is of (see `vesselapp.study.replay.judged_of`); empty where there is none, or it was
        given before records said so.
    """

    image: str
    sha256: str
    height: int
    width: int
    path: str = ""
    state: State = State.NEW
    nothing_there: bool = False
    reviewed_boxes: tuple[tuple[int, int, int, int], ...] = ()
    note: str = ""
    threshold: float = 0.5
    level: int = 127
    model: str = ""
    model_version: str = ""
    model_sha256: str = ""
    software: str = ""
    who: str = ""
    created: str = ""
    saved: str = ""
    active_seconds: float = 0.0
    strokes: int = 0
    corrected_share: float = 0.0
    adapted_px: int = 0
    object_diameter: float | None = None
    audit: str = ""
    judged: str = ""
    format: int = RECORD_FORMAT

    @property
    def without_model(self) -> Record:
        """The record as it is where no model's answer is part of the mask."""
        return replace(self, model="", model_version="", model_sha256="", adapted_px=0, object_diameter=None)

    @property
    def taken_back(self) -> Record:
        """The record as it is when a review holds no longer."""
        if self.state is not State.REVIEWED:
            return self
        return replace(self, state=State.IN_PROGRESS, nothing_there=False, reviewed_boxes=(), judged="")


def record_bytes(record: Record) -> bytes:
    """Give a record as the JSON that is written to disk; halves of characters become question marks."""
    return json.dumps(asdict(record), indent=1, ensure_ascii=False).encode("utf-8", "replace")


def first_record(facts: ImageFacts, who: str, *, touched: bool, strokes: int, level: int | None) -> Record:
    """Give the record of an annotation for which none was ever written."""
    record = Record(
        **asdict(facts),
        state=State.IN_PROGRESS if touched else State.NEW,
        software=f"vesselapp {vesselapp.__version__}",
        who=who,
        created=time_stamp(),
        strokes=strokes,
    )
    record = replace(record, saved=record.created)
    return record if level is None else replace(record, level=level, threshold=threshold_of(level))


def says_more(record: Record, before: Record | None) -> bool:
    """Tell whether a record says something that belongs into the audit log at once, not only at the end."""
    names = ("state", "nothing_there", "reviewed_boxes", "note", "model_sha256", "who", "image", "path")
    return before is None or any(getattr(record, name) != getattr(before, name) for name in names)


def record_from(values: dict[str, Any]) -> Record:
    """Give the record that JSON values are.

    Raises
    ------
    ValueError
        Where they are none.
    VesselError
        Where a newer version of the app wrote them.
    """
    refuse_newer(values, RECORD_FORMAT, "The annotation of this picture")
    record = _adapter().validate_python(values)
    if record.object_diameter is not None and not 0 < record.object_diameter < float("inf"):
        raise ValueError(f"object_diameter: {record.object_diameter} is no size of cells")
    return record


def refuse_newer(values: dict[str, Any], known: int, what: str) -> None:
    """Raise a VesselError where a file's format is newer than the one we know."""
    found = values.get("format")
    if isinstance(found, int) and found > known:
        raise VesselError(
            f"{what} was written by a newer version of vesselapp (format {found}; this one knows {known}).",
            "Install the newer version to open it; nothing was changed.",
        )


@cache
def _adapter() -> TypeAdapter[Record]:
    from pydantic import TypeAdapter  # loaded only where there is a record to check

    return TypeAdapter(Record)
