"""Writing an annotation anew whose folder was removed while it was open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.edits import Edit
from vesselapp.state.merging import edit_between
from vesselapp.state.standing import follow
from vesselapp.study.journal import Edited, Operation
from vesselapp.study.lock import Lost
from vesselapp.study.record import ImageFacts

if TYPE_CHECKING:
    from vesselapp.study.annotation import AnnotationFolder
    from vesselapp.study.writer import Writer

TOLD = "What was kept of this picture was removed from the disk meanwhile; it is written anew."


@dataclass(frozen=True, eq=False)
class Shown:
    """Corrections ((H, W) uint8) as a document showed them, and what of them wasn't on the disk."""

    corrections: NDArray[np.uint8]
    unsaved: tuple[Operation, ...]


def write_anew(
    place: AnnotationFolder, facts: ImageFacts, who: str, former: Writer, shown: Shown | None
) -> tuple[Writer, list[Operation]] | None:
    """Write what was on the disk to where nothing is any more.

    Parameters
    ----------
    place : AnnotationFolder
    facts : ImageFacts
    who : str
    former : Writer
        Who knows what was there.
    shown : Shown or None
        What the document shows.

    Returns
    -------
    (Writer, list of Operation) or None
        The one who writes it from now on, and what was written. None where the history doesn't go back to
        the first stroke, and what the document shows is to be known.

    Raises
    ------
    Lost
        Where something is there again.
    VesselError
        Where it can't be written.
    """
    operations, whole = former.history()
    if not whole:
        if shown is None:
            return None
        operations = [*_before(operations, shown), *operations]
    writer = place.open(who, facts, cap_bytes=former.cap_bytes)
    try:
        if writer.kept is not None:
            raise Lost("What was removed is there again.")
        writer.append(operations)
    except BaseException:
        writer.abandon()
        raise
    former.abandon()
    return writer, operations


def _before(operations: Sequence[Operation], shown: Shown) -> list[Operation]:
    """Give, as one edit, the corrections that operations go back to, where any are."""
    plane, done, undone = shown.corrections.copy(), list[Edit](), list[Edit]()
    for operation in (*operations, *shown.unsaved):
        follow(done, undone, operation, lambda edit: edit)
    for edit in done:
        edit.apply(plane)
    nothing = np.zeros_like(plane)
    first = edit_between(nothing, nothing, plane)
    return [] if first is None else [Edited(first)]
