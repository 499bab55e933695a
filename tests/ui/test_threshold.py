"""The threshold's slider: the model's own value is marked and can be taken again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from tests.tiny_models import tiny_vessel_model
from tests.ui.conftest import document_of, wait_for_answer
from tests.ui.test_end_to_end import LEFT
from vesselapp.core.evidence import level_of
from vesselapp.ui.window import MainWindow


@pytest.fixture
def answered(qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path) -> MainWindow:
    """A window on a picture that was answered by a model whose own threshold is 0.3."""
    model = tiny_vessel_model(tmp_path / "low.onnx", name="Low", threshold=0.3)
    window.workspace.use_model(str(model))
    window.open_paths([pictures / "a.png"])
    wait_for_answer(qtbot, window)
    return window


def top_row(window: MainWindow) -> np.ndarray:
    """Give the places along the slider where its uppermost row is of the mark's colour."""
    slider = window.controls.threshold.slider
    image = slider.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    raw = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    row = raw[0, : 3 * image.width()].reshape(-1, 3).astype(int)
    return np.flatnonzero(np.abs(row - slider.palette().windowText().color().red()).max(1) < 40)


def test_a_double_click_takes_the_models_own_threshold_again(qtbot: QtBot, answered: MainWindow) -> None:
    document, slider = answered.workspace.document, answered.controls.threshold.slider
    assert document is not None
    assert slider.own == level_of(0.3)
    assert document.level == level_of(0.3)
    place = QPoint(slider.width() * 3 // 4, 20)
    qtbot.mouseClick(slider, LEFT, pos=place)
    assert document.level > level_of(0.6)
    qtbot.mouseDClick(slider, LEFT, pos=place)
    assert document.level == slider.value() == level_of(0.3)
    qtbot.mouseMove(slider, place + QPoint(30, 0))
    assert document.level == level_of(0.3)  # nothing is being dragged
    assert document.history.undo_name is None


def test_a_key_takes_the_models_own_threshold_again(qtbot: QtBot, answered: MainWindow) -> None:
    document = document_of(answered)
    document.set_level(200)
    qtbot.keyClick(answered.canvas, Qt.Key.Key_M)
    assert document.level == level_of(0.3)


def test_the_models_own_threshold_is_marked_where_it_is(answered: MainWindow) -> None:
    document, slider = answered.workspace.document, answered.controls.threshold.slider
    assert document is not None
    document.set_level(200)
    marked = top_row(answered)
    assert abs(marked.mean() - slider._x_of(level_of(0.3))) < 2
    assert "0.3" in slider.toolTip()


def test_where_no_model_has_answered_there_is_no_mark(
    qtbot: QtBot, window: MainWindow, pictures: Path
) -> None:
    window.open_paths([pictures / "a.png"])
    slider = window.controls.threshold.slider
    assert slider.own is None
    assert top_row(window).size == 0
    wait_for_answer(qtbot, window)
    assert slider.own == level_of(0.5)
