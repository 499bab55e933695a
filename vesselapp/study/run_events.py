"""Reading the events of a training run while it writes them: one JSON object a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vesselapp.study.json_text import parse_object

Event = dict[str, Any]
_AT_ONCE = 4 * 2**20
_BEGINS = b'{"event"'


class EventTail:
    """Gives what is new in a file of events since it was read last.

    A line that is still being written is left for the next time. Lines that are no event (a process that
    was killed leaves half of one) are passed over, but an event that follows on the same line is found.

    Parameters
    ----------
    file : Path
        It need not exist yet.

    Attributes
    ----------
    rewound : bool
        Whether the last reading began anew, because the file had become shorter.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.rewound = False
        self._offset = 0

    def read(self) -> list[Event]:
        """Give the new events, oldest first, at most 4 MiB at once; none where nothing can be read."""
        self.rewound = False
        try:
            size = self.file.stat().st_size
            if size < self._offset:
                self.rewound, self._offset = True, 0
            if size == self._offset:
                return []
            with self.file.open("rb") as opened:
                opened.seek(self._offset)
                data = opened.read(_AT_ONCE)
        except OSError:
            return []
        whole = data.rfind(b"\n") + 1
        if not whole and len(data) == _AT_ONCE:
            whole = len(data)  # no event is as long: none of it is kept
        self._offset += whole
        found = (parse_event(line) for line in data[:whole].split(b"\n"))
        return [event for event in found if event is not None]


def parse_event(line: bytes) -> Event | None:
    """Give the event on a line, or None where there is none."""
    for begin in sorted({0, max(0, line.rfind(_BEGINS))}):
        try:
            event = parse_object(line[begin:])
        except ValueError:
            continue
        if isinstance(event.get("event"), str):
            return event
    return None
