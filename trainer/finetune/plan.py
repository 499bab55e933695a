"""What a fine-tune is going to do: worked out before it begins, kept with the run so that it can go on."""

import dataclasses
import json
import os
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.finetune.bases import came_of, choose_models, open_base
from trainer.finetune.gate import FEWEST as FEWEST_SUBJECTS
from trainer.finetune.reviewed import Read, ReviewedPicture, find_reviewed
from trainer.finetune.settings import Tuning, recipe_for, tuning_for
from trainer.finetune.sides import Side, Sides, decide, read_sides, take_sides
from trainer.lineage import learnt_by
from trainer.readers import read_sets
from trainer.recipes import Recipe, recipe_from_dict, recipe_to_dict
from vesselapp.core.errors import VesselError
from vesselapp.core.model_card import ModelCard
from vesselapp.inference.cards import card_in
from vesselapp.inference.checks import model_sha256
from vesselapp.study.models import Registry
from vesselapp.study.study import Study
from vesselapp.study.study_model import find_model_by_hash, hash_in_use, told_name
from vesselapp.study.unusable import few_told, one_subject_told, only_one_told

CONFIG = "config.json"
FEWEST = 2
_STEP_S = {"vessels": 0.73, "cells": 0.9}
"""Seconds on two cores that a step takes, all else a picture, and the start.

They give the minutes measured with the nets of now (docs/learning.md, "What it brings to the shipped nets").
"""
_PICTURE_S = {"vessels": 3.0, "cells": 2.5}
_START_S = 10.0


@dataclass(frozen=True)
class Request:
    """What a person asks for."""

    study: Path
    run: Path | None = None
    base: str = ""
    chain: bool = False
    replay: tuple[Path, ...] = ()
    settings: tuple[str, ...] = ()
    events: bool = False
    accelerator: str = "auto"

    @property
    def command(self) -> str:
        """The command that asks for the same, for a card: without paths, which are one computer's own."""
        asked = ["python", "-m", "trainer", "finetune", "STUDY"]
        asked += ["--base", Path(self.base).name] if self.base else []
        asked += ["--chain"] if self.chain else []
        for folder in self.replay:
            asked += ["--replay", folder.name]
        for setting in self.settings:
            asked += ["--set", setting]
        return shlex.join(asked)


@dataclass(frozen=True)
class Plan:
    """A fine-tune, decided.

    Attributes
    ----------
    recipe, tuning : Recipe, Tuning
    base, incumbent : Path
        The model it starts from, and the one that the candidate has to beat.
    base_sha256, incumbent_sha256, in_use_sha256 : str
        Of the two, and of the study's model, which mostly is the one to beat.
    pictures : dict
        The reviewed pictures by key.
    sides : Sides
    replay : tuple of Path
    warnings : tuple of str
    command : str
        What was asked for, as a command.
    base_name, incumbent_name : str
        What the two models are called to a person.
    drawn : dict
        The sides that the study is to keep; empty for a run that goes on.
    """

    recipe: Recipe
    tuning: Tuning
    base: Path
    incumbent: Path
    base_sha256: str
    incumbent_sha256: str
    pictures: dict[str, ReviewedPicture]
    sides: Sides
    replay: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    command: str = ""
    base_name: str = ""
    incumbent_name: str = ""
    drawn: dict[str, Side] = field(default_factory=dict)
    in_use_sha256: str = ""

    @property
    def steps(self) -> int:
        """Steps of all trainings together."""
        return self.recipe.steps * self.trainings

    @property
    def trainings(self) -> int:
        """How many nets are trained: the candidate, and one a fold."""
        return 1 + len(self.sides.folds)

    @property
    def subjects(self) -> dict[str, str]:
        """Subject of each picture by its key."""
        return {key: picture.subject for key, picture in self.pictures.items()}

    def event(self, device: str) -> dict[str, Any]:
        """Give the values of the ``plan`` event."""
        pictures = len(self.pictures) + 4 * len(self.replay)
        return {
            "steps": self.steps,
            "each": self.recipe.steps,
            "corrected": self.tuning.corrected,
            "expected_s": round(expected_s(self.recipe.task, self.steps, pictures, device)),
            "device": device,
            "base": self.base_name,
            "incumbent": self.incumbent_name,
            "learn": [self.pictures[key].name for key in self.sides.learn],
            "judge": [self.pictures[key].name for key in self.sides.judge],
            "folds": [[self.pictures[key].name for key in fold] for fold in self.sides.folds],
            "warnings": list(self.warnings),
        }


def expected_s(task: str, steps: int, pictures: int, device: str) -> float:
    """Give the seconds that so many steps, and all else for so many pictures, will take."""
    slower = 2 / max(1, min(4, os.cpu_count() or 1)) if device.startswith("CPU") else 0.1
    return _START_S + slower * (steps * _STEP_S[task] + pictures * _PICTURE_S[task])


def make_plan(
    study: Study, request: Request, read: Mapping[str, Read] | None = None, notes: tuple[str, ...] = ()
) -> Plan:
    """Decide what to do; nothing is written.

    Parameters
    ----------
    study : Study
    request : Request
    read : mapping, optional
        What was found of the pictures whose masks could be read, by key; all are taken where None.
    notes : tuple of str
        Why others could not.

    Raises
    ------
    VesselError
        Where nothing can be learnt, with the reason.
    """
    pictures, warnings, known = find_reviewed(study)
    if read is not None:
        found = {key: one for key, one in pictures.items() if key in read}
        pictures = {key: one for key, one in found.items() if read[key].judged == one.judged}
        changed = [one.name for key, one in found.items() if key not in pictures]
        notes += tuple(f"Left out: {name} was worked on while it was read." for name in changed)
    if len(pictures) < FEWEST:
        told = only_one_told()
        raise VesselError(" ".join([*notes, told.message]), told.hint)
    read_sets(list(request.replay))  # what isn't there is said before anything begins
    answered = [picture.model_sha256 for picture in pictures.values()]
    models = choose_models(study, request.base, chain=request.chain, answered=answered)
    base_recipe, _net, base_card = open_base(models.base)
    subjects = {key: picture.subject for key, picture in pictures.items()}
    sides = decide(read_sides(study.folder), subjects, {key: one.subject for key, one in known.items()})
    learners = sum(sides[key] == "learn" for key in pictures)
    tuning = tuning_for(base_recipe.task, request.settings)
    if not learners:
        raise VesselError(
            "All reviewed pictures at hand are kept for judging: none is left to learn from.",
            "Review more pictures.",
        )
    card_in_use, in_card = card_in(models.incumbent), set(learnt_by(base_card))
    learnt = set(learnt_by(card_in_use)) if card_in_use is not None else set()
    before = [key for key, picture in pictures.items() if picture.sha256 in learnt]
    in_base = {key: one.subject for key, one in known.items() if one.sha256 in in_card}
    empty = {key for key, one in pictures.items() if (read[key].empty if read else one.nothing_there)}
    taken = take_sides(sides, subjects, before, tuning.folds, in_base, empty)
    if not taken.judged:
        raise VesselError(
            "The model to start from has learnt every picture that could judge, so nothing could tell "
            "whether the new one is better.",
            "Start from another model, or review more pictures.",
        )
    recipe = recipe_for(base_recipe, learners, len(taken.folds), request.settings)
    base_sha256, incumbent_sha256 = model_sha256(models.base), model_sha256(models.incumbent)
    base_name, name_in_use = told_name(study, models.base), told_name(study, models.incumbent)
    tuned_here = {entry.sha256 for entry in Registry(study.folder).entries() if entry.run}
    known_models = {base_sha256, incumbent_sha256} | tuned_here | came_of(study, base_card)
    told = [
        *_answered_told(pictures.values(), known_models, base_name),
        *_tasks_told(base_recipe.task, base_name, card_in_use, name_in_use),
    ]
    return Plan(
        recipe,
        tuning,
        models.base,
        models.incumbent,
        base_sha256,
        incumbent_sha256,
        pictures,
        taken,
        request.replay,
        (*notes, *warnings, *told, *_warnings(taken, subjects, before, empty)),
        request.command,
        base_name,
        name_in_use,
        sides,
        in_use_sha256=hash_in_use(study),
    )


def _answered_told(pictures: Collection[ReviewedPicture], known: set[str], base: str) -> Iterable[str]:
    """Say so where most pictures were answered by a model that this fine-tune knows nothing of."""
    others = Counter(one.model_sha256 for one in pictures if one.model_sha256)
    sha256, count = others.most_common(1)[0] if others else ("", 0)
    if sha256 in known or 2 * count <= len(pictures):
        return
    name = next(one.model for one in pictures if one.model_sha256 == sha256) or "another model"
    name = f"another {name}" if name == base else name
    yield (
        f"{count} of {len(pictures)} reviewed pictures were answered by {name}, but the training "
        f"starts from {base}: start from that model, unless another one is meant."
    )


def _tasks_told(task: str, base: str, card: ModelCard | None, in_use: str) -> Iterable[str]:
    """Say so where what the candidate has to beat looks for something else."""
    if card is not None and card.task not in (task, "other"):
        yield (
            f"{base} finds {task}, but {in_use}, which the new model is compared with, {card.task}: start "
            f"from a model of {card.task}, unless the study is of {task} by now."
        )


def flattery_told(learnt: Collection[str], judged: Collection[str]) -> str:
    """Say so where the model that a candidate is compared with has learnt what judges; empty elsewhere."""
    known = sum(key in learnt for key in judged)
    which = "all" if known == len(judged) else f"{known} of the {len(judged)}"
    told = f"The model it is compared with has learnt {which} pictures that judge, which flatters that."
    return told if known else ""


def _warnings(sides: Sides, subjects: dict[str, str], before: Collection[str], empty: set[str]) -> list[str]:
    told = [few_told(len(subjects))]
    judging = len({subjects[key] for key in sides.judged if key not in empty})
    if not judging:
        told.append("No picture that judges holds anything to find: by them no model can be called better.")
    elif judging < FEWEST_SUBJECTS:
        few = "two subjects judge" if judging == 2 else "one subject judge"
        few += " and hold something to find" if empty & set(sides.judged) else ""
        told.append(f"Pictures of {few}: three are needed to call a model better.")
    if idle := len(subjects) - len({*sides.learn, *sides.judged}):
        told.append(
            f"{idle} picture{'s' * (idle > 1)} kept for judging can't judge this time: another of the same "
            "subject, or a copy, is learnt."
        )
    told.append(one_subject_told(subjects.values()))
    if flattered := flattery_told(before, sides.judged):
        told.append(f"{flattered} Review more first.")
    return [words for words in told if words]


def plan_to_dict(plan: Plan, accelerator: str, study: Path) -> dict[str, Any]:
    """Give a plan as what ``config.json`` keeps: old pictures in the study's folder go where that goes."""
    values = dataclasses.asdict(dataclasses.replace(plan, drawn={}))
    values["recipe"] = recipe_to_dict(plan.recipe)
    values["pictures"] = list(values["pictures"].values())
    values["accelerator"] = accelerator
    inside = study.resolve()
    values["replay"] = [
        (one.relative_to(inside) if one.is_relative_to(inside) else one).as_posix() for one in plan.replay
    ]
    kept: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return kept


def kept_plan(study: Study, run: Path) -> tuple[Plan, str] | None:
    """Read the plan that a run was begun with, and its accelerator; None where it has not begun.

    Pictures and models are found where they are now: the study may have been moved or renamed since.

    Raises
    ------
    VesselError
        Where it can't be read, or a model has changed since.
    """
    path = run / CONFIG
    if not path.exists():
        return None
    try:
        values = json.loads(path.read_bytes())
        now = {picture.key: picture.path for picture in study.pictures()}
        pictures = [
            ReviewedPicture(**{**one, "path": now.get(one["key"], Path(one["path"]))})
            for one in values["pictures"]
        ]
        sides = values["sides"]
        plan = Plan(
            recipe_from_dict(values["recipe"]),
            Tuning(**values["tuning"]),
            _model_now(study, Path(values["base"]), values["base_sha256"]),
            _model_now(study, Path(values["incumbent"]), values["incumbent_sha256"]),
            values["base_sha256"],
            values["incumbent_sha256"],
            {picture.key: picture for picture in pictures},
            Sides(tuple(sides["learn"]), tuple(sides["judge"]), tuple(map(tuple, sides["folds"]))),
            tuple(study.folder.resolve() / one for one in values["replay"]),
            tuple(values["warnings"]),
            str(values.get("command", "")),
            str(values.get("base_name", Path(values["base"]).stem)),
            str(values.get("incumbent_name", Path(values["incumbent"]).stem)),
            in_use_sha256=str(values.get("in_use_sha256", "")),
        )
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise VesselError(f"{path} can't be read, so the run can't go on.", "Start a new one.") from problem
    return plan, str(values.get("accelerator", "auto"))


def _model_now(study: Study, file: Path, sha256: str) -> Path:
    """Give a model's file where it is now."""
    if file.is_file() and model_sha256(file) == sha256:
        return file
    found = find_model_by_hash(study, sha256)
    if found is None:
        raise VesselError(
            f"The model {file.name} that this run began with is gone or changed.",
            "Put it back, or start a new run.",
        )
    return found
