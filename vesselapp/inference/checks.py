"""What is refused before ONNX Runtime sees a file: claims that hang it, eat memory or reach other files."""

import functools
import hashlib
from collections import deque
from pathlib import Path, PurePosixPath, PureWindowsPath

from vesselapp.core.errors import VesselError
from vesselapp.core.files import file_sha256, is_file
from vesselapp.inference.graph import GraphInfo, TensorInfo, Weights, read_graph

MAX_SIDE = 8192
MAX_AREA = 2**24
_KNOWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.ms.internal.nhwc")
_RUNAWAYS = {"Loop", "Scan", "SequenceMap", "ConstantOfShape", "Expand", "Tile", "EyeLike", "RandomNormal"}
_PICTURE_TYPES = ("uint8", "float32", "float16")

Stamp = tuple[tuple[int, int], ...]


def check_graph(info: GraphInfo, path: Path) -> None:
    """Refuse a file that can't or mustn't be run.

    Raises
    ------
    VesselError
        With one sentence that says why.
    """
    _check_operations(info, path)
    for weights in info.weights:
        _check_weights(weights, path)
    if _has_cycle(info):
        raise VesselError(f"The graph in {path.name} runs in a circle.", "Export the model again.")
    picture = picture_input(info, path)
    _check_size(picture, path)


def picture_input(info: GraphInfo, path: Path) -> TensorInfo:
    """Give the input that takes the picture.

    Raises
    ------
    VesselError
        If there is none, or more than a picture is wanted.
    """
    given = {weights.name for weights in info.weights}  # old files list their weights among the inputs
    inputs = [tensor for tensor in info.inputs if tensor.name not in given]
    pictures = [t for t in inputs if t.dtype in _PICTURE_TYPES and (t.shape is None or len(t.shape) == 4)]
    if not inputs or not pictures:
        kinds = ", ".join(f"{tensor.dtype} with {_axes(tensor)}" for tensor in inputs) or "nothing"
        raise VesselError(f"{path.name} takes no pictures: it wants {kinds}.", "Choose a segmentation model.")
    if len(inputs) > 1:
        others = ", ".join(tensor.name for tensor in inputs if tensor is not pictures[0])
        raise VesselError(
            f"{path.name} wants more than a picture ({others}).", "Only models of one picture can be used."
        )
    return pictures[0]


def _axes(tensor: TensorInfo) -> str:
    return "axes unknown" if tensor.shape is None else f"{len(tensor.shape)} axes"


def _check_size(picture: TensorInfo, path: Path) -> None:
    sizes = [size for size in (picture.shape or ())[1:] if size is not None]
    area = 1
    for size in sizes:
        area *= size
    if area > 3 * MAX_AREA or any(size > MAX_SIDE for size in sizes):
        shape = " x ".join(map(str, sizes))
        raise VesselError(f"{path.name} wants pictures of {shape}, which is too large.", "Export it smaller.")


def _check_operations(info: GraphInfo, path: Path) -> None:
    own = {domain for domain, _ in info.functions}
    strange = sorted(
        {
            f"{node.domain}.{node.kind}"
            for node in (*info.nodes, *info.inner_nodes)
            if node.domain not in _KNOWN_DOMAINS and node.domain not in own
        }
    )
    if strange:
        raise VesselError(
            f"{path.name} needs operations that are not part of ONNX: {', '.join(strange[:3])}.",
            "Export it without custom operations.",
        )
    if info.sparse_weights:
        raise VesselError(f"{path.name} holds sparse weights.", "Export it with ordinary ones.")
    if not info.nodes:
        raise VesselError(f"The graph in {path.name} is empty.", "Export the model again.")


def _check_weights(weights: Weights, path: Path) -> None:
    if any(size < 0 for size in weights.dims):
        raise VesselError(
            f"The weights '{weights.name}' in {path.name} have a negative size.", "Export it again."
        )
    if weights.external:
        _check_external(weights, path)
        return
    if weights.item_bits is None:
        return
    # Numbers that are not stored raw may take as little as one byte each.
    least = (
        weights.claimed_bytes
        if weights.stored_raw
        else weights.claimed_bytes * 8 // max(8, weights.item_bits)
    )
    if weights.stored_bytes < least:
        raise VesselError(
            f"The weights '{weights.name}' in {path.name} claim {weights.claimed_bytes / 1e6:.0f} MB, but "
            f"the file holds {weights.stored_bytes / 1e6:.1f} MB of them.",
            "The file is damaged; copy it again.",
        )


def _check_external(weights: Weights, path: Path) -> None:
    """Let weights lie in another file only inside the model's own folder, and only where they fit into it."""
    fields = dict(weights.external)
    location = fields.get("location", "")
    parts = {*PurePosixPath(location).parts, *PureWindowsPath(location).parts}
    absolute = PurePosixPath(location).is_absolute() or PureWindowsPath(location).anchor
    folder = path.resolve().parent
    strange = not location or absolute or ".." in parts or "\0" in location
    if strange or not (folder / location).resolve().is_relative_to(folder):
        raise VesselError(
            f"{path.name} wants to read weights outside its folder: {location!r}.", "Don't use it."
        )
    file = folder / location
    if not is_file(file):
        raise VesselError(
            f"The weights of {path.name} should lie beside it in {location}, which is missing.",
            "Copy both files into one folder.",
        )
    try:
        offset, length = int(fields.get("offset", 0)), int(fields.get("length", weights.claimed_bytes))
    except ValueError:
        offset = length = -1
    if min(offset, length) < 0 or offset + length > file.stat().st_size or length < weights.claimed_bytes:
        raise VesselError(
            f"The weights of {path.name} in {location} are cut short or damaged.", "Copy both files again."
        )


def may_run_away(info: GraphInfo) -> bool:
    """Tell whether a graph has operations that can go on for ever or take any amount of memory."""
    return any(node.kind in _RUNAWAYS for node in (*info.nodes, *info.inner_nodes))


def model_sha256(path: Path) -> str:
    """Give the hexadecimal SHA-256 that a model is known by: its file's, or one of all its files' together.

    Other files are those beside it that hold its weights: two models may differ in nothing else.
    """
    try:
        others = external_files(path)
    except VesselError:  # no model that can be run
        others = []
    hashes = [file_sha256(file) for file in (path, *others)]
    return hashlib.sha256("".join(hashes).encode()).hexdigest() if others else hashes[0]


def model_stamp(path: Path) -> Stamp:
    """Give size (bytes) and time (ns) of a model's files: another one where one was written anew.

    Cheap, as a graph is read again only where its file has changed.

    Raises
    ------
    OSError
        Where one of the files can't be seen.
    """
    own = path.stat()
    try:
        others = _external_files(path, own.st_size, own.st_mtime_ns)
    except VesselError:
        others = []
    found = (own, *(file.stat() for file in others))
    return tuple((one.st_size, one.st_mtime_ns) for one in found)


@functools.lru_cache(maxsize=64)
def _external_files(path: Path, _size: int, _modified: int) -> list[Path]:
    return external_files(path)


def external_files(path: Path) -> list[Path]:
    """Give the files beside a model that hold weights of it (checked as `check_graph` does)."""
    files = set()
    for weights in read_graph(path).weights:
        if weights.external:
            _check_external(weights, path)
            files.add(path.resolve().parent / dict(weights.external)["location"])
    return sorted(files)


def _has_cycle(info: GraphInfo) -> bool:
    """Tell whether any operation waits for its own answer (Kahn, Comm. ACM 1962)."""
    writers = {name: index for index, node in enumerate(info.nodes) for name in node.writes if name}
    waits = [{writers[name] for name in node.reads if name in writers} for node in info.nodes]
    readers: list[list[int]] = [[] for _ in info.nodes]
    for index, sources in enumerate(waits):
        for source in sources:
            readers[source].append(index)
    left = [len(sources) for sources in waits]
    ready = deque(index for index, count in enumerate(left) if count == 0)
    done = 0
    while ready:
        done += 1
        for reader in readers[ready.popleft()]:
            left[reader] -= 1
            if left[reader] == 0:
                ready.append(reader)
    return done < len(info.nodes)
