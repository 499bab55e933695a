"""One person correcting one picture: look, decide, do, until the goal is reached."""

from random import Random

from tests.bench.effort.desk import Desk, Goal
from tests.bench.effort.everywhere import threshold
from tests.bench.effort.hand import Effort, tour
from tests.bench.effort.plan import Planner

ROUNDS = 12
_BEYOND = 0.0005
"""So much above the goal is aimed at: a middle line seen is not quite the one that is scored."""


def correct(desk: Desk, price: float, *, all_tools: bool, goal: Goal | None = None) -> Effort:
    """Let a person work until the goal is reached or no gesture helps.

    Parameters
    ----------
    desk : Desk
    price : float
        Pixels righted for which the person spends one px of travel, to begin with.
    all_tools : bool
        Or brush and eraser alone.
    goal : Goal or None
        The benchmark's own where None.
    """
    goal, random, place = goal or Goal(), Random(0), (0.0, 0.0)
    effort, aimed = Effort(), Goal(goal.dice + _BEYOND, goal.cldice + _BEYOND)
    if all_tools:
        threshold(desk, goal, effort)
    for _ in range(ROUNDS):
        effort.dice, effort.cldice = desk.scores()
        if goal.reached(effort.dice, effort.cldice):
            break
        planned = Planner(desk.sight(), price, aimed, random, all_tools=all_tools).decide()
        if not planned:
            break
        order, place = tour(planned, place, effort)
        for gesture in order:
            desk.do(gesture.name, random.choice(gesture.outcomes)(desk.sight()))
    effort.dice, effort.cldice = desk.scores()
    return effort
