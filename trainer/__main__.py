"""The command line: ``python -m trainer train|evaluate|compare|export|tune``."""

import argparse
import sys
from pathlib import Path

from vesselapp.core.errors import VesselError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a problem of the user's is one sentence and exit code 1."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except VesselError as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="train a recipe, or go on with a run that was stopped")
    train.add_argument("recipe", help="fundus-vessels or cells")
    train.add_argument("--data", type=Path, nargs="+", required=True, metavar="DIR")
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
    return parser


def _train(options: argparse.Namespace) -> None:
    from trainer.speed import restart_with_fast_memory

    restart_with_fast_memory()
    from trainer.fit import RunOptions, train
    from trainer.recipes import change_recipe, find_recipe

    recipe = change_recipe(find_recipe(options.recipe), options.set)
    devices = int(options.devices) if str(options.devices).isdigit() else options.devices
    run = RunOptions(
        out=options.out,
        data=tuple(options.data),
        split=options.split,
        devices=devices,
        nodes=options.nodes,
        accelerator=options.accelerator,
        threads=options.threads,
        events=options.events,
        weights=options.weights,
    )
    train(recipe, run)


if __name__ == "__main__":
    sys.exit(main())
