import dataclasses

import numpy as np
import pytest

from trainer.augment import take_crop, vary_look
from trainer.crops import Crops
from trainer.drawn import draw_blood, draw_fluorescence, draw_tissue
from trainer.pictures import Scaled
from trainer.recipes import RECIPES, Augment

WILD = Augment(
    warp=1.0, elastic=1.0, colour_mix=1.0, gray=1.0, shading=1.0, low_resolution=1.0, blur=1.0, sharpen=1.0,
    noise=1.0, jpeg=1.0, equalise=1.0, invert=1.0, stain=1.0, expose=1.0,
)  # fmt: skip


def bars(set_name: str = "a") -> Scaled:
    """Dark bars whose truth is where they are."""
    truth = np.zeros((120, 150, 1), np.uint8)
    truth[:, ::10], truth[:, 1::10], truth[:, 2::10] = 255, 255, 255
    pixels = np.where(truth > 0, 40, 200).repeat(3, axis=2).astype(np.uint8)
    return Scaled(set_name, "bars", pixels, truth, np.ones((120, 150), np.uint8))


@pytest.mark.parametrize("warp", [0.0, 1.0])
def test_truth_moves_with_the_pixels(warp: float):
    augment = dataclasses.replace(Augment(), warp=warp, elastic=warp)
    for seed in range(8):
        pixels, truth, valid = take_crop(bars(), 64, augment, np.random.default_rng(seed))
        assert pixels.shape == (64, 64, 3)
        assert truth.shape == (64, 64, 1)
        sure = (valid > 0) & (np.abs(truth[..., 0].astype(int) - 128) > 110)
        assert sure.sum() > 500
        assert ((pixels[..., 0] < 120) == (truth[..., 0] > 128))[sure].mean() > 0.98


def test_mirror_fills_what_lies_outside():
    outside = dataclasses.replace(Augment(), warp=1.0, scale=(0.3, 0.31))
    _, _, valid = take_crop(bars(), 64, outside, np.random.default_rng(0))
    assert not valid.all()
    _, truth, valid = take_crop(
        bars(), 64, dataclasses.replace(outside, mirror=True), np.random.default_rng(0)
    )
    assert valid.all()
    assert truth.any()


@pytest.mark.parametrize("seed", range(6))
def test_every_change_gives_a_picture(seed: int):
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    out = vary_look(pixels, WILD, np.random.default_rng(seed))
    assert out.shape == (64, 64, 3)
    assert out.dtype == np.uint8
    assert out.flags.c_contiguous
    assert np.array_equal(out, vary_look(pixels, WILD, np.random.default_rng(seed)))


def test_crops_depend_on_seed_epoch_and_number_alone():
    recipe = dataclasses.replace(RECIPES["cells"], crop=48, drawn=0.0, task="vessels")
    crops = Crops([bars()], recipe, 3)
    again = Crops([bars()], recipe, 3)
    _ = again[0]
    assert np.array_equal(crops[5][0], again[5][0])
    assert not np.array_equal(crops[5][0], crops[6][0])
    assert not np.array_equal(crops[5][0], Crops([bars()], recipe, 4)[5][0])
    assert len(crops) == recipe.batch * recipe.steps_per_epoch


def test_sets_of_any_size_are_drawn_evenly():
    recipe = dataclasses.replace(RECIPES["cells"], drawn=0.0)
    crops = Crops([bars("big")] * 30 + [bars("small")], recipe, 0)
    random = np.random.default_rng(0)
    names = [crops._chosen(random).set_name for _ in range(400)]
    assert 150 < names.count("small") < 250


@pytest.mark.parametrize("draw", [draw_blood, draw_tissue, draw_fluorescence])
def test_drawn_pictures(draw):
    contrasts = []
    for seed in range(6):
        pixels, objects = draw(np.random.default_rng(seed), 128, 24.0)
        again, same_objects = draw(np.random.default_rng(seed), 128, 24.0)
        assert np.array_equal(pixels, again)
        assert np.array_equal(objects, same_objects)
        assert pixels.dtype == np.uint8
        numbers = np.unique(objects[objects > 0])
        assert len(numbers) >= 1
        areas = np.bincount(objects.ravel())[1:]
        assert np.median(areas[areas > 0]) == pytest.approx(np.pi * 12**2, rel=0.7)
        if (objects == 0).any():
            contrasts.append(pixels[objects == 0].mean() - pixels[objects > 0].mean())
    sign = -1 if draw is draw_fluorescence else 1
    assert np.mean(contrasts) * sign > 15  # dyes swallow light where cells are, nuclei glow


def test_overlapping_red_cells_darken_each_other():
    pixels, objects = draw_blood(np.random.default_rng(0), 256, 30.0)
    assert (objects > 0).mean() > 0.1
    assert pixels[objects > 0].min() < np.median(pixels[objects > 0])
