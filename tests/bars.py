"""A drawn picture whose truth the tiny vessel model half sees: what learning from a picture is tried on."""

import numpy as np
from numpy.typing import NDArray

SIDE = 320


def bars() -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draw upright bars, every other one pale in green, where the tiny model looks.

    Returns
    -------
    pixels, truth : (SIDE, SIDE, 3) uint8, (SIDE, SIDE) bool
    """
    truth, pixels = np.zeros((SIDE, SIDE), bool), np.full((SIDE, SIDE, 3), 180, np.uint8)
    for place, left in enumerate(range(8, SIDE - 8, 16)):
        truth[:, left : left + 5] = True
        pixels[:, left : left + 5] = (60, 20, 60) if place % 2 else (60, 120, 60)
    noise = np.random.default_rng(0).normal(0, 4, pixels.shape)
    return (pixels + noise).clip(0, 255).astype(np.uint8), truth
