"""A command line that touches nothing of the person who runs the tests."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from tests.tiny_models import fundus_picture, tiny_vessel_model
from vesselapp.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a run of the command line left: exit status and the two streams."""

    status: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home of its own, and no display."""
    folder = tmp_path / "home"
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(folder / name.lower()))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder in which the commands are run."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(work: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Give ``run("predict", ...)``, which calls the program as its entry point does."""

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        status = main([str(argument) for argument in arguments])
        streams = capfd.readouterr()
        return Outcome(status, streams.out, streams.err)

    return call


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a tiny vessel model: the darker the green, the more it is vessel."""
    return tiny_vessel_model(tmp_path_factory.mktemp("models") / "tiny.onnx")


@pytest.fixture
def shipped(model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the tiny model be the one that ships with the app."""
    monkeypatch.setattr("vesselapp.inference.catalog.shipped_folder", lambda: model.parent)
    return model


@pytest.fixture
def picture(work: Path) -> Path:
    """Give a small drawn fundus picture."""
    return save_picture(work / "eye.png")


def save_picture(path: Path, seed: int = 0) -> Path:
    """Draw a small fundus picture into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(fundus_picture(90, 100, 80.0, seed=seed)).save(path)
    return path


def save_nuclei(path: Path) -> list[tuple[int, int]]:
    """Draw five bright nuclei, 26 px across, into a file; the first two touch. Give their middles (x, y)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    places = [(40, 40), (66, 40), (140, 60), (60, 140), (160, 160)]
    pixels = np.full((200, 200, 3), 12, np.uint8)
    for place in places:
        cv2.circle(pixels, place, 13, (190, 190, 190), -1, cv2.LINE_AA)
    Pillow.fromarray(cv2.GaussianBlur(pixels, (0, 0), 1)).save(path)
    return places
