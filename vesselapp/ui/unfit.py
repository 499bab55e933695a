"""Says why an answer may mean nothing, or isn't adapted, and offers the model that the picture may be for."""

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
        self._told: list[str] = []
        workspace.asking.failed.connect(self._on_failed)

    def show(self, answer: Answer) -> None:
        """Say what is wrong with an answer, after what else is told.

        What was said of the one before, or why there was none, goes.
        """
        from vesselapp.inference.suitability import better_task

        for sentence in self._told:
            self._notice.take_back(sentence)
        unused, warning = self._workspace.learning.unused, " ".join(answer.warnings)
        better = self._models.entry_for(better_task(answer.warnings))
        self._notice.add_text(unused)
        if better is not None:
            path = str(better.path)
            self._notice.add_text(warning, f"Use {better.name}", lambda: self._workspace.use_model(path))
        else:
            self._notice.add_text(warning)
        self._told = [unused, warning]

    def _on_failed(self, error: VesselError) -> None:
        self._told = [str(error)]  # the window shows it
