"""Old ground: what the base could do before, held while learning and judged afterwards.

Where a person has pictures of it with truth (``--replay``), those. Else what is at hand without: for vessels
the app's own sample, for cells pictures that our code draws, as the base answers them. The study's other
pictures only judge: held to the base's answer, they would hold back what is learnt of pictures like them.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.drawn import draw, draw_fluorescence
from trainer.finetune.lessons import Judgement, lesson_of
from trainer.finetune.scores import Pixels, Truth, mask_by, truth_of
from trainer.lineage import Seen, split_after
from trainer.looks import group_by_look
from trainer.pictures import Scaled, prepare, read_picture
from trainer.readers import Case, image_sha256, read_sets
from trainer.recipes import Recipe
from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write
from vesselapp.core.image import read_image
from vesselapp.core.samples import SAMPLES, sample_image
from vesselapp.inference.model import Model
from vesselapp.study.study import Study

REPLAY = "replay.json"
MOST_REPLAYED = 120
MOST_JUDGED = 40
"""Pictures of each replay set that judge; spread over the set's validation side."""
MOST_OTHERS = 6
_DRAWN = 12
_DRAWN_SIDE = 384
_JUDGED, _TAUGHT = 20_000, 30_000
"""Seeds of what is drawn to be judged, and to be learnt."""
_DRAWINGS = {"drawn cells": draw, "drawn fluorescence": draw_fluorescence}
_NOTHING_SEEN = Seen()


@dataclass(frozen=True, eq=False)
class Replay:
    """Pictures with truth in the folders of ``--replay``, split as the trainer splits them."""

    learn: list[Case] = field(default_factory=list)
    judge: list[Case] = field(default_factory=list)


def read_replay(
    folders: Sequence[Path], task: str, reviewed: Set[str] = frozenset(), seen: Seen = _NOTHING_SEEN
) -> Replay:
    """Find the pictures of ``--replay``: the side that a training learns from, and the one held back.

    A training of the very same folders has the same sides; else what the base's card says was held back
    judges, and what it says was learnt doesn't (`trainer.lineage.split_after`).

    Parameters
    ----------
    folders : sequence of Path
    task : str
    reviewed : set of str
        Hashes of the study's reviewed pictures: they and others of their subjects are no old ground, and what
        judges must not be learnt.
    seen : Seen
        What the base knows already.
    """
    if not folders:
        return Replay()
    cases = read_sets(list(folders))
    people = {case.key: (case.set_name, case.subject) for case in cases}
    taken = {people[case.key] for case in cases if image_sha256(case) in reviewed}
    cases = group_by_look(cases) if task == "cells" else cases
    back = set(split_after(seen, cases)["validation"])
    cases = sorted((case for case in cases if people[case.key] not in taken), key=lambda case: case.key)
    learn = [case for case in cases if case.key not in back]
    judge = [case for case in cases if case.key in back]
    return Replay(_spread(learn, MOST_REPLAYED), _spread(judge, MOST_JUDGED))


def hold_replay(run: Path, replay: Replay) -> None:
    """Keep with a run which pictures are replayed, or make sure that they are those it was begun with.

    Raises
    ------
    VesselError
        Where they aren't: one that was learnt could judge.
    """
    file = run / REPLAY
    sides = {"learn": replay.learn, "judge": replay.judge}
    hashes = {side: {case.key: image_sha256(case) for case in cases} for side, cases in sides.items()}
    now = json.dumps(hashes, indent=1).encode()
    if not file.exists():
        atomic_write(file, now)
    elif file.read_bytes() != now:
        raise VesselError(
            "The old pictures given to this run are no longer those it was begun with.",
            "Put the folders back as they were, or start a new run.",
        )


def replay_lessons(replay: Replay, recipe: Recipe) -> list[Scaled]:
    """Bring the replayed pictures to working scale, as a training would."""
    return [prepare(read_picture(case, recipe.task), recipe) for case in replay.learn]


def replay_truths(replay: Replay, task: str) -> Iterator[tuple[str, Truth]]:
    """Give set and picture of the side that judges, one by one."""
    for case in replay.judge:
        yield case.set_name, truth_of(read_picture(case, task))


def drawn_truths(recipe: Recipe) -> Iterator[tuple[str, Truth]]:
    """Give kind and picture, with an exact mask, of what is drawn to judge a cell model."""
    for kind, number, pixels, objects in _drawings(recipe, _JUDGED):
        name = f"{kind} {number}"
        yield kind, Truth(name, name, pixels, objects > 0, np.ones(objects.shape, bool))


def drawn_lessons(recipe: Recipe) -> Iterator[Scaled]:
    """Give drawn pictures of cells at working scale, not those that judge; the base answers them."""
    for kind, number, pixels, _objects in _drawings(recipe, _TAUGHT):
        plane = np.zeros((*pixels.shape[:2], len(recipe.channels)), np.uint8)
        yield Scaled(kind, f"{number}", pixels, plane, np.ones(plane.shape[:2], np.uint8))


def _drawings(recipe: Recipe, seed: int) -> Iterator[tuple[str, int, Pixels, NDArray[np.int32]]]:
    for kind, drawing in _DRAWINGS.items():
        for number in range(_DRAWN):
            random = np.random.default_rng((seed, number))
            yield kind, number, *drawing(random, _DRAWN_SIDE, recipe.size * random.uniform(0.7, 1.6))


def other_pictures(study: Study, reviewed: Sequence[str], task: str) -> Iterator[tuple[str, Pixels]]:
    """Give pictures that nobody has reviewed: some of the study, chosen by hash, and the app's own sample.

    Not so for cells: on its sample, a brown stain, our own model isn't sure of anything.
    """
    free = [picture for picture in study.pictures() if picture.key not in set(reviewed)]
    free.sort(key=lambda picture: hashlib.sha256(picture.key.encode()).digest())
    for picture in free[:MOST_OTHERS]:
        try:
            yield picture.relative, read_image(picture.path).pixels
        except VesselError:
            continue  # one that can't be read teaches nothing
    if task == "vessels":
        yield from samples_of(task)


def samples_of(task: str) -> Iterator[tuple[str, Pixels]]:
    """Give the app's own sample pictures for a task."""
    for name, (_function, for_task) in SAMPLES.items():
        if for_task == task:
            yield f"sample {name}", sample_image(name).pixels


def other_lesson(name: str, pixels: Pixels, base: Model, recipe: Recipe) -> Scaled:
    """Bring a picture without truth to working scale, the base's own mask in place of the truth."""
    mask = mask_by(base, pixels)
    return lesson_of(name, Judgement(pixels, mask, np.ones(mask.shape, np.uint8)), base, recipe)


def _spread(cases: list[Case], most: int) -> list[Case]:
    """Take so many of each set, drawn by a hash of their names."""
    out = []
    for name in sorted({case.set_name for case in cases}):
        members = [case for case in cases if case.set_name == name]
        members.sort(key=lambda case: hashlib.sha256(case.key.encode()).digest())
        out += sorted(members[:most], key=lambda case: case.key)
    return out
