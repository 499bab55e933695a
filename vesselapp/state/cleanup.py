"""Corrections of the whole mask at once: specks, holes, gaps, spurs, edges; seen before they are made."""

from collections.abc import Callable
from dataclasses import dataclass

from vesselapp.core.evidence import Correction
from vesselapp.core.geometry import Box, box_of
from vesselapp.core.strokes import Pixels
from vesselapp.state.document import Document


@dataclass(frozen=True)
class Cleanup:
    """One kind of correction of the whole mask.

    Attributes
    ----------
    name : str
        As in the history and in menus; ``{size}`` stands for the size.
    correction : Correction
        What its pixels become.
    size : int or None
        Size it begins with; None where it has none.
    unit : str
        Of the size.
    """

    name: str
    correction: Correction
    size: int | None
    unit: str
    find: Callable[[Document, Box, int], list[Pixels]]


def pixels_of(cleanup: Cleanup, document: Document, size: int, box: Box | None = None) -> list[Pixels]:
    """Give the pixels that a cleanup would correct.

    Parameters
    ----------
    cleanup : Cleanup
    document : Document
    size : int
        In the cleanup's unit: things of that size are meant too; ignored where it has none.
    box : Box, optional
        Where to look (px); everywhere where None. What reaches out of the box is seen whole for specks, holes
        and gaps up to their size.
    """
    whole = box_of(document.corrections)
    return cleanup.find(document, (box or whole).clipped(document.height, document.width), size)


def _in_window(
    find: Callable[..., list[Pixels]], document: Document, box: Box, size: int, *more: object
) -> list[Pixels]:
    """Look in a window round the box, large enough for things of that size, and keep what is in the box."""
    wide = box.grown(size + 2).clipped(document.height, document.width)
    evidence = document.evidence.levels[0][wide.slices]
    found = []
    for part, chosen in find(evidence, document.level, *more):
        moved = Box(
            part.left + wide.left, part.top + wide.top, part.right + wide.left, part.bottom + wide.top
        )
        if not moved.clipped_to(box).empty:
            found.append((moved, chosen))
    return found


def _specks(document: Document, box: Box, size: int) -> list[Pixels]:
    from vesselapp.core.tools.regions import specks

    return _in_window(specks, document, box, size, size + 1)


def _holes(document: Document, box: Box, size: int) -> list[Pixels]:
    from vesselapp.core.tools.regions import small_holes

    return _in_window(small_holes, document, box, size, size + 1)


def _gaps(document: Document, box: Box, size: int) -> list[Pixels]:
    from vesselapp.core.tools.trace import Tracer
    from vesselapp.core.tools.vessels import bridges

    evidence = document.evidence.levels[0]
    tracer = Tracer(document.image.pixels, evidence, document.level)
    found = bridges(tracer, evidence, document.level, size, box)
    return [part for bridge in found for part in bridge.pixels]


def _spurs(document: Document, box: Box, size: int) -> list[Pixels]:
    from vesselapp.core.tools.vessels import spurs

    return spurs(document.evidence.levels[0], document.level, size + 1, box)


def _wider(document: Document, box: Box, _size: int) -> list[Pixels]:
    from vesselapp.core.tools.regions import one_more

    return one_more(document.evidence.levels[0], document.level, box)


def _thinner(document: Document, box: Box, _size: int) -> list[Pixels]:
    from vesselapp.core.tools.regions import one_less

    return one_less(document.evidence.levels[0], document.level, box)


CLEANUPS = (
    Cleanup("Remove specks", Correction.BACKGROUND, 30, "px and fewer", _specks),
    Cleanup("Fill holes", Correction.FOREGROUND, 30, "px and fewer", _holes),
    Cleanup("Bridge gaps", Correction.FOREGROUND, 15, "px and less", _gaps),
    Cleanup("Prune spurs", Correction.BACKGROUND, 10, "px and less", _spurs),
    Cleanup("Widen by 1 px", Correction.FOREGROUND, None, "", _wider),
    Cleanup("Thin by 1 px", Correction.BACKGROUND, None, "", _thinner),
)
