"""The command line: ``python -m trainer train|finetune|promote|evaluate|...``."""

import argparse
import contextlib
import io
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.events import emit
from trainer.learning import add_learning
from trainer.speed import restart_with_fast_memory
from vesselapp.core.errors import VesselError

if TYPE_CHECKING:
    from trainer.readers import Case


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a problem of the user's is one sentence and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal can't show is no error
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        with _ended_by_kill_too():
            options.run(options)
    except VesselError as error:
        print(f"trainer: {error}", file=sys.stderr)
        if getattr(options, "events", False) and _speaks(options):
            emit("failed", message=str(error))
        return 1
    except KeyboardInterrupt as stop:
        print(f"trainer: {str(stop) or 'Stopped.'}", file=sys.stderr)
        return 130
    return 0


@contextlib.contextmanager
def _ended_by_kill_too() -> Iterator[None]:
    """Let SIGTERM (`kill`, a cluster's limit) end a command as Ctrl+C does, where nothing else heeds it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _speaks(options: argparse.Namespace) -> bool:
    """Tell whether this process speaks for all where several train one net."""
    from trainer.several import is_first

    return is_first(getattr(options, "nodes", 1))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="train a recipe, or go on with a run that was stopped")
    train.add_argument("recipe", help="fundus-vessels or cells")
    train.add_argument("--data", type=Path, nargs="+", action="extend", required=True, metavar="DIR")
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="the run folder")
    train.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting")
    train.add_argument("--split", type=Path, metavar="FILE", help="a split file to keep to")
    train.add_argument("--devices", default="auto", help="how many processes or GPUs")
    train.add_argument("--nodes", type=int, default=1, help="how many machines")
    train.add_argument("--accelerator", default="auto", help="cpu, gpu, ...")
    train.add_argument("--threads", type=int, default=0, help="CPU threads (0: all)")
    train.add_argument("--events", action="store_true", help="print JSON lines instead of a bar")
    train.add_argument("--weights", type=Path, metavar="FILE", help="start from one of our own ONNX models")
    train.set_defaults(run=_train)
    measure = commands.add_parser("evaluate", help="measure a model on pictures with truth")
    measure.add_argument("model", help="a model file, or the name of a model of the app's")
    _add_measuring(measure)
    measure.set_defaults(run=_evaluate)
    measure.add_argument("--gallery", action="store_true", help="write a page of pictures too (needs --out)")
    rival = commands.add_parser("compare", help="compare two models on the same pictures")
    rival.add_argument("first", help="a model file, or the name of a model of the app's")
    rival.add_argument("second", help="another")
    _add_measuring(rival)
    rival.set_defaults(run=_compare)
    search = commands.add_parser("tune", help="search for better settings (needs the extra 'tune')")
    search.add_argument("recipe")
    search.add_argument("--data", type=Path, nargs="+", action="extend", required=True, metavar="DIR")
    search.add_argument("--out", type=Path, required=True, metavar="DIR")
    search.add_argument("--trials", type=int, default=20)
    search.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting")
    search.set_defaults(run=_tune)
    add_learning(commands)
    export = commands.add_parser("export", help="write a run's net as one ONNX file with its card")
    export.add_argument("run_folder", type=Path, metavar="RUN")
    export.add_argument("--out", type=Path, required=True, metavar="FILE")
    export.add_argument(
        "--data",
        type=Path,
        nargs="+",
        action="extend",
        metavar="DIR",
        help="measure on the run's validation side",
    )
    export.add_argument("--checkpoint", type=Path, metavar="FILE", help="instead of the end's weights")
    export.add_argument("--views", type=int, choices=(1, 2, 4), help="mirrored views to average")
    export.add_argument("--threshold", type=_threshold, help="the model's own (0-1; 0.5 where not given)")
    export.add_argument("--name", help="the model's name")
    export.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="SENTENCE",
        help="where it fails, for its card; repeatable",
    )
    export.set_defaults(run=_export)
    return parser


def _add_measuring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, nargs="+", action="extend", required=True, metavar="DIR")
    parser.add_argument("--split", type=Path, metavar="FILE", help="a run's split file")
    parser.add_argument("--side", choices=("validation", "train"), help="of the split (validation)")
    parser.add_argument("--threshold", type=_threshold, help="instead of the card's")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write tables here")


def _threshold(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} does not lie between 0 and 1")
    return value


def _cases(options: argparse.Namespace) -> "list[Case]":
    from trainer.readers import read_sets
    from trainer.split import read_split

    if options.split is None and options.side is not None:
        raise VesselError("--side is a side of a split, but there is none.", "Give --split FILE too.")
    cases = read_sets(options.data)
    if options.split is None:
        return cases
    learn, held = read_split(options.split, cases)
    taken = learn if options.side == "train" else held
    if not taken:
        side = options.side or "validation"
        raise VesselError(
            f"The {side} side of {options.split} is empty.", "Choose another --side or --split."
        )
    return taken


def _evaluate(options: argparse.Namespace) -> None:
    from trainer.evaluate import evaluate, notes_of, print_table, print_warnings, summarise, write_results
    from vesselapp.core.files import make_folder
    from vesselapp.inference.catalog import find_model
    from vesselapp.inference.model import load_model

    if options.gallery and options.out is None:
        raise VesselError("--gallery needs a folder to write to.", "Give --out DIR.")
    cases, model = _cases(options), load_model(find_model(options.model))
    if options.out is not None:
        make_folder(options.out)
    scores = evaluate(model, cases, options.threshold)
    summaries = summarise(scores)
    print_table(summaries)
    print_warnings(scores)
    for note in notes_of(model, scores):
        print(note)
    if options.out is not None:
        write_results(scores, summaries, options.out)
    if options.gallery:
        from trainer.gallery import write_gallery

        write_gallery(model, cases, options.out, options.threshold)


def _compare(options: argparse.Namespace) -> None:
    from trainer.compare import compare_files, print_differences, write_differences
    from vesselapp.core.files import make_folder
    from vesselapp.inference.catalog import find_model

    first, second = find_model(options.first), find_model(options.second)
    cases = _cases(options)
    if options.out is not None:
        make_folder(options.out)
    differences, notes = compare_files(first, second, cases, options.threshold)
    print_differences(differences)
    for note in notes:
        print(note)
    if options.out is not None:
        write_differences(differences, (first.name, second.name), options.out)


def _tune(options: argparse.Namespace) -> None:
    from trainer.recipes import change_recipe, find_recipe
    from trainer.tune import tune

    recipe = change_recipe(find_recipe(options.recipe), options.set)
    fixed = {change.partition("=")[0] for change in options.set}
    best = tune(recipe, tuple(options.data), options.out, options.trials, fixed)
    print("  ".join(f"{key}={value}" for key, value in best.items()))


def _export(options: argparse.Namespace) -> None:
    from trainer.ship import ship

    ship(
        options.run_folder,
        options.out,
        data=options.data or [],
        checkpoint=options.checkpoint,
        views=options.views,
        threshold=options.threshold,
        name=options.name,
        limits=options.limit,
    )


def _train(options: argparse.Namespace) -> None:
    from trainer.recipes import change_recipe, find_recipe
    from trainer.run import RunOptions, train
    from trainer.several import as_launched

    recipe = change_recipe(find_recipe(options.recipe), options.set)
    devices = int(options.devices) if str(options.devices).isdigit() else options.devices
    options.devices, options.nodes = as_launched(devices, options.nodes)
    run = RunOptions(
        out=options.out,
        data=tuple(options.data),
        split=options.split,
        devices=options.devices,
        nodes=options.nodes,
        accelerator=options.accelerator,
        threads=options.threads,
        events=options.events,
        weights=options.weights,
        command=_without_paths(options),
    )
    train(recipe, run)


def _without_paths(options: argparse.Namespace) -> str:
    """Give the command that a model's card keeps: all that decides the weights, no folder of this machine.

    The devices that a training really has it adds itself.
    """
    data = " ".join(shlex.quote(folder.resolve().name) for folder in options.data)
    settings = "".join(f" --set {shlex.quote(change)}" for change in options.set)
    more = f" --split {shlex.quote(options.split.name)}" if options.split is not None else ""
    command = f"python -m trainer train {options.recipe} --data {data} --out RUN{settings}{more}"
    if options.weights is None:
        return command
    from trainer.export import read_card

    return f"{read_card(options.weights).command}; then {command} --weights MODEL.onnx"


if __name__ == "__main__":
    if sys.argv[1:2] in (["train"], ["tune"], ["finetune"]) and "--plan" not in sys.argv:
        restart_with_fast_memory()
    sys.exit(main())
