"""Edits: each is the XOR of the tiles of corrections that it changed, compressed."""

import hashlib
import zlib
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import Correction
from vesselapp.core.geometry import EMPTY, Box
from vesselapp.core.learnt import Learnt

TILE = 256
_MOST = max(Correction)

Corrections = NDArray[np.uint8]


@dataclass(frozen=True)
class Edit:
    """One undoable change: of the corrections, or of whose answer is in sight.

    Attributes
    ----------
    name : str
        What the person did, for the history list.
    box : Box
        Smallest box of tiles that holds the change.
    tiles : tuple of (tile row, tile column, bytes)
        zlib-compressed XOR of the corrections before and after, row by row, for each changed tile.
    learnt : Learnt or None
        What the model's answer is changed by from now on, where the edit is about that; it has no tiles then.
    lasting : bool
        Whether edits between it and the next were let go, so that it can't be undone.
    """

    name: str
    box: Box
    tiles: tuple[tuple[int, int, bytes], ...]
    learnt: Learnt | None = None
    lasting: bool = field(default=False, compare=False)

    @property
    def size(self) -> int:
        """Bytes that the edit takes."""
        return sum(len(data) + 64 for _, _, data in self.tiles) + 512 * (self.learnt is not None)

    def apply(self, corrections: Corrections) -> None:
        """Toggle the change in place: applied twice, the corrections are as before.

        Raises
        ------
        VesselError
            Where its data are damaged; nothing was changed then.
        """
        changes = [(tile_box(row, column, corrections.shape), data) for row, column, data in self.tiles]
        unpacked = [(box, _unpacked(data, box)) for box, data in changes]
        for box, change in unpacked:
            np.bitwise_xor(corrections[box.slices], change, out=corrections[box.slices])


def toggle_all(edits: Iterable[Edit], corrections: Corrections) -> None:
    """Toggle many edits in place, in whatever order (each is an XOR): tile by tile, on all cores.

    Raises
    ------
    VesselError
        Where the data of one are damaged; the corrections are anything then.
    """
    from concurrent.futures import ThreadPoolExecutor

    by_tile = defaultdict[tuple[int, int], list[bytes]](list)
    for edit in edits:
        for row, column, data in edit.tiles:
            by_tile[row, column].append(data)

    def toggle(place: tuple[int, int]) -> None:
        box = tile_box(*place, corrections.shape)
        tile = corrections[box.slices]
        for data in by_tile[place]:
            np.bitwise_xor(tile, _unpacked(data, box), out=tile)

    with ThreadPoolExecutor() as pool:
        deque(pool.map(toggle, list(by_tile)), maxlen=0)


def _unpacked(data: bytes, box: Box) -> Corrections:
    """Give a tile's XOR; what comes from disk may be anything, so no more is unpacked than fits the tile."""
    height, width = box.bottom - box.top, box.right - box.left
    try:
        values = np.frombuffer(zlib.decompressobj().decompress(data, height * width + 1), np.uint8)
    except zlib.error:
        values = np.empty(0, np.uint8)
    if box.empty or values.size != height * width or values.max() > _MOST:
        raise VesselError("A step of the history is damaged.", "Steps after it can still be undone.")
    return values.reshape(height, width)


class EditRecorder:
    """Watches one gesture: keeps what the tiles held before it, and turns the difference into an `Edit`."""

    def __init__(self, corrections: Corrections) -> None:
        self._corrections = corrections
        self._before: dict[tuple[int, int], Corrections] = {}

    def about_to_change(self, box: Box) -> None:
        """Keep the tiles under a box, if they are not kept yet; call before writing there."""
        for row in range(box.top // TILE, -(-box.bottom // TILE)):
            for column in range(box.left // TILE, -(-box.right // TILE)):
                if (row, column) not in self._before:
                    tile = tile_box(row, column, self._corrections.shape)
                    self._before[row, column] = self._corrections[tile.slices].copy()

    def finish(self, name: str) -> Edit | None:
        """Give the edit, or None where nothing changed after all."""
        tiles = []
        whole = EMPTY
        for (row, column), before in self._before.items():
            box = tile_box(row, column, self._corrections.shape)
            change = np.bitwise_xor(before, self._corrections[box.slices])
            if change.any():
                tiles.append((row, column, zlib.compress(change.tobytes(), 1)))
                whole = whole.united(box)
        return Edit(name, whole, tuple(tiles)) if tiles else None

    def revert(self) -> Box:
        """Put back what was there before the gesture; give the box that this touched."""
        whole = EMPTY
        for (row, column), before in self._before.items():
            box = tile_box(row, column, self._corrections.shape)
            self._corrections[box.slices] = before
            whole = whole.united(box)
        self._before.clear()
        return whole


def digest_of(edit: Edit) -> str:
    """Name an edit by what it changes."""
    known = hashlib.sha256()
    for row, column, data in edit.tiles:
        known.update(b"%d,%d,%d;" % (row, column, len(data)))
        known.update(data)
    if edit.learnt is not None:
        known.update(repr(edit.learnt).encode())
    return known.hexdigest()[:32]


def learnt_in(done: Iterable[Edit]) -> Learnt | None:
    """Give what edits done (oldest first) say that the model's answer is adapted by; None: by nothing."""
    learnt = None
    for edit in done:
        learnt = edit.learnt or learnt
    return learnt if learnt is not None and learnt.head is not None else None


def newest_within(done: Sequence[Edit], undone: Sequence[Edit], cap_bytes: int) -> list[Edit]:
    """Give the newest of the edits done that take no more than a cap of bytes together with those undone.

    The last one is always kept, and so is the last of those let go that says whose answer is in sight: it
    comes first then. Where others were let go too, it is `Edit.lasting`: in a journal that isn't trimmed yet,
    others lie between it and those kept.
    """
    size = sum(edit.size for edit in done) + sum(edit.size for edit in undone)
    drop = 0
    while size > cap_bytes and drop < len(done) - 1:
        size -= done[drop].size
        drop += 1
    every = list(done)
    kept, gone = every[drop:], [edit for edit in every[:drop] if edit.learnt is not None]
    if gone and drop > 1:
        return [replace(gone[-1], lasting=True), *kept]
    return [*gone[-1:], *kept]


def tile_box(row: int, column: int, shape: tuple[int, ...]) -> Box:
    """Give the box (px) of a tile of a picture of that shape; empty where it lies outside."""
    whole = Box(column * TILE, row * TILE, (column + 1) * TILE, (row + 1) * TILE)
    return whole.clipped(shape[0], shape[1])
