"""The picture with its mask on screen: view, panes and painting; what the pointer does is the canvas's."""

from __future__ import annotations

import math
from dataclasses import replace

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QWidget

from vesselapp.core.geometry import Box, Pixels
from vesselapp.core.strokes import Point
from vesselapp.state.document import Document
from vesselapp.ui.looks import Colour, OverlayLook, PictureLook
from vesselapp.ui.ornaments import Minimap, paint_grid, paint_mark, paint_region, paint_wipe
from vesselapp.ui.scene import Scene, Split
from vesselapp.ui.view import HIGHEST_ZOOM, LOWEST_ZOOM, Look, View, read_look, write_look

_FIT_MARGIN = 12
_INVITATION = "Drop pictures here, or press Ctrl+O"
_FIT_MOST = 4.0


class PictureView(QWidget):
    """Shows a document under a view, in one pane or two.

    Signals
    -------
    zoom_changed : float
        Device px per px of the picture.
    looked : none
        A person has moved, zoomed or turned what is in sight.
    """

    zoom_changed = Signal(float)
    looked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(160, 120)
        self.view = View()
        self.split = Split.NONE
        self.overlay_shown = True
        self.minimap_shown = True
        self.bare = False
        self.surround: Colour = (20, 21, 23)
        self.picture_look = PictureLook()
        self.overlay_look = OverlayLook()
        self.wipe_share = 0.5
        self.minimap = Minimap()
        self.preview: list[Pixels] = []
        self.marked: Box | None = None
        self.held_pane: int | None = None
        self._scene: Scene | None = None
        self._fitted = True

    # -- document ----------------------------------------------------------------------------------------

    @property
    def document(self) -> Document | None:
        """The document in sight."""
        return self._scene.document if self._scene is not None else None

    def set_document(self, document: Document | None, look: Look | None = None) -> None:
        """Show another document.

        Parameters
        ----------
        document : Document or None
        look : dict, optional
            What was in sight when it was left (see `look`). Where None, a fitted picture is followed by a
            fitted one, and any other by one at the same share of its sides, at the same zoom; where it is
            more than twice as large, or as small, as much of it is in sight.
        """
        before = self.document
        if before is not None:
            before.evidence_changed.disconnect(self._on_evidence_changed)
            before.threshold_changed.disconnect(self._on_threshold_changed)
        self._scene, self.preview = None if document is None else Scene(document), []
        self.marked = None
        if document is not None:
            document.evidence_changed.connect(self._on_evidence_changed)
            document.threshold_changed.connect(self._on_threshold_changed)
            self._turn_to(document, before, look)
        self.resample()
        self.repaint()  # at once: the picture is seen before anything else is begun

    def _turn_to(self, document: Document, before: Document | None, look: Look | None) -> None:
        """Choose the view of a document."""
        size = height, width = self.pane_size()
        middle = self.view.to_picture(width / 2, height / 2)
        self.view = replace(self.view, height=document.height, width=document.width)
        if look is not None:
            self._fitted, self.view = read_look(look, self.view, size)
        elif before is None:
            self._fitted = True
        elif (before.height, before.width) != (document.height, document.width) and not self._fitted:
            x, y = middle[0] / before.width * document.width, middle[1] / before.height * document.height
            larger = max(document.width / before.width, document.height / before.height)
            zoom = self.view.zoom if 0.5 <= larger <= 2 else self.view.zoom / larger
            zoom = min(max(zoom, LOWEST_ZOOM), HIGHEST_ZOOM)
            self.view = self.view.centred_on(x, y, size, zoom).kept_in_sight(size)

    def look(self) -> Look:
        """Give what is in sight, to be shown again with `set_document`."""
        return write_look(self.view, self.pane_size(), fitted=self._fitted)

    def _on_evidence_changed(self, box: Box) -> None:
        if self._scene is not None:
            self._update_device(self._scene.update(box))

    def _on_threshold_changed(self) -> None:
        if self._scene is not None:
            self._scene.refresh_overlay()
            self.update()

    # -- view --------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Show all of the picture."""
        self.lift()
        self._fitted = True
        self.resample()
        self.looked.emit()

    def actual_size(self) -> None:
        """Show one px of the picture on one device px, about what is in the middle now."""
        height, width = self.pane_size()
        self.show_view(self.view.zoomed(1 / self.view.zoom, width / 2, height / 2))

    def zoom_by(self, factor: float) -> None:
        """Zoom about the middle of what is in sight."""
        height, width = self.pane_size()
        self.show_view(self.view.zoomed(factor, width / 2, height / 2))

    def pan_by(self, dx: float, dy: float) -> None:
        """Shift what is in sight by shares of the canvas."""
        height, width = self.pane_size()
        self.show_view(self.view.moved(round(dx * width), round(dy * height)))

    def turn(self, quarters: int) -> None:
        """Turn the view (never the picture) clockwise by quarter turns."""
        self._reorient(replace(self.view, turns=(self.view.turns + quarters) % 4))

    def mirror(self) -> None:
        """Swap left and right of the view (never of the picture)."""
        self._reorient(replace(self.view, mirrored=not self.view.mirrored))

    def _reorient(self, view: View) -> None:
        """Change the orientation about what is in the middle now."""
        self.lift()
        height, width = self.pane_size()
        middle = self.view.to_picture(width / 2, height / 2)
        fitted = self._fitted
        self.show_view(view.centred_on(*middle, (height, width)))
        if fitted:
            self.fit()

    def show_box(self, box: Box) -> None:
        """Zoom to a box of the picture (px) with room round it, and mark it until something is pressed."""
        self.lift()
        size = self.pane_size()
        high, wide = max(box.bottom - box.top, 1), max(box.right - box.left, 1)
        if self.view.turns % 2:
            high, wide = wide, high
        zoom = min(max(0.35 * min(size[0] / high, size[1] / wide), self.view.fitted(size).zoom), 6.0)
        middle = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
        self.marked = box
        self.show_view(self.view.centred_on(*middle, size, zoom))

    def minimap_place(self) -> QRect | None:
        """Give where the minimap lies in its pane; None while it isn't shown."""
        if not self.minimap_shown or self.view.shows_all(self.pane_size()):
            return None
        return self.minimap.place(self.view, QRect(0, 0, self.pane_width(), self.height()))

    def on_minimap(self, at: QPointF) -> bool:
        """Tell whether a place of the canvas is on the minimap."""
        place = self.minimap_place()
        if place is None or at.x() < self.second_pane():
            return False
        return place.contains(self.in_pane(at).toPoint())

    def follow_minimap(self, at: QPointF) -> None:
        """Show what lies under a place of the minimap, and nothing beyond the picture."""
        pane = QRect(0, 0, self.pane_width(), self.height())
        middle = self.minimap.picture_place(self.in_pane(at), self.view, pane)
        size = self.pane_size()
        self.show_view(self.view.centred_on(*middle, size).filling(size))

    def set_preview(self, parts: list[Pixels]) -> None:
        """Tint sets of pixels that a person is about to change."""
        self.preview = parts
        self.update()

    def set_split(self, split: Split) -> None:
        """Show the bare picture beside the mask, or not; what was in the middle stays there."""
        self.lift()
        height, width = self.pane_size()
        middle = self.view.to_picture(width / 2, height / 2)
        self.split = split
        if self.document is not None and not self._fitted:
            size = self.pane_size()
            self.view = self.view.centred_on(*middle, size).kept_in_sight(size)
        self.resample()

    def lift(self) -> None:
        """End what the pressed pointer does: the picture is about to jump away under it."""

    def show_view(self, view: View) -> None:
        """Show a view, held so that the picture can't leave the canvas."""
        if self.document is not None:
            self._fitted = False
            self.view = view.kept_in_sight(self.pane_size())
            self.resample()
            self.looked.emit()

    def pane_size(self) -> tuple[int, int]:
        """Give height and width in device px of the pane (the canvas, or half of it side by side)."""
        ratio = self.devicePixelRatioF()
        return max(1, round(self.height() * ratio)), max(1, round(self.pane_width() * ratio))

    def pane_width(self) -> int:
        """Give the width of a pane in logical px."""
        return max(1, self.width() // 2 - 1) if self.split is Split.SIDE else self.width()

    def second_pane(self) -> int:
        """Give where the masked pane begins, in logical px."""
        return self.width() - self.pane_width()

    def pane_at(self, point: QPointF) -> int:
        """Give where the pane under a place on the canvas begins, in logical px."""
        left = self.second_pane()
        return left if point.x() >= left else 0

    def in_masked_pane(self, point: QPointF) -> bool:
        """Tell whether a place on the canvas counts as one in the pane with the mask (see `in_pane`)."""
        left = self.pane_at(point) if self.held_pane is None else self.held_pane
        return left == self.second_pane()

    def in_pane(self, point: QPointF) -> QPointF:
        """Give a place on the canvas as a place in its pane: the one held by a gesture, else where it is."""
        left = self.pane_at(point) if self.held_pane is None else self.held_pane
        return QPointF(point.x() - left, point.y())

    def to_device(self, point: QPointF) -> tuple[float, float]:
        """Give a place on the canvas (logical px) in device px of its pane."""
        ratio = self.devicePixelRatioF()
        inside = self.in_pane(point)
        return inside.x() * ratio, inside.y() * ratio

    def to_picture(self, point: QPointF) -> Point:
        """Give the place of the picture (px) under a point of the canvas (logical px)."""
        return self.view.to_picture(*self.to_device(point))

    def place_of(self, x: float, y: float) -> QPoint:
        """Give the logical place on the canvas that shows a point of the picture (px)."""
        dx, dy = self.view.to_canvas(x, y)
        ratio = self.devicePixelRatioF()
        return QPoint(math.floor(dx / ratio), math.floor(dy / ratio))

    def box_in_sight(self) -> Box | None:
        """Give the box of the picture (px) that is on the canvas, or None where nothing is."""
        document = self.document
        if document is None:
            return None
        height, width = self.pane_size()
        box = self.view.box_in_picture(Box(0, 0, width, height)).clipped(document.height, document.width)
        return None if box.empty else box

    def resample(self) -> None:
        """Resample all that is in sight and paint it."""
        scene = self._scene
        if scene is not None:
            size, ratio = self.pane_size(), self.devicePixelRatioF()
            if self._fitted:
                self.view = self.view.fitted(size, round(_FIT_MARGIN * ratio), _FIT_MOST * ratio)
            scene.picture_look, scene.overlay_look = self.picture_look, self.overlay_look
            scene.surround = self.surround
            scene.resample(self.view, size, ratio)
        self.zoom_changed.emit(self.view.zoom)
        self.update()

    def _update_device(self, box: Box) -> None:
        """Ask for a paint of a box of the pane (device px)."""
        ratio = self.devicePixelRatioF()
        left, top = math.floor(box.left / ratio), math.floor(box.top / ratio)
        right, bottom = math.ceil(box.right / ratio), math.ceil(box.bottom / ratio)
        self.update(QRect(left + self.second_pane(), top, right - left, bottom - top))

    # -- painting ----------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the part of the canvas that Qt asks for."""
        painter = QPainter(self)
        try:
            self._paint(painter, event.rect())
        finally:
            painter.end()  # or Qt would bring the app down with what went wrong

    def _paint(self, painter: QPainter, dirty: QRect) -> None:
        if self._scene is None:
            painter.fillRect(self.rect(), QColor(*self.surround))
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, _INVITATION)
            return
        left = self.second_pane()
        if left:
            painter.setClipRect(QRect(0, 0, self.pane_width(), self.height()))
            self._paint_pane(painter, dirty, masked=False)
            painter.setClipping(False)
            painter.fillRect(
                self.pane_width(), 0, left - self.pane_width(), self.height(), Qt.GlobalColor.black
            )
            painter.translate(left, 0)
            painter.setClipRect(QRect(0, 0, self.pane_width(), self.height()))
        self._paint_pane(painter, dirty.translated(-left, 0), masked=True)

    def _paint_pane(self, painter: QPainter, dirty: QRect, *, masked: bool) -> None:
        scene, ratio = self._scene, self.devicePixelRatioF()
        assert scene is not None
        dirty = dirty.intersected(QRect(0, 0, self.pane_width(), self.height()))
        if dirty.isEmpty():
            return
        scene.paint_base(painter, dirty)
        if masked and self.mask_shown and not self.bare:
            shown = dirty
            if self.split is Split.WIPE:
                shown = dirty.intersected(QRect(self.wipe_x(), 0, self.width(), self.height()))
            if not shown.isEmpty():
                scene.paint_overlay(painter, shown)
        paint_grid(painter, self.view, ratio, dirty)
        if not self.bare:
            self._paint_ornaments(painter, dirty, masked=masked)

    def _paint_ornaments(self, painter: QPainter, dirty: QRect, *, masked: bool) -> None:
        scene, ratio = self._scene, self.devicePixelRatioF()
        assert scene is not None
        size, pixels = self.pane_size(), scene.document.pixels
        painter.save()
        if masked:
            paint_region(painter, self.preview, self.view, ratio)
            if self.marked is not None:
                paint_mark(painter, self.view.box_on_canvas(self.marked), ratio)
            if self.split is Split.WIPE:
                paint_wipe(painter, self.wipe_x(), self.height())
            if self.minimap_place() is not None:
                self.minimap.paint(painter, pixels, self.view, size, ratio)
        self.paint_tool(painter, dirty, masked=masked)
        painter.restore()

    def paint_tool(self, painter: QPainter, dirty: QRect, *, masked: bool) -> None:
        """Draw what belongs to the pointer; ``masked`` in the pane that shows the mask."""

    @property
    def mask_shown(self) -> bool:
        """Whether the mask is in sight, as far as it isn't held away."""
        return self.overlay_shown

    def wipe_x(self) -> int:
        """Give where the wipe line is (logical px)."""
        return round(self.wipe_share * self.width())

    # -- window ------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Paint anew for a screen of another scale."""
        done = super().event(event)
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._keep_scale()
            self.resample()
        return done

    def _keep_scale(self) -> None:
        """Let the picture be as large, and lie where it was, on a screen with other device px."""
        ratio, scene = self.devicePixelRatioF(), self._scene
        if scene is not None and not self._fitted and scene.ratio != ratio:
            self.view = self.view.zoomed(ratio / scene.ratio, 0.0, 0.0).kept_in_sight(self.pane_size())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep a fitted picture fitted, and what was in the middle in the middle."""
        self._keep_scale()
        if not self._fitted and event.oldSize().isValid():
            ratio = self.devicePixelRatioF()
            grown = event.size() - event.oldSize()
            self.view = self.view.moved(round(grown.width() * ratio / 2), round(grown.height() * ratio / 2))
        self.resample()
