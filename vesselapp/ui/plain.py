"""Names of files, studies and models in the window, as they are: no markup, no keys of a menu."""

import re
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

_LONG_WORD = re.compile(r"\S{40}")


class PlainLabel(QLabel):
    """Words over several lines, in which nothing is taken for markup."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)


def unmarked(text: str) -> str:
    """Give a text for a button or a menu, where a lone "&" would be taken for the mark of a key."""
    return text.replace("&", "&&")


def tip(*lines: str) -> str:
    """Give a tooltip of some lines: marked up, since Qt wraps nothing else; long names break anywhere."""
    broken = _LONG_WORD.sub(lambda found: found[0] + "\u200b", "\n".join(line for line in lines if line))
    return f"<p>{escape(broken)}</p>".replace("\n", "<br>") if broken else ""
