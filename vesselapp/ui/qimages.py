"""QImages whose pixels numpy can write in place."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage


def view_of(image: QImage) -> NDArray[np.uint8]:
    """Give a writable view of a QImage's pixels: (h, w, 4) uint8 for 32-bit formats, (h, w) for 8-bit ones.

    The image owns the memory and must outlive the view.
    """
    height, width, stride = image.height(), image.width(), image.bytesPerLine()
    raw = np.frombuffer(image.bits(), np.uint8).reshape(height, stride)
    if image.depth() == 32:
        return raw[:, : 4 * width].reshape(height, width, 4)
    return raw[:, :width]


def indexed_image(height: int, width: int) -> tuple[QImage, NDArray[np.uint8]]:
    """Make an Indexed8 image of zeros with a 256-entry table; give it with the view of its pixels."""
    image = QImage(width, height, QImage.Format.Format_Indexed8)
    image.setColorTable([0] * 256)
    image.fill(0)
    return image, view_of(image)


def coloured(values: NDArray[np.uint8], table: list[int]) -> QImage:
    """Give (h, w) uint8 as an image in the colours (0xAARRGGBB) of a 256-entry table."""
    image, plane = indexed_image(*values.shape)
    plane[...] = values
    image.setColorTable(table)
    return image


def rgb_image(pixels: NDArray[np.uint8]) -> QImage:
    """Give ((h, w, 4) uint8, blue first) as an image that owns its memory."""
    image = QImage(pixels.shape[1], pixels.shape[0], QImage.Format.Format_RGB32)
    view_of(image)[...] = pixels
    return image
