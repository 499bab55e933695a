"""The status line: pointer, progress, what is saved, zoom.

What is always shown has its place, so nothing jumps. What is told in passing has the room between; where that
is too narrow for it, the pointer's place and the doubtful places make room as long as it lasts.
"""

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QSizePolicy,
    QStatusBar,
    QToolButton,
    QWidget,
)

from vesselapp.core.evidence import LOWEST, Correction
from vesselapp.state.document import Document
from vesselapp.state.review import Review
from vesselapp.state.standing import Standing, local_time
from vesselapp.ui.elided import ElidedLabel

_PROGRESS, _GAP = 110, 14
_PASSING_MS = 6000
_BEFORE_SAVED = 4
"""Where a widget comes into the bar that has its place for ever."""
_CORRECTED = {
    Correction.BACKGROUND: "corrected: background",
    Correction.FOREGROUND: "corrected: foreground",
    Correction.UNSURE: "unsure",
}


def _always() -> bool:
    return True


class StatusLine(QObject):
    """Fills the window's status bar."""

    cancel_wanted = Signal()

    def __init__(self, bar: QStatusBar) -> None:
        super().__init__(bar)
        self._bar = bar
        self._document: Document | None = None
        self._place: tuple[float, float] | None = None
        self.place = ElidedLabel()
        self._place_width = bar.fontMetrics().horizontalAdvance("x 00000  y 00000  p 0.000")
        self.place.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.task = ElidedLabel()
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setFixedWidth(_PROGRESS)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress")
        self.cancel = QToolButton()
        self.cancel.setText("Cancel")
        self.cancel.clicked.connect(self.cancel_wanted)
        self.doubt = QLabel()
        self.doubt.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._under_way, self._under_way_words = QWidget(), ""
        row = QHBoxLayout(self._under_way)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.progress)
        row.addWidget(self.cancel)
        self.saved = QLabel("")
        self.saved.setTextFormat(Qt.TextFormat.PlainText)
        self.saved.setObjectName("saved")
        self.zoom = QLabel("100 %")
        self.zoom.setMinimumWidth(bar.fontMetrics().horizontalAdvance("0000.0 %"))
        self.zoom.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for label in (self.doubt, self.saved, self.zoom):  # apart from what stands before it
            label.setContentsMargins(_GAP, 0, 0, 0)
        bar.addWidget(self.place, 1)
        for widget in (self.task, self.doubt, self._under_way, self.saved, self.zoom):
            bar.addPermanentWidget(widget)
        self._holds: Callable[[], bool] = _always
        self._passing = QTimer(self, singleShot=True, interval=_PASSING_MS)
        self._passing.timeout.connect(self._end_passing)
        self.show_idle()

    def add(self, widget: QWidget) -> None:
        """Give a widget a place beside what is under way."""
        self._bar.insertPermanentWidget(_BEFORE_SAVED, widget)

    def set_document(self, document: Document | None) -> None:
        """Follow another document."""
        self._document = document
        self.show_place(None)
        self.doubt.setText("")
        if document is None:
            self.saved.setText("")
            self.zoom.setText("")
        else:
            document.evidence_changed.connect(self._on_evidence)

    def show_place(self, place: tuple[float, float] | None) -> None:
        """Show what is under the pointer; ``(x, y)`` in px of the picture."""
        document, self._place = self._document, place
        if document is None or place is None:
            self.place.setText("")
            return
        x, y = int(place[0] // 1), int(place[1] // 1)
        if not (0 <= x < document.width and 0 <= y < document.height):
            self.place.setText("")
            return
        words = [f"x {x}  y {y}"]
        if document.image.spacing_um is not None:
            high, wide = document.image.spacing_um
            words.append(f"({place[0] * wide:.1f}, {place[1] * high:.1f} µm)")
        if document.probability is not None:
            words.append(f"p {(int(document.probability[y, x]) - LOWEST) / 252:.3f}")
        correction = Correction(int(document.corrections[y, x]))
        if correction in _CORRECTED:
            words.append(_CORRECTED[correction])
        self.place.setText("  ".join(words))

    def show_progress(self, task: str, share: float) -> None:
        """Show slow work and how far it is (0-1)."""
        self._under_way_words = task
        self.progress.setValue(round(share * 1000))
        self._under_way.show()
        self.look_again()

    def show_idle(self) -> None:
        """Show that nothing is under way."""
        self._under_way_words = ""
        self._under_way.hide()
        self.look_again()

    def show_doubt(self, left: int) -> None:
        """Show how many doubtful places have not been looked at."""
        self.doubt.setText(f"{left} doubtful place{'' if left == 1 else 's'} left")

    def forget_doubt(self) -> None:
        """Show no number of doubtful places: another answer or threshold has others."""
        self.doubt.setText("")

    def show_zoom(self, zoom: float) -> None:
        """Show the zoom (device px per px of the picture)."""
        self.zoom.setText(f"{zoom * 100:.3g} %" if zoom < 10 else f"{zoom * 100:.0f} %")

    def tell(self, text: str, holds: Callable[[], bool] = _always) -> None:
        """Show a passing message, beside what is always shown, no longer than it holds."""
        self._holds = holds
        self.task.setText(text)
        self._passing.start()
        self._share_room()

    def look_again(self) -> None:
        """Take a passing message away that holds no longer, since something is otherwise than before."""
        if not self._passing.isActive() or not self._holds():
            self._show_under_way()
        self._share_room()

    def show_standing(self, standing: Standing | None, review: Review | None, unsaved: list[str]) -> None:
        """Show when the newest stroke got to the disk, or plainly that something isn't there.

        Parameters
        ----------
        standing : Standing or None
            Of the open picture.
        review : Review or None
            Of the open picture.
        unsaved : list of str
            Names of pictures whose work doesn't get to the disk.
        """
        if unsaved:
            words = f"● NOT SAVED: {unsaved[0]}" + (f" and {len(unsaved) - 1} more" if unsaved[1:] else "")
        elif standing is None or review is None:
            words = ""
        elif standing.is_read_only:
            words = "read-only"
        elif standing.saved is not None:
            words = f"saved {standing.saved:%H:%M:%S}"
        elif review.saved:
            words = f"saved {local_time(review.saved)}"
        else:
            words = "no edits yet"
        self.saved.setText(words)
        if self.saved.property("failing") is not bool(unsaved):
            self.saved.setProperty("failing", bool(unsaved))
            self.saved.style().polish(self.saved)

    def _end_passing(self) -> None:
        """Take a passing message away, but not from under the pointer: it may be read in its tooltip."""
        if self.task.underMouse():
            self._passing.start()
            return
        self._show_under_way()
        self._share_room()

    def _show_under_way(self) -> None:
        self._passing.stop()
        self._holds = _always
        self.task.setText(self._under_way_words)

    def _share_room(self) -> None:
        """Give a passing message the room of what matters less, where it has too little of its own."""
        self.doubt.setVisible(self._under_way.isHidden())
        self.place.setMinimumWidth(self._place_width)
        layout = self._bar.layout()
        if layout is not None:
            layout.activate()
        if self._passing.isActive() and self.task.is_cut:
            self.doubt.hide()
            self.place.setMinimumWidth(0)

    def _on_evidence(self, _box: object) -> None:
        self.show_place(self._place)
