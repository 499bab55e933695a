"""Places that can't be looked at (no rights, long names, lost drives): the window opens all the same."""

import json
from pathlib import Path

from pytestqt.qtbot import QtBot

from vesselapp.ui.app import make_window
from vesselapp.ui.export_dialog import ExportDialog
from vesselapp.ui.study_dialog import StudyDialog

_LOST = "/tmp/" + "a" * 300


def test_a_start_with_the_last_model_on_a_lost_place(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.json").write_text(json.dumps({"model": f"{_LOST}/m.onnx"}))
    window = make_window(tmp_path / "data", tmp_path / "config")
    qtbot.addWidget(window)
    assert window.workspace.settings.model == ""
    window.workspace.close()
    window.workspace.jobs.close()


def test_an_export_whose_last_folder_is_lost(qtbot: QtBot) -> None:
    dialog = ExportDialog(Path(_LOST), "x", ("mask",))
    qtbot.addWidget(dialog)
    dialog.folder_field.setText("~nosuchuser1")
    assert dialog.folder == Path("~nosuchuser1")
    assert dialog.export_button.isEnabled()


def test_a_study_that_is_to_be_made_in_a_lost_place(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = StudyDialog([], "", lambda *_: None)
    qtbot.addWidget(dialog)
    dialog.pictures_field.setText(str(tmp_path))
    dialog.elsewhere.setChecked(True)
    dialog.folder_field.setText(_LOST)
    assert dialog.folder == Path(_LOST)
    assert dialog.make_button.isEnabled()
