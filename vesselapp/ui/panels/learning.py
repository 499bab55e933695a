"""Learning from the open picture: the button, and whose answer is in sight."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from vesselapp.core.learnt import Learnt


class LearningRow(QWidget):
    """Asks for learning, and tells when the answer in sight is adapted to the picture."""

    learn = Signal()
    own = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.learn_button = QPushButton("Learn (L)")  # short: the row must fit a small screen
        self.learn_button.setAccessibleName("Learn from this picture")
        self.learn_button.setToolTip("Adapt the answer everywhere in this picture to your corrections (L)")
        self.learn_button.clicked.connect(self.learn)
        self.own_button = QPushButton("Own answer")
        self.own_button.setAccessibleName("Use the model's own answer again")
        self.own_button.setToolTip("Use the model's own answer again; your corrections stay")
        self.own_button.clicked.connect(self.own)
        for button in (self.learn_button, self.own_button):  # a click leaves the keys to the canvas
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.words = QLabel()
        self.words.setAccessibleName("Whether the answer is adapted to this picture")
        buttons = QHBoxLayout()
        buttons.addWidget(self.learn_button, 1)
        buttons.addWidget(self.own_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.words)
        self.show_adapted(None, own=True, can_learn=False)

    def show_adapted(self, adapted: Learnt | None, *, own: bool, can_learn: bool) -> None:
        """Tell from how many corrected pixels the answer was adapted; None: it is the model's own.

        ``own``: whether it is to stay so; ``can_learn``: whether there is a picture to learn from.
        The row keeps its height, so that nothing below it moves when a person learns.
        """
        if adapted is None:
            self.words.setText("Not adapted to this picture")
        else:
            self.words.setText(f"Adapted, from {adapted.pixels:,} corrected pixels")
        self.own_button.setEnabled(not own)
        self.learn_button.setEnabled(can_learn)
