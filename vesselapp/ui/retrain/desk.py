"""What joins retraining to the main window: the run, its sign in the status line, its windows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QToolButton

from vesselapp.state.jobs import Jobs
from vesselapp.state.retraining import Retraining
from vesselapp.ui.retrain.in_short import in_short

if TYPE_CHECKING:
    from vesselapp.ui.retrain.models_dialog import ModelsDialog
    from vesselapp.ui.retrain.window import RetrainWindow
    from vesselapp.ui.window import MainWindow


class RetrainDesk:
    """Holds the training of the open study, and shows its windows when they are wanted.

    Parameters
    ----------
    main : MainWindow
    """

    def __init__(self, main: MainWindow) -> None:
        self._main, self._workspace = main, main.workspace
        self.retraining = Retraining(self._workspace.jobs.deliver)
        self.window: RetrainWindow | None = None
        self.models: ModelsDialog | None = None
        self._jobs: Jobs | None = None
        self._folder: Path | None = None
        self._name = ""
        self.button = QToolButton()
        self.button.setToolTip("Show the training")
        self.button.clicked.connect(self.show)
        self.button.hide()
        main.status.add(self.button)
        self.retraining.changed.connect(self._refresh_button)
        self._workspace.study_changed.connect(self._follow)
        self._workspace.study_model_turned.connect(self.look_at_models)
        self._follow()

    def _follow(self) -> None:
        """Turn to the study that is open in the main window."""
        study = self._workspace.study
        self.set_study(None if study is None else study.folder, "" if study is None else study.name)

    def set_study(self, folder: Path | None, name: str = "") -> None:
        """Turn to another study, or to none; a training that is under way there is found again."""
        if folder == self._folder:
            return
        if self.retraining.state.live:
            words = f"The training of {self._name} isn't ended by this; open that study to see it again."
            self._workspace.desk.telling.with_next(words)
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
        workspace, canvas = self._workspace, self._main.canvas
        workspace.study_model_changed(by_hand=False)  # somebody else may have changed which is in use
        workspace.save()
        if self.window is None:
            from vesselapp.ui.retrain.window import RetrainWindow

            self.window = RetrainWindow(self.retraining, self._lane(), workspace, self._main)
            self.window.picture_wanted.connect(self._open_picture)
            self.window.model_changed.connect(self._on_model_changed)
            self.window.models_wanted.connect(self.show_models)
            self.window.show_study(self._name)
        self.window.set_look(canvas.surround, canvas.overlay_look)
        self.window.comparing.provider = workspace.settings.provider
        self.window.open()

    def show_models(self) -> None:
        """Show the study's numbered models."""
        if self._folder is None:
            return
        self._workspace.study_model_changed(by_hand=False)
        if self.models is None:
            from vesselapp.ui.retrain.models_dialog import ModelsDialog

            self.models = ModelsDialog(self._lane(), self._workspace.settings, self._main)
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
            self._jobs = Jobs(self._workspace.jobs.deliver)
        return self._jobs

    def look_at_models(self) -> None:
        """Show which model is in use by now, where that is in sight."""
        if self.window is not None:
            self.window.note_model()
        if self.models is not None:
            self.models.refresh()

    def _open_picture(self, key: str) -> None:
        entries = self._workspace.pictures.entries
        entry = next((entry for entry in entries if entry.key == key), None)
        if entry is not None:
            self._workspace.open(entry)

    def _on_model_changed(self) -> None:
        self.look_at_models()
        self._workspace.study_model_changed()

    def _refresh_button(self) -> None:
        words = in_short(self.retraining)
        self.button.setText(words)
        self.button.setAccessibleName(words)
        self.button.setVisible(bool(words))
