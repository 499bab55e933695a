import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vesselapp.core import evidence as ev
from vesselapp.core.evidence import Correction


@given(st.floats(0, 1, width=32))
def test_a_probability_survives_quantising_within_half_a_step(probability: float) -> None:
    value = ev.quantise(np.full((1, 1), probability, np.float32))
    assert ev.LOWEST <= value[0, 0] <= ev.HIGHEST
    assert abs(ev.dequantise(value)[0, 0] - probability) <= 0.5 / 252 + 1e-6


@given(st.integers(2, 253))
def test_level_and_threshold_are_inverse(level: int) -> None:
    assert ev.level_of(ev.threshold_of(level)) == level


@pytest.mark.parametrize("threshold", [0.0, 0.001, 1.0])
def test_a_probability_of_zero_is_never_foreground_and_one_always_is(threshold: float) -> None:
    ends = ev.quantise(np.array([[0.0, 1.0]], np.float32))
    assert ev.mask_of(ends, ev.level_of(threshold)).tolist() == [[False, True]]


def test_every_dequantised_value_at_a_threshold_is_foreground() -> None:
    values = np.arange(1, 254, dtype=np.uint8)[None]
    for threshold in np.linspace(0.01, 1, 173):
        mask = ev.mask_of(values, ev.level_of(float(threshold)))
        assert np.array_equal(mask, ev.dequantise(values) >= np.float32(threshold) - 1e-6)


@given(
    arrays(np.uint8, (7, 9), elements=st.integers(1, 253)),
    arrays(np.uint8, (7, 9), elements=st.integers(0, 3)),
    st.integers(2, 253),
)
def test_no_threshold_reaches_a_correction(
    probability: np.ndarray, corrections: np.ndarray, level: int
) -> None:
    mask = ev.mask_of(ev.compose(probability, corrections), level)
    assert mask[corrections == Correction.FOREGROUND].all()
    assert not mask[corrections == Correction.BACKGROUND].any()
    assert not mask[corrections == Correction.UNSURE].any()
    untouched = corrections == Correction.NONE
    assert np.array_equal(mask[untouched], probability[untouched] >= level)


def test_the_table_says_the_same_as_the_mask() -> None:
    values = np.arange(256, dtype=np.uint8)[None]
    assert np.array_equal(ev.mask_table(100)[values], ev.mask_of(values, 100))


def test_large_planes_are_quantised_in_strips_alike() -> None:
    plane = np.random.default_rng(0).random((300, 5000), np.float32)
    assert np.array_equal(ev.quantise(plane)[120:130], ev.quantise(plane[120:130]))


def test_what_is_unsure_is_not_corrected() -> None:
    corrections = np.array([list(Correction)], np.uint8)
    assert ev.corrected_share(corrections) == 0.5
