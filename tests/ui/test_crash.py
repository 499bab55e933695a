"""The real app, killed in the midst of painting, opens with every stroke that was on the disk."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_models import tiny_vessel_model
from vesselapp.study.study import Study

ROOT = Path(__file__).parents[2]

# Paints, undoes and zooms in the real window as fast as it can; says how many operations are on the disk.
PAINTER = """
import sys, threading, time
from pathlib import Path
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication
from vesselapp.ui.app import make_window
app = QApplication([])
study, home = Path(sys.argv[1]), Path(sys.argv[2])
window = make_window(home / "data", home / "config")
window.resize(900, 700)
window.show()
window.open_paths([study])
canvas, turn = window.canvas, [0]
def mouse(kind, at, buttons):
    place = QPointF(canvas.place_of(*at))
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else Qt.MouseButton.LeftButton
    none = Qt.KeyboardModifier.NoModifier
    event = QMouseEvent(kind, place, canvas.mapToGlobal(place), button, buttons, none)
    QApplication.sendEvent(canvas, event)
def step():
    document = window.workspace.document
    if document is None or document.locked:
        return
    if turn[0] == 0:
        print("ready", len(document.history.names[0]), len(document.history.names[1]), flush=True)
    turn[0] += 1
    held = Qt.MouseButton.LeftButton
    x, y = 20 + 13 * turn[0] % 270, 20 + 29 * turn[0] % 250
    mouse(QEvent.Type.MouseButtonPress, (x, y), held)
    for n in range(5):
        mouse(QEvent.Type.MouseMove, (x + 5 * n, y + 3 * n), held)
    mouse(QEvent.Type.MouseButtonRelease, (x + 25, y + 15), Qt.MouseButton.NoButton)
    if turn[0] % 5 == 0:
        document.undo()
    if turn[0] % 7 == 0:
        canvas.zoom_by(1.05)
def watch():
    told = None
    while True:
        sitting = window.workspace.sitting
        if sitting is not None:
            now = sitting.unsaved().number
            if now != told:
                told = now
                print("saved", now, flush=True)
        time.sleep(0.002)
threading.Thread(target=watch, daemon=True).start()
timer = QTimer()
timer.timeout.connect(step)
timer.start(5)
app.exec()
"""
KILLS = 4


@pytest.fixture
def study(pictures: Path, tmp_path: Path) -> Study:
    return Study.create(pictures, "Crash", model=str(tiny_vessel_model(tmp_path / "tiny.onnx")))


def run_and_kill(study: Study, home: Path, after: int) -> tuple[list[str], int]:
    """Let the app paint until so many more operations are on the disk, then kill it; give its last word."""
    ready: list[str] = []
    first, last = None, 0
    with subprocess.Popen(
        [sys.executable, "-c", PAINTER, str(study.folder), str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        for line in child.stdout:
            words = line.split()
            if words[0] == "ready":
                ready = words[1:]
            elif words[0] == "saved" and line.endswith("\n"):
                last = int(words[1])
                first = last if first is None else first
                if ready and last - first >= after:
                    child.kill()  # and read on: what it said before it was gone
        error = child.stderr.read()
    assert child.returncode == -signal.SIGKILL, error
    return ready, last


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="about POSIX")
def test_a_killed_app_opens_with_every_stroke(study: Study, tmp_path: Path) -> None:
    place = study.place(study.pictures()[0])
    chance = random.Random(4)
    before: tuple[int, int] = (0, 0)
    rescued = False
    for _ in range(KILLS):
        ready, last = run_and_kill(study, tmp_path, chance.randint(3, 40))
        opened = tuple(map(int, ready))
        # It opened with what was there, undo history and all, and what the drive had been too slow for.
        assert sum(opened) >= sum(before) if rescued else opened == before
        rescued = any((tmp_path / "data" / "rescue").glob("*"))
        record = place.record()
        assert record is not None
        kept = place.load(record.sha256, 300, 320)
        assert kept is not None
        assert not kept.notes
        assert kept.number >= last
        before = len(kept.done), len(kept.undone)
        painted = np.zeros_like(kept.corrections)
        for edit in kept.done:
            edit.apply(painted)
        assert np.array_equal(painted, kept.corrections)
    assert sum(before) > KILLS
