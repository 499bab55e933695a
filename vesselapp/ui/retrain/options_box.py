"""The choices of a training that seldom need changing."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLineEdit,
    QWidget,
)

from vesselapp.state.judged import Bases
from vesselapp.state.trainer_process import TrainingOptions
from vesselapp.ui.browse import with_browse

_PAUSE_MS = 600
"""So long after the last key what was typed is looked at."""


class OptionsBox(QWidget):
    """Base model, chaining, replay and settings.

    Signals
    -------
    changed : ()
    typed : ()
        A person is typing: what is chosen will be told by ``changed``, once that has ended.
    """

    changed = Signal()
    typed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.base = QComboBox()
        self.base.setAccessibleName("Model to start from")
        self.chain = QCheckBox("Go on from the last retrained model")
        self.chain.setToolTip(
            "Models retrained again and again slowly unlearn; better start from the base each time"
        )
        self.replay = QLineEdit()
        self.replay.setAccessibleName("Folder of pictures with masks shown again")
        self.replay.setPlaceholderText("none")
        self.replay.setToolTip(
            "Pictures with masks that the model knew before; seeing them again, it forgets less"
        )
        self.settings = QLineEdit()
        self.settings.setAccessibleName("Settings of the trainer")
        self.settings.setPlaceholderText("as the trainer chooses; e.g. steps=200 learning_rate=0.0001")
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Start from", self.base)
        form.addRow("", self.chain)
        form.addRow("Show again", with_browse(self.replay))
        form.addRow("Settings", self.settings)
        self._picked = False
        self.show_bases(Bases())
        self.base.activated.connect(self._on_picked)
        self.chain.toggled.connect(self.changed)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self._on_edited)
        for field in (self.replay, self.settings):
            field.textEdited.connect(self._on_typed)
            field.editingFinished.connect(self._on_edited)
        self._told: TrainingOptions | None = self.options()

    def show_bases(self, bases: Bases) -> None:
        """List the models to start from; what a person chose stays, else the one that suggests itself."""
        before = self.options()
        chosen = self.base.currentData() or ("" if self._picked else bases.suggested)
        self.base.clear()
        self.base.addItem("the model this study began with", "")
        for words, name in bases.models:
            self.base.addItem(words, name)
        self.base.setCurrentIndex(max(0, self.base.findData(chosen)))
        self.chain.setEnabled(any(name.isdecimal() for _words, name in bases.models))
        if self.options() != before:
            self.changed.emit()

    def forget_bases(self) -> None:
        """List no models, without a word: nobody has changed anything."""
        self._picked = False
        with QSignalBlocker(self):
            self.show_bases(Bases())

    def options(self) -> TrainingOptions:
        """Give what is chosen."""
        replay = self.replay.text().strip()
        chain = self.chain.isChecked() and self.chain.isEnabled()
        return TrainingOptions(
            "" if chain and not self._picked else str(self.base.currentData() or ""),
            chain,
            (replay,) if replay else (),
            tuple(self.settings.text().split()),
        )

    def _on_picked(self) -> None:
        self._picked = True
        self.changed.emit()

    def _on_typed(self) -> None:
        self._told = None
        self._pause.start()
        self.typed.emit()

    def _on_edited(self) -> None:
        self._pause.stop()
        if self.options() != self._told:
            self._told = self.options()
            self.changed.emit()
