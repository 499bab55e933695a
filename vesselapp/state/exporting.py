"""Writing what is in sight as files that any other program can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import Correction, corrected_share, dequantise
from vesselapp.core.export import planned_outputs, write_outputs
from vesselapp.core.files import make_folder
from vesselapp.core.stamps import time_stamp
from vesselapp.core.stems import short_stem
from vesselapp.state.jobs import Deliver, Jobs

if TYPE_CHECKING:
    from vesselapp.state.review import Review
    from vesselapp.state.settings import Settings


def export_stem(review: Review) -> str:
    """Give the name that exported files begin with."""
    return short_stem(Path(review.entry.name).stem)


def why_refused(review: Review, folder: Path, kinds: Sequence[str]) -> str:
    """Say why the open picture's files don't replace what lies in a folder; empty where they do."""
    told = {"sha256": review.record.sha256}
    unsure = review.document.corrections == Correction.UNSURE
    try:
        planned_outputs(folder, export_stem(review), kinds, told=told, unsure=unsure)
    except VesselError as problem:
        return str(problem)
    return ""


@dataclass(frozen=True, eq=False)
class InSight:
    """What is in sight of a picture at one moment, to be written: nothing done later changes it.

    Attributes
    ----------
    stem : str
        What the files' names begin with.
    kinds : sequence of str
        Of the files.
    pixels : (H, W, 3) uint8
    mask, unsure : (H, W) bool
    probability : (H, W) uint8 or None
        Quantised; None only where it isn't among the kinds.
    look : dict
        The overlay's colour and opacity.
    provenance : dict
    """

    stem: str
    kinds: Sequence[str]
    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    unsure: NDArray[np.bool_]
    probability: NDArray[np.uint8] | None
    look: dict[str, Any]
    provenance: dict[str, object]

    @classmethod
    def of(cls, review: Review | None, kinds: Sequence[str], settings: Settings) -> InSight:
        """Take what is in sight of the open picture.

        Raises
        ------
        VesselError
            Where nothing is open, or there is no probability to be written.
        """
        if review is None:
            raise VesselError("No picture is open.", "Open one first (Ctrl+O).")
        document = review.document
        if "probability" in kinds and document.probability is None:
            raise VesselError("No model has answered for this picture yet.", "Wait for it, or run it (F5).")
        return cls(
            export_stem(review),
            kinds,
            document.image.pixels,
            document.mask(),
            document.corrections == Correction.UNSURE,
            document.probability if "probability" in kinds else None,
            {"colour": settings.overlay_colour, "opacity": settings.overlay_opacity},
            provenance_of(review),
        )

    def write(self, folder: Path) -> list[Path]:
        """Write mask, overlay and probability at the picture's own size; give the files.

        Beside a mask goes a JSON file that tells where it comes from, and a mask of where the person was
        unsure.

        Raises
        ------
        VesselError
            Where a file can't be written.
        """
        written = write_outputs(
            make_folder(folder),
            self.stem,
            self.kinds,
            self.pixels,
            self.mask,
            None if self.probability is None else dequantise(self.probability),
            **self.look,
            provenance=self.provenance,
            unsure=self.unsure,
        )
        return list(written.values())


class Exports:
    """Writes exports of pictures one after the other, on a thread of its own.

    Parameters
    ----------
    deliver : callable
        Runs a function on the GUI thread.

    Attributes
    ----------
    under_way : list of str
        Of those that aren't written yet, what their files' names begin with.
    written : Signal
        Carries the files of one, and their folder, as soon as all of them are there.
    failed : Signal
        Carries why one could not be written.
    """

    written = Signal(object, object)
    failed = Signal(object)

    def __init__(self, deliver: Deliver) -> None:
        self.under_way: list[str] = []
        self._jobs = Jobs(deliver)

    def begin(self, what: InSight, folder: Path) -> None:
        """Write files into a folder, after those that wait already."""

        def done(files: list[Path]) -> None:
            self.under_way.remove(what.stem)
            self.written.emit(files, folder)

        def failed(error: VesselError) -> None:
            self.under_way.remove(what.stem)
            self.failed.emit(VesselError(f"{what.stem} isn't exported: {error.message}", error.hint))

        self.under_way.append(what.stem)
        self._jobs.submit("export", lambda _job: what.write(folder), done, failed)

    def close(self) -> None:
        """Begin no more; what is under way is neither waited for nor told of."""
        self.written.disconnect()
        self.failed.disconnect()
        self._jobs.close(0.0)


def provenance_of(review: Review) -> dict[str, object]:
    """Tell where the mask in sight comes from: the record, as things stand now."""
    document = review.document
    said = review.record if document.probability is not None else review.record.without_model
    record = replace(
        said,
        threshold=document.threshold,
        level=document.level,
        corrected_share=corrected_share(document.corrections),
    )
    facts = asdict(record)
    if not review.sized:
        facts["object_diameter"] = None
    for name in ("format", "software", "path", "audit"):
        del facts[name]
    if not facts["saved"]:  # known only when the picture is left
        del facts["saved"]
    return facts | {"exported": time_stamp()}
