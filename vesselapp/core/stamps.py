"""The time as every record writes it."""

from datetime import UTC, datetime


def time_stamp() -> str:
    """Give the time now: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
