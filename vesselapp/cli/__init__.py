"""The command line: opens the window, or works without one."""

import argparse
import contextlib
import io
import logging
import os
import sys
from collections.abc import Sequence

_log = logging.getLogger(__name__)

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the app.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process where None.

    Returns
    -------
    int
        Exit status: 0 all done, 1 something failed, 2 wrong usage, 130 stopped by Ctrl+C.
    """
    from vesselapp.cli.arguments import parse

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal can't show is no error
    try:
        return _run(parse(sys.argv[1:] if argv is None else list(argv)))
    except SystemExit as stop:  # argparse has told what is wrong, or shown help
        return stop.code if isinstance(stop.code, int) else 2


def _run(options: argparse.Namespace) -> int:
    from vesselapp.core.errors import VesselError
    from vesselapp.core.files import reason
    from vesselapp.core.logs import logging_to_file

    with logging_to_file() as log_file:
        try:
            status = int(options.run(options))
            if sys.stdout is not None:
                sys.stdout.flush()
            return status
        except VesselError as problem:
            _log.info("told the user: %s", problem, exc_info=problem.__cause__)
            say(str(problem))
        except KeyboardInterrupt:
            say("Stopped.")
            return INTERRUPTED
        except BrokenPipeError:
            drop_stdout()
        except Exception as problem:  # noqa: BLE001 - the app's edge: told in a sentence, kept in the log
            if isinstance(problem, OSError) and not _can_print():
                drop_stdout()
                say(f"The results can't be printed: {reason(problem)}.")
                return 1
            _log.critical("unexpected error", exc_info=problem)
            where = f" The details are in {log_file}." if log_file else ""
            say(f"Something unexpected went wrong ({type(problem).__name__}).{where}")
    return 1


def say(text: str) -> None:
    """Tell the user something on stderr, which leaves stdout to results."""
    with contextlib.suppress(OSError):
        print(f"vesselapp: {text}", file=sys.stderr, flush=True)


def _can_print() -> bool:
    """Tell whether stdout takes anything, by an empty line: only it knows that its disk is full."""
    try:
        print(flush=True)
    except OSError:
        return False
    return True


def drop_stdout() -> None:
    """Write no more to stdout, which takes nothing any longer: keeps Python from complaining at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
