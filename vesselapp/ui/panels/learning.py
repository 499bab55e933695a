"""Learning from the open picture: the button, and whose answer is in sight."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from vesselapp.core.learnt import Learnt


class LearningRow(QWidget):
    """Asks for learning, and tells when the answer in sight is adapted to the picture."""

    learn = Signal()
    own = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.learn_button = QPushButton("Learn from this picture")
        self.learn_button.setToolTip("Adapt the answer everywhere in this picture to your corrections (L)")
        self.learn_button.clicked.connect(self.learn)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setAccessibleName("Adapted answer")
        self.own_button = QPushButton("Use the model's own answer again")
        self.own_button.clicked.connect(self.own)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.learn_button, self.words, self.own_button):
            layout.addWidget(widget)
        self.show_adapted(None)

    def show_adapted(self, adapted: Learnt | None) -> None:
        """Tell from how many corrected pixels the answer was adapted; None: it is the model's own."""
        if adapted is not None:
            self.words.setText(f"Adapted to this picture from {adapted.pixels:,} corrected pixels.")
        self.words.setVisible(adapted is not None)
        self.own_button.setVisible(adapted is not None)
