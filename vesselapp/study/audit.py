"""The audit log of a study: who did what and when, each line holding the hash of the line before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class AuditLine:
    """A line of the log: its number, what it says, and its own hash (sha256 of its bytes)."""

    number: int
    values: dict[str, Any]
    sha256: str


class AuditLog:
    """The log of a study's folder.

    Parameters
    ----------
    study : Path
    """

    def __init__(self, study: Path) -> None:
        self.path = study / "audit.log"

    def append(self, who: str, what: str, **facts: Any) -> str:
        """Add a line, under a short lock because several people write; give its hash.

        Parameters
        ----------
        who : str
        what : str
            ``created``, ``saved``, ``model added``, ``model used``, ``exported``...
        **facts
            Values of JSON. ``model added`` has ``number``, ``file`` and ``sha256``; `verify` holds the files
            against them.

        Raises
        ------
        VesselError
            Where it can't be written.
        """
        raise NotImplementedError
