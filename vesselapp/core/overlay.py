"""The picture with its mask laid over it, for export."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.image_values import strips

UNSURE_COLOUR = (240, 228, 66)
UNSURE_OPACITY = 0.45


def overlay_pixels(
    pixels: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    colour: tuple[int, int, int] = (255, 0, 0),
    opacity: float = 0.45,
) -> NDArray[np.uint8]:
    """Tint the pixels of a mask.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
    mask : (H, W) bool
    colour : three int, 0-255
        Red, green, blue of the tint.
    opacity : float, 0-1
        0 leaves the picture as it is, 1 hides it under the tint.

    Returns
    -------
    (H, W, 3) uint8
        A new picture; outside the mask the pixels are unchanged.
    """
    values = np.arange(256, dtype=np.float64)[:, None]
    table = np.rint(values * (1 - opacity) + np.array(colour) * opacity).astype(np.uint8)[None]
    out = pixels.copy()
    for rows in strips(pixels):
        inside = np.ascontiguousarray(mask[rows]).view(np.uint8)
        cv2.copyTo(cv2.LUT(out[rows], table), inside, out[rows])
    return out
