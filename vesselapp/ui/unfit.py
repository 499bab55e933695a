"""Says why an answer may mean nothing, and offers the model that the picture seems to be for."""

from vesselapp.core.errors import VesselError
from vesselapp.state.answers import Answer
from vesselapp.state.workspace import Workspace
from vesselapp.ui.notice import NoticeBar
from vesselapp.ui.panels.model import ModelPanel


class Unfit:
    """Keeps the notice true to the answer in sight.

    Parameters
    ----------
    workspace : Workspace
    notice : NoticeBar
    models : ModelPanel
    """

    def __init__(self, workspace: Workspace, notice: NoticeBar, models: ModelPanel) -> None:
        self._workspace, self._notice, self._models = workspace, notice, models
        self._told = ""
        workspace.asking.failed.connect(self._on_failed)

    def show(self, answer: Answer) -> None:
        """Say what is wrong with an answer; what was said of the one before, or why there was none, goes."""
        from vesselapp.inference.suitability import better_task

        told = " ".join(answer.warnings)
        better = self._models.entry_for(better_task(answer.warnings))
        if told and better is not None:
            path = str(better.path)
            self._notice.show_text(told, f"Use {better.name}", lambda: self._workspace.use_model(path))
        elif told:
            self._notice.show_text(told)
        else:
            self._notice.take_back(self._told)
        self._told = told

    def _on_failed(self, error: VesselError) -> None:
        self._told = str(error)  # the window shows it
