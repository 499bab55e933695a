"""An export is written while the window goes on: it is of what was in sight, and is told when it is there."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from tests.ui.conftest import document_of, export, wait_for_answer
from tests.ui.test_end_to_end import LEFT, drag
from tests.ui.test_studies import press
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import dequantise
from vesselapp.core.export import write_outputs
from vesselapp.state import exporting
from vesselapp.ui.export_dialog import ExportDialog
from vesselapp.ui.plain import PlainLabel
from vesselapp.ui.window import MainWindow


class Drive:
    """A drive that takes nothing until it is let go; then it may be full."""

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.full = False

    def write(self, *what: Any, **how: Any) -> dict[str, Path]:
        self.asked.set()
        assert self.go_on.wait(30)
        if self.full:
            raise VesselError("The disk is full.", "Choose another place.")
        return write_outputs(*what, **how)


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Drive]:
    drive = Drive()
    monkeypatch.setattr(exporting, "write_outputs", drive.write)
    yield drive
    drive.go_on.set()


@pytest.fixture
def opened(qtbot: QtBot, window: MainWindow, pictures: Path) -> MainWindow:
    """The window, with the model's answer for a.png; b.png and c.png are next."""
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)
    return window


def to_the_next(qtbot: QtBot, window: MainWindow) -> None:
    press(qtbot, window, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: window.windowTitle().startswith("b.png"), timeout=20000)
    wait_for_answer(qtbot, window)


def mask_in(folder: Path) -> np.ndarray:
    return np.asarray(PIL.Image.open(folder / "a_mask.png")) > 0


def told(window: MainWindow) -> str:
    return window.status.task.text()


def test_what_is_exported_is_what_was_in_sight_whatever_is_done_meanwhile(
    qtbot: QtBot, opened: MainWindow, drive: Drive, tmp_path: Path
) -> None:
    import tifffile

    document = document_of(opened)
    drag(qtbot, opened, [(100, 150), (140, 150)], LEFT)
    seen, level = document.mask(), document.level
    assert document.probability is not None
    probability = dequantise(document.probability)
    opened.commands.exports.export(tmp_path / "out", ("mask", "overlay", "probability"))
    assert drive.asked.wait(20)
    assert told(opened) == "Exporting a…"
    drag(qtbot, opened, [(100, 180), (140, 180)], LEFT)
    document.set_level(level + 60)
    document.set_probability(np.full_like(document.probability, 7))
    to_the_next(qtbot, opened)
    assert "Exported" not in told(opened)
    assert not list((tmp_path / "out").glob("a_*"))
    drive.go_on.set()
    qtbot.waitUntil(lambda: "Exported" in told(opened), timeout=20000)
    assert "a_mask.png" in told(opened)
    assert np.array_equal(mask_in(tmp_path / "out"), seen)
    assert np.array_equal(tifffile.imread(tmp_path / "out" / "a_probability.tif"), probability)
    facts = json.loads((tmp_path / "out" / "a_mask.json").read_text(encoding="utf-8"))
    assert (facts["image"], facts["level"], facts["strokes"]) == ("a.png", level, 1)


def test_an_export_that_fails_says_of_which_picture_and_never_that_it_is_there(
    qtbot: QtBot, opened: MainWindow, drive: Drive, tmp_path: Path
) -> None:
    drive.full = True
    opened.commands.exports.export(tmp_path / "out", ("mask",))
    to_the_next(qtbot, opened)
    drive.go_on.set()
    qtbot.waitUntil(lambda: not opened.workspace.exports.under_way, timeout=20000)
    assert opened.notice.label.text() == "a isn't exported: The disk is full. Choose another place."
    assert "Export" not in told(opened)


@pytest.fixture
def next_is_slow(opened: MainWindow) -> Iterator[threading.Event]:
    """The next picture, which nobody has made ready, is read only when it may be."""
    may, desk = threading.Event(), opened.workspace.desk
    opened.workspace.jobs.aside("a slow drive", lambda: may.wait(30))
    desk.ahead.forget()
    yield may
    may.set()


@pytest.mark.parametrize("stopped", [False, True])
def test_an_export_that_fails_while_the_next_picture_is_read_is_told_with_it(
    qtbot: QtBot,
    opened: MainWindow,
    drive: Drive,
    next_is_slow: threading.Event,
    tmp_path: Path,
    stopped: bool,
) -> None:
    drive.full = True
    opened.commands.exports.export(tmp_path / "out", ("mask",))
    press(qtbot, opened, Qt.Key.Key_D)
    drive.go_on.set()
    qtbot.waitUntil(lambda: "a isn't exported" in opened.notice.label.text(), timeout=20000)
    assert opened.workspace.review is None
    if stopped:
        opened.commands.stop()
    next_is_slow.set()
    qtbot.waitUntil(lambda: opened.workspace.review is not None, timeout=20000)
    assert opened.notice.isVisible()
    assert "a isn't exported" in opened.notice.label.text()


def fill_in(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """Have the next export dialog filled in for a mask; something happens before it is accepted."""

    def exec_(dialog: ExportDialog) -> QDialog.DialogCode:
        dialog.boxes["mask"].setChecked(True)
        meanwhile()
        return QDialog.DialogCode.Accepted

    monkeypatch.setattr(ExportDialog, "exec", exec_)


def test_another_picture_than_the_one_asked_of_is_not_exported(
    qtbot: QtBot, opened: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened.workspace.settings.export_folder = str(tmp_path / "out")
    fill_in(monkeypatch, lambda: to_the_next(qtbot, opened))
    opened.action("export").trigger()
    assert "a.png isn't exported: it was left" in opened.notice.label.text()
    assert not opened.workspace.exports.under_way
    assert not (tmp_path / "out").exists()


def test_a_picture_that_is_left_while_its_export_is_asked_of_is_told_with_the_next(
    qtbot: QtBot,
    opened: MainWindow,
    next_is_slow: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    opened.workspace.settings.export_folder = str(tmp_path / "out")
    fill_in(monkeypatch, lambda: opened.workspace.step(1))
    opened.action("export").trigger()
    assert "a.png isn't exported: it was left" in opened.notice.label.text()
    next_is_slow.set()
    qtbot.waitUntil(lambda: opened.workspace.review is not None, timeout=20000)
    assert opened.notice.isVisible()
    assert "a.png isn't exported" in opened.notice.label.text()


def test_between_two_pictures_no_export_is_asked_of(
    opened: MainWindow, next_is_slow: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_in(monkeypatch, next_is_slow.set)
    opened.workspace.step(1)
    opened.action("export").trigger()
    assert told(opened) == "The next picture is being opened."
    assert not next_is_slow.is_set()


def test_the_second_export_of_a_place_comes_after_the_first(
    qtbot: QtBot, opened: MainWindow, drive: Drive, tmp_path: Path
) -> None:
    opened.commands.exports.export(tmp_path / "out", ("mask",))
    drag(qtbot, opened, [(100, 150), (140, 150)], LEFT)
    seen = document_of(opened).mask()
    drive.go_on.set()
    export(qtbot, opened, tmp_path / "out", "mask")
    assert np.array_equal(mask_in(tmp_path / "out"), seen)
    assert not list((tmp_path / "out").glob(".*"))


def test_closing_waits_for_an_export(qtbot: QtBot, opened: MainWindow, drive: Drive, tmp_path: Path) -> None:
    opened.commands.exports.export(tmp_path / "out", ("mask",))
    assert not opened.close()
    assert opened.isVisible()
    assert "as soon as this is done: the export of a." in opened.notice.label.text()
    drive.go_on.set()
    qtbot.waitUntil(lambda: not opened.isVisible(), timeout=20000)
    assert mask_in(tmp_path / "out").any()


def test_a_window_whose_last_export_fails_stays(
    qtbot: QtBot, opened: MainWindow, drive: Drive, tmp_path: Path
) -> None:
    drive.full = True
    opened.commands.exports.export(tmp_path / "out", ("mask",))
    assert not opened.close()
    drive.go_on.set()
    qtbot.waitUntil(lambda: "a isn't exported" in opened.notice.label.text(), timeout=20000)
    assert opened.isVisible()
    drag(qtbot, opened, [(100, 150), (140, 150)], LEFT)
    assert document_of(opened).corrections.any()
    assert opened.close()


def test_the_second_close_leaves_without_the_export(opened: MainWindow, drive: Drive, tmp_path: Path) -> None:
    opened.commands.exports.export(tmp_path / "out", ("mask",))
    assert not opened.close()
    assert opened.close()


def test_leaving_is_asked_for_twice_though_work_cannot_be_saved_either(
    opened: MainWindow, drive: Drive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    close = opened.workspace.close
    monkeypatch.setattr(opened.workspace, "close", lambda: close() | {"a.png": 1})
    opened.commands.exports.export(tmp_path / "out", ("mask",))
    assert not opened.close()
    assert not opened.close()
    assert opened.notice.label.text().startswith("NOT SAVED: a.png")
    assert "Close the window again to leave all the same." in opened.notice.label.text()
    assert opened.close()


def stays(qtbot: QtBot, window: MainWindow, drive: Drive) -> bool:
    """Tell whether the window is there after the export was written."""
    drive.go_on.set()
    qtbot.waitUntil(lambda: "Exported" in told(window), timeout=20000)
    qtbot.wait(50)
    return window.isVisible()


def test_a_window_stays_once_another_picture_is_opened_and_says_so(
    qtbot: QtBot, opened: MainWindow, drive: Drive, tmp_path: Path
) -> None:
    opened.commands.exports.export(tmp_path / "out", ("mask",))
    assert not opened.close()
    to_the_next(qtbot, opened)
    assert "The window stays open" in opened.notice.label.text()
    assert opened.notice.isVisible()
    assert stays(qtbot, opened, drive)


def test_a_window_that_is_closed_between_two_pictures_stays_once_the_next_is_there(
    qtbot: QtBot, opened: MainWindow, drive: Drive, next_is_slow: threading.Event, tmp_path: Path
) -> None:
    opened.commands.exports.export(tmp_path / "out", ("mask",))
    press(qtbot, opened, Qt.Key.Key_D)
    assert not opened.close()
    next_is_slow.set()
    qtbot.waitUntil(lambda: opened.workspace.review is not None, timeout=20000)
    assert "The window stays open" in opened.notice.label.text()
    assert opened.notice.isVisible()
    assert stays(qtbot, opened, drive)
    assert opened.close()


def test_a_window_stays_where_the_notice_that_it_closes_was_closed(
    qtbot: QtBot, opened: MainWindow, drive: Drive, tmp_path: Path
) -> None:
    opened.commands.exports.export(tmp_path / "out", ("mask",))
    assert not opened.close()
    opened.notice.hide()
    assert stays(qtbot, opened, drive)


def test_the_next_export_goes_where_the_last_one_goes(
    opened: MainWindow, drive: Drive, tmp_path: Path
) -> None:
    opened.commands.exports.export(tmp_path / "out", ("mask",))
    settings = opened.workspace.settings
    assert (settings.export_folder, settings.export_kinds) == (str(tmp_path / "out"), ("mask",))


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (
            ("mask",),
            "Replaces the mask exported earlier. Not replaced: the overlay and probability exported earlier.",
        ),
        (
            ("overlay",),
            "Replaces the overlay exported earlier. Not replaced: the mask and probability exported earlier.",
        ),
        (
            ("mask", "overlay", "probability"),
            "Replaces the mask and overlay and probability exported earlier.",
        ),
        ((), ""),
    ],
)
def test_the_dialog_says_what_stays_of_an_earlier_export(
    qtbot: QtBot, tmp_path: Path, chosen: tuple[str, ...], said: str
) -> None:
    for name in ("a_mask.png", "a_overlay.png", "a_probability.tif"):
        (tmp_path / name).touch()
    dialog = ExportDialog(tmp_path, "a", chosen)
    qtbot.addWidget(dialog)
    assert dialog.findChild(PlainLabel).text().strip() == said
