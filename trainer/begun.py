"""What a run was begun with, kept in its folder; a run that has learnt something goes on with that alone.

All is checked before anything is written, so a first attempt that fails leaves no run behind.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from trainer.export import read_card
from trainer.lineage import Seen, seen_by
from trainer.recipes import Recipe, read_recipe, recipe_from_dict, recipe_to_dict
from trainer.split import load_split
from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write, file_sha256, is_there, patiently, reason
from vesselapp.core.model_card import Source
from vesselapp.study.json_text import parse_object

CHECKPOINT, WEIGHTS, DONE = "last.ckpt", "weights.pt", "done.json"
RECIPE, ASKED, SPLIT, COMMAND, PARENT, BEGUN = (
    "recipe.json",
    "asked.json",
    "split.json",
    "command.txt",
    "parent.json",
    "begun.json",
)
_SHOWN = 4
_SEEN = "learnt", "held", "unsure"
"""What is kept of the pictures that a parent knows (`trainer.lineage.Seen`), beside whether that is all."""


def has_learnt(run: Path) -> bool:
    """Tell whether there is anything in a run that could be lost."""
    return is_there(run / CHECKPOINT) or is_there(run / WEIGHTS)


def steps_when_done(run: Path) -> int | None:
    """Give the steps of a training that came to its end; None where it has not."""
    if not ((run / DONE).exists() and (run / WEIGHTS).exists()):
        return None
    return int(_read(run / DONE, "steps")["steps"])


def steps_kept(run: Path) -> int | None:
    """Give the steps behind the weights of a training that came to its end; None where it has not."""
    made = steps_when_done(run)
    return None if made is None else int(_read(run / DONE).get("kept", made))


def kept_recipe(run: Path, asked: Recipe, split: Path | None, weights: Path | None) -> Recipe:
    """Give the recipe that a run goes on with.

    Raises
    ------
    VesselError
        Where it was begun with something else than what is asked for now.
    """
    kept = read_recipe(run / RECIPE)
    begun = read_recipe(run / ASKED) if (run / ASKED).exists() else kept
    _check_alike(run, begun, asked)
    if split is not None and _as_sets(load_split(split)) != _as_sets(load_split(run / SPLIT)):
        raise _other(run, "another split")
    if weights is not None and not _started_from(run, weights):
        raise _other(run, "other weights")
    return kept


def keep_asked(file: Path, asked: Recipe, fixed: list[str]) -> None:
    """Write down what a search is begun with, or refuse to go on with something else (VesselError)."""
    if not file.exists():
        write_json(file, {"recipe": recipe_to_dict(asked), "fixed": fixed})
        return
    kept = _read(file, "recipe", "fixed")
    _check_alike(file.parent, recipe_from_dict(kept["recipe"]), asked)
    if kept["fixed"] != fixed:
        raise _other(file.parent, f"other settings to keep: {', '.join(kept['fixed']) or 'none'}")


def keep_begun(
    run: Path,
    recipe: Recipe,
    sides: dict[str, list[str]],
    command: str,
    weights: Path | None,
    pictures: dict[str, str],
    processes: int,
) -> Recipe:
    """Write down what a run is begun with (VesselError where that fails); give the recipe that it trains.

    That is the one asked for, but for the batch that a full memory left of it in an attempt before.

    Parameters
    ----------
    run : Path
    recipe : Recipe
    sides : dict
        As `trainer.split.make_split` gives them.
    command : str
    weights : Path or None
        The model file that the net starts from: what that has learnt is kept too.
    pictures : dict of str to str
        The hash of each picture's file, by case key.
    processes : int
        How many train together: each has a batch of its own.
    """
    from trainer.fit import BEST  # whose own imports need this module

    trained = _as_memory_allows(run, recipe)
    try:
        run.mkdir(parents=True, exist_ok=True)
        # of an attempt that learnt nothing
        for name in (BEST, PARENT, DONE) if trained is not recipe else (BEST, ASKED, PARENT, DONE):
            patiently((run / name).unlink, missing_ok=True)
    except OSError as error:
        raise VesselError(f"The run folder {run} can't be made: {reason(error)}.") from error
    if weights is not None:
        card = read_card(weights)
        sources = [source.model_dump() for source in card.training_data]
        kept = {"sha256": file_sha256(weights), "training_data": sources}
        seen = seen_by(card)
        told = {key: sorted(getattr(seen, key)) for key in _SEEN}
        write_json(run / PARENT, kept | told | {"whole": seen.whole})
    write_json(run / SPLIT, sides)
    write_json(run / BEGUN, {"pictures": pictures, "processes": processes})
    _write_command(run, command)
    write_json(run / RECIPE, recipe_to_dict(trained))
    return trained


def check_pictures(run: Path, pictures: dict[str, str]) -> None:
    """Refuse other pictures (hashes by case key) than a run was begun with (VesselError).

    Where it was begun before these were kept, nothing is refused.
    """
    kept = _kept(run / BEGUN).get("pictures")
    other = [key for key, sha256 in pictures.items() if kept is not None and kept.get(key) != sha256]
    if other:
        raise VesselError(
            f"The run {run} was begun with other pictures of these names: {len(other)} of {len(pictures)} "
            f"(first: {min(other)}).",
            "Give the pictures that it was begun with, or begin a new run.",
        )


def other_processes(run: Path, now: int, step: int, devices: str) -> int | None:
    """Give how many processes trained a run until a step, where they were not as many as now.

    From then on it has those of now, and so says its command, which `devices` are the options of. None also
    where it isn't known.
    """
    kept = _kept(run / BEGUN)
    before = kept.get("processes", now)
    if before == now:
        return None
    if command := kept_command(run):
        _write_command(run, f"{command}; from step {step} on with {devices}")
    write_json(run / BEGUN, kept | {"processes": now})
    return int(before)


def halve_batch(run: Path, recipe: Recipe) -> Recipe:
    """Keep a recipe with half its batch, and beside it the one that was asked for; give the halved one."""
    if (run / RECIPE).exists() and not (run / ASKED).exists():
        write_json(run / ASKED, recipe_to_dict(recipe))  # the file may be halved by another process already
    halved = dataclasses.replace(recipe, batch=recipe.batch // 2)
    write_json(run / RECIPE, recipe_to_dict(halved))
    return halved


def sources_before(run: Path) -> tuple[Source, ...] | None:
    """Give what the weights that a run started from had learnt; None where that isn't known."""
    if not (kept := _kept(run / PARENT, "training_data")):
        return None if _says_weights(run) else ()
    return tuple(Source.model_validate(one) for one in kept["training_data"])


def parent_of(run: Path) -> str | None:
    """Give the hash of the model file that a run started from; None where that isn't known."""
    return _kept(run / PARENT, "sha256").get("sha256")


def seen_before(run: Path) -> Seen:
    """Give the pictures that the weights a run started from know."""
    if not (kept := _kept(run / PARENT)):
        return Seen(whole=not _says_weights(run))
    learnt, held, unsure = (frozenset(kept.get(key, ())) for key in _SEEN)
    return Seen(learnt, held, unsure, kept.get("whole", False))


def kept_command(run: Path) -> str:
    """Give the command that a run was begun with; empty where that isn't known."""
    return (run / COMMAND).read_text("utf-8").strip() if (run / COMMAND).exists() else ""


def _kept(path: Path, *keys: str) -> dict[str, Any]:
    """Give what a file of a run keeps, with these keys; nothing for a run from before that was kept."""
    return _read(path, *keys) if path.exists() else {}


def _read(path: Path, *keys: str) -> dict[str, Any]:
    """Read what is kept, which holds these keys (VesselError where it doesn't, or can't be read)."""
    try:
        kept = parse_object(path.read_bytes())
    except OSError as error:
        raise VesselError(f"{path} can't be read: {reason(error)}.") from error
    except ValueError:
        kept = {}
    if not kept or not kept.keys() >= set(keys):
        raise VesselError(
            f"{path} is damaged: what it told of the training can't be read.",
            "Remove it, and give the command again." if path.name == DONE else "Put back a copy of it.",
        )
    return kept


def _write_command(run: Path, command: str) -> None:
    atomic_write(run / COMMAND, (command + "\n").encode(errors="backslashreplace"))


def write_json(path: Path, values: Any) -> None:
    """Write a small JSON file (VesselError where that fails)."""
    atomic_write(path, (json.dumps(values, indent=1) + "\n").encode())


def _differing(begun: Recipe, asked: Recipe) -> list[str]:
    """Say ``key=value``, as the run was begun with, for each setting that is asked otherwise now."""
    told = []
    before, now = recipe_to_dict(begun), recipe_to_dict(asked)
    augment, wanted = before.pop("augment"), now.pop("augment")
    for prefix, old, new in (("", before, now), ("augment.", augment, wanted)):
        told += [f"{prefix}{key}={value}" for key, value in old.items() if new[key] != value]
    return told


def _check_alike(run: Path, begun: Recipe, asked: Recipe) -> None:
    other = _differing(begun, asked)
    if other:
        more = " and more" if len(other) > _SHOWN else ""
        raise _other(run, f"other settings: {', '.join(other[:_SHOWN])}{more}")


def _as_memory_allows(run: Path, asked: Recipe) -> Recipe:
    """Give a recipe with the batch that an attempt at it was left with; the very one where there was none."""
    if not (run / ASKED).exists() or read_recipe(run / ASKED) != asked:
        return asked
    return dataclasses.replace(asked, batch=read_recipe(run / RECIPE).batch)


def _started_from(run: Path, weights: Path) -> bool:
    if (parent := parent_of(run)) is None:
        return _says_weights(run)  # begun before that was kept: which ones isn't known
    return parent == file_sha256(weights)


def _says_weights(run: Path) -> bool:
    return " --weights " in kept_command(run)


def _as_sets(sides: dict[str, list[str]]) -> dict[str, set[str]]:
    return {side: set(keys) for side, keys in sides.items()}


def _other(run: Path, what: str) -> VesselError:
    return VesselError(f"The run {run} was begun with {what}.", "Keep to that, or give another --out.")
