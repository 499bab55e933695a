"""The journal: what a person did to an image, appended to disk as it happens.

One line an operation: the CRC-32 of the rest in eight hexadecimal digits, a space, JSON, a newline. The first
line is the header. The operations' numbers rise by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vesselapp.core.edits import Edit


@dataclass(frozen=True, eq=False)
class Edited:
    """An edit was made (what was undone before is gone)."""

    edit: Edit


@dataclass(frozen=True)
class Undone:
    """The newest edit was taken back."""


@dataclass(frozen=True)
class Redone:
    """The edit undone last was brought back."""


@dataclass(frozen=True)
class Levelled:
    """A person chose the threshold, by its level (2-253)."""

    level: int


@dataclass(frozen=True, eq=False)
class Viewed:
    """Where the person was looking: values of JSON, the window's own business."""

    view: dict[str, Any]


Operation = Edited | Undone | Redone | Levelled | Viewed
