"""Writing files so that they are either whole or not there."""

import contextlib
import errno
import hashlib
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from vesselapp.core.errors import VesselError

TEMPORARY_PREFIX = ".vesselapp-"
_LEFT_S = 24 * 3600.0
_OF_BROWSERS = (".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini")

_REASONS = {
    errno.EACCES: "you have no permission there",
    errno.EPERM: "you have no permission there",
    errno.EROFS: "the disk is read-only",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your share of the disk is full",
    errno.ENOENT: "its folder doesn't exist",
    errno.ENOTDIR: "its folder is a file",
    errno.EISDIR: "a folder of that name is in the way",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EIO: "the disk or the network drive doesn't answer properly",
    errno.ESTALE: "the network drive has changed or gone",
    errno.ENOTCONN: "the network drive is gone",
    errno.EHOSTDOWN: "the network drive is gone",
}
_OPEN = "another program has it open"
_WINDOWS_REASONS = {
    5: f"you have no permission there, or {_OPEN}",
    32: _OPEN,
    33: _OPEN,
    206: "its path is too long for Windows",
}
_NO_SUCH_FOLDER, _MAX_PATH = 3, 260
_PAUSES_S = (0.01, 0.02, 0.04, 0.08, 0.15, 0.2, 0.25, 0.25, 0.25, 0.25) if os.name == "nt" else ()
"""How long `patiently` waits before each new try."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class FileState:
    """What tells states of a file apart without reading it: time of change (ns) and size (bytes)."""

    changed: int
    size: int

    @classmethod
    def of(cls, path: Path) -> "FileState | None":
        """Look at a file; None where it isn't there."""
        try:
            return cls.told_by(path.stat())
        except (OSError, ValueError):
            return None

    @classmethod
    def told_by(cls, stat: os.stat_result) -> "FileState":
        """Take it from what the system says of a file."""
        return cls(stat.st_mtime_ns, stat.st_size)


def atomic_write(
    path: str | os.PathLike[str],
    content: bytes | Callable[[BinaryIO], object],
    *,
    ready: Callable[[], object] | None = None,
) -> None:
    """Write a file in one step: others see the old one or the new one, never half of it.

    A temporary file in the same folder is written, flushed to the disk, seen to have its full length, and
    renamed.

    Parameters
    ----------
    path : str or path
        A file there is replaced.
    content : bytes, or a function that writes to the binary file it is given
    ready : callable, optional
        Called just before the renaming; what it raises keeps the older file as it was.

    Raises
    ------
    VesselError
        Where it can't be written; nothing is left behind and an older file stays as it was.
    """
    path = Path(path)
    temporary = temporary_beside(path)
    try:
        try:
            with temporary.open("xb") as file:
                if callable(content):
                    content(file)
                else:
                    file.write(content)
                file.flush()
                sync(file.fileno())
                if os.fstat(file.fileno()).st_size != file.tell():
                    raise OSError(errno.EIO, "the disk took less than was written")
            if ready is not None:
                ready()
            patiently(temporary.replace, path)
        finally:
            _remove(temporary)
        sync_folder(path.parent)
    except OSError as problem:
        why = reason(problem)
        hint = "Close it there, or choose another place." if why.endswith(_OPEN) else "Choose another place."
        raise VesselError(f"{path} can't be written: {why}.", hint) from problem


def patiently(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Rename, remove or open; on Windows again and again, for some 1.5 s, where that is refused.

    A virus scanner, an indexer or another reader may have the file open for a moment, which forbids it there.
    """
    for pause in _PAUSES_S:
        try:
            return step(*args, **kwargs)
        except PermissionError:
            time.sleep(pause)
    return step(*args, **kwargs)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file of any size in one step (see `atomic_write`).

    Raises
    ------
    VesselError
        Where it can't be read or written.
    """
    atomic_write(target, lambda file: _pour(source, file))


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder, with those above it, where it isn't there yet, and put it on the disk.

    Raises
    ------
    VesselError
        Where it can't be made, or can't be written into.
    """
    path = Path(path)
    try:
        new = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in new:
            sync_folder(folder.parent)
        trial = temporary_beside(path / "any")
        try:
            trial.touch(exist_ok=False)
        finally:
            _remove(trial)
    except FileExistsError as problem:
        raise VesselError(f"{path} is a file, not a folder.", "Choose another folder.") from problem
    except OSError as problem:
        text = f"The folder {path} can't be written to: {reason(problem)}."
        raise VesselError(text, "Choose another folder.") from problem
    return path


def is_there(path: Path) -> bool:
    """Tell whether something is there; False where rights, its name or a lost drive don't let it be seen."""
    return os.path.exists(path)  # noqa: PTH110 - pathlib raises there


def is_file(path: Path) -> bool:
    """Tell whether a file is there; False where that can't be seen, as `is_there`."""
    return os.path.isfile(path)  # noqa: PTH113 - pathlib raises there


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there; False where that can't be seen, as `is_there`."""
    return os.path.isdir(path)  # noqa: PTH112 - pathlib raises there


def is_special(path: Path) -> bool:
    """Tell whether a pipe, a socket or a device is there: who reads one may wait for ever."""
    return is_there(path) and not (is_file(path) or is_folder(path))


def is_of_browser(name: str) -> bool:
    """Tell what Finder and Explorer leave in folders, ``._a`` beside an ``a`` too: nobody put it there."""
    return name.startswith("._") or name.lower() in _OF_BROWSERS


def special_in(folder: str | os.PathLike[str]) -> set[str]:
    """Name the pipes, sockets and devices in a folder, without asking the disk about each file."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return {one.name for one in entries if not (one.is_symlink() or one.is_file() or one.is_dir())}
    return set()


def real_path(path: Path, folders: dict[Path, str]) -> str:
    """Give where a file lies behind all links; ``folders`` holds where those that were asked about lie."""
    if os.path.islink(path):  # noqa: PTH114 - pathlib raises there
        return os.path.realpath(path)
    if path.parent not in folders:
        folders[path.parent] = os.path.join(os.path.realpath(path.parent), "")  # noqa: PTH118 - ends in one /
    return folders[path.parent] + path.name


def typed_path(text: str) -> Path:
    """Give the path that a person typed; ``~`` is the home folder, ``~nobody`` just a name.

    Quotes around it are left out: Windows puts them there where a path is copied.
    """
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return Path(os.path.expanduser(text))  # noqa: PTH111 - pathlib raises where there is no such user


def reason(problem: OSError) -> str:
    """Say in a few words, without a full stop, why reading or writing failed."""
    code = getattr(problem, "winerror", 0)
    if code == _NO_SUCH_FOLDER and len(str(problem.filename)) >= _MAX_PATH:
        code = 206  # said of a path that is too long, too
    text = _WINDOWS_REASONS.get(code) or _REASONS.get(problem.errno or 0) or problem.strerror or str(problem)
    return (text[:1].lower() + text[1:]).rstrip(".")


@contextlib.contextmanager
def telling(what: str, hint: str = "") -> Iterator[None]:
    """Tell (VesselError) what can't be done inside, and why, where the disk refuses it."""
    try:
        yield
    except OSError as problem:
        raise VesselError(f"{what}: {reason(problem)}.", hint) from problem


def temporary_beside(path: Path) -> Path:
    """Give a new name for a temporary file in the same folder."""
    return path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}.tmp")


def remove_temporaries(folder: Path) -> None:
    """Remove the temporary files that a process which died left in a folder."""
    with contextlib.suppress(OSError):
        for file in folder.glob(f"{TEMPORARY_PREFIX}*.tmp"):
            _remove(file)


def remove_old_temporaries(*folders: Path) -> None:
    """Remove temporary files, where others may be at work, that nobody has written to for a day.

    A day by the clock of the server that they lie on.
    """
    for folder in folders:
        with contextlib.suppress(OSError):
            found = [(file, file.stat().st_mtime) for file in folder.glob(f"{TEMPORARY_PREFIX}*.tmp")]
            if not found:
                continue
            probe = temporary_beside(folder / "any")
            probe.touch()
            now = probe.stat().st_mtime
            for file, written in [*found, (probe, 0.0)]:
                if now - written > _LEFT_S:
                    _remove(file)


def _pour(source: Path, file: BinaryIO) -> None:
    unread = f"{source} can't be read"
    with telling(unread):
        origin = source.open("rb")
    with origin:
        while True:
            with telling(unread):
                piece = origin.read(2**20)
            if not piece:
                return
            file.write(piece)


def _remove(path: Path) -> None:
    # Where this fails, the folder is gone or never was: the error of the write itself is the one to tell.
    with contextlib.suppress(OSError):
        patiently(path.unlink, missing_ok=True)


def sync(handle: int) -> None:
    """Put what was written to an open file on the disk itself, so that a power cut takes none of it.

    On macOS ``fsync`` leaves it in the drive's own memory, and only ``F_FULLFSYNC`` empties that; not every
    file system knows it.
    """
    if sys.platform == "darwin":
        import fcntl

        try:
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            return
        except OSError as problem:
            if problem.errno == errno.EIO:
                raise
    os.fsync(handle)


def append_whole(handle: int, data: bytes, length: int) -> None:
    """Put data on the disk, at the end of an open file of so many bytes; cut that back where it fails."""
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        sync(handle)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(handle, length)
        raise


def sync_folder(folder: Path) -> None:
    """Put the renaming itself on the disk, where the system can (Windows and some network drives can't)."""
    if os.name == "nt":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with contextlib.suppress(OSError):
            sync(handle)
    finally:
        os.close(handle)


def file_sha256(path: Path) -> str:
    """Give the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_if_readable(path: Path) -> str | None:
    """Give the hexadecimal SHA-256 of a file; None where there is none to be read."""
    try:
        return file_sha256(path)
    except OSError:
        return None
