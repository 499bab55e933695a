"""How long from the start of the process to the picture on screen, against a bare script that shows it."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import PIL.Image

from tests.bench.measure import Row, row, wanted
from tests.tiny_models import fundus_picture

# Both say on stdout that the picture has been painted; the clock is outside.
BARE = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication, QWidget
class Shown(QWidget):
    def paintEvent(self, event):
        painter = QPainter(self)
        painter.drawImage(self.rect(), image)
        painter.end()
        print("painted", flush=True)
        QTimer.singleShot(0, app.quit)
app = QApplication([])
image = QImage(sys.argv[1])
shown = Shown()
shown.resize(1280, 800)
shown.show()
app.exec()
"""
OURS = """
import sys, threading, time
from vesselapp.cli import main
def watch():
    while not hasattr(sys.modules.get("vesselapp.ui.canvas"), "Canvas"):
        time.sleep(0.002)
    canvas = sys.modules["vesselapp.ui.canvas"].Canvas
    paint = canvas.paintEvent
    def watched(self, event):
        paint(self, event)
        if self.document is not None:
            print("painted", flush=True)
    canvas.paintEvent = watched
threading.Thread(target=watch, daemon=True).start()
main([sys.argv[1]])
"""


def painted_after(script: str, picture: Path) -> float:
    """Give the seconds from the start of a process to its first paint of the picture."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(picture)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "painted":
            took = time.perf_counter() - begun
            process.kill()
            process.wait()
            return took
    raise RuntimeError("the picture was never painted")


def run(names: Sequence[str]) -> Iterator[Row]:
    """Measure what was asked for."""
    if not wanted("cold_start_ratio", names):
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            os.environ[name] = folder
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed app is compiled once
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "compiled")
        picture = Path(folder) / "picture.jpg"
        PIL.Image.fromarray(fundus_picture(2336, 3504, 3264)).save(picture, quality=90)
        painted_after(OURS, picture), painted_after(BARE, picture)
        ratios = [painted_after(OURS, picture) / painted_after(BARE, picture) for _ in range(7)]
    yield row("cold_start_ratio", statistics.median(ratios), "ratio", 2.0)
