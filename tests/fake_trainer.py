"""A trainer that trains nothing: it writes a run's files at speed, and heeds wishes, for tests of the window.

Run as ``python fake_trainer.py finetune STUDY --run DIR [--set KEY=VALUE]``. Settings: ``steps``,
``pause_s`` (between steps), ``verdict`` (better, worse, same, none), ``die`` and ``fail`` (the step at which
it does at first; 0: before it has a plan), ``torn`` (1: every event is written in two halves).
"""

import hashlib
import json
import os
import shutil
import socket
import sys
import time
from pathlib import Path

from vesselapp.study.process import boot_id

SENTENCES = {
    "better": "Better on the new pictures, and no worse on the old ones.",
    "same": "No clear difference on the new pictures.",
    "worse": "Worse on the old pictures.",
    "none": "The judging was stopped.",
}
_PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000200000002080000000057dd52f80000000c49444154789c6360"
    "f80f8400060001ff93d1e4890000000049454e44ae426082"
)


def main(words: list[str]) -> int:
    study = Path(words[1])
    settings = dict(word.split("=", 1) for word in words if "=" in word and not word.startswith("-"))
    if "--plan" in words:
        return say_plan(settings)
    run = Path(words[words.index("--run") + 1])
    process = {"pid": os.getpid(), "host": socket.gethostname(), "boot": boot_id()}
    (run / "process.json").write_text(json.dumps(process))
    (run / "heartbeat").touch()
    print("fake trainer at work on α-SMA", flush=True)
    return train(study, run, settings, Events(run, torn="torn" in settings))


class Events:
    def __init__(self, run: Path, *, torn: bool) -> None:
        self.file, self.torn = run / "events.jsonl", torn

    def emit(self, event: str, **values: object) -> None:
        line = json.dumps({"event": event, "time": time.time(), **values}).encode() + b"\n"
        with self.file.open("ab", buffering=0) as file:
            if self.torn:
                half = len(line) // 2
                file.write(line[:half])
                time.sleep(0.01)
                line = line[half:]
            file.write(line)


def plan(settings: dict[str, str]) -> dict[str, object]:
    return {
        "steps": int(settings.get("steps", 20)),
        "expected_s": 90.0,
        "device": "CPU, 2 cores",
        "base": "fundus-vessels",
        "incumbent": "model 1",
        "learn": ["a.png", "b.png"],
        "judge": ["c.png"],
        "warnings": ["Only 3 pictures are reviewed."],
    }


def say_plan(settings: dict[str, str]) -> int:
    if "refuse" in settings:
        print(json.dumps({"event": "failed", "time": 0, "message": "No picture is reviewed yet."}))
        return 1
    print("a library's greeting")
    print(json.dumps({"event": "plan", "time": 0, **plan(settings)}))
    return 0


def train(study: Path, run: Path, settings: dict[str, str], events: Events) -> int:
    steps, pause_s = int(settings.get("steps", 20)), float(settings.get("pause_s", 0.01))
    if settings.get("fail") == "0":
        events.emit("failed", message="Nothing is reviewed.")
        return 1
    (run / "config.json").write_text("{}")
    events.emit("plan", **plan(settings))
    events.emit("stage", name="training")
    began = last_step(run)
    for step in range(began + 1, steps + 1):
        word = heed(run, events)
        if word == "cancel":
            events.emit("stopped")
            return 0
        if word == "stop":
            events.emit("stopping", step=step)
            break
        if step == int(settings.get("die", -1)) and not began:
            print("Killed by the test", flush=True)
            with events.file.open("ab") as file:
                file.write(b'{"event": "step", "st')
            os._exit(9)
        if step == int(settings.get("fail", -1)) and not began:
            events.emit("failed", message="The disk is full.")
            return 1
        events.emit("step", step=step, steps=steps, loss=1 / step, eta_s=(steps - step) * pause_s)
        if step % 5 == 0:
            show(run, events, step)
        time.sleep(pause_s)
    judge(study, run, settings, events)
    return 0


def last_step(run: Path) -> int:
    """Give the step that an earlier process on this folder came to."""
    from vesselapp.study.run_events import EventTail

    return max((event.get("step", 0) for event in EventTail(run / "events.jsonl").read()), default=0)


def heed(run: Path, events: Events) -> str:
    """Give the wish to stop or cancel, after a pause where one is wished."""
    told = False
    while True:
        (run / "heartbeat").touch()
        try:
            word = (run / "wish").read_text()
        except OSError:
            word = "go"
        if word != "pause":
            if told:
                events.emit("resumed")
            return word
        if not told:
            events.emit("paused")
            told = True
        time.sleep(0.01)


def show(run: Path, events: Events, step: int) -> None:
    (run / "examples").mkdir(exist_ok=True)
    name = f"examples/{step:05d}.png"
    (run / name).write_bytes(_PICTURE)
    figures = {"dice": 0.9 + step / 1000, "old": 0.95, "learn": 0.92 + step / 1000}
    before = {"dice_before": 0.9, "old_before": 0.95, "learn_before": 0.91}
    events.emit("validation", step=step, **figures, **before)
    events.emit("example", step=step, picture="c.png", file=name)


def judge(study: Path, run: Path, settings: dict[str, str], events: Events) -> None:
    events.emit("stage", name="judging")
    events.emit("threshold", before=0.5, after=0.45)
    word = settings.get("verdict", "better")
    gain = {"better": 0.03, "same": 0.0, "worse": -0.04, "none": 0.0}[word]
    shutil.copyfile(study / "candidate-for-tests.onnx", run / "candidate.onnx")
    rows = [
        ("new", "judge pictures", 1, 0.9, 0.9 + gain, gain, gain - 0.01, gain + 0.01, "Dice"),
        ("old", "old pictures", 2, 0.95, 0.949, -0.001, -0.003, 0.001, "Dice"),
        ("old", "other pictures", 2, 1.0, 0.998, -0.002, -0.004, 0.0, "agreement"),
    ]
    names = ("ground", "set", "pictures", "incumbent", "candidate", "difference", "low", "high", "measure")
    verdict = {
        "verdict": {"same": "no clear difference", "none": "not judged"}.get(word, word),
        "sentence": SENTENCES[word],
        "offered": word == "better",
        "table": [dict(zip(names, row, strict=True)) for row in rows if word != "none"],
        "pictures": [
            {"name": name, "side": side, "incumbent": 0.9, "candidate": 0.9 + gain}
            for name, side in (("a.png", "learn"), ("b.png", "learn"), ("c.png", "judge"))
        ],
        "threshold": {"before": 0.5, "after": 0.45},
        "parity": 1e-5,
        "candidate": "candidate.onnx",
        "candidate_sha256": hashlib.sha256((run / "candidate.onnx").read_bytes()).hexdigest(),
        "incumbent_sha256": settings.get("incumbent", ""),
        "seconds": 1.5,
        "overruled": None,
    }
    (run / "verdict.json").write_text(json.dumps(verdict))
    events.emit("verdict", file="verdict.json")
    events.emit("done")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
