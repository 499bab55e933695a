import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.tools.drawn import joined
from vesselapp.core.evidence import HIGHEST, LOWEST
from vesselapp.core.tools.grow import Grower


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.tuples(st.integers(0, 59), st.integers(0, 49)))
def test_a_region_holds_its_seed_is_connected_and_only_grows(seed: int, place: tuple[int, int]) -> None:
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (10, 12, 3)).astype(np.uint8)
    pixels = cv2.resize(coarse, (60, 50), interpolation=cv2.INTER_LINEAR)
    evidence = cv2.resize(random.integers(0, 256, (10, 12)).astype(np.uint8), (60, 50))
    grower = Grower(evidence, pixels, place)
    before = np.zeros((50, 60), np.bool_)
    for reach in (0.0, 0.1, 0.3, 0.6, 1.0):
        region = joined([grower.region(reach)], (50, 60))
        assert region[place[1], place[0]]
        assert cv2.connectedComponents(region.astype(np.uint8), connectivity=4)[0] == 2
        assert not (before & ~region).any()
        before = region
    assert before.all()


def test_a_cell_is_taken_whole_without_a_model() -> None:
    pixels = np.full((200, 220, 3), 210, np.uint8)
    cv2.circle(pixels, (90, 100), 30, (140, 80, 150), -1)
    cv2.circle(pixels, (160, 100), 30, (140, 80, 150), -1)
    region = joined([Grower(np.full((200, 220), LOWEST, np.uint8), pixels, (85, 95)).region(0.3)], (200, 220))
    cell = cv2.circle(np.zeros((200, 220), np.uint8), (90, 100), 30, 1, -1) > 0
    assert (region & cell).sum() / (region | cell).sum() > 0.93


def test_the_region_stays_in_its_window() -> None:
    flat = np.full((300, 300, 3), 100, np.uint8)
    grower = Grower(np.full((300, 300), LOWEST, np.uint8), flat, (150, 150), window=100)
    box, region = grower.region(1.0)
    assert (box.right - box.left, box.bottom - box.top) == (101, 101)
    assert region.all()


def test_a_cell_that_the_model_knows_is_taken_whole_whatever_is_in_it() -> None:
    pixels, evidence = np.full((200, 220, 3), 210, np.uint8), np.full((200, 220), LOWEST, np.uint8)
    cv2.circle(pixels, (90, 100), 30, (160, 90, 150), -1)
    cv2.circle(pixels, (90, 100), 12, (230, 220, 225), -1)
    cv2.circle(pixels, (78, 90), 6, (40, 20, 90), -1)
    cv2.circle(evidence, (90, 100), 30, HIGHEST, -1)
    cell = evidence == HIGHEST
    for place in ((70, 105), (90, 100), (78, 90)):
        assert np.array_equal(joined([Grower(evidence, pixels, place).region(0.15)], (200, 220)), cell)


def test_in_a_vessel_colour_still_counts() -> None:
    pixels, evidence = np.full((200, 220, 3), 210, np.uint8), np.full((200, 220), LOWEST, np.uint8)
    pixels[96:105], evidence[96:105] = 150, HIGHEST
    pixels[96:105, 120:] = 90
    region = joined([Grower(evidence, pixels, (60, 100)).region(0.15)], (200, 220))
    assert region[98:103, 5:110].all()
    assert not region[:, 130:].any()
