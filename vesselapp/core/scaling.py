"""One way to change the size of a picture, shared by the trainer and the app."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 4
"""Channels that OpenCV resizes at once."""


def resize_pixels(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize picture values: area average when shrinking, cubic when growing.

    Parameters
    ----------
    pixels : (H, W) or (H, W, C) uint8
    height, width : int
        Wanted size in px.

    Returns
    -------
    (height, width) or (height, width, C) uint8
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinking = height * width < pixels.shape[0] * pixels.shape[1]
    how = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8)


def resize_probability(probability: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Resize probabilities without leaving 0-1: area average when shrinking, linear when growing.

    Parameters
    ----------
    probability : (H, W) float32, 0-1
    height, width : int
        Wanted size in px.

    Returns
    -------
    (height, width) float32, 0-1
    """
    if probability.shape == (height, width):
        return probability
    shrinking = height * width < probability.size
    how = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(probability, (width, height), interpolation=how), np.float32)


def resize_channels(planes: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Resize any number of channels: area average when shrinking, linear when growing.

    Parameters
    ----------
    planes : (H, W, C) uint8 or float32
    height, width : int
        Wanted size in px.

    Returns
    -------
    (height, width, C)
        Of the same type.
    """
    if planes.shape[:2] == (height, width):
        return planes
    shrinking = height * width < planes.shape[0] * planes.shape[1]
    how = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    out = np.empty((height, width, planes.shape[2]), planes.dtype)
    for begin in range(0, planes.shape[2], _AT_ONCE):
        part = np.ascontiguousarray(planes[..., begin : begin + _AT_ONCE])
        resized = cv2.resize(part, (width, height), interpolation=how)
        out[..., begin : begin + _AT_ONCE] = resized.reshape(height, width, -1)
    return out
