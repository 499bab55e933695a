import csv
import dataclasses
import json
from pathlib import Path

import lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision

from tests.trainer.conftest import PLAIN, draw_fundus, options, save, train_until
from trainer import fit, machine
from trainer.fit import Fit
from trainer.optimise import running_average
from trainer.recipes import RECIPES, Recipe, change_recipe, recipe_from_dict, recipe_to_dict
from trainer.run import CHECKPOINT, load_net, train
from trainer.tune import best_dice
from vesselapp.core import files
from vesselapp.core.errors import VesselError


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "weights.pt", weights_only=True)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[key], b[key]) for key in a) and a.keys() == b.keys()


def test_overfits_two_pictures(tmp_path: Path, tiny: Recipe):
    for number in range(2):
        pixels, vessels, _ = draw_fundus(number)
        for copy in (number, number + 2):
            save(tmp_path / "eyes" / "images" / f"{copy}.png", pixels)
            save(tmp_path / "eyes" / "masks" / f"{copy}.png", vessels)
    split = {"train": ["eyes/0", "eyes/1"], "validation": ["eyes/2", "eyes/3"]}
    (tmp_path / "split.json").write_text(json.dumps(split))
    recipe = dataclasses.replace(tiny, steps=160, steps_per_epoch=80, ema=0.9, learning_rate=1e-2)
    run = train(recipe, options(tmp_path / "run", tmp_path / "eyes", split=tmp_path / "split.json"))
    assert best_dice(run) > 0.9


def logged_steps(run: Path) -> list[int]:
    """Give the steps that the rows of the newest log are of."""
    newest = sorted(run.glob("logs/*/metrics.csv"))[-1]
    with newest.open(newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def test_resumed_equals_uninterrupted(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    recipe = dataclasses.replace(
        tiny, steps=6, dropout=0.2, augment=dataclasses.replace(PLAIN, warp=1.0, noise=1.0)
    )
    whole, resumed = whole_and_resumed(tmp_path, recipe, fundus_set)
    assert same(weights_of(whole), weights_of(resumed))
    assert logged_steps(whole)[-1:] == logged_steps(resumed)[-1:] == [5]


def test_resumed_equals_uninterrupted_in_half_precision(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch
):
    trainer = lightning.Trainer

    def half(precision: str, **more) -> lightning.Trainer:
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**22)  # so high that the first steps are left out
        return trainer(plugins=[MixedPrecision("16-mixed", "cpu", scaler=scaler)], **more)

    monkeypatch.setattr(lightning, "Trainer", half)
    runs = whole_and_resumed(tmp_path, dataclasses.replace(tiny, steps=6), fundus_set)
    scales = [torch.load(run / CHECKPOINT, weights_only=True)["MixedPrecision"] for run in runs]
    assert scales[0] == scales[1]
    assert same(*map(weights_of, runs))


def whole_and_resumed(out: Path, recipe: Recipe, data: Path) -> tuple[Path, Path]:
    """Train without a stop, and killed at the fifth step and resumed."""
    whole = train(recipe, options(out / "whole", data))

    train_until(4, recipe, options(out / "killed", data))
    assert not (out / "killed" / "done.json").exists()
    return whole, train(recipe, options(out / "killed", data))


def test_repeatable_and_seeded(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    first, second = (weights_of(train(tiny, options(tmp_path / name, fundus_set))) for name in "ab")
    other = weights_of(train(dataclasses.replace(tiny, seed=1), options(tmp_path / "c", fundus_set)))
    assert same(first, second)
    assert not same(first, other)


def test_a_run_keeps_its_recipe_and_split(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    run = train(tiny, options(tmp_path / "run", fundus_set, command="python -m trainer train x"))
    recipe, _net = load_net(run)
    assert recipe == tiny
    sides = json.loads((run / "split.json").read_text())
    assert len(sides["train"]) + len(sides["validation"]) == 4
    assert sides["validation"]
    assert (run / CHECKPOINT).exists()
    assert "python -m trainer" in (run / "command.txt").read_text()


@pytest.mark.parametrize(
    "changes",
    [
        ["optimiser=sgd", "schedule=cosine", "loss=focal+cldice"],
        ["optimiser=adam", "schedule=cyclic", "norm=group", "dropout=0.1"],
        ["architecture=own-wnet", "schedule=constant", "patience=1"],
        ["architecture=FPN", "encoder=resnet18", "encoder_depth=4"],
        ["architecture=Unet", "precision=bf16"],
    ],
)
def test_other_settings_train(tmp_path: Path, tiny: Recipe, fundus_set: Path, changes: list[str]):
    recipe = change_recipe(dataclasses.replace(tiny, steps=2), changes)
    run = train(recipe, options(tmp_path, fundus_set))
    assert json.loads((run / "done.json").read_text())["steps"] == 2


def test_early_stopping(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    recipe = dataclasses.replace(tiny, steps=40, patience=2, learning_rate=1e-12, norm="group")
    run = train(recipe, options(tmp_path, fundus_set))
    assert json.loads((run / "done.json").read_text())["steps"] == 6


def test_loss_that_is_no_number(tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch):
    monkeypatch.setattr(fit, "parse_loss", lambda _: lambda logits, *_: logits.mean() * float("nan"))
    with pytest.raises(VesselError, match="The loss became nan"):
        train(tiny, options(tmp_path, fundus_set))


def test_full_disk_is_one_sentence(tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lightning.pytorch.trainer.trainer.Trainer.save_checkpoint", full)
    with pytest.raises(VesselError, match="the disk is full"):
        train(tiny, options(tmp_path, fundus_set))


def test_empty_masks_are_one_sentence(tmp_path: Path, tiny: Recipe):
    for number in range(2):
        pixels, vessels, _ = draw_fundus(number)
        save(tmp_path / "eyes" / "images" / f"{number}.png", pixels)
        save(tmp_path / "eyes" / "masks" / f"{number}.png", vessels & False)
    with pytest.raises(VesselError, match="Every training mask is empty"):
        train(tiny, options(tmp_path / "run", tmp_path / "eyes"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("encoder=resnet0", "resnet0"),
        ("architecture=Vnet", "Vnet"),
        ("loss=nice", "no loss"),
        ("optimiser=lion", "no optimiser"),
        ("schedule=warm", "no schedule"),
    ],
)
def test_unknown_names_are_one_sentence(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, change: str, said: str
):
    base = dataclasses.replace(tiny, architecture="Unet")
    with pytest.raises(VesselError, match=said):
        train(change_recipe(base, [change]), options(tmp_path / "run", fundus_set))


def test_average_forgets_the_start():
    update = running_average(0.998)
    average, weights = [torch.zeros(1)], [torch.ones(1)]
    for number in range(1, 60):
        update(average, weights, number)
    assert average[0].item() > 0.99  # a plain average of 0.998 would still stand at 0.11


@pytest.mark.parametrize(("lag", "wanted"), [(2, 2.5), (3, 3.0)])
def test_average_weighs_steps_as_its_lag_says(lag: float, wanted: float):
    # steps 1-4 hold the values 1-4: their plain mean, and (1*1 + 2*2 + 3*3 + 4*4) / (1 + 2 + 3 + 4)
    update, average = running_average(1.0, lag), [torch.ones(1)]
    for number in (1, 2, 3):  # the first step was taken as it is
        update(average, [torch.full((1,), number + 1.0)], number - 1)
    assert average[0].item() == pytest.approx(wanted)


def test_recipes_survive_json_and_reject_nonsense():
    for recipe in RECIPES.values():
        assert recipe_from_dict(json.loads(json.dumps(recipe_to_dict(recipe)))) == recipe
    changed = change_recipe(
        RECIPES["cells"], ["steps=7", "augment.noise=1", "decoder_channels=[8,4]", "encoder=vgg11"]
    )
    assert (changed.steps, changed.augment.noise, changed.decoder_channels, changed.encoder) == (
        7,
        1.0,
        (8, 4),
        "vgg11",
    )
    for bad in ("steps", "stride=3", "steps=many", "augment.fog=1"):
        with pytest.raises(VesselError):
            change_recipe(RECIPES["cells"], [bad])


def test_answer_of_any_size(tiny: Recipe):
    task = Fit(tiny, [], [])
    assert task.answer(np.zeros((33, 47, 3), np.uint8)).shape == (33, 47, 1)


@pytest.mark.parametrize("damage", ["nothing in it", "not flushed", "cut", "something else"])
def test_a_damaged_checkpoint_begins_the_training_anew_and_is_told(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, capsys: pytest.CaptureFixture[str], damage: str
):
    run = options(tmp_path / "run", fundus_set)
    first = weights_of(train(tiny, run))
    (run.out / "weights.pt").unlink()
    kept = run.out / CHECKPOINT
    data = kept.read_bytes()
    if damage == "something else":
        torch.save({"weights": torch.zeros(3)}, kept)
    else:
        kept.write_bytes(
            {"nothing in it": b"", "not flushed": b"PK\x03\x04" + bytes(5000), "cut": data[:-900]}[damage]
        )
    assert same(weights_of(train(tiny, run)), first)
    assert "is damaged; this training begins anew" in capsys.readouterr().err
    assert (run.out / "last.damaged").exists()


def test_a_checkpoint_that_the_drive_does_not_give_is_kept(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch
):
    run = options(tmp_path / "run", fundus_set)
    train(tiny, run)
    (run.out / "weights.pt").unlink()
    kept, read = run.out / CHECKPOINT, Path.read_bytes

    def gone(path: Path) -> bytes:
        if path == kept:
            raise OSError(5, "Input/output error")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", gone)
    with pytest.raises(VesselError, match=r"last\.ckpt can't be read"):
        train(tiny, run)
    assert kept.exists()


def test_a_checkpoint_that_another_program_reads_at_the_moment_ends_nothing(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch
):
    replace, refused = Path.replace, set[Path]()

    def busy(path: Path, target: Path) -> Path:
        if target not in refused:
            refused.add(target)
            raise PermissionError(13, "Access is denied")
        return replace(path, target)

    monkeypatch.setattr(files, "_PAUSES_S", (0.0,))
    monkeypatch.setattr(Path, "replace", busy)
    run = options(tmp_path / "run", fundus_set)
    train(tiny, run)
    assert run.out / CHECKPOINT in refused
    assert (run.out / CHECKPOINT).exists()


def test_a_last_step_that_spoils_the_weights_fails(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch
):
    end = Fit.on_train_batch_end

    def spoil(self, *arguments):
        end(self, *arguments)
        if self.global_step == self.recipe.steps:
            next(self.net.parameters()).data.fill_(float("nan"))

    monkeypatch.setattr(Fit, "on_train_batch_end", spoil)
    for every in (1, 9):  # with a validation after the last step, and without
        run = tmp_path / str(every)
        said = "no numbers at step 4. Begin a new run with a lower learning_rate.$"
        with pytest.raises(VesselError, match=said):
            train(dataclasses.replace(tiny, validate_every=every), options(run, fundus_set))
        assert not (run / "weights.pt").exists()
        assert not (run / "done.json").exists()


def test_float32_is_advised_where_it_is_not_taken(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch
):
    monkeypatch.setattr(machine, "_computes_bf16", lambda: True)
    monkeypatch.setattr(fit, "parse_loss", lambda _: lambda logits, *_: logits.mean() * float("nan"))
    recipe = dataclasses.replace(tiny, precision="bf16")
    with pytest.raises(VesselError, match="a new run with a lower learning_rate or precision=32"):
        train(recipe, options(tmp_path, fundus_set))


def test_a_disk_that_fills_under_tensorboard_is_one_sentence(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch, capfd
):
    from tensorboard.summary.writer.record_writer import RecordWriter

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RecordWriter, "write", full)
    with pytest.raises(VesselError, match="the disk is full"):
        train(dataclasses.replace(tiny, steps=40), options(tmp_path, fundus_set))
    assert "Traceback" not in capfd.readouterr().err


def test_threads_below_none_are_one_sentence(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    with pytest.raises(VesselError, match="threads can't be -1"):
        train(tiny, options(tmp_path, fundus_set, threads=-1))
