"""One image's annotation on disk: snapshot, answer, record and journal, and the one who writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.edits import Edit
from vesselapp.study.former import Annotation, AnnotationStore
from vesselapp.study.former import Record as Record  # the window's present one (format 1)
from vesselapp.study.journal import Operation
from vesselapp.study.lock import Lock
from vesselapp.study.record import ImageFacts
from vesselapp.study.record import Record as Record2

__all__ = ["Annotation", "AnnotationFolder", "AnnotationStore", "Kept", "Record", "Writer"]

DEFAULT_CAP_BYTES = 256 * 2**20


@dataclass(frozen=True, eq=False)
class Kept:
    """What an annotation folder holds.

    Attributes
    ----------
    corrections : (H, W) uint8
        `Correction` values.
    record : Record or None
        None where the app ended before the first one was written.
    done, undone : list of Edit
        The undo history, oldest first, and what can be redone, the next one last.
    level : int or None
        The threshold's level (2-253) where a person chose it.
    view : dict or None
        Where the person was looking.
    answer : (H, W) uint8 or None
        The probability that was judged, quantised to 1-253.
    notes : tuple of str
        What a person should know: what was damaged and where it is kept apart.
    number : int
        Of the last operation in the journal: two reads with one number hold the same corrections.
    """

    corrections: NDArray[np.uint8]
    record: Record2 | None
    done: list[Edit]
    undone: list[Edit]
    level: int | None
    view: dict[str, Any] | None
    answer: NDArray[np.uint8] | None
    notes: tuple[str, ...] = ()
    number: int = 0


class AnnotationFolder:
    """Where one image's annotation lies, whether or not it exists yet.

    Parameters
    ----------
    folder : Path
    study : Path, optional
        The study it belongs to, whose audit log is told of each save; None for a picture opened alone.
    """

    def __init__(self, folder: Path, study: Path | None = None) -> None:
        self.folder = folder
        self.study = study

    def load(
        self, image_sha256: str, height: int, width: int, cap_bytes: int = DEFAULT_CAP_BYTES
    ) -> Kept | None:
        """Read the annotation without touching it; None where there is none.

        What is damaged is left out and told in ``notes``; so is an annotation of another image. To write,
        use `open`, and what it found (`Writer.kept`).

        Raises
        ------
        VesselError
            Where the files can't be read just now (permission, a drive that is gone), or a newer version
            of the app wrote them.
        """
        raise NotImplementedError

    def open(
        self, who: str, facts: ImageFacts, *, take_over: bool = False, cap_bytes: int = DEFAULT_CAP_BYTES
    ) -> Writer:
        """Take the lock, bring older formats forward, put damaged files apart, and read what there is.

        Parameters
        ----------
        who : str
        facts : ImageFacts
        take_over : bool
            Whether a stale lock of somebody else may be taken over.
        cap_bytes : int
            How many bytes of undo history are kept.

        Raises
        ------
        Taken
            Where somebody else is writing it: open it read-only, with `load`.
        VesselError
            As `load`, and where nothing can be written.
        """
        raise NotImplementedError


class Writer:
    """The one who writes an annotation; for one thread at a time.

    Each method raises `Lost` where the lock was taken over meanwhile, and VesselError where the disk says no;
    in both cases what was given is not on disk, and the call may be made again.

    Attributes
    ----------
    kept : Kept or None
        What was there when it was opened.
    lock : Lock
    """

    kept: Kept | None
    lock: Lock

    def append(self, operations: Sequence[Operation]) -> None:
        """Put operations on the disk; they are there when this returns."""
        raise NotImplementedError

    def write_record(self, record: Record2) -> None:
        """Write the record; ``saved``, ``software`` and ``audit`` are filled in here."""
        raise NotImplementedError

    def write_answer(self, plane: NDArray[np.uint8]) -> None:
        """Keep the probability ((H, W) uint8, 1-253) that the person judged."""
        raise NotImplementedError

    def compact(self) -> None:
        """Make the snapshot anew from what is on disk; drop undo history beyond the cap of bytes."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Give the lock's sign of life, every `HEARTBEAT_SECONDS`."""
        raise NotImplementedError

    def close(self) -> None:
        """Make the snapshot, seal what was written in the audit log, and give the lock back."""
        raise NotImplementedError
