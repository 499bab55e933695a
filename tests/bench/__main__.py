"""Run the benchmarks: ``python -m tests.bench [NAME...]`` prints one JSON object a line.

A name picks the benchmarks whose name contains it. Exit status 1 when a target is missed.
"""

import importlib
import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

GROUPS = ("canvas", "start", "tools", "inference", "learn_here", "study", "training", "effort")


def main(names: list[str]) -> int:
    """Run the benchmarks asked for; all when none is named."""
    missed = 0
    for group in GROUPS:
        for row in importlib.import_module(f"tests.bench.{group}").run(names):
            print(json.dumps(row), flush=True)
            missed += not row["ok"]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
