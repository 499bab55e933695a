"""What keeping costs the window, how long going on takes, and how long a large study takes to be listed."""

import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from tests.bench.measure import Row, percentile, row, wanted
from tests.tiny_models import fundus_picture, tiny_vessel_model
from vesselapp.study.record import Record, State, record_bytes
from vesselapp.study.study import Study
from vesselapp.ui.app import make_window
from vesselapp.ui.window import MainWindow

HEIGHT, WIDTH = 3000, 4000
STROKES, BEFORE = 200, 300
PICTURES = 8
MANY = 5000


def open_study(folder: Path, home: Path) -> MainWindow:
    """Open a study in a window of 1600 x 1000, and wait for the first picture's mask."""
    QApplication.instance() or QApplication([])
    window = make_window(home / "data", home / "config")
    window.workspace.asking.choose(str(home / "tiny.onnx"))
    window.resize(1600, 1000)
    window.show()
    window.open_paths([folder])
    until(lambda: window.workspace.answer is not None)
    return window


def until(true: Callable[[], bool]) -> None:
    while not true():
        QApplication.processEvents()
        time.sleep(0.0005)


def close(window: MainWindow) -> None:
    window.close()
    window.workspace.jobs.close()
    QApplication.processEvents()


def make_study(folder: Path, count: int) -> Path:
    """Make a study of different pictures of 12 MP, with a model that answers at once."""
    pictures = folder / "pictures"
    pictures.mkdir()
    pixels = fundus_picture(HEIGHT, WIDTH, 2800)
    for number in range(count):
        PIL.Image.fromarray(np.roll(pixels, 7 * number, axis=1)).save(pictures / f"{number}.jpg", quality=90)
    Study.create(pictures, "Bench", model=str(tiny_vessel_model(folder / "tiny.onnx", tile=1024)))
    return pictures


def send(window: MainWindow, kind: QEvent.Type, at: QPointF, held: Qt.MouseButton) -> None:
    canvas = window.canvas
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else Qt.MouseButton.LeftButton
    none = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(canvas, QMouseEvent(kind, at, canvas.mapToGlobal(at), button, held, none))


def stroke_commit() -> float:
    """Give the ms (p95) that the GUI thread works from the button's release on, with what the keeper adds.

    Its own time, by the system's account, so that other programs on the computer don't count. Strokes of 100
    to 400 px of the screen at 100 %, on a picture of 12 MP with some hundred edits already.
    """
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        window = open_study(make_study(Path(folder), 1), Path(folder))
        keeper, canvas, spent = window.workspace.keeper, window.canvas, [0.0]
        tell = keeper._tell

        def timed() -> None:
            begun = time.thread_time()
            tell()
            spent[0] += time.thread_time() - begun

        keeper._tell = timed  # type: ignore[method-assign]
        canvas.actual_size()
        times: list[float] = []
        for number in range(BEFORE + STROKES):
            at = QPointF(*random.uniform((50, 50), (canvas.width() - 450, canvas.height() - 250)))
            step = QPointF(*random.uniform((10, 0), (40, 20)))
            send(window, QEvent.Type.MouseButtonPress, at, Qt.MouseButton.LeftButton)
            for place in range(1, 11):
                send(window, QEvent.Type.MouseMove, at + place * step, Qt.MouseButton.LeftButton)
            spent[0] = 0.0
            begun = time.thread_time()
            send(window, QEvent.Type.MouseButtonRelease, at + 10 * step, Qt.MouseButton.NoButton)
            released = time.thread_time() - begun
            pause = time.perf_counter() + (0.05 if number >= BEFORE else 0.0)
            while time.perf_counter() < pause:
                QApplication.processEvents()
            if number >= BEFORE:
                times.append(1e3 * (released + spent[0]))
        close(window)
    return percentile(times, 0.95)


def next_image() -> float:
    """Give the ms (median) from D to the next picture of 12 MP painted with its mask."""
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        window = open_study(make_study(Path(folder), PICTURES), Path(folder))
        workspace, painted = window.workspace, [False]
        paint = window.canvas.paintEvent

        def watched(event: object) -> None:
            paint(event)  # type: ignore[arg-type]
            document = window.canvas.document
            painted[0] |= (
                document is workspace.document and document is not None and (document.probability is not None)
            )

        window.canvas.paintEvent = watched  # type: ignore[method-assign, assignment]
        for _ in range(PICTURES - 1):
            ahead = workspace.desk.ahead
            until(lambda ahead=ahead: ahead._opened is not None and ahead._opened.found is not None)
            until(lambda: not workspace.desk.busy and workspace.answer is not None)
            painted[0] = False
            begun, before = time.perf_counter(), workspace.document
            window.action("next").trigger()
            while not painted[0] or workspace.document is before:
                QApplication.processEvents()
            times.append(1e3 * (time.perf_counter() - begun))
        close(window)
    return statistics.median(times)


def list_many() -> float:
    """Give the ms from opening a study of 5000 pictures, half of them reviewed, to all being listed so."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        pictures.mkdir()
        PIL.Image.fromarray(fundus_picture(300, 340)).save(pictures / "p0.png")
        for number in range(1, MANY):
            (pictures / f"p{number}.png").hardlink_to(pictures / "p0.png")
        study = Study.create(pictures, "Many", model=str(tiny_vessel_model(Path(folder) / "tiny.onnx")))
        sha256 = hashlib.sha256((pictures / "p0.png").read_bytes()).hexdigest()
        for picture in study.pictures()[-MANY // 2 :]:
            place = study.place(picture).folder
            place.mkdir(parents=True)
            record = Record(picture.name, sha256, 300, 340, picture.relative, state=State.REVIEWED)
            (place / "record.json").write_bytes(record_bytes(record))
        warm = pictures.parent / "warm"
        warm.mkdir()
        PIL.Image.fromarray(fundus_picture(300, 340)).save(warm / "p0.png")
        window = open_study(warm, Path(folder))
        begun = time.perf_counter()
        window.open_paths([pictures])
        listed = f"{MANY // 2} of {MANY} reviewed"
        until(lambda: window.pictures.model.rowCount() == MANY and window.pictures.count.text() == listed)
        took = 1e3 * (time.perf_counter() - begun)
        close(window)
    return took


def run(names: Sequence[str]) -> Iterator[Row]:
    """Measure what was asked for."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            os.environ[name] = folder
        if wanted("stroke_commit_ms", names):
            yield row("stroke_commit_ms", stroke_commit(), "ms", 2)
        if wanted("next_image_ms", names):
            yield row("next_image_ms", next_image(), "ms", 100)
        if wanted("list_5000_ms", names):
            yield row("list_5000_ms", list_many(), "ms", 1000)
