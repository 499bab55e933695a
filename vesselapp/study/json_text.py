"""JSON from files that anything may have happened to."""

import json
from typing import Any


def parse_object(text: bytes | str) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    ValueError
        Where the text is anything else.
    """
    try:
        values = json.loads(text)
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem
    if not isinstance(values, dict):
        raise ValueError("not a JSON object")
    return values
