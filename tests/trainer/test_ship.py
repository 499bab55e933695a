"""What a model's card says of a run, and when a model file is replaced."""

import dataclasses
import errno
import json
import re
from pathlib import Path

import pytest

from tests.trainer.conftest import TINY, draw_fundus, options, save, train_until, write_fundus_set
from trainer import ship as shipping
from trainer.__main__ import main
from trainer.begun import keep_begun
from trainer.export import read_card
from trainer.fit import save_weights
from trainer.nets import build_net
from trainer.recipes import RECIPES, Recipe
from trainer.run import train
from trainer.ship import ship
from vesselapp.core.errors import VesselError
from vesselapp.core.files import file_sha256

HRF = ("01_h", "02_dr", "03_g", "04_h")


def eyes(folder: Path, names: tuple[str, ...]) -> Path:
    """Write drawn eyes under names of a known set."""
    for number, name in enumerate(names):
        pixels, vessels, _field = draw_fundus(number)
        save(folder / "images" / f"{name}.png", pixels)
        save(folder / "masks" / f"{name}.png", vessels)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Data and run of a training on somebody's own pictures."""
    root = tmp_path_factory.mktemp("ship")
    data = write_fundus_set(root / "eyes")
    arguments = ["train", "fundus-vessels", "--data", str(data), "--out", str(root / "run")]
    (root / "mine.json").write_text(
        json.dumps({"train": ["eyes/eye0", "eyes/eye1", "eyes/eye2"], "validation": ["eyes/eye3"]})
    )
    more = ["--accelerator", "cpu", "--devices", "1", "--split", str(root / "mine.json")]
    assert main([*arguments, *more, *TINY]) == 0
    return data, root / "run"


def test_a_model_of_own_pictures_claims_nothing_of_other_sets(trained: tuple[Path, Path], tmp_path: Path):
    data, run = trained
    card = ship(run, tmp_path / "own.onnx", data=[data], name="my eyes", checkpoint=None)
    told = " ".join(card.limits)
    assert "Learnt from 3 of eyes." in told
    assert "28" not in told
    assert card.licence.startswith("not stated")
    assert card.command.count(" --split mine.json") == card.command.count(" --devices 1") == 1
    assert card.command.endswith("--name 'my eyes'")
    assert card.config["training"] == {
        "steps": 4,
        "finished": True,
        "held": [file_sha256(data / "images" / "eye3.png")],
        "unsure": [],
        "learnt": [file_sha256(data / "images" / f"eye{number}.png") for number in range(3)],
        "learnt_before": [],
        "whole": True,
    }
    assert read_card(tmp_path / "own.onnx") == card


def test_a_set_is_known_by_its_pictures_not_by_its_folders_name(tmp_path: Path, tiny: Recipe):
    for folder, names, licence in (("true", HRF, "CC BY 4.0"), ("false", ("a", "b", "c"), "not stated")):
        data = eyes(tmp_path / folder / "hrf", names)
        run = train(tiny, options(tmp_path / folder / "run", data))
        card = ship(run, tmp_path / "hrf.onnx", data=[])
        assert card.training_data[0].licence == licence
        assert card.licence.startswith("Apache-2.0") == (folder == "true")


@pytest.mark.parametrize("name", ["HRF", "hrf"])
def test_a_set_is_known_by_the_name_it_is_downloaded_with(tmp_path: Path, tiny: Recipe, name: str):
    run = train(tiny, options(tmp_path / "run", eyes(tmp_path / name, HRF)))
    card = ship(run, tmp_path / "m.onnx", data=[], limits=("Holes on the disc.",))
    assert (card.training_data[0].name, card.training_data[0].licence) == (name, "CC BY 4.0")
    assert card.limits[0] == "Holes on the disc."


def test_what_the_first_training_learnt_is_on_the_card(tmp_path: Path, tiny: Recipe):
    first, second = eyes(tmp_path / "hrf", HRF), write_fundus_set(tmp_path / "eyes")
    before = ship(train(tiny, options(tmp_path / "run1", first)), tmp_path / "first.onnx", data=[])
    more = options(
        tmp_path / "run2", second, weights=tmp_path / "first.onnx", command="x --weights MODEL.onnx"
    )
    run = train(tiny, more)
    card = ship(run, tmp_path / "second.onnx", data=[])
    assert [source.name for source in card.training_data] == ["eyes", "hrf"]
    assert card.training_data[1] == before.training_data[0]
    assert "not known" not in " ".join(card.limits)
    (run / "parent.json").unlink()  # begun before that was kept
    card = ship(run, tmp_path / "second.onnx", data=[])
    assert "what the model it started from had learnt is not known" in " ".join(card.limits)
    assert card.licence.startswith("not stated")


def test_other_weights_than_begun_with_are_refused(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    ship(train(tiny, options(tmp_path / "run1", fundus_set)), tmp_path / "first.onnx", data=[])
    run = options(tmp_path / "run2", fundus_set, weights=tmp_path / "first.onnx")
    train(tiny, run)
    train(tiny, run)
    other = dataclasses.replace(tiny, seed=1)
    ship(train(other, options(tmp_path / "run3", fundus_set)), tmp_path / "other.onnx", data=[])
    with pytest.raises(VesselError, match="begun with other weights"):
        train(tiny, dataclasses.replace(run, weights=tmp_path / "other.onnx"))


def test_a_run_that_is_not_finished_says_so(tmp_path: Path, tiny: Recipe, fundus_set: Path, capsys):
    train_until(3, tiny, options(tmp_path / "run", fundus_set))
    card = ship(tmp_path / "run", tmp_path / "early.onnx", data=[])
    assert card.limits[0] == "Not finished: 2 of 4 steps were made."
    assert card.config["training"]["finished"] is False
    assert card.limits[0] in capsys.readouterr().err
    assert "chosen" not in " ".join(card.limits)
    card = ship(tmp_path / "run", tmp_path / "best.onnx", data=[], checkpoint=tmp_path / "run" / "best.pt")
    assert card.command.endswith("--checkpoint best.pt")
    assert "how many steps it had made is not known" in card.limits[0]
    assert card.limits[1].startswith("Its weights were chosen on the pictures held back: ")
    other = tmp_path / "other.pt"
    other.write_bytes((tmp_path / "run" / "best.pt").read_bytes())
    with pytest.raises(VesselError, match="does not lie in the run"):
        ship(tmp_path / "run", tmp_path / "foreign.onnx", data=[], checkpoint=other)
    assert not (tmp_path / "foreign.onnx").exists()


def test_weights_that_were_chosen_on_what_is_measured_say_so(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    recipe = dataclasses.replace(tiny, steps=40, patience=2, learning_rate=1e-12, norm="group")
    run = train(recipe, options(tmp_path / "run", fundus_set))
    card = ship(run, tmp_path / "m.onnx", data=[fundus_set])
    told = "Its weights were chosen on the pictures held back (step 2 of 40): figures on those flatter it"
    assert card.limits[0].startswith(told)
    for wanted in (recipe, tiny):
        run = train(wanted, options(tmp_path / f"of{wanted.steps}", fundus_set))
        for checkpoint in (run / "last.ckpt", *([None] if wanted is tiny else [])):
            card = ship(run, tmp_path / "m.onnx", data=[], checkpoint=checkpoint)
            assert card.config["training"]["finished"] is True
            assert not {"chosen", "finished"} & set(" ".join(card.limits).split())


def test_a_measuring_that_fails_leaves_the_old_file(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data, run = trained
    model = tmp_path / "mine.onnx"
    model.write_bytes(b"the model of yesterday")
    with pytest.raises(VesselError, match="names eyes/eye"):
        ship(run, model, data=[eyes(tmp_path / "others", HRF)])

    def failing(*_args, **_more):
        raise VesselError("no")

    monkeypatch.setattr(shipping, "evaluate_file", failing)
    with pytest.raises(VesselError, match="no"):
        ship(run, model, data=[data])
    monkeypatch.undo()
    with pytest.raises(VesselError, match="can't be written: a folder of that name is in the way"):
        ship(run, tmp_path, data=[data])
    assert model.read_bytes() == b"the model of yesterday"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.onnx", "others"]


def test_a_place_that_takes_no_model_is_told_by_its_name_and_at_once(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data, run = trained
    told = f"{tmp_path / 'mine.onnx'} can't be written: the disk is full."

    def full(path: Path, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, "no space", str(path))

    def full_later(_net: object, _recipe: Recipe, path: Path, _card: object) -> None:
        raise VesselError(f"{path} can't be written: the disk is full.")

    monkeypatch.setattr(shipping, "export_net", full_later)
    with pytest.raises(VesselError, match=re.escape(told)):
        ship(run, tmp_path / "mine.onnx", data=[data])
    monkeypatch.setattr(shipping, "export_net", lambda *_: pytest.fail("too late"))
    with pytest.raises(VesselError, match="a folder of that name is in the way"):
        ship(run, tmp_path, data=[data])
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(VesselError, match=re.escape(told)):
        ship(run, tmp_path / "mine.onnx", data=[data])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_drawn_pictures_are_a_source_only_where_they_were_drawn(tmp_path: Path, recipe: Recipe):
    (tmp_path / "split.json").write_text(json.dumps({"train": ["drawn/a"], "validation": []}))
    sources, whole = shipping._sources(tmp_path, recipe)
    assert whole
    assert [source.licence for source in sources] == ["not stated", "Apache-2.0"][: 1 + bool(recipe.drawn)]


def test_a_pretrained_encoder_is_a_source(tmp_path: Path, tiny: Recipe):
    """Also of a model that goes on from it, for which none is fetched anew."""
    encoder = "pretrained encoder resnet18/imagenet"
    recipe = dataclasses.replace(tiny, architecture="Unet", encoder="resnet18", encoder_weights="imagenet")
    run = tmp_path / "run"
    keep_begun(run, recipe, {"train": ["hrf/01_h"], "validation": []}, "", None, {}, 1)
    save_weights(build_net(recipe, pretrained=False).state_dict(), run / "weights.pt")
    (run / "done.json").write_text('{"steps": 4}')
    card = ship(run, tmp_path / "first.onnx", data=[])
    assert [(source.name, source.licence) for source in card.training_data] == [
        ("hrf", "CC BY 4.0"),
        (encoder, "not stated"),
    ]
    assert card.licence.startswith("not stated")
    assert f"Learnt from 1 of hrf; begun with the {encoder}." in " ".join(card.limits)
    keep_begun(run, recipe, {"train": ["hrf/02_h"], "validation": []}, "", tmp_path / "first.onnx", {}, 1)
    sources, whole = shipping._sources(run, recipe)
    assert [source.name for source in sources] == ["hrf", "hrf, before", encoder]
    assert whole


@pytest.mark.parametrize("threshold", ["3", "nan", "-1", "high"])
@pytest.mark.parametrize(
    "command", [["export", "run", "--out", "x.onnx"], ["evaluate", "x.onnx", "--data", "x"]]
)
def test_a_threshold_is_a_share(command: list[str], threshold: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main([*command, f"--threshold={threshold}"])
    assert "argument --threshold" in capsys.readouterr().err
