"""The window's present way of keeping corrections (format 1), until it works with `AnnotationFolder`.

A folder per image, found again by the hash of the image file: ``corrections.png`` (palette PNG: none,
background, foreground, unsure) and ``record.json``. The corrections are written before the record, each
atomically.
"""

import io
import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

import vesselapp
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import Correction
from vesselapp.core.files import atomic_write, make_folder
from vesselapp.core.image import Image

RECORD_FORMAT = 1
_PALETTE = [0, 0, 0, 0, 114, 178, 213, 94, 0, 240, 228, 66]


@dataclass(frozen=True)
class Record:
    """What is kept beside the corrections.

    ``threshold`` is 0-1; ``sha256`` is the image file's; ``model_sha256`` names the model that
    was corrected.
    """

    image: str
    sha256: str
    height: int
    width: int
    threshold: float
    format: int = RECORD_FORMAT
    model: str = ""
    model_sha256: str = ""
    saved: str = ""
    software: str = ""


@dataclass(frozen=True, eq=False)
class Annotation:
    """Corrections ((H, W) uint8, `Correction` values) with their record."""

    corrections: NDArray[np.uint8]
    record: Record


class AnnotationStore:
    """Annotations of single images under one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def folder_of(self, image: Image) -> Path:
        """Where an image's annotation lies, whether or not it exists yet."""
        return self.folder / image.sha256[:32]

    def load(self, image: Image) -> Annotation | None:
        """Read an image's annotation, or give None where there is none.

        Raises
        ------
        VesselError
            Where files are there but can't be used; they are left as they are.
        """
        folder = self.folder_of(image)
        record_file, corrections_file = folder / "record.json", folder / "corrections.png"
        if not record_file.exists():
            return None
        try:
            record = _parsed(record_file.read_bytes())
            with PIL.Image.open(corrections_file) as stored:
                corrections = np.array(stored, np.uint8)
        except (OSError, ValueError, SyntaxError) as error:
            raise VesselError(
                f"The corrections kept for {record_file.parent.name[:8]}… can't be read: {error}.",
                f"They are left untouched in {folder}; corrections made now are kept apart.",
            ) from error
        if corrections.shape != image.pixels.shape[:2] or corrections.max() > Correction.UNSURE:
            raise VesselError(
                "The corrections kept for this image don't fit its size.",
                f"They are left untouched in {folder}; corrections made now are kept apart.",
            )
        return Annotation(corrections, record)

    def save(self, image: Image, corrections: NDArray[np.uint8], record: Record) -> None:
        """Write an image's annotation.

        Raises
        ------
        VesselError
            Where it could not be written; what was there before is still there.
        """
        folder = self.folder_of(image)
        make_folder(folder)
        stored = PIL.Image.fromarray(corrections, "P")
        stored.putpalette(_PALETTE)
        buffer = io.BytesIO()
        stored.save(buffer, "PNG", compress_level=1)
        atomic_write(folder / "corrections.png", buffer.getvalue())
        stamped = replace(
            record,
            saved=datetime.now(UTC).isoformat(timespec="seconds"),
            software=f"vesselapp {vesselapp.__version__}",
        )
        atomic_write(folder / "record.json", json.dumps(asdict(stamped), indent=1).encode())

    def set_aside(self, image: Image) -> None:
        """Rename an annotation that can't be used, so that a new one takes its place and nothing is lost."""
        folder = self.folder_of(image)
        number = 1
        while (aside := folder.with_name(f"{folder.name}.aside{number}")).exists():
            number += 1
        folder.rename(aside)


def _parsed(text: bytes) -> Record:
    """Check a record read from disk; a ValueError says what is wrong."""
    from pydantic import TypeAdapter  # only loaded where there is a record to check

    return TypeAdapter(Record).validate_json(text)
