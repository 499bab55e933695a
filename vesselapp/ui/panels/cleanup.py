"""Clean up: corrections of the whole mask at once, shown before they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from vesselapp.state.cleanup import CLEANUPS, Cleanup, pixels_of

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
        self.size_field.setAccessibleName("Size in pixels")
        self._unit = QLabel()
        self.preview = QCheckBox("Show what it would change")
        self.apply_button = QPushButton("Apply to the whole picture")
        self.apply_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # so that Space doesn't press it again
        sizes = QHBoxLayout()
        sizes.addWidget(self.size_field)
        sizes.addWidget(self._unit, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.kind)
        layout.addLayout(sizes)
        layout.addWidget(self.preview)
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

    def refresh(self) -> None:
        """Show anew what would change, once things have stood still for a moment."""
        if self._canvas is not None and (self.preview.isChecked() or self._canvas.preview):
            self._pause.start()

    def apply(self) -> None:
        """Correct the whole picture: one edit."""
        document = self._canvas.document if self._canvas is not None else None
        if document is None:
            return
        cleanup = self.cleanup
        parts = pixels_of(cleanup, document, self.size_field.value())
        document.change(cleanup.name, parts, cleanup.correction)
        self.refresh()

    def _on_kind(self, _place: int) -> None:
        cleanup = self.cleanup
        self.size_field.setEnabled(cleanup.size is not None)
        self._unit.setText(cleanup.unit)
        if cleanup.size is not None:
            self.size_field.setValue(cleanup.size)
        self.refresh()

    def _show_preview(self) -> None:
        canvas = self._canvas
        if canvas is None:
            return
        document, box = canvas.document, canvas.box_in_sight()
        if not self.preview.isChecked() or document is None or box is None:
            canvas.set_preview([])
        else:
            canvas.set_preview(pixels_of(self.cleanup, document, self.size_field.value(), box))
