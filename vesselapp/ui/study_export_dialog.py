"""Export of a whole study from the window: masks or COCO into a folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.files import typed_path
from vesselapp.core.walk import is_export
from vesselapp.state.jobs import Deliver, Job, Jobs
from vesselapp.ui.browse import with_browse
from vesselapp.ui.plain import PlainLabel

if TYPE_CHECKING:
    from vesselapp.state.keeping import Keeper
    from vesselapp.study.exchange import Exported

_SETTLE_MS = 200
_KINDS: tuple[tuple[str, Literal["folder", "coco"], bool | None], ...] = (
    ("Pictures and masks, in two folders", "folder", None),
    ("COCO", "coco", None),
    ("COCO, objects (cells)", "coco", True),
    ("COCO, whole (vessels)", "coco", False),
)
"""Of each format its words, its kind, and whether it is of objects (None: what the study's model is for)."""


@dataclass(frozen=True)
class _Wanted:
    out: Path
    kind: Literal["folder", "coco"]
    objects: bool | None
    everything: bool
    parted: bool


class StudyExportDialog(QDialog):
    """Asks what to write and where, writes it, and says what was left out; closed, it stops.

    Parameters
    ----------
    folder : Path
        The study's.
    name : str
        The study's.
    keeper : Keeper
        Whose work has to be on the disk first.
    deliver : callable
        Runs a function on the window's thread.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        keeper: Keeper,
        deliver: Deliver,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Export study – {name}")
        self.setMinimumWidth(520)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._folder, self._keeper = folder, keeper
        self._jobs = Jobs(deliver)
        self._job: Job | None = None
        self._look: Job | None = None
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._look_there)
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        self.out_field = QLineEdit(str(folder / "exports" / stamp))
        self.out_field.setAccessibleName("Folder for the export")
        self.kind = QComboBox()
        self.kind.setAccessibleName("Format")
        self.kind.addItems([words for words, _kind, _objects in _KINDS])
        self.everything_box = QCheckBox("Also pictures that are not reviewed, as the model sees them")
        self.parted_box = QCheckBox("Touching cells apart, as the model sees them")
        self.parted_box.setToolTip("COCO, by a model of cells: nobody has reviewed where they are parted")
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setAccessibleName("Progress of the export")
        self.replaces = PlainLabel(" ")
        self.words = PlainLabel(" ")
        self.problems = QListWidget()
        self.problems.setAccessibleName("Pictures that were left out")
        self.problems.setMaximumHeight(130)
        self.problems.hide()
        self.start_button, self.close_button = QPushButton("Export"), QPushButton("Close")
        self._lay_out()
        self.kind.currentIndexChanged.connect(self._show_state)
        self.out_field.textChanged.connect(self._on_out)
        self.start_button.clicked.connect(self.start)
        self.close_button.clicked.connect(self.close)
        self._show_state()
        self._on_out()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("Folder", with_browse(self.out_field))
        form.addRow("", self.replaces)
        form.addRow("Format", self.kind)
        form.addRow("", self.everything_box)
        form.addRow("", self.parted_box)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for button in (self.start_button, self.close_button):
            button.setAutoDefault(button is self.start_button)
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.progress)
        layout.addWidget(self.words)
        layout.addWidget(self.problems)
        layout.addLayout(buttons)

    def start(self) -> None:
        """Write what is asked for."""
        if not self.out_field.text().strip():
            self.words.setText("Choose a folder for the export.")
            return
        _words, kind, objects = _KINDS[self.kind.currentIndex()]
        parted = self.parted_box.isChecked() and self._can_part
        out = typed_path(self.out_field.text())
        wanted = _Wanted(out, kind, objects, self.everything_box.isChecked(), parted)
        self.words.setText("Exporting…")
        self.progress.setValue(0)
        self._show_problems([])
        self._job = self._jobs.submit(
            "export study",
            lambda job: _export(self._folder, wanted, self._keeper, job),
            lambda outcome: self._on_done(wanted.out, outcome),
            self._on_failed,
            progress=lambda share: self.progress.setValue(round(share * 1000)),
        )
        self._show_state()

    def _on_done(self, out: Path, outcome: Exported) -> None:
        count = len(outcome.stems)
        words = [f"{count} picture{'s' * (count != 1)} written to {out}.", *outcome.notes]
        if outcome.left_out:
            words.append("Left out:")
        self.words.setText(" ".join(words))
        self.progress.setValue(1000)
        self._show_problems(outcome.left_out)
        self._end()

    def _on_failed(self, error: VesselError) -> None:
        self.words.setText(str(error))
        self.progress.setValue(0)
        self._end()

    def _end(self) -> None:
        self._job = None
        self._show_state()
        self._on_out()
        layout = self.layout()  # what is told may take more lines than before
        if layout is not None:
            self.resize(self.width(), max(self.height(), layout.totalHeightForWidth(self.width())))

    def _show_problems(self, told: list[str]) -> None:
        self.problems.clear()
        self.problems.addItems(told)
        self.problems.setVisible(bool(told))

    @property
    def _can_part(self) -> bool:
        """Whether touching cells can be told apart in the chosen format."""
        _words, kind, objects = _KINDS[self.kind.currentIndex()]
        return kind == "coco" and objects is not False

    def _show_state(self) -> None:
        idle = self._job is None
        for widget in (self.out_field, self.kind, self.everything_box, self.start_button):
            widget.setEnabled(idle)
        self.parted_box.setEnabled(idle and self._can_part)
        self.close_button.setText("Close" if idle else "Stop")

    def _on_out(self) -> None:
        """Look whether an export is in the folder, as soon as nothing more is typed."""
        self.replaces.setText(" ")
        if self._look is not None:
            self._look.cancel()
        self._settle.start()

    def _look_there(self) -> None:
        out = typed_path(self.out_field.text())

        def show(there: bool) -> None:
            self.replaces.setText("Exporting replaces the export that is there." if there else " ")

        if self._job is None:
            self._look = self._jobs.submit("look", lambda _job: is_export(out), show, lambda _error: None)

    def done(self, result: int) -> None:
        """Stop what is under way; the next export into that folder replaces what was written."""
        self._settle.stop()
        for job in (self._job, self._look):
            if job is not None:
                job.cancel()
        self._job = None
        self._jobs.close(0)
        super().done(result)


def _export(folder: Path, wanted: _Wanted, keeper: Keeper, job: Job) -> Exported:
    from vesselapp.study.exchange import export_study
    from vesselapp.study.study import Study

    def progress(share: float) -> None:
        if job.cancelled():
            raise Cancelled
        job.report(share)

    keeper.wait_saved(folder)
    return export_study(
        Study.open(folder),
        wanted.out,
        wanted.kind,
        everything=wanted.everything,
        objects=wanted.objects,
        parted=wanted.parted,
        who=keeper.who,
        progress=progress,
    )
