"""Each change that a recipe names does what its name says, alone: its chance is 1, all others are 0."""

import dataclasses
from collections.abc import Callable
from itertools import product

import cv2
import numpy as np
import pytest

from tests.trainer.conftest import PLAIN
from trainer.augment import take_crop
from trainer.crops import Crops
from trainer.pictures import Scaled
from trainer.recipes import RECIPES, Augment

SIDE = 64
Check = Callable[[np.ndarray, np.ndarray], None]


def only(**values: object) -> Augment:
    return dataclasses.replace(PLAIN, **values)  # type: ignore[arg-type]


def centred(truth: np.ndarray) -> Scaled:
    """Bright shapes on dark ground, of whose crops the middle can be the picture's alone."""
    height, width = truth.shape
    valid = np.zeros(truth.shape, np.uint8)
    valid[height // 2, width // 2] = 1
    pixels = np.where(truth > 0, 220, 30).astype(np.uint8)
    return Scaled("a", "shapes", pixels[..., None].repeat(3, axis=2), truth[..., None], valid)


def crops(picture: Scaled, augment: Augment, count: int = 40) -> list[np.ndarray]:
    """Cut crops, of which pixels and truth must show the same; give the truths."""
    found = []
    for seed in range(count):
        pixels, truth, _valid = take_crop(picture, SIDE, augment, np.random.default_rng(seed))
        sure = np.abs(truth[..., 0].astype(int) - 128) > 100
        assert ((pixels[..., 0] > 125) == (truth[..., 0] > 127))[sure].mean() > 0.99
        found.append(truth[..., 0])
    return found


def disc(side: int = 3 * SIDE) -> Scaled:
    plane = np.zeros((side, side), np.uint8)
    cv2.circle(plane, (side // 2, side // 2), 12, 255, -1)
    return centred(plane)


def line_angle(truth: np.ndarray) -> float:
    """Give the angle of the one line in a crop, 0-45 degrees: mirroring and quarter turns leave it alike."""
    y, x = np.nonzero(truth > 127)
    (xx, xy), (_, yy) = np.cov(x, y)
    angle = np.degrees(np.arctan2(2 * xy, xx - yy) / 2) % 90
    return float(min(angle, 90 - angle))


def test_crops_are_turned_and_mirrored_in_all_eight_ways():
    plane = np.random.default_rng(0).integers(0, 2, (SIDE, SIDE), np.uint8) * 255
    ways = {
        np.ascontiguousarray(np.rot90(one, n)).tobytes() for one, n in product((plane, plane.T), range(4))
    }
    assert len(ways) == 8
    assert {truth.tobytes() for truth in crops(centred(plane), PLAIN, 80)} == ways


def test_warped_crops_are_turned_by_any_angle():
    plane = np.zeros((3 * SIDE, 3 * SIDE), np.uint8)
    plane[3 * SIDE // 2 - 2 : 3 * SIDE // 2 + 3] = 255
    assert {line_angle(truth) for truth in crops(centred(plane), only(warp=0.0))} == {0.0}
    angles = [line_angle(truth) for truth in crops(centred(plane), only(warp=1.0, scale=(1.0, 1.0)))]
    assert np.histogram(angles, 5, (0, 45))[0].min() >= 3


@pytest.mark.parametrize("scale", [(0.5, 0.5), (1.0, 1.0), (2.0, 2.0), (0.5, 2.0)])
def test_warped_crops_are_scaled_within_their_range(scale: tuple[float, float]):
    areas = [(truth > 127).sum() for truth in crops(disc(), only(warp=1.0, scale=scale))]
    grown = np.sqrt(np.array(areas) / (np.pi * 12.3**2))
    assert scale[0] * 0.9 < grown.min() < scale[0] * 1.2
    assert scale[1] * 0.8 < grown.max() < scale[1] * 1.05


def test_elastic_crops_are_bent_by_a_few_px():
    side = SIDE // 2
    for truth in crops(disc(), only(elastic=1.0)):
        (outline, *_), _ = cv2.findContours(
            (truth > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        radii = np.hypot(*(outline[:, 0] - side).T.astype(float))
        assert 1.5 < np.ptp(radii) < 30
    assert np.ptp([truth.sum() for truth in crops(disc(), PLAIN)]) == 0


def ground() -> np.ndarray:
    """Grain of middling light on large squares, each channel its own."""
    random = np.random.default_rng(3)
    squares = random.integers(0, 50, (8, 8, 3)).repeat(16, axis=0).repeat(16, axis=1)
    return (70 + squares + random.integers(0, 30, squares.shape)).astype(np.uint8)


def detail(pixels: np.ndarray) -> float:
    return float(cv2.Laplacian(pixels, cv2.CV_64F).std())


def tables(before: np.ndarray, after: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Give what the levels of each channel became: the same wherever they are."""
    found = []
    for old, new in zip(before.reshape(-1, 3).T, after.reshape(-1, 3).T, strict=True):
        levels = np.unique(old)
        became = [np.unique(new[old == level]) for level in levels]
        assert all(len(one) == 1 for one in became)
        found.append((levels.astype(float), np.array(became, float)[:, 0]))
    return found


def is_inverted(before: np.ndarray, after: np.ndarray) -> None:
    assert np.array_equal(after, 255 - before)


def is_gray(_before: np.ndarray, after: np.ndarray) -> None:
    assert not np.ptp(after, axis=2).any()
    assert np.ptp(after) > 20


def is_mixed(before: np.ndarray, after: np.ndarray) -> None:
    old, new = before.reshape(-1, 3).astype(float), after.reshape(-1, 3).astype(float)
    kept = (new.min(axis=1) > 0) & (new.max(axis=1) < 255)
    mix = np.linalg.lstsq(old[kept], new[kept], rcond=None)[0]
    assert np.abs(old[kept] @ mix - new[kept]).max() < 1.5
    assert np.abs(mix - np.diag(np.diag(mix))).max() > 0.05


def has_other_dyes(before: np.ndarray, after: np.ndarray) -> None:
    amounts = []
    for levels, became in tables(before, after):
        power = np.log((became + 1) / 256) / np.log((levels + 1) / 256)
        assert np.ptp(power) < 0.05
        amounts.append(float(np.median(power)))
    assert 0.58 < min(amounts) < max(amounts) < 1.52
    assert max(amounts) - min(amounts) > 0.02


def has_other_gamma(before: np.ndarray, after: np.ndarray) -> None:
    for levels, became in tables(before, after):
        power = np.log(became / 255) / np.log(levels / 255)
        assert np.ptp(power) < 0.05
        assert abs(np.median(power) - 1) > 0.01


def has_other_contrast(before: np.ndarray, after: np.ndarray) -> None:
    for levels, became in tables(before, after):
        slope, start = np.polyfit(levels, became, 1)
        assert np.abs(slope * levels + start - became).max() < 1
        assert abs(slope - 1) > 0.01
        assert slope * 110 + start == pytest.approx(110 * (1 + slope) / 2, abs=1.5)


def has_other_brightness(before: np.ndarray, after: np.ndarray) -> None:
    shifts = [became - levels for levels, became in tables(before, after)]
    assert all(np.ptp(shift) <= 1 for shift in shifts)
    assert max(abs(shift[0]) for shift in shifts) > 1


def has_other_exposure(before: np.ndarray, after: np.ndarray) -> None:
    for levels, became in tables(before, after):
        assert (np.diff(became) >= 0).all()
        assert np.abs(became - levels).max() > 3
    assert 35 < after.max() <= 255


def is_shaded(before: np.ndarray, after: np.ndarray) -> None:
    light = np.where(after < 255, (after + 0.5) / before, np.nan)
    assert np.nanmax(np.ptp(light, axis=2)) < 0.03
    assert np.nanmax(np.abs(np.diff(light, axis=0))) < 0.1
    assert np.nanmax(light) - np.nanmin(light) > 0.05


def is_blurred(before: np.ndarray, after: np.ndarray) -> None:
    assert detail(after) < 0.95 * detail(before)
    assert after.mean() == pytest.approx(before.mean(), abs=1)


def is_sharpened(before: np.ndarray, after: np.ndarray) -> None:
    assert detail(after) > 1.2 * detail(before)
    assert after.mean() == pytest.approx(before.mean(), abs=1)


def is_coarse(before: np.ndarray, after: np.ndarray) -> None:
    assert detail(after) < 0.7 * detail(before)
    assert after.mean() == pytest.approx(before.mean(), abs=1.5)


def is_noisy(before: np.ndarray, after: np.ndarray) -> None:
    noise = after.astype(float) - before
    assert 0.5 < noise.std() < 10
    assert abs(noise.mean()) < 1


def is_a_jpeg(before: np.ndarray, after: np.ndarray) -> None:
    def packed(quality: int) -> np.ndarray:
        return cv2.imdecode(cv2.imencode(".jpg", before, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)

    assert any(np.array_equal(packed(quality), after) for quality in range(35, 95))


def is_equalised(before: np.ndarray, after: np.ndarray) -> None:
    old, new = (cv2.cvtColor(one, cv2.COLOR_RGB2LAB).astype(float) for one in (before, after))
    assert new[..., 0].std() > 1.2 * old[..., 0].std()
    assert np.abs(new - old)[..., 1:].mean() < 2


LOOKS: list[tuple[dict[str, float], Check]] = [
    ({"invert": 1.0}, is_inverted),
    ({"gray": 1.0}, is_gray),
    ({"colour_mix": 1.0}, is_mixed),
    ({"stain": 1.0}, has_other_dyes),
    ({"gamma": 0.35}, has_other_gamma),
    ({"gain": 0.25}, has_other_contrast),
    ({"offset": 20.0}, has_other_brightness),
    ({"expose": 1.0}, has_other_exposure),
    ({"shading": 1.0}, is_shaded),
    ({"blur": 1.0}, is_blurred),
    ({"sharpen": 1.0}, is_sharpened),
    ({"low_resolution": 1.0}, is_coarse),
    ({"noise": 1.0}, is_noisy),
    ({"jpeg": 1.0}, is_a_jpeg),
    ({"equalise": 1.0}, is_equalised),
]


@pytest.mark.parametrize(("change", "check"), LOOKS)
def test_each_change_of_the_look_is_made_and_leaves_the_truth(change: dict[str, float], check: Check):
    pixels = ground()
    picture = Scaled("a", "ground", pixels, pixels[..., :1].copy(), np.ones(pixels.shape[:2], np.uint8))
    recipe = dataclasses.replace(RECIPES["fundus-vessels"], crop=SIDE, augment=PLAIN)
    plain = Crops([picture], recipe, 0)
    varied = Crops([picture], dataclasses.replace(recipe, augment=only(**change)), 0)
    for number in range(8):
        before, truth, valid = (plane.numpy() for plane in plain[number])
        after, same_truth, same_valid = (plane.numpy() for plane in varied[number])
        assert np.array_equal(before[..., 0] * valid[0], np.round(truth[0] * 255))
        assert np.array_equal(truth, same_truth)
        assert np.array_equal(valid, same_valid)
        check(before, after)


def test_every_change_is_tried_here():
    tried = {name for change, _check in LOOKS for name in change} | {"scale", "warp", "elastic"}
    assert tried | {"mirror"} == {one.name for one in dataclasses.fields(Augment)}  # test_crops.py has that
