"""Settings that make no sense are one sentence, said where the recipe is made."""

import pytest

from trainer.finetune.settings import recipe_for
from trainer.recipes import RECIPES, answer_scale, change_recipe, scale_of
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
        "seed=99999999999999",
        "scale_kind=as_is",
        "augment.blur=1.5",
        "augment.warp=2",
        "widths=[4,8]",
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
        "channels=[1]",
        'channels=["","",""]',
        'channels=[""]',
        "size=9000",
        "answer_finer=100",
        "answer_finer=1e306",
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


def test_what_a_card_could_not_say_is_refused():
    with pytest.raises(VesselError, match=r"size=5200 and answer_finer=1\.2 .* more than 8192 px"):
        change_recipe(RECIPES["fundus-vessels"], ["size=5200"])
    assert answer_scale(change_recipe(RECIPES["fundus-vessels"], ["size=5000"])).size == 6000


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


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("fundus-vessels", ["drawn=0.3"], "Only cells are drawn"),
        ("fundus-vessels", ["patience=3", "validate_every=61"], "'patience=3' would do nothing"),
        ("cells", ["share=0.5"], "'share' must be 0 for cells"),
        ("cells", ["answer_finer=1.2"], "'answer_finer' must be 1 for cells"),
        ("fundus-vessels", ["scale_kind=object_diameter"], "'scale_kind=object_diameter' isn't done"),
        ("cells", ["scale_kind=field_of_view"], "'scale_kind=field_of_view' isn't done"),
        ("cells", ["architecture=own-unet", "encoder_weights=imagenet"], "has no encoder_weights"),
        ("cells", ["architecture=own-wnet", "decoder_channels=[64,32]"], "has no decoder_channels"),
        ("cells", ["architecture=own-unet", "encoder=resnet18"], "has no encoder"),
        ("cells", ["architecture=FPN", "decoder_channels=[64,32]"], "has no decoder_channels"),
        ("fundus-vessels", ["widths=[8,16]"], "'Unet' has no widths"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(name: str, changes: list[str], said: str):
    with pytest.raises(VesselError, match=said):
        change_recipe(RECIPES[name], changes)


@pytest.mark.parametrize(
    ("setting", "said"), [("dropout=0.5", "'dropout=0.5' isn't done"), ("balance=looks", "'balance=looks'")]
)
def test_settings_that_would_do_nothing_in_a_fine_tune_are_refused(setting: str, said: str):
    with pytest.raises(VesselError, match=said):
        recipe_for(RECIPES["fundus-vessels"], 4, 0, [setting])


def test_fields_of_view_are_answered_finer_than_they_are_learnt():
    recipe = change_recipe(RECIPES["fundus-vessels"], ["size=1000", "answer_finer=1.5"])
    learnt, answered = scale_of(recipe), answer_scale(recipe)
    assert (learnt.size, learnt.largest) == (1000, 1600)
    assert (answered.size, answered.largest, answered.share) == (1500, 1600, recipe.share)
    assert answer_scale(change_recipe(recipe, ["answer_finer=2"])).largest == 2000
    assert answer_scale(change_recipe(recipe, ["answer_finer=1"])) == learnt
    assert answer_scale(change_recipe(recipe, ["share=0"])).largest is None
    with pytest.raises(VesselError, match="'answer_finer' must be at least 1"):
        change_recipe(recipe, ["answer_finer=0.9"])
    assert answer_scale(RECIPES["cells"]) == scale_of(RECIPES["cells"])


def test_settings_that_a_fine_tune_heeds_are_taken():
    changes = ["dropout=0.5", "frozen_norms=false", "balance=pictures"]
    assert recipe_for(RECIPES["cells"], 4, 0, changes).dropout == 0.5
    assert recipe_for(RECIPES["cells"], 4, 0, ["dropout=0"]).dropout == 0


def test_settings_that_are_used_are_taken():
    changes = ["augment.offset=20", "augment.gamma=1.2", "scale_kind=object_diameter", "drawn=0.5"]
    assert change_recipe(RECIPES["cells"], changes).augment.gamma == 1.2
    assert change_recipe(RECIPES["fundus-vessels"], ["patience=3", "validate_every=60"]).patience == 3
    assert change_recipe(RECIPES["cells"], ["architecture=own-unet", "widths=[4,8]"]).widths == (4, 8)


def test_recipes_and_words_for_numbers_are_taken():
    for recipe in RECIPES.values():
        assert change_recipe(recipe, []) == recipe
    assert change_recipe(RECIPES["cells"], ["precision=32", "loss=focal+cldice"]).precision == "32"
