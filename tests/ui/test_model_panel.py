"""The Model panel: which model is asked, and whose answer is in sight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.tiny_models import tiny_vessel_model
from tests.ui.conftest import wait_for_answer, wait_until_saved
from tests.ui.test_end_to_end import LEFT, drag
from vesselapp.inference.catalog import ModelEntry
from vesselapp.ui.app import make_window
from vesselapp.ui.window import MainWindow


@pytest.fixture
def reopened(
    qtbot: QtBot, qapp: QApplication, window: MainWindow, pictures: Path, tmp_path: Path
) -> Iterator[MainWindow]:
    """A window on a picture that was reviewed and worked on since, as if the app were started again."""
    window.open_paths([pictures / "a.png"])
    wait_for_answer(qtbot, window)
    qtbot.keyClick(window.canvas, Qt.Key.Key_2)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    wait_until_saved(qtbot, window)
    assert window.close()
    again = make_window(tmp_path / "data", tmp_path / "config")
    again.workspace.settings.model = str(tmp_path / "tiny.onnx")
    qtbot.addWidget(again)
    again.resize(1000, 700)
    again.show()
    again.open_paths([pictures / "a.png"])
    wait_for_answer(qtbot, again)
    qtbot.waitUntil(lambda: again._models_listed, timeout=20000)
    yield again
    again.workspace.close()
    again.workspace.jobs.close()
    qapp.processEvents()


def test_a_kept_answer_is_told_and_the_model_that_is_asked_is_shown(
    qtbot: QtBot, reopened: MainWindow, tmp_path: Path
) -> None:
    panel = reopened.controls.model
    assert panel.badge.text() == "KEPT"
    assert panel._detail.text() == "Kept answer of Tiny vessels"
    assert "review" not in panel.badge.toolTip()  # it is in progress again
    assert panel._names.currentText() == "tiny"
    assert panel._names.currentData() == str(tmp_path / "tiny.onnx")
    assert panel.about_button.isEnabled()
    panel.about_button.click()
    qtbot.waitUntil(lambda: reopened.commands.model_dialog is not None, timeout=20000)
    dialog = reopened.commands.model_dialog
    assert dialog is not None
    assert "Tiny vessels" in dialog.windowTitle() + dialog._text.toPlainText()
    assert panel.badge.text() == "KEPT"


def test_models_are_listed_when_their_box_is_opened(qtbot: QtBot, window: MainWindow) -> None:
    panel = window.controls.model
    window._models_listed = False  # as while the first picture's model is still at work
    panel.show_models([])
    panel._names.showPopup()
    assert panel._names.findText("fundus-vessels") >= 0
    panel._names.hidePopup()


def test_another_model_can_be_chosen_before_any_has_run(
    qtbot: QtBot, reopened: MainWindow, tmp_path: Path
) -> None:
    panel = reopened.controls.model
    other = tiny_vessel_model(tmp_path / "other.onnx", name="Other", threshold=0.2)
    panel.show_models([ModelEntry("other", other, shipped=False, task="vessels")])
    assert panel._names.currentText() == "tiny"
    place = panel._names.findText("other")
    panel._names.setCurrentIndex(place)
    panel._names.activated.emit(place)
    assert panel.path == str(other)
    assert panel._names.currentText() == "other"
    assert panel._detail.text() == "Kept answer of Tiny vessels"
    reopened.action("run").trigger()
    qtbot.waitUntil(lambda: panel.badge.text() == "CPU", timeout=20000)
    assert panel._detail.text().endswith("s") or "·" in panel._detail.text()
    assert panel._names.currentText() == "other"


def test_a_model_that_did_not_get_to_answer_is_not_said_to_have(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    window.open_paths([pictures / "a.png"])
    panel = window.controls.model
    assert panel._detail.text() == "No answer yet"
    wait_for_answer(qtbot, window)
    assert panel._names.currentText() == "tiny"
    window.workspace.use_model(str(tiny_vessel_model(tmp_path / "other.onnx", name="Other")))
    window.workspace.cancel()
    qtbot.waitUntil(lambda: panel._names.currentText() == "other", timeout=20000)
    assert panel._detail.text().startswith("Still the answer of Tiny vessels")


def test_a_model_that_is_gone_is_said_to_be(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    window.open_paths([pictures / "a.png"])
    wait_for_answer(qtbot, window)
    window.workspace.use_model("gone")
    panel = window.controls.model
    qtbot.waitUntil(lambda: panel._names.currentIndex() < 0, timeout=20000)
    assert panel._names.placeholderText() == "not found: gone"
    assert not panel.about_button.isEnabled()


def test_to_give_up_choosing_a_file_leaves_the_model_chosen(
    qtbot: QtBot, window: MainWindow, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.open_paths([pictures / "a.png"])
    wait_for_answer(qtbot, window)
    monkeypatch.setattr("vesselapp.ui.commands.QFileDialog.getOpenFileName", lambda *_args: ("", ""))
    names = window.controls.model._names
    last = names.count() - 1
    names.setCurrentIndex(last)
    names.activated.emit(last)
    assert names.currentText() == "tiny"
