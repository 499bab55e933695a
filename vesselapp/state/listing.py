"""Reading what is kept of many pictures while the list of them is in sight already."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial

from vesselapp.core.errors import VesselError
from vesselapp.state.collection import Collection
from vesselapp.state.jobs import Deliver
from vesselapp.state.pictures import Entry
from vesselapp.study.record import Record

_log = logging.getLogger(__name__)
_FIRST, _MOST = 50, 1000

Take = Callable[[Collection, Sequence[tuple[Entry, Record]]], None]


class Listing:
    """Reads the records of a collection on a thread of its own, and gives them part by part.

    Parameters
    ----------
    deliver : callable
        Runs a function on the GUI thread.
    take : callable
        Gets the collection and a part of its entries with their records, there.
    """

    def __init__(self, deliver: Deliver, take: Take) -> None:
        self._deliver, self._take = deliver, take
        self._wanted: Collection | None = None

    def read(self, collection: Collection) -> None:
        """Begin with a collection; what is still being read of another one is dropped."""
        self._wanted = collection
        threading.Thread(target=self._work, args=(collection,), name="listing", daemon=True).start()

    def _work(self, collection: Collection) -> None:
        part: list[tuple[Entry, Record]] = []
        many = _FIRST
        try:
            for entry, record in collection.records():
                if self._wanted is not collection:
                    return
                part.append((entry, record))
                if len(part) >= many:
                    self._hand_over(collection, part)
                    part, many = [], _MOST
        except (VesselError, OSError, ValueError) as problem:
            _log.warning("what is kept of the pictures can't be listed: %s", problem)
        self._hand_over(collection, part)

    def _hand_over(self, collection: Collection, part: list[tuple[Entry, Record]]) -> None:
        self._deliver(partial(self._give, collection, part))

    def _give(self, collection: Collection, part: list[tuple[Entry, Record]]) -> None:
        if self._wanted is collection:
            self._take(collection, part)
