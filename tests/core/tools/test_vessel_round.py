"""A round over vessels: each once, the nearest first."""

import numpy as np

from tests.core.tools.test_vessel_way import drawn
from vesselapp.core.evidence import LOWEST
from vesselapp.core.tools.trace import Path
from vesselapp.core.tools.vessel_round import VesselRound
from vesselapp.core.tools.vessel_way import FaintWays


def evidence_of(*rows: int, value: int = 200) -> np.ndarray:
    evidence = np.full((200, 300), LOWEST, np.uint8)
    for row in rows:
        evidence[drawn((20, row, 280, row))] = value
    return evidence


def go_round(ways: FaintWays, place: tuple[int, int], **copy: int | tuple[int, int]) -> list[Path]:
    """Look at every vessel until none is left."""
    going, found = VesselRound(400, 600), []
    while (one := going.next(ways, place, **copy)) is not None:  # type: ignore[arg-type]
        found.append(one[0])
        going.saw(one[0])
        assert len(found) < 50
        place = int(one[0][0, 0]), int(one[0][0, 1])
    return found


def test_each_vessel_comes_once_and_the_nearest_first() -> None:
    found = go_round(FaintWays(evidence_of(20, 60, 100, 160), 128), (150, 95))
    assert [round(float(way[:, 1].mean())) for way in found] == [100, 60, 20, 160]


def test_a_faint_vessel_apart_from_the_others_comes_too_and_specks_do_not() -> None:
    evidence = evidence_of(40)
    evidence[drawn((20, 120, 280, 120))] = 50
    evidence[180:184, 100:104] = 200
    found = go_round(FaintWays(evidence, 128), (150, 10))
    assert [round(float(way[:, 1].mean())) for way in found] == [40, 120]


def test_on_a_reduced_copy_ways_are_in_px_of_the_picture() -> None:
    found = go_round(FaintWays(evidence_of(50), 128), (0, 0), corner=(10, 20), step=2)
    assert len(found) == 1
    assert abs(float(found[0][:, 1].mean()) - 2 * (50 + 20)) <= 3
    assert found[0][:, 0].min() < 2 * (10 + 30)
    assert found[0][:, 0].max() > 2 * (10 + 270)


def test_nothing_comes_where_no_vessel_is() -> None:
    assert go_round(FaintWays(evidence_of(), 128), (10, 10)) == []


def test_what_is_shorter_than_it_is_wide_is_passed_over() -> None:
    evidence = evidence_of(40)
    evidence[100:124, 100:114] = 200
    found = go_round(FaintWays(evidence, 128), (150, 10))
    assert [round(float(way[:, 1].mean())) for way in found] == [40]
