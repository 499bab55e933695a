"""Clean up: corrections of the whole mask at once, shown before they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QPushButton, QSpinBox, QVBoxLayout, QWidget

from vesselapp.state.cleaning import Cleaning, Wanted
from vesselapp.state.cleanup import CLEANUPS, Cleanup, Found
from vesselapp.ui.elided import ElidedLabel

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas

_PAUSE_MS = 200
_APPLY, _LOOKING = "Apply to the whole picture", "Looking…"


class CleanupPanel(QWidget):
    """Kind and size; the canvas shows what would change of what is in sight, until it is applied.

    What is shown is only of the picture as it is: once that changes, nothing is shown until it was looked at
    anew.
    """

    def __init__(self) -> None:
        super().__init__()
        self._canvas: Canvas | None = None
        self._cleaning: Cleaning | None = None
        self._shown: tuple[Wanted, Found] | None = None
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
        self.apply_button = QPushButton(_APPLY)
        self.apply_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # so that Space doesn't press it again
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.kind)
        layout.addWidget(self.size_field, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.preview)
        layout.addWidget(self.amount)
        layout.addWidget(self.apply_button)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self._show_preview)
        self.kind.currentIndexChanged.connect(self._on_kind)
        self.size_field.valueChanged.connect(lambda _size: self.refresh())
        self.preview.toggled.connect(lambda _on: self.refresh())
        self.apply_button.clicked.connect(self.apply)
        self._on_kind(0)

    def bind(self, canvas: Canvas, cleaning: Cleaning) -> None:
        """Work on a canvas's document; what to change is found beside."""
        self._canvas, self._cleaning = canvas, cleaning
        canvas.zoom_changed.connect(lambda _zoom: self.refresh())
        cleaning.changed.connect(lambda: self.apply_button.setText(_LOOKING if cleaning.applying else _APPLY))

    @property
    def cleanup(self) -> Cleanup:
        """The chosen kind."""
        return CLEANUPS[self.kind.currentIndex()]

    def choose(self, key: str) -> None:
        """Choose a kind by its command's key, and show what it would change."""
        self.kind.setCurrentIndex([cleanup.key for cleanup in CLEANUPS].index(key))
        self.preview.setChecked(True)

    def refresh(self) -> None:
        """Show no more what would change in another state, and look anew after a moment of rest."""
        wanted = self._wanted()
        if wanted is None:
            self._end_preview()
            return
        if self._shown is not None and not wanted.beside(self._shown[0]):
            self._show_nothing()
        if self._shown is None or wanted != self._shown[0]:
            self.amount.setText(_LOOKING)
        self._pause.start()

    def apply(self) -> None:
        """Correct the whole picture: one edit, as soon as all that it changes is found."""
        canvas, cleaning = self._canvas, self._cleaning
        if canvas is None or cleaning is None or canvas.document is None or cleaning.applying:
            return
        if canvas.document.refuses():
            return
        wanted = Wanted.now(self.cleanup, self.size_field.value(), canvas.document)
        if self._shown is not None and self._shown[0] == wanted:
            self._make(*self._shown)
        else:
            cleaning.apply(wanted, self._make)
            self.refresh()

    def _make(self, wanted: Wanted, found: Found) -> None:
        canvas, cleanup = self._canvas, wanted.cleanup
        edit = wanted.document.change(cleanup.name, found.parts, cleanup.correction)
        if canvas is not None and (edit is not None or not found.pixels):
            canvas.told.emit(cleanup.told(found))
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        """End what is shown on the picture with the panel, but not while the window is minimised."""
        super().hideEvent(event)
        if not event.spontaneous():
            self.preview.setChecked(False)

    def _on_kind(self, _place: int) -> None:
        cleanup = self.cleanup
        self.size_field.setVisible(cleanup.size is not None)
        if cleanup.size is not None:
            self.size_field.setValue(cleanup.size)
        self.refresh()

    def _wanted(self) -> Wanted | None:
        """Give what is to be shown; None where nothing is."""
        canvas = self._canvas
        if canvas is None or canvas.document is None or not self.preview.isChecked():
            return None
        box = canvas.box_in_sight()
        return (
            None if box is None else Wanted.now(self.cleanup, self.size_field.value(), canvas.document, box)
        )

    def _show_preview(self) -> None:
        wanted = self._wanted()
        if wanted is None or self._cleaning is None:
            self._end_preview()
        elif self._shown is not None and wanted == self._shown[0]:
            self._show(*self._shown)
        else:
            self._cleaning.look(wanted, self._show, lambda error: self.amount.setText(str(error)))

    def _show(self, wanted: Wanted, found: Found) -> None:
        """Show what was found, where it is still what is to be shown."""
        if self._canvas is None or wanted != self._wanted():
            return
        self._shown = wanted, found
        self._canvas.set_preview(found.parts)
        in_sight = "" if wanted.everywhere else " in sight"
        self.amount.setText(self.cleanup.amount(found) + in_sight)

    def _show_nothing(self) -> None:
        self._shown = None
        if self._canvas is not None and self._canvas.preview:
            self._canvas.set_preview([])

    def _end_preview(self) -> None:
        self._pause.stop()
        if self._cleaning is not None:
            self._cleaning.stop_looking()
        self._show_nothing()
        if self.amount.text():  # else each stroke lays the panel out anew
            self.amount.setText("")
