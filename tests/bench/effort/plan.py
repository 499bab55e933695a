"""What a person decides to do: the stretch of each vessel, and the gesture, that is worth most at a price."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, count
from random import Random

import numpy as np

from tests.bench.effort.cards import Card
from tests.bench.effort.clicks import clicks
from tests.bench.effort.desk import Goal, Lack, Numbers, Sight, worth_of
from tests.bench.effort.everywhere import cleanups
from tests.bench.effort.hand import CLICK_PX, Drawn, Gesture, Opening, Tiles
from tests.bench.effort.pushes import Pushes
from tests.bench.effort.strokes import Stroke, gains, gesture, strokes_along
from tests.bench.effort.traces import traces
from tests.bench.effort.vessels import vessel_cards
from tests.bench.effort.ways import Lane, part_lanes, vessel_lanes
from vesselapp.core.geometry import EMPTY, Box

WAY_PX = 70.0
KEY_PX = 16.0
_CHEAPER = 1.4
_LOWEST_PRICE = 0.02
_MOST = 600
_LOOK_EVERY = 3
_NEARLY = 60.0
_TRIED = 4
_INSTEAD = 2
REACHED_WEIGHT = 0.5

Found = tuple[float, Gesture]
Make = Callable[[int, int, int], Gesture]


@dataclass(eq=False)
class Source:
    """Something that gestures come from.

    Attributes
    ----------
    best : callable
        Give the most worthy gesture and what it is worth, None where none is worth its price.
    meets : callable
        Tell whether a change in a box matters.
    """

    best: Callable[[], Found | None]
    meets: Callable[[Box], bool]


class Planner:
    """Thinks about a picture until the goal is reached in the mind, or nothing pays any more.

    Parameters
    ----------
    sight : Sight
        Changed as gestures are decided.
    price : float
        Pixels righted for which the person spends one px of travel.
    goal : Goal
    random : Random
        For how the hand slips.
    all_tools : bool
        Or brush and eraser alone.
    """

    def __init__(self, sight: Sight, price: float, goal: Goal, random: Random, *, all_tools: bool) -> None:
        self.sight, self.price, self.goal = sight, price, goal
        self._random, self._all_tools = random, all_tools
        self._opened: set[Opening] = set()
        self._pushed: set[Tiles] = set()  # each stretch once in a go
        self._changed: list[Box] = []
        self._done: list[Gesture] = []
        self._numbers = count()
        self._heap: list[tuple[float, int, int, Source, Gesture]] = []
        self._look_again()
        self._lasting = list(self._lasting_sources(vessel_lanes(sight.truth, sight.line)))

    def decide(self) -> list[Gesture]:
        """Give the gestures of one go over the picture."""
        self._rate_all()
        while not self._lack.none and len(self._changed) < _MOST:
            if not self._heap:
                if self.price < _LOWEST_PRICE:
                    break
                self.price /= _CHEAPER
                self._rate_all()
                continue
            _, _, seen, source, found = heapq.heappop(self._heap)
            # Where something was changed meanwhile, it is judged anew.
            if not any(source.meets(box) for box in self._changed[seen:]):
                self._imagine(found)
            self._push(source)
        return self._done

    def _imagine(self, found: Gesture) -> None:
        """Do a gesture in the mind, with a hand that slips."""
        changes = self._random.choice(found.outcomes)(self.sight)
        self.sight.do(changes)
        whole = EMPTY
        for _, pixels in changes:
            whole = whole if pixels is None else whole.united(pixels[0])
        self._changed.append(whole)
        if found.opening is not None:
            self._opened.add(found.opening)
        if found.keys:
            self._pushed.add(found.tiles)
        self._done = [one for one in self._done if not found.covers(one)]
        self._done.append(found)
        weights = self._weights
        if len(self._changed) % _LOOK_EVERY == 0 or self._lack.pixels < _NEARLY:
            self._look_again()
        else:
            self._paint, self._erase = self.sight.pixel_worth(self._weights)
        if weights != self._weights:
            self._rate_all()

    def _look_again(self) -> None:
        self._lack = self.sight.lack(self.goal)
        self._weights = _weights(self._lack)
        self._paint, self._erase = self.sight.pixel_worth(self._weights)

    def _rate_all(self) -> None:
        self._heap = []
        wrong = part_lanes(self.sight.mask & ~self.sight.truth)
        fresh = [self._lane_source(lane, list(strokes_along(lane, vessel=False))) for lane in wrong]
        for source in (*self._lasting, *fresh):
            self._push(source)

    def _push(self, source: Source) -> None:
        best = source.best()
        if best is not None:
            entry = (-best[0], next(self._numbers), len(self._changed), source, best[1])
            heapq.heappush(self._heap, entry)

    def _lasting_sources(self, vessels: list[Lane]) -> Iterator[Source]:
        """Give what comes to mind at the first look."""
        for lane in vessels:
            yield self._lane_source(lane, list(strokes_along(lane, vessel=True)))
        if self._all_tools:
            for card in vessel_cards(self.sight, vessels):
                pushes = Pushes(card)
                yield Source(lambda card=card: self._best_on_card(card), card.meets)
                yield Source(lambda pushes=pushes: self._best_of_keys(pushes), card.meets)
            for found in (*clicks(self.sight), *traces(self.sight, vessels), *cleanups(self.sight)):
                yield Source(lambda found=found: self._rated(found), lambda _box: True)

    def _lane_source(self, lane: Lane, strokes: list[Stroke]) -> Source:
        return Source(lambda: self._best_along(lane, strokes), lambda box: not lane.box.clipped_to(box).empty)

    def _rated(self, found: Gesture) -> Found | None:
        """Give what a gesture is worth at the price, as its preview shows, the slips of the hand averaged."""
        worths = [worth_of(outcome(self.sight), self._paint, self._erase) for outcome in found.outcomes]
        cost = _cost(found)
        if found.opening is not None and found.opening not in self._opened:
            cost += found.opening.travel + CLICK_PX
        cost -= sum(map(_cost, filter(found.covers, self._done)))
        net = sum(worths) / len(worths) - self.price * cost
        return (net, found) if net > 0 else None

    def _best_along(self, lane: Lane, strokes: list[Stroke]) -> Found | None:
        costs = np.array([stroke.zoom * lane.steps for stroke in strokes])
        net = gains(lane, strokes, self._paint, self._erase) - self.price * costs
        return self._best(
            lane,
            strokes,
            net,
            lambda row, first, last: gesture(lane, strokes[row], first, last, self.sight.shape),
        )

    def _best_on_card(self, card: Card) -> Found | None:
        net = card.gains(self.sight, self._paint, self._erase) - self.price * card.steps
        return self._best(
            card,
            card.drawings,
            net,
            lambda row, first, last: card.gesture(card.drawings[row], first, last),
        )

    def _best_of_keys(self, pushes: Pushes) -> Found | None:
        key = self.price * KEY_PX
        roughly = sorted(pushes.best(self.sight, self._paint, self._erase, key), key=lambda found: -found[0])
        fresh = [found for _, found in roughly if found.tiles not in self._pushed]
        rated = (self._rated(found) for found in fresh[:_TRIED])
        return max(filter(None, rated), key=lambda found: found[0], default=None)

    def _best(self, source: object, drawn: Sequence[Drawn], net: Numbers, make: Make) -> Found | None:
        """Give the most worthy stroke along something, also instead of others decided on before."""
        best: Found | None = None
        fixed = self.price * (CLICK_PX + WAY_PX)
        tries = stretches(net, fixed)[:_TRIED]
        for others in self._decided(source):
            parts = [other.along for other in others if other.along is not None]
            rows = [row for row, one in enumerate(drawn) if all(map(one.covers, parts))]
            first, last = min(part.first for part in parts), max(part.last for part in parts)
            saved = self.price * sum(map(_cost, others))
            tries += stretches(net, fixed - saved, rows, (first, last))[:_INSTEAD]
        tries.sort(key=lambda found: -found[3])
        for row, first, last in list(dict.fromkeys(found[:3] for found in tries))[: 2 * _TRIED]:
            found = self._rated(make(row, first, last))
            if found is not None and (best is None or found[0] > best[0]):
                best = found
        return best

    def _decided(self, source: object) -> Iterator[list[Gesture]]:
        """Give what was decided on along something, from each stroke up to each of those after it."""
        known = [(one.along.first, one) for one in self._done if one.along and one.along.source is source]
        ordered = [one for _, one in sorted(known, key=lambda pair: pair[0])]
        for first, last in combinations(range(len(ordered) + 1), 2):
            yield ordered[first:last]


def _cost(gesture: Gesture) -> float:
    """Give the px that a gesture is thought to take."""
    return gesture.cost_with_ways(WAY_PX) + KEY_PX * gesture.keys


def _weights(lack: Lack) -> tuple[float, float]:
    """Give what a pixel and a pixel of a middle line count: less once what they stand for is reached."""
    return (1.0 if lack.pixels > 0 else REACHED_WEIGHT), (1.0 if lack.line > 0 else REACHED_WEIGHT)


def stretches(
    net: Numbers, fixed: float, rows: Iterable[int] | None = None, around: tuple[int, int] | None = None
) -> list[tuple[int, int, int, float]]:
    """Give each row's stretch with the largest sum, the most worthy row first.

    Parameters
    ----------
    net : (rows, N) float
        What each place is worth, its own cost taken off.
    fixed : float
        What a stretch costs besides.
    rows : iterable of int or None
        These alone; None takes all.
    around : (first, last) or None
        A stretch that has to be a part of it.

    Returns
    -------
    list of (row, first, last, sum)
        ``last`` is the place after the stretch; sums above zero only.
    """
    sums = np.concatenate([np.zeros((len(net), 1)), np.cumsum(net, axis=1)], axis=1)
    out = []
    for row in range(len(net)) if rows is None else rows:
        along = sums[row]
        if around is None:
            last = int(np.argmax(along - np.minimum.accumulate(along)))
            first = int(np.argmin(along[: last + 1]))
        else:
            first = int(np.argmin(along[: around[0] + 1]))
            last = around[1] + int(np.argmax(along[around[1] :]))
        worth = float(along[last] - along[first]) - fixed
        if worth > 0:
            out.append((row, first, last, worth))
    return sorted(out, key=lambda found: -found[3])
