"""What the canvas shows of a document: arrays the size of the screen, kept between paints."""

from enum import Enum

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QImage, QPainter

from vesselapp.core.geometry import Box
from vesselapp.state.document import Document
from vesselapp.ui.looks import Colour, OverlayLook, PictureLook, contour_of
from vesselapp.ui.qimages import indexed_image, view_of
from vesselapp.ui.render import device_box, sample_evidence, sample_pixels
from vesselapp.ui.view import View


class Split(Enum):
    """How the bare image is shown beside the mask."""

    NONE = "One view"
    SIDE = "Side by side"
    WIPE = "Wipe"


class Scene:
    """One pane's pixels and mask, resampled to device px.

    Parameters
    ----------
    document : Document
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.picture_look = PictureLook()
        self.overlay_look = OverlayLook()
        self.surround: Colour = (20, 21, 23)
        self.ratio = 1.0
        self.view = View()
        self.size = (0, 0)
        self._base = QImage()
        self._fill = QImage()
        self._seen: NDArray[np.uint8] = np.empty((0, 0), np.uint8)
        self._overlay = QImage()

    def resample(self, view: View, size: tuple[int, int], ratio: float) -> None:
        """Resample all that is in sight.

        Parameters
        ----------
        view : View
        size : (int, int)
            Height and width of the pane in device px.
        ratio : float
            Device px per logical px.
        """
        height, width = size
        if self.size != size:
            self._base = QImage(width, height, QImage.Format.Format_RGB32)
            self._fill, self._seen = indexed_image(height, width)
        self.view, self.size, self.ratio = view, size, ratio
        self._base.setDevicePixelRatio(ratio)
        whole = Box(0, 0, width, height)
        view_of(self._base)[...] = sample_pixels(
            self.document.pixels, view, whole, self.surround, self.picture_look
        )
        self._seen[...] = sample_evidence(self.document.evidence, view, whole)
        self.refresh_overlay()

    def refresh_overlay(self) -> None:
        """Follow a new threshold or look: a new colour table, or a new contour where that is wanted."""
        look, level = self.overlay_look, self.document.level
        if look.contour_only:
            self._overlay, edge = indexed_image(*self.size)
            edge[...] = contour_of(self._seen, level, max(1, round(self.ratio)))
            self._overlay.setColorTable(look.contour_table())
        else:
            self._overlay = self._fill
            self._overlay.setColorTable(look.table(level))
        self._overlay.setDevicePixelRatio(self.ratio)

    def update(self, box: Box) -> Box:
        """Resample the evidence in a box of the picture (px); give the device px to paint anew."""
        dirty = device_box(box, self.view, *self.size)
        if dirty.empty:
            return dirty
        self._seen[dirty.slices] = sample_evidence(self.document.evidence, self.view, dirty)
        if self.overlay_look.contour_only:
            self.refresh_overlay()
            dirty = dirty.grown(3).clipped(*self.size)
        return dirty

    def paint_base(self, painter: QPainter, dirty: QRect) -> None:
        """Paint the picture inside a rectangle (logical px of the pane)."""
        self._blit(painter, self._base, dirty)

    def paint_overlay(self, painter: QPainter, dirty: QRect) -> None:
        """Paint the mask inside a rectangle (logical px of the pane)."""
        self._blit(painter, self._overlay, dirty)

    def _blit(self, painter: QPainter, image: QImage, dirty: QRect) -> None:
        ratio = self.ratio
        source = QRectF(dirty.x() * ratio, dirty.y() * ratio, dirty.width() * ratio, dirty.height() * ratio)
        painter.drawImage(QRectF(dirty), image, source)
