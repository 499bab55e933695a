"""What can be typed after ``vesselapp study``."""

import argparse
from pathlib import Path
from typing import Any


def study_parser() -> argparse.ArgumentParser:
    """Make the parser; its result's ``run(options)`` does the work."""
    parser = argparse.ArgumentParser(
        prog="vesselapp study",
        description="Studies: folders of pictures, with what was corrected in them.",
        epilog="Exit status: 0 all done, 1 something failed or was found, 2 wrong usage.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    new = _command(commands, "new", "new", "make a study of a folder of pictures")
    new.add_argument(
        "--pictures",
        metavar="DIR",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        help="folders of pictures (default: the study's own folder)",
    )
    new.add_argument("--name", default="", help="what to call it (default: the folder's name)")
    new.add_argument("--model", metavar="NAME|FILE", default="", help="model, if not the one for vessels")
    info = _command(commands, "info", "info", "show what a study holds and how far it has come")
    info.add_argument("--json", action="store_true", help="print one JSON object")
    verify = _command(commands, "verify", "verify", "find what was changed, removed or added from outside")
    verify.add_argument("--json", action="store_true", help="print one JSON object a finding")
    _add_export(commands)
    _add_import(commands)
    model = _command(commands, "model", "model", "say which model a study begins with")
    model.add_argument("model", metavar="NAME|FILE", help="a model of the list, or a file")
    moved = _command(commands, "moved", "moved", "say where pictures that were moved are now")
    moved.add_argument("--pictures", metavar="DIR", type=Path, required=True, help="where they are now")
    moved.add_argument(
        "--were-in", metavar="DIR", type=Path, help="where they were, if several folders are missing"
    )
    return parser


def _add_export(commands: Any) -> None:
    export = _command(commands, "export", "export", "write pictures and masks for other programs")
    export.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="new or empty folder, or one with an earlier export, which is replaced "
        "(default: a new one in the study's exports)",
    )
    export.add_argument(
        "--format",
        choices=("folder", "coco"),
        default="folder",
        help="images/ and masks/ (default), or images/ and annotations.json with run lengths",
    )
    export.add_argument("--all", action="store_true", help="pictures that aren't reviewed too")
    export.add_argument(
        "--model", metavar="NAME|FILE", default="", help="what answers where no answer is kept"
    )
    shape = export.add_mutually_exclusive_group()
    shape.add_argument(
        "--objects", action="store_const", const=True, dest="objects", help="COCO: one annotation an object"
    )
    shape.add_argument(
        "--whole", action="store_const", const=False, dest="objects", help="COCO: one annotation a picture"
    )
    shape.add_argument(
        "--parted",
        action="store_true",
        help="COCO: touching cells apart, as the model (not a person) sees them",
    )
    export.add_argument("--json", action="store_true", help="print one JSON object")


def _add_import(commands: Any) -> None:
    taking = _command(commands, "import", "take", "take masks made elsewhere, as corrections")
    taking.add_argument(
        "masks", metavar="MASKS", type=Path, help="folder of masks that are called like their pictures"
    )
    taking.add_argument("--reviewed", action="store_true", help="count the pictures as reviewed")
    taking.add_argument(
        "--replace",
        action="store_true",
        help="also where a picture has corrections, a review or a flag already (can be undone)",
    )
    taking.add_argument("--json", action="store_true", help="print one JSON object")


def _command(commands: Any, name: str, function: str, text: str) -> argparse.ArgumentParser:
    """Add a command that calls a function of `vesselapp.cli.study`, which is imported only then."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("study", metavar="STUDY", type=Path, help="the study's folder")

    def run(options: argparse.Namespace) -> int:
        from vesselapp.cli import study

        status: int = getattr(study, function)(options)
        return status

    parser.set_defaults(run=run)
    return parser
