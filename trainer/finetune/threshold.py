"""The threshold, set anew: fine-tuning shifts a net's probabilities, and most of forgetting is just that.

On what was learnt Dice hardly depends on the threshold, for that is what was learnt; on old ground it does.
So old ground has a say where it is at hand (docs/learning-tried.md has the figures).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.finetune.task import Ground
from trainer.nets import Segmenter, answer_whole
from trainer.pictures import Scaled, foreground_in, true_foreground
from trainer.recipes import Recipe
from vesselapp.core.evidence import HIGHEST, LOWEST, level_of, quantise, threshold_of

_WORTH = 0.002
"""A change that old ground has no say in must bring so much Dice."""
_RANGE = (0.15, 0.85)
_MOST_REPLAYED = 6


def dice_curve(
    probability: NDArray[np.float32], truth: NDArray[np.bool_], weight: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Give Dice at every level (256 values, by evidence level; only 2-253 mean anything)."""
    counts = weight > 0
    values, there = quantise(probability)[counts], truth[counts]
    true = np.bincount(values[there], minlength=256)[::-1].cumsum()[::-1]
    false = np.bincount(values[~there], minlength=256)[::-1].cumsum()[::-1]
    return np.asarray(2 * true / np.maximum(true + false + there.sum(), 1), np.float64)


def set_threshold(
    net: Segmenter, recipe: Recipe, stride: int, pictures: Sequence[Scaled], before: float, worth: float = 0.0
) -> float:
    """Choose the threshold with the highest mean Dice; the old one where little is gained.

    Parameters
    ----------
    net : Segmenter
    recipe : Recipe
    stride : int
    pictures : sequence of Scaled
    before : float
        The base's threshold, 0-1.
    worth : float
        A change must bring so much Dice, 0-1.

    Returns
    -------
    float
        0-1, in hundredths.
    """
    curves = []
    for picture in pictures:
        truth = true_foreground(picture.truth, recipe)
        if (truth & (picture.valid > 0)).any():
            answer = foreground_in(answer_whole(net, picture.pixels, stride), recipe)
            curves.append(dice_curve(answer, truth, picture.valid))
    if not curves:
        return before
    mean = np.mean(curves, axis=0)
    low, high = (level_of(end) for end in _RANGE)
    best = low + int(np.argmax(mean[low : high + 1]))
    if mean[best] <= mean[level_of(before)] + worth:
        return before
    assert LOWEST < best <= HIGHEST
    return round(threshold_of(best), 2)


def deciding(learnt: Sequence[Scaled], ground: Ground, task: str) -> tuple[list[Scaled], float]:
    """Choose the pictures by which the threshold is set, and how much Dice a change must bring.

    With replay, what was learnt and some old pictures, all with truth. Else, for vessels, old ground as the
    base marks it: there the candidate shall mark as much. Else what was learnt, for what is worth it.
    """
    if ground.replayed:
        step = -(-len(ground.replayed) // _MOST_REPLAYED)
        return [*learnt, *ground.replayed[::step]], 0.0
    if task == "vessels" and ground.taught:
        return list(ground.taught), 0.0
    return list(learnt), _WORTH
