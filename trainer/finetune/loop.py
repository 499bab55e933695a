"""The learning loop of one run: read, learn, check, judge. Each part goes on where a killed run left it."""

import dataclasses
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import torch

from trainer.begun import RECIPE, steps_kept, steps_when_done
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
from trainer.finetune.watch import Side, Watch, Window, mask_in, window_of
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
_WATCHED: dict[Side, int] = {"judge": 2, "learn": 2, "old": 1}


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
        Learnt pictures at working scale, by key.
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
    """Bring all pictures to working scale: those to learn, and old ground."""
    plan, recipe = course.plan, course.base_recipe
    for key in plan.sides.learn:
        course.line.heed_cancel()
        name, judged = plan.pictures[key].name, kept_judgement(course.folder, plan.pictures[key])
        course.lessons[key] = lesson_of(name, judged, course.base, recipe)
        if recipe.task == "cells":
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


def learn(course: Course, ground: Ground, folder: Path, watch: Watch) -> int:
    """Train one net, or go on with its training; give the steps it made, negative where a person ended it."""
    plan = course.plan
    if (made := steps_when_done(folder)) is not None:
        return made
    folder.mkdir(parents=True, exist_ok=True)
    recipe = _recipe_in(folder, plan)
    options = RunOptions(out=folder, data=(), accelerator=course.accelerator, devices=1, quiet=True)

    def fit(fitted: Recipe) -> None:
        fit_task(
            lambda checkpoint: FineTune(fitted, plan.tuning, course.base_net, ground, checkpoint),
            fitted,
            options,
            [watch],
        )

    fit_within_memory(recipe, folder, fit, course.line.emit)
    course.base_net.to("cpu")
    made = steps_when_done(folder) or 0
    return -made if watch.stopped else made


def _recipe_in(folder: Path, plan: Plan) -> Recipe:
    """Give the recipe of one training: the plan's, but where a full memory changed it."""
    return read_recipe(folder / RECIPE) if (folder / RECIPE).exists() else plan.recipe


def learn_all(course: Course, ground: Ground) -> list[tuple[Path, list[str]]]:
    """Train the candidate, then one net a fold; give each one's folder and the keys it is judged on.

    The folds make as many steps as the candidate's weights have behind them. Where a person ends a fold, it
    and those after it are left out: a net that made fewer steps isn't made like the candidate.
    """
    plan, sides, threshold = course.plan, course.plan.sides, course.card.threshold
    main, parts = course.folder / MAIN, len(course.plan.sides.folds)
    watched = _windows(course, ground, sides.judge)
    course.line.emit("stage", name="learning")
    made = abs(learn(course, ground, main, Watch(course.line, watched, threshold, 0, plan.steps)))
    kept = steps_kept(main) or made
    found: list[tuple[Path, list[str]]] = [(main, list(sides.judge))]
    for number, fold in enumerate(sides.folds, 1):
        begun = made + (number - 1) * kept
        part = _ground_of(course, ground, without(sides.learn, fold, plan.subjects))
        watch = Watch(
            course.line, _windows(course, part, fold), threshold, begun, made + parts * kept, last=kept
        )
        course.line.emit("stage", name=f"learning for judging, {number} of {parts}", begun=begun)
        if course.line.take_late_stop():
            course.line.emit("stopping", step=begun)
            if number > 1:
                break
        folder = course.folder / f"fold{number}"
        steps = learn(course, part, folder, watch)
        if abs(steps) < kept:
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
    """Say where a training ended before its plan did, what is kept, and who isn't judged; else nothing.

    Where nobody was judged, the verdict says so itself.
    """
    plan = course.plan
    made = steps_when_done(trained[0][0]) or 0
    told = []
    if made < plan.recipe.steps:
        told.append(f"The training was ended at step {made} of {plan.recipe.steps}.")
    if (kept := steps_kept(trained[0][0])) != made:
        told.append(f"The candidate is its model of step {kept}.")
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


def _windows(course: Course, ground: Ground, judges: Iterable[str]) -> list[Window]:
    """Choose what is looked at while training, and say how the present models do there.

    Only where something is to be found does Dice tell one step from another.
    """
    recipe, known = course.base_recipe, bool(ground.replayed)
    sides: dict[Side, Iterable[Scaled]] = {
        "judge": (_lesson(course, key) for key in judges),
        "learn": ground.new,
        "old": ground.replayed or ground.taught,
    }
    chosen: list[Window] = []
    for side, lessons in sides.items():
        cut: Iterator[Window] = (window_of(side, lesson, recipe) for lesson in lessons)
        if known or side != "old":  # what nobody marked says so before a net is asked
            cut = filter(_holds_something, cut)
        scored = (_with_before(course, window, known=known) for window in cut)
        chosen += islice(filter(_holds_something, scored), _WATCHED[side])
    return chosen


def _holds_something(window: Window) -> bool:
    return bool((window.truth & window.counts).any())


def _lesson(course: Course, key: str) -> Scaled:
    """Give a reviewed picture at working scale; of those that aren't learnt none is kept."""
    if key in course.lessons:
        return course.lessons[key]
    course.line.heed_cancel()
    picture = course.plan.pictures[key]
    return lesson_of(picture.name, kept_judgement(course.folder, picture), course.base, course.base_recipe)


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
