"""Batch: masks of many pictures into a folder, while the window stays usable."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from vesselapp.core.errors import VesselError
from vesselapp.core.files import typed_path
from vesselapp.state.batch import BatchRun
from vesselapp.ui.browse import with_browse
from vesselapp.ui.plain import PlainLabel
from vesselapp.ui.words import duration

if TYPE_CHECKING:
    from vesselapp.inference.batch import Outcome
    from vesselapp.state.workspace import Workspace

_KINDS = {"mask": "Masks", "overlay": "Overlays", "probability": "Probabilities", "objects": "Numbered cells"}
_CUT = (
    "The last batch into this folder ended when the window was closed. Start goes on with what is left, "
    "where its pictures are chosen again."
)


class BatchDialog(QDialog):
    """Asks what to do, starts it, and shows how far it is; hidden, it goes on.

    Parameters
    ----------
    workspace : Workspace
        Whose open list and model are offered.
    run : BatchRun
    """

    def __init__(self, workspace: Workspace, run: BatchRun, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Batch")
        self.setMinimumWidth(520)
        self._workspace, self._run = workspace, run
        self._named: object = None
        self.pictures_field = QLineEdit()
        self.pictures_field.setAccessibleName("Folder of pictures")
        self.pictures_field.setPlaceholderText("the pictures that are open")
        self.out_field = QLineEdit(workspace.settings.batch_folder)
        self.out_field.setAccessibleName("Folder for the results")
        self.threshold = QComboBox()
        self.threshold.setAccessibleName("Threshold")
        self.threshold.addItems(["the model's own", "the one of the open picture"])
        self.boxes = {kind: QCheckBox(words) for kind, words in _KINDS.items()}
        for kind, box in self.boxes.items():
            box.setChecked(kind in ("mask", "overlay"))
        self.resume_box = QCheckBox("Keep what an earlier run into this folder has done")
        self.resume_box.setChecked(True)
        self.model_label = PlainLabel()
        self.told = QLabel(
            "The model's own answers are written, without corrections and unsure places. What was corrected "
            "is exported with Ctrl+E, or File > Export study."
        )
        self.told.setWordWrap(True)
        self.progress = QProgressBar()
        self.progress.setAccessibleName("Progress of the batch")
        self.words = PlainLabel(_CUT if workspace.settings.batch_cut else " ")
        self.problems = QListWidget()
        self.problems.setAccessibleName("Pictures that failed")
        self.problems.setMinimumHeight(54)
        self.problems.setMaximumHeight(130)
        self.problems.hide()
        self.start_button, self.pause_button = QPushButton("Start"), QPushButton("Pause")
        self.cancel_button, hide_button = QPushButton("Cancel"), QPushButton("Hide")
        self._lay_out(hide_button)
        self.start_button.clicked.connect(self.start)
        self.pause_button.clicked.connect(self._pause_or_go_on)
        self.cancel_button.clicked.connect(run.cancel)
        hide_button.clicked.connect(self.hide)
        run.found.connect(self._on_found)
        run.advanced.connect(self._on_advanced)
        run.ended.connect(self._on_ended)
        for signal in (workspace.pictures_changed, workspace.progress, workspace.idle, workspace.told):
            signal.connect(self.show_model)  # another model may be chosen
        self._show_state()

    def _lay_out(self, hide_button: QPushButton) -> None:
        form = QFormLayout()
        form.addRow("Model", self.model_label)
        form.addRow("Pictures", with_browse(self.pictures_field))
        form.addRow("Results", with_browse(self.out_field))
        form.addRow("Threshold", self.threshold)
        kinds = QHBoxLayout()
        for box in self.boxes.values():
            kinds.addWidget(box)
        kinds.addStretch(1)
        form.addRow("Write", kinds)
        form.addRow(self.resume_box)
        form.addRow(self.told)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for button in (self.start_button, self.pause_button, self.cancel_button, hide_button):
            button.setAutoDefault(button is self.start_button)
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.progress)
        layout.addWidget(self.words)
        layout.addWidget(self.problems)
        layout.addLayout(buttons)

    def showEvent(self, event: QShowEvent) -> None:
        """Say which model will answer."""
        super().showEvent(event)
        self._named = None
        self.show_model()
        self._fit()

    def _fit(self) -> None:
        """Take the height that all words need: by itself, Qt cuts them on a small screen."""
        layout = self.layout()
        if layout is not None:
            self.resize(self.width(), max(self.height(), layout.minimumHeightForWidth(self.width())))

    def show_model(self) -> None:
        """Say which model will answer; while a batch runs, the one that does stays named.

        Model files are read for it only where another may be named than before.
        """
        asking, model = self._workspace.asking, self._workspace.model
        choice, task = self._workspace.wanted_model()
        wanted = (choice, task, asking.usual_diameter, model and model.card)
        if self.isVisible() and not self._run.running and wanted != self._named:
            self._named = wanted
            name = Path(choice).stem if choice else f"the shipped one for {task}"
            self._name_model(name, self._usual_diameter())

    def _name_model(self, name: str, size: float | None) -> None:
        self.model_label.setText(name if size is None else f"{name}; cells of {size:g} px")

    def _usual_diameter(self) -> float | None:
        """Give how wide cells are said to be, where the model that will answer goes by it."""
        from vesselapp.inference.catalog import card_of, find_model

        usual, card = self._workspace.asking.usual_diameter, None
        with contextlib.suppress(VesselError):  # Start says what is wrong
            card = card_of(find_model(*self._workspace.wanted_model()))
        return usual if card is not None and card.scale.kind == "object_diameter" else None

    def start(self) -> None:
        """Begin with what is chosen; what is missing is said in the dialog."""
        from vesselapp.inference.batch import BatchSpec
        from vesselapp.inference.cards import card_in
        from vesselapp.inference.catalog import find_model
        from vesselapp.inference.objects import check_tells_objects
        from vesselapp.inference.providers import gui_threads

        workspace, document = self._workspace, self._workspace.document
        try:
            pictures = self._pictures()
            kinds = tuple(kind for kind, box in self.boxes.items() if box.isChecked())
            if not self.out_field.text().strip() or not kinds:
                raise VesselError(
                    "Something is missing.", "Choose a folder for the results, and what to write."
                )
            own = self.threshold.currentIndex() == 0 or document is None
            spec = BatchSpec(
                typed_path(self.out_field.text()),
                find_model(*workspace.wanted_model()),
                workspace.settings.provider,
                None if own or document is None else document.threshold,
                kinds,
                object_diameter=self._usual_diameter(),
            )
            if "objects" in kinds:
                check_tells_objects(card_in(spec.model), spec.model.stem)
        except VesselError as error:
            self.words.setText(str(error))
            self._fit()
            return
        workspace.settings.batch_folder, workspace.settings.batch_cut = str(spec.out), False
        self._name_model(spec.model.stem, spec.object_diameter)
        self._named = None
        self.problems.clear()
        self.problems.hide()
        self._run.start(pictures, spec, resume=self.resume_box.isChecked(), workers=gui_threads())
        self._show_state()

    def _pictures(self) -> Path | list[Path]:
        folder = self.pictures_field.text().strip()
        if folder:
            return typed_path(folder)
        listed = self._workspace.pictures.shown
        paths = [entry.path for entry in listed if entry.path is not None]
        if not paths:
            raise VesselError("No pictures are open.", "Choose a folder of pictures.")
        return paths

    def _pause_or_go_on(self) -> None:
        if self._run.paused:
            self._run.go_on()
        else:
            self._run.pause()
        self._show_state()

    def _on_found(self, unlisted: list[str]) -> None:
        if unlisted:
            self.problems.addItems(unlisted)
            self.problems.show()
            self._fit()
        self._show_state()

    def _on_advanced(self, outcome: Outcome) -> None:
        if outcome.problem:
            self.problems.addItem(f"{outcome.picture.name}: {outcome.problem}")
            self.problems.show()
            self._fit()
        self._show_state()

    def _on_ended(self, words: str) -> None:
        self._show_state()
        self.show_model()
        self.words.setText(words)
        self._fit()

    def _show_state(self) -> None:
        """Show how far it is, and which buttons make sense."""
        run = self._run
        finished = run.done + run.failed
        self.progress.setRange(0, max(run.total, 1))
        self.progress.setValue(finished)
        self.start_button.setEnabled(not run.running)
        self.pause_button.setEnabled(run.running)
        self.cancel_button.setEnabled(run.running)
        self.pause_button.setText("Continue" if run.paused else "Pause")
        if run.running:
            left = run.seconds_left
            rest = "" if left is None else f", about {duration(left)} left"
            words = f"{finished} of {run.total}{rest}" if run.total else "Looking for pictures"
            self.words.setText(f"{'Paused: ' if run.paused else ''}{words}")
