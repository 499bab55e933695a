"""What menus and keys do about studies, and about how far a picture is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDialog, QFileDialog, QMenu

from vesselapp.core.errors import VesselError
from vesselapp.study.record import State
from vesselapp.ui.plain import unmarked

if TYPE_CHECKING:
    from vesselapp.state.review import Review
    from vesselapp.ui.window import MainWindow


class StudyCommands:
    """The handlers.

    Parameters
    ----------
    window : MainWindow
    """

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self.workspace = window.workspace

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Give a handler for each key of the table of actions that is about studies and review."""
        return {
            "new_study": self.ask_new_study,
            "open_study": self.ask_open_study,
            "export_study": self.ask_export,
            "in_progress": lambda: self.mark(State.IN_PROGRESS),
            "reviewed": lambda: self.mark(State.REVIEWED),
            "reviewed_next": self.review_and_go_on,
            "nothing_there": lambda: self.do(lambda review: review.mark_nothing_there()),
            "flagged": lambda: self.mark(State.FLAGGED),
            "reviewed_in_sight": self.review_in_sight,
            "note": self.write_note,
            "find_picture": self.find_picture,
            "rank": self.rank,
        }

    def find_picture(self) -> None:
        """Put the keyboard into the filter of the list."""
        self._window.show_panels(True)
        field = self._window.pictures.text_field
        field.setFocus()
        field.selectAll()

    def write_note(self) -> None:
        """Put the keyboard into the open picture's note."""
        self._window.show_panels(True)
        self._window.pictures.note.setFocus()

    # -- how far the picture is --------------------------------------------------------------------------

    def mark(self, state: State) -> bool:
        """Set the open picture's state; False, and told, where that can't be."""
        return self.do(lambda review: review.mark(state))

    def review_and_go_on(self) -> None:
        """Say that the open picture is reviewed, and open the next."""
        if self.mark(State.REVIEWED):
            self.workspace.step(1)

    def review_in_sight(self) -> None:
        """Say that what is in sight is right, and nothing of the rest."""
        box = self._window.canvas.box_in_sight()
        if box is not None:
            self.do(lambda review: review.mark_in_sight(box))

    def do(self, act: Callable[[Review], None]) -> bool:
        """Do something to the open picture's review; False, and told, where that can't be."""
        window, review = self._window, self.workspace.review
        window.canvas.end_gesture()
        unsettled = self.workspace.desk.unsettled
        if review is None or unsettled:
            window.status.tell(unsettled, lambda: self.workspace.desk.unsettled == unsettled)
            return False
        try:
            act(review)
        except VesselError as error:
            window.status.tell(error.message)
            return False
        window.status.tell(f"{review.entry.name}: {review.entry.words}")
        return True

    def tell_taken_back(self) -> None:
        """Say that the open picture counts as reviewed no longer, since it was changed."""
        review = self.workspace.review
        if review is not None:
            words = f"{review.entry.name} was reviewed, and was changed: {review.entry.words} again"
            self._window.status.tell(f"{words} (2: reviewed).")

    def rank(self, wanted: bool) -> None:
        """Sort the pictures by doubt, asking the model about all of them; or stop that."""
        if wanted:
            self.workspace.rank()
        else:
            self.workspace.ranking.stop()

    def show_ranking(self, _entry: object) -> None:
        """Say how far the ranking is."""
        ranking = self.workspace.ranking
        if ranking.running:
            self._window.status.tell(f"Ranking by doubt: {ranking.done} of {ranking.total}")

    def end_ranking(self, told: str) -> None:
        """Say how the ranking went."""
        self._window.action("rank").setChecked(False)
        self._window.pictures.show_order()
        self._window.status.tell(told)

    # -- studies -----------------------------------------------------------------------------------------

    def ask_new_study(self) -> None:
        """Ask for a name and a folder of pictures, make a study of them and open it."""
        from vesselapp.inference.catalog import list_models
        from vesselapp.ui.study_dialog import StudyDialog

        document = self.workspace.document
        path = document.image.path if document is not None and self.workspace.study is None else None
        folder = str(path.parent) if path is not None else self.workspace.settings.open_folder
        dialog = StudyDialog(list_models(), folder, self.workspace.jobs.deliver, self._window)
        dialog.choose_model(self._window.controls.model.path)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.workspace.turning.to_new_study(dialog.folder, dialog.name, dialog.pictures, dialog.model)

    def ask_export(self) -> None:
        """Ask what of the open study is to be written, and write it."""
        from vesselapp.ui.study_export_dialog import StudyExportDialog

        workspace, study = self.workspace, self.workspace.study
        if study is not None:
            self._window.canvas.end_gesture()
            deliver = workspace.jobs.deliver
            dialog = StudyExportDialog(study.folder, study.name, workspace.keeper, deliver, self._window)
            dialog.show()

    def ask_open_study(self) -> None:
        """Ask for a study's folder and open it."""
        settings = self.workspace.settings
        start = str(Path(settings.recent_studies[0]).parent) if settings.recent_studies else ""
        name = QFileDialog.getExistingDirectory(self._window, "Open study", start or settings.open_folder)
        if name:
            self.workspace.turning.to_study(Path(name))

    def fill_recent(self, menu: QMenu) -> None:
        """List the studies opened last."""
        menu.clear()
        for name in self.workspace.settings.recent_studies:
            action = menu.addAction(unmarked(f"{Path(name).name}  –  {Path(name).parent}"))
            action.setMenuRole(QAction.MenuRole.NoRole)  # "Settings" may be a study's name
            turn = partial(self.workspace.turning.to_study, Path(name))
            action.triggered.connect(lambda _checked=False, turn=turn: turn())
        menu.setEnabled(bool(self.workspace.settings.recent_studies))
