"""A run's candidate becomes the study's model, by the gate's verdict or by a person's reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vesselapp.core.errors import VesselError
from vesselapp.core.files import file_sha256
from vesselapp.core.stamps import time_stamp
from vesselapp.study.models import Registry
from vesselapp.study.run_folder import Decision, RunFolder
from vesselapp.study.study import Study
from vesselapp.study.study_model import hash_in_use
from vesselapp.study.verdict import Overruled, Verdict


def promote(study: Path, run: RunFolder, *, who: str = "", overrule: str = "") -> int:
    """Make a run's candidate the study's model.

    Parameters
    ----------
    study : Path
        The study's folder.
    run : RunFolder
    who : str
    overrule : str
        Why it is promoted although the gate doesn't offer it; kept with verdict and model.

    Returns
    -------
    int
        Its number in the registry.

    Raises
    ------
    VesselError
        Where the gate doesn't offer it, or another model is in use than it was compared with, and no reason
        is given; the file isn't the one that was judged, or the study can't be written.
    """
    if run.folder.resolve().parent != (study / "runs").resolve():
        raise VesselError(f"The run {run.name} is of another study.", "Open that study to promote it.")
    now = time_stamp()
    verdict = run.verdict()
    candidate = run.inside(verdict.candidate)
    if candidate is None or not candidate.is_file():
        raise VesselError(f"The candidate of the run {run.name} is gone.", "Train anew.")
    if file_sha256(candidate) != verdict.candidate_sha256:
        raise VesselError(
            f"The candidate of the run {run.name} is not the one that was judged.", "Train anew."
        )
    against = why_not_compared(study, verdict) if verdict.offered else verdict.sentence
    if against and not overrule.strip():
        raise _not_offered(against)

    def compare_again() -> None:
        changed = "" if against else why_not_compared(study, verdict)
        if changed:
            raise _not_offered(changed)

    judged = verdict
    if against:
        verdict = replace(judged, overruled=Overruled(who, now, overrule.strip()))
    elif hash_in_use(Study.open(study)) != judged.candidate_sha256:  # else an earlier promotion is ended
        verdict = replace(judged, overruled=None)
    reason = verdict.overruled.reason if verdict.overruled else ""
    registry = Registry(study)
    same = [entry.number for entry in registry.entries() if entry.sha256 == verdict.candidate_sha256]
    number = same[0] if same else registry.add(candidate, verdict, who=who, run=run.name)
    if verdict != judged:
        run.write_verdict(verdict)
    registry.use(number, who=who, reason=reason, ready=compare_again)
    run.decide(Decision("promoted", who, now, reason, number))
    return number


def _not_offered(against: str) -> VesselError:
    return VesselError(
        f"This candidate is not offered for promotion: {against}",
        "To promote it all the same, give a reason, which is kept.",
    )


def why_not_compared(study: Path, verdict: Verdict) -> str:
    """Say so where the model in use is no longer the one that a candidate was compared with; else nothing."""
    compared = (verdict.incumbent_sha256, verdict.in_use_sha256, verdict.candidate_sha256)
    in_use = hash_in_use(Study.open(study))
    if in_use and in_use in compared:
        return ""
    if not verdict.in_use_sha256:  # of an earlier version, which looked at numbered models alone
        registry = Registry(study)
        numbered = {entry.sha256 for entry in registry.entries()}
        if registry.active() is None and verdict.incumbent_sha256 not in numbered:
            return ""
    return "The study uses another model by now than the incumbent of this comparison."
