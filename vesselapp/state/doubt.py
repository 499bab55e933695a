"""Going from one doubtful place to the next, the ones that matter most first."""

from vesselapp.core.geometry import Box
from vesselapp.core.tools.doubtful import Place, doubtful_places
from vesselapp.state.document import Document


class DoubtWalk:
    """Remembers which doubtful places of a document a person has been shown.

    The places are found anew where a correction, an answer or the threshold may have changed them.

    Parameters
    ----------
    document : Document

    Attributes
    ----------
    left : int
        Places that have not been shown yet.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.left = 0
        self._found: tuple[tuple[int, int], list[Place]] | None = None
        self._shown: list[Box] = []
        self._at = -1

    def next(self) -> Box | None:
        """Give the box (px) of the next place, or None where no doubtful place is left."""
        if self._at + 1 < len(self._shown):
            self._at += 1
            return self._shown[self._at]
        fresh = [place for place in self._places() if not self._seen(place)]
        self.left = max(0, len(fresh) - 1)
        if not fresh:
            return None
        self._shown.append(fresh[0].box)
        self._at = len(self._shown) - 1
        return fresh[0].box

    def previous(self) -> Box | None:
        """Give the box (px) of the place shown before, or None where there is none."""
        if self._at <= 0:
            return None
        self._at -= 1
        return self._shown[self._at]

    def again(self) -> None:
        """Forget what was shown."""
        self._shown, self._at = [], -1

    def _places(self) -> list[Place]:
        document = self.document
        state = document.changes, document.level
        if self._found is None or self._found[0] != state:
            self._found = state, doubtful_places(document.evidence.levels[0], document.level)
        return self._found[1]

    def _seen(self, place: Place) -> bool:
        x, y = place.centre
        return any(box.left <= x < box.right and box.top <= y < box.bottom for box in self._shown)
