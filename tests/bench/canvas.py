"""How long the canvas takes to follow the slider and the brush, painted, in a 1920x1080 viewport."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from tests.bench.measure import Row, percentile, row, wanted
from vesselapp.core.evidence import HIGHEST, LOWEST
from vesselapp.core.image import Image
from vesselapp.core.pyramid import Pyramid, halve_pixels
from vesselapp.state.document import Document
from vesselapp.ui.canvas import Canvas

SIZES = {"1mp": (1000, 1000), "24mp": (4000, 6000)}


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
    return percentile(times, 0.95)


def run(names: Sequence[str]) -> Iterator[Row]:
    """Measure what was asked for."""
    if wanted("threshold_drag", names):
        values = {}
        for name, size in SIZES.items():
            canvas = open_canvas(*size)
            values[name] = sweep_threshold(canvas)
            canvas.close()
        yield row("threshold_drag_24mp_ms", values["24mp"], "ms", 16)
        yield row("threshold_drag_growth", values["24mp"] / values["1mp"], "ratio", 1.5)
    if wanted("brush", names):
        values = {}
        for name, size in SIZES.items():
            canvas = open_canvas(*size)
            values[name] = sweep_brush(canvas, 100)
            canvas.close()
        yield row("brush_move_24mp_ms", values["24mp"], "ms", 8)
        yield row("brush_growth", values["24mp"] / values["1mp"], "ratio", 1.5)
