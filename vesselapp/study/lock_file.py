"""The files that locks are made of: who they name, and the chain they form (see `vesselapp.study.lock`)."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from vesselapp.core.files import patiently, temporary_beside
from vesselapp.core.stamps import time_stamp
from vesselapp.study.json_text import parse_object
from vesselapp.study.process import boot_id

_MOST_LINKS = 1000
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL)


@dataclass(frozen=True)
class Holder:
    """Who has a lock.

    Attributes
    ----------
    who, host : str
        The person and the computer.
    pid : int
    boot : str
        Of the computer's run, so that a process number of an earlier one isn't taken for a living process.
    token : str
        Of this very lock.
    since : str
        ISO 8601, UTC.
    stale : bool
        Whether it gave no sign of life for so long that it may be taken over (`Lock.take_over`).
    """

    who: str
    host: str
    pid: int
    boot: str
    token: str
    since: str
    stale: bool = False


def nobody() -> Holder:
    """Give a holder of whom nothing is known."""
    return Holder("", "", 0, "", "", "")


def ourselves(who: str) -> Holder:
    """Give a holder for this process, with a token of its own."""
    now = time_stamp()
    return Holder(who, socket.gethostname(), os.getpid(), boot_id(), secrets.token_hex(8), now)


def create(path: Path, holder: Holder) -> bool:
    """Create a file that names a holder, whole from the first moment; False where it exists."""
    values = asdict(holder)
    del values["stale"]
    text = json.dumps(values).encode() + b"\n"
    temporary = temporary_beside(path)
    try:
        _write_new(temporary, text)
        try:
            patiently(os.link, temporary, path)
        except FileExistsError:
            return False
        except OSError as problem:
            if problem.errno not in _NO_LINKS:
                raise
            _write_new(path, text)  # a drive without links: others may see it empty for a moment
        return True
    except FileExistsError:
        return False
    finally:
        remove([temporary])


def _write_new(path: Path, text: bytes) -> None:
    with path.open("xb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def chain(path: Path) -> list[tuple[Holder, Path]]:
    """Give the holders from the lock file to the owner, each with its file; none where the lock is free."""
    links: list[tuple[Holder, Path]] = []
    file = path
    while (holder := read(file)) is not None and len(links) < _MOST_LINKS:
        links.append((holder, file))
        file = successor(path, holder.token)
    return links


def read(path: Path) -> Holder | None:
    """Read who a lock file names: somebody unknown where it holds anything else, None where there is none."""
    try:
        return parsed(patiently(path.read_bytes))
    except FileNotFoundError:
        return None


def parsed(text: bytes) -> Holder:
    """Give who a lock file's text names; somebody unknown, with a token made of it, for any other text."""
    try:
        values = parse_object(text)
        who, host, boot, token, since = (
            str(values[name])[:200] for name in ("who", "host", "boot", "token", "since")
        )
        if token.isalnum() and token.isascii():
            return Holder(who, host, int(values["pid"]), boot, token, since)
    except (ValueError, TypeError, KeyError, OverflowError):
        pass
    return replace(nobody(), token=hashlib.sha256(text).hexdigest()[:16])


def successor(path: Path, token: str) -> Path:
    """Give the file in which whoever succeeds the lock of a token is named."""
    return path.with_name(f"{path.name}.{token}")


def successors(path: Path) -> list[Path]:
    """List the files of successors, of whatever chain."""
    prefix = path.name + "."
    return [file for file in path.parent.iterdir() if file.name.startswith(prefix)]


def age(path: Path) -> float:
    """Give the seconds since a file was written, by the clock of the server that it lies on.

    A time that lies ahead counts like one that lies behind: the server's clock was set back, and an owner who
    lives will soon write again.
    """
    probe = temporary_beside(path)
    try:
        _write_new(probe, b"")
        return abs(probe.stat().st_mtime - path.stat().st_mtime)
    except FileNotFoundError:
        return 0.0  # one of the two was just removed: look again
    finally:
        remove([probe])


def remove(files: list[Path]) -> None:
    """Remove files as far as the disk lets us; what is left over does no harm."""
    for file in files:
        with contextlib.suppress(OSError):
            patiently(file.unlink, missing_ok=True)
