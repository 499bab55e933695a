"""A cheap look into an ONNX file, before a runtime reads it: only the structure, never the weights.

ONNX files are protocol buffers (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Reading the few
fields that matter needs no package, skips weights by their length, and can't be made to allocate what a
hostile file claims to hold.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vesselapp.core.errors import VesselError
from vesselapp.core.files import is_file

MAX_FILE_BYTES = 2**31 - 1
_MAX_DEPTH = 16
_MAX_NODES = 200_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_TYPES = "? float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64"
TYPE_NAMES = dict(enumerate(_TYPES.split()))
_ITEM_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 16: 16}


@dataclass(frozen=True)
class TensorInfo:
    """Name, element type and shape of an input or output; None stands for a size that is free."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Weights:
    """An initialiser: what it claims to be, what the file holds of it, and where the rest should lie."""

    name: str
    dims: tuple[int, ...]
    item_bits: int | None
    stored_bytes: int
    stored_raw: bool
    external: tuple[tuple[str, str], ...]

    @property
    def claimed_bytes(self) -> int:
        """Size (bytes) that shape and type ask for; 0 for types without a fixed size."""
        count = 1
        for size in self.dims:
            count *= max(0, size)
        return count * (self.item_bits or 0) // 8


@dataclass(frozen=True)
class Node:
    """One operation: domain and type, and the names it reads and writes."""

    domain: str
    kind: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


@dataclass
class GraphInfo:
    """What the look found in the file's graph (subgraphs' nodes and weights are listed with the rest)."""

    ir_version: int = 0
    opsets: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    functions: set[tuple[str, str]] = field(default_factory=set)
    has_graph: bool = False
    inputs: list[TensorInfo] = field(default_factory=list)
    outputs: list[TensorInfo] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    inner_nodes: list[Node] = field(default_factory=list)
    weights: list[Weights] = field(default_factory=list)
    sparse_weights: bool = False
    producer: str = ""


class _Broken(Exception):
    """The bytes are not what a protocol buffer may hold."""


def read_graph(path: Path, *, metadata_only: bool = False) -> GraphInfo:
    """Look into an ONNX file.

    Parameters
    ----------
    path : Path
    metadata_only : bool
        Skip the graph: enough to read a model card, in microseconds.

    Returns
    -------
    GraphInfo

    Raises
    ------
    VesselError
        If the file can't be read, or isn't an ONNX model, or is cut short.
    """
    if not is_file(path):
        raise VesselError(f"There is no model file {path}.", "Check the path.")
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size == 0:
                raise VesselError(
                    f"The model file {path.name} is empty.", "Copy it again from where it came."
                )
            if size > MAX_FILE_BYTES:
                raise VesselError(
                    f"The model file {path.name} is larger than 2 GB.",
                    "No ONNX file can be; it is something else.",
                )
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        info = _read_model(memoryview(mapped), metadata_only)
    except OSError as error:
        reason = error.strerror or str(error)
        raise VesselError(
            f"The model file {path} can't be read: {reason}.", "Check its permissions."
        ) from error
    except _Broken:
        raise VesselError(
            f"{path.name} is no ONNX model, or it is cut short.", "Choose an .onnx file, or copy it again."
        ) from None
    if not info.has_graph or (info.ir_version == 0 and not info.opsets):
        raise VesselError(f"{path.name} is no ONNX model.", "Choose a file that was exported to ONNX.")
    return info


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Walk the fields of one message: (number, whole number or slice)."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == _BYTES:
            length, at = _varint(data, at)
        elif wire == _FIXED64:
            length = 8
        elif wire == _FIXED32:
            length = 4
        else:
            raise _Broken
        if number == 0 or at + length > end:
            raise _Broken
        yield number, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (2**64 - 1), at
        shift += 7
    raise _Broken


def _text(value: int | memoryview) -> str:
    if isinstance(value, int):
        raise _Broken
    return bytes(value).decode("utf-8", "replace")


def _slice(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise _Broken
    return value


def _number(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise _Broken
    return value


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _read_model(data: memoryview, metadata_only: bool) -> GraphInfo:
    info = GraphInfo()
    for number, value in _fields(data):
        if number == 1:
            info.ir_version = _number(value)
        elif number == 2:
            info.producer = _text(value)
        elif number == 7:
            info.has_graph = True
            if not metadata_only:
                _read_graph_message(_slice(value), info, depth=0)
        elif number == 8:
            domain, version = "", 0
            for inner, item in _fields(_slice(value)):
                domain = _text(item) if inner == 1 else domain
                version = _number(item) if inner == 2 else version
            info.opsets[domain] = version
        elif number == 14:
            key, item_value = _pair(_slice(value))
            info.metadata[key] = item_value
        elif number == 25 and not metadata_only:
            _read_function(_slice(value), info)
    return info


def _pair(data: memoryview) -> tuple[str, str]:
    key = text = ""
    for number, value in _fields(data):
        key = _text(value) if number == 1 else key
        text = _text(value) if number == 2 else text
    return key, text


def _read_function(data: memoryview, info: GraphInfo) -> None:
    name = domain = ""
    for number, value in _fields(data):
        if number == 1:
            name = _text(value)
        elif number == 10:
            domain = _text(value)
        elif number == 7:
            info.inner_nodes.append(_read_node(_slice(value), info, depth=1))
    info.functions.add((domain, name))


def _read_graph_message(data: memoryview, info: GraphInfo, depth: int) -> None:
    if depth > _MAX_DEPTH or len(info.nodes) + len(info.inner_nodes) > _MAX_NODES:
        raise _Broken
    nodes = info.nodes if depth == 0 else info.inner_nodes
    for number, value in _fields(data):
        if number == 1:
            nodes.append(_read_node(_slice(value), info, depth))
        elif number == 5:
            info.weights.append(_read_weights(_slice(value)))
        elif number == 15:
            info.sparse_weights = True
        elif number == 11 and depth == 0:
            info.inputs.append(_read_tensor_info(_slice(value)))
        elif number == 12 and depth == 0:
            info.outputs.append(_read_tensor_info(_slice(value)))


def _read_node(data: memoryview, info: GraphInfo, depth: int) -> Node:
    reads: list[str] = []
    writes: list[str] = []
    kind = domain = ""
    for number, value in _fields(data):
        if number == 1:
            reads.append(_text(value))
        elif number == 2:
            writes.append(_text(value))
        elif number == 4:
            kind = _text(value)
        elif number == 7:
            domain = _text(value)
        elif number == 5:
            for inner, item in _fields(_slice(value)):
                if inner in (5, 10):
                    info.weights.append(_read_weights(_slice(item)))
                elif inner in (22, 23):
                    info.sparse_weights = True
                elif inner in (6, 11):
                    _read_graph_message(_slice(item), info, depth + 1)
    return Node(domain, kind, tuple(reads), tuple(writes))


def _read_weights(data: memoryview) -> Weights:
    name, dims, kind, stored, raw = "", [], 0, 0, False
    external: list[tuple[str, str]] = []
    for number, value in _fields(data):
        if number == 1:
            dims += _packed(value)
        elif number == 2:
            kind = _number(value)
        elif number == 8:
            name = _text(value)
        elif number in (4, 5, 6, 7, 9, 10, 11):
            stored += len(value) if isinstance(value, memoryview) else 1
            raw = raw or number == 9
        elif number == 13:
            external.append(_pair(_slice(value)))
    return Weights(name, tuple(dims), _ITEM_BITS.get(kind), stored, raw, tuple(external))


def _packed(value: int | memoryview) -> list[int]:
    if isinstance(value, int):
        return [_signed(value)]
    numbers, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        numbers.append(_signed(number))
    return numbers


def _read_tensor_info(data: memoryview) -> TensorInfo:
    name, dtype, shape = "", "", None
    for number, value in _fields(data):
        if number == 1:
            name = _text(value)
        elif number == 2:
            for inner, item in _fields(_slice(value)):
                if inner == 1:
                    dtype, shape = _read_tensor_type(_slice(item))
    return TensorInfo(name, dtype, shape)


def _read_tensor_type(data: memoryview) -> tuple[str, tuple[int | None, ...] | None]:
    kind, shape = 0, None
    for number, value in _fields(data):
        if number == 1:
            kind = _number(value)
        elif number == 2:
            sizes: list[int | None] = []
            for inner, dim in _fields(_slice(value)):
                if inner == 1:
                    known = [_signed(_number(v)) for n, v in _fields(_slice(dim)) if n == 1]
                    sizes.append(known[0] if known and known[0] > 0 else None)
            shape = tuple(sizes)
    return TYPE_NAMES.get(kind, f"type {kind}"), shape
