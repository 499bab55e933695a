"""Small helpers of the benchmarks."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import TypedDict


class Row(TypedDict):
    """One line of the benchmark's output; ``ok`` is whether the value is at or better than the target."""

    name: str
    value: float
    unit: str
    target: float
    ok: bool


def row(name: str, value: float, unit: str, target: float, *, higher_is_better: bool = False) -> Row:
    """Make a row."""
    ok = value >= target if higher_is_better else value <= target
    return Row(name=name, value=round(value, 4), unit=unit, target=target, ok=bool(ok))


def wanted(name: str, names: Sequence[str]) -> bool:
    """Tell whether a benchmark was asked for."""
    return not names or any(part in name for part in names)


def seconds(work: Callable[[], object]) -> float:
    """Give the wall-clock seconds that a call takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def side_by_side(first: Callable[[], object], second: Callable[[], object], rounds: int) -> float:
    """Give the median of first's seconds over second's, measured in turns so that noise meets both."""
    first(), second()
    ratios = [seconds(first) / seconds(second) for _ in range(rounds)]
    return statistics.median(ratios)


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value below which a share (0-1) of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
