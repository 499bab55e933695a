"""Corrections of the whole mask at once: specks, holes, gaps, spurs, edges; seen before they are made."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.evidence import Correction
from vesselapp.core.geometry import Box, Pixels, box_of
from vesselapp.state.document import Document

_BESIDE = {4: ((-1, 0), (0, -1)), 8: ((-1, -1), (-1, 0), (-1, 1), (0, -1))}
"""Rows and columns from a pixel to those before it that hold together with it."""


@dataclass(frozen=True, eq=False)
class Frozen:
    """A picture, its (H, W) uint8 evidence and its threshold's level, as they are at one moment."""

    pixels: NDArray[np.uint8]
    evidence: NDArray[np.uint8]
    level: int

    @classmethod
    def of(cls, document: Document) -> "Frozen":
        """Take them of a document; what is done on it later doesn't change them."""
        return cls(document.image.pixels, document.evidence.levels[0].copy(), document.level)


@dataclass(frozen=True)
class Found:
    """What a clean-up would correct.

    Attributes
    ----------
    parts : list of (Box, (h, w) bool)
        Its pixels; some of a box of pixels may lie out of where was looked.
    pieces : int
        Specks, holes, gaps or spurs where was looked; 0 where a clean-up has none.
    pixels : int
        Pixels where was looked.
    """

    parts: list[Pixels]
    pieces: int
    pixels: int


@dataclass(frozen=True)
class Cleanup:
    """One kind of correction of the whole mask.

    Attributes
    ----------
    key : str
        Of its command in the table of actions.
    name : str
        As in the history and in menus.
    correction : Correction
        What its pixels become.
    size : int or None
        Size it begins with (px); None where it has none.
    piece : str
        What it finds, in the singular; "" where it finds no pieces.
    done : str
        What was done, before the number of pieces.
    """

    key: str
    name: str
    correction: Correction
    size: int | None
    piece: str
    done: str
    find: Callable[[Frozen, Box, int], Found]

    def amount(self, found: Found) -> str:
        """Say how much it would change: ``12 specks, 140 px``."""
        if not found.pixels:
            return "Nothing to do"
        pixels = f"{found.pixels} px"
        return f"{self._pieces(found)}, {pixels}" if self.piece else pixels

    def told(self, found: Found) -> str:
        """Say what was done: ``Removed 12 specks``."""
        if not found.pixels:
            return "Nothing to do"
        return f"{self.done} {self._pieces(found)}" if self.piece else f"{self.done}: {found.pixels} px"

    def _pieces(self, found: Found) -> str:
        return f"{found.pieces} {self.piece}{'' if found.pieces == 1 else 's'}"


def found_by(cleanup: Cleanup, frozen: Frozen, size: int, box: Box | None = None) -> Found:
    """Give the pixels that a clean-up would correct, and how many.

    Parameters
    ----------
    cleanup : Cleanup
    frozen : Frozen
    size : int
        In px: things of that size are meant too; ignored where the clean-up has none.
    box : Box, optional
        Where to look (px); everywhere where None. What reaches out of the box is seen whole for specks, holes
        and gaps up to their size.
    """
    box = (box or box_of(frozen.evidence)).clipped(*frozen.evidence.shape)
    return cleanup.find(frozen, box, size)


def _counted(parts: list[Pixels], box: Box, connectivity: int) -> Found:
    """Count what of the parts is in the box, by the part, so that it costs next to nothing.

    A piece that lies in several parts is put together at their rims.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    number, pixels = 0, 0
    rims: dict[tuple[int, int], int] = {}
    for part, chosen in parts:
        seen = part.clipped_to(box)
        if seen.empty:
            continue
        inside = chosen[seen.slices_in(part)]
        pixels += int(np.count_nonzero(inside))
        count, labels = cv2.connectedComponents(inside.astype(np.uint8), connectivity=connectivity)
        for row, column in _rim(labels):
            rims[row + seen.top, column + seen.left] = number + int(labels[row, column]) - 1
        number += count - 1
    joined = [
        (piece, rims[row + down, column + right])
        for (row, column), piece in rims.items()
        for down, right in _BESIDE[connectivity]
        if (row + down, column + right) in rims
    ]
    if joined:
        one, other = np.array(joined).T
        links = coo_array((np.ones(len(one)), (one, other)), shape=(number, number))
        number = connected_components(links, directed=False, return_labels=False)
    return Found(parts, int(number), pixels)


def _rim(labels: NDArray[np.generic]) -> Iterator[tuple[int, int]]:
    """Give row and column of what is not zero at the four sides."""
    bottom, right = labels.shape[0] - 1, labels.shape[1] - 1
    for row in (0, bottom):
        yield from ((row, column) for column in np.flatnonzero(labels[row]).tolist())
    for column in (0, right):
        yield from ((row, column) for row in np.flatnonzero(labels[:, column]).tolist())


def _uncounted(parts: list[Pixels], pieces: int = 0) -> Found:
    return Found(parts, pieces, sum(int(np.count_nonzero(chosen)) for _, chosen in parts))


def _in_window(find: Callable[..., list[Pixels]], frozen: Frozen, box: Box, size: int) -> list[Pixels]:
    """Look in a window round the box, large enough for things of that size, and keep what is in the box."""
    wide = box.grown(size + 2).clipped(*frozen.evidence.shape)
    found = []
    for part, chosen in find(frozen.evidence[wide.slices], frozen.level, size + 1):
        moved = part.moved(wide.left, wide.top)
        if not moved.clipped_to(box).empty:
            found.append((moved, chosen))
    return found


def _specks(frozen: Frozen, box: Box, size: int) -> Found:
    from vesselapp.core.tools.regions import specks

    return _counted(_in_window(specks, frozen, box, size), box, 8)


def _holes(frozen: Frozen, box: Box, size: int) -> Found:
    from vesselapp.core.tools.regions import small_holes

    return _counted(_in_window(small_holes, frozen, box, size), box, 4)


def _gaps(frozen: Frozen, box: Box, size: int) -> Found:
    from vesselapp.core.tools.trace import Tracer
    from vesselapp.core.tools.vessels import bridges

    tracer = Tracer(frozen.pixels, frozen.evidence, frozen.level)
    found = bridges(tracer, frozen.evidence, frozen.level, size, box)
    return _uncounted([part for bridge in found for part in bridge], len(found))


def _spurs(frozen: Frozen, box: Box, size: int) -> Found:
    from vesselapp.core.tools.vessels import spurs

    return _counted(spurs(frozen.evidence, frozen.level, size + 1, box), box, 8)


def _wider(frozen: Frozen, box: Box, _size: int) -> Found:
    from vesselapp.core.tools.regions import one_more

    return _uncounted(one_more(frozen.evidence, frozen.level, box))


def _thinner(frozen: Frozen, box: Box, _size: int) -> Found:
    from vesselapp.core.tools.regions import one_less

    return _uncounted(one_less(frozen.evidence, frozen.level, box))


CLEANUPS = (
    Cleanup("specks", "Remove specks", Correction.BACKGROUND, 30, "speck", "Removed", _specks),
    Cleanup("holes", "Fill holes", Correction.FOREGROUND, 30, "hole", "Filled", _holes),
    Cleanup("gaps", "Bridge gaps", Correction.FOREGROUND, 15, "gap", "Bridged", _gaps),
    Cleanup("spurs", "Prune spurs", Correction.BACKGROUND, 10, "spur", "Pruned", _spurs),
    Cleanup("widen", "Widen by 1 px", Correction.FOREGROUND, None, "", "Widened by 1 px", _wider),
    Cleanup("thin", "Thin by 1 px", Correction.BACKGROUND, None, "", "Thinned by 1 px", _thinner),
)
