"""The commands of the learning loop: ``finetune``, ``promote``, ``runs``."""

import argparse
import sys
from pathlib import Path
from typing import Any

from trainer.events import emit
from vesselapp.core.errors import VesselError


def add_learning(commands: Any) -> None:
    """Add the commands to a parser's subcommands."""
    tune = commands.add_parser("finetune", help="learn from a study's reviewed pictures, and judge")
    tune.add_argument("study", type=Path, metavar="STUDY", help="the study's folder")
    tune.add_argument("--base", default="", metavar="FILE|NUMBER", help="the model to start from")
    tune.add_argument("--chain", action="store_true", help="start from the model in use, not from its base")
    tune.add_argument(
        "--replay", type=Path, nargs="+", action="extend", default=[], metavar="DIR", help="old pictures"
    )
    tune.add_argument("--run", dest="run_folder", type=Path, metavar="DIR", help="an old one goes on")
    tune.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting")
    tune.add_argument("--events", action="store_true", help="print JSON lines")
    tune.add_argument("--plan", action="store_true", help="say what would be done, and do nothing")
    tune.add_argument("--accelerator", default="auto", help="cpu, gpu, ...")
    tune.set_defaults(run=_finetune)
    promote = commands.add_parser("promote", help="make a run's candidate the study's model")
    promote.add_argument("run_folder", type=Path, metavar="RUN")
    promote.add_argument("--overrule", default="", metavar="REASON", help="promote against the verdict")
    promote.set_defaults(run=_promote)
    listing = commands.add_parser("runs", help="list a study's training runs and their verdicts")
    listing.add_argument("study", type=Path, metavar="STUDY")
    listing.set_defaults(run=_runs)


def _finetune(options: argparse.Namespace) -> None:
    from trainer.finetune.command import finetune, plan_only
    from trainer.finetune.plan import Request
    from vesselapp.study.study import Study

    told = options.events
    options.events = told or options.plan  # a failure is printed as an event then
    if options.run_folder is not None:
        _check_inside(options.run_folder, Study.open(options.study).folder)
    request = Request(
        options.study,
        options.run_folder,
        options.base,
        options.chain,
        tuple(folder.resolve() for folder in options.replay),
        tuple(options.set),
        told,
        options.accelerator,
    )
    if options.plan:
        emit("plan", **plan_only(request))
        return
    verdict = finetune(request)
    if verdict is not None and not request.events:
        print(f"{verdict.verdict}: {verdict.sentence}")
        for row in verdict.table:
            between = f"  {row.held}" if row.held else ""
            if row.low is not None and row.high is not None:
                between = f"  ({row.low:+.3f} to {row.high:+.3f}){between}"
            print(
                f"  {row.ground}  {row.set} ({row.pictures}), {row.measure}: {row.incumbent:.3f} -> "
                f"{row.candidate:.3f}{between}"
            )


def _check_inside(run: Path, study: Path) -> None:
    """Make sure that a run's folder is one of a study's: elsewhere nobody would find it again."""
    if run.resolve().parent != (study / "runs").resolve():
        raise VesselError(
            f"{run} is no run folder of the study {study}.", f"Give a folder inside {study / 'runs'}."
        )


def _promote(options: argparse.Namespace) -> None:
    from vesselapp.core.files import is_file
    from vesselapp.core.user import signing_name
    from vesselapp.study.promote import promote
    from vesselapp.study.run_folder import RunFolder

    folder = options.run_folder.resolve()
    if not is_file(folder / "verdict.json"):
        raise VesselError(f"{options.run_folder} holds no verdict.", "Give the folder of a finished run.")
    run = RunFolder(folder)
    number = promote(_study_of(folder), run, who=signing_name(), overrule=options.overrule)
    print(f"in use: model {number}", file=sys.stdout)
    if options.overrule and run.verdict().overruled is None:
        print("It was offered, so no reason was needed, and none is kept.", file=sys.stderr)


def _study_of(run: Path) -> Path:
    """Give the folder of the study that a run is in."""
    from vesselapp.study.study import Study

    if run.parent.name != "runs":
        raise VesselError(f"{run} is in no study's runs folder.", "Give the folder STUDY/runs/RUN.")
    return Study.open(run.parents[1]).folder


def _runs(options: argparse.Namespace) -> None:
    from vesselapp.study.run_folder import runs_of
    from vesselapp.study.run_state import state_now
    from vesselapp.study.study import Study

    for run in reversed(runs_of(Study.open(options.study).folder)):
        state, decision = state_now(run), run.decision()
        stands = decision.decision if decision else "undecided" if run.has_verdict else state.value
        said = run.verdict().sentence if run.has_verdict else "no verdict"
        if state.live and not run.has_verdict:
            stands, said = state.value, "no verdict yet"
        print(f"{run.name}  {stands}  {said}")
