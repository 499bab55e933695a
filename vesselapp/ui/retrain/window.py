"""The window of retraining: what will be learnt from, the run, its verdict; work goes on beside it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from vesselapp.core.errors import VesselError
from vesselapp.state.comparing import Comparing
from vesselapp.state.jobs import Job, Jobs
from vesselapp.state.judged import Judged, bases_of, earlier_runs, is_in_use, read_judged
from vesselapp.state.offer import Offer, OfferLook
from vesselapp.state.retraining import Retraining
from vesselapp.study.run_folder import Decision, RunFolder, Word
from vesselapp.study.run_progress import Plan
from vesselapp.study.run_state import RunState
from vesselapp.ui.keyboard import reveal_focus
from vesselapp.ui.looks import Colour, OverlayLook
from vesselapp.ui.retrain.live_page import LivePage
from vesselapp.ui.retrain.offer_page import OfferPage
from vesselapp.ui.retrain.verdict_page import VerdictPage

if TYPE_CHECKING:
    from vesselapp.state.workspace import Workspace

_SAVING_S = 2.0
"""How long the first page waits for what is being saved."""
_ASKING = "Asking the trainer what it would do; it can be started then…"


class _Pages(QStackedWidget):
    """Pages, of which the one in sight says how much room is needed."""

    def __init__(self) -> None:
        super().__init__()
        self.currentChanged.connect(lambda _page: self.updateGeometry())

    def minimumSizeHint(self) -> QSize:
        """Give that of the page in sight."""
        page = self.currentWidget()
        return super().minimumSizeHint() if page is None else page.minimumSizeHint()

    def heightForWidth(self, width: int) -> int:
        """Give that of the page in sight, and not the tallest page's, as the stack does by itself."""
        page = self.currentWidget()
        layout = None if page is None else page.layout()
        return -1 if layout is None else layout.minimumHeightForWidth(width)


class RetrainWindow(QDialog):
    """Three pages, of which the state of the study's training shows one.

    Parameters
    ----------
    retraining : Retraining
    jobs : Jobs
        A lane of its own.
    workspace : Workspace
        Whose work is on the disk before it is looked at what will be learnt from.
    parent : QWidget

    Signals
    -------
    picture_wanted : str
        Key of a picture to open in the main window.
    model_changed : ()
        Another model is the study's now.
    models_wanted : ()
    """

    picture_wanted = Signal(str)
    model_changed = Signal()
    models_wanted = Signal()

    def __init__(self, retraining: Retraining, jobs: Jobs, workspace: Workspace, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowFlag(Qt.WindowType.WindowMinMaxButtonsHint)
        self._retraining, self._jobs, self._workspace = retraining, jobs, workspace
        self._left = self._refused = False
        self._choosing = True
        self._judged_run: RunFolder | None = None
        self.comparing = Comparing(jobs)
        self._look = OfferLook(jobs, partial(workspace.keeper.wait_saved, timeout_s=_SAVING_S))
        self._lists: tuple[Job, ...] = ()
        self.offer_page, self.live_page = OfferPage(), LivePage(retraining)
        self.verdict_page = VerdictPage(self.comparing)
        self.pages = _Pages()
        for page in (self.offer_page, self.live_page, self.verdict_page):
            self.pages.addWidget(page)
        self._lay_out()
        self._bind()
        room = self.screen().availableSize()  # a small screen's whole width, but for the frame
        self.resize(min(1080, room.width() * 98 // 100), min(640, room.height() * 9 // 10))

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        area = self._area = QScrollArea()  # a page larger than a small screen can still be seen whole
        area.setAccessibleName("Page")
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(self.pages)
        layout.addWidget(area, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        self.close_button = QPushButton("Close")
        self.close_button.setAutoDefault(False)
        self.close_button.setToolTip("A training goes on; the status line shows how far it is")
        self.close_button.clicked.connect(self.close)
        row.addWidget(self.close_button)
        layout.addLayout(row)

    def _bind(self) -> None:
        self._retraining.changed.connect(self.refresh)
        self._retraining.planned.connect(self._on_plan)
        self._look.found.connect(self.offer_page.show_offer)
        self._look.changed.connect(self._on_other_offer)
        self._look.failed.connect(lambda error: self.offer_page.summary.setText(str(error)))
        offer, verdict = self.offer_page, self.verdict_page
        offer.start.connect(self._start)
        offer.options_changed.connect(self._ask_plan)
        offer.options.typed.connect(self._forget_plan)
        offer.picture_wanted.connect(self.picture_wanted)
        offer.run_wanted.connect(self._show_run)
        self.live_page.anew.connect(self._leave_broken)
        verdict.anew.connect(self.choose_anew)
        verdict.models.connect(self.models_wanted)
        verdict.promote.connect(self._promote)
        verdict.keep.connect(partial(self._decide, "kept"))
        verdict.discard.connect(partial(self._decide, "discarded"))

    # -- which page --------------------------------------------------------------------------------------

    def show_study(self, name: str) -> None:
        """Begin with another study."""
        self.setWindowTitle(f"Retrain – {name}")
        self._choosing, self._judged_run = False, None
        self._stop_asking()
        self.offer_page.clear()
        self.refresh()
        if self.isVisible() and not self._retraining.state.live:
            self._ask_offer()

    def open(self) -> None:
        """Show the window, at the page that the run's state calls for."""
        state, decided = self._retraining.state, self._retraining.decision is not None
        self.show()
        self.raise_()
        self.activateWindow()
        if not state.live and (self._choosing or decided or state in (RunState.NONE, RunState.STOPPED)):
            self.choose_anew()
        else:
            self.refresh()

    def choose_anew(self) -> None:
        """Go to the first page."""
        self._choosing = True
        self._judged_run = None
        self.comparing.cancel()
        self.refresh()
        self._ask_offer()

    def _leave_broken(self) -> None:
        """Go to the first page; a run that came to no verdict is told of no more, but stays in the list."""
        if self._retraining.decision is None and self._retraining.state is not RunState.STOPPED:
            self._decide("left")
        self.choose_anew()

    def refresh(self) -> None:
        """Show the page that the run's state calls for, as it is now."""
        if not self.isVisible():
            return  # `open` comes back here
        state = self._retraining.state
        if state.live:
            self._choosing = False
        if self._choosing or state is RunState.NONE:
            self.pages.setCurrentWidget(self.offer_page)
            return
        self._stop_asking()
        if state is RunState.DONE:
            self._show_verdict()
        else:
            self.live_page.refresh()
            self.pages.setCurrentWidget(self.live_page)

    def set_look(self, surround: Colour, overlay: OverlayLook) -> None:
        """Show masks as the main window does."""
        panes = self.verdict_page.compare.panes
        panes.surround, panes.overlay_look = surround, overlay
        panes.resample()

    # -- the first page ----------------------------------------------------------------------------------

    def _ask_offer(self) -> None:
        folder = self._retraining.study
        if folder is None:
            return
        self._left = False
        self.offer_page.show_problem("")
        self._look.ask(folder)
        self._ask_plan()
        show = self.offer_page.show_earlier
        runs = self._jobs.submit("runs", lambda _job: earlier_runs(folder), show, self._tell)
        self._lists = (runs, self._ask_bases(folder))

    def _ask_bases(self, folder: Path) -> Job:
        show = self.offer_page.options.show_bases
        return self._jobs.submit("models", lambda _job: bases_of(folder), show, self._tell)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Keep in sight what Tab leads to."""
        moved = super().focusNextPrevChild(forward)
        reveal_focus(self, self._area)
        return moved

    def changeEvent(self, event: QEvent) -> None:
        """Look again at what will be learnt from when a person comes back, who may have corrected it."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.ActivationChange:
            came_back = self._left and self.isActiveWindow()
            self._left = not self.isActiveWindow()
            if came_back and self._offers:
                self._look_again()
                if self._refused:
                    self._ask_plan()

    @property
    def _offers(self) -> bool:
        """Whether the first page is in sight."""
        return self.isVisible() and self.pages.currentWidget() is self.offer_page

    def _look_again(self) -> None:
        if self._retraining.study is not None:
            self._workspace.save()
            self._look.ask_again(self._retraining.study)

    def _on_other_offer(self, offer: Offer) -> None:
        self.offer_page.show_offer(offer)
        self._ask_plan()
        if self._retraining.study is not None:
            self._lists += (self._ask_bases(self._retraining.study),)

    def note_model(self) -> None:
        """Show what follows from another model being the study's."""
        self.refresh()
        if self._offers:
            self._ask_plan()
        if self._judged_run is not None:
            self.comparing.cancel()  # so that this doesn't wait for it
            self._read_verdict(self._judged_run)
            self.verdict_page.compare.go_on()

    def _stop_asking(self) -> None:
        """Ask for nothing more that the first page shows; answers that still come are dropped."""
        self._look.cancel()
        self._retraining.cancel_plan()
        for job in self._lists:
            job.cancel()

    def _forget_plan(self) -> None:
        """Show no plan, and start nothing, while other settings are typed."""
        self._retraining.cancel_plan()
        self.offer_page.show_plan(None, _ASKING)

    def _ask_plan(self) -> None:
        """Ask what the trainer would do; before it has answered, nothing can be started."""
        if self._retraining.study is None:
            return
        self._refused = False
        self.offer_page.show_plan(None, _ASKING)
        try:
            self._retraining.ask_plan(self.offer_page.options.options())
        except VesselError as error:
            self._on_plan(error)

    def _on_plan(self, answer: Plan | VesselError) -> None:
        self._refused = isinstance(answer, VesselError)
        if isinstance(answer, Plan):
            self.offer_page.show_plan(answer)
        else:
            self.offer_page.show_plan(None, str(answer))

    def _start(self) -> None:
        self._workspace.save()
        try:
            self._retraining.start(self.offer_page.options.options())
        except VesselError as error:
            self._tell(error)

    def _show_run(self, run: RunFolder) -> None:
        self._choosing, self._judged_run = False, None
        self._retraining.show_run(run)

    def _tell(self, error: VesselError) -> None:
        self.offer_page.show_problem(str(error))

    # -- the verdict -------------------------------------------------------------------------------------

    def _show_verdict(self) -> None:
        run = self._retraining.run
        if run is None:
            return
        if run == self._judged_run:
            self._show_decision()
            return
        self._judged_run = run
        self.verdict_page.clear("Reading the verdict…")
        self.pages.setCurrentWidget(self.verdict_page)
        self._read_verdict(run)

    def _read_verdict(self, run: RunFolder, problem: str = "") -> None:
        """Read a verdict, and whether it is still offered; a problem of its promotion stays in sight."""
        folder = self._retraining.study
        if folder is not None:
            self._jobs.submit(
                "verdict",
                lambda _job: read_judged(folder, run),
                partial(self._on_judged, run, problem),
                partial(self._on_unjudged, run),
            )

    def _on_judged(self, run: RunFolder, problem: str, judged: Judged) -> None:
        if run == self._judged_run:
            self.verdict_page.show_judged(judged)
            self._show_decision()
            if problem:
                self.verdict_page.show_problem(problem)

    def _on_unjudged(self, run: RunFolder, error: VesselError) -> None:
        if run == self._judged_run:
            self.verdict_page.show_unjudged(str(error))

    def _show_decision(self) -> None:
        folder, decision = self._retraining.study, self._retraining.decision
        in_use = folder is not None and decision is not None and is_in_use(folder, decision.number)
        self.verdict_page.show_decision(decision, in_use=in_use)

    def _decide(self, word: Word) -> None:
        try:
            self._retraining.decide(Decision(word, self._workspace.settings.who))
        except VesselError as error:
            self.verdict_page.show_problem(str(error))

    def _promote(self, reason: str) -> None:
        run, folder = self._retraining.run, self._retraining.study
        if run is None or folder is None:
            return
        self.comparing.cancel()  # so that the promotion doesn't wait for it
        self.verdict_page.set_busy(True)

        def work(_job: object) -> Decision | None:
            from vesselapp.study.promote import promote

            promote(folder, run, who=self._workspace.settings.who, overrule=reason)
            return run.decision()

        self._jobs.submit(
            "promote", work, partial(self._on_promoted, run), partial(self._on_not_promoted, run)
        )

    def _on_promoted(self, run: RunFolder, decision: Decision | None) -> None:
        self.verdict_page.set_busy(False)
        if decision is not None and run == self._retraining.run:
            self._retraining.note_decision(decision)
        self.model_changed.emit()
        self.verdict_page.compare.go_on()

    def _on_not_promoted(self, run: RunFolder, error: VesselError) -> None:
        self.verdict_page.set_busy(False)
        if run == self._retraining.run:
            self.verdict_page.show_problem(str(error))
            self._read_verdict(run, str(error))
        self.verdict_page.compare.go_on()

    # -- leaving -----------------------------------------------------------------------------------------

    def hideEvent(self, event: QHideEvent) -> None:
        """Leave the processor to the app, but not while minimised; a training goes on.

        A verdict is read anew when the window is opened again.
        """
        if not event.spontaneous():
            self._judged_run = None
            self._stop_asking()
            self.comparing.cancel()
        super().hideEvent(event)
