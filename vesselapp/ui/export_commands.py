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
        from vesselapp.state.exporting import why_refused
        from vesselapp.ui.export_dialog import ExportDialog

        workspace, settings = self._workspace, self._workspace.settings
        if workspace.document is None:
            return
        path = workspace.document.image.path
        start = settings.export_folder or str(path.parent if path else Path.cwd())
        dialog = ExportDialog(
            Path(start).absolute(),
            workspace.export_stem(),
            settings.export_kinds,
            self._window,
            partial(why_refused, workspace.review),
        )
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.export(dialog.folder, dialog.kinds)

    def export(self, folder: Path, kinds: tuple[str, ...]) -> None:
        """Write the files; tell in the status line when they are there, and of a failure over the canvas."""
        exports, settings = self._workspace.exports, self._workspace.settings
        try:
            self._workspace.export(folder, kinds)
        except VesselError as error:
            self._window.tell_failure(error)
            return
        settings.export_folder, settings.export_kinds = str(folder), kinds
        self._window.status.tell(f"Exporting {exports.under_way[-1]}…", lambda: bool(exports.under_way))

    def _on_written(self, files: list[Path], folder: Path) -> None:
        self._window.status.tell(f"Exported {', '.join(path.name for path in files)} to {folder}")

    def _on_failed(self, error: VesselError) -> None:
        self._window.status.look_again()
        self._window.tell_failure(error)
