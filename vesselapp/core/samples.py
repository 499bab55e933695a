"""The pictures that show a newcomer what the app does: scikit-image's own, free of rights (CC0)."""

import hashlib

import numpy as np

from vesselapp.core.image import Image

# Name on the command line: function of `skimage.data`, and the task of the models for it.
SAMPLES = {"fundus": ("retina", "vessels"), "tissue": ("immunohistochemistry", "cells")}


def sample_image(name: str) -> Image:
    """Give a sample.

    Parameters
    ----------
    name : str
        ``fundus`` (a fundus photograph, 1411 x 1411 px) or ``tissue`` (stained tissue, 512 x 512 px).

    Returns
    -------
    Image
        Without a path; its hash is that of the pixels.
    """
    from skimage import data

    pixels = np.ascontiguousarray(getattr(data, SAMPLES[name][0])(), np.uint8)
    return Image(pixels, None, hashlib.sha256(pixels.tobytes()).hexdigest())


def sample_task(name: str) -> str:
    """Give the task (`ModelCard.task`) of the models that a sample is for."""
    return SAMPLES[name][1]
