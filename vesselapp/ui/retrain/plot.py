"""A small plot of curves over training steps, drawn by hand: no plotting library is needed for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPainterPath, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

Point = tuple[float, float]
# Okabe and Ito's colours, told apart with any colour vision; each has a dash of its own as well.
_ON_DARK = (QColor(86, 180, 233), QColor(230, 159, 0), QColor(150, 200, 120))
_ON_LIGHT = (QColor(0, 114, 178), QColor(190, 90, 0), QColor(0, 120, 85))
_DASHES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)


@dataclass(frozen=True)
class Curve:
    """Points (step, value) with a name.

    Attributes
    ----------
    name : str
    points : sequence of (float, float)
    tone : int
        Colour and dash, 0-2.
    before : sequence of (float, float)
        Where the incumbent stands on the same pictures, which may be others further on: a thin line.
    faint : sequence of (float, float)
        Drawn thinly behind: the same before it was smoothed.
    """

    name: str
    points: Sequence[Point]
    tone: int = 0
    before: Sequence[Point] = ()
    faint: Sequence[Point] = ()


class Plot(QWidget):
    """Draws curves with axes and a legend; says them in words to who can't see them.

    Parameters
    ----------
    title : str
    from_zero : bool
        Whether the upright axis begins at zero.
    """

    def __init__(self, title: str, *, from_zero: bool = False) -> None:
        super().__init__()
        self._title, self._from_zero = title, from_zero
        self._curves: Sequence[Curve] = ()
        self._most_steps = 0
        self._breaks: Sequence[float] = ()
        self.setAccessibleName(title)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(220, 130)

    def sizeHint(self) -> QSize:
        """Prefer a wide shape."""
        return QSize(420, 220)

    def show_curves(self, curves: Sequence[Curve], most_steps: int, breaks: Sequence[float] = ()) -> None:
        """Draw other curves; the level axis reaches to ``most_steps`` at least.

        After each of the steps in ``breaks`` another training begins: there the curves are parted.
        """
        self._curves, self._most_steps, self._breaks = curves, most_steps, breaks
        self.setAccessibleDescription(self.in_words())
        self.update()

    def in_words(self) -> str:
        """Say what the curves show."""
        told = []
        for curve in self._curves:
            if curve.points:
                step, value = curve.points[-1]
                words = f"{curve.name} {value:.3f} at step {step:.0f}"
                told.append(words + (f", before {curve.before[-1][1]:.3f}" if curve.before else ""))
        return ("; ".join(told) or "nothing yet") + "."

    # -- painting ----------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw axes, curves and legend."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), self.palette().color(QPalette.ColorRole.Base))
        if self.hasFocus():
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 1))
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        self._paint_legend(painter)
        field, (low, high) = self._field(), self._range()
        self._paint_axes(painter, field, low, high)
        self._paint_breaks(painter, field)
        painter.setClipRect(field.adjusted(-3, -3, 3, 3))
        for curve in self._curves:
            self._paint_curve(painter, field, low, high, curve)
        if not any(curve.points for curve in self._curves):
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(field, Qt.AlignmentFlag.AlignCenter, "nothing yet")
        painter.end()

    def _field(self) -> QRectF:
        """Give where the curves are drawn."""
        metrics = self.fontMetrics()
        left = metrics.horizontalAdvance("0.0000") + 12
        rows = 1 + max((row for row, _x in self._legend_places()), default=0)
        top = metrics.height() * (1 + rows) + 20
        return QRectF(left, top, self.width() - left - 14, self.height() - top - metrics.height() - 12)

    def _range(self) -> tuple[float, float]:
        """Give the lowest and the highest value to show."""
        values = [
            value for curve in self._curves for _, value in (*curve.points, *curve.faint, *curve.before)
        ]
        if not values:
            return 0.0, 1.0
        low, high = (0.0 if self._from_zero else min(values)), max(values)
        room = max((high - low) * 0.08, 0.005)
        return (low if self._from_zero else low - room), high + room

    def _last_step(self) -> float:
        return max([self._most_steps, 1, *(curve.points[-1][0] for curve in self._curves if curve.points)])

    def _place(self, field: QRectF, low: float, high: float, point: Point) -> QPointF:
        share = point[0] / self._last_step()
        return QPointF(
            field.left() + share * field.width(),
            field.bottom() - (point[1] - low) / (high - low) * field.height(),
        )

    def _paint_axes(self, painter: QPainter, field: QRectF, low: float, high: float) -> None:
        quiet = self.palette().color(QPalette.ColorRole.PlaceholderText)
        line = QColor(quiet)
        line.setAlpha(60)
        metrics = self.fontMetrics()
        height = metrics.height()
        marks = ticks(low, high, max(2, int(field.height() / (2.2 * height))))
        places = decimals(marks)
        for value in marks:
            y = self._place(field, low, high, (0, value)).y()
            painter.fillRect(QRectF(field.left(), y, field.width(), 1), line)
            painter.setPen(quiet)
            where = QRectF(0, y - height / 2, field.left() - 6, height)
            painter.drawText(
                where, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{value:.{places}f}"
            )
        most = min(max(2, int(field.width() / 80)), int(self._last_step()))  # steps are whole
        for step in ticks(0, self._last_step(), most):
            x = self._place(field, low, high, (step, low)).x()
            painter.setPen(quiet)
            words = f"step {step:.0f}" if step == 0 else f"{step:.0f}"
            wide = metrics.horizontalAdvance(words)
            left = x if step == 0 else min(x - wide / 2, self.width() - wide - 2)
            painter.drawText(QPointF(left, field.bottom() + 4 + metrics.ascent()), words)
        painter.fillRect(QRectF(field.left(), field.bottom(), field.width(), 1), quiet)

    def _paint_breaks(self, painter: QPainter, field: QRectF) -> None:
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.PlaceholderText), 1, Qt.PenStyle.DotLine))
        for step in self._breaks:
            x = field.left() + step / self._last_step() * field.width()
            painter.drawLine(QPointF(x, field.top()), QPointF(x, field.bottom()))

    def _paint_legend(self, painter: QPainter) -> None:
        metrics = self.fontMetrics()
        font = painter.font()
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(self.palette().color(QPalette.ColorRole.Text))
        painter.drawText(QPointF(10, 6 + metrics.ascent()), self._title)
        font.setBold(False)
        painter.setFont(font)
        if any(curve.before for curve in self._curves):
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            where = QRectF(0, 6, self.width() - 14, metrics.height())
            painter.drawText(where, Qt.AlignmentFlag.AlignRight, "thin: the incumbent")
        for curve, (row, x) in zip(self._curves, self._legend_places(), strict=True):
            y = 10.0 + metrics.height() * (1 + row)
            painter.setPen(self._pen(curve))
            painter.drawLine(QPointF(x, y + metrics.height() / 2), QPointF(x + 22, y + metrics.height() / 2))
            painter.setPen(self.palette().color(QPalette.ColorRole.Text))
            painter.drawText(QPointF(x + 28, y + metrics.ascent()), curve.name)

    def _legend_places(self) -> list[tuple[int, float]]:
        """Give row and left edge of each curve's name; a name that finds no room begins a new row."""
        places, row, x = [], 0, 10.0
        for curve in self._curves:
            width = 28 + self.fontMetrics().horizontalAdvance(curve.name)
            if x > 10 and x + width > self.width() - 6:
                row, x = row + 1, 10.0
            places.append((row, x))
            x += width + 16
        return places

    def _pen(self, curve: Curve) -> QPen:
        dark = self.palette().color(QPalette.ColorRole.Base).lightness() < 128
        pen = QPen((_ON_DARK if dark else _ON_LIGHT)[curve.tone], 2)
        pen.setStyle(_DASHES[curve.tone])
        return pen

    def _paint_curve(self, painter: QPainter, field: QRectF, low: float, high: float, curve: Curve) -> None:
        def drawn(points: Sequence[Point], *, stairs: bool = False) -> QPainterPath:
            path = QPainterPath()
            for part in parts_of(points, self._breaks):
                first, *rest = _as_stairs(part) if stairs else part
                path.moveTo(self._place(field, low, high, first))
                for point in rest:
                    path.lineTo(self._place(field, low, high, point))
            return path

        pen = self._pen(curve)
        if curve.faint:
            faint = QColor(pen.color())
            faint.setAlpha(70)
            painter.setPen(QPen(faint, 1))
            painter.drawPath(drawn(curve.faint))
        if curve.before:
            painter.setPen(QPen(pen.color(), 1))
            painter.drawPath(drawn(curve.before, stairs=True))
        painter.setPen(pen)
        painter.drawPath(drawn(curve.points))
        painter.setBrush(pen.color())
        for part in parts_of(curve.points, self._breaks):
            if len(part) == 1:
                painter.drawEllipse(self._place(field, low, high, part[0]), 2.5, 2.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def event(self, event: QEvent) -> bool:
        """Tell the values at the pointer's step."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            field = self._field()
            step = (event.pos().x() - field.left()) / max(1.0, field.width()) * self._last_step()
            near = [(c.name, min(c.points, key=lambda p: abs(p[0] - step))) for c in self._curves if c.points]
            told = "\n".join(f"{name}: {value:.4f} (step {at:.0f})" for name, (at, value) in near)
            QToolTip.showText(event.globalPos(), told, self)
            return True
        return super().event(event)


def parts_of(points: Sequence[Point], breaks: Sequence[float]) -> list[list[Point]]:
    """Part points (by step) after each of the steps in ``breaks``; parts without any are left out."""
    ends = [-math.inf, *breaks, math.inf]
    parts = [[one for one in points if low < one[0] <= high] for low, high in pairwise(ends)]
    return [part for part in parts if part]


def _as_stairs(points: Sequence[Point]) -> list[Point]:
    """Let each value hold from the step of the one before it, the first as long as the next one does."""
    start = max(0.0, 2 * points[0][0] - points[1][0]) if len(points) > 1 else points[0][0]
    out: list[Point] = []
    for step, value in points:
        out += [(out[-1][0] if out else start, value), (step, value)]
    return out


def ticks(low: float, high: float, most: int) -> list[float]:
    """Give round values between two bounds, at most about so many of them."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return []
    unit = 10.0 ** math.floor(math.log10(span / most))
    step = next(unit * times for times in (1, 2, 5, 10, 20) if span / (unit * times) <= most)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def decimals(values: Sequence[float]) -> int:
    """Give how many decimals tell round values apart."""
    if len(values) < 2:
        return 2
    return max(0, -math.floor(math.log10(values[1] - values[0]) + 1e-9))


def smoothed(points: Sequence[Point]) -> list[Point]:
    """Give points smoothed by a running mean that forgets: each new value counts by a tenth."""
    out: list[Point] = []
    mean = math.nan
    for count, (step, value) in enumerate(points, 1):
        weight = max(0.1, 1 / count)
        mean = value if count == 1 else mean + weight * (value - mean)
        out.append((step, mean))
    return out
