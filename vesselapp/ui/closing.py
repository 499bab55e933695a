"""Lets closing the window wait for what a person asked for and has not got yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer

if TYPE_CHECKING:
    from vesselapp.ui.window import MainWindow

LEAVE_ANYWAY = "Close the window again to leave all the same."


class Closing:
    """Closes the window as soon as its exports are written and a clean-up that was applied is made.

    Where one of them fails, the window stays, and what is told of that in sight.

    Parameters
    ----------
    window : MainWindow
    """

    def __init__(self, window: MainWindow) -> None:
        self._window, workspace = window, window.workspace
        self._exports, self._cleaning = workspace.exports, workspace.desk.cleaning
        self._waits = False
        self._exports.written.connect(self._go_on)
        self._exports.failed.connect(self._stay)
        self._cleaning.changed.connect(self._go_on)
        self._cleaning.told.connect(self._stay)

    @property
    def _under_way(self) -> list[str]:
        cleaned = ["the clean-up of this picture"] if self._cleaning.applying else []
        return [f"the export of {stem}" for stem in self._exports.under_way] + cleaned

    def holds(self) -> bool:
        """Tell whether closing waits, and tell the person for what; asked for a second time, it doesn't."""
        under_way = self._under_way
        self._waits = bool(under_way) and not self._waits
        if self._waits:
            words = f"The window closes as soon as this is done: {', '.join(under_way)}. {LEAVE_ANYWAY}"
            self._window.notice.show_text(words)
        return self._waits

    def _go_on(self) -> None:
        if self._waits and not self._under_way:
            QTimer.singleShot(0, self._window.close)

    def _stay(self) -> None:
        self._waits = False
