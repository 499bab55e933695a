"""Run the benchmarks: ``python -m tests.bench [NAME...]`` prints one JSON object a line.

A name picks the benchmarks whose name contains it. Exit status 1 when a target is missed.
"""

import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def main(names: list[str]) -> int:
    """Run the benchmarks asked for; all when none is named."""
    from tests.bench import canvas, inference, start

    missed = 0
    for group in (canvas, inference, start):
        for row in group.run(names):
            print(json.dumps(row), flush=True)
            missed += not row["ok"]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
