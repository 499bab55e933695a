"""A strip of example masks that grows while a model learns."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QImageReader, QPixmap
from PySide6.QtWidgets import QListView, QListWidget, QListWidgetItem

from vesselapp.study.run_folder import RunFolder
from vesselapp.study.run_progress import Example
from vesselapp.ui.plain import tip

_SIDE = 96
_MOST = 200


class ExampleStrip(QListWidget):
    """Shows the examples of a run, oldest first; the newest is in sight."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Example masks")
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setIconSize(QSize(_SIDE, _SIDE))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        bar = self.horizontalScrollBar().sizeHint().height()
        self.setFixedHeight(_SIDE + self.fontMetrics().height() + bar + 16)
        self._shown: list[Example] = []
        self._at_end = True
        scroll = self.horizontalScrollBar()
        scroll.valueChanged.connect(self._note_place)
        scroll.rangeChanged.connect(self._follow)

    def show_examples(self, run: RunFolder | None, examples: Sequence[Example]) -> None:
        """Add what is new; begin anew where earlier ones are gone."""
        if list(examples[: len(self._shown)]) != self._shown:
            self.clear()
            self._shown, self._at_end = [], True
        for example in examples[len(self._shown) :]:
            self._shown.append(example)
            self._add(run, example)
        while self.count() > _MOST:
            self.takeItem(1)  # the first stays, to compare with

    def _add(self, run: RunFolder | None, example: Example) -> None:
        file = run.inside(example.file) if run is not None else None
        item = QListWidgetItem(f"step {example.step}")
        words = f"{example.picture}, step {example.step}"
        item.setToolTip(tip(words))
        if file is not None:
            large = f'<img src="{escape(str(file))}">' if file.is_file() else ""
            item.setToolTip(large + tip(words))
            item.setIcon(QIcon(_small(str(file), round(_SIDE * self.devicePixelRatioF()))))
        self.addItem(item)

    def _note_place(self, place: int) -> None:
        """Note whether the newest is in sight, or a person has gone back to earlier ones."""
        self._at_end = place >= self.horizontalScrollBar().maximum()

    def _follow(self, _low: int, high: int) -> None:
        """Keep the newest in sight as the strip grows."""
        if self._at_end:
            self.horizontalScrollBar().setValue(high)


def _small(file: str, side: int) -> QPixmap:
    """Read a picture at a size that fits; an empty one where there is none."""
    reader = QImageReader(file)
    reader.setAutoDetectImageFormat(True)
    size = reader.size()
    if size.isValid():
        reader.setScaledSize(size.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio))
    return QPixmap.fromImage(reader.read())
