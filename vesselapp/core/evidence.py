"""The evidence plane: what the model says and what the person says, joined in one byte per pixel.

0 is corrected background, 1-253 the model's probability, 254 unsure, 255 corrected foreground. A mask is
``level <= evidence`` with unsure left out, so a threshold never reaches a corrected pixel, and 1 (a
probability of zero, also everything outside the field of view) is below every level.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

BACKGROUND = 0
LOWEST = 1
HIGHEST = 253
UNSURE = 254
FOREGROUND = 255

_STEPS = HIGHEST - LOWEST


class Correction(IntEnum):
    """What the person says about a pixel."""

    NONE = 0
    BACKGROUND = 1
    FOREGROUND = 2
    UNSURE = 3


_CORRECTED_EVIDENCE = np.array([0, BACKGROUND, FOREGROUND, UNSURE], np.uint8)


def quantise(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn probabilities into evidence values.

    Parameters
    ----------
    probability : (H, W) float32, 0-1

    Returns
    -------
    (H, W) uint8, 1-253
    """
    out = np.empty(probability.shape, np.uint8)
    rows = max(1, 2**20 // max(1, probability.shape[-1]))
    for top in range(0, probability.shape[0], rows):
        strip = probability[top : top + rows] * np.float32(_STEPS)
        strip += np.float32(LOWEST + 0.5)
        np.clip(strip, LOWEST, HIGHEST + 0.5, out=strip)
        out[top : top + rows] = strip
    return out


def dequantise(evidence: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Give the probabilities (0-1, float32) that evidence values 1-253 stand for."""
    return (evidence.astype(np.float32) - LOWEST) / np.float32(_STEPS)


def level_of(threshold: float) -> int:
    """Give the lowest evidence value that counts as foreground at a threshold.

    Parameters
    ----------
    threshold : float
        Probability, 0-1.

    Returns
    -------
    int
        2-253: a probability of exactly zero is never foreground.
    """
    level = int(np.ceil(round(threshold * _STEPS, 6))) + LOWEST
    return min(max(level, LOWEST + 1), HIGHEST)


def threshold_of(level: int) -> float:
    """Give the threshold (0-1) that a level stands for; the inverse of `level_of`."""
    return (level - LOWEST) / _STEPS


def compose(probability: NDArray[np.uint8], corrections: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Join the model's answer and the person's.

    Parameters
    ----------
    probability : (H, W) uint8, 1-253
        Quantised probability.
    corrections : (H, W) uint8, 0-3
        `Correction` values.

    Returns
    -------
    (H, W) uint8, 0-255
        Evidence.
    """
    evidence = probability.copy()
    compose_into(evidence, probability, corrections)
    return evidence


def compose_into(
    evidence: NDArray[np.uint8], probability: NDArray[np.uint8], corrections: NDArray[np.uint8]
) -> None:
    """Write joined evidence in place; the three arrays have one shape (see `compose`)."""
    np.copyto(evidence, probability)
    corrected = corrections != Correction.NONE
    evidence[corrected] = _CORRECTED_EVIDENCE[corrections[corrected]]


def corrected_share(corrections: NDArray[np.uint8]) -> float:
    """Give the share (0-1) of pixels that a person called foreground or background, not unsure."""
    said = (corrections == Correction.FOREGROUND) | (corrections == Correction.BACKGROUND)
    return np.count_nonzero(said) / max(1, corrections.size)


def mask_of(evidence: NDArray[np.uint8], level: int) -> NDArray[np.bool_]:
    """Give the mask: ``(H, W) bool``, evidence at or above the level, unsure left out."""
    mask: NDArray[np.bool_] = (evidence >= level) & (evidence != UNSURE)
    return mask


def mask_table(level: int) -> NDArray[np.bool_]:
    """Give ``(256,) bool``: which evidence values are in the mask at a level."""
    return mask_of(np.arange(256, dtype=np.uint8), level)
