"""Small copies of pictures, for lists."""

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.files import is_special
from vesselapp.core.image import read_image

_JPEG_START = b"\xff\xd8\xff"


def thumbnail(path: str | os.PathLike[str], side: int) -> NDArray[np.uint8]:
    """Give a small upright copy of a picture.

    A JPEG is decoded at a fraction of its size, which is many times faster than whole; its values may differ
    a little from those of `read_image`.

    Parameters
    ----------
    path : str or path
    side : int
        Longest side in px; smaller pictures stay as they are.

    Returns
    -------
    (h, w, 3) uint8
        sRGB.

    Raises
    ------
    VesselError
        Where there is no picture to be had.
    """
    path = Path(path)
    pixels = _jpeg_at_about(path, side)
    if pixels is None:
        pixels = read_image(path).pixels
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg_at_about(path: Path, side: int) -> NDArray[np.uint8] | None:
    """Decode a plain JPEG at a size not far above a side; None where it is none, or not for this shortcut."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    if is_special(path):
        return None
    try:
        with path.open("rb") as file:
            if file.read(3) != _JPEG_START:
                return None
            file.seek(0)
            with Pillow.open(file, formats=("JPEG",)) as picture:
                if picture.mode not in ("RGB", "L"):
                    return None
                picture.draft("RGB", (side, side))
                upright = ImageOps.exif_transpose(picture)
                return np.array(upright.convert("RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError, MemoryError):
        return None  # the reader for all pictures says what is wrong with it
