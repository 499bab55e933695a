"""The log file: what the app did and what went wrong, for the day when somebody asks."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

from vesselapp.core.folders import log_folder

_MOST_BYTES = 1_000_000
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_TALKATIVE = ("PIL", "asyncio")


def log_file() -> Path:
    """Give the log file that is written now; the one before it has ``.1`` behind the name."""
    return log_folder() / "vesselapp.log"


@contextlib.contextmanager
def logging_to_file() -> Iterator[Path | None]:
    """Write log records and Python's warnings to the log file while inside, rather than to the terminal.

    Yields
    ------
    Path or None
        The log file; None where none can be written, which must not keep anybody from working.
    """
    handler, path = _make_handler()
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        logging.captureWarnings(True)
        try:
            yield path
        finally:
            logging.captureWarnings(False)
            root.removeHandler(handler)
            root.setLevel(before)
            handler.close()


class _Handler(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing: a line that can't be written must not keep anybody from working."""


def _make_handler() -> tuple[logging.Handler, Path | None]:
    path = log_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _begin_anew(path)
        handler = _Handler(path, encoding="utf-8")
    except OSError:
        return logging.NullHandler(), None
    handler.setFormatter(logging.Formatter(_FORMAT))
    return handler, path


def _begin_anew(path: Path) -> None:
    """Put a long log aside, before it is opened: while another process has it open, Windows lets nobody."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > _MOST_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
