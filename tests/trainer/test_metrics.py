import numpy as np
import pytest
from sklearn import metrics as reference

from trainer.metrics import (
    betti0_error,
    bootstrap_interval,
    calibration_error,
    count,
    count_lines,
    count_objects,
    difference_interval,
    pixel_measures,
    pooled_intervals,
    shape_measures,
)


def cldice(mask, truth):
    return shape_measures(count_lines(mask, truth))["cldice"]


def of_objects(answer, truth):
    return shape_measures(count_objects(answer, truth))


@pytest.fixture
def answer():
    random = np.random.default_rng(3)
    truth = random.random((60, 70)) < 0.2
    probability = np.clip(truth * 0.35 + random.random((60, 70)) * 0.65, 0, 1).astype(np.float32)
    inside = np.ones((60, 70), bool)
    inside[:10] = False
    return probability, truth, inside


def test_against_scikit_learn(answer):
    probability, truth, inside = answer
    mask = probability >= 0.5
    got = pixel_measures(count(probability, mask, truth, inside))
    t, p, m = truth[inside], probability[inside], mask[inside]
    assert got["dice"] == pytest.approx(reference.f1_score(t, m))
    assert got["iou"] == pytest.approx(reference.jaccard_score(t, m))
    assert got["sensitivity"] == pytest.approx(reference.recall_score(t, m))
    assert got["precision"] == pytest.approx(reference.precision_score(t, m))
    assert got["specificity"] == pytest.approx(reference.recall_score(~t, ~m))
    assert got["accuracy"] == pytest.approx(reference.accuracy_score(t, m))
    assert got["mcc"] == pytest.approx(reference.matthews_corrcoef(t, m))
    assert got["auc"] == pytest.approx(reference.roc_auc_score(t, p), abs=1e-3)
    assert got["pr_auc"] == pytest.approx(reference.average_precision_score(t, p), abs=2e-3)


def test_pooling_is_adding(answer):
    probability, truth, inside = answer
    mask = probability >= 0.5
    upper, lower = inside.copy(), inside.copy()
    upper[30:], lower[:30] = False, False
    halves = count(probability, mask, truth, upper) + count(probability, mask, truth, lower)
    assert pixel_measures(halves) == pixel_measures(count(probability, mask, truth, inside))


def test_calibration_error_by_hand():
    probability = np.array([[0.1] * 10 + [0.9] * 10], np.float32)
    truth = np.array([[True] * 3 + [False] * 7 + [True] * 9 + [False]])
    counts = count(probability, probability > 0.5, truth, np.ones_like(truth))
    assert calibration_error(counts) == pytest.approx(0.5 * 0.2 + 0.5 * 0.0, abs=1e-3)


def test_empty_pictures():
    nothing = np.zeros((8, 8), bool)
    got = pixel_measures(count(np.zeros((8, 8), np.float32), nothing, nothing, ~nothing))
    assert (got["dice"], got["specificity"]) == (1.0, 1.0)
    assert not {"auc", "sensitivity", "precision", "mcc"} & set(got)
    everything = pixel_measures(count(None, ~nothing, ~nothing, ~nothing))
    assert (everything["sensitivity"], everything["precision"]) == (1.0, 1.0)
    assert not {"specificity", "mcc"} & set(everything)
    assert cldice(nothing, nothing) == 1.0
    assert cldice(~nothing, nothing) == 0.0


def test_cldice_does_not_mind_width():
    thin, thick = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    thin[20, 5:35], thick[18:23, 5:35] = True, True
    assert cldice(thin, thick) > 0.95
    assert cldice(thin, np.roll(thick, 10, axis=0)) == 0.0


def test_betti0_error_counts_pieces():
    one, two = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    one[2:7, 4] = True
    two[2:4, 4] = two[5:7, 4] = True
    assert (betti0_error(one, two), betti0_error(two, two)) == (1, 0)


def test_objects_by_hand():
    truth, said = np.zeros((20, 30), np.int32), np.zeros((20, 30), np.int32)
    truth[2:8, 2:8], truth[2:8, 12:18], truth[12:18, 2:8] = 1, 2, 3
    said[2:8, 2:8] = 7  # exact
    said[2:8, 13:19] = 8  # IoU 30 / 42
    said[12:18, 20:26] = 9  # nothing there
    got = of_objects(said, truth)
    assert got["f1"] == pytest.approx(2 / 3)
    assert got["ap50"] == pytest.approx(2 / 4)
    assert got["pq"] == pytest.approx((1 + 30 / 42) / 3)
    assert got["count_error"] == 0
    assert of_objects(said * 0, truth)["f1"] == 0
    assert of_objects(said * 0, truth * 0) == {"f1": 1, "ap50": 1, "pq": 1, "count_error": 0}


def test_shapes_pool_by_hand():
    thin = np.zeros((20, 40), bool)
    thin[10, 5:25] = True
    half = thin.copy()
    half[10, 15:] = False
    lines = count_lines(thin, half), count_lines(half, half)  # 20 px of which 10 are right, then 10 of 10
    pooled = shape_measures(lines[0] + lines[1])
    assert pooled == {"cldice": pytest.approx(2 * (20 / 30) / (1 + 20 / 30))}
    one, two = np.zeros((20, 30), np.int32), np.zeros((20, 30), np.int32)
    one[2:8, 2:8] = 1
    two[2:8, 2:8], two[12:18, 2:8], two[12:18, 12:18] = 1, 2, 3
    moved = np.roll(one, 1, axis=1)  # IoU 30 / 42
    a, b, empty = count_objects(two, one), count_objects(moved, two), count_objects(one * 0, one * 0)
    assert shape_measures(a + b + empty) == {  # 4 said, 4 there, 2 hits
        "f1": 2 / 4,
        "ap50": 2 / 6,
        "pq": pytest.approx((1 + 30 / 42) / 4),
        "count_error": 0,
    }
    assert shape_measures(a + a)["count_error"] == 2  # 6 for 2
    assert set(shape_measures(a + lines[0])) == {"cldice", "f1", "ap50", "pq", "count_error"}


def test_shapes_are_drawn_anew_as_pixels_are(answer):
    probability, truth, inside = answer
    one = np.zeros((20, 30), np.int32)
    one[2:8, 2:8] = 1
    right, wrong = count_objects(one, one), count_objects(one * 0, one)
    counts = [count(probability, truth, truth, inside, shapes) for shapes in (right, wrong, right, wrong)]
    intervals = pooled_intervals(counts, list("abcd"))
    low, high = intervals["ap50"]
    assert low < 0.5 < high
    assert "cldice" not in intervals
    assert pooled_intervals(counts, list("aabb"))["ap50"] == (0.5, 0.5)


def test_interval_of_groups_is_wider_than_of_singles():
    values = [0.7, 0.7, 0.7, 0.9, 0.9, 0.9]
    found, single = bootstrap_interval(values, list("aaabbb")), bootstrap_interval(values, list("abcdef"))
    assert found is not None
    assert single is not None
    assert found == pytest.approx((0.7, 0.9))
    assert single[0] > found[0]
    assert single[1] < found[1]


@pytest.mark.parametrize(("subjects", "of_each"), [(2, 1), (2, 2), (3, 1), (5, 2), (12, 1)])
def test_a_difference_is_called_one_no_more_often_than_it_says(subjects: int, of_each: int):
    random, tries = np.random.default_rng(1), 400
    names = [str(number) for number in range(subjects) for _ in range(of_each)]
    holds = above = 0
    for _ in range(tries):
        gains = np.repeat(random.normal(0, 0.02, subjects), of_each) + random.normal(0, 0.004, len(names))
        found = difference_interval(gains.tolist(), names, 500)
        assert found is not None
        holds += found[0] <= 0 <= found[1]
        above += found[0] > 0
    assert 0.92 <= holds / tries <= 0.98
    assert above / tries <= 0.05


def test_one_subject_gives_no_interval():
    assert bootstrap_interval([0.1, 0.2, 0.3], ["a", "a", "a"]) is None
    assert difference_interval([0.1, 0.2, 0.3], ["a", "a", "a"]) is None
