"""What the canvas shows of a document: arrays the size of the screen, kept between paints."""

from dataclasses import replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QImage, QPainter

from vesselapp.core.geometry import Box
from vesselapp.state.document import Document
from vesselapp.ui.looks import Colour, OverlayLook, PictureLook
from vesselapp.ui.qimages import coloured, indexed_image, view_of
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
        self._sampled_as: tuple[PictureLook, Colour] | None = None

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
        shift = self._shift_to(view, size, ratio)
        height, width = size
        if self.size != size:
            self._base = QImage(width, height, QImage.Format.Format_RGB32)
            self._fill, self._seen = indexed_image(height, width)
        self.view, self.size, self.ratio = view, size, ratio
        self._base.setDevicePixelRatio(ratio)
        for box in self._moved(*shift) if shift is not None else [Box(0, 0, width, height)]:
            view_of(self._base)[box.slices] = sample_pixels(
                self.document.pixels, view, box, self.surround, self.picture_look
            )
            self._seen[box.slices] = sample_evidence(self.document.evidence, view, box)
        self._sampled_as = (self.picture_look, self.surround)
        self.refresh_overlay()

    def _shift_to(self, view: View, size: tuple[int, int], ratio: float) -> tuple[int, int] | None:
        """Give by how many device px the picture has only moved, or None where more than that changed."""
        moved = replace(view, x=self.view.x, y=self.view.y)
        same = moved == self.view and size == self.size and ratio == self.ratio
        if not same or self._sampled_as != (self.picture_look, self.surround) or self.picture_look.equalised:
            return None
        dx, dy = view.x - self.view.x, view.y - self.view.y
        return (dx, dy) if abs(dx) < size[1] and abs(dy) < size[0] and (dx or dy) else None

    def _moved(self, dx: int, dy: int) -> list[Box]:
        """Move what is there by whole device px; give the strips that have to be sampled."""
        height, width = self.size
        to_y, from_y = slice(max(0, dy), height + min(0, dy)), slice(max(0, -dy), height + min(0, -dy))
        to_x, from_x = slice(max(0, dx), width + min(0, dx)), slice(max(0, -dx), width + min(0, -dx))
        for plane in (view_of(self._base).view(np.uint32)[:, :, 0], self._seen):
            plane[to_y, to_x] = plane[from_y, from_x].copy()
        above, beside = (
            (0, dy) if dy > 0 else (height + dy, height),
            (0, dx) if dx > 0 else (width + dx, width),
        )
        strips = [Box(0, above[0], width, above[1]), Box(beside[0], 0, beside[1], height)]
        return [strip for strip in strips if not strip.empty]

    def refresh_overlay(self) -> None:
        """Follow a new threshold or look: a new colour table, or a new contour where that is wanted."""
        look, level = self.overlay_look, self.document.level
        if look.contour_only:
            edge = look.contour(self._seen, level, max(1, round(self.ratio)))
            self._overlay = coloured(edge, look.contour_table())
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
