"""Which shared libraries a library asks for, read from the file (ELF, 64 bit, little-endian)."""

import struct
from pathlib import Path

import PySide6
import shiboken6

_DYNAMIC = 2
_LOAD = 1
_NEEDED, _STRING_TABLE = 1, 5


def bundled_libraries() -> dict[str, Path]:
    """Give the shared libraries that come with PySide6, by file name."""
    folders = [Path(PySide6.__path__[0]), Path(shiboken6.__path__[0])]
    return {path.name: path for folder in folders for path in folder.rglob("*.so*")}


def needed_by(starts: list[Path], bundled: dict[str, Path]) -> set[str]:
    """Give the libraries that some need, directly or through others, and that are not bundled."""
    outside: set[str] = set()
    seen: set[Path] = set()
    todo = list(starts)
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in _needed(path.read_bytes()):
            if name in bundled:
                todo.append(bundled[name])
            else:
                outside.add(name)
    return outside


def _needed(data: bytes) -> list[str]:
    assert data[:6] == b"\x7fELF\x02\x01"
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<IIQQQQ", data, table + size * i) for i in range(count)]
    dynamic = next(s for s in segments if s[0] == _DYNAMIC)
    entries = [struct.unpack_from("<qQ", data, dynamic[2] + at) for at in range(0, dynamic[5], 16)]
    strings = next(value for tag, value in entries if tag == _STRING_TABLE)
    # The string table is given by its address in memory; the segment that is loaded there tells its place.
    load = next(s for s in segments if s[0] == _LOAD and s[3] <= strings < s[3] + s[5])
    start = strings - load[3] + load[2]
    names = [start + value for tag, value in entries if tag == _NEEDED]
    return [data[at : data.index(b"\0", at)].decode() for at in names]
