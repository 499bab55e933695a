"""A run becomes a model file with a truthful card: what it learnt from, how it was made, how well it does."""

import dataclasses
import json
from pathlib import Path

from trainer.evaluate import as_figures, evaluate_file, print_table, summarise
from trainer.export import export_net, make_card, write_card
from trainer.readers import read_sets
from trainer.recipes import Recipe
from trainer.run import load_net
from trainer.split import read_split
from vesselapp.core.model_card import ModelCard, Source

_KNOWN_SOURCES = {
    "chase_db1": ("CC BY 4.0", "Fraz et al., IEEE TBME 2012; Kingston University"),
    "hrf": ("CC BY 4.0", "Budai et al., Int J Biomed Imaging 2013"),
    "dsb2018": ("CC0", "Broad Institute, BBBC038"),
    "drawn": ("Apache-2.0", "drawn by trainer.drawn"),
}
_LIMITS = {
    "vessels": (
        "Made for colour fundus photographs with their whole field of view in the frame.",
        "Learnt from two cameras and 28 eyes at most; other cameras are answered less surely.",
        "Vessels near the picture's resolution, and those across large bleedings or scars, are missed.",
        "A research tool: no medical device, not for diagnosis without a person's review.",
    ),
    "cells": (
        "Made for nuclei and round cells in microscope pictures, 8-200 px across at the right scale setting.",
        "Blood smears were learnt from drawn pictures only; touching cells may be joined.",
        "A research tool: no medical device, not for diagnosis without a person's review.",
    ),
}
_DESCRIPTIONS = {
    "vessels": "Blood vessels in colour fundus photographs.",
    "cells": "Nuclei and blood cells in microscope pictures: inside, border, background.",
}


def ship(
    run: Path,
    path: Path,
    *,
    data: list[Path],
    checkpoint: Path | None = None,
    views: int | None = None,
    threshold: float | None = None,
    name: str | None = None,
) -> ModelCard:
    """Export a run, measure the file on the pictures it held back, and write the figures into its card."""
    recipe, net = load_net(run, checkpoint)
    if views is not None:
        recipe = dataclasses.replace(recipe, views=views)
    card = make_card(
        recipe,
        name=name or path.stem,
        command=command_of(run, views, threshold),
        sources=_sources(run, recipe),
        limits=_LIMITS[recipe.task],
        description=_DESCRIPTIONS[recipe.task],
        licence="Apache-2.0 (weights); trained on pictures under the licences listed",
        threshold=0.5 if threshold is None else threshold,
    )
    card = export_net(net, recipe, path, card)
    if data:
        _learn, held = read_split(run / "split.json", read_sets(data))
        summaries = summarise(evaluate_file(path, held))
        print_table(summaries)
        card = card.model_copy(update={"validation": as_figures(summaries)})
        write_card(path, card)
    return card


def command_of(run: Path, views: int | None, threshold: float | None) -> str:
    """Give the commands that make the file again, with the user's own folders left open."""
    command = (run / "command.txt").read_text().strip()
    extra = f" --views {views}" if views else ""
    extra += f" --threshold {threshold:g}" if threshold is not None else ""
    return f"{command} && python -m trainer export RUN --out MODEL.onnx --data DATA{extra}"


def _sources(run: Path, recipe: Recipe) -> tuple[Source, ...]:
    keys = json.loads((run / "split.json").read_text())["train"]
    names = sorted({key.partition("/")[0] for key in keys}) + (["drawn"] if recipe.drawn else [])
    out = []
    for name in names:
        licence, credit = _KNOWN_SOURCES.get(name, ("not stated", ""))
        pictures = sum(key.startswith(f"{name}/") for key in keys)
        out.append(Source(name=name, licence=licence, credit=credit, pictures=pictures))
    return tuple(out)
