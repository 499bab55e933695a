"""What menus, keys and toolbar do: one handler for each action of the table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QWidget

from vesselapp.core.image import PICTURE_SUFFIXES
from vesselapp.state.batch import BatchRun
from vesselapp.state.cleanup import CLEANUPS
from vesselapp.state.document import Document
from vesselapp.ui.actions import allow
from vesselapp.ui.export_commands import ExportCommands
from vesselapp.ui.keyboard import give_keyboard
from vesselapp.ui.retrain.desk import RetrainDesk
from vesselapp.ui.scene import Split
from vesselapp.ui.theme import apply_theme
from vesselapp.ui.toolbox import TOOL_KEYS

if TYPE_CHECKING:
    from vesselapp.inference.model import Model
    from vesselapp.state.doubt import DoubtWalk
    from vesselapp.ui.batch_dialog import BatchDialog
    from vesselapp.ui.model_dialog import ModelDialog
    from vesselapp.ui.window import MainWindow

_SPLITS = (Split.NONE, Split.SIDE, Split.WIPE)


class Commands:
    """The handlers, and the dialogs they open.

    Parameters
    ----------
    window : MainWindow
    """

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self.workspace = window.workspace
        self.model_dialog: ModelDialog | None = None
        self._walk: DoubtWalk | None = None
        self.batch = BatchRun(window.workspace.jobs.deliver)
        self.batch.advanced.connect(self._tell_batch)
        self.batch.ended.connect(window.status.tell)
        self.batch_dialog: BatchDialog | None = None
        self.exports = ExportCommands(window)
        self.retrain = RetrainDesk(window)
        equalised = window.controls.picture.equalised
        equalised.toggled.connect(lambda on: window.action("equalised").setChecked(on))

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Give a handler for each key of the table of actions."""
        window, workspace, canvas = self._window, self.workspace, self._window.canvas
        controls = window.controls
        shown = {
            "history": controls.history,
            "opacity": controls.overlay.opacity_slider,
            "colour": controls.overlay.colours,
            "brightness": controls.picture.brightness,
            "contrast": controls.picture.contrast,
            "gamma": controls.picture.gamma,
        }
        named: dict[str, Callable[..., object]] = {key: self._tool_chooser(key) for key in TOOL_KEYS}
        named |= {key: partial(self._go_to, control) for key, control in shown.items()}
        named |= {cleanup.key: partial(self.show_cleanup, cleanup.key) for cleanup in CLEANUPS}
        return named | {
            "open": self.ask_open,
            "open_folder": self.ask_open_folder,
            "next": lambda: workspace.step(1),
            "previous": lambda: workspace.step(-1),
            "save": workspace.save,
            "export": self.exports.ask,
            "batch": self.show_batch,
            "quit": window.close,
            "undo": self.undo,
            "redo": lambda: self._with_document(Document.redo),
            "palette": self.show_palette,
            "preferences": self.ask_preferences,
            "cleanup": self.show_cleanup,
            "doubtful": lambda: self.go_to_doubtful(forward=True),
            "doubtful_back": lambda: self.go_to_doubtful(forward=False),
            "swap": lambda: window.choose_tool(window.toolbox.swap()),
            "smaller": lambda: canvas.grow_brush(-1),
            "larger": lambda: canvas.grow_brush(1),
            "lower": lambda: self.nudge_threshold(-1),
            "raise": lambda: self.nudge_threshold(1),
            "lower_coarse": lambda: self.nudge_threshold(-10),
            "raise_coarse": lambda: self.nudge_threshold(10),
            "own_threshold": self.take_own_threshold,
            "run": lambda: workspace.run_model(fresh=True),
            "learn": workspace.learning.learn,
            "own_answer": workspace.learning.own_again,
            "cancel": self.cancel,
            "open_model": self.ask_model,
            "about_model": self.show_model,
            "retrain": self.retrain.show,
            "study_models": self.retrain.show_models,
            "fit": canvas.fit,
            "actual": canvas.actual_size,
            "zoom_in": lambda: canvas.zoom_by(1.25),
            "zoom_out": lambda: canvas.zoom_by(0.8),
            "overlay": self.show_overlay,
            "contour": window.controls.overlay.contour_box.setChecked,
            "band": window.controls.overlay.band_box.setChecked,
            "told_apart": window.controls.overlay.told_box.setChecked,
            "channel": window.controls.picture.next_channel,
            "equalised": window.controls.picture.equalised.setChecked,
            "split": self.next_split,
            "loupe": self.show_loupe,
            "minimap": self.show_minimap,
            "turn": lambda: canvas.turn(1),
            "mirror": canvas.mirror,
            "panels": window.show_panels,
            "light": self.set_light,
            "help": self.show_keys,
            "about": self.show_about,
        }

    def undo(self) -> None:
        """Take back the newest click of a gesture under way, else the newest edit."""
        tool = self._window.canvas.tool
        if not (tool.takes_undo and tool.step_back()):
            self._with_document(Document.undo)

    def tell_of_tool(self, text: str) -> None:
        """Say in passing what a tool has to say, until what was done by then is undone."""
        tell, document = self._window.status.tell, self.workspace.document
        if document is None:
            tell(text)
        else:
            history, done = document.history, document.history.edits_so_far
            tell(text, lambda: history.edits_so_far >= done)

    def show_tool(self) -> None:
        """Show how wide the tool in hand draws, and what undo and redo would do now."""
        window, document = self._window, self.workspace.document
        window.controls.brush.show_width(window.canvas.tool.width_told)
        undo = document.history.undo_name if document is not None else None
        redo = document.history.redo_name if document is not None else None
        if window.canvas.tool.takes_undo:
            undo = "Click"
        for key, word, name in (("undo", "&Undo", undo), ("redo", "&Redo", redo)):
            allow(window.action(key), allowed=name is not None, why=f"Nothing to {key}")
            window.action(key).setText(f"{word} {name.lower()}" if name else word)

    def _with_document(self, act: Callable[[Document], object]) -> None:
        if self.workspace.document is not None:
            act(self.workspace.document)

    def _tool_chooser(self, key: str) -> Callable[..., object]:
        return lambda _on=True: self._window.choose_tool(key)

    # -- files -------------------------------------------------------------------------------------------

    def ask_open(self) -> None:
        """Ask for pictures and open them."""
        kinds = " ".join(f"*{suffix} *{suffix.upper()}" for suffix in PICTURE_SUFFIXES)
        settings = self.workspace.settings
        names, _ = QFileDialog.getOpenFileNames(
            self._window, "Open pictures", settings.open_folder, f"Pictures ({kinds});;All files (*)"
        )
        if names:
            settings.open_folder = str(Path(names[0]).parent)
            self._window.open_paths([Path(name) for name in names])

    def ask_open_folder(self) -> None:
        """Ask for a folder and open its pictures."""
        settings = self.workspace.settings
        name = QFileDialog.getExistingDirectory(self._window, "Open folder", settings.open_folder)
        if name:
            settings.open_folder = name
            self._window.open_paths([Path(name)])

    def show_batch(self) -> None:
        """Show the batch dialog; it doesn't stop the work in the window."""
        from vesselapp.ui.batch_dialog import BatchDialog

        if self.batch_dialog is None:
            self.batch_dialog = BatchDialog(self.workspace, self.batch, self._window)
        self.batch_dialog.show()
        self.batch_dialog.raise_()

    def _tell_batch(self, _outcome: object) -> None:
        if self.batch.running:
            finished = self.batch.done + self.batch.failed
            self._window.status.tell(f"Batch: {finished} of {self.batch.total}")

    # -- model -------------------------------------------------------------------------------------------

    def ask_model(self) -> None:
        """Ask for an ONNX file and use it."""
        name, _ = QFileDialog.getOpenFileName(self._window, "Use a model file", "", "ONNX models (*.onnx)")
        if name:
            self.workspace.use_model(name)

    def show_model(self) -> None:
        """Show the card of the model that is asked, beside the canvas; it is loaded first where it wasn't."""
        workspace, window = self.workspace, self._window
        model = workspace.model
        if model is not None and str(model.path) == window.controls.model.path:
            self._show_card(model)
            return
        question = workspace.asking.present_question
        workspace.jobs.submit(
            "model",
            lambda _job: workspace.asking.finder.load(question),
            self._show_card,
            window.tell_failure,
        )

    def _show_card(self, model: Model) -> None:
        from vesselapp.inference.cards import kept_card
        from vesselapp.ui.model_dialog import ModelDialog

        if self.model_dialog is None:
            self.model_dialog = ModelDialog(self._window)
            self.model_dialog.corrected.connect(self.workspace.correct_model)
        # What was guessed is corrected while watching the answer: only of the model that gave it.
        foreign = model is self.workspace.model and (
            bool(model.card.guessed) or kept_card(model.sha256) is not None
        )
        self.model_dialog.show_card(model.card, foreign=foreign, provider=model.provider)
        self.model_dialog.show()

    def refresh_model_dialog(self) -> None:
        """Show the model that answered last, if the dialog is open."""
        if self.model_dialog is not None and self.model_dialog.isVisible():
            self.show_model()

    def nudge_threshold(self, steps: int) -> None:
        """Move the threshold by steps of one level."""
        self._with_document(lambda document: document.set_level(document.level + steps))

    def take_own_threshold(self) -> None:
        """Set the threshold back to the model's own."""
        if not self._window.controls.threshold.take_own():
            self._tell_unknown("The model's own threshold is")

    def _tell_unknown(self, what: str) -> None:
        """Say that something is not known yet, until a model has answered."""
        words = f"{what} not known before the model has answered (F5)."
        if self.workspace.document is None:
            words = "No picture is open yet (Ctrl+O)."
        self._window.status.tell(words, lambda: self.workspace.answer is None)

    def cancel(self) -> None:
        """Take back the gesture under way, else stop slow work on the picture."""
        if not self._window.canvas.cancel_gesture():
            self.stop()

    def stop(self) -> None:
        """Stop the model's run, or learning, and say so until something is at work again."""
        stopped = self.workspace.cancel()
        if stopped:
            self._window.status.tell(stopped, lambda: not self.workspace.desk.unsettled)

    # -- view --------------------------------------------------------------------------------------------

    def show_cleanup(self, key: str = "") -> None:
        """Bring the clean-up controls into sight, choose one by its key, and show what it would change."""
        panel = self._window.controls.cleanup
        self._go_to(panel.kind)
        self._window.controls.ensureWidgetVisible(panel)
        panel.choose(key or panel.cleanup.key)

    def _go_to(self, control: QWidget) -> None:
        """Bring a control of the side panel into sight and give it the keyboard."""
        window = self._window
        window.show_panels(True)
        window.controls.ensureWidgetVisible(control)
        give_keyboard(control)

    def go_to_doubtful(self, *, forward: bool) -> None:
        """Zoom to the next doubtful place, or back to the one before, and say how many are left."""
        from vesselapp.state.doubt import DoubtWalk

        if self._window.canvas.tool.onward(forward=forward):
            return
        document = self.workspace.document
        if document is None or self.workspace.answer is None:
            self._tell_unknown("Doubtful places are")
            return
        if self._walk is None or self._walk.document is not document:
            self._walk = DoubtWalk(document)
        box = self._walk.next() if forward else self._walk.previous()
        if box is not None:
            self._window.canvas.show_box(box)
        elif forward:
            self._walk.again()
            self._window.status.tell("No doubtful place is left; N begins again.")
        if forward:
            self._window.status.show_doubt(self._walk.left)

    def show_overlay(self, shown: bool) -> None:
        """Show or hide the overlay."""
        self._window.canvas.overlay_shown = shown
        self._window.canvas.update()

    def show_loupe(self, shown: bool) -> None:
        """Show or hide the loupe under the pointer."""
        self._window.canvas.loupe = shown
        self._window.canvas.update()

    def show_minimap(self, shown: bool) -> None:
        """Show or hide the minimap."""
        self._window.canvas.minimap_shown = shown
        self._window.canvas.update()

    def next_split(self, _on: bool = True) -> None:
        """Go from one view to side by side, to a wipe, and back."""
        canvas = self._window.canvas
        canvas.set_split(_SPLITS[(_SPLITS.index(canvas.split) + 1) % len(_SPLITS)])
        self._window.action("split").setChecked(canvas.split is not Split.NONE)
        self._window.status.tell(canvas.split.value)

    def set_light(self, light: bool) -> None:
        """Take the light or the dark look."""
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        self.workspace.settings.theme = "light" if light else "dark"
        apply_theme(app, self.workspace.settings.theme)
        self._window.refresh_icons()
        self._window.apply_look()

    def ask_preferences(self) -> None:
        """Ask for what is set once; a new provider runs the model again."""
        from vesselapp.inference.providers import PROVIDER_NAMES
        from vesselapp.ui.preferences import PreferencesDialog

        workspace = self.workspace
        names = ["auto", *PROVIDER_NAMES]
        dialog = PreferencesDialog(workspace.settings, names, self._window)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            reload = dialog.apply()
            self._tell_of_name(workspace.keeper.who, workspace.settings.who)
            workspace.keeper.who = workspace.settings.who
            if workspace.document is not None:
                workspace.document.history.set_cap(workspace.settings.history_megabytes * 2**20)
                self._window.controls.history.refresh()
            if reload:
                workspace.reload_model()

    def _tell_of_name(self, before: str, now: str) -> None:
        if now != before and self.workspace.review is not None:
            name = self.workspace.name
            self._window.status.tell(
                f"{name} is still signed by {before}; {now} signs from the next picture on"
            )

    def show_palette(self) -> None:
        """Open the command palette over the canvas."""
        from vesselapp.ui.palette import CommandPalette

        window = self._window
        palette = CommandPalette(list(window.actions_by_key.values()), window)
        corner = window.canvas.mapToGlobal(window.canvas.rect().topLeft())
        lowest = window.mapToGlobal(window.rect().bottomLeft()).y() - palette.height()
        left = corner.x() + (window.canvas.width() - palette.width()) // 2
        palette.move(left, min(corner.y() + 40, lowest))
        palette.show()
        palette.field.setFocus()

    def show_keys(self) -> None:
        """Show the list of keys."""
        from vesselapp.ui.about import show_keys

        show_keys(self._window)

    def show_about(self) -> None:
        """Show versions and licence."""
        from vesselapp.ui.about import show_about

        show_about(self._window)
