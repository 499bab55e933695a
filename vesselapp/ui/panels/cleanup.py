"""Clean up: corrections of the whole mask at once, shown before they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QPushButton, QSpinBox, QVBoxLayout, QWidget

from vesselapp.core.geometry import box_of
from vesselapp.state.cleanup import CLEANUPS, Cleanup, found_by
from vesselapp.ui.elided import ElidedLabel

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas

_PAUSE_MS = 200


class CleanupPanel(QWidget):
    """Kind and size; the canvas shows what would change of what is in sight, until it is applied."""

    def __init__(self) -> None:
        super().__init__()
        self._canvas: Canvas | None = None
        self.kind = QComboBox()
        self.kind.setAccessibleName("Kind of clean-up")
        for cleanup in CLEANUPS:
            self.kind.addItem(cleanup.name)
        self.size_field = QSpinBox()
        self.size_field.setRange(1, 5000)
        self.size_field.setPrefix("up to ")
        self.size_field.setSuffix(" px")
        self.size_field.setAccessibleName("Size in pixels")
        keeping_its_place = self.size_field.sizePolicy()
        keeping_its_place.setRetainSizeWhenHidden(True)
        self.size_field.setSizePolicy(keeping_its_place)
        self.preview = QCheckBox("Show what it would change")
        self.amount = ElidedLabel()
        self.apply_button = QPushButton("Apply to the whole picture")
        self.apply_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # so that Space doesn't press it again
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.kind)
        layout.addWidget(self.size_field, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.preview)
        layout.addWidget(self.amount)
        layout.addWidget(self.apply_button)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._show_preview)
        self.kind.currentIndexChanged.connect(self._on_kind)
        self.size_field.valueChanged.connect(lambda _size: self.refresh())
        self.preview.toggled.connect(lambda _on: self.refresh())
        self.apply_button.clicked.connect(self.apply)
        self._on_kind(0)

    def bind(self, canvas: Canvas) -> None:
        """Work on a canvas's document."""
        self._canvas = canvas
        canvas.zoom_changed.connect(lambda _zoom: self.refresh())

    @property
    def cleanup(self) -> Cleanup:
        """The chosen kind."""
        return CLEANUPS[self.kind.currentIndex()]

    def choose(self, key: str) -> None:
        """Choose a kind by its command's key, and show what it would change."""
        self.kind.setCurrentIndex([cleanup.key for cleanup in CLEANUPS].index(key))
        self.preview.setChecked(True)

    def refresh(self) -> None:
        """Show anew what would change, once things have stood still for a moment."""
        canvas = self._canvas
        if canvas is not None and (self.preview.isChecked() or canvas.preview or self.amount.text()):
            self._pause.start()

    def apply(self) -> None:
        """Correct the whole picture: one edit."""
        canvas = self._canvas
        document = canvas.document if canvas is not None else None
        if canvas is None or document is None:
            return
        cleanup = self.cleanup
        found = found_by(cleanup, document, self.size_field.value())
        if document.change(cleanup.name, found.parts, cleanup.correction) is not None or not found.pixels:
            canvas.told.emit(cleanup.told(found))
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        """End what is shown on the picture with the panel, but not while the window is minimised."""
        super().hideEvent(event)
        if not event.spontaneous():
            self.preview.setChecked(False)
            self._show_preview()

    def _on_kind(self, _place: int) -> None:
        cleanup = self.cleanup
        self.size_field.setVisible(cleanup.size is not None)
        if cleanup.size is not None:
            self.size_field.setValue(cleanup.size)
        self.amount.setText("")
        self.refresh()

    def _show_preview(self) -> None:
        canvas = self._canvas
        if canvas is None:
            return
        document, box = canvas.document, canvas.box_in_sight()
        if not self.preview.isChecked() or document is None or box is None:
            canvas.set_preview([])
            self.amount.setText("")
            return
        found = found_by(self.cleanup, document, self.size_field.value(), box)
        canvas.set_preview(found.parts)
        in_sight = "" if box == box_of(document.corrections) else " in sight"
        self.amount.setText(self.cleanup.amount(found) + in_sight)
