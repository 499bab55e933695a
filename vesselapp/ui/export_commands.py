"""Export of the open picture: asks where to, and tells when it is written."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog

from vesselapp.core.errors import VesselError

if TYPE_CHECKING:
    from vesselapp.ui.window import MainWindow


class ExportCommands:
    """What the window does about exports.

    Parameters
    ----------
    window : MainWindow
    """

    def __init__(self, window: MainWindow) -> None:
        self._window, self._workspace = window, window.workspace
        self._workspace.exports.written.connect(self._on_written)
        self._workspace.exports.failed.connect(self._on_failed)

    def ask(self) -> None:
        """Ask where to and what, then write the files."""
        from vesselapp.state.exporting import export_stem, why_refused
        from vesselapp.ui.export_dialog import ExportDialog

        workspace, settings, review = self._workspace, self._workspace.settings, self._workspace.review
        if review is None:
            self._window.status.tell(workspace.desk.unsettled)
            return
        path = review.document.image.path
        start = settings.export_folder or str(path.parent if path else Path.cwd())
        dialog = ExportDialog(
            Path(start).absolute(),
            export_stem(review),
            settings.export_kinds,
            self._window,
            partial(why_refused, review),
        )
        if dialog.exec() != QDialog.DialogCode.Accepted:
            return
        if workspace.review is review:
            self.export(dialog.folder, dialog.kinds)
        else:
            why = f"{review.entry.name} isn't exported: it was left before Export was pressed."
            self._tell_failure(VesselError(why, "Export it when it is open again."))

    def export(self, folder: Path, kinds: tuple[str, ...]) -> None:
        """Write the files; tell in the status line when they are there, and of a failure over the canvas."""
        exports, settings = self._workspace.exports, self._workspace.settings
        try:
            self._workspace.export(folder, kinds)
        except VesselError as error:
            self._tell_failure(error)
            return
        settings.export_folder, settings.export_kinds = str(folder), kinds
        self._window.status.tell(f"Exporting {exports.under_way[-1]}…", lambda: bool(exports.under_way))

    def _on_written(self, files: list[Path], folder: Path) -> None:
        self._window.status.tell(f"Exported {', '.join(path.name for path in files)} to {folder}")

    def _on_failed(self, error: VesselError) -> None:
        self._window.status.look_again()
        self._tell_failure(error)

    def _tell_failure(self, error: VesselError) -> None:
        """Tell of it over the canvas; where the next picture is being opened, with that too."""
        self._window.tell_failure(error)
        if self._workspace.review is None:
            self._workspace.desk.telling.with_next(str(error))
