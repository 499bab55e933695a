"""Lets closing the window wait for what a person asked for and has not got yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer

if TYPE_CHECKING:
    from vesselapp.ui.window import MainWindow

LEAVE_ANYWAY = "Close the window again to leave all the same."
_STAYS = "The window stays open, for another picture was opened."


class Closing:
    """Closes the window as soon as its exports are written and a clean-up that was applied is made.

    It does so only where the notice that says so is still in sight: the window stays where a person closed
    that, where anything else is told, such as that one of them failed, and where another picture is opened.

    Parameters
    ----------
    window : MainWindow
    """

    def __init__(self, window: MainWindow) -> None:
        self._window, self._workspace = window, window.workspace
        self._exports, self._cleaning = self._workspace.exports, self._workspace.desk.cleaning
        self._words = ""
        self._given_up: list[str] = []
        self._exports.written.connect(self._go_on)
        self._exports.failed.connect(self._go_on)
        self._cleaning.changed.connect(self._go_on)
        self._workspace.desk.opening.connect(self._stay)
        self._workspace.document_changed.connect(self._stay)  # before the window takes its notice away

    @property
    def _under_way(self) -> list[str]:
        cleaned = ["the clean-up of this picture"] if self._cleaning.applying else []
        return [f"the export of {stem}" for stem in self._exports.under_way] + cleaned

    @property
    def _waits(self) -> bool:
        notice = self._window.notice
        return bool(self._words) and notice.label.text() == self._words and not notice.isHidden()

    def holds(self) -> bool:
        """Tell whether closing waits, and tell the person for what; asked for a second time, it doesn't."""
        under_way = self._under_way
        if not under_way or self._waits or under_way == self._given_up:
            self._words, self._given_up = "", under_way
            return False
        self._words = f"The window closes as soon as this is done: {', '.join(under_way)}. {LEAVE_ANYWAY}"
        self._given_up = []
        self._window.notice.show_text(self._words)
        return True

    @property
    def _ready(self) -> bool:
        return self._waits and not self._under_way

    def _go_on(self) -> None:
        self._given_up = [what for what in self._given_up if what in self._under_way]
        if self._ready:
            QTimer.singleShot(0, self._close)

    def _close(self) -> None:
        if self._ready:  # still: it may have been done because another picture is opened
            self._window.close()

    def _stay(self) -> None:
        if self._waits:
            self._words = ""
            self._window.notice.show_text(_STAYS)
            self._workspace.desk.telling.with_next(_STAYS)
