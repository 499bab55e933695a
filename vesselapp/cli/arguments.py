"""What can be typed: subcommands and options, with their help."""

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vesselapp import __version__
from vesselapp.cli.study_arguments import study_parser

SAMPLE_NAMES = ("fundus", "tissue")
KINDS = ("mask", "overlay", "probability", "objects")

_COMMANDS_HELP = """\
commands (each has its own --help):
  predict PATH... --out DIR   masks of pictures, without a window
  study new|info|verify|export|import|moved|model
                              folders of pictures, with what was corrected
  models list|show|check|import|remove|use
                              the models that can be chosen
  doctor                      what is installed and what works
"""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse arguments; the result's ``run(options)`` does the work.

    Raises
    ------
    SystemExit
        After help or the version (0) and for wrong usage (2), as argparse does.
    """
    makers = {
        "predict": _predict_parser,
        "study": study_parser,
        "models": _models_parser,
        "doctor": _doctor_parser,
    }
    if argv and argv[0] in makers:
        return makers[argv[0]]().parse_args(argv[1:])
    parser = _window_parser()
    options = parser.parse_args(argv)
    if options.sample and options.paths:
        parser.error("give pictures or --sample, not both")
    return options


def _window_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vesselapp",
        description="Open pictures in the window.",
        epilog=_COMMANDS_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", metavar="PATH", type=Path, nargs="*", help="picture, or folder of pictures")
    parser.add_argument("--sample", choices=SAMPLE_NAMES, help="open a picture that comes with the app")
    parser.add_argument("--version", action="version", version=f"vesselapp {__version__}")

    def run(options: argparse.Namespace) -> int:
        from vesselapp.cli.window import open_window

        return open_window(options.paths, options.sample)

    parser.set_defaults(run=run)
    return parser


def _predict_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vesselapp predict",
        description="Write the masks of pictures, several at once, and a manifest.csv that lists them. "
        "A folder is taken whole, with its subfolders; links to folders, and what studies keep and export in "
        "it, are passed over unless they are given themselves.",
        epilog="Exit status: 0 all done, 1 some failed (each is named, the others are done), 2 wrong usage.",
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="picture, or folder of pictures")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for the results")
    parser.add_argument("--model", metavar="NAME|FILE", help="model, if not the one for vessels")
    parser.add_argument(
        "--threshold", metavar="T", type=_share, help="probability from which on a pixel counts (0-1)"
    )
    parser.add_argument(
        "--save",
        metavar="KINDS",
        type=_kinds,
        default=("mask", "overlay"),
        help=f"what to write, of {','.join(KINDS)} (default: mask,overlay); objects: numbers of single cells",
    )
    parser.add_argument(
        "--provider", default="auto", help="auto (default), cpu, cuda, ...: what is to compute"
    )
    parser.add_argument(
        "--flips", action="store_true", help="let the model see each picture mirrored too: better, 4x slower"
    )
    parser.add_argument(
        "--cell-size",
        metavar="PX",
        type=_pixels,
        help="typical diameter of the cells in pixels (default: found in each picture)",
    )
    parser.add_argument("--resume", action="store_true", help="keep what an earlier run into DIR has done")
    parser.add_argument(
        "--workers", metavar="N", type=_count, help="pictures in work at once (default: by the cores)"
    )
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="work on a Dask cluster: tcp://scheduler:8786, or local:N processes"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a picture on stdout")

    def run(options: argparse.Namespace) -> int:
        if options.dask is not None and options.workers is not None:
            parser.error("--workers is for this machine; a cluster has its own")
        from vesselapp.cli.predict import predict_pictures
        from vesselapp.inference.providers import PROVIDER_NAMES

        if options.provider not in ("auto", *PROVIDER_NAMES):
            parser.error(f"--provider must be one of auto, {', '.join(PROVIDER_NAMES)}")
        return predict_pictures(options)

    parser.set_defaults(run=run)
    return parser


def _models_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vesselapp models", description="The models that can be chosen.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    listing = _models_command(commands, "list", "list_all", "list all models", json=True)
    listing.add_argument("--study", metavar="DIR", type=Path, help="that study's own models instead")
    using = _models_command(commands, "use", "use", "take one of a study's models into use")
    using.add_argument("number", metavar="N", type=int, help="its number; 0: the one it began with")
    using.add_argument(
        "--study", metavar="DIR", type=Path, default=Path(), help="default: the folder you are in"
    )
    _models_command(commands, "show", "show", "show a model's card", json=True, model=True)
    _models_command(commands, "check", "check", "try a model on each provider", json=True, model=True)
    add = _models_command(commands, "import", "add", "copy a model to your own, once it runs")
    add.add_argument("file", metavar="FILE", help="ONNX file")
    add.add_argument("--name", help="what to call it (default: the file's name)")
    _models_command(commands, "remove", "remove", "delete one of your own models", model=True)
    return parser


def _models_command(
    commands: Any, name: str, function: str, text: str, *, json: bool = False, model: bool = False
) -> argparse.ArgumentParser:
    """Add a command that calls a function of `vesselapp.cli.models`, which is imported only then."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    if model:
        parser.add_argument("model", metavar="NAME|FILE", help="a model of the list, or a file")
    if json:
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(options: argparse.Namespace) -> int:
        from vesselapp.cli import models

        status: int = getattr(models, function)(options)
        return status

    parser.set_defaults(run=run)
    return parser


def _doctor_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vesselapp doctor",
        description="Show versions, what computes, models, folders, and whether a window can open.",
        epilog="Exit status: 0 when pictures can be worked on, 1 when no model runs.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")

    def run(options: argparse.Namespace) -> int:
        from vesselapp.cli.doctor import examine

        return examine(as_json=options.json)

    parser.set_defaults(run=run)
    return parser


def _share(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0.0 <= (value := float(text)) <= 1.0:
            return value
    raise argparse.ArgumentTypeError(f"must be a number between 0 and 1, not '{text}'")


def _pixels(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0.0 < (value := float(text)) < float("inf"):
            return value
    raise argparse.ArgumentTypeError(f"must be a number of pixels above 0, not '{text}'")


def _count(text: str) -> int:
    with contextlib.suppress(ValueError):
        if (value := int(text)) >= 1:
            return value
    raise argparse.ArgumentTypeError(f"must be a whole number of 1 or more, not '{text}'")


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(kind.strip() for kind in text.split(",") if kind.strip()))
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise argparse.ArgumentTypeError(f"give one or more of {','.join(KINDS)}")
    return kinds
