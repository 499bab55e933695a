"""``python -m tests.soak --kills N``: kill a process at work N times; prints a line, status 1 on any loss."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.soak.killing import Killing


def main() -> int:
    """Run as many kills as are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--folder", type=Path, help="where the study is made (default: a temporary folder)")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="vesselapp-soak-") as folder:
        killing = Killing(Path(folder), options.seed)
        while killing.outcome.kills < options.kills:
            killing.kill_once()
    outcome = killing.outcome
    for sentence in outcome.broken:
        print(sentence, file=sys.stderr)
    summary = {
        "kills": outcome.kills,
        "steps_acknowledged": outcome.acknowledged,
        "lost": outcome.lost,
        "broken": len(outcome.broken),
        "seed": options.seed,
        "seconds": round(time.monotonic() - began, 1),
        "ok": outcome.ok,
    }
    print(json.dumps(summary))
    return 0 if outcome.ok else 1


if __name__ == "__main__":
    sys.exit(main())
