import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vesselapp.core.adapt import UNIT, Features, adapted, fit_head
from vesselapp.core.evidence import HIGHEST, LOWEST, Correction, compose, mask_of, quantise
from vesselapp.core.field_of_view import FieldOfView
from vesselapp.core.geometry import Box
from vesselapp.core.learnt import Head, Learnt, learnt_from_json, learnt_to_json

LEVEL = 127


def dice(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float(2 * (mask & truth).sum() / max(1, mask.sum() + truth.sum()))


def disc(height: int, width: int, diameter: float) -> FieldOfView:
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1) * diameter / 2 + [width / 2, height / 2]
    return FieldOfView(points.astype(np.float32), diameter, circular=True, found=True)


class Scene:
    """Bars of which the model misses every other one, though its second feature shows them all."""

    def __init__(self, side: int = 400, seed: int = 0) -> None:
        chance = np.random.default_rng(seed)
        self.truth = np.zeros((side, side), bool)
        self.missed = np.zeros((side, side), bool)
        for place, left in enumerate(range(10, side - 10, 20)):
            self.truth[:, left : left + 6] = True
            self.missed[:, left : left + 6] = place % 2 == 1
        said = np.where(self.truth & ~self.missed, 0.85, 0.1)
        noise = chance.normal(0, 0.03, said.shape)
        self.answer = quantise((said + np.where(self.missed, 0.2, 0) + noise).clip(0, 1).astype(np.float32))
        channels = [chance.random(said.shape), self.truth + chance.normal(0, 0.1, said.shape)]
        codes = (np.stack(channels, axis=2) * UNIT).clip(0, 255).astype(np.uint8)
        self.features = Features(codes, Box(0, 0, side, side), None)
        self.corrections = np.zeros((side, side), np.uint8)

    def correct(self, box: Box) -> None:
        """Correct all that is wrong in a box, and a little of what is right."""
        mask = self.answer >= LEVEL
        inside = np.zeros_like(mask)
        inside[box.slices] = True
        self.corrections[inside & self.truth & ~mask] = Correction.FOREGROUND
        self.corrections[inside & ~self.truth & (np.arange(mask.shape[0])[:, None] % 9 == 0)] = (
            Correction.BACKGROUND
        )


def test_what_was_corrected_in_one_corner_is_found_everywhere() -> None:
    scene = Scene()
    scene.correct(Box(0, 0, 200, 200))
    head = fit_head(scene.features, scene.answer, scene.answer, scene.corrections, LEVEL)
    assert head is not None
    changed = adapted(scene.features, scene.answer, head)
    untouched = scene.corrections == Correction.NONE
    untouched[:200, :200] = False
    before = dice(untouched & (scene.answer >= LEVEL), untouched & scene.truth)
    after = dice(untouched & (changed >= LEVEL), untouched & scene.truth)
    assert before < 0.7
    assert after > before + 0.1


def test_the_same_corrections_give_the_same_head() -> None:
    heads = []
    for _ in range(2):
        scene = Scene()
        scene.correct(Box(0, 0, 300, 300))  # more pixels than are drawn
        heads.append(fit_head(scene.features, scene.answer, scene.answer, scene.corrections, LEVEL))
    assert heads[0] == heads[1]
    assert heads[0] is not None


def test_where_the_features_tell_nothing_nothing_is_learnt() -> None:
    """Corrections are where the model is wrong; they must not turn over what it does elsewhere."""
    scene = Scene()
    chance = np.random.default_rng(4)
    noise = (chance.random(scene.features.codes.shape) * UNIT).astype(np.uint8)
    features = Features(noise, scene.features.box, None)
    wrong = chance.random(scene.truth.shape) < 0.004
    mask = scene.answer >= LEVEL
    scene.corrections[wrong] = np.where(mask[wrong], Correction.BACKGROUND, Correction.FOREGROUND)
    assert fit_head(features, scene.answer, scene.answer, scene.corrections, LEVEL) is None


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(5, 400))
def test_corrected_pixels_are_never_answered_worse(seed: int, count: int) -> None:
    chance = np.random.default_rng(seed)
    side = 96
    answer = chance.integers(LOWEST, HIGHEST + 1, (side, side)).astype(np.uint8)
    codes = chance.integers(0, 256, (side // 2, side // 2, 3)).astype(np.uint8)
    features = Features(codes, Box(0, 0, side, side), None)
    corrections = np.zeros((side, side), np.uint8)
    rows, columns = chance.integers(0, 32, count), chance.integers(0, 32, count)
    corrections[rows, columns] = chance.integers(1, 3, count)
    head = fit_head(features, answer, answer, corrections, LEVEL)
    if head is None:
        return
    changed = adapted(features, answer, head)
    said = corrections > 0
    right = corrections[said] == Correction.FOREGROUND

    def loss(plane: NDArray[np.uint8]) -> float:
        chance_of = ((plane[said].astype(float) - 1) / 252).clip(0.001, 0.999)
        return float(-np.log(np.where(right, chance_of, 1 - chance_of)).mean())

    assert loss(changed) <= loss(answer) + 0.02  # what is quantised is off by so much at most
    evidence = compose(changed, corrections)
    assert (mask_of(evidence, LEVEL)[said] == right).all()


def test_a_head_that_adds_nothing_changes_nothing() -> None:
    answer = np.arange(LOWEST, HIGHEST + 1, dtype=np.uint8).reshape(11, 23)
    features = Features(np.full((11, 23, 2), 200, np.uint8), Box(0, 0, 23, 11), None)
    np.testing.assert_array_equal(adapted(features, answer, Head((0.0, 0.0), 0.0)), answer)


@given(st.floats(-20, 20), st.integers(LOWEST, HIGHEST))
def test_more_log_odds_never_mean_less_probability(bias: float, value: int) -> None:
    answer = np.full((3, 3), value, np.uint8)
    features = Features(np.zeros((3, 3, 1), np.uint8), Box(0, 0, 3, 3), None)
    changed = adapted(features, answer, Head((0.0,), bias))
    assert changed.min() >= LOWEST
    assert changed.max() <= HIGHEST
    assert (changed >= value).all() if bias >= 0 else (changed <= value).all()


def test_nothing_outside_the_field_of_view_or_the_box_is_touched() -> None:
    answer = np.full((60, 80), 90, np.uint8)
    answer[:, :5] = LOWEST
    field = disc(60, 80, 50)
    features = Features(np.zeros((25, 30, 1), np.uint8), Box(10, 5, 70, 55), field)
    changed = adapted(features, answer, Head((0.0,), 5.0))
    inside = field.mask(60, 80) == 1
    box = np.zeros((60, 80), bool)
    box[5:55, 10:70] = True
    assert (changed[inside & box] > 90).all()
    assert (changed[box & ~inside] == LOWEST).all()
    np.testing.assert_array_equal(changed[~box], answer[~box])


def test_a_head_for_other_features_is_refused() -> None:
    features = Features(np.zeros((4, 4, 3), np.uint8), Box(0, 0, 4, 4), None)
    with pytest.raises(ValueError, match="other features"):
        adapted(features, np.full((4, 4), 9, np.uint8), Head((1.0,), 0.0))


@pytest.mark.parametrize(
    "learnt", [Learnt(), Learnt(None, "ab"), Learnt(Head((0.5, -2.0, 1e-9), 0.25), "ab", 310)]
)
def test_what_was_learnt_goes_through_json(learnt: Learnt) -> None:
    assert learnt_from_json(learnt_to_json(learnt)) == learnt


@pytest.mark.parametrize(
    "values",
    [
        None,
        {},
        {"model": 3},
        {"model": "a", "weights": [1.0], "bias": 0.0},
        {"model": "a", "weights": [1.0], "bias": None, "pixels": 3},
        {"model": "a", "weights": [float("nan")], "bias": 0.0, "pixels": 3},
        {"model": "a", "weights": ["1"], "bias": 0.0, "pixels": 3},
        {"model": "a", "weights": [0.0] * 65, "bias": 0.0, "pixels": 3},
        {"model": "a", "weights": "xy", "bias": 0.0, "pixels": 3},
        {"model": "a", "weights": [1.0], "bias": 0.0, "pixels": -1},
    ],
)
def test_what_was_not_learnt_is_refused(values: object) -> None:
    with pytest.raises(ValueError, match=r"nothing learnt|not a number"):
        learnt_from_json(values)


def test_corrections_of_nothing_that_repeats_give_no_head() -> None:
    """Places drawn at random, which the features don't tell from others: the answer stays the model's own."""
    scene = Scene()
    chance = np.random.default_rng(7)
    codes = (chance.random(scene.features.codes.shape) * UNIT).astype(np.uint8)
    mask = scene.answer >= LEVEL
    for row, column in chance.integers(0, 390, (40, 2)):
        box = np.s_[row : row + 6, column : column + 6]
        scene.corrections[box] = np.where(mask[box], Correction.BACKGROUND, Correction.FOREGROUND)
    features = Features(codes, scene.features.box, None)
    assert fit_head(features, scene.answer, scene.answer, scene.corrections, LEVEL) is None


def test_corrections_that_say_unsure_are_no_examples() -> None:
    scene = Scene()
    scene.correct(Box(0, 0, 200, 200))
    wanted = fit_head(scene.features, scene.answer, scene.answer, scene.corrections, LEVEL)
    scene.corrections[50:60, 50:60] = Correction.UNSURE
    scene.corrections[390:, 390:] = Correction.UNSURE
    found = fit_head(scene.features, scene.answer, scene.answer, scene.corrections, LEVEL)
    assert found is not None
    assert wanted is not None
    assert np.sign(found.weights[1]) == np.sign(wanted.weights[1])
    scene.corrections[...] = Correction.UNSURE
    scene.corrections[:20, :40] = Correction.NONE
    assert fit_head(scene.features, scene.answer, scene.answer, scene.corrections, LEVEL) is None


def test_where_everything_is_corrected_nothing_is_left_to_learn() -> None:
    scene = Scene()
    scene.corrections[...] = np.where(scene.truth, Correction.FOREGROUND, Correction.BACKGROUND)
    assert fit_head(scene.features, scene.answer, scene.answer, scene.corrections, LEVEL) is None


def test_where_everything_was_seen_a_head_must_put_right_more() -> None:
    """The same corrections, with one more in each part of the picture: there is nothing left to win."""
    scene = Scene()
    scene.correct(Box(0, 0, 200, 200))
    assert fit_head(scene.features, scene.answer, scene.answer, scene.corrections, LEVEL) is not None
    scene.corrections[15::30, 15::30] = Correction.BACKGROUND
    assert fit_head(scene.features, scene.answer, scene.answer, scene.corrections, LEVEL) is None
