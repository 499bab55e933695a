"""Edges of a straightened vessel, pushed by keys over one stretch after the other, by the app's own step."""

from collections.abc import Iterator

import numpy as np

from tests.bench.effort.cards import BESIDE, Card
from tests.bench.effort.desk import EVIDENCE, Change, Numbers, Sight
from tests.bench.effort.hand import Along, Gesture, tiles_near
from vesselapp.core.evidence import Correction
from vesselapp.core.geometry import Pixels
from vesselapp.core.tools.straight import Edges
from vesselapp.ui.tools.card import ALONG
from vesselapp.ui.tools.straighten import STRETCH_SCREEN_PX

STRETCH = round(STRETCH_SCREEN_PX / ALONG)
_MOST = 4

Push = tuple[bool, bool]
"""Whether it is the high edge, and whether it goes outwards."""

_HIGH_OUT, _LOW_OUT = (True, True), (False, True)
_BEGINNINGS = ((_HIGH_OUT,), (_HIGH_OUT, _HIGH_OUT), (_HIGH_OUT, _HIGH_OUT, _LOW_OUT))


class Pushes:
    """What keys can do to a card: arrows go along it in steps of a stretch, and push either edge there.

    Parameters
    ----------
    card : Card
    """

    def __init__(self, card: Card) -> None:
        self.card, straight = card, card.straight
        self._band = np.nonzero(straight.place >= 0)
        self._place, self._across = straight.place[self._band], straight.across[self._band]

    def best(
        self, sight: Sight, paint: Numbers, erase: Numbers, key: float
    ) -> Iterator[tuple[float, Gesture]]:
        """Give what each stretch can win by its keys, roughly, and the keys; only what is worth them.

        Parameters
        ----------
        sight : Sight
        paint, erase : (H, W) float
            What it is worth to paint or erase each pixel of the picture.
        key : float
            What a key must be worth.
        """
        straight = self.card.straight
        before = straight.edges(sight.evidence, sight.level)
        painted, erased = (plane[straight.box.slices][self._band] for plane in (paint, erase))
        begun = [(pushes, self._sum(self._begun(before, pushes), painted)) for pushes in _BEGINNINGS]
        moved = {high: self._moved(before, painted, erased, high=high) for high in (True, False)}
        for middle in range(0, len(straight), STRETCH):
            chosen = slice(*stretch(middle, len(straight)))
            begins = before.begins(chosen.start, chosen.stop)
            ways = [begun] if begins else list(moved.values())
            worth, pushes = 0.0, tuple[Push, ...]()
            for options in ways:
                won, keys = max(
                    ((float(gain[chosen].sum()) - key * len(keys), keys) for keys, gain in options),
                    key=lambda option: option[0],
                )
                if won > 0:
                    worth, pushes = worth + won, pushes + keys
            if pushes:
                yield worth, self._gesture(middle, pushes)

    def _begun(self, before: Edges, pushes: tuple[Push, ...]) -> np.ndarray:
        """Tell which pixels of the band a vessel that is begun by keys would get."""
        high = sum(high for high, _ in pushes) - 0.5
        low = len(pushes) - high
        return ~before.there[self._place] & (self._across <= high) & (self._across >= -low)

    def _moved(
        self, before: Edges, painted: Numbers, erased: Numbers, *, high: bool
    ) -> list[tuple[tuple[Push, ...], Numbers]]:
        """Give what one edge moved by some px, outwards or inwards, wins at each place along."""
        out = (self._across - before.high[self._place]) if high else (before.low[self._place] - self._across)
        there, options = before.there[self._place], []
        for px in range(1, _MOST + 1):
            options.append((((high, True),) * px, self._sum(there & (out > 0) & (out <= px), painted)))
            options.append((((high, False),) * px, self._sum(there & (out <= 0) & (out > -px), erased)))
        return options

    def _sum(self, chosen: np.ndarray, worth: Numbers) -> Numbers:
        return np.bincount(self._place[chosen], worth[chosen], len(self.card))

    def _gesture(self, middle: int, pushes: tuple[Push, ...]) -> Gesture:
        """Give the keys over one stretch: N and arrows bring it to the pointer, the pushes follow."""
        first, last = stretch(middle, len(self.card))
        centres = self.card.straight.centres

        def changes(sight: Sight) -> list[Change]:
            evidence, made = sight.evidence.copy(), list[Change]()
            for high, outwards in pushes:
                before = self.card.straight.edges(evidence, sight.level)
                after = before.pushed(first, last, high=high, outwards=outwards)
                added, taken = self.card.straight.change(evidence, sight.level, before, after)
                for correction, pixels in ((Correction.FOREGROUND, added), (Correction.BACKGROUND, taken)):
                    made += _done(evidence, correction, pixels)
            return made

        spot = (float(centres[middle][0]), float(centres[middle][1]))
        return Gesture(
            "push",
            (changes,),
            (self.card.pointed(spot),),
            clicks=0,
            keys=len(pushes),
            opening=self.card.opening,
            tiles=tiles_near(centres[first:last:4], self.card.half + BESIDE),
            along=Along(self.card, None, first, last),
        )


def _done(evidence: np.ndarray, correction: Correction, pixels: Pixels | None) -> list[Change]:
    if pixels is None:
        return []
    evidence[pixels[0].slices][pixels[1]] = EVIDENCE[correction]
    return [(correction, pixels)]


def stretch(middle: int, count: int) -> tuple[int, int]:
    """Give the places that keys act on around one of them; the second is the one after."""
    first = middle - STRETCH // 2
    return max(first, 0), min(first + STRETCH, count)
