"""The form for a new study: how many pictures it would have."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from vesselapp.inference.catalog import ModelEntry
from vesselapp.state import counting
from vesselapp.ui import study_dialog
from vesselapp.ui.study_dialog import StudyDialog
from vesselapp.ui.window import MainWindow


@pytest.fixture
def dialog(qtbot: QtBot, window: MainWindow) -> StudyDialog:
    """The form as the window makes it, with no folder chosen."""
    made = StudyDialog([], "", window.workspace.jobs.deliver, window)
    qtbot.addWidget(made)
    return made


def test_the_pictures_of_the_folder_are_counted(qtbot: QtBot, dialog: StudyDialog, pictures: Path) -> None:
    inside = pictures / "more"
    inside.mkdir()
    (pictures / "a.png").rename(inside / "a.png")
    (pictures / "words.txt").write_text("no picture")
    dialog.pictures_field.setText(str(pictures))
    qtbot.waitUntil(lambda: dialog.found.text() == "3 pictures", timeout=10000)
    dialog.pictures_field.setText(str(inside))
    qtbot.waitUntil(lambda: dialog.found.text() == "1 picture", timeout=10000)
    dialog.pictures_field.setText(str(pictures / "none"))
    assert not dialog.found.text().strip()


def test_the_model_in_use_is_chosen(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    usual = ModelEntry("fundus", tmp_path / "fundus.onnx", True, "vessels")
    smears = ModelEntry("smears", tmp_path / "smears.onnx", False, "cells")
    made = StudyDialog([usual, smears], "", window.workspace.jobs.deliver, window)
    for entry, name in ((usual, ""), (smears, "smears")):
        made.choose_model(str(entry.path))
        assert made.model == name


def test_an_empty_folder_is_said_to_be(qtbot: QtBot, dialog: StudyDialog, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    dialog.pictures_field.setText(str(empty))
    qtbot.waitUntil(lambda: "No pictures" in dialog.found.text(), timeout=10000)


def test_counting_ends_where_there_are_many(
    qtbot: QtBot, dialog: StudyDialog, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "MOST", 2)
    monkeypatch.setattr(study_dialog, "MOST", 2)
    dialog.pictures_field.setText(str(pictures))
    qtbot.waitUntil(lambda: dialog.found.text() == "2 pictures or more", timeout=10000)


def test_a_count_that_comes_late_is_not_shown(qtbot: QtBot, pictures: Path) -> None:
    late: list[object] = []
    dialog = StudyDialog([], str(pictures), late.append)
    qtbot.addWidget(dialog)
    qtbot.waitUntil(lambda: bool(late), timeout=10000)
    dialog.pictures_field.clear()
    for call in late:
        call()  # type: ignore[operator]
    assert not dialog.found.text().strip()
