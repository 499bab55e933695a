import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np

from tests.trainer.conftest import save
from trainer.drawn import draw_blood
from trainer.evaluate import evaluate_file
from trainer.looks import group_by_look
from trainer.readers import read_sets
from trainer.recipes import RECIPES
from trainer.run import RunOptions, train
from trainer.ship import ship
from trainer.split import make_split


def write_cells(folder: Path) -> Path:
    for number in range(6):
        pixels, objects = draw_blood(np.random.default_rng(number), 96, 20.0)
        save(folder / "images" / f"{number}.png", pixels)
        save(folder / "masks" / f"{number}.png", objects > 0)
        save(folder / "labels" / f"{number}.png", objects.astype(np.uint16))
    return folder


def test_cells_from_pictures_to_objects(tmp_path: Path):
    data = write_cells(tmp_path / "smears")
    recipe = dataclasses.replace(
        RECIPES["cells"],
        architecture="own-unet",
        widths=(8, 16),
        crop=64,
        batch=2,
        steps=2,
        steps_per_epoch=2,
        validate_every=1,
        precision="32",
        workers=0,
    )
    run = train(
        recipe, RunOptions(out=tmp_path / "run", data=(data,), accelerator="cpu", devices=1, quiet=True)
    )
    card = ship(run, tmp_path / "cells.onnx", data=[data])
    assert card.output.channels == ("inside", "border", "background")
    assert [source.name for source in card.training_data] == ["smears", "drawn"]
    assert {"dice", "ap50", "pq", "f1", "count_error"} <= card.validation[0].values.keys()
    scores = evaluate_file(tmp_path / "cells.onnx", read_sets([data]))
    assert len(scores) == 6


LEVELS = (10, 60, 110, 160, 210)


def write_looks(folder: Path, names: dict[int, list[str]]) -> Path:
    """Write pictures of one look each level."""
    random = np.random.default_rng(0)
    for level, named in names.items():
        for name in named:
            pixels = np.clip(level + random.normal(0, 3, (24, 24, 3)), 0, 255).astype(np.uint8)
            save(folder / "images" / f"{name}.png", pixels)
            save(folder / "masks" / f"{name}.png", pixels[:, :, 0] > level)
    return folder


def test_pictures_of_one_look_stay_together(tmp_path: Path):
    names = {level: [f"{level}-{number}" for number in range(3)] for level in LEVELS}
    cases = group_by_look(read_sets([write_looks(tmp_path / "set", names)]))
    assert len({case.subject for case in cases}) == 5
    sides = make_split(cases)
    looks = {side: {key.split("/")[1].split("-")[0] for key in keys} for side, keys in sides.items()}
    assert looks["train"]
    assert looks["validation"]
    assert not looks["train"] & looks["validation"]
    assert json.dumps(sides) == json.dumps(make_split(cases))


def test_a_set_in_which_nobody_has_two_pictures_is_split_by_look_alone(tmp_path: Path):
    """As DSB2018, whose names are hashes."""
    names = {
        level: [hashlib.sha256(f"{level} {n}".encode()).hexdigest() for n in range(3)] for level in LEVELS
    }
    level_of = {name: level for level, named in names.items() for name in named}
    cases = group_by_look(read_sets([write_looks(tmp_path / "dsb2018", names)]))
    assert {case.subject for case in cases} == {
        *(f"dsb2018 24x24 dark {number}" for number in (1, 2)),
        *(f"dsb2018 24x24 bright {number}" for number in (1, 2, 3)),
    }
    assert all(case.subject.startswith(f"{case.kind} ") for case in cases)
    held = make_split(cases)["validation"]
    assert [level_of[key.partition("/")[2]] for key in held] == [110] * 3


def test_looks_of_one_person_stay_together(tmp_path: Path):
    names = {level: [f"{level}-{number}" for number in range(3)] for level in LEVELS}
    for level, eye in ((10, "L"), (110, "R"), (210, "L_macula")):
        names[level].append(f"p7_{eye}")
    cases = group_by_look(read_sets([write_looks(tmp_path / "set", names)]))
    groups = {(case.subject, case.kind) for case in cases}
    assert len(groups) == 3
    (together,) = {case.subject for case in cases if case.name.startswith("p7")}
    assert sum(case.subject == together for case in cases) == 12
    assert {case.subject for case in cases if case.name.startswith("60-")} != {together}


def write_crops(folder: Path, crops: list[tuple[int, int]]) -> Path:
    """Write crops: of how bright a slide, and how wide."""
    random = np.random.default_rng(0)
    for level, side in crops:
        pixels = np.clip(level + random.normal(0, 3, (24, side, 3)), 0, 255).astype(np.uint8)
        save(folder / "images" / f"{level}-{side}.png", pixels)
        save(folder / "masks" / f"{level}-{side}.png", pixels[:, :, 0] > level)
    return folder


def test_crops_that_each_have_a_size_of_their_own_are_split_by_look(tmp_path: Path):
    crops = [(level, 20 + 5 * number + at) for number in range(4) for at, level in enumerate(LEVELS)]
    cases = group_by_look(read_sets([write_crops(tmp_path / "set", crops)]))
    assert len({case.subject for case in cases}) == 5
    sides = make_split(cases)
    looks = {side: {key.split("/")[1].split("-")[0] for key in keys} for side, keys in sides.items()}
    assert looks["validation"]
    assert not looks["train"] & looks["validation"]


def test_a_size_that_five_pictures_have_is_a_kind_of_its_own(tmp_path: Path):
    crops = [(level, 30) for level in (70, 100, 130, 160, 190)] + [(70, 31), (70, 32), (190, 33)]
    cases = group_by_look(read_sets([write_crops(tmp_path / "set", crops)]))
    kinds = {case.name: case.kind for case in cases}
    assert kinds["70-30"] == "set 30x24 bright"
    assert kinds["70-31"] == kinds["190-33"] == "set other sizes bright"


def test_where_each_kind_is_of_one_look_a_fifth_of_all_is_held_back(tmp_path: Path):
    crops = [(10 + 40 * number, 30 + number) for number in range(6)]
    cases = read_sets([write_crops(tmp_path / "set", crops)])
    assert len(make_split([dataclasses.replace(case, kind=case.name) for case in cases])["validation"]) == 1
