"""Preferences: what is set once and seldom again."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLineEdit, QSpinBox, QWidget

from vesselapp.core.user import user_name
from vesselapp.state.settings import Settings

_LONGEST_NAME = 80


class PreferencesDialog(QDialog):
    """Who is at work, size of the undo history, execution provider; `apply` writes them into the settings."""

    def __init__(self, settings: Settings, providers: list[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Preferences")
        self._settings = settings
        self.reviewer = QLineEdit(settings.reviewer)
        self.reviewer.setMaxLength(_LONGEST_NAME)
        self.reviewer.setMinimumWidth(30 * self.reviewer.fontMetrics().averageCharWidth())
        self.reviewer.setCursorPosition(0)
        self.reviewer.setPlaceholderText(user_name())
        self.reviewer.setAccessibleName("Your name")
        self.reviewer.setToolTip("Signs decisions, and reviews from the next picture on; others see it")
        self.history = QSpinBox()
        self.history.setRange(16, 65536)
        self.history.setSuffix(" MB")
        self.history.setValue(settings.history_megabytes)
        self.history.setAccessibleName("Memory for undo")
        self.history.setToolTip("Edits can be undone without a count limit up to this much memory")
        self.provider = QComboBox()
        self.provider.addItems(providers)
        self.provider.setCurrentText(settings.provider)
        self.provider.setAccessibleName("Execution provider")
        self.provider.setToolTip("auto takes the best one that passes the model's self-test")
        layout = QFormLayout(self)
        layout.addRow("Your name", self.reviewer)
        layout.addRow("Memory for undo", self.history)
        layout.addRow("Run models on", self.provider)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addRow(buttons)

    def apply(self) -> bool:
        """Write the choices into the settings; True where models have to be loaded anew."""
        self._settings.reviewer = self.reviewer.text().strip()
        self._settings.history_megabytes = self.history.value()
        changed = self._settings.provider != self.provider.currentText()
        self._settings.provider = self.provider.currentText()
        return changed
