"""A judged candidate with all that a person needs to decide on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from vesselapp.core.errors import VesselError
from vesselapp.core.files import file_sha256
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.models import Registry
from vesselapp.study.promote import why_not_compared
from vesselapp.study.record import State
from vesselapp.study.run_folder import RunFolder, runs_of
from vesselapp.study.study import Study
from vesselapp.study.study_model import find_model_by_hash, hash_in_use
from vesselapp.study.verdict import PictureScore, Verdict


@dataclass(frozen=True)
class JudgedPicture:
    """A picture of the study, with both models' score (0-1) where it has a reviewed mask.

    ``side`` is learn, judge, or empty; ``measure`` says what the scores are (`PictureScore`).
    """

    name: str
    path: Path
    place: AnnotationFolder
    side: str = ""
    incumbent: float | None = None
    candidate: float | None = None
    measure: str = "Dice"


@dataclass(frozen=True)
class Judged:
    """All that a person needs to decide on a candidate.

    Attributes
    ----------
    run : RunFolder
    verdict : Verdict
    candidate, incumbent : Path or None
        Their files; None where one is gone or no longer what was judged.
    pictures : tuple of JudgedPicture
        All of the study, judged ones first.
    hindrance : str
        Why the candidate can't be promoted at all; empty where it can.
    note : str
        What speaks against promotion beside the verdict; empty where nothing does.
    """

    run: RunFolder
    verdict: Verdict
    candidate: Path | None
    incumbent: Path | None
    pictures: tuple[JudgedPicture, ...]
    hindrance: str = ""
    note: str = ""

    @property
    def offered(self) -> bool:
        """Whether promotion is offered; else a person needs a reason."""
        return self.verdict.offered and not self.note


def read_judged(folder: Path, run: RunFolder) -> Judged:
    """Read a run's verdict and find what belongs to it.

    Parameters
    ----------
    folder : Path
        The study's.
    run : RunFolder

    Raises
    ------
    VesselError
        Where study or verdict can't be read.
    """
    study, verdict = Study.open(folder), run.verdict()
    candidate = run.inside(verdict.candidate)
    hindrance = ""
    if candidate is None or not candidate.is_file():
        candidate, hindrance = None, "The candidate's file is gone."
    elif verdict.candidate_sha256 and _sha256(candidate) != verdict.candidate_sha256:
        candidate, hindrance = None, "The candidate's file is not the one that was judged."
    incumbent = find_model_by_hash(study, verdict.incumbent_sha256)
    pictures = _pictures(study, verdict, candidate)
    return Judged(run, verdict, candidate, incumbent, pictures, hindrance, why_not_compared(folder, verdict))


def _pictures(study: Study, verdict: Verdict, candidate: Path | None) -> tuple[JudgedPicture, ...]:
    scores = {score.key or score.name: score for score in verdict.pictures}
    found = []
    for picture in study.pictures():
        score = scores.get(picture.key) or scores.get(picture.relative) or scores.get(picture.name)
        judged = JudgedPicture(picture.relative, picture.path, study.place(picture))
        if score is not None and _is_of(score, picture.path, candidate):
            judged = replace(
                judged,
                side=score.side,
                incumbent=score.incumbent,
                candidate=score.candidate,
                measure=score.measure,
            )
        found.append(judged)
    order = {"judge": 0, "learn": 1}
    return tuple(sorted(found, key=lambda one: order.get(one.side, 2)))


def _is_of(score: PictureScore, picture: Path, candidate: Path | None) -> bool:
    """Tell whether a score is of this very file; one that is older than the candidate isn't read for that."""
    try:
        found = picture.stat()
        older = candidate is not None and max(found.st_mtime, found.st_ctime) < candidate.stat().st_mtime
    except OSError:
        older = False
    return not score.sha256 or older or score.sha256 == _sha256(picture)


def _sha256(file: Path) -> str:
    try:
        return file_sha256(file)
    except OSError:
        return ""


def is_in_use(folder: Path, number: int | None) -> bool:
    """Tell whether a study uses this numbered model now; False where there is none, or it can't be read."""
    if number is None:
        return False
    try:
        active = Registry(folder).active()
    except VesselError:
        return False
    return active is not None and active.number == number


def earlier_runs(folder: Path) -> list[tuple[RunFolder, str]]:
    """List the runs of a study, newest first, each with a few words; those that never began are left out."""
    return [(run, _in_short(run)) for run in runs_of(folder) if run.events_file.exists()]


def _in_short(run: RunFolder) -> str:
    decision = run.decision()
    word: str
    try:
        word = run.verdict().verdict if run.has_verdict else "no verdict"
    except VesselError:
        word = "no verdict that can be read"
    if decision is None:
        return word
    number = f" as model {decision.number}" if decision.number is not None else ""
    return f"{word}, {decision.decision}{number}"


@dataclass(frozen=True)
class Bases:
    """The models to start from, each in words and as the trainer takes it.

    ``suggested`` is the one that answered most of the reviewed pictures, where none of the study's numbered
    models is in use and it began with another; else empty.
    """

    models: tuple[tuple[str, str], ...] = ()
    suggested: str = ""


def bases_of(folder: Path) -> Bases:
    """List the models to start from.

    The study's numbered ones, then those of the app and the person that can be fine-tuned. The words tell of
    those that answered reviewed pictures, of how many.
    """
    from vesselapp.inference.catalog import list_models

    study, registry = Study.open(folder), Registry(folder)
    records = (record for _key, record in study.records())
    answered = Counter(one.model_sha256 for one in records if one.state is State.REVIEWED)
    numbered = [
        (f"model {one.number}: {one.name}", one.sha256, str(one.number)) for one in registry.entries()
    ]
    others = [(one.name, _sha256(one.path), str(one.path)) for one in list_models() if one.tunable]

    def in_words(words: str, sha256: str) -> str:
        return (
            f"{words} (answered {answered[sha256]} of the reviewed pictures)" if answered[sha256] else words
        )

    models = tuple((in_words(words, sha256), name) for words, sha256, name in (*numbered, *others))
    known = {"", hash_in_use(study), *(sha256 for _words, sha256, _name in numbered)}
    most = next((sha256 for sha256, count in answered.items() if 2 * count > answered.total()), "")
    if most in known or registry.active() is not None:
        return Bases(models)
    return Bases(models, next((name for _words, sha256, name in others if sha256 == most), ""))
