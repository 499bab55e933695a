"""Writing what is in sight as files that any other program can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import Correction, dequantise
from vesselapp.core.export import planned_outputs, short_stem, write_outputs
from vesselapp.core.files import make_folder
from vesselapp.core.stamps import time_stamp

if TYPE_CHECKING:
    from vesselapp.state.review import Review
    from vesselapp.state.settings import Settings


def export_stem(review: Review | None) -> str:
    """Give the name that exported files begin with."""
    return short_stem(Path(review.entry.name).stem) if review is not None else "picture"


def why_refused(review: Review | None, folder: Path, kinds: Sequence[str]) -> str:
    """Say why the open picture's files don't replace what lies in a folder; empty where they do."""
    if review is None:
        return ""
    told = {"sha256": review.record.sha256}
    unsure = review.document.corrections == Correction.UNSURE
    try:
        planned_outputs(folder, export_stem(review), kinds, told=told, unsure=unsure)
    except VesselError as problem:
        return str(problem)
    return ""


def export_picture(
    review: Review | None, folder: Path, kinds: Sequence[str], settings: Settings
) -> list[Path]:
    """Write the open picture's mask, overlay and probability at its own size; give the files.

    Beside a mask goes a JSON file that tells where it comes from, and a mask of where the person was unsure.

    Raises
    ------
    VesselError
        Where nothing is open or a file can't be written.
    """
    if review is None:
        raise VesselError("No picture is open.", "Open one first (Ctrl+O).")
    document = review.document
    probability = None
    if "probability" in kinds:
        if document.probability is None:
            raise VesselError("No model has answered for this picture yet.", "Wait for it, or run it (F5).")
        probability = dequantise(document.probability)
    written = write_outputs(
        make_folder(folder),
        export_stem(review),
        kinds,
        document.image.pixels,
        document.mask(),
        probability,
        colour=settings.overlay_colour,
        opacity=settings.overlay_opacity,
        provenance=provenance_of(review),
        unsure=document.corrections == Correction.UNSURE,
    )
    return list(written.values())


def provenance_of(review: Review) -> dict[str, object]:
    """Tell where the mask in sight comes from: the record, as things stand now."""
    document = review.document
    corrected = int((document.corrections != Correction.NONE).sum())
    said = review.record if document.probability is not None else review.record.without_model
    record = replace(
        said,
        threshold=document.threshold,
        level=document.level,
        corrected_share=corrected / max(1, document.corrections.size),
    )
    facts = asdict(record)
    if not review.sized:
        facts["object_diameter"] = None
    for name in ("format", "software", "path", "audit"):
        del facts[name]
    if not facts["saved"]:  # known only when the picture is left
        del facts["saved"]
    return facts | {"exported": time_stamp()}
