"""``python -m trainer finetune`` and its companions ``promote`` and ``runs``."""

import dataclasses
import json
import os
import shlex
import shutil
import subprocess

import torch

from trainer.export import read_card, write_card
from trainer.finetune.candidate import judged_card
from trainer.finetune.judging import judge_run
from trainer.finetune.kept_lessons import FOLDER as LESSONS
from trainer.finetune.kept_lessons import keep_judgement
from trainer.finetune.loop import MAIN, Course, bring_lessons, cut_short, finish, learn_all
from trainer.finetune.plan import CONFIG, Plan, Request, flattery_told, kept_plan, make_plan, plan_to_dict
from trainer.finetune.reviewed import Read, find_reviewed, read_judgement
from trainer.finetune.sides import without, write_sides
from trainer.finetune.steering import Line
from trainer.finetune.watch import EXAMPLES
from trainer.lineage import learnt_by
from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.files import atomic_write, file_sha256, make_folder, patiently, reason
from vesselapp.study.run_folder import RunFolder, new_run
from vesselapp.study.study import Study
from vesselapp.study.verdict import ThresholdChange, Verdict

CANDIDATE = "candidate.onnx"
_SPLIT = "split.json"


def device_name(accelerator: str) -> str:
    """Say what is going to compute (VesselError where there is no such device)."""
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return f"GPU, {torch.cuda.get_device_name()}"
    if accelerator in ("auto", "gpu", "mps") and torch.backends.mps.is_available():
        return "GPU, Apple"
    if accelerator not in ("auto", "cpu"):
        raise VesselError(
            f"PyTorch finds no device for accelerator={accelerator} here.", "Take cpu, or leave it out."
        )
    return f"CPU, {os.cpu_count()} cores"


def plan_only(request: Request) -> dict[str, object]:
    """Give the values of the ``plan`` event; nothing is written."""
    return make_plan(Study.open(request.study), request).event(device_name(request.accelerator))


def finetune(request: Request) -> Verdict | None:
    """Learn from a study's reviewed pictures and judge the candidate, or go on with a run that was killed.

    Returns
    -------
    Verdict or None
        None where a person cancelled.

    Raises
    ------
    VesselError
        With one sentence; the model in use is as it was, and what the run has made so far stays.
    """
    study = Study.open(request.study)
    device_name(request.accelerator)  # what can't be done is said before anything is written
    if request.run is None:
        make_plan(study, request)
    run = new_run(study.folder) if request.run is None else RunFolder(make_folder(request.run))
    with Line(run, events=request.events) as line:
        try:
            verdict = run.verdict() if run.has_verdict else _run(study, request, line)
        except Cancelled:
            _drop_work(run)
            line.emit("stopped")
            return None
        except VesselError as problem:
            line.last_word("failed", message=str(problem))
            raise
        except OSError as problem:
            told = VesselError(f"The run can't go on: {reason(problem)}.", "What it made stays; go on later.")
            line.last_word("failed", message=str(told))
            raise told from problem
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_stopped(study, run)) from None
        line.emit("verdict", file="verdict.json")
        line.emit("done")
    return verdict


def _drop_work(run: RunFolder) -> None:
    """Remove what a cancelled run learnt, showed and learnt from; it can't be gone on with then."""
    for name in (CONFIG, _SPLIT):
        patiently((run.folder / name).unlink, missing_ok=True)
    for folder in (*(run.folder / name for name in (MAIN, LESSONS, EXAMPLES)), *run.folder.glob("fold*")):
        shutil.rmtree(folder, ignore_errors=True)


def _stopped(study: Study, run: RunFolder) -> str:
    """Say to who pressed Ctrl+C how the run goes on: the same command would begin another one."""
    if not run.has_plan:
        return "Stopped. Nothing was learnt yet: give the same command again."
    command = ["python", "-m", "trainer", "finetune", str(study.folder), "--run", str(run.folder)]
    quoted = subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)
    return f"Stopped. To go on: {quoted}"


def _run(study: Study, request: Request, line: Line) -> Verdict:
    kept = kept_plan(study, line.run.folder)
    plan, accelerator = kept or (_begin(study, request, line), request.accelerator)
    if request.accelerator != "auto":  # a run may go on with another device
        accelerator = request.accelerator
    line.emit("plan", **plan.event(device_name(accelerator)))
    return _work(Course(plan, study, line, accelerator))


def _begin(study: Study, request: Request, line: Line) -> Plan:
    """Read what was said of the pictures, decide, and write it all down."""
    line.emit("stage", name="reading")
    # What makes no sense is said before anything is read.
    corrected = make_plan(study, request).tuning.corrected
    read: dict[str, Read] = {}
    notes = []
    for key, picture in find_reviewed(study)[0].items():
        line.heed_cancel()
        try:
            judged = read_judgement(study, picture, corrected)
        except VesselError as problem:
            notes.append(f"Left out: {problem.message}")
            continue
        keep_judgement(line.run.folder, picture, judged)
        read[key] = Read(picture.judged, empty=not judged.truth[judged.weight > 0].any())
    plan = make_plan(study, request, read, tuple(notes))
    write_sides(study.folder, plan.drawn)
    split = {"train": list(plan.sides.learn), "validation": list(plan.sides.judged)}
    atomic_write(line.run.folder / _SPLIT, json.dumps(split, indent=1).encode())
    config = json.dumps(plan_to_dict(plan, request.accelerator, study.folder), indent=1)
    atomic_write(line.run.folder / CONFIG, config.encode())
    return plan


def _work(course: Course) -> Verdict:
    """Learn, export, check, judge, and write verdict and card."""
    plan, folder = course.plan, course.folder
    course.line.emit("stage", name="preparing")
    ground = bring_lessons(course)
    trained = learn_all(course, ground)
    course.line.emit("stage", name="exporting")
    candidates, parities, after = [], [], course.card.threshold
    for number, (place, keys) in enumerate(trained):
        learnt = list(plan.sides.learn)
        if number:
            learnt = without(learnt, keys, plan.subjects)
        file, threshold, parity = finish(course, ground, place, learnt)
        candidates.append((file, keys))
        parities.append(parity)
        if not number:
            after = threshold
    change = ThresholdChange(course.incumbent.card.threshold, after)
    course.line.emit("threshold", before=change.before, after=change.after)
    course.line.emit("stage", name="judging")
    verdict = judge_run(course, candidates, change)
    judged = [plan.pictures[key].sha256 for _file, keys in candidates for key in keys]
    flattered = flattery_told(set(learnt_by(course.incumbent.card)), judged)
    verdict = dataclasses.replace(
        verdict,
        sentence=" ".join(
            words for words in (verdict.sentence, flattered, cut_short(course, trained)) if words
        ),
        parity=max(parities),
        incumbent_sha256=plan.incumbent_sha256,
        in_use_sha256=plan.in_use_sha256,
    )
    target = folder / CANDIDATE
    patiently(candidates[0][0].replace, target)
    write_card(target, judged_card(read_card(target), verdict, crossed=bool(plan.sides.folds)))
    verdict = dataclasses.replace(
        verdict,
        candidate=CANDIDATE,
        candidate_sha256=file_sha256(target),
        seconds=round(course.line.worked, 1),
    )
    course.line.run.write_verdict(verdict)
    return verdict
