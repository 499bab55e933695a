"""A model's answer to one picture, as the command line needs it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.evidence import level_of, mask_of, quantise
from vesselapp.inference.model import Model
from vesselapp.inference.predict import predict


@dataclass(frozen=True, eq=False)
class Answer:
    """Probability (``(H, W) float32``, 0-1), the mask (``(H, W) bool``) at the threshold, and how it came."""

    probability: NDArray[np.float32]
    mask: NDArray[np.bool_]
    threshold: float
    provider: str
    seconds: float
    warnings: tuple[str, ...]


def answer(
    model: Model,
    pixels: NDArray[np.uint8],
    threshold: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> Answer:
    """Let a model judge a picture; the mask is what the window shows at the same threshold, to the pixel.

    Parameters
    ----------
    model : Model
    pixels : (H, W, 3) uint8
    threshold : float, optional
        0-1; the model's own where None.
    progress : callable, optional
        Called with the share done, 0-1.
    """
    at = model.card.threshold if threshold is None else threshold
    found = predict(model, pixels, progress=progress)
    mask = mask_of(quantise(found.probability), level_of(at))
    return Answer(found.probability, mask, at, found.provider, found.seconds, found.warnings)
