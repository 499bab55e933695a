"""The page of a verdict: what it says, its table, a look at both models, and the decision."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QVBoxLayout,
    QWidget,
)

from vesselapp.state.comparing import Comparing
from vesselapp.state.judged import Judged
from vesselapp.study.run_folder import Decision
from vesselapp.study.verdict import Ground, Verdict
from vesselapp.ui.plain import PlainLabel
from vesselapp.ui.retrain.compare_box import CompareBox
from vesselapp.ui.retrain.table import elide_first_column, plain_table, show_rows
from vesselapp.ui.words import dice, duration, points

_COLUMNS = ("Ground", "Pictures", "Incumbent", "Candidate", "Difference in points (95 % interval)")
_GROUNDS = {"new": "New", "old": "Old"}
_SIGNS = {"better": "▲", "no clear difference": "●", "worse": "▼", "not judged": "○"}


class VerdictPage(QWidget):
    """Shows a judged candidate and takes the decision on it.

    Signals
    -------
    promote : str
        With the reason for overruling the verdict, empty where it is offered.
    keep, discard, anew, models : ()
    """

    promote = Signal(str)
    keep = Signal()
    discard = Signal()
    anew = Signal()
    models = Signal()

    def __init__(self, comparing: Comparing) -> None:
        super().__init__()
        self._judged: Judged | None = None
        self.sentence = PlainLabel()
        self.sentence.setObjectName("verdict")
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        font = self.sentence.font()
        font.setPointSizeF(font.pointSizeF() * 1.5)
        font.setBold(True)
        self.sentence.setFont(font)
        self.facts = PlainLabel()
        self.table = self._make_table()
        self.compare = CompareBox(comparing)
        self.decided = PlainLabel(" ")
        self.promote_button = QPushButton("Promote")
        self.promote_button.setToolTip("The candidate becomes the study's model; earlier ones stay")
        self.anyway_button = QPushButton("Promote anyway…")
        self.anyway_button.setToolTip("Against the verdict; asks for a reason, which is kept")
        self.keep_button = QPushButton("Keep for later")
        self.discard_button = QPushButton("Discard")
        self.models_button = QPushButton("Models…")
        self.models_button.setToolTip("The study's numbered models; any of them can be used again")
        self.anew_button = QPushButton("New training…")
        self.reason = QLineEdit()
        self.reason.setAccessibleName("Reason for promoting against the verdict")
        self.reason.setPlaceholderText("Why do you promote it against the verdict?")
        self.reason_button = QPushButton("Promote against the verdict")
        self.back_button = QPushButton("Back")
        self._lay_out()
        self._bind()

    def _make_table(self) -> QTableWidget:
        table = plain_table("Table of the verdict", _COLUMNS)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        table.horizontalHeader().setStretchLastSection(True)
        table.setWordWrap(False)
        return table

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.sentence, self.facts, self.table):
            layout.addWidget(widget)
        layout.addWidget(self.compare, 1)
        layout.addWidget(self.decided)
        self._reason_row = QWidget()
        asking = QHBoxLayout(self._reason_row)
        asking.setContentsMargins(0, 0, 0, 0)
        asking.addWidget(self.reason, 1)
        asking.addWidget(self.reason_button)
        asking.addWidget(self.back_button)
        self._reason_row.hide()
        layout.addWidget(self._reason_row)
        self._button_row = QWidget()
        row = QHBoxLayout(self._button_row)
        row.setContentsMargins(0, 0, 0, 0)
        for button in (self.promote_button, self.anyway_button, self.keep_button, self.discard_button):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.models_button)
        row.addWidget(self.anew_button)
        layout.addWidget(self._button_row)
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)

    def _bind(self) -> None:
        self.promote_button.clicked.connect(lambda: self.promote.emit(""))
        self.anyway_button.clicked.connect(lambda: self._ask_reason(True))
        self.back_button.clicked.connect(lambda: self._ask_reason(False))
        self.reason.textChanged.connect(lambda text: self.reason_button.setEnabled(bool(text.strip())))
        self.reason.returnPressed.connect(self.reason_button.click)
        self.reason_button.clicked.connect(lambda: self.promote.emit(self.reason.text().strip()))
        self.reason_button.setEnabled(False)
        self.keep_button.clicked.connect(self.keep)
        self.discard_button.clicked.connect(self.discard)
        self.anew_button.clicked.connect(self.anew)
        self.models_button.clicked.connect(self.models)

    # -- showing -----------------------------------------------------------------------------------------

    def clear(self, words: str) -> None:
        """Show nothing but a sentence; nothing can be decided until a verdict is shown."""
        self._judged = None
        self.sentence.setText(words)
        self.facts.clear()
        self.table.setRowCount(0)
        self.compare.show_pictures((), None, None)
        self.decided.setText(" ")
        for button in (self.promote_button, self.anyway_button, self.keep_button, self.discard_button):
            button.setEnabled(False)
        self._ask_reason(False)

    def show_unjudged(self, words: str) -> None:
        """Say why a verdict can't be shown; its candidate can only be discarded."""
        self.clear("The training has ended, but its verdict can't be shown.")
        self.show_problem(words)
        self.discard_button.setEnabled(True)

    def show_judged(self, judged: Judged) -> None:
        """Show a verdict; what was decided on it is shown by `show_decision`."""
        before, self._judged = self._judged, judged
        if before is not None and before.run == judged.run:
            return  # only what speaks for or against it can be new
        verdict = judged.verdict
        self.reason.clear()
        self.sentence.setText(f"{_SIGNS[verdict.verdict]} {verdict.sentence}")
        self.facts.setText(_facts(verdict))
        show_rows(self.table, [_cells(ground) for ground in verdict.table])
        elide_first_column(self.table)
        height = self.table.horizontalHeader().sizeHint().height() + 4
        self.table.setFixedHeight(
            height + self.table.verticalHeader().defaultSectionSize() * min(5, len(verdict.table))
        )
        self.compare.show_pictures(judged.pictures, judged.incumbent, judged.candidate)

    def show_decision(self, decision: Decision | None, *, in_use: bool) -> None:
        """Show what was decided, whether the candidate is the model in use, which buttons make sense."""
        judged = self._judged
        if judged is None:
            return
        word = "" if decision is None else decision.decision
        can = word != "promoted" and not judged.hindrance
        self.promote_button.setEnabled(can and judged.offered)
        self.anyway_button.setEnabled(can and not judged.offered)
        self.anyway_button.setVisible(not judged.offered)
        self.keep_button.setEnabled(word not in ("promoted", "kept"))
        self.discard_button.setEnabled(word not in ("promoted", "discarded"))
        told = [words for words in (judged.hindrance, judged.note) if words]
        if decision is not None:
            told.append(decision_words(decision))
        if in_use:
            told.append("It answers the pictures that were never reviewed; corrections stay.")
        self.decided.setText(" ".join(told) or " ")  # its line stays, so that nothing jumps
        self._ask_reason(False)

    def show_problem(self, words: str) -> None:
        """Tell what went wrong with the decision."""
        self.decided.setText(words)
        self.set_busy(False)

    def set_busy(self, busy: bool) -> None:
        """Hold the buttons while a decision is carried out."""
        self._button_row.setEnabled(not busy)
        self._reason_row.setEnabled(not busy)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the figures in sight."""
        elide_first_column(self.table)
        super().resizeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go back from the reason with Escape, which would close the window."""
        if event.key() == Qt.Key.Key_Escape and self._reason_row.isVisible():
            self._ask_reason(False)
            self.anyway_button.setFocus()
        else:
            super().keyPressEvent(event)

    def _ask_reason(self, asked: bool) -> None:
        self._reason_row.setVisible(asked)
        self._button_row.setVisible(not asked)
        if asked:
            self.reason.setFocus()


def decision_words(decision: Decision) -> str:
    """Say what was decided on a candidate."""
    words = {
        "promoted": f"Promoted as model {decision.number}",
        "kept": "Kept for later",
        "discarded": "Discarded",
        "left": "Left without a verdict",
    }[decision.decision]
    by = f" by {decision.who}" if decision.who else ""
    reason = f" Reason: {decision.reason.rstrip('.')}." if decision.reason else ""
    return f"{words}{by}.{reason}"


def _cells(ground: Ground) -> tuple[str, ...]:
    between = ""
    if ground.low is not None and ground.high is not None:
        between = f"  ({points(ground.low)} to {points(ground.high)})"
    if ground.held:
        between += f"  {ground.held}"
    measure = "" if ground.measure == "Dice" else f", {ground.measure}"
    return (
        f"{_GROUNDS[ground.ground]}: {ground.set}{measure}",
        str(ground.pictures),
        dice(ground.incumbent),
        dice(ground.candidate),
        points(ground.difference) + between,
    )


def _facts(verdict: Verdict) -> str:
    told = ["Dice where nothing else is said, 0 to 1; a point is a hundredth."]
    told.append("What a person accepted unchanged counts as right, which favours the incumbent.")
    if verdict.threshold is not None:
        told.append(f"Threshold {verdict.threshold.before:.2f} → {verdict.threshold.after:.2f}.")
    if verdict.seconds:
        told.append(f"Took {duration(verdict.seconds)}.")
    return " ".join(told)
