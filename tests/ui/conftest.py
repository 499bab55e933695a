"""A window with a tiny model, on folders of its own."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.tiny_models import fundus_picture, tiny_vessel_model
from vesselapp.core.image import Image
from vesselapp.core.pyramid import Pyramid, halve_pixels
from vesselapp.state.document import Document
from vesselapp.ui.app import make_window
from vesselapp.ui.canvas import Canvas
from vesselapp.ui.window import MainWindow

ROW = 100


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of three drawn pictures of two sizes."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, (height, width, diameter) in {
        "a": (300, 320, 280),
        "b": (300, 320, 260),
        "c": (240, 260, 220),
    }.items():
        PIL.Image.fromarray(fundus_picture(height, width, diameter)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def window(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[MainWindow]:
    """The real window, offscreen."""
    model = tiny_vessel_model(tmp_path / "tiny.onnx")
    window = make_window(tmp_path / "data", tmp_path / "config")
    window.workspace.settings.model = str(model)
    window.workspace.use_model(str(model))
    qtbot.addWidget(window)
    window.resize(1000, 700)
    # Qt keeps the pointer where the test before left it, and a brush's ring would be drawn there.
    QCursor.setPos(qapp.primaryScreen().geometry().bottomRight())
    window.show()
    qtbot.waitExposed(window)
    yield window
    window.workspace.close()
    window.workspace.jobs.close()
    qapp.processEvents()


def wait_for_answer(qtbot: QtBot, window: MainWindow) -> None:
    """Wait until the model has answered for the open picture."""
    qtbot.waitUntil(lambda: window.workspace.answer is not None, timeout=20000)


def wait_for_rest(qtbot: QtBot, window: MainWindow) -> None:
    """Wait until nothing is under way for the open picture."""
    qtbot.waitUntil(lambda: not window.workspace.desk.busy, timeout=20000)


def document_of(window: MainWindow) -> Document:
    """Give the document of the open picture."""
    document = window.workspace.document
    assert document is not None
    return document


def wait_until_saved(qtbot: QtBot, window: MainWindow) -> None:
    """Wait until everything that was done is on the disk."""
    sitting = window.workspace.sitting
    qtbot.waitUntil(lambda: sitting is not None and not sitting.standing.unsaved, timeout=20000)


def export(qtbot: QtBot, window: MainWindow, folder: Path, *kinds: str) -> None:
    """Export the open picture, and wait until it is written, or told why not."""
    window.commands.exports.export(folder, kinds)
    qtbot.waitUntil(lambda: not window.workspace.exports.under_way, timeout=20000)


def random_pixels(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Give noise as a picture."""
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def vessel_document(height: int = 200, width: int = 300, row: int = ROW) -> Document:
    """Give a picture with one dark vessel along a row, 9 px wide, that the model finds."""
    pixels, probability = np.full((height, width, 3), 190, np.uint8), np.full((height, width), 20, np.uint8)
    pixels[row - 4 : row + 5], probability[row - 4 : row + 5] = 120, 230
    return Document(
        Image(pixels, None, "0" * 64), Pyramid(pixels, halve_pixels), 0.5, probability=probability
    )


@pytest.fixture
def canvas(qtbot: QtBot) -> Canvas:
    """A canvas with a picture of one vessel along a row."""
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(600, 400)
    canvas.show()
    qtbot.waitExposed(canvas)
    canvas.set_document(vessel_document())
    return canvas
