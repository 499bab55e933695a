"""The main window: puts canvas, panels, actions and status line together and binds them to the workspace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QDockWidget,
    QFileDialog,
    QGroupBox,
    QListWidget,
    QMainWindow,
    QMessageBox,
    QScrollArea,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from vesselapp.core.errors import VesselError
from vesselapp.core.image import PICTURE_SUFFIXES, find_pictures
from vesselapp.state.document import Brush
from vesselapp.state.workspace import Workspace
from vesselapp.ui.actions import ACTIONS, TOOLBAR, make_actions
from vesselapp.ui.canvas import Canvas
from vesselapp.ui.icons import icon
from vesselapp.ui.looks import OverlayLook
from vesselapp.ui.notice import NoticeBar
from vesselapp.ui.panels.brush import BrushPanel
from vesselapp.ui.panels.model import ModelPanel
from vesselapp.ui.panels.overlay import OverlayPanel
from vesselapp.ui.panels.threshold import ThresholdPanel
from vesselapp.ui.status import StatusLine
from vesselapp.ui.theme import apply_theme, surround_colour
from vesselapp.ui.tools.brush import BrushTool

if TYPE_CHECKING:
    from vesselapp.ui.model_dialog import ModelDialog

_DEFAULT_DIAMETER = {Brush.PAINT: 8, Brush.ERASE: 16, Brush.RESTORE: 24, Brush.UNSURE: 16}


class MainWindow(QMainWindow):
    """The app's one window.

    Parameters
    ----------
    workspace : Workspace
        What the window shows and commands.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.workspace = workspace
        settings = workspace.settings
        self.setWindowTitle("vesselapp")
        self.setAcceptDrops(True)
        room = self.screen().availableSize()
        self.resize(min(1440, room.width() * 9 // 10), min(900, room.height() * 9 // 10))
        self._diameters = _DEFAULT_DIAMETER | {
            Brush[name]: size for name, size in settings.brush_diameters.items() if name in Brush.__members__
        }
        self.canvas = Canvas()
        self.setCentralWidget(self.canvas)
        self.notice = NoticeBar(self.canvas)
        self.threshold_panel = ThresholdPanel()
        self.overlay_panel = OverlayPanel(
            settings.overlay_opacity, settings.overlay_colour, settings.contour_only
        )
        self.brush_panel = BrushPanel(self._diameters[Brush.PAINT])
        self.model_panel = ModelPanel()
        self.status = StatusLine(self.statusBar())
        self.pictures = QListWidget()
        self.pictures.setAccessibleName("Pictures")
        self.pictures.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._models_listed = False
        self.brush = Brush.PAINT
        self._model_dialog: ModelDialog | None = None
        self._docks = [self._left_dock(), self._right_dock()]
        self.actions_by_key = make_actions(self, self._handlers())
        self._make_menus()
        self._make_toolbar()
        self._bind()
        self._apply_look()
        self.choose_brush(Brush.PAINT)
        self._on_document()
        if settings.window_geometry:
            self.restoreGeometry(QByteArray.fromBase64(settings.window_geometry.encode()))
        self.canvas.setFocus()

    # -- building -------------------------------------------------------------------------------------------

    def _left_dock(self) -> QDockWidget:
        dock = QDockWidget("Pictures", self)
        dock.setObjectName("pictures_dock")
        dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        dock.setWidget(self.pictures)
        self.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
        self.resizeDocks([dock], [190], Qt.Orientation.Horizontal)
        return dock

    def _right_dock(self) -> QDockWidget:
        column = QWidget()
        layout = QVBoxLayout(column)
        for title, panel in (
            ("Model", self.model_panel),
            ("Threshold", self.threshold_panel),
            ("Overlay", self.overlay_panel),
            ("Tool", self.brush_panel),
        ):
            group = QGroupBox(title)
            inside = QVBoxLayout(group)
            inside.setContentsMargins(0, 4, 0, 4)
            inside.addWidget(panel)
            layout.addWidget(group)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(column)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        dock = QDockWidget("Controls", self)
        dock.setObjectName("controls_dock")
        dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        dock.setWidget(scroll)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
        self.resizeDocks([dock], [270], Qt.Orientation.Horizontal)
        return dock

    def _handlers(self) -> dict[str, Callable[..., object]]:
        canvas, workspace = self.canvas, self.workspace
        return {
            "open": self.ask_open,
            "open_folder": self.ask_open_folder,
            "next": lambda: workspace.step(1),
            "previous": lambda: workspace.step(-1),
            "save": workspace.save,
            "export": self.ask_export,
            "quit": self.close,
            "undo": self._undo,
            "redo": self._redo,
            **{brush.name: self._brush_chooser(brush) for brush in Brush},
            "swap": self._swap_brush,
            "smaller": lambda: canvas.grow_brush(-1),
            "larger": lambda: canvas.grow_brush(1),
            "lower": lambda: self._nudge_threshold(-1),
            "raise": lambda: self._nudge_threshold(1),
            "lower_coarse": lambda: self._nudge_threshold(-10),
            "raise_coarse": lambda: self._nudge_threshold(10),
            "run": workspace.run_model,
            "cancel": self._cancel,
            "open_model": self.ask_model,
            "about_model": self.show_model,
            "fit": canvas.fit,
            "actual": canvas.actual_size,
            "zoom_in": lambda: canvas.zoom_by(1.25),
            "zoom_out": lambda: canvas.zoom_by(0.8),
            "overlay": self._show_overlay,
            "contour": self.overlay_panel.contour_box.setChecked,
            "panels": self._show_panels,
            "light": self._set_light,
            "help": self._show_keys,
            "about": self._show_about,
        }

    def _make_menus(self) -> None:
        menus = {}
        for spec in ACTIONS:
            if spec.menu not in menus:
                menus[spec.menu] = self.menuBar().addMenu(f"&{spec.menu}")
            menus[spec.menu].addAction(self.actions_by_key[spec.key])

    def _make_toolbar(self) -> None:
        bar = QToolBar("Tools", self)
        bar.setObjectName("toolbar")
        bar.setMovable(False)
        for key in TOOLBAR:
            if key == "|":
                bar.addSeparator()
            else:
                bar.addAction(self.actions_by_key[key])
        self.addToolBar(bar)

    def _bind(self) -> None:
        workspace, canvas = self.workspace, self.canvas
        workspace.pictures_changed.connect(self._on_pictures)
        workspace.document_changed.connect(self._on_document)
        workspace.answered.connect(self._on_answered)
        workspace.progress.connect(self.status.show_progress)
        workspace.idle.connect(self.status.show_idle)
        workspace.idle.connect(self.list_models)
        workspace.failed.connect(self._on_failed)
        workspace.told.connect(self.notice.show_text)
        self.status.cancel_wanted.connect(workspace.cancel)
        self.pictures.currentRowChanged.connect(self._on_picture_chosen)
        self.model_panel.chosen.connect(self._use_model)
        self.model_panel.browse.connect(self.ask_model)
        self.model_panel.about.connect(self.show_model)
        self.model_panel.size_chosen.connect(workspace.set_object_diameter)
        workspace.box_in_sight = canvas.box_in_sight
        self.overlay_panel.changed.connect(self._apply_look)
        self.brush_panel.changed.connect(canvas.set_diameter)
        canvas.diameter_changed.connect(self._on_diameter)
        canvas.hovered.connect(self._on_hovered)
        canvas.zoom_changed.connect(self.status.show_zoom)

    def _show_keys(self) -> None:
        from vesselapp.ui.about import show_keys

        show_keys(self)

    def _show_about(self) -> None:
        from vesselapp.ui.about import show_about

        show_about(self)

    def list_models(self) -> None:
        """Fill the list of models, once; not before a picture is seen, since it reads every model file."""
        if self._models_listed:
            return
        self._models_listed = True
        from vesselapp.inference.catalog import list_models

        self.model_panel.show_models(list_models())

    # -- pictures -------------------------------------------------------------------------------------------

    def open_paths(self, paths: list[Path]) -> None:
        """Open files and folders; the pictures among them become the list."""
        try:
            found = find_pictures(paths)
        except VesselError as error:
            self._on_failed(error)
            return
        self.workspace.set_sources([self.workspace.ahead.source(path) for path in found])

    def ask_open(self) -> None:
        """Ask for pictures and open them."""
        kinds = " ".join(f"*{suffix} *{suffix.upper()}" for suffix in PICTURE_SUFFIXES)
        start = self.workspace.settings.open_folder
        names, _ = QFileDialog.getOpenFileNames(
            self, "Open pictures", start, f"Pictures ({kinds});;All files (*)"
        )
        if names:
            self.workspace.settings.open_folder = str(Path(names[0]).parent)
            self.open_paths([Path(name) for name in names])

    def ask_open_folder(self) -> None:
        """Ask for a folder and open its pictures."""
        name = QFileDialog.getExistingDirectory(self, "Open folder", self.workspace.settings.open_folder)
        if name:
            self.workspace.settings.open_folder = name
            self.open_paths([Path(name)])

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open dropped files and folders; an ONNX file becomes the model."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        models = [path for path in paths if path.suffix.lower() == ".onnx"]
        if models:
            self._use_model(str(models[0]))
        elif paths:
            self.open_paths(paths)

    def _on_pictures(self) -> None:
        self.pictures.blockSignals(True)
        names = [source.name for source in self.workspace.sources]
        if [self.pictures.item(row).text() for row in range(self.pictures.count())] != names:
            self.pictures.clear()
            self.pictures.addItems(names)
        self.pictures.setCurrentRow(self.workspace.index)
        self.pictures.blockSignals(False)
        self.actions_by_key["next"].setEnabled(self.workspace.index + 1 < len(names))
        self.actions_by_key["previous"].setEnabled(self.workspace.index > 0)

    def _on_picture_chosen(self, row: int) -> None:
        if row >= 0 and row != self.workspace.index:
            self.workspace.open(row)
            self._on_pictures()

    # -- document -------------------------------------------------------------------------------------------

    def _on_document(self) -> None:
        document = self.workspace.document
        self.notice.hide()
        self.canvas.set_document(document)
        self.threshold_panel.set_document(document)
        self.status.set_document(document)
        if document is not None:
            document.history_changed.connect(self._on_history)
            self.setWindowTitle(f"{self.workspace.sources[self.workspace.index].name} – vesselapp")
        for key in ("save", "export", "run", "fit", "actual", "zoom_in", "zoom_out"):
            self.actions_by_key[key].setEnabled(document is not None)
        self._on_history()

    def _on_history(self) -> None:
        document = self.workspace.document
        undo = document.history.undo_name if document is not None else None
        redo = document.history.redo_name if document is not None else None
        for key, word, name in (("undo", "&Undo", undo), ("redo", "&Redo", redo)):
            self.actions_by_key[key].setEnabled(name is not None)
            self.actions_by_key[key].setText(f"{word} {name.lower()}" if name else word)

    def _undo(self) -> None:
        if self.workspace.document is not None:
            self.workspace.document.undo()

    def _redo(self) -> None:
        if self.workspace.document is not None:
            self.workspace.document.redo()

    def _nudge_threshold(self, steps: int) -> None:
        if self.workspace.document is not None:
            self.workspace.document.set_level(self.workspace.document.level + steps)

    def _on_hovered(self, place: tuple[float, float] | None) -> None:
        self.status.show_place(place)

    # -- brush ----------------------------------------------------------------------------------------------

    def choose_brush(self, brush: Brush) -> None:
        """Take a brush in hand; each keeps its own size."""
        self.brush = brush
        self.canvas.set_tool(BrushTool(self.canvas, brush))
        self.canvas.set_diameter(self._diameters[brush])
        self.brush_panel.show_diameter(self._diameters[brush])
        self.brush_panel.show_tool(brush.value)
        self.actions_by_key[brush.name].setChecked(True)

    def _brush_chooser(self, brush: Brush) -> Callable[..., object]:
        return lambda _on=True: self.choose_brush(brush)

    def _swap_brush(self) -> None:
        self.choose_brush(Brush.PAINT if self.brush is Brush.ERASE else Brush.ERASE)

    def _on_diameter(self, diameter: int) -> None:
        self._diameters[self.brush] = diameter
        self.brush_panel.show_diameter(diameter)

    # -- model ----------------------------------------------------------------------------------------------

    def ask_model(self) -> None:
        """Ask for an ONNX file and use it."""
        name, _ = QFileDialog.getOpenFileName(self, "Use a model file", "", "ONNX models (*.onnx)")
        if name:
            self._use_model(name)

    def _use_model(self, choice: str) -> None:
        self.workspace.use_model(choice)

    def _on_answered(self) -> None:
        workspace = self.workspace
        if workspace.model is not None and workspace.answer is not None:
            self.model_panel.show_answer(workspace.model, workspace.answer)
            if self._model_dialog is not None and self._model_dialog.isVisible():
                self.show_model()
            if workspace.answer.warnings:
                self.notice.show_text(" ".join(workspace.answer.warnings))

    def show_model(self) -> None:
        """Show the card of the model in use, beside the canvas; the window stays usable."""
        from vesselapp.inference.cards import kept_card
        from vesselapp.ui.model_dialog import ModelDialog

        model = self.workspace.model
        if model is None:
            return
        if self._model_dialog is None:
            self._model_dialog = ModelDialog(self)
            self._model_dialog.corrected.connect(self.workspace.correct_model)
        foreign = bool(model.card.guessed) or kept_card(model.sha256) is not None
        self._model_dialog.show_card(model.card, foreign=foreign, provider=model.provider)
        self._model_dialog.show()

    def _cancel(self) -> None:
        if not self.canvas.cancel_gesture():
            self.workspace.cancel()

    # -- look -----------------------------------------------------------------------------------------------

    def _apply_look(self) -> None:
        panel, settings = self.overlay_panel, self.workspace.settings
        settings.overlay_colour, settings.overlay_opacity = panel.colour, panel.opacity
        settings.contour_only = panel.contour_only
        self.canvas.overlay_look = OverlayLook(panel.colour, panel.opacity, panel.contour_only)
        self.canvas.surround = surround_colour(settings.theme)
        self.threshold_panel.slider.colour.setRgb(*panel.colour)
        self.threshold_panel.slider.update()
        self.actions_by_key["overlay"].setChecked(self.canvas.overlay_shown)
        self.actions_by_key["contour"].setChecked(panel.contour_only)
        self.actions_by_key["panels"].setChecked(not self._docks[1].isHidden())
        self.actions_by_key["light"].setChecked(settings.theme == "light")
        self.canvas.refresh_look()

    def _show_overlay(self, shown: bool) -> None:
        self.canvas.overlay_shown = shown
        self.canvas.update()

    def _show_panels(self, shown: bool) -> None:
        for dock in self._docks:
            dock.setVisible(shown)

    def _set_light(self, light: bool) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        self.workspace.settings.theme = "light" if light else "dark"
        apply_theme(app, self.workspace.settings.theme)
        for spec in ACTIONS:
            if spec.icon:
                self.actions_by_key[spec.key].setIcon(icon(spec.icon, app.palette()))
        self._apply_look()
        self.canvas.resample()

    # -- keeping --------------------------------------------------------------------------------------------

    def ask_export(self) -> None:
        """Ask where to and what, then write the files."""
        from vesselapp.ui.export_dialog import ExportDialog

        workspace = self.workspace
        if workspace.document is None:
            return
        source = workspace.sources[workspace.index].path
        start = workspace.settings.export_folder or str(source.parent if source else Path.cwd())
        dialog = ExportDialog(Path(start), workspace.export_stem(), workspace.settings.export_kinds, self)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.export(dialog.folder, dialog.kinds)

    def export(self, folder: Path, kinds: tuple[str, ...]) -> None:
        """Write the files; tell of success in the status line and of a failure over the canvas."""
        try:
            written = self.workspace.export(folder, kinds)
        except VesselError as error:
            self._on_failed(error)
            return
        self.workspace.settings.export_folder = str(folder)
        self.workspace.settings.export_kinds = kinds
        self.status.tell(f"Exported {', '.join(path.name for path in written)} to {folder}")

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask what to do with unsaved work, then let go of everything."""
        document = self.workspace.document
        if document is not None:
            document.end_stroke("Stroke")
            if document.unsaved and not self._settle_unsaved():
                event.ignore()
                return
        self.workspace.cancel()
        self.workspace.settings.brush_diameters = {
            brush.name: size for brush, size in self._diameters.items()
        }
        self.workspace.settings.window_geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        event.accept()

    def _settle_unsaved(self) -> bool:
        """Ask to save or discard; False to stay."""
        button = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self,
            "Unsaved corrections",
            "The corrections of this picture are not saved yet. Save them?",
            button.Save | button.Discard | button.Cancel,
            button.Save,
        )
        if answer == button.Save:
            return self.workspace.save()
        return bool(answer == button.Discard)

    def _on_failed(self, error: Exception) -> None:
        self.notice.show_text(str(error))

    def action(self, key: str) -> QAction:
        """Give an action by its key in the table."""
        return self.actions_by_key[key]
