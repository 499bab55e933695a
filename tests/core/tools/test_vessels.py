import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tests.core.tools.drawn import LEVEL, evidence_of, joined
from vesselapp.core.evidence import BACKGROUND
from vesselapp.core.tools.pieces import Mask
from vesselapp.core.tools.trace import Tracer
from vesselapp.core.tools.vessels import bridges, spurs

EIGHT = np.ones((3, 3), np.bool_)


def drawn(*lines: tuple[tuple[int, int], tuple[int, int], int]) -> Mask:
    mask = np.zeros((160, 200), np.uint8)
    for start, end, width in lines:
        cv2.line(mask, start, end, 1, width)
    return mask > 0


def bridged(mask: Mask, longest: float) -> Mask:
    evidence = evidence_of(mask)
    tracer = Tracer(np.full((*mask.shape, 3), 120, np.uint8), evidence, LEVEL)
    return joined(
        [part for bridge in bridges(tracer, evidence, LEVEL, longest) for part in bridge], mask.shape
    )


def pieces(mask: Mask) -> int:
    return int(ndimage.label(mask, EIGHT)[1])


@settings(max_examples=30)
@given(st.floats(0, np.pi), st.integers(3, 14), st.sampled_from([1, 3, 7]))
def test_a_bridge_joins_two_ends_that_point_at_each_other(angle: float, gap: int, width: int) -> None:
    along = np.array([np.cos(angle), np.sin(angle)])
    spots = [100 + along[0] * r for r in (-60, -gap / 2 - width, gap / 2 + width, 60)]
    rows = [80 + along[1] * r for r in (-60, -gap / 2 - width, gap / 2 + width, 60)]
    ends = [(round(x), round(y)) for x, y in zip(spots, rows, strict=True)]
    mask = drawn((ends[0], ends[1], width), (ends[2], ends[3], width))
    assert pieces(mask) == 2
    bridge = bridged(mask, 2 * gap + 4 * width + 4)
    assert not (bridge & mask).any()
    assert pieces(mask | bridge) == 1


def test_a_gap_wider_than_asked_for_stays() -> None:
    mask = drawn(((20, 80), (80, 80), 3), ((110, 80), (180, 80), 3))
    assert not bridged(mask, 20).any()
    assert bridged(mask, 30).any()


def test_vessels_side_by_side_are_not_joined() -> None:
    assert not bridged(drawn(((20, 70), (180, 70), 3), ((20, 82), (180, 82), 3)), 20).any()


def test_a_loose_end_is_joined_to_the_vessel_ahead() -> None:
    mask = drawn(((100, 10), (100, 150), 5), ((20, 80), (88, 80), 3))
    assert pieces(mask | bridged(mask, 15)) == 1


def test_what_was_taken_away_is_no_gap() -> None:
    mask = drawn(((20, 80), (80, 80), 3), ((92, 80), (180, 80), 3))
    evidence = evidence_of(mask)
    tracer = Tracer(np.full((*mask.shape, 3), 120, np.uint8), evidence, LEVEL)
    assert bridges(tracer, evidence, LEVEL, 20)
    evidence[75:86, 85:87] = BACKGROUND
    assert not bridges(tracer, evidence, LEVEL, 20)


def test_what_is_there_already_is_not_painted_again_and_unsure_stays() -> None:
    mask = drawn(((20, 80), (80, 80), 3), ((92, 80), (180, 80), 3))
    evidence = evidence_of(mask)
    evidence[:, 86] = 254
    tracer = Tracer(np.full((*mask.shape, 3), 120, np.uint8), evidence, LEVEL)
    parts = [part for bridge in bridges(tracer, evidence, LEVEL, 20) for part in bridge]
    painted = joined(parts, mask.shape)
    assert painted.any()
    assert not painted[:, 86].any()


@pytest.mark.parametrize("width", [1, 3, 5])
def test_pruning_takes_spurs_and_keeps_the_trunk(width: int) -> None:
    trunk = drawn(((10, 80), (190, 80), width))
    mask = trunk | drawn(((60, 80), (60, 80 + width // 2 + 6), 1), ((120, 80), (126, 80 - width // 2 - 6), 1))
    gone = joined(spurs(evidence_of(mask), LEVEL, 12), mask.shape)
    assert not (gone & trunk).any()
    assert (mask & ~trunk & ~gone).sum() <= 4
    assert pieces(mask & ~gone) == 1


def test_a_branch_longer_than_asked_for_stays() -> None:
    mask = drawn(((10, 80), (190, 80), 3), ((100, 80), (100, 30), 3))
    assert spurs(evidence_of(mask), LEVEL, 30) == []


def test_a_line_without_a_branch_is_no_spur() -> None:
    mask = drawn(((50, 80), (58, 80), 1), ((100, 30), (100, 30), 1))
    assert spurs(evidence_of(mask), LEVEL, 30) == []


def test_a_fork_at_the_end_loses_its_shorter_branch_only() -> None:
    mask = drawn(((10, 80), (100, 80), 1), ((100, 80), (108, 72), 1), ((100, 80), (105, 85), 1))
    gone = joined(spurs(evidence_of(mask), LEVEL, 10), mask.shape)
    assert gone[85, 105]
    assert not gone[72, 108]


@settings(max_examples=30)
@given(st.integers(0, 2**31))
def test_pruning_never_adds_and_never_takes_a_piece_apart(seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(random.random((80, 90)), 2) > 0.51
    gone = joined(spurs(evidence_of(mask), LEVEL, 8), mask.shape)
    assert (gone <= mask).all()
    kept = mask & ~gone
    numbers, count = ndimage.label(mask, EIGHT)
    assert all((kept & (numbers == number)).any() for number in range(1, count + 1))
