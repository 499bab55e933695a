"""The comparison that decides whether a candidate may take the incumbent's place, as a file keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vesselapp.core.errors import VesselError
from vesselapp.core.files import reason

LARGEST_FILE = 16 * 2**20
"""No file of a run that is read whole is longer (bytes)."""

NOT_WORSE = -0.005
"""A candidate is not worse where the interval of its difference in Dice lies above this."""

Word = Literal["better", "no clear difference", "worse", "not judged"]


@dataclass(frozen=True)
class Ground:
    """One row of a verdict's table: both models on one set of pictures.

    Attributes
    ----------
    ground : str
        ``new``: what was learnt; ``old``: what the incumbent could do before.
    set : str
        Name of the set of pictures.
    pictures : int
    incumbent, candidate, difference : float
        Mean Dice, 0-1, and candidate minus incumbent.
    low, high : float or None
        95 % interval of the difference; None for one subject alone, and for agreement, where nothing is
        inferred: it tells of these very pictures.
    measure : str
        ``Dice``; ``specificity`` where nothing is there to be found; or ``agreement``: Dice of the
        candidate's mask with the incumbent's, on pictures without truth.
    floor : float
        The row counts as not worse while ``low`` (for agreement, ``difference``) lies above this.
    subjects : int
        How many persons or samples the pictures show; 0 where an earlier version didn't count them.
    """

    ground: Literal["new", "old"]
    set: str
    pictures: int
    incumbent: float
    candidate: float
    difference: float
    low: float | None = None
    high: float | None = None
    measure: str = "Dice"
    floor: float = NOT_WORSE
    subjects: int = 0

    @property
    def not_worse(self) -> bool:
        """Whether it is shown that the candidate is not worse here (agreement: is as usual)."""
        if self.measure == "agreement":
            return self.difference > self.floor
        return self.low is not None and self.low > self.floor

    @property
    def held(self) -> str:
        """Say whether old ground is held (agreement: is enough); empty for new ground."""
        if self.ground == "new":
            return ""
        if self.measure == "agreement":
            return "enough" if self.not_worse else "too little"
        if self.low is None:
            return "too few to tell"
        if self.not_worse:
            return "not worse" if self.low > 0 else f"within {abs(100 * self.floor):g} points"
        return "worse" if self.high is not None and self.high < 0 else "perhaps worse"


@dataclass(frozen=True)
class PictureScore:
    """Both models on one picture (0-1; None where it has no truth); ``side`` is learn or judge.

    ``measure`` is Dice, or specificity where nothing is to be found; an earlier version didn't tell them
    apart. ``sha256`` is of the picture that was looked at; empty in verdicts of an earlier version.
    """

    name: str
    side: str
    incumbent: float | None = None
    candidate: float | None = None
    key: str = ""
    sha256: str = ""
    measure: str = "Dice"


@dataclass(frozen=True)
class ThresholdChange:
    """The threshold (0-1) of the incumbent and of the candidate."""

    before: float
    after: float


@dataclass(frozen=True)
class Overruled:
    """Who promoted a candidate against its verdict, and why."""

    who: str
    when: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a candidate.

    Attributes
    ----------
    verdict : str
        better, no clear difference, or worse; not judged, where a person stopped the judging before.
    sentence : str
        The same for a person, with where.
    offered : bool
        Whether promotion is offered.
    table : tuple of Ground
    pictures : tuple of PictureScore
    candidate : str
        The candidate's file, relative to the run folder.
    candidate_sha256, incumbent_sha256 : str
        Of the two files that were compared.
    in_use_sha256 : str
        Of the model that the study used then; mostly the incumbent.
    seconds : float
        Time the training took.
    """

    verdict: Word
    sentence: str
    offered: bool
    table: tuple[Ground, ...]
    pictures: tuple[PictureScore, ...] = ()
    threshold: ThresholdChange | None = None
    parity: float | None = None
    candidate: str = "candidate.onnx"
    candidate_sha256: str = ""
    incumbent_sha256: str = ""
    in_use_sha256: str = ""
    seconds: float = 0.0
    overruled: Overruled | None = None


def read_verdict(file: Path) -> Verdict:
    """Read a verdict.

    Raises
    ------
    VesselError
        Where there is none, or it is no verdict.
    """
    from pydantic import TypeAdapter, ValidationError  # loaded only where there is something to check

    try:
        if file.stat().st_size > LARGEST_FILE:
            raise VesselError(f"{file} is too long to be a verdict.", "Train anew.")
        return TypeAdapter(Verdict).validate_json(file.read_bytes())
    except OSError as problem:
        raise VesselError(f"The verdict {file} can't be read: {reason(problem)}.") from problem
    except ValidationError as problem:
        raise VesselError(f"{file} is no verdict, or of another version.", "Train anew.") from problem
