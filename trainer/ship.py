"""A run becomes a model file with a truthful card: what it learnt from, how it was made, how well it does."""

import contextlib
import dataclasses
import errno
import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from trainer.begun import SPLIT, check_pictures, kept_command, parent_of, seen_before, sources_before
from trainer.evaluate import as_figures, evaluate_file, print_table, summarise
from trainer.export import export_net, make_card, write_card
from trainer.fit import BEST
from trainer.lineage import flattery
from trainer.nets import Segmenter
from trainer.readers import Case, image_sha256, read_sets
from trainer.recipes import Recipe
from trainer.run import load_net, steps_behind
from trainer.split import load_split, read_split
from vesselapp.core.errors import VesselError
from vesselapp.core.files import patiently, reason, sync_folder, temporary_beside
from vesselapp.core.model_card import ModelCard, Source

NOT_STATED = "not stated"
UNKNOWN_TERMS = "not stated: it hangs on the terms of the pictures learnt from, of which not all are known"
_DRAWN = Source(name="drawn", licence="Apache-2.0", credit="drawn by trainer.drawn")
_KNOWN_SETS = {
    "chasedb1": (r"Image_\d\d[LR]", "CC BY 4.0", "Fraz et al., IEEE TBME 2012; Kingston University"),
    "hrf": (r"\d\d_(h|dr|g)", "CC BY 4.0", "Budai et al., Int J Biomed Imaging 2013"),
    "dsb2018": (r"[0-9a-f]{64}", "CC0", "Broad Institute, BBBC038"),
    "stage1train": (r"[0-9a-f]{64}", "CC0", "Broad Institute, BBBC038"),
}
"""Known by the folder's letters and digits and by how all its pictures are named: licence, whom to credit."""
_REVIEW = "A research tool: no medical device, not for diagnosis without a person's review."
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
    limits: Sequence[str] = (),
) -> ModelCard:
    """Export a run, measure the file on the pictures it held back, and write the figures into its card.

    A file that lies at ``path`` is replaced only when all has gone well. ``limits`` are sentences on where
    the model was seen to fail; the card says them beside what the run itself knows.

    Raises
    ------
    VesselError
        Where that can't be done.
    """
    recipe, net = load_net(run, checkpoint)
    if views is not None:
        recipe = dataclasses.replace(recipe, views=views)
    learn, held = read_split(run / SPLIT, read_sets(data)) if data else ([], [])
    if data and not held:
        print("The run held no picture back, so the card gets no figures.", file=sys.stderr)
    hashes = {case.key: image_sha256(case) for case in (*learn, *held)}
    check_pictures(run, hashes)
    sources, whole = _sources(run, recipe)
    steps, finished = steps_behind(run, checkpoint)
    seen = seen_before(run)
    learnt, judged = ([hashes[case.key] for case in side] for side in (learn, held))
    warnings = [] if finished else [_unfinished(steps, recipe)]
    warnings += flattery(seen, judged, learnt)
    warnings += _chosen(run, recipe, checkpoint, steps if finished else None)
    for told in warnings:
        print(told, file=sys.stderr)
    card = make_card(
        recipe,
        name=name or path.stem,
        command=command_of(run, views, threshold, name, checkpoint),
        sources=sources,
        limits=(*warnings, *limits, *_limits(recipe, sources, whole=whole)),
        description=_DESCRIPTIONS[recipe.task],
        licence=_licence(sources, whole=whole),
        threshold=0.5 if threshold is None else threshold,
        parent=parent_of(run),
    )
    training = {
        "steps": steps,
        "finished": finished,
        "held": [one for one in judged if one not in seen.learnt],
        "unsure": [one for one in judged if one not in seen.learnt and seen.may_have_learnt(one)],
        "learnt": learnt,
        "learnt_before": sorted(seen.learnt),
        "whole": seen.whole and bool(data),
    }
    config = {**card.config, "training": training}
    return _write(net, recipe, path, card.model_copy(update={"config": config}), held)


def command_of(
    run: Path,
    views: int | None = None,
    threshold: float | None = None,
    name: str | None = None,
    checkpoint: Path | None = None,
) -> str:
    """Give the commands that make the file again, with the user's own folders left open."""
    extra = f" --views {views}" if views else ""
    extra += f" --threshold {threshold:g}" if threshold is not None else ""
    extra += f" --name {shlex.quote(name)}" if name else ""
    extra += f" --checkpoint {shlex.quote(checkpoint.name)}" if checkpoint is not None else ""
    return f"{kept_command(run)} && python -m trainer export RUN --out MODEL.onnx --data DATA{extra}"


def _write(net: Segmenter, recipe: Recipe, path: Path, card: ModelCard, held: list[Case]) -> ModelCard:
    """Write and measure the file beside its place, then let it take that."""
    fresh = temporary_beside(path)
    try:
        _try_place(path, fresh, net)  # before the minutes that the rest takes
        card = export_net(net, recipe, fresh, card)
        if held:
            summaries = summarise(evaluate_file(fresh, held))
            print_table(summaries)
            card = card.model_copy(update={"validation": as_figures(summaries)})
            write_card(fresh, card)
        patiently(fresh.replace, path)
        sync_folder(path.parent)
    except OSError as error:
        raise VesselError(f"{path} can't be written: {reason(error)}.", "Choose another place.") from error
    except VesselError as error:
        raise VesselError(error.message.replace(fresh.name, path.name), error.hint) from error
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
    return card


def _try_place(path: Path, fresh: Path, net: Segmenter) -> None:
    """Write as much as the weights will take, and remove it (OSError where that fails)."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh.write_bytes(bytes(sum(weight.nbytes for weight in net.state_dict().values())))
    fresh.unlink()


def _sources(run: Path, recipe: Recipe) -> tuple[tuple[Source, ...], bool]:
    """Give what a run learnt from, also before it where it started from a model; and whether that is all."""
    keys = load_split(run / SPLIT)["train"]
    own = sources_of(keys)
    own += [_DRAWN] if recipe.drawn else []
    before = sources_before(run)
    if recipe.encoder_weights and before is not None and parent_of(run) is None:
        encoder = f"pretrained encoder {recipe.encoder}/{recipe.encoder_weights}"
        own.append(Source(name=encoder, licence=NOT_STATED, pictures=None))
    earlier = [source for source in before or () if source.pictures or source not in own]
    for source in earlier:
        name = source.name
        while name in {other.name for other in own}:
            name += ", before"
        own.append(source.model_copy(update={"name": name}))
    return tuple(own), before is not None


def sources_of(keys: Sequence[str]) -> list[Source]:
    """Give what pictures (case keys) are of, a source a set, with its licence where the set is known."""
    return [_source(name, keys) for name in sorted({key.partition("/")[0] for key in keys})]


def _source(name: str, keys: Sequence[str]) -> Source:
    pictures = [key.rpartition("/")[2] for key in keys if key.partition("/")[0] == name]
    known = re.sub(r"[^0-9a-z]", "", name.lower())
    pattern, licence, credit = _KNOWN_SETS.get(known, ("", NOT_STATED, ""))
    if not all(re.fullmatch(pattern, picture) for picture in pictures):
        licence, credit = NOT_STATED, ""  # a folder that is merely called so
    return Source(name=name, licence=licence, credit=credit, pictures=len(pictures))


def _licence(sources: Sequence[Source], *, whole: bool) -> str:
    if whole and all(source.licence != NOT_STATED for source in sources):
        return "Apache-2.0 (weights); trained on pictures under the licences listed"
    return UNKNOWN_TERMS


def _unfinished(steps: int | None, recipe: Recipe) -> str:
    if steps is None:
        return "Taken from a checkpoint; how many steps it had made is not known."
    return f"Not finished: {steps} of {recipe.steps} steps were made."


def _chosen(run: Path, recipe: Recipe, checkpoint: Path | None, steps: int | None) -> list[str]:
    """Say it where the weights are the best validated ones; ``steps`` are those behind finished weights."""
    taken = steps is not None and (recipe.patience > 0 or steps < recipe.steps) and (run / BEST).exists()
    if not (taken if checkpoint is None else checkpoint.name == BEST):
        return []
    where = "" if steps is None else f" (step {steps} of {recipe.steps})"
    return [
        f"Its weights were chosen on the pictures held back{where}: figures on those flatter it a little."
    ]


_PIECES = (
    "Figures of objects are of cells parted by watershed, as 'vesselapp predict --save objects' and 'study "
    "export --parted' write them; else each connected piece of a mask is one object."
)


def _limits(recipe: Recipe, sources: Sequence[Source], *, whole: bool) -> tuple[str, ...]:
    """Say what a model is for, and what bounds it, as far as the run knows."""
    learnt = [f"{source.pictures} of {source.name}" for source in sources if source.pictures]
    told = f"Learnt from {', '.join(learnt)}" + (" and from drawn pictures" if recipe.drawn else "")
    told += "".join(f"; begun with the {source.name}" for source in sources if source.pictures is None)
    told += "." if whole else "; what the model it started from had learnt is not known."
    if recipe.task == "vessels":
        return (
            "Made for colour fundus photographs with their whole field of view in the frame.",
            f"{told} Other cameras are answered less surely.",
            "Vessels near the picture's resolution, and those across large bleedings or scars, are missed.",
            _REVIEW,
        )
    return (
        "Made for nuclei and round cells in microscope pictures, 8-200 px across at the right scale setting.",
        f"{told} Cells of other looks are answered less surely; touching cells may be joined.",
        _PIECES,
        _REVIEW,
    )
