"""Words that say where they are cut."""

from itertools import pairwise

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent, QTextLayout, QTextOption
from PySide6.QtWidgets import QLabel, QToolTip

from vesselapp.ui.plain import tip


class ElidedLabel(QLabel):
    """Plain words, over several lines where they wrap.

    Where they find too little room they end in an ellipsis, and a tooltip says all of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)

    def minimumSizeHint(self) -> QSize:
        """Any width will do."""
        return QSize(0, self.fontMetrics().height())

    def heightForWidth(self, width: int) -> int:
        """Give what all of it takes, with a long name broken where its line ends."""
        lines = len(self._starts(self._words, width)) if self.wordWrap() else 0
        return max(super().heightForWidth(width), lines * self.fontMetrics().lineSpacing())

    @property
    def is_cut(self) -> bool:
        """Whether not all of it is seen."""
        if self.wordWrap():
            room, metrics = self.contentsRect(), self.fontMetrics()
            lines = len(self._starts(self._words, room.width()))
            return (lines - 1) * metrics.lineSpacing() + metrics.height() > room.height()
        return self.fontMetrics().horizontalAdvance(self.text()) > self.contentsRect().width()

    @property
    def _breaks_a_name(self) -> bool:
        """Whether a word is wider than a line, which Qt itself would cut at its end."""
        metrics, room = self.fontMetrics(), self.contentsRect().width()
        return any(metrics.horizontalAdvance(word) > room for word in self._words.split())

    @property
    def _words(self) -> str:
        return self.text().replace("\n", " ")

    def lines_in_sight(self) -> list[str]:
        """Give the lines that find room, the last one with an ellipsis where it is cut."""
        room, metrics, words = self.contentsRect(), self.fontMetrics(), self._words
        starts = self._starts(words, room.width()) if self.wordWrap() else [0]
        starts = starts[: max(1, room.height() // metrics.lineSpacing())]
        last = metrics.elidedText(words[starts[-1] :], Qt.TextElideMode.ElideRight, room.width())
        return [*(words[start:end].rstrip() for start, end in pairwise(starts)), last]

    def event(self, event: QEvent) -> bool:
        """Say all of it in a tooltip."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and self.is_cut:
            QToolTip.showText(event.globalPos(), tip(self.text()), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint what finds room."""
        if not self.is_cut and not self._breaks_a_name:
            super().paintEvent(event)
            return
        room, line, lines = self.contentsRect(), self.fontMetrics().lineSpacing(), self.lines_in_sight()
        top = room.top() + (room.height() - line * len(lines)) // 2
        painter = QPainter(self)
        for place, words in enumerate(lines):
            self.style().drawItemText(
                painter,
                QRect(room.left(), top + place * line, room.width(), line),
                int((self.alignment() & Qt.AlignmentFlag.AlignHorizontal_Mask).value),
                self.palette(),
                self.isEnabled(),
                words,
                self.foregroundRole(),
            )
        painter.end()

    def _starts(self, words: str, width: int) -> list[int]:
        """Give where each line of wrapped words begins; there is one at least."""
        layout = QTextLayout(words, self.font())
        option = QTextOption(Qt.AlignmentFlag.AlignLeft)
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout.setTextOption(option)
        starts: list[int] = []
        layout.beginLayout()
        while (line := layout.createLine()).isValid():
            line.setLineWidth(max(1, width))
            starts.append(line.textStart())
        layout.endLayout()
        return starts or [0]
