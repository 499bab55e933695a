"""The main window: puts canvas, panels, actions and status line together and binds them to the workspace."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, Qt
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QDockWidget, QMainWindow, QToolBar, QWidget

from vesselapp.core.errors import VesselError
from vesselapp.core.files import is_file
from vesselapp.core.walk import STUDY_NAME
from vesselapp.state.thumbnails import Thumbnails
from vesselapp.state.workspace import Workspace
from vesselapp.ui.actions import ACTIONS, TOOLBAR, allow, make_actions
from vesselapp.ui.canvas import Canvas
from vesselapp.ui.closing import LEAVE_ANYWAY, Closing
from vesselapp.ui.commands import Commands
from vesselapp.ui.icons import draw_overflow, icon
from vesselapp.ui.keyboard import HeldKeys, NumberKeys, goes_on, reveal_focus
from vesselapp.ui.looks import OverlayLook
from vesselapp.ui.menus import fill_menus
from vesselapp.ui.notice import Banner, NoticeBar
from vesselapp.ui.panels.controls import Controls
from vesselapp.ui.panels.pictures import PicturesPanel
from vesselapp.ui.safety import NOT_SAVED, Safety
from vesselapp.ui.status import StatusLine
from vesselapp.ui.study_commands import StudyCommands
from vesselapp.ui.theme import surround_colour
from vesselapp.ui.toolbox import Toolbox
from vesselapp.ui.unfit import Unfit

_NEED_A_PICTURE = (
    *("save", "export", "run", "fit", "actual", "zoom_in", "zoom_out", "turn", "mirror", "split", "learn"),
    *("in_progress", "reviewed", "reviewed_next", "nothing_there", "flagged", "reviewed_in_sight", "note"),
)
_NEED_A_STUDY = ("retrain", "study_models", "export_study")


class MainWindow(QMainWindow):
    """The app's one window.

    Parameters
    ----------
    workspace : Workspace
        What the window shows and commands.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._held = HeldKeys()
        self.workspace = workspace
        settings = workspace.settings
        self.setWindowTitle("vesselapp")
        self.setAcceptDrops(True)
        room = self.screen().availableSize()
        self.resize(min(1440, room.width() * 9 // 10), min(900, room.height() * 9 // 10))
        self.canvas = Canvas()
        self.setCentralWidget(self.canvas)
        self.toolbox = Toolbox(self.canvas, settings.brush_diameters)
        self.notice = NoticeBar(self.canvas)
        self.banner = Banner(self.canvas, "Take over", workspace.take_over)
        self.controls = Controls(settings)
        self.status = StatusLine(self.statusBar())
        thumbnails = Thumbnails(workspace.jobs.deliver, workspace.cache / "thumbnails")
        self.pictures = PicturesPanel(workspace.pictures, thumbnails)
        self.safety = Safety(workspace, self.notice, self.banner, self.status)
        self.unfit = Unfit(workspace, self.notice, self.controls.model)
        self._warned_of: dict[str, Hashable] = {}
        self._models_listed = False
        self._docks = [
            self._dock("Pictures", self.pictures, Qt.DockWidgetArea.LeftDockWidgetArea, 210),
            self._dock("Controls", self.controls, Qt.DockWidgetArea.RightDockWidgetArea, 280),
        ]
        self.commands = Commands(self)
        self.studies = StudyCommands(self)
        self.closing = Closing(self)
        handlers = self.commands.handlers() | self.studies.handlers()
        self.actions_by_key = make_actions(self, handlers, self._held)
        self.pictures.show_actions(self.actions_by_key)
        self._make_menus()
        self._make_toolbar()
        self._bind()
        self.apply_look()
        self.choose_tool("PAINT")
        self._on_pictures()
        self._on_study()
        self._on_document()
        if settings.window_geometry:
            self.restoreGeometry(QByteArray.fromBase64(settings.window_geometry.encode()))
        self.canvas.setFocus()

    # -- building ----------------------------------------------------------------------------------------

    def _dock(self, title: str, widget: QWidget, side: Qt.DockWidgetArea, width: int) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(title.lower())
        dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        dock.setWidget(widget)
        self.addDockWidget(side, dock)
        self.resizeDocks([dock], [width], Qt.Orientation.Horizontal)
        return dock

    def _make_menus(self) -> None:
        self.recent = fill_menus(self.menuBar(), self.actions_by_key)
        self.recent.aboutToShow.connect(lambda: self.studies.fill_recent(self.recent))

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
        self._toolbar = bar
        draw_overflow(bar, self.palette())

    def _bind(self) -> None:
        workspace, canvas, controls = self.workspace, self.canvas, self.controls
        workspace.pictures_changed.connect(self._on_pictures)
        workspace.study_changed.connect(self._on_study)
        workspace.document_changed.connect(self._on_document)
        workspace.answered.connect(self._on_answered)
        workspace.progress.connect(self.status.show_progress)
        workspace.idle.connect(self.status.show_idle)
        workspace.idle.connect(self.list_models)
        workspace.failed.connect(self.tell_failure)
        workspace.told.connect(self.notice.show_text)
        workspace.desk.taken_back.connect(self.studies.tell_taken_back)
        workspace.idle.connect(self._show_model)
        workspace.told.connect(lambda _words: self._show_model())  # another one is chosen, but not asked yet
        workspace.standing_changed.connect(self._on_standing)
        workspace.leaving.connect(self.pictures.keep_note)
        workspace.leaving.connect(canvas.end_gesture)
        workspace.ranking.found.connect(self.studies.show_ranking)
        workspace.ranking.ended.connect(self.studies.end_ranking)
        workspace.desk.box_in_sight = canvas.box_in_sight
        self.status.cancel_wanted.connect(self.commands.stop)
        self.pictures.chosen.connect(workspace.open)
        self.pictures.noted.connect(self._on_noted)
        self.pictures.left.connect(canvas.setFocus)
        workspace.pictures.changed.connect(self._on_pictures)
        controls.model.list_wanted.connect(self.list_models)
        controls.model.chosen.connect(workspace.use_model)
        controls.model.browse.connect(self.commands.ask_model)
        controls.model.about.connect(self.commands.show_model)
        controls.model.study_models.connect(self.commands.retrain.show_models)
        controls.model.size_chosen.connect(workspace.set_object_diameter)
        controls.model.learning.learn.connect(workspace.learning.learn)
        controls.model.learning.own.connect(workspace.learning.own_again)
        workspace.learning.changed.connect(self._show_adapted)
        workspace.learning.taken_back.connect(self.notice.take_back)
        workspace.desk.over.connect(self.notice.take_back)
        controls.overlay.changed.connect(self.apply_look)
        controls.picture.changed.connect(self._on_picture_look)
        controls.brush.changed.connect(canvas.set_diameter)
        controls.cleanup.bind(canvas, workspace.desk.cleaning)
        self._numbers = NumberKeys(canvas, controls)
        canvas.diameter_changed.connect(self._on_diameter)
        canvas.hovered.connect(self.status.show_place)
        canvas.told.connect(self.commands.tell_of_tool)
        canvas.tool_changed.connect(self.commands.show_tool)
        canvas.zoom_changed.connect(self.status.show_zoom)
        canvas.looked.connect(lambda: workspace.look(canvas.look()))
        canvas.used.connect(self._on_used)

    def action(self, key: str) -> QAction:
        """Give an action by its key in the table."""
        return self.actions_by_key[key]

    def list_models(self) -> None:
        """Fill the list of models, once; not before a picture is seen, since it reads every model file."""
        if self._models_listed:
            return
        self._models_listed = True
        from vesselapp.inference.catalog import list_models

        self.controls.model.show_models(list_models())
        self._show_model()

    # -- pictures ----------------------------------------------------------------------------------------

    def open_paths(self, paths: list[Path], model: str = "") -> None:
        """Open a study, or files and folders whose pictures become the list and are asked of a model."""
        study = _study_of(paths)
        if study is None:
            self.workspace.turning.to_pictures(paths, model)
            return
        self.workspace.turning.to_study(study)
        if model:
            self.status.tell("A study's own model answers first: drop the other one again.")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open dropped files and folders; an ONNX file becomes the model, which is asked about pictures."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        models = [path for path in paths if path.suffix.lower() == ".onnx"]
        pictures = [path for path in paths if path not in models]
        model = str(models[0]) if models else ""
        if pictures:
            self.open_paths(pictures, model)
        elif model:
            self.workspace.use_model(model)

    def _on_pictures(self) -> None:
        pictures = self.workspace.pictures
        self.pictures.show_current()
        for key, by in (("next", 1), ("previous", -1)):
            beside = pictures.beside(by)
            there = beside is not None and beside is not pictures.current
            allow(self.action(key), allowed=there, why=f"No {key} picture")

    def _on_study(self) -> None:
        study = self.workspace.study
        for key in _NEED_A_STUDY:
            allow(self.action(key), allowed=study is not None, why="Needs a study")
        self.controls.model.show_study(study is not None)
        self._show_model()

    def _on_standing(self) -> None:
        workspace = self.workspace
        self.safety.show()
        if workspace.review is None:
            self.canvas.cancel_gesture()  # the picture was left, and takes nothing more
        self.pictures.enable_note(self._can_note())

    def _can_note(self) -> bool:
        review = self.workspace.review
        return review is not None and not review.document.locked

    def _on_noted(self, note: str) -> None:
        if self.workspace.review is not None:
            self.workspace.review.set_note(note)

    def _on_used(self) -> None:
        if self.workspace.review is not None:
            self.workspace.review.note_input()

    # -- document ----------------------------------------------------------------------------------------

    def _on_document(self) -> None:
        document, review = self.workspace.document, self.workspace.review
        self.notice.hide()
        self.canvas.set_document(document, self.workspace.view)
        self.pictures.show_note(review.record.note if review is not None else "", enabled=self._can_note())
        self.controls.threshold.set_document(document)
        self.controls.history.set_document(document)
        self.status.set_document(document)
        self.canvas.tell_place()
        self._show_adapted()
        self._show_model()
        if document is not None:
            document.history_changed.connect(self._on_history)
            document.threshold_changed.connect(self.controls.cleanup.refresh)
            document.threshold_changed.connect(self.status.forget_doubt)
            document.probability_changed.connect(self.status.forget_doubt)
            document.evidence_changed.connect(self.controls.cleanup.refresh)
            document.refused.connect(self.status.tell)
        self.controls.cleanup.refresh()
        study = self.workspace.study
        words = [self.workspace.name, study.name if study is not None else "", "vesselapp"]
        self.setWindowTitle(" – ".join(word for word in words if word))
        for key in _NEED_A_PICTURE:
            allow(self.action(key), allowed=document is not None, why="Needs a picture")
        self._on_history()

    def _on_history(self) -> None:
        self._show_adapted()
        self.commands.show_tool()
        self.status.look_again()
        self.controls.history.refresh()
        self.controls.cleanup.refresh()

    def _on_answered(self) -> None:
        workspace = self.workspace
        self._show_adapted()
        if workspace.answer is not None:
            self._show_model()
            self.commands.refresh_model_dialog()
            self.list_models()
            self.unfit.show(workspace.answer)

    def _show_model(self) -> None:
        workspace, panel = self.workspace, self.controls.model
        panel.show_asked(*workspace.wanted_model())
        panel.show_answer(workspace.model, workspace.answer)
        panel.show_size(workspace.object_diameter)
        self.controls.threshold.show_answer(workspace.model, workspace.answer)

    def _show_adapted(self) -> None:
        document = self.workspace.document
        adapted, learnt = (document.adapted, document.learnt) if document is not None else (None, None)
        self.controls.model.learning.show_adapted(adapted, own=learnt is None, can_learn=document is not None)
        allow(self.action("own_answer"), allowed=learnt is not None, why="Not adapted to this picture")

    def tell_failure(self, error: VesselError) -> None:
        """Tell of a problem over the canvas, and keep it in the log."""
        self.notice.show_error(error)

    # -- tools -------------------------------------------------------------------------------------------

    def choose_tool(self, key: str) -> None:
        """Take a tool in hand; each brush keeps its own size."""
        self.toolbox.choose(key)
        self.controls.brush.show_tool(self.toolbox.name, self.toolbox.hint, sized=self.canvas.tool.sized)
        self.controls.brush.show_diameter(self.canvas.diameter)
        self.commands.show_tool()
        self.action(key).setChecked(True)

    def _on_diameter(self, diameter: int) -> None:
        self.toolbox.keep_diameter(diameter)
        self.controls.brush.show_diameter(diameter)

    # -- look --------------------------------------------------------------------------------------------

    def apply_look(self) -> None:
        """Show the overlay as the panel says, and the panel's state in the menus."""
        panel, settings = self.controls.overlay, self.workspace.settings
        settings.overlay_colour, settings.overlay_opacity = panel.colour, panel.opacity
        settings.contour_only = panel.contour_only
        self.canvas.overlay_look = OverlayLook(
            panel.colour, panel.opacity, panel.contour_only, panel.band, panel.told_apart
        )
        self.canvas.surround = surround_colour(settings.theme)
        self.controls.threshold.slider.colour.setRgb(*panel.colour)
        self.controls.threshold.slider.update()
        for key, on in {
            "overlay": self.canvas.overlay_shown,
            "contour": panel.contour_only,
            "band": bool(panel.band),
            "told_apart": panel.told_apart,
            "minimap": self.canvas.minimap_shown,
            "loupe": self.canvas.loupe,
            "panels": not self._docks[1].isHidden(),
            "light": settings.theme == "light",
        }.items():
            self.action(key).setChecked(on)
        self.canvas.resample()

    def _on_picture_look(self) -> None:
        self.canvas.picture_look = self.controls.picture.look
        self.canvas.resample()

    def show_panels(self, shown: bool) -> None:
        """Fold the side panels away, or show them."""
        self.action("panels").setChecked(shown)
        for dock in self._docks:
            dock.setVisible(shown)

    def event(self, event: QEvent) -> bool:
        """Let Tab go on from control to control; it folds the panels only on the canvas."""
        self._held.heed(event)
        if goes_on(event, self):
            event.accept()
            return True
        return super().event(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Keep in sight what Tab leads to."""
        moved = super().focusNextPrevChild(forward)
        reveal_focus(self, self.controls)
        return moved

    def changeEvent(self, event: QEvent) -> None:
        """Look what others have done meanwhile when a person comes back."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.ActivationChange and self.isActiveWindow():
            self.workspace.look_again()

    def refresh_icons(self) -> None:
        """Draw the icons in the colours of the look."""
        palette = QApplication.palette()
        for spec in ACTIONS:
            if spec.icon:
                self.action(spec.key).setIcon(icon(spec.icon, palette))
        draw_overflow(self._toolbar, palette)
        self.pictures.draw_marks(self.actions_by_key, palette)

    # -- keeping -----------------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let what was done get to the disk, then let go of everything; nothing is asked."""
        self.canvas.end_gesture()
        if self.closing.holds():
            event.ignore()
            return
        lost = self.workspace.close()
        if not lost.items() <= self._warned_of.items():
            self._warned_of = lost
            self.workspace.stay(
                f"{NOT_SAVED}{', '.join(lost)}, neither in its place nor in the rescue folder "
                f"{self.workspace.keeper.rescue.folder}. {LEAVE_ANYWAY}"
            )
            event.ignore()
            return
        # What the keeper's thread still has to tell finds nobody.
        self.workspace.standing_changed.disconnect(self._on_standing)
        self.workspace.settings.batch_cut |= self.commands.batch.running
        self.workspace.exports.close()
        self.workspace.desk.cleaning.close()
        self.commands.batch.close()
        self.commands.retrain.close()
        self.pictures.thumbnails.close()
        self.workspace.settings.brush_diameters = dict(self.toolbox.diameters)
        self.workspace.settings.window_geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        event.accept()


def _study_of(paths: list[Path]) -> Path | None:
    """Give the folder of the study that a single path names (the folder, or the file in it)."""
    if len(paths) != 1:
        return None
    folder = paths[0].parent if paths[0].name == STUDY_NAME else paths[0]
    return folder if is_file(folder / STUDY_NAME) else None
