"""How well a model file does on pictures, through the app's own engine."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.finetune.gate import Pair
from trainer.metrics import dice
from trainer.pictures import Picture
from vesselapp.core.evidence import level_of, mask_of, quantise
from vesselapp.inference.model import Model
from vesselapp.inference.predict import predict

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Truth:
    """A picture with what is true of it where ``counts`` ((H, W) bool)."""

    name: str
    subject: str
    pixels: Pixels
    mask: NDArray[np.bool_]
    counts: NDArray[np.bool_]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to find."""
        return not bool((self.mask & self.counts).any())


def truth_of(picture: Picture) -> Truth:
    """Take a picture of a data set as a truth."""
    case = picture.case
    return Truth(case.key, case.subject, picture.pixels, picture.mask, picture.inside)


def mask_by(model: Model, pixels: Pixels, object_diameter: float | None = None) -> NDArray[np.bool_]:
    """Give the mask ((H, W) bool) that the app shows of a picture at the model's own threshold.

    ``object_diameter`` (px) is how wide a person said its cells are; it is found where None.
    """
    found = predict(model, pixels, object_diameter=object_diameter)
    return mask_of(quantise(found.probability), level_of(model.card.threshold))


def specificity(mask: NDArray[np.bool_], truth: NDArray[np.bool_], counts: NDArray[np.bool_]) -> float:
    """Give the share (0-1) of true background that the mask leaves empty."""
    nothing = counts & ~truth
    return 1.0 - int((mask & nothing).sum()) / max(1, int(nothing.sum()))


def score(mask: NDArray[np.bool_], truth: Truth) -> float:
    """Give Dice, or specificity where there is nothing to find: there Dice is 0 at the first wrong px."""
    measure = specificity if truth.empty else dice
    return measure(mask, truth.mask, truth.counts)


def pair_on(truth: Truth, incumbent: NDArray[np.bool_], candidate: NDArray[np.bool_]) -> Pair:
    """Score both models' masks of a picture."""
    measure = "specificity" if truth.empty else "Dice"
    return Pair(truth.name, truth.subject, score(incumbent, truth), score(candidate, truth), measure)
