"""The judging of one run: both models answer what judges, as the app would, and the gate decides."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from trainer.finetune.gate import Pair, agreement_floor, judge, not_judged, row_of
from trainer.finetune.kept_lessons import kept_judgement
from trainer.finetune.lessons import where_judged
from trainer.finetune.loop import Course
from trainer.finetune.old import drawn_truths, other_pictures, replay_truths
from trainer.finetune.scores import Truth, mask_by, pair_on
from trainer.metrics import dice
from vesselapp.inference.model import Model, load_model
from vesselapp.study.verdict import Ground, PictureScore, ThresholdChange, Verdict


def judge_run(
    course: Course, candidates: Sequence[tuple[Path, list[str]]], threshold: ThresholdChange
) -> Verdict:
    """Compare candidate and incumbent, where there is anything to judge.

    Parameters
    ----------
    course : Course
    candidates : sequence of (Path, list of str)
        The candidate's file, then those of the folds, each with the keys it is judged on.
    threshold : ThresholdChange
    """
    sides = course.plan.sides
    if not any(keys for _file, keys in candidates):
        return not_judged(_pictures(course, {}), threshold)
    seen: list[tuple[str, Pair, float]] = []
    candidate = load_model(candidates[0][0])
    for file, keys in candidates:
        model = candidate if file == candidates[0][0] else load_model(file)
        seen += [_compare(course, model, key) for key in keys]
    found = [pair for _key, pair, _agree in seen if pair.measure == "Dice"]
    nothing = [pair for _key, pair, _agree in seen if pair.measure == "specificity"]
    rows = [row_of("new", "judged pictures", found)] if found else []
    if nothing:
        rows.append(row_of("new", "pictures in which nothing is", nothing, measure="specificity"))
    agreeing = [agree for _key, pair, agree in seen if pair.measure == "Dice"]
    rows += _old_rows(course, candidate, float(np.mean(agreeing)) if agreeing else 0.0)
    scores = {key: pair for key, pair, _agree in seen}
    return judge(rows, _pictures(course, scores), threshold, crossed=bool(sides.folds))


def _compare(course: Course, model: Model, key: str) -> tuple[str, Pair, float]:
    """Score both models on a reviewed picture; say how far they agree."""
    course.line.heed_cancel()
    picture = course.plan.pictures[key]
    judged = kept_judgement(course.folder, picture)
    counts = where_judged(judged, course.card)
    truth = Truth(picture.name, picture.subject, judged.pixels, judged.truth, counts)
    size = judged.object_diameter
    before, after = mask_by(course.incumbent, judged.pixels, size), mask_by(model, judged.pixels, size)
    return key, pair_on(truth, before, after), dice(after, before, counts)


def _old_rows(course: Course, candidate: Model, agreement: float) -> list[Ground]:
    """Compare the models on old ground: with truth where there is any, else by how far they agree."""
    recipe = course.base_recipe
    if rows := _rows_with_truth(course, candidate, replay_truths(course.replay, recipe.task)):
        return rows
    rows = _rows_with_truth(course, candidate, drawn_truths(recipe)) if recipe.drawn else []
    others = []
    for name, pixels in other_pictures(course.study, list(course.plan.pictures), recipe.task):
        course.line.heed_cancel()
        before, after = mask_by(course.incumbent, pixels), mask_by(candidate, pixels)
        others.append(Pair(name, name, 1.0, dice(after, before, np.ones(before.shape, bool))))
    if others:
        floor = agreement_floor(agreement)
        rows.append(row_of("old", "other pictures", others, measure="agreement", floor=floor))
    return rows


def _rows_with_truth(course: Course, candidate: Model, truths: Iterable[tuple[str, Truth]]) -> list[Ground]:
    """Compare the models on pictures with truth, each given with the name of its set."""
    sets: dict[str, list[Pair]] = {}
    for name, truth in truths:
        course.line.heed_cancel()
        pair = pair_on(truth, mask_by(course.incumbent, truth.pixels), mask_by(candidate, truth.pixels))
        sets.setdefault(name, []).append(pair)
    return [row_of("old", name, pairs) for name, pairs in sets.items()]


def _pictures(course: Course, scores: dict[str, Pair]) -> list[PictureScore]:
    """List every reviewed picture with its side, and both models' scores where it judged."""
    sides: tuple[tuple[Literal["judge", "learn"], tuple[str, ...]], ...] = (
        ("judge", course.plan.sides.judge),
        ("learn", course.plan.sides.learn),
    )
    out = []
    for side, keys in sides:
        for key in keys:
            pair = scores.get(key)
            picture = course.plan.pictures[key]
            score = PictureScore(picture.name, side, key=key, sha256=picture.sha256)
            if pair is not None:
                score = dataclasses.replace(
                    score, incumbent=pair.incumbent, candidate=pair.candidate, measure=pair.measure
                )
            out.append(score)
    return out
