import cv2
import numpy as np

from vesselapp.core.evidence import BACKGROUND, FOREGROUND, LOWEST, UNSURE
from vesselapp.core.tools.doubtful import doubtful_places

LEVEL = 100


def plane() -> np.ndarray:
    evidence = np.full((300, 400), LOWEST, np.uint8)
    cv2.line(evidence, (20, 40), (380, 40), 250, 5)
    return evidence


def test_a_certain_vessel_is_in_no_doubt_not_even_its_rim() -> None:
    evidence = cv2.GaussianBlur(plane(), (0, 0), 1.5)
    assert doubtful_places(evidence, LEVEL) == []


def test_the_rim_of_what_was_taken_away_is_in_no_doubt() -> None:
    evidence = np.full((300, 400), LOWEST, np.uint8)
    cv2.circle(evidence, (150, 150), 30, 250, -1)
    evidence = cv2.GaussianBlur(evidence, (0, 0), 2.5)
    evidence[evidence >= LEVEL] = BACKGROUND  # the piece tool takes what is in the mask
    assert doubtful_places(evidence, LEVEL) == []
    cv2.line(evidence, (250, 20), (380, 20), 95, 3)
    assert len(doubtful_places(evidence, LEVEL)) == 1


def test_long_thin_places_come_before_round_ones_of_their_size() -> None:
    evidence = plane()
    cv2.line(evidence, (50, 150), (200, 160), 95, 2)
    cv2.circle(evidence, (300, 200), 11, 95, -1)
    first, second = doubtful_places(evidence, LEVEL)
    assert first.box.left <= 52
    assert first.box.right >= 199
    assert evidence[first.centre[1], first.centre[0]] == 95
    assert abs(second.centre[0] - 300) <= 2
    assert first.weight > second.weight


def test_nearer_the_level_weighs_more() -> None:
    evidence = plane()
    cv2.line(evidence, (50, 150), (200, 150), 60, 2)
    cv2.line(evidence, (50, 250), (200, 250), 95, 2)
    first, second = doubtful_places(evidence, LEVEL)
    assert first.centre[1] >= 249
    assert first.weight > second.weight


def test_what_a_person_has_said_is_in_no_doubt() -> None:
    for said in (BACKGROUND, FOREGROUND, UNSURE):
        evidence = plane()
        cv2.line(evidence, (50, 150), (200, 150), 95, 3)
        assert len(doubtful_places(evidence, LEVEL)) == 1
        evidence[140:160] = said
        assert doubtful_places(evidence, LEVEL) == []


def test_places_lie_in_the_picture_and_large_ones_come_in_parts() -> None:
    evidence = np.full((901, 1203), 95, np.uint8)
    places = doubtful_places(evidence, LEVEL, most=30)
    assert len(places) == 30
    for place in places:
        assert place.box == place.box.clipped(901, 1203)
        assert place.box.right - place.box.left <= 200
        assert place.box.left <= place.centre[0] < place.box.right
        assert place.box.top <= place.centre[1] < place.box.bottom
    assert [place.weight for place in places] == sorted((p.weight for p in places), reverse=True)


def test_a_large_picture_is_told_as_a_small_one() -> None:
    evidence = plane()
    cv2.line(evidence, (50, 150), (85, 152), 95, 2)
    (small,) = doubtful_places(evidence, LEVEL)
    wide = cv2.resize(evidence, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    (large,) = doubtful_places(wide, LEVEL)
    assert np.abs(np.array(large.box) / 8 - np.array(small.box)).max() <= 3
    assert abs(large.centre[0] / 8 - small.centre[0]) <= 10
