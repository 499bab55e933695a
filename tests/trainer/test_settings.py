"""Settings that make no sense are one sentence, said where the recipe is made."""

import pytest

from trainer.recipes import RECIPES, change_recipe
from vesselapp.core.errors import VesselError


@pytest.mark.parametrize(
    "change",
    [
        "precision=64",
        "norm=foo",
        "balance=foo",
        "inputs=foo",
        "task=eyes",
        "scale_kind=foo",
        "optimiser=lion",
        "schedule=warm",
        "batch=0",
        "steps=0",
        "steps_per_epoch=0",
        "validate_every=0",
        "workers=-1",
        "patience=-1",
        "seed=-1",
        "views=3",
        "learning_rate=-1",
        "learning_rate=NaN",
        "weight_decay=Infinity",
        "ema=1.5",
        "drawn=NaN",
        "widths=[]",
        "widths=[8,0]",
        "decoder_channels=[1.5]",
        "encoder_weights=3",
        "foreground=[3]",
        "foreground=[]",
        'channels=["a","b"]',
        "augment.blur=-1",
        "augment.scale=[2]",
        "augment.scale=[2,1]",
        'augment.scale=["a","b"]',
    ],
)
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_values_that_make_no_sense_are_one_sentence(name: str, change: str):
    with pytest.raises(VesselError):
        change_recipe(RECIPES[name], [change])


@pytest.mark.parametrize(
    ("name", "loss", "said"),
    [
        ("fundus-vessels", "ce", "'ce' is for several answers"),
        ("fundus-vessels", "dice + 0.5*ce", "'ce' is for several answers"),
        ("cells", "bce+dice", "'bce' is for one answer"),
    ],
)
def test_a_loss_must_fit_the_net(name: str, loss: str, said: str):
    with pytest.raises(VesselError, match=said):
        change_recipe(RECIPES[name], [f"loss={loss}"])


def test_recipes_and_words_for_numbers_are_taken():
    for recipe in RECIPES.values():
        assert change_recipe(recipe, []) == recipe
    assert change_recipe(RECIPES["cells"], ["precision=32", "loss=focal+cldice"]).precision == "32"
