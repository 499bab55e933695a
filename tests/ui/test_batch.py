"""The batch beside the open picture."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import PIL.Image
import pytest
from pytestqt.qtbot import QtBot

from tests.inference.foreign_models import foreign_model
from tests.study.studies import let_no_one_list
from tests.tiny_models import tiny_vessel_model
from tests.ui.conftest import document_of, wait_for_answer, wait_for_rest
from vesselapp.core.errors import Cancelled
from vesselapp.core.model_card import ScaleSpec
from vesselapp.inference import catalog
from vesselapp.inference.batch import Control
from vesselapp.inference.graph import GraphInfo
from vesselapp.state.batch import BatchRun
from vesselapp.state.settings import load_settings, save_settings
from vesselapp.ui.batch_dialog import BatchDialog
from vesselapp.ui.window import MainWindow


def open_dialog(qtbot: QtBot, window: MainWindow, pictures: Path, out: Path) -> BatchDialog:
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)
    window.action("batch").trigger()
    dialog = window.commands.batch_dialog
    assert dialog is not None
    dialog.out_field.setText(str(out))
    return dialog


def finish(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.commands.batch.running, timeout=60000)


def test_a_batch_writes_what_the_window_shows_and_names_what_failed(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    (pictures / "broken.png").write_bytes((pictures / "a.png").read_bytes()[:300])
    dialog = open_dialog(qtbot, window, pictures, tmp_path / "out")
    assert dialog.isVisible()
    assert not dialog.isModal()
    assert dialog.model_label.text() == "tiny"
    assert "without corrections" in dialog.told.text()
    dialog.start_button.click()
    assert not dialog.start_button.isEnabled()
    finish(qtbot, window)
    assert dialog.words.text() == "3 of 4 done, 1 failed."
    assert dialog.problems.count() == 1
    assert dialog.problems.item(0).text().startswith("broken.png: ")
    document = document_of(window)
    written = np.asarray(PIL.Image.open(tmp_path / "out" / "a_mask.png"))
    assert np.array_equal(written > 0, document.mask())
    assert (tmp_path / "out" / "manifest.csv").exists()
    dialog.start_button.click()
    finish(qtbot, window)
    assert dialog.start_button.isEnabled()


def test_all_that_the_dialog_says_is_seen_on_a_small_screen(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    """Of 1366x768 px at twice the scale; the list of problems has no room before there is one."""
    (pictures / "broken.png").write_bytes(b"x")
    dialog = open_dialog(qtbot, window, pictures, tmp_path / "out")

    def is_whole() -> bool:
        labels = [label for label in (dialog.told, dialog.words) if label.text().strip()]
        return all(label.height() >= label.heightForWidth(label.width()) for label in labels)

    assert not dialog.problems.isVisible()
    dialog.resize(dialog.minimumSize())
    dialog.hide()
    dialog.show()
    qtbot.waitUntil(is_whole)
    dialog.out_field.clear()
    dialog.start_button.click()
    qtbot.waitUntil(is_whole)
    dialog.out_field.setText(str(tmp_path / "out"))
    dialog.start_button.click()
    finish(qtbot, window)
    assert dialog.problems.isVisible()
    qtbot.waitUntil(is_whole)
    assert dialog.height() <= 384 - 24
    dialog.start_button.click()
    assert not dialog.problems.isVisible()
    finish(qtbot, window)


def test_a_batch_can_be_paused_gone_on_with_and_cancelled(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, wait = threading.Event(), Control.wait
    monkeypatch.setattr(Control, "wait", lambda control: (waits.set(), wait(control)))
    for number in range(12):
        (pictures / f"more{number}.png").write_bytes((pictures / "b.png").read_bytes())
    dialog = open_dialog(qtbot, window, pictures, tmp_path / "out")
    run = window.commands.batch
    dialog.start_button.click()
    dialog.pause_button.click()
    assert run.paused
    assert dialog.pause_button.text() == "Continue"
    qtbot.waitUntil(waits.is_set, timeout=30000)
    qtbot.wait(200)
    at_pause = run.done
    qtbot.wait(300)
    assert run.done == at_pause < 15
    dialog.pause_button.click()
    qtbot.waitUntil(lambda: run.done > at_pause or not run.running, timeout=30000)
    dialog.cancel_button.click()
    finish(qtbot, window)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert not any(name.startswith(".") or "tmp" in name for name in names)
    for name in names - {"manifest.csv"}:
        with PIL.Image.open(tmp_path / "out" / name) as written:
            written.load()


def test_a_batch_cancelled_while_its_pictures_are_looked_for_says_so(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looking(_paths: object, _failed: object, cancelled: Callable[[], bool]) -> list[Path]:
        while not cancelled():
            time.sleep(0.01)
        raise Cancelled

    dialog = open_dialog(qtbot, window, pictures, tmp_path / "out")
    monkeypatch.setattr("vesselapp.state.batch.find_pictures", looking)
    dialog.pictures_field.setText(str(pictures))
    dialog.start_button.click()
    dialog.cancel_button.click()
    finish(qtbot, window)
    assert dialog.words.text() == "Cancelled before it was known what there is to do."


def test_the_model_that_is_named_is_the_one_that_answers(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    dialog = open_dialog(qtbot, window, pictures, tmp_path / "out")
    monkeypatch.setattr(
        window.commands.batch, "start", lambda _pictures, spec, **_how: asked.append(spec.model)
    )
    for name in ("other", "third"):
        model = tiny_vessel_model(tmp_path / f"{name}.onnx", name=name)
        window.workspace.use_model(str(model))
        assert dialog.model_label.text() == name
        dialog.start_button.click()
        assert asked[-1] == model
    window.workspace.turning.to_sources([])
    window.workspace.use_model(str(tmp_path / "tiny.onnx"))
    assert dialog.model_label.text() == "tiny", "without a picture too"


@pytest.mark.parametrize(
    ("kind", "usual", "wanted"),
    [("object_diameter", None, None), ("object_diameter", 14.0, 14.0), ("as_is", 14.0, None)],
)
def test_a_batch_takes_the_usual_size_of_cells_not_that_of_the_open_picture_where_its_model_goes_by_it(
    qtbot: QtBot,
    window: MainWindow,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: Literal["object_diameter", "as_is"],
    usual: float | None,
    wanted: float | None,
) -> None:
    asked: list[float | None] = []
    dialog = open_dialog(qtbot, window, pictures, tmp_path / "out")
    monkeypatch.setattr(
        window.commands.batch, "start", lambda _pictures, spec, **_how: asked.append(spec.object_diameter)
    )
    model = tiny_vessel_model(tmp_path / "another.onnx", name="Another", scale=ScaleSpec(kind=kind, size=20))
    asking = window.workspace.asking
    asking.object_diameter, asking.usual_diameter = 30.0, usual
    window.workspace.use_model(str(model))
    dialog.start_button.click()
    assert asked == [wanted]
    assert dialog.model_label.text() == ("another" if wanted is None else "another; cells of 14 px")


def test_a_model_chosen_during_a_batch_is_named_when_it_has_ended(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    dialog = open_dialog(qtbot, window, pictures, tmp_path / "out")
    dialog.start_button.click()
    dialog.pause_button.click()
    window.workspace.use_model(str(tiny_vessel_model(tmp_path / "other.onnx", name="Other")))
    qtbot.waitUntil(
        lambda: window.workspace.model is not None and window.workspace.model.card.name == "Other"
    )
    assert dialog.model_label.text() == "tiny"
    dialog.pause_button.click()
    finish(qtbot, window)
    assert dialog.model_label.text() == "other"


def test_no_model_file_is_read_for_the_dialog_unless_another_may_be_named(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = open_dialog(qtbot, window, pictures, tmp_path / "out")
    read: list[Path] = []
    read_graph = catalog.read_graph

    def reading(path: Path, *, metadata_only: bool = False) -> GraphInfo:
        if threading.current_thread() is threading.main_thread():
            read.append(path)
        return read_graph(path, metadata_only=metadata_only)

    def run() -> None:
        window.action("run").trigger()
        wait_for_rest(qtbot, window)

    monkeypatch.setattr(catalog, "read_graph", reading)
    run()
    assert not read
    dialog.hide()
    window.workspace.use_model(str(tiny_vessel_model(tmp_path / "other.onnx", name="Other")))
    run()
    assert not read
    dialog.show()
    assert read
    assert dialog.model_label.text() == "other"


def test_a_correction_of_the_model_is_said_at_once(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    dialog = open_dialog(qtbot, window, pictures, tmp_path / "out")
    window.workspace.use_model(str(foreign_model(tmp_path / "foreign.onnx")))
    wait_for_rest(qtbot, window)
    window.workspace.set_object_diameter(14.0)
    window.workspace.correct_model({"scale.kind": "object_diameter", "scale.size": 20.0})
    qtbot.waitUntil(lambda: dialog.model_label.text() == "foreign; cells of 14 px", timeout=20000)


def test_what_is_missing_is_said(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    dialog = open_dialog(qtbot, window, pictures, Path())
    dialog.out_field.clear()
    dialog.start_button.click()
    assert "missing" in dialog.words.text()
    dialog.out_field.setText(str(pictures / "out"))
    dialog.pictures_field.setText("/nowhere at all")
    dialog.start_button.click()
    finish(qtbot, window)
    assert "nowhere" in dialog.words.text()
    dialog.pictures_field.clear()
    dialog.out_field.setText(str(pictures / "out"))
    dialog.boxes["objects"].setChecked(True)
    dialog.start_button.click()
    assert "doesn't tell single cells" in dialog.words.text()
    assert not (pictures / "out").exists()


def test_closing_the_window_ends_a_batch_which_the_next_one_says(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    dialog = open_dialog(qtbot, window, pictures, tmp_path / "out")
    assert dialog.words.text() == " "
    dialog.start_button.click()
    dialog.pause_button.click()
    assert window.close()
    assert not any(path.name.startswith(".") for path in (tmp_path / "out").iterdir())
    save_settings(window.workspace.settings, tmp_path / "settings.json")
    window.workspace.settings = load_settings(tmp_path / "settings.json")
    run = BatchRun(lambda _work: None)
    dialog = BatchDialog(window.workspace, run)
    qtbot.addWidget(dialog)
    assert "ended when the window was closed" in dialog.words.text()
    assert dialog.out_field.text() == str(tmp_path / "out")
    dialog.start()
    assert not window.workspace.settings.batch_cut
    run.close()


def test_a_folder_that_can_not_be_listed_is_told(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pictures / "more").mkdir()
    (pictures / "more" / "d.png").write_bytes((pictures / "b.png").read_bytes())
    let_no_one_list(monkeypatch, pictures / "more")
    dialog = open_dialog(qtbot, window, pictures, tmp_path / "out")
    assert "more can't be listed" in window.notice.label.text()
    dialog.pictures_field.setText(str(pictures))
    dialog.start_button.click()
    finish(qtbot, window)
    assert "more can't be listed" in dialog.problems.item(0).text()
