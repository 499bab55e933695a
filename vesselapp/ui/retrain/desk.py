"""What joins retraining to the main window: the run, its sign in the status line, its windows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QToolButton, QWidget

from vesselapp.core.user import user_name
from vesselapp.state.jobs import Deliver, Jobs
from vesselapp.state.retraining import Retraining
from vesselapp.study.run_state import RunState
from vesselapp.ui.retrain.in_short import in_short

if TYPE_CHECKING:
    from vesselapp.ui.retrain.models_dialog import ModelsDialog
    from vesselapp.ui.retrain.window import RetrainWindow
    from vesselapp.ui.window import MainWindow

_SAVING_S = 2.0
"""How long the first page waits for what is being saved."""


class RetrainDesk:
    """Holds the training of the open study, and shows its windows when they are wanted.

    Parameters
    ----------
    parent : QWidget
        The main window.
    deliver : callable
        Runs a function on the window's thread.
    place : callable
        Puts a small widget into the status line.
    open_picture : callable
        Opens a picture of the study by its key.
    model_changed : callable
        Called when another model is the study's.
    dress : callable
        Given the retrain window, to make it look, and ask models, like the main window.
    save : callable
        Puts what is done on the disk, for the trainer to read.
    wait_saved : callable
        Given a study's folder, waits until that is done, not on the window's thread.
    tell : callable
        Given a sentence for the person.
    who : callable
        Tells who is at work.
    look_again : callable
        Called before the study's models are shown: somebody else may have changed which is in use.
    """

    def __init__(
        self,
        parent: QWidget,
        deliver: Deliver,
        *,
        place: Callable[[QWidget], object],
        open_picture: Callable[[str], object],
        model_changed: Callable[[], object],
        dress: Callable[[RetrainWindow], object],
        save: Callable[[], object],
        wait_saved: Callable[[Path], None] = lambda folder: None,
        look_again: Callable[[], object] = lambda: None,
        tell: Callable[[str], object] = lambda words: None,
        who: Callable[[], str] = user_name,
    ) -> None:
        self._parent, self._deliver = parent, deliver
        self._open_picture, self._model_changed = open_picture, model_changed
        self._dress, self._save, self._wait_saved = dress, save, wait_saved
        self._look_again, self._tell, self._who = look_again, tell, who
        self.retraining = Retraining(deliver)
        self.window: RetrainWindow | None = None
        self.models: ModelsDialog | None = None
        self._jobs: Jobs | None = None
        self._folder: Path | None = None
        self._name = ""
        self.button = QToolButton()
        self.button.setToolTip("Show the training")
        self.button.clicked.connect(self.show)
        self.button.hide()
        place(self.button)
        self.retraining.changed.connect(self._refresh_button)

    def set_study(self, folder: Path | None, name: str = "") -> None:
        """Turn to another study, or to none; a training that is under way there is found again."""
        if folder == self._folder:
            return
        if self.retraining.state in (RunState.STARTING, RunState.RUNNING, RunState.PAUSED):
            self._tell(f"The training of {self._name} isn't ended by this; open that study to see it again.")
        self._folder, self._name = folder, name
        self.retraining.open(folder)
        if self.window is not None:
            self.window.show_study(name)
            if folder is None:
                self.window.close()
        if self.models is not None:
            self.models.show_study(folder)
            if folder is None:
                self.models.close()

    def show(self) -> None:
        """Show the retrain window."""
        if self._folder is None:
            return
        self._look_again()
        self._save()
        if self.window is None:
            from vesselapp.ui.retrain.window import RetrainWindow

            self.window = RetrainWindow(
                self.retraining,
                self._lane(),
                self._who,
                self._parent,
                save=self._save,
                wait_saved=self._wait_saved,
            )
            self.window.picture_wanted.connect(self._open_picture)
            self.window.model_changed.connect(self._on_model_changed)
            self.window.models_wanted.connect(self.show_models)
            self.window.show_study(self._name)
        self._dress(self.window)
        self.window.open()

    def show_models(self) -> None:
        """Show the study's numbered models."""
        if self._folder is None:
            return
        self._look_again()
        if self.models is None:
            from vesselapp.ui.retrain.models_dialog import ModelsDialog

            self.models = ModelsDialog(self._lane(), self._who, self._parent)
            self.models.model_changed.connect(self._on_model_changed)
        self.models.show_study(self._folder)
        self.models.show()
        self.models.raise_()
        self.models.activateWindow()

    def close(self) -> None:
        """Look no further at the run, which goes on by itself."""
        self.retraining.close()
        for window in (self.window, self.models):
            if window is not None:
                window.close()
        if self._jobs is not None:
            self._jobs.close()
            self._jobs = None

    def _lane(self) -> Jobs:
        if self._jobs is None:
            self._jobs = Jobs(self._deliver)
        return self._jobs

    def look_at_models(self) -> None:
        """Show which model is in use by now, where that is in sight."""
        if self.window is not None:
            self.window.note_model()
        if self.models is not None:
            self.models.refresh()

    def _on_model_changed(self) -> None:
        self.look_at_models()
        self._model_changed()

    def _refresh_button(self) -> None:
        words = in_short(self.retraining)
        self.button.setText(words)
        self.button.setAccessibleName(words)
        self.button.setVisible(bool(words))


def desk_of(window: MainWindow) -> RetrainDesk:
    """Make the desk of a main window, and let it follow the study that is open there."""
    workspace = window.workspace

    def open_picture(key: str) -> None:
        entry = next((entry for entry in workspace.pictures.entries if entry.key == key), None)
        if entry is not None:
            workspace.open(entry)

    def dress(shown: RetrainWindow) -> None:
        shown.set_look(window.canvas.surround, window.canvas.overlay_look)
        shown.comparing.provider = workspace.settings.provider

    desk = RetrainDesk(
        window,
        workspace.jobs.deliver,
        place=window.status.add,
        open_picture=open_picture,
        model_changed=workspace.study_model_changed,
        dress=dress,
        save=workspace.save,
        wait_saved=partial(workspace.keeper.wait_saved, timeout_s=_SAVING_S),
        look_again=partial(workspace.study_model_changed, by_hand=False),
        tell=workspace.desk.telling.with_next,
        who=lambda: workspace.settings.who,
    )

    def follow() -> None:
        study = workspace.study
        desk.set_study(None if study is None else study.folder, "" if study is None else study.name)

    workspace.study_changed.connect(follow)
    workspace.study_model_turned.connect(desk.look_at_models)
    follow()
    return desk
