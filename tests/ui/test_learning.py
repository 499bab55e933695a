"""Learning from the open picture, in the real window."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.bars import SIDE, bars
from tests.tiny_models import tiny_vessel_model, with_card
from tests.ui.conftest import document_of, export, wait_for_answer, wait_for_rest, wait_until_saved
from vesselapp.core.evidence import Correction
from vesselapp.core.geometry import Box
from vesselapp.core.learnt import Learnt
from vesselapp.state.document import Document
from vesselapp.state.features import Material
from vesselapp.state.learning import NAME, OWN_NAME
from vesselapp.state.lesson import FEWEST_PX, OF_ANOTHER, adapted_by
from vesselapp.study.record import State
from vesselapp.ui.app import make_window
from vesselapp.ui.window import MainWindow


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of two pictures of bars."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a", "b"):
        pixels, _ = bars()
        pixels[0, 0] = ord(name)  # no two files are the same
        PIL.Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def window(qtbot: QtBot, qapp: QApplication, tmp_path: Path, pictures: Path) -> Iterator[MainWindow]:
    window = new_window(qtbot, tmp_path)
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)
    yield window
    end(qtbot, window)


def new_window(qtbot: QtBot, tmp_path: Path) -> MainWindow:
    model = tiny_vessel_model(tmp_path / "tiny.onnx", task="other")
    window = make_window(tmp_path / "data", tmp_path / "config")
    window.workspace.use_model(str(model))
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    return window


def end(qtbot: QtBot, window: MainWindow) -> None:
    window.workspace.close()
    window.workspace.jobs.close()
    QApplication.processEvents()


UPPER = Box(0, 0, SIDE, 160)


def correct(document: Document, box: Box = UPPER) -> None:
    """Correct what is wrong in a box, and confirm some of the background."""
    _, truth = bars()
    mask = document.mask()
    inside = np.zeros_like(mask)
    inside[box.slices] = True
    whole = Box(0, 0, SIDE, SIDE)
    document.change("Brush", [(whole, inside & truth & ~mask)], Correction.FOREGROUND)
    rows = np.arange(SIDE)[:, None] % 7 == 0
    document.change("Erase", [(whole, inside & ~truth & rows)], Correction.BACKGROUND)


def learn(qtbot: QtBot, window: MainWindow) -> None:
    document = document_of(window)
    before = document.adapted
    qtbot.keyClick(window.canvas, Qt.Key.Key_L)
    qtbot.waitUntil(lambda: document.adapted != before, timeout=20000)
    wait_for_rest(qtbot, window)


def dice(document: Document) -> float:
    """Over the lower half, where nothing is corrected."""
    mask, truth = document.mask()[160:], bars()[1][160:]
    return float(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))


def test_the_rest_of_the_picture_follows_and_undo_takes_it_back(qtbot: QtBot, window: MainWindow) -> None:
    document = document_of(window)
    correct(document)
    corrections, own = document.corrections.copy(), document.probability
    before = dice(document)
    learn(qtbot, window)
    assert dice(document) > before + 0.05
    np.testing.assert_array_equal(document.corrections, corrections)
    said = corrections > 0
    assert (document.mask()[said] == (corrections[said] == Correction.FOREGROUND)).all()
    row = window.controls.model.learning
    assert f"{said.sum():,}" in row.words.text()
    assert row.own_button.isEnabled()
    assert window.action("own_answer").isEnabled()
    adapted = document.probability
    window.action("undo").trigger()
    assert document.probability is own
    assert document.adapted is None
    assert "Not adapted" in row.words.text()
    assert not row.own_button.isEnabled()
    assert not window.action("own_answer").isEnabled()
    window.action("redo").trigger()
    assert document.probability is adapted
    document.set_level(document.level + 20)
    window.action("undo").trigger()
    assert document.probability is own


def test_what_is_said_of_undo_holds_only_until_the_next_step(qtbot: QtBot, window: MainWindow) -> None:
    document, notice = document_of(window), window.notice
    correct(document)
    learn(qtbot, window)
    assert "Ctrl+Z takes it back" in notice.label.text()
    assert not notice.isHidden()
    window.action("undo").trigger()
    assert notice.isHidden()
    learn(qtbot, window)
    assert not notice.isHidden()
    correct(document, Box(0, 200, SIDE, 220))
    assert notice.isHidden()
    notice.show_text("Something else.")
    document.undo()
    assert not notice.isHidden()


def test_it_is_one_step_of_the_history_and_later_edits_come_off_first(
    qtbot: QtBot, window: MainWindow
) -> None:
    document = document_of(window)
    correct(document)
    learn(qtbot, window)
    adapted = document.adapted
    correct(document, Box(0, 200, SIDE, 220))
    names = document.history.names[0]
    assert names.count(NAME) == 1
    assert document.adapted == adapted
    while document.history.undo_name != NAME:
        assert document.undo()
    assert document.adapted == adapted
    assert document.undo()
    assert document.adapted is None


def test_learning_again_takes_the_new_corrections(qtbot: QtBot, window: MainWindow) -> None:
    document = document_of(window)
    correct(document, Box(0, 0, SIDE, 120))
    learn(qtbot, window)
    first = document.adapted
    correct(document, Box(0, 120, SIDE, 160))
    learn(qtbot, window)
    assert document.adapted is not None
    assert first is not None
    assert document.adapted.pixels > first.pixels
    document.undo()
    wait_for_rest(qtbot, window)
    assert document.adapted == first


def test_the_models_own_answer_comes_back(qtbot: QtBot, window: MainWindow) -> None:
    document = document_of(window)
    own = document.probability
    correct(document)
    learn(qtbot, window)
    window.action("own_answer").trigger()
    assert document.probability is own
    assert document.history.undo_name == OWN_NAME
    window.action("own_answer").trigger()  # nothing to go back from
    assert document.history.names[0].count(OWN_NAME) == 1
    document.undo()
    wait_for_rest(qtbot, window)
    assert document.adapted is not None


def test_running_the_model_again_gives_its_own_answer(qtbot: QtBot, window: MainWindow) -> None:
    document = document_of(window)
    own = document.probability
    correct(document)
    learn(qtbot, window)
    window.action("run").trigger()
    wait_for_rest(qtbot, window)
    assert own is not None
    assert document.probability is not None
    np.testing.assert_array_equal(document.probability, own)
    assert document.adapted is None
    assert document.learnt is None
    document.undo()
    wait_for_rest(qtbot, window)
    assert document.adapted is not None


def test_what_changes_meanwhile_leaves_the_wish_for_its_own_answer(qtbot: QtBot, window: MainWindow) -> None:
    correct(document_of(window))
    learn(qtbot, window)
    window.action("run").trigger()
    window.workspace.reload_model()  # as Preferences does upon another provider
    wait_for_rest(qtbot, window)
    assert document_of(window).learnt is None
    assert document_of(window).adapted is None


def test_it_is_there_when_the_picture_is_opened_again(
    qtbot: QtBot, tmp_path: Path, pictures: Path, qapp: QApplication
) -> None:
    window = new_window(qtbot, tmp_path)
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)
    document = document_of(window)
    correct(document)
    learn(qtbot, window)
    adapted, seen = document.adapted, document.probability
    wait_until_saved(qtbot, window)
    assert window.workspace.review is not None
    assert adapted is not None
    assert window.workspace.review.record.adapted_px == adapted.pixels
    end(qtbot, window)

    window = new_window(qtbot, tmp_path)
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)
    again = document_of(window)
    assert again is not document
    qtbot.waitUntil(lambda: again.adapted == adapted, timeout=20000)
    assert seen is not None
    assert again.probability is not None
    np.testing.assert_array_equal(again.probability, seen)
    while again.history.undo_name != NAME:
        again.undo()
    again.undo()
    wait_for_rest(qtbot, window)
    assert again.adapted is None
    end(qtbot, window)


def test_save_now_keeps_from_how_much_the_answer_in_sight_was_adapted(
    qtbot: QtBot, tmp_path: Path, window: MainWindow
) -> None:
    def adapted_on_disk() -> int:
        window.action("save").trigger()
        (path,) = (tmp_path / "data").rglob("record.json")
        number = json.loads(path.read_text())["adapted_px"]
        assert isinstance(number, int)
        return number

    document = document_of(window)
    correct(document)
    learn(qtbot, window)
    assert document.adapted is not None
    pixels = document.adapted.pixels
    wait_until_saved(qtbot, window)
    qtbot.waitUntil(lambda: adapted_on_disk() == pixels, timeout=3000)
    window.action("undo").trigger()
    wait_for_rest(qtbot, window)
    qtbot.waitUntil(lambda: adapted_on_disk() == 0, timeout=3000)


def test_a_reviewed_picture_keeps_the_adapted_answer(
    qtbot: QtBot, tmp_path: Path, window: MainWindow
) -> None:
    document = document_of(window)
    correct(document)
    learn(qtbot, window)
    adapted, seen = document.adapted, document.probability
    assert window.workspace.review is not None
    window.workspace.review.mark(State.REVIEWED)
    wait_until_saved(qtbot, window)
    window.workspace.step(1)
    qtbot.waitUntil(lambda: window.workspace.name == "b.png", timeout=20000)
    wait_for_answer(qtbot, window)
    assert document_of(window).adapted is None
    assert not window.controls.model.learning.own_button.isEnabled()
    qtbot.wait(300)  # it is on the disk, and opened from there
    window.workspace.step(-1)
    qtbot.waitUntil(lambda: window.workspace.name == "a.png", timeout=20000)
    wait_for_answer(qtbot, window)
    wait_for_rest(qtbot, window)
    again = document_of(window)
    assert again.adapted == adapted
    assert seen is not None
    assert again.probability is not None
    np.testing.assert_array_equal(again.probability, seen)
    assert "Adapted" in window.controls.model.learning.words.text()


def test_an_export_says_that_the_answer_was_adapted(qtbot: QtBot, tmp_path: Path, window: MainWindow) -> None:
    document = document_of(window)
    correct(document)

    def exported() -> dict[str, object]:
        export(qtbot, window, tmp_path / "out", "mask")
        (sidecar,) = (tmp_path / "out").glob("*.json")
        found = json.loads(sidecar.read_text(encoding="utf-8"))
        assert isinstance(found, dict)
        return found

    assert exported()["adapted_px"] == 0
    learn(qtbot, window)
    assert document.adapted is not None
    assert exported()["adapted_px"] == document.adapted.pixels
    document.undo()
    assert exported()["adapted_px"] == 0


def test_there_is_nothing_to_learn_from_in_an_empty_window(
    qtbot: QtBot, tmp_path: Path, window: MainWindow
) -> None:
    assert window.controls.model.learning.learn_button.isEnabled()
    empty = new_window(qtbot, tmp_path)
    assert not empty.controls.model.learning.learn_button.isEnabled()
    end(qtbot, empty)


def refused(window: MainWindow) -> str:
    """Ask for learning where it can't be, and give what is said."""
    document = document_of(window)
    said: list[str] = []
    window.workspace.told.connect(said.append)
    before, plane = document.history.names, document.probability
    window.action("learn").trigger()
    window.workspace.told.disconnect(said.append)
    assert document.history.names == before
    assert document.probability is plane
    assert not window.workspace.learning.running
    (sentence,) = said
    return sentence


def test_too_little_is_said_and_changes_nothing(window: MainWindow) -> None:
    document = document_of(window)
    whole = np.zeros((SIDE, SIDE), bool)
    assert "Too little" in refused(window)
    whole[200, : FEWEST_PX + 30] = True
    document.change("Brush", [(Box(0, 0, SIDE, SIDE), whole)], Correction.FOREGROUND)
    assert "only added" in refused(window)
    document.change("Erase", [(Box(0, 0, SIDE, SIDE), whole)], Correction.BACKGROUND)
    assert "only erased" in refused(window)
    document.lock("Read only")
    assert refused(window) == "Read only"


def test_a_refusal_goes_with_the_next_stroke(qtbot: QtBot, window: MainWindow) -> None:
    document = document_of(window)
    whole = np.zeros((SIDE, SIDE), bool)
    whole[200, : FEWEST_PX + 30] = True
    document.change("Brush", [(Box(0, 0, SIDE, SIDE), whole)], Correction.FOREGROUND)
    window.action("learn").trigger()
    assert "only added" in window.notice.label.text()
    assert window.notice.isVisible()
    document.change("Erase", [(Box(0, 0, SIDE, SIDE), np.roll(whole, 50, 0))], Correction.BACKGROUND)
    assert not window.notice.isVisible()


def test_a_model_without_features_says_so(window: MainWindow) -> None:
    correct(document_of(window))
    model = window.workspace.model
    assert model is not None
    output = model.card.output.model_copy(update={"features": None})
    window.workspace.asking.model = with_card(model, model.card.model_copy(update={"output": output}))
    assert "no features" in refused(window)


def test_nothing_new_is_said(qtbot: QtBot, window: MainWindow) -> None:
    correct(document_of(window))
    learn(qtbot, window)
    assert "Nothing was corrected since" in refused(window)


def test_what_was_learnt_with_another_model_is_not_used(qtbot: QtBot, window: MainWindow) -> None:
    document = document_of(window)
    correct(document)
    learn(qtbot, window)
    assert document.learnt is not None
    document.learn(NAME, Learnt(document.learnt.head, "0" * 64, 123))
    wait_for_rest(qtbot, window)
    assert document.adapted is None


def test_leaving_the_picture_stops_it(qtbot: QtBot, window: MainWindow) -> None:
    document = document_of(window)
    correct(document)
    window.workspace.learning.learn()
    window.workspace.step(1)
    qtbot.waitUntil(lambda: window.workspace.name == "b.png", timeout=20000)
    wait_for_answer(qtbot, window)
    wait_for_rest(qtbot, window)
    assert document_of(window).adapted is None
    assert document.adapted is None
    assert not document.history.ends_learnt


def test_the_next_picture_is_not_said_to_be_adapted(qtbot: QtBot, window: MainWindow) -> None:
    correct(document_of(window))
    learn(qtbot, window)
    assert "Adapted" in window.controls.model.learning.words.text()
    said: list[str] = []
    window.workspace.document_changed.connect(
        lambda: said.append(window.controls.model.learning.words.text())
    )
    window.workspace.step(1)
    qtbot.waitUntil(lambda: bool(said), timeout=20000)
    assert "Not adapted" in said[0]
    wait_for_answer(qtbot, window)


def test_a_models_file_stays_named_when_the_list_comes_after_the_answer(
    qtbot: QtBot, window: MainWindow
) -> None:
    panel = window.controls.model
    panel.show_models([])
    assert panel._names.currentText() == "tiny"


def test_the_own_answer_can_be_had_while_the_other_is_still_adapted(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = document_of(window)
    correct(document)
    window.action("learn").trigger()
    qtbot.waitUntil(lambda: document.adapted is not None, timeout=20000)
    wait_until_saved(qtbot, window)
    end(qtbot, window)
    go_on = threading.Event()

    def slowly(found: Material, wanted: Learnt | None) -> NDArray[np.uint8]:
        go_on.wait(20)
        return adapted_by(found, wanted)

    monkeypatch.setattr("vesselapp.state.learning.adapted_by", slowly)
    again = new_window(qtbot, tmp_path)
    again.open_paths([tmp_path / "pictures"])
    workspace = again.workspace
    qtbot.waitUntil(lambda: workspace.document is not None and workspace.learning.running, timeout=20000)
    again.commands.cancel()
    go_on.set()
    assert "Adapting to this picture was stopped" in again.status.task.text()
    assert again.controls.model.learning.own_button.isEnabled()
    again.action("own_answer").trigger()
    assert document_of(again).learnt is None
    assert not again.action("own_answer").isEnabled()
    end(qtbot, again)


def turn_to(qtbot: QtBot, window: MainWindow, model: Path | None) -> None:
    """Choose another model, or (None) what Preferences does upon another provider."""
    if model is None:
        window.workspace.reload_model()
    else:
        window.workspace.use_model(str(model))
    wait_for_rest(qtbot, window)


def test_another_provider_or_model_ends_no_lesson(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    document = document_of(window)
    correct(document)
    learn(qtbot, window)
    adapted, names = document.adapted, document.history.names
    turn_to(qtbot, window, None)
    assert document.adapted == adapted
    assert window.workspace.model is not None
    first = window.workspace.model.path
    turn_to(qtbot, window, tiny_vessel_model(tmp_path / "other.onnx", task="other", threshold=0.4))
    assert document.adapted is None
    assert OF_ANOTHER in window.notice.label.text()
    assert "others changed" not in window.notice.label.text()
    assert not window.notice.isHidden()
    turn_to(qtbot, window, first)
    assert document.adapted == adapted
    assert document.history.names == names
    assert window.notice.isHidden()


def test_that_a_lesson_is_not_used_stays_beside_what_the_answer_warns_of(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    document = document_of(window)
    correct(document)
    learn(qtbot, window)
    turned, notice = "The study's model was changed elsewhere.", window.notice
    vessels = tiny_vessel_model(tmp_path / "fundus.onnx", name="Fundus", task="vessels", threshold=0.4)
    window.workspace.told.emit(turned)
    turn_to(qtbot, window, vessels)
    assert window.workspace.answer is not None
    warning = " ".join(window.workspace.answer.warnings)
    assert warning
    assert notice.label.text() == f"{turned} {OF_ANOTHER} {warning}"
    turn_to(qtbot, window, vessels)
    assert notice.label.text() == f"{turned} {OF_ANOTHER} {warning}"
    document.undo()
    assert notice.label.text() == f"{turned} {warning}"
