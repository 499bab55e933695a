"""What the app reads of a training it has started: one JSON object a line on standard output."""

import json
import math
import sys
import time
from typing import Any


def event_line(event: str, values: dict[str, Any]) -> str:
    """Give an event as a line of JSON; a number that JSON doesn't know (not finite) is null."""
    odd = {key for key, value in values.items() if isinstance(value, float) and not math.isfinite(value)}
    finite = {key: None if key in odd else value for key, value in values.items()}
    return json.dumps({"event": event, "time": round(time.time(), 3), **finite})


def emit(event: str, **values: Any) -> None:
    """Write one event as a JSON line to standard output, at once."""
    sys.stdout.write(event_line(event, values) + "\n")
    sys.stdout.flush()
