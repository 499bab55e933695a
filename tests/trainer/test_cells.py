import dataclasses
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


def test_pictures_of_one_look_stay_together(tmp_path: Path):
    random = np.random.default_rng(0)
    for level in (10, 60, 110, 160, 210):
        for number in range(3):
            pixels = np.clip(level + random.normal(0, 3, (24, 24, 3)), 0, 255).astype(np.uint8)
            save(tmp_path / "set" / "images" / f"{level}-{number}.png", pixels)
            save(tmp_path / "set" / "masks" / f"{level}-{number}.png", pixels[:, :, 0] > level)
    cases = group_by_look(read_sets([tmp_path / "set"]))
    assert len({case.subject for case in cases}) == 5
    sides = make_split(cases)
    looks = {side: {key.split("/")[1].split("-")[0] for key in keys} for side, keys in sides.items()}
    assert looks["train"]
    assert looks["validation"]
    assert not looks["train"] & looks["validation"]
    assert json.dumps(sides) == json.dumps(make_split(cases))
