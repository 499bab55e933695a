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
from vesselapp.ui.app import make_window
from vesselapp.ui.window import MainWindow


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


def wait_until_saved(qtbot: QtBot, window: MainWindow) -> None:
    """Wait until everything that was done is on the disk."""
    sitting = window.workspace.sitting
    qtbot.waitUntil(lambda: sitting is not None and not sitting.standing.unsaved, timeout=20000)


def random_pixels(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Give noise as a picture."""
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
