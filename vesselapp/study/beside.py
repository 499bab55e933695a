"""What an export says beside a mask: of which image it is, what is unsure in it, what was reviewed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.errors import VesselError
from vesselapp.core.export import PROVENANCE_SUFFIX, SUFFIXES, UNSURE_SUFFIX
from vesselapp.core.files import is_there
from vesselapp.core.geometry import Box
from vesselapp.core.mask_file import read_mask
from vesselapp.study.json_text import parse_object


@dataclass(frozen=True)
class Beside:
    """What is said beside a mask.

    Attributes
    ----------
    image, sha256 : str
        Path and hash of the image that a study's export says the mask is of; else empty.
    unsure : Path or None
        The mask of where a person was unsure, where there were such px.
    boxes : sequence
        As JSON has them: what was reviewed; nothing: all of it.
    """

    image: str = ""
    sha256: str = ""
    unsure: Path | None = None
    boxes: Any = ()

    def unsure_in(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """Read where a person was unsure, in a picture of so many rows and columns.

        Raises
        ------
        VesselError
            Where that can't be told any more.
        """
        if self.unsure is None:
            return np.zeros(size, np.bool_)
        try:
            return read_mask(self.unsure, size).marked
        except VesselError as problem:
            why = problem.message.rstrip(".") if is_there(self.unsure) else "it isn't there"
            raise VesselError(f"where it was unsure can't be told ({self.unsure}: {why}).") from problem

    def boxes_in(self, size: tuple[int, int]) -> tuple[Box, ...]:
        """Give what was reviewed of a picture of so many rows and columns; nothing: all of it.

        Raises
        ------
        VesselError
            Where that can't be told any more.
        """
        try:
            boxes = tuple(Box(*map(int, box)) for box in self.boxes)
            if any(box.empty or box != box.clipped(*size) for box in boxes):
                raise ValueError("not in the picture")
        except (TypeError, ValueError, OverflowError) as problem:
            raise VesselError("which part of it was reviewed can't be told.") from problem
        return boxes


def beside(mask: Path) -> Beside:
    """Read what the export of a study, or of an open picture, says beside ``a.png`` or ``a_mask.png``."""
    own = mask.stem
    for stem in (own, mask.name.removesuffix(SUFFIXES["mask"])):
        told = _read(mask.with_name(f"{stem}{PROVENANCE_SUFFIX}"))
        if told:
            break
    boxes, said = told.get("reviewed_boxes", ()), told.get("unsure")
    was_unsure = isinstance(said, dict) and bool(said.get("pixels"))
    if "image_sha256" not in told:
        unsure = mask.with_name(f"{stem}{UNSURE_SUFFIX}")
        return Beside(unsure=unsure if was_unsure else None, boxes=boxes)
    unsure = mask.parent.parent / "unsure" / f"{stem}.png"
    image, sha256 = (str(told.get(name, "")) if stem == own else "" for name in ("image", "image_sha256"))
    return Beside(image, sha256, unsure if was_unsure else None, boxes)


def _read(path: Path) -> dict[str, Any]:
    try:
        return parse_object(path.read_bytes())
    except (OSError, ValueError):
        return {}
