"""The main job in the real window: open, look, drag the threshold, brush, undo, export."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from tests.tiny_models import tiny_vessel_model
from tests.ui.conftest import document_of, export, wait_for_answer, wait_until_saved
from vesselapp.core.evidence import FOREGROUND, level_of, mask_of
from vesselapp.ui.export_dialog import ExportDialog
from vesselapp.ui.window import MainWindow

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


def open_all(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)


def drag(
    qtbot: QtBot, window: MainWindow, points: list[tuple[float, float]], button: Qt.MouseButton = LEFT
) -> None:
    """Drag over the canvas between points given in px of the picture."""
    canvas = window.canvas
    places = [canvas.place_of(*point) for point in points]
    qtbot.mousePress(canvas, button, pos=places[0])
    for place in places[1:]:
        qtbot.mouseMove(canvas, place)
    qtbot.mouseRelease(canvas, button, pos=places[-1])


def shot(window: MainWindow) -> np.ndarray:
    """Give what the canvas shows: (h, w, 3) uint8."""
    image = window.canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    raw = np.frombuffer(image.bits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return raw[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def test_the_main_job(qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path) -> None:
    open_all(qtbot, window, pictures)
    document = document_of(window)
    assert document.probability is not None
    model_mask = document.mask()
    assert 0.01 < model_mask.mean() < 0.9
    assert window.controls.model.badge.text() == "CPU"

    before = shot(window)
    slider = window.controls.threshold.slider
    qtbot.mousePress(slider, LEFT, pos=QPoint(slider.width() // 2, 20))
    qtbot.mouseMove(slider, QPoint(slider.width() * 3 // 4, 20))
    qtbot.mouseRelease(slider, LEFT, pos=QPoint(slider.width() * 3 // 4, 20))
    assert document.level == slider.value() != level_of(0.5)
    assert document.mask().sum() < model_mask.sum()
    qtbot.waitUntil(lambda: bool((shot(window) != before).any()))

    window.action("PAINT").trigger()
    window.canvas.set_diameter(9)
    drag(qtbot, window, [(100, 150), (180, 150)], LEFT)
    assert document.mask()[150, 100:180].all()
    assert document.corrections[150, 140] == 2
    qtbot.keyClick(window.canvas, Qt.Key.Key_E)
    assert window.toolbox.key == "ERASE"
    drag(qtbot, window, [(120, 140), (120, 160)], LEFT)
    assert not document.mask()[150, 120]
    qtbot.keyClick(window.canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert document.mask()[150, 120]
    qtbot.keyClick(
        window.canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    assert not document.mask()[150, 120]

    export(qtbot, window, tmp_path / "out", "mask", "overlay", "probability")
    mask = np.asarray(PIL.Image.open(tmp_path / "out" / "a_mask.png"))
    expected = mask_of(document.evidence.levels[0], document.level)
    assert mask.shape == expected.shape
    assert np.array_equal(mask, expected * np.uint8(255))
    overlay = np.asarray(PIL.Image.open(tmp_path / "out" / "a_overlay.png"))
    changed = (overlay != document.image.pixels).any(axis=2)
    assert changed[expected].mean() > 0.99
    assert not changed[~expected].any()


def test_the_picture_on_screen_is_the_mask(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    open_all(qtbot, window, pictures)
    document, canvas = window.workspace.document, window.canvas
    assert document is not None
    canvas.actual_size()
    canvas.overlay_look = replace(canvas.overlay_look, opacity=1.0)
    canvas.resample()
    height, width = canvas.height(), canvas.width()
    seen = (shot(window) == np.array(canvas.overlay_look.colour)).all(axis=2)
    y, x = np.mgrid[0:height, 0:width]
    inside = (x >= canvas.view.x) & (y >= canvas.view.y)
    inside &= (x < canvas.view.x + document.width) & (y < canvas.view.y + document.height)
    expected = np.zeros((height, width), bool)
    expected[inside] = document.mask()[y[inside] - canvas.view.y, x[inside] - canvas.view.x]
    assert np.array_equal(seen, expected)


def test_the_right_button_does_the_opposite(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    open_all(qtbot, window, pictures)
    document = document_of(window)
    drag(qtbot, window, [(100, 150), (110, 150)], LEFT)
    drag(qtbot, window, [(100, 150), (110, 150)], RIGHT)
    assert document.corrections[150, 105] == 1


def test_restore_brings_the_models_answer_back(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    open_all(qtbot, window, pictures)
    document = document_of(window)
    untouched = document.evidence.levels[0].copy()
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    assert document.evidence.levels[0][150, 120] == FOREGROUND
    qtbot.keyClick(window.canvas, Qt.Key.Key_R)
    window.canvas.set_diameter(60)
    drag(qtbot, window, [(90, 150), (160, 150)], LEFT)
    assert np.array_equal(document.evidence.levels[0], untouched)


def test_running_the_model_again_keeps_corrections(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    open_all(qtbot, window, pictures)
    document = document_of(window)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    with qtbot.waitSignal(window.canvas.zoom_changed, raising=False, timeout=1):
        pass
    answers = []
    window.workspace.answered.connect(lambda: answers.append(1))
    window.action("run").trigger()
    qtbot.waitUntil(lambda: bool(answers), timeout=20000)
    assert (document.corrections[150, 100:140] == 2).all()
    assert document.mask()[150, 100:140].all()


def test_next_and_previous_keep_the_work(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    open_all(qtbot, window, pictures)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    qtbot.keyClick(window.canvas, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: window.windowTitle().startswith("b.png"), timeout=20000)
    qtbot.keyClick(window.canvas, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: window.windowTitle().startswith("a.png"), timeout=20000)
    document = document_of(window)
    assert (document.corrections[150, 100:140] == 2).all()
    wait_until_saved(qtbot, window)


def test_another_picture_drops_the_stale_answer(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    open_all(qtbot, window, pictures)
    for index in (1, 2, 0, 2):
        window.workspace.open(window.workspace.pictures.shown[index])
    wait_for_answer(qtbot, window)
    document = document_of(window)
    assert (document.height, document.width) == (240, 260)
    assert document.probability is not None
    assert document.probability.shape == (240, 260)


def test_closing_asks_nothing_and_keeps_the_work(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    open_all(qtbot, window, pictures)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    document, facts = window.workspace.document, window.workspace.review.record
    assert document is not None
    assert window.close()
    kept = window.workspace.store.place(document.image.sha256).load(facts.sha256, 300, 320)
    assert kept is not None
    assert np.array_equal(kept.corrections, document.corrections)
    assert [edit.name for edit in kept.done] == ["Brush"]


def test_bad_files_are_told_and_the_window_goes_on(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not a picture")
    window.open_paths([bad])
    qtbot.waitUntil(window.notice.isVisible, timeout=20000)
    assert "bad.png" in window.notice.label.text()
    model = tmp_path / "bad.onnx"
    model.write_bytes(b"not a model")
    open_all(qtbot, window, pictures)
    assert "bad.png" not in window.notice.label.text() or not window.notice.isVisible()
    window.workspace.use_model(str(model))
    qtbot.waitUntil(lambda: "bad.onnx" in window.notice.label.text(), timeout=20000)
    assert window.notice.isVisible()
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    document = document_of(window)
    assert document.mask()[150, 120]


def test_a_folder_without_pictures_is_told(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    window.open_paths([tmp_path / "empty"])
    qtbot.waitUntil(window.notice.isVisible)
    assert "holds no pictures" in window.notice.label.text()


def test_dropped_files_are_opened(qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(pictures / "c.png"))])
    drop = QDropEvent(QPointF(10, 10), Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier)
    window.dropEvent(drop)
    wait_for_answer(qtbot, window)
    assert window.windowTitle().startswith("c.png")
    other = tiny_vessel_model(tmp_path / "other.onnx", name="Other")
    model = QMimeData()
    model.setUrls([QUrl.fromLocalFile(str(other))])
    window.dropEvent(
        QDropEvent(QPointF(10, 10), Qt.DropAction.CopyAction, model, LEFT, Qt.KeyboardModifier.NoModifier)
    )
    qtbot.waitUntil(
        lambda: window.workspace.model is not None and window.workspace.model.card.name == "Other",
        timeout=20000,
    )


def data_of(*urls: QUrl) -> QMimeData:
    data = QMimeData()
    data.setUrls(list(urls))
    return data


def test_a_study_dropped_with_a_model_says_that_its_own_answers(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    from vesselapp.study.study import Study

    study = Study.create(tmp_path / "study", roots=[pictures])
    paths = (tiny_vessel_model(tmp_path / "other.onnx", name="Other"), study.folder)
    data = data_of(*(QUrl.fromLocalFile(str(path)) for path in paths))
    window.dropEvent(
        QDropEvent(QPointF(10, 10), Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier)
    )
    assert "own model answers first" in window.status.task.text()
    wait_for_answer(qtbot, window)
    assert window.workspace.model is not None
    assert window.workspace.model.card.name != "Other"


def test_pictures_dropped_with_a_model_are_opened_and_asked_of_it(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, pictures)
    other = tiny_vessel_model(tmp_path / "other.onnx", name="Other")
    data = data_of(
        *(QUrl.fromLocalFile(str(path)) for path in (other, pictures / "b.png", pictures / "c.png"))
    )
    window.dropEvent(
        QDropEvent(QPointF(10, 10), Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier)
    )

    def is_answered() -> bool:
        model = window.workspace.model
        answered = window.workspace.answer is not None and model is not None
        return answered and model.card.name == "Other" and window.windowTitle().startswith("b.png")

    qtbot.waitUntil(is_answered, timeout=20000)
    assert [entry.name for entry in window.workspace.pictures.entries] == ["b.png", "c.png"]


def test_only_files_are_taken_when_something_is_dragged_over_the_window(window: MainWindow) -> None:
    for url, taken in ((QUrl("https://example.org/a.png"), False), (QUrl.fromLocalFile("/a.png"), True)):
        data = data_of(url)
        enters = QDragEnterEvent(
            QPoint(10, 10), Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier
        )
        enters.ignore()
        window.dragEnterEvent(enters)
        assert enters.isAccepted() == taken


def test_an_unwritable_export_folder_is_told(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, pictures)
    (tmp_path / "file").write_bytes(b"")
    export(qtbot, window, tmp_path / "file", "mask")
    assert window.notice.isVisible()
    assert "file" in window.notice.label.text()


def test_the_export_dialog_says_what_the_export_would_say(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_all(qtbot, window, pictures)
    said: list[str] = []

    def look(dialog: ExportDialog) -> QDialog.DialogCode:
        said.append(dialog._warning.text().strip())
        return QDialog.DialogCode.Rejected

    monkeypatch.setattr(ExportDialog, "exec", look)
    folder, mask = tmp_path / "out", tmp_path / "out" / "a_mask.png"
    export(qtbot, window, folder, "mask")
    window.action("export").trigger()
    mask.rename(tmp_path / "ours.png")
    window.action("export").trigger()
    PIL.Image.new("L", (320, 300)).save(mask)
    window.action("export").trigger()
    export(qtbot, window, folder, "mask")
    assert said[:2] == ["Replaces the mask exported earlier.", ""]
    assert f"{mask} was there before and wasn't written by vesselapp" in said[2]
    assert said[2] in window.notice.label.text()


def test_escape_takes_the_stroke_back(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    open_all(qtbot, window, pictures)
    document = document_of(window)
    canvas = window.canvas
    qtbot.mousePress(canvas, LEFT, pos=canvas.place_of(100, 150))
    qtbot.mouseMove(canvas, canvas.place_of(140, 150))
    assert document.corrections.any()
    qtbot.keyClick(canvas, Qt.Key.Key_Escape)
    qtbot.mouseRelease(canvas, LEFT, pos=canvas.place_of(140, 150))
    assert not document.corrections.any()
    assert window.workspace.review is not None
    assert not window.workspace.review.touched
