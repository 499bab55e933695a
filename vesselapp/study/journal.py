"""The journal: what a person did to an image, appended to disk as it happens.

One line an operation: the CRC-32 of the rest in eight hexadecimal digits, a space, JSON, a newline. The first
line is the header. The operations' numbers rise by one.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, TypeGuard

from vesselapp.core.edits import TILE, Edit, tile_box
from vesselapp.core.evidence import HIGHEST, LOWEST
from vesselapp.core.geometry import EMPTY
from vesselapp.core.learnt import learnt_from_json, learnt_to_json
from vesselapp.study.json_text import parse_object
from vesselapp.study.record import refuse_newer

JOURNAL_NAME = "journal.log"
JOURNAL_FORMAT = 1
EMPTY_PLANE = "empty"
_LONGEST_LINE = 2**30


@dataclass(frozen=True, eq=False)
class Edited:
    """An edit was made (what was undone before is gone)."""

    edit: Edit


@dataclass(frozen=True)
class Undone:
    """The newest edit was taken back."""


@dataclass(frozen=True)
class Redone:
    """The edit undone last was brought back."""


@dataclass(frozen=True)
class Levelled:
    """A person chose the threshold, by its level (2-253)."""

    level: int


@dataclass(frozen=True, eq=False)
class Viewed:
    """Where the person was looking: values of JSON, the window's own business."""

    view: dict[str, Any]


Operation = Edited | Undone | Redone | Levelled | Viewed


@dataclass(frozen=True)
class Header:
    """The journal's first line.

    Attributes
    ----------
    sha256 : str
        Of the image's file.
    height, width : int
        Px.
    base : int
        Number of the operation before the first one in the file.
    plane : str
        The corrections before the first edit in the file: ``empty``, or the sha256 of their bytes by rows.
    tile : int
        Side of a tile, px.
    """

    sha256: str
    height: int
    width: int
    base: int = 0
    plane: str = EMPTY_PLANE
    tile: int = TILE
    format: int = JOURNAL_FORMAT


@dataclass(frozen=True, eq=False)
class Line:
    """A line of a journal as read: its bytes, number and operation, which is None where it is damaged.

    ``whole`` is False for a last line without its newline: it was being written when the app ended.
    """

    raw: bytes
    number: int
    operation: Operation | None
    whole: bool


def encode_header(header: Header) -> bytes:
    """Give the journal's first line."""
    return _line(asdict(header))


def encode(number: int, operation: Operation) -> bytes:
    """Give the line of an operation."""
    match operation:
        case Edited(edit):
            tiles = [[row, column, base64.b64encode(data).decode()] for row, column, data in edit.tiles]
            values: dict[str, Any] = {"op": "edit", "name": edit.name, "tiles": tiles}
            if edit.learnt is not None:
                values["learnt"] = learnt_to_json(edit.learnt)
        case Undone():
            values = {"op": "undo"}
        case Redone():
            values = {"op": "redo"}
        case Levelled(level):
            values = {"op": "level", "level": level}
        case Viewed(view):
            values = {"op": "view", "view": view}
    return _line({"n": number, **values})


def decode_header(raw: bytes) -> Header:
    """Read the journal's first line.

    Raises
    ------
    ValueError
        Where it is damaged.
    VesselError
        Where a newer version of the app wrote it.
    """
    values = _values(raw)
    refuse_newer(values, JOURNAL_FORMAT, "The journal of this picture")
    texts, numbers = [values.get(name) for name in ("sha256", "plane")], [values.get("base")]
    numbers += [values.get(name) for name in ("height", "width", "tile", "format")]
    if not all(isinstance(text, str) for text in texts) or not all(_is_whole(n) for n in numbers):
        raise ValueError("not a journal's first line")
    header = Header(**{name: values[name] for name in Header.__dataclass_fields__})
    if header.tile != TILE or min(header.height, header.width) < 1:
        raise ValueError("not a journal's first line")
    return header


def read_lines(file: BinaryIO, header: Header) -> Iterator[Line]:
    """Read the operations of a journal, from the line after its header on."""
    while raw := file.readline(_LONGEST_LINE):
        whole = raw.endswith(b"\n")
        try:
            values = _values(raw)
            number = values.get("n")
            if not whole or not _is_whole(number):
                raise ValueError("no number")
            yield Line(raw, number, _operation(values, header), whole)
        except ValueError:
            yield Line(raw, -1, None, whole)


def _line(values: dict[str, Any]) -> bytes:
    text = json.dumps(values, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _values(raw: bytes) -> dict[str, Any]:
    """Give what a line says; a ValueError where its checksum doesn't fit."""
    text = raw[9:].removesuffix(b"\n")
    if raw[:9] != b"%08x " % zlib.crc32(text):
        raise ValueError("the checksum doesn't fit")
    return parse_object(text)


def _operation(values: dict[str, Any], header: Header) -> Operation:
    match values.get("op"):
        case "edit":
            return Edited(_edit(values, header))
        case "undo":
            return Undone()
        case "redo":
            return Redone()
        case "level":
            level = values.get("level")
            if _is_whole(level) and LOWEST < level <= HIGHEST:
                return Levelled(level)
        case "view":
            view = values.get("view")
            if isinstance(view, dict):
                return Viewed(view)
    raise ValueError("no operation that we know")


def _edit(values: dict[str, Any], header: Header) -> Edit:
    tiles, box = [], EMPTY
    for entry in _a_list(values.get("tiles")):
        row, column, text = _a_list(entry)
        if not (_is_whole(row) and _is_whole(column) and isinstance(text, str)):
            raise ValueError("not a tile")
        place = tile_box(row, column, (header.height, header.width))
        if place.empty:
            raise ValueError("a tile outside the picture")
        tiles.append((row, column, base64.b64decode(text, validate=True)))
        box = box.united(place)
    learnt = learnt_from_json(values["learnt"]) if "learnt" in values else None
    return Edit(str(values.get("name", "")), box, tuple(tiles), learnt)


def _a_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
