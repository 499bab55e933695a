"""What the app reads of a training it has started: one JSON object a line on standard output."""

import json
import sys
import time
from typing import Any


def emit(event: str, **values: Any) -> None:
    """Write one event as a JSON line to standard output, at once."""
    sys.stdout.write(json.dumps({"event": event, "time": round(time.time(), 3), **values}) + "\n")
    sys.stdout.flush()
