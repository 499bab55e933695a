"""What a run was begun with: checked first, written last, and kept to."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.trainer.conftest import options, train_until, write_fundus_set
from trainer.begun import halve_batch, keep_asked, keep_begun, kept_command, write_json
from trainer.callbacks import KeepCheckpoint
from trainer.fit import BEST, Fit
from trainer.readers import read_sets
from trainer.recipes import Recipe, change_recipe, read_recipe, recipe_to_dict
from trainer.run import load_net, start_from, train
from trainer.ship import ship
from trainer.split import read_split
from vesselapp.core.errors import VesselError
from vesselapp.inference.catalog import list_models


def sides_of(folder: Path, data: Path, **sides: list[int]) -> Path:
    names = {side: [f"{data.name}/eye{n}" for n in numbers] for side, numbers in sides.items()}
    file = folder / f"{'-'.join(map(str, sides.get('train', [])))}.json"
    file.write_text(json.dumps(names))
    return file


@pytest.mark.parametrize("change", ["loss=nice", "architecture=Vnet"])
def test_what_does_not_fit_is_said_before_a_folder_is_made(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, change: str
):
    run = options(tmp_path / "run", fundus_set)
    key = change.partition("=")[0]
    with pytest.raises(VesselError):
        train(dataclasses.replace(tiny, **{key: change.partition("=")[2]}), run)
    assert not run.out.exists()
    assert load_net(train(tiny, run))[0] == tiny


@pytest.mark.parametrize(
    "how", [{"accelerator": "foo"}, {"accelerator": "tpu"}, {"devices": 0}, {"devices": "foo"}]
)
def test_machines_that_are_not_there_are_one_sentence(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, how: dict
):
    with pytest.raises(VesselError, match="No training can be run with accelerator"):
        train(tiny, options(tmp_path / "run", fundus_set, **how))
    assert not (tmp_path / "run").exists()


def test_a_run_that_has_learnt_something_keeps_its_settings(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    run = options(tmp_path / "run", fundus_set)
    train(tiny, run)
    (run.out / "weights.pt").unlink()
    (run.out / "done.json").unlink()
    for change in ("optimiser=sgd", "steps=40", "augment.noise=0.5"):
        kept = change_recipe(tiny, [change])
        said = f"begun with other settings: {change.partition('=')[0]}="
        with pytest.raises(VesselError, match=said):
            train(kept, run)
    assert load_net(train(tiny, run))[0] == tiny


def test_an_attempt_that_learnt_nothing_may_be_changed(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch
):
    run = options(tmp_path / "run", fundus_set)
    step = Fit.training_step
    monkeypatch.setattr(Fit, "training_step", lambda *_: torch.tensor(float("nan"), requires_grad=True))
    with pytest.raises(VesselError, match="The loss became nan"):
        train(tiny, run)
    monkeypatch.setattr(Fit, "training_step", step)
    other = dataclasses.replace(tiny, optimiser="sgd")
    assert load_net(train(other, run))[0] == other


def test_the_best_weights_of_an_attempt_that_failed_are_no_later_ones(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch
):
    first = options(tmp_path / "run", fundus_set)
    with monkeypatch.context() as patched:
        patched.setattr(KeepCheckpoint, "on_train_epoch_end", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(tiny, first)
    assert (first.out / BEST).exists()
    whole = sides_of(tmp_path, fundus_set, train=[0, 1, 2, 3], validation=[])
    run = train(dataclasses.replace(tiny, patience=3), options(first.out, fundus_set, split=whole))
    assert json.loads((run / "done.json").read_bytes())["kept"] == 4
    assert not (run / BEST).exists()


def test_the_best_weights_are_those_that_this_training_validated(
    tmp_path: Path, tiny: Recipe, fundus_set: Path
):
    whole = sides_of(tmp_path, fundus_set, train=[0, 1, 2, 3], validation=[])
    run = options(tmp_path / "run", fundus_set, split=whole)
    train(tiny, run)
    (run.out / "weights.pt").rename(run.out / BEST)
    recipe = dataclasses.replace(tiny, patience=3)
    write_json(run.out / "recipe.json", recipe_to_dict(recipe))
    train(recipe, run)
    assert json.loads((run.out / "done.json").read_bytes())["kept"] == 4


def test_a_batch_that_was_halved_is_no_other_setting(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, monkeypatch: pytest.MonkeyPatch
):
    step = Fit.training_step

    def too_big(self, batch, index):
        if len(batch[0]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(self, batch, index)

    monkeypatch.setattr(Fit, "training_step", too_big)
    run = options(tmp_path / "run", fundus_set)
    train(tiny, run)
    (run.out / "weights.pt").unlink()
    assert load_net(train(tiny, run))[0].batch == 1
    with pytest.raises(VesselError, match="other settings: batch=2"):
        train(dataclasses.replace(tiny, batch=1), run)


def test_a_batch_that_was_halved_before_anything_was_learnt_is_kept(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, capsys: pytest.CaptureFixture[str]
):
    run = options(tmp_path / "run", fundus_set, quiet=False)
    assert keep_begun(run.out, tiny, {}, "", None, {}, 1) == tiny
    halved = halve_batch(run.out, tiny)
    assert keep_begun(run.out, tiny, {}, "", None, {}, 1) == halved == dataclasses.replace(tiny, batch=1)
    assert load_net(train(tiny, run))[0] == halved
    assert "this training has batch=1, not 2" in capsys.readouterr().err
    (run.out / "last.ckpt").unlink()
    (run.out / "weights.pt").unlink()
    other = dataclasses.replace(tiny, crop=96)
    assert keep_begun(run.out, other, {}, "", None, {}, 1) == other
    assert not (run.out / "asked.json").exists()


def test_processes_that_halve_at_once_keep_what_was_asked_for(tmp_path: Path, tiny: Recipe):
    keep_begun(tmp_path, tiny, {}, "", None, {}, 1)
    write_json(tmp_path / "recipe.json", recipe_to_dict(dataclasses.replace(tiny, batch=1)))  # the other did
    assert halve_batch(tmp_path, tiny).batch == 1
    assert read_recipe(tmp_path / "asked.json") == tiny


def test_a_finished_run_is_left_as_it_is_and_that_is_said(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, capsys: pytest.CaptureFixture[str]
):
    recipe = dataclasses.replace(tiny, steps=40, patience=2, learning_rate=1e-12, norm="group")
    run = options(tmp_path / "run", fundus_set, quiet=False)
    train(recipe, run)
    before = {name: (run.out / name).read_bytes() for name in ("weights.pt", "done.json", "last.ckpt")}
    capsys.readouterr()
    train(recipe, run)
    assert "is finished (6 steps)" in capsys.readouterr().err
    assert before == {name: (run.out / name).read_bytes() for name in before}
    with pytest.raises(VesselError, match="other settings: steps=40"):
        train(dataclasses.replace(recipe, steps=80), run)


def test_a_split_file_that_is_not_there_is_not_made(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    with pytest.raises(VesselError, match=r"missing\.json doesn't exist"):
        train(tiny, options(tmp_path / "run", fundus_set, split=tmp_path / "missing.json"))
    assert list(tmp_path.iterdir()) == []


def test_a_split_of_another_set_is_not_kept(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    other = tmp_path / "split.json"
    other.write_text(json.dumps({"train": ["nerves/a"], "validation": []}))
    with pytest.raises(VesselError, match="nerves/a, which is in none"):
        train(tiny, options(tmp_path / "run", fundus_set, split=other))
    assert not (tmp_path / "run").exists()


def test_a_started_run_keeps_its_split(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    first = sides_of(tmp_path, fundus_set, train=[0, 1], validation=[2, 3])
    second = sides_of(tmp_path, fundus_set, train=[1, 2], validation=[0])
    run = options(tmp_path / "run", fundus_set, split=first)
    train(tiny, run)
    kept = (run.out / "split.json").read_text()
    with pytest.raises(VesselError, match="was begun with another split"):
        train(tiny, dataclasses.replace(run, split=second))
    assert (run.out / "split.json").read_text() == kept
    train(tiny, run)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[]", "has no list 'train'"),
        ('{"train": ["eyes/eye0"]}', "has no list 'validation'"),
        ('{"train": "eyes/eye0", "validation": []}', "has no list 'train'"),
        ('{"train": ["eyes/eye0"], "validation": ["eyes/eye0"]}', "names eyes/eye0 twice"),
    ],
)
def test_bad_split_files_are_one_sentence(tmp_path: Path, fundus_set: Path, text: str, said: str):
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(VesselError, match=said):
        read_split(tmp_path / "split.json", read_sets([fundus_set]))


def test_nothing_held_back_is_said(tmp_path: Path, tiny: Recipe, capsys: pytest.CaptureFixture[str]):
    data = write_fundus_set(tmp_path / "eyes", 1)
    train(tiny, options(tmp_path / "run", data, quiet=False, events=True))
    out, err = capsys.readouterr()
    assert "No picture is held back" in err
    events = [json.loads(line) for line in out.splitlines()]
    assert [e["message"] for e in events if e["event"] == "warning"] == [err.strip()]


def test_pictures_that_a_split_leaves_out_are_said(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, capsys: pytest.CaptureFixture[str]
):
    split = sides_of(tmp_path, fundus_set, train=[0, 1], validation=[2])
    train(tiny, options(tmp_path / "run", fundus_set, quiet=False, split=split))
    assert "1 of 4 pictures are on neither side" in capsys.readouterr().err


def test_a_run_keeps_to_its_pictures_not_to_their_names(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    data = shutil.copytree(fundus_set, tmp_path / "eyes")
    run = train(tiny, options(tmp_path / "run", data))
    (run / "done.json").unlink()
    (run / "weights.pt").unlink()
    eye0, eye1 = (data / "images" / f"eye{number}.png" for number in (0, 1))
    mine = eye1.read_bytes()
    shutil.copy(eye0, eye1)
    said = r"begun with other pictures of these names: 1 of 4 \(first: eyes/eye1\)"
    with pytest.raises(VesselError, match=said):
        train(tiny, options(run, data))
    with pytest.raises(VesselError, match=said):
        ship(run, tmp_path / "m.onnx", data=[data])
    assert not (tmp_path / "m.onnx").exists()
    eye1.write_bytes(mine)
    moved = tmp_path / "elsewhere" / "eyes"
    shutil.copytree(data, moved)
    train(tiny, options(run, moved))
    ship(run, tmp_path / "m.onnx", data=[moved])


def test_a_run_from_before_its_pictures_were_kept_goes_on(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    run = train(tiny, options(tmp_path / "run", fundus_set))
    for name in ("begun.json", "done.json", "weights.pt"):
        (run / name).unlink()
    train(tiny, options(run, fundus_set))
    assert ship(run, tmp_path / "m.onnx", data=[fundus_set]).config["training"]["whole"]


@pytest.mark.parametrize("before", [2, 1, None])
def test_other_devices_than_before_are_told_and_kept(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, capsys, before: int | None
):
    """Also in the command that the card keeps. A run from before that was kept goes on without a word."""
    run = options(tmp_path / "run", fundus_set, quiet=False, command="train this")
    train_until(3, tiny, run)
    assert kept_command(run.out) == "train this --devices 1"
    file = run.out / "begun.json"
    file.write_text(file.read_text().replace('"processes": 1', f'"processes": {before}'))
    if before is None:
        file.unlink()
    train(tiny, run)
    told = "1 x 2 crops from now on, until step 2 it was 2 x 2: this training goes on with --devices 1"
    assert (told in capsys.readouterr().err) == (before == 2)
    more = "; from step 2 on with --devices 1" if before == 2 else ""
    assert kept_command(run.out) == f"train this --devices 1{more}"
    assert before is None or json.loads(file.read_text())["processes"] == 1


def test_an_attempt_that_learnt_nothing_may_be_of_other_pictures(
    tmp_path: Path, tiny: Recipe, fundus_set: Path
):
    keep_begun(tmp_path / "run", tiny, {}, "", None, {"eyes/eye0": "of another file"}, 1)
    ship(train(tiny, options(tmp_path / "run", fundus_set)), tmp_path / "m.onnx", data=[fundus_set])


def test_copies_on_both_sides_of_a_split_are_said(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, capsys: pytest.CaptureFixture[str]
):
    data = tmp_path / "eyes"
    shutil.copytree(fundus_set, data)
    names = sorted(file.name for file in (data / "images").iterdir())
    for kind in ("images", "masks"):
        shutil.copy(data / kind / names[0], data / kind / names[2])
    split = sides_of(tmp_path, data, train=[0, 1], validation=[2, 3])
    train(tiny, options(tmp_path / "run", data, quiet=False, split=split))
    said = "1 of the 2 pictures held back is a copy of what was learnt"
    assert said in capsys.readouterr().err
    card = ship(tmp_path / "run", tmp_path / "model.onnx", data=[data])
    assert said in card.limits[0]


def test_weights_of_another_net_are_one_sentence(tmp_path: Path, tiny: Recipe, fundus_set: Path):
    cells = next(entry.path for entry in list_models() if entry.shipped and entry.path.stem == "cells")
    with pytest.raises(VesselError, match="is of another kind"):
        train(tiny, options(tmp_path / "run", fundus_set, weights=cells))
    assert not (tmp_path / "run").exists()
    with pytest.raises(VesselError, match="is of another kind"):
        start_from(Fit(tiny, [], []).net, cells)


@pytest.mark.parametrize("content", [b"notes = 1\n", b"", b"PK\x03\x04" + bytes(99)])
def test_a_checkpoint_that_is_none_is_one_sentence(
    tmp_path: Path, tiny: Recipe, fundus_set: Path, content: bytes
):
    run = train(tiny, options(tmp_path / "run", fundus_set))
    (run / "notes.py").write_bytes(content)
    with pytest.raises(VesselError, match=r"notes\.py can't be read as"):
        load_net(run, run / "notes.py")
    torch.save({"a": torch.zeros(3)}, run / "other.pt")
    with pytest.raises(VesselError, match="are not those of the net"):
        load_net(run, run / "other.pt")


def test_small_files_that_a_power_cut_emptied_are_one_sentence(
    tmp_path: Path, tiny: Recipe, fundus_set: Path
):
    options_of = options(tmp_path / "run", fundus_set)
    run = train(tiny, options_of)
    weights = (run / "weights.pt").read_bytes()
    write_json(run / "parent.json", {"sha256": "0", "training_data": []})
    for name, content in (("parent.json", b""), ("begun.json", b"\0" * 99), ("done.json", b"{}")):
        kept = (run / name).read_bytes()
        (run / name).write_bytes(content)
        with pytest.raises(VesselError, match=f"{name} is damaged: "):
            ship(run, tmp_path / "model.onnx", data=[])
        (run / name).write_bytes(kept)
    (run / "done.json").write_bytes(b"")
    with pytest.raises(VesselError, match=r"Remove it, and give the command again\."):
        train(tiny, options_of)
    (run / "done.json").unlink()
    train(tiny, options_of)
    assert (run / "weights.pt").read_bytes() == weights
    keep_asked(tmp_path / "tune.json", tiny, [])
    (tmp_path / "tune.json").write_bytes(b"")
    with pytest.raises(VesselError, match=r"tune\.json is damaged: "):
        keep_asked(tmp_path / "tune.json", tiny, [])


def test_finished_is_said_when_all_is_written_and_not_before(
    tmp_path: Path,
    tiny: Recipe,
    fundus_set: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    def full(*_):
        raise VesselError("The disk is full.")

    def ends() -> list[int]:
        events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return [event["step"] for event in events if event["event"] == "finished"]

    told = options(tmp_path / "run", fundus_set, events=True)
    with monkeypatch.context() as m:
        m.setattr("trainer.run.save_weights", full)
        with pytest.raises(VesselError, match="full"):
            train(tiny, told)
    assert ends() == []
    (tmp_path / "run" / ".vesselapp-0123456789ab.tmp").touch()  # of a process that was killed
    train(tiny, told)
    assert ends() == [4]
    assert not list((tmp_path / "run").glob(".vesselapp-*"))
    train(tiny, dataclasses.replace(told, quiet=False))
    assert ends() == [4]
