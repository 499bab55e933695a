"""The first page of retraining: what will be learnt from, what to look at again, how long it takes."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vesselapp.state.offer import Offer
from vesselapp.study.run_folder import RunFolder
from vesselapp.study.run_progress import Plan
from vesselapp.ui.plain import PlainLabel, tip
from vesselapp.ui.retrain.options_box import OptionsBox
from vesselapp.ui.retrain.table import plain_table
from vesselapp.ui.words import duration

_COLUMNS = ("Picture", "Used to", "Corrected", "Foreground", "Look again")
_REASON = 4
_KEY = Qt.ItemDataRole.UserRole
_LOOKING = "Looking at the reviewed pictures…"


class _CutAtItsEnd(QStyledItemDelegate):
    """Shows sentences from their beginning."""

    def initStyleOption(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Cut at the end, whatever the table does with names."""
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideRight


class OfferPage(QWidget):
    """Shows what a study offers, and starts a training.

    Signals
    -------
    start : ()
    options_changed : ()
        What the trainer would do has to be asked anew.
    picture_wanted : str
        Key of a picture to open in the main window.
    run_wanted : RunFolder
        An earlier training to look at.
    """

    start = Signal()
    options_changed = Signal()
    picture_wanted = Signal(str)
    run_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._offer: Offer | None = None
        self._plan: Plan | None = None
        self._plan_words = ""
        self._problems: list[str] = []
        self.summary = PlainLabel(_LOOKING)
        self.warnings = PlainLabel()
        self.warnings.setAccessibleName("Warnings")
        self.facts = PlainLabel()
        self.facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.table = self._make_table()
        self.reason = PlainLabel()
        self.reason.setAccessibleName("Why to look at the chosen picture again")
        self.options = OptionsBox()
        self.options.hide()
        self.more_button = QToolButton()
        self.more_button.setText("More choices")
        self.more_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more_button.setArrowType(Qt.ArrowType.RightArrow)
        self.more_button.setCheckable(True)
        self.more_button.toggled.connect(self._show_more)
        self.earlier = QComboBox()
        self.earlier.setAccessibleName("Earlier trainings")
        self.show_button = QPushButton("Show")
        self.show_button.setAccessibleName("Show the earlier training")
        self.start_button = QPushButton("Start")
        self.start_button.setEnabled(False)
        self._lay_out()
        self.options.changed.connect(self.options_changed)
        self.start_button.clicked.connect(self.start)
        self.show_button.clicked.connect(self._on_show)
        self.table.itemActivated.connect(self._on_activated)
        self.table.currentItemChanged.connect(lambda _now, _before: self._show_reason())

    def _make_table(self) -> QTableWidget:
        table = plain_table("Reviewed pictures", _COLUMNS, (200, 80, 80, 80))
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        table.setItemDelegateForColumn(_REASON, _CutAtItsEnd(table))
        table.setWordWrap(False)
        table.setToolTip("Double click or Enter opens a picture")
        table.horizontalHeader().setStretchLastSection(True)
        return table

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.summary)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.reason)
        layout.addWidget(self.warnings)
        layout.addWidget(self.facts)
        layout.addWidget(self.options)
        self._earlier_row = QWidget()
        earlier = QHBoxLayout(self._earlier_row)
        earlier.setContentsMargins(0, 0, 0, 0)
        earlier.addWidget(QLabel("Earlier trainings"))
        earlier.addWidget(self.earlier, 1)
        earlier.addWidget(self.show_button)
        self.show_button.setAutoDefault(False)
        layout.addWidget(self._earlier_row)
        row = QHBoxLayout()
        row.addWidget(self.more_button)
        row.addStretch(1)
        row.addWidget(self.start_button)
        self.start_button.setDefault(True)
        layout.addLayout(row)

    # -- showing -----------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Show nothing of another study; nothing can be started until this one's pictures are known."""
        self._offer = None
        self._problems = []
        self.summary.setText(_LOOKING)
        self.table.setRowCount(0)
        self.show_earlier([])
        self.options.forget_bases()
        self.show_plan(None)

    def show_offer(self, offer: Offer) -> None:
        """Show the reviewed pictures and what is doubtful about them."""
        self._offer = offer
        self.summary.setText(_summary(offer))
        self.table.setRowCount(len(offer.pictures))
        for row, picture in enumerate(offer.pictures):
            share = picture.foreground_share
            words = "nothing there" if picture.nothing_there else ("…" if share is None else f"{share:.1%}")
            cells = (picture.name, "", f"{picture.corrected_share:.2%}", words, picture.doubt)
            for column, text in enumerate(cells):
                item = QTableWidgetItem(f"⚠ {text}" if column == _REASON and text else text)
                item.setData(_KEY, picture.key)
                item.setToolTip(tip(text))
                self.table.setItem(row, column, item)
        self._show_sides()
        self._show_reason()
        self._refresh()

    def _show_reason(self) -> None:
        """Say all of why to look at the chosen picture again; the line stays, so that nothing jumps."""
        pictures, row = self._offer.pictures if self._offer is not None else (), self.table.currentRow()
        chosen = pictures[row] if 0 <= row < len(pictures) else None
        self.reason.setText(f"{chosen.name}: {chosen.doubt}" if chosen is not None and chosen.doubt else " ")
        self.reason.setVisible(self._offer is not None and bool(self._offer.doubtful))

    def show_plan(self, plan: Plan | None, words: str = "") -> None:
        """Show what the trainer would do, or words where it has not said yet or refuses: no start then."""
        self._plan, self._plan_words = plan, words
        self._show_sides()
        self._refresh()

    def show_problem(self, words: str) -> None:
        """Tell what failed besides, among the warnings; empty: nothing any longer."""
        self._problems = [*self._problems, words] if words else []
        self._refresh()

    def show_earlier(self, runs: list[tuple[RunFolder, str]]) -> None:
        """List earlier trainings, each with a few words."""
        self.earlier.clear()
        for run, words in runs:
            self.earlier.addItem(f"{run.began}  {words}", run)
        self._earlier_row.setVisible(bool(runs))

    def _show_sides(self) -> None:
        """Say which side of the split each picture is on."""
        if self._plan is None or self._offer is None:
            return
        plan = self._plan
        judge = {*plan.judge, *(name for fold in plan.folds for name in fold)}
        sides = (("learn", {*plan.learn}), ("judge", judge))
        for row, picture in enumerate(self._offer.pictures):
            names = {picture.name, picture.key, picture.relative}
            item = self.table.item(row, 1)
            if item is not None:
                item.setText(", ".join(side for side, of in sides if names & of))

    def _refresh(self) -> None:
        plan = self._plan
        told = list(dict.fromkeys(self._problems))
        told += self._offer.warnings if self._offer is not None else ()
        if plan is not None:
            told += [words for words in plan.warnings if words not in told]
        told = [words for words in told if words not in self._plan_words]
        self.warnings.setText("\n".join(f"⚠ {words}" for words in told))
        self.warnings.setVisible(bool(told))
        self.facts.setText(_facts(plan) if plan is not None else self._plan_words)
        there = self._offer is not None and bool(self._offer.pictures)
        self.start_button.setEnabled(there and plan is not None)

    def _show_more(self, shown: bool) -> None:
        self.options.setVisible(shown)
        self.more_button.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)

    # -- choosing ----------------------------------------------------------------------------------------

    def _on_show(self) -> None:
        run = self.earlier.currentData()
        if run is not None:
            self.run_wanted.emit(run)

    def _on_activated(self, item: QTableWidgetItem) -> None:
        self.picture_wanted.emit(str(item.data(_KEY)))


def _facts(plan: Plan) -> str:
    """Say what the trainer would do."""
    sides = f"learns from {len(plan.learn)}, is judged on {len(plan.judge)}"
    if plan.folds:
        parts = f"judged in {len(plan.folds)} parts, each by a model that has not learnt it"
        sides = f"learns from all {len(plan.learn)}; {parts}"
    compared = "it" if plan.base == plan.incumbent else plan.incumbent
    told = (
        f"Starts from {plan.base}, compared with {compared}" if plan.base and compared else "",
        "" if plan.expected_s is None else f"about {duration(plan.expected_s)}",
        _steps(plan),
        f"on {plan.device}" if plan.device else "",
        sides,
        f"corrected pixels count {plan.corrected:g} times" if plan.corrected > 1 else "",
    )
    return " · ".join(words for words in told if words)


def _steps(plan: Plan) -> str:
    """Say how many steps each training takes."""
    if not plan.folds:
        return f"{plan.steps} steps" if plan.steps else ""
    return f"{plan.trainings} trainings of {plan.steps // plan.trainings} steps"


def _summary(offer: Offer) -> str:
    """Say what there is to learn from."""
    count = len(offer.pictures)
    if not count and offer.missing:
        return "No picture is there to learn from."
    if not count:
        return (
            f"None of the {offer.total} pictures is reviewed yet. Correct some, mark each as reviewed, "
            "then come back: a model learns only from what a person has looked at."
        )
    doubtful = len(offer.doubtful)
    out = [
        f"{count} of {offer.total} pictures are reviewed; on average {offer.corrected_share:.2%} "
        "of their pixels were corrected."
    ]
    new = max(0, offer.total - count - offer.in_progress - offer.flagged)
    others = ((offer.in_progress, "in progress"), (offer.flagged, "flagged"), (new, "not begun"))
    left = [f"{n} {words}" for n, words in others if n]
    if left:
        out.append(f"Left out: {', '.join(left)}.")
    if doubtful:
        out.append(f"{doubtful} should be looked at again.")
    return " ".join(out)
