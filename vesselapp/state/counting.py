"""How many pictures a folder holds, counted without making anybody wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from vesselapp.state.jobs import Deliver
from vesselapp.study.pictures import walk_in

MOST = 10_000
"""Counted up to here: more is as good as many."""


class PictureCount:
    """Counts on a thread of its own, since a folder may be on a drive that answers late or never.

    Parameters
    ----------
    deliver : callable
        Runs a function on the thread of who asked.
    told : callable
        Gets how many pictures the folder asked for last holds, at most `MOST`.
    """

    def __init__(self, deliver: Deliver, told: Callable[[int], None]) -> None:
        self._deliver, self._told = deliver, told
        self._wanted: object = None

    def start(self, folder: Path) -> None:
        """Count a folder's pictures; the folder before is forgotten."""
        self._wanted = mine = object()

        def tell(number: int) -> None:
            if self._wanted is mine:
                self._told(number)

        def work() -> None:
            number = 0
            for _ in walk_in(folder, 0, lambda: self._wanted is not mine):
                number += 1
                if number == MOST:
                    break
            self._deliver(lambda: tell(number))

        threading.Thread(target=work, name="picture count", daemon=True).start()

    def stop(self) -> None:
        """Forget what was asked."""
        self._wanted = None
