"""Run lengths as COCO counts them: down the columns, beginning with the outside."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.study.studies import mask_from
from vesselapp.study.coco import object_annotations, pieces

masks = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))

# Counted by hand, after the definition of pycocotools (common/maskApi.c, rleEncode).
BY_HAND = [
    (["##", "##"], [0, 4]),
    (["#.", ".."], [0, 1, 3]),
    ([".#", ".."], [2, 1, 1]),
    (["..", "#."], [1, 1, 2]),
    ([".#", "#."], [1, 2, 1]),  # the end of the first column runs on into the second
    (["...", ".#.", "..."], [4, 1, 4]),
    (["..#", "..#"], [4, 2]),
    (["###", "#.#", "###"], [0, 4, 1, 4]),
]


def drawn(rows: list[str]) -> np.ndarray:
    return np.array([[sign == "#" for sign in row] for row in rows])


def counts_of(mask: np.ndarray) -> list[int]:
    (whole,) = object_annotations(mask.astype(np.int32))
    return whole["segmentation"]["counts"]


@pytest.mark.parametrize(("rows", "counts"), BY_HAND)
def test_counts_by_hand(rows: list[str], counts: list[int]) -> None:
    assert counts_of(drawn(rows)) == counts
    assert np.array_equal(mask_from(counts, len(rows), len(rows[0])), drawn(rows))


def naive(mask: np.ndarray) -> list[int]:
    """Count pixel by pixel, as the definition says."""
    counts, inside, run = [], False, 0
    for pixel in mask.ravel(order="F"):
        if bool(pixel) != inside:
            counts.append(run)
            inside, run = not inside, 0
        run += 1
    return [*counts, run]


@given(masks)
def test_counts_are_those_of_the_definition_and_lead_back(mask: np.ndarray) -> None:
    assume(mask.any())
    counts = counts_of(mask)
    assert counts == naive(mask)
    assert np.array_equal(mask_from(counts, *mask.shape), mask)


@given(masks)
def test_objects_share_the_mask_out(mask: np.ndarray) -> None:
    left = np.zeros(mask.shape, int)
    for one in object_annotations(pieces(mask)):
        part = mask_from(one["segmentation"]["counts"], *mask.shape)
        x, y, across, down = one["bbox"]
        assert one["segmentation"]["size"] == list(mask.shape)
        assert one["area"] == part.sum() > 0
        assert part[y : y + down, x : x + across].sum() == part.sum()
        assert part[y].any()
        assert part[:, x].any()
        assert part[y + down - 1].any()
        assert part[:, x + across - 1].any()
        left += part
    assert np.array_equal(left, mask.astype(int))


def test_objects_and_whole() -> None:
    mask = drawn(["##...", "##..#", "....#", "#...."])
    assert len(list(object_annotations(pieces(mask)))) == 3
    (whole,) = object_annotations(mask.astype(np.int32))
    assert (whole["area"], whole["bbox"]) == (7, [0, 0, 5, 4])
    assert list(object_annotations(np.zeros((3, 3), np.int32))) == []
    assert list(object_annotations(pieces(np.zeros((3, 3), bool)))) == []


def test_diagonal_neighbours_are_one_object() -> None:
    assert len(list(object_annotations(pieces(drawn(["#.", ".#"]))))) == 1
