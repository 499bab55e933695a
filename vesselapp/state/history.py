"""Edits and their undo: each edit is the XOR of the tiles of corrections it changed, compressed."""

import zlib
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.geometry import EMPTY, Box

TILE = 256
DEFAULT_CAP_BYTES = 256 * 2**20

Corrections = NDArray[np.uint8]


@dataclass(frozen=True)
class Edit:
    """One undoable change of the corrections.

    Attributes
    ----------
    name : str
        What the person did, for the history list.
    box : Box
        Smallest box of tiles that holds the change.
    tiles : tuple of (tile row, tile column, bytes)
        zlib-compressed XOR of the corrections before and after, row by row, for each changed tile.
    """

    name: str
    box: Box
    tiles: tuple[tuple[int, int, bytes], ...]

    @property
    def size(self) -> int:
        """Bytes that the edit takes."""
        return sum(len(data) + 64 for _, _, data in self.tiles)

    def apply(self, corrections: Corrections) -> None:
        """Toggle the change in place: applied twice, the corrections are as before."""
        for row, column, data in self.tiles:
            tile = corrections[_tile_box(row, column, corrections.shape).slices]
            change = np.frombuffer(zlib.decompress(data), np.uint8).reshape(tile.shape)
            np.bitwise_xor(tile, change, out=tile)


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
                    tile = _tile_box(row, column, self._corrections.shape)
                    self._before[row, column] = self._corrections[tile.slices].copy()

    def finish(self, name: str) -> Edit | None:
        """Give the edit, or None where nothing changed after all."""
        tiles = []
        whole = EMPTY
        for (row, column), before in self._before.items():
            box = _tile_box(row, column, self._corrections.shape)
            change = np.bitwise_xor(before, self._corrections[box.slices])
            if change.any():
                tiles.append((row, column, zlib.compress(change.tobytes(), 1)))
                whole = whole.united(box)
        return Edit(name, whole, tuple(tiles)) if tiles else None

    def revert(self) -> Box:
        """Put back what was there before the gesture; give the box that this touched."""
        whole = EMPTY
        for (row, column), before in self._before.items():
            box = _tile_box(row, column, self._corrections.shape)
            self._corrections[box.slices] = before
            whole = whole.united(box)
        self._before.clear()
        return whole


class History:
    """Edits that can be undone and redone; the oldest are let go when all take more than a cap of bytes."""

    def __init__(self, cap_bytes: int = DEFAULT_CAP_BYTES) -> None:
        self.cap_bytes = cap_bytes
        self._done: deque[Edit] = deque()
        self._undone: list[Edit] = []
        self._size = 0
        self.forgotten = 0

    @property
    def size(self) -> int:
        """Bytes that all kept edits take."""
        return self._size

    @property
    def undo_name(self) -> str | None:
        """What undo would take back, or None."""
        return self._done[-1].name if self._done else None

    @property
    def redo_name(self) -> str | None:
        """What redo would bring again, or None."""
        return self._undone[-1].name if self._undone else None

    @property
    def state(self) -> object:
        """What tells one state of the corrections from another: the newest edit done, or the start."""
        return self._done[-1] if self._done else self.forgotten

    @property
    def names(self) -> tuple[list[str], list[str]]:
        """Names of the edits done (oldest first) and of those undone (next to redo first)."""
        return [edit.name for edit in self._done], [edit.name for edit in reversed(self._undone)]

    def add(self, edit: Edit) -> None:
        """Add a new edit; what was undone before it is gone."""
        self._size += edit.size - sum(gone.size for gone in self._undone)
        self._undone.clear()
        self._done.append(edit)
        self._keep_to_cap()

    def set_cap(self, cap_bytes: int) -> None:
        """Allow so many bytes from now on."""
        self.cap_bytes = cap_bytes
        self._keep_to_cap()

    def _keep_to_cap(self) -> None:
        while self._size > self.cap_bytes and len(self._done) > 1:
            self._size -= self._done.popleft().size
            self.forgotten += 1

    def undo(self, corrections: Corrections) -> Edit | None:
        """Take back the newest edit in place; give it, or None where there is none."""
        if not self._done:
            return None
        edit = self._done.pop()
        edit.apply(corrections)
        self._undone.append(edit)
        return edit

    def redo(self, corrections: Corrections) -> Edit | None:
        """Bring back the edit undone last, in place; give it, or None where there is none."""
        if not self._undone:
            return None
        edit = self._undone.pop()
        edit.apply(corrections)
        self._done.append(edit)
        return edit


def _tile_box(row: int, column: int, shape: tuple[int, ...]) -> Box:
    whole = Box(column * TILE, row * TILE, (column + 1) * TILE, (row + 1) * TILE)
    return whole.clipped(shape[0], shape[1])
