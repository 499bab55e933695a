"""The learning loop of one run: read, learn, check, judge. Each part goes on where a killed run left it."""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from trainer.begun import RECIPE, steps_when_done
from trainer.finetune.bases import open_base
from trainer.finetune.candidate import blended, tuned_card, write_candidate
from trainer.finetune.kept_lessons import kept_judgement, kept_sha256
from trainer.finetune.lessons import lesson_of, off_scale
from trainer.finetune.old import (
    Replay,
    drawn_lessons,
    hold_replay,
    other_lesson,
    read_replay,
    replay_lessons,
    samples_of,
)
from trainer.finetune.plan import Plan
from trainer.finetune.sides import without
from trainer.finetune.steering import Line
from trainer.finetune.task import FineTune, Ground
from trainer.finetune.threshold import deciding, set_threshold
from trainer.finetune.watch import Watch, Window, mask_in, window_of
from trainer.full_memory import fit_within_memory
from trainer.lineage import learnt_by, seen_by
from trainer.metrics import dice
from trainer.nets import Segmenter, build_net, stride_of
from trainer.pictures import Scaled
from trainer.readers import Case, image_sha256
from trainer.recipes import Recipe, read_recipe
from trainer.run import WEIGHTS, RunOptions, fit_task
from trainer.ship import sources_of
from vesselapp.core.errors import VesselError
from vesselapp.core.model_card import ModelCard
from vesselapp.inference.model import Model, load_model
from vesselapp.study.study import Study

MAIN = "training"
_WATCHED = {"judge": 2, "learn": 2, "old": 1}


@dataclass(eq=False)
class Course:
    """A run at work.

    Attributes
    ----------
    plan : Plan
    study : Study
    line : Line
    accelerator : str
    base_recipe, base_net, card : Recipe, Segmenter, ModelCard
        What is inside the base's file.
    base : Model
        The same as the app runs it.
    incumbent : Model
        The model in use.
    incumbent_net : Segmenter or None
        What is inside its file, where it is one of our own that works at the base's scale.
    replay : Replay
    lessons : dict
        Learnt (and a few judging) pictures at working scale, by key.
    views : dict
        Views of learnt pictures of cells far from working scale, by key.
    """

    plan: Plan
    study: Study
    line: Line
    accelerator: str = "auto"
    base_recipe: Recipe = field(init=False)
    base_net: Segmenter = field(init=False)
    card: ModelCard = field(init=False)
    base: Model = field(init=False)
    incumbent: Model = field(init=False)
    incumbent_net: Segmenter | None = field(init=False)
    replay: Replay = field(init=False)
    lessons: dict[str, Scaled] = field(default_factory=dict)
    views: dict[str, list[Scaled]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.base_recipe, self.base_net, self.card = open_base(self.plan.base)
        self.base = load_model(self.plan.base)
        same = self.plan.incumbent_sha256 == self.plan.base_sha256
        self.incumbent = self.base if same else load_model(self.plan.incumbent)
        self.incumbent_net = self.base_net if same else _net_like(self.plan.incumbent, self.base_recipe)
        reviewed = {picture.sha256 for picture in self.plan.pictures.values()}
        self.replay = read_replay(self.plan.replay, self.base_recipe.task, reviewed, seen_by(self.card))
        if self.plan.replay:
            hold_replay(self.folder, self.replay)

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.line.run.folder

    @property
    def replayed(self) -> list[Case]:
        """What is learnt of the replay: nothing, where no old ground is in the batches."""
        return self.replay.learn if self.plan.tuning.old_share else []


def bring_lessons(course: Course) -> Ground:
    """Bring all pictures to working scale: those to learn, a few judges to watch, and old ground."""
    plan, recipe = course.plan, course.base_recipe
    for key in (*plan.sides.learn, *plan.sides.judge[: _WATCHED["judge"]]):
        course.line.heed_cancel()
        name, judged = plan.pictures[key].name, kept_judgement(course.folder, plan.pictures[key])
        course.lessons[key] = lesson_of(name, judged, course.base, recipe)
        if recipe.task == "cells" and key in plan.sides.learn:
            course.views[key] = off_scale(name, judged, course.lessons[key], recipe)
    new = [course.lessons[key] for key in plan.sides.learn]
    if not any((lesson.truth[..., list(recipe.foreground)] > 0)[lesson.valid > 0].any() for lesson in new):
        raise VesselError(
            "Every reviewed mask is empty: there is nothing to learn to find.",
            "Review a picture in which something is.",
        )
    if not plan.tuning.old_share:
        return Ground(new)
    if recipe.task == "cells":
        taught = [*drawn_lessons(recipe), *(view for views in course.views.values() for view in views)]
    else:
        taught = [other_lesson(*sample, course.base, recipe) for sample in samples_of(recipe.task)]
    varied = dataclasses.replace(plan.recipe, augment=recipe.augment, seed=plan.recipe.seed + 1)
    return Ground(new, replay_lessons(course.replay, recipe), taught, varied)


def learn(
    course: Course,
    ground: Ground,
    folder: Path,
    watched: list[Window],
    begun: int = 0,
    last: int | None = None,
) -> int:
    """Train one net, or go on with its training; give the steps it made, negative where a person ended it.

    ``begun`` steps of the run were made before it; it ends after ``last`` steps, where that is given.
    """
    plan, line = course.plan, course.line
    if (made := steps_when_done(folder)) is not None:
        return made
    folder.mkdir(parents=True, exist_ok=True)
    recipe = _recipe_in(folder, plan)
    steps = (last or plan.recipe.steps) * plan.trainings
    watch = Watch(line, watched, course.card.threshold, begun, steps, last)
    options = RunOptions(out=folder, data=(), accelerator=course.accelerator, devices=1, quiet=True)

    def fit(fitted: Recipe) -> None:
        fit_task(
            lambda checkpoint: FineTune(fitted, plan.tuning, course.base_net, ground, checkpoint),
            fitted,
            options,
            [watch],
        )

    fit_within_memory(recipe, folder, fit, line.emit)
    course.base_net.to("cpu")
    made = steps_when_done(folder) or 0
    return -made if watch.stopped else made


def _recipe_in(folder: Path, plan: Plan) -> Recipe:
    """Give the recipe of one training: the plan's, but where a full memory changed it."""
    return read_recipe(folder / RECIPE) if (folder / RECIPE).exists() else plan.recipe


def learn_all(course: Course, ground: Ground) -> list[tuple[Path, list[str]]]:
    """Train the candidate, then one net a fold; give each one's folder and the keys it is judged on.

    Where a person ends the training, the folds train as long as the candidate did. Where that happens in a
    fold, it and those after it are left out: a net that made fewer steps isn't made like the candidate.
    """
    plan, sides = course.plan, course.plan.sides
    course.line.emit("stage", name="learning")
    judges = list(sides.judge[: _WATCHED["judge"]])
    made = abs(learn(course, ground, course.folder / MAIN, _windows(course, ground, judges)))
    found: list[tuple[Path, list[str]]] = [(course.folder / MAIN, list(sides.judge))]
    for number, fold in enumerate(sides.folds, 1):
        begun, parts = number * made, len(sides.folds)
        keys = without(sides.learn, fold, plan.subjects)
        part = _ground_of(course, ground, keys)
        watched = _windows(course, part, list(fold)[: _WATCHED["judge"]])
        course.line.emit("stage", name=f"learning for judging, {number} of {parts}", begun=begun)
        if course.line.take_late_stop():
            course.line.emit("stopping", step=begun)
            if number > 1:
                break
        folder = course.folder / f"fold{number}"
        steps = learn(course, part, folder, watched, begun, made)
        # One that was stopped and then killed is known by its steps, where none ends early by itself.
        if abs(steps) < made and (steps < 0 or not plan.recipe.patience):
            break
        found.append((folder, list(fold)))
        if steps < 0:
            break
    return found


def _ground_of(course: Course, ground: Ground, keys: list[str]) -> Ground:
    """Give what a net learns that learns only so many keys: it sees no view of the other pictures either."""
    unseen = [view for key, views in course.views.items() if key not in keys for view in views]
    taught = [one for one in ground.taught if one not in unseen]
    return dataclasses.replace(ground, new=[course.lessons[key] for key in keys], taught=taught)


def cut_short(course: Course, trained: list[tuple[Path, list[str]]]) -> str:
    """Say where a training ended before its plan did, and whom that leaves unjudged; else nothing.

    Where nobody was judged, the verdict says so itself.
    """
    plan = course.plan
    made = steps_when_done(trained[0][0]) or 0
    told = []
    if made < plan.recipe.steps:
        told.append(f"The training was ended at step {made} of {plan.recipe.steps}.")
    judged, meant = sum(len(keys) for _, keys in trained), len(plan.sides.judged)
    if 0 < judged < meant:
        told.append(f"Only {judged} of the {meant} pictures were judged, since the judging was stopped.")
    return " ".join(told)


def finish(course: Course, ground: Ground, folder: Path, keys: list[str]) -> tuple[Path, float, float]:
    """Make a trained net a file: give the file, its threshold, and how far it is from the net."""
    plan, recipe = course.plan, course.base_recipe
    net = build_net(recipe, pretrained=False)
    tuned = torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True)
    net.load_state_dict(blended(course.base_net, tuned, plan.tuning.blend))
    lessons = [course.lessons[key] for key in keys]
    before = course.card.threshold
    pictures, worth = deciding(lessons, ground, recipe.task)
    threshold = set_threshold(net, recipe, stride_of(recipe), pictures, before, worth)
    card = tuned_card(
        course.card,
        parent=plan.base_sha256,
        study=course.study.name,
        threshold=threshold,
        learnt=len(keys),
        replayed=sources_of([case.key for case in course.replayed]),
        config=_lineage(course, keys, _recipe_in(folder, plan)),
        command=plan.command,
    )
    path = folder / "candidate.onnx"
    parity = write_candidate(net.eval(), recipe, plan.base, path, card, [one.pixels for one in lessons[:3]])
    return path, threshold, parity


def _lineage(course: Course, keys: list[str], recipe: Recipe) -> dict[str, object]:
    """Say what a candidate came of: pictures and masks by hash, settings, judges."""
    plan = course.plan

    def named(keys: Iterable[str]) -> list[dict[str, str]]:
        pictures = [plan.pictures[key] for key in keys]
        return [{"key": one.key, "name": one.name, "sha256": one.sha256} for one in pictures]

    learnt = [
        {**one, "mask_sha256": kept_sha256(course.folder, plan.pictures[one["key"]])} for one in named(keys)
    ]
    return {
        "study": course.study.name,
        "learnt_before": sorted(set(learnt_by(course.card))),
        "learnt": learnt,
        "judged": named(sorted(plan.sides.judged)),
        "replayed": [
            {"set": one.set_name, "name": one.name, "sha256": image_sha256(one)} for one in course.replayed
        ],
        "old_judged": [image_sha256(one) for one in course.replay.judge],
        "recipe": json.loads(json.dumps(dataclasses.asdict(recipe))),
        "tuning": dataclasses.asdict(plan.tuning),
    }


def _windows(course: Course, ground: Ground, judges: list[str]) -> list[Window]:
    """Choose what is looked at while training, and say how the present models do there."""
    recipe = course.base_recipe
    chosen = [window_of("judge", course.lessons[key], recipe) for key in judges]
    chosen += [window_of("learn", lesson, recipe) for lesson in ground.new[: _WATCHED["learn"]]]
    old = (ground.replayed or ground.taught)[: _WATCHED["old"]]
    chosen += [window_of("old", lesson, recipe) for lesson in old]
    return [_with_before(course, window, known=bool(ground.replayed)) for window in chosen]


def _with_before(course: Course, window: Window, *, known: bool) -> Window:
    """Score the model in use on a window, on old ground the base; what is not known there, the base says."""
    is_old = window.side == "old"
    net = course.base_net if is_old else course.incumbent_net
    if net is None:
        return window
    threshold = (course.card if is_old else course.incumbent.card).threshold
    mask = mask_in(net, course.base_recipe, stride_of(course.base_recipe), window.pixels, threshold)
    if is_old and not known:
        window = dataclasses.replace(window, truth=mask)
    return dataclasses.replace(window, before=dice(mask, window.truth, window.counts))


def _net_like(path: Path, recipe: Recipe) -> Segmenter | None:
    """Give the net of a model file of our own that works at a recipe's scale."""
    try:
        found, net, _card = open_base(path)
    except VesselError:
        return None
    alike = (found.task, found.size, found.channels) == (recipe.task, recipe.size, recipe.channels)
    return net if alike else None
