"""How long the canvas takes to follow the slider and the brush, painted, in a 1920x1080 viewport."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import PIL.Image
from PySide6.QtCore import QEvent, QEventLoop, QObject, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from tests.bench.measure import Row, percentile, row, side_by_side, wanted
from vesselapp.core.evidence import HIGHEST, LOWEST
from vesselapp.core.image import Image, read_image
from vesselapp.core.pyramid import Pyramid, halve_pixels
from vesselapp.state.brush import Brush
from vesselapp.state.document import Document
from vesselapp.ui.canvas import Canvas
from vesselapp.ui.tools.brush import BrushTool

SIZES = {"1mp": (1000, 1000), "24mp": (4000, 6000), "100mp": (10000, 10000)}
MEMORY = """
from PySide6.QtWidgets import QApplication
from tests.bench.canvas import SIZES, open_canvas
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
small = open_canvas(200, 200)
before = resident()
canvas = open_canvas(*SIZES["100mp"])
small.close()
canvas.fit()
QApplication.processEvents()
print((resident() - before) / (SIZES["100mp"][0] * SIZES["100mp"][1]))
"""


def open_canvas(height: int, width: int) -> Canvas:
    """Show a noisy picture with a plausible probability on a canvas of 1920x1080."""
    QApplication.instance() or QApplication([])
    random = np.random.default_rng(0)
    coarse = random.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    pixels = np.ascontiguousarray(np.repeat(np.repeat(coarse, 8, 0), 8, 1)[:height, :width])
    document = Document(Image(pixels, None, "0" * 64), Pyramid(pixels, halve_pixels), 0.5)
    document.set_probability(np.clip(pixels[:, :, 1], LOWEST, HIGHEST))
    canvas = Canvas()
    canvas.resize(1920, 1080)
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    canvas.set_document(document)
    canvas.show()
    QApplication.processEvents()
    return canvas


class PaintCounter(QObject):
    """Counts the paints of a widget, so that no benchmark times a change that nobody saw."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self.paints = 0
        canvas.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.paints += event.type() == QEvent.Type.Paint
        return False


def painted_ms(counter: PaintCounter, change: Callable[[], object]) -> float:
    """Give the ms from a change to the end of its paint."""
    before = counter.paints
    begun = time.perf_counter()
    change()
    QApplication.processEvents()
    took = (time.perf_counter() - begun) * 1e3
    if counter.paints == before:
        raise RuntimeError("the change was not painted")
    return took


def sweep_threshold(canvas: Canvas) -> float:
    """Give the median ms a frame of a full slider sweep."""
    document = canvas.document
    assert document is not None
    document.set_level(HIGHEST)
    counter = PaintCounter(canvas)
    levels = range(LOWEST + 1, HIGHEST + 1)
    times = [painted_ms(counter, partial(document.set_level, level)) for level in levels]
    return statistics.median(times)


def send(canvas: Canvas, kind: QEvent.Type, x: float, y: float) -> None:
    """Send a left-button mouse event to the canvas."""
    at = QPointF(x, y)
    pressed = Qt.MouseButton.LeftButton
    held = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else pressed
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else pressed
    event = QMouseEvent(kind, at, canvas.mapToGlobal(at), button, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(canvas, event)


def sweep_brush(canvas: Canvas, radius: int) -> float:
    """Give the p95 ms of a pointer move with the brush pressed, at 1:1."""
    canvas.actual_size()
    canvas.set_diameter(min(2 * radius, 400))
    QApplication.processEvents()
    send(canvas, QEvent.Type.MouseButtonPress, 200, 200)
    counter, times = PaintCounter(canvas), []
    for step in range(200):
        x, y = 200 + 7.5 * step, 540 + 300 * np.sin(step / 9)
        times.append(painted_ms(counter, partial(send, canvas, QEvent.Type.MouseMove, x, y)))
    send(canvas, QEvent.Type.MouseButtonRelease, 1700, 540)
    if canvas.document is None or not canvas.document.corrections.any():
        raise RuntimeError("nothing was painted")
    return percentile(times, 0.95)


def sweep_view(canvas: Canvas) -> float:
    """Give the p95 ms a frame of panning at several zooms and of zooming through them."""
    counter, times = PaintCounter(canvas), []
    for zoom in (0.11, 0.3, 0.7, 1.0, 1.7, 6.0):
        canvas.show_view(canvas.view.centred_on(5000, 5000, canvas.pane_size(), zoom))
        QApplication.processEvents()
        times += [painted_ms(counter, partial(canvas.pan_by, 0.013, dy)) for dy in [0.02, -0.02] * 6]
    times += [painted_ms(counter, partial(canvas.zoom_by, factor)) for factor in [1.25] * 15 + [0.8] * 15]
    return percentile(times, 0.95)


def open_to_painted() -> float:
    """Give the seconds from asking for a 24 MP JPEG to its first paint, over decoding it alone."""
    from vesselapp.ui.app import make_window

    QApplication.instance() or QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.jpg"
        coarse = np.random.default_rng(0).integers(0, 255, (500, 750, 3), np.uint8)
        PIL.Image.fromarray(coarse).resize((6000, 4000), PIL.Image.Resampling.BICUBIC).save(file, quality=92)
        window = make_window(Path(folder) / "data", Path(folder) / "config")
        # The picture is painted before its model is asked; no answer of the one before is to be in the way.
        window.workspace.desk.asking.ask = lambda *_, **__: None  # type: ignore[method-assign]
        window.resize(1920, 1080)
        window.show()
        QApplication.processEvents()

        def opened() -> None:
            shown = window.workspace.document
            window.open_paths([file])
            # Waits as the app's own loop does: one that never sleeps takes the interpreter from the readers.
            while window.workspace.document is shown:
                QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            QApplication.processEvents()

        ratio = side_by_side(opened, lambda: read_image(file), rounds=7)
        window.workspace.jobs.close()
        window.close()
    return ratio


def bytes_of_a_stroke() -> float:
    """Give the MB that undo keeps of a diagonal stroke of radius 20 over 24 MP."""
    canvas = open_canvas(*SIZES["24mp"])
    document = canvas.document
    assert document is not None
    document.begin_stroke()
    for step in range(100):
        start, end = (60 * step, 40 * step), (60 * step + 60, 40 * step + 40)
        document.paint(start, end, 40, Brush.PAINT)
    document.end_stroke("Brush")
    size = document.history.size
    canvas.close()
    return size / 1e6


def resident_bytes_per_px() -> float:
    """Give the bytes of memory a px of an open 100 MP document takes, above an all but empty canvas."""
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def run(names: Sequence[str]) -> Iterator[Row]:
    """Measure what was asked for."""
    if wanted("threshold_drag", names):
        values = {name: measured(name, sweep_threshold) for name in ("1mp", "24mp")}
        yield row("threshold_drag_24mp_ms", values["24mp"], "ms", 16)
        yield row("threshold_drag_growth", values["24mp"] / values["1mp"], "ratio", 1.5)
    if wanted("brush", names):
        values = {name: measured(name, partial(sweep_brush, radius=100)) for name in ("1mp", "24mp")}
        yield row("brush_move_24mp_ms", values["24mp"], "ms", 8)
        yield row("brush_growth", values["24mp"] / values["1mp"], "ratio", 1.5)
        yield row("brush_move_100mp_ms", measured("100mp", partial(sweep_brush, radius=200)), "ms", 8)
    if wanted("pan_zoom_100mp_ms", names):
        yield row("pan_zoom_100mp_ms", measured("100mp", sweep_view), "ms", 16)
    if wanted("open_to_painted_24mp_ratio", names):
        yield row("open_to_painted_24mp_ratio", open_to_painted(), "ratio", 1.5)
    if wanted("undo_bytes_per_stroke_24mp", names):
        yield row("undo_bytes_per_stroke_24mp", bytes_of_a_stroke(), "MB", 0.1)
    if wanted("rss_bytes_per_px", names):
        yield row("rss_bytes_per_px", resident_bytes_per_px(), "bytes", 9)


def measured(name: str, sweep: Callable[[Canvas], float]) -> float:
    """Give what a sweep measures on a canvas of a named size."""
    canvas = open_canvas(*SIZES[name])
    value = sweep(canvas)
    canvas.close()
    return value
