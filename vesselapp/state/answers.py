"""What models said about pictures, remembered for going back and forth."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vesselapp.inference.frame import Frame

CAP_BYTES = 256 * 2**20


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model said about a picture, and how.

    Attributes
    ----------
    probability : (H, W) uint8
        Quantised, 1-253.
    model, version, model_sha256 : str
        Which model.
    threshold : float
        The model's default, 0-1.
    warnings : tuple of str
        Why the model may be unfit for the picture.
    provider, provider_note : str
        What really ran it, and why that one.
    seconds : float
    judged : bool
        Whether this is the answer that a person judged earlier, read from disk; no model ran.
    frame : Frame or None
        What of the picture the model saw; None where no model ran.
    sized : bool
        Whether the model works at one size of cells.
    object_diameter : float or None
        Px: how wide these were said to be, where it does; None: found by itself.
    reading : str
        Of the model (`vesselapp.inference.model.Model.reading`); empty where none ran.
    """

    probability: NDArray[np.uint8]
    model: str
    version: str
    model_sha256: str
    threshold: float
    warnings: tuple[str, ...] = ()
    provider: str = ""
    provider_note: str = ""
    seconds: float = 0.0
    judged: bool = False
    frame: Frame | None = None
    sized: bool = False
    object_diameter: float | None = None
    reading: str = ""


@dataclass(frozen=True)
class Asked:
    """What an answer is an answer to: the image file's hash, the model's, and the size of objects (px)."""

    image_sha256: str
    model_sha256: str
    object_diameter: float | None


class Answers:
    """The answers used last, up to `CAP_BYTES`."""

    def __init__(self) -> None:
        self._known: OrderedDict[Asked, Answer] = OrderedDict()

    def get(self, asked: Asked) -> Answer | None:
        """Give an answer, if it is remembered."""
        answer = self._known.get(asked)
        if answer is not None:
            self._known.move_to_end(asked)
        return answer

    def put(self, asked: Asked, answer: Answer) -> None:
        """Remember an answer; those not used for longest are let go."""
        self._known[asked] = answer
        self._known.move_to_end(asked)
        while len(self._known) > 1 and self.size > CAP_BYTES:
            self._known.popitem(last=False)

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()

    @property
    def size(self) -> int:
        """Bytes that all take."""
        return sum(answer.probability.nbytes for answer in self._known.values())
