"""The list of pictures on the left: thousands of rows, small copies, signs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from PySide6.QtCore import QMimeData, QPointF, QRectF, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDragMoveEvent, QDropEvent, QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.ui.conftest import wait_for_answer
from vesselapp.state.pictures import Entry, Mark, PictureList
from vesselapp.state.sources import Source
from vesselapp.state.thumbnails import Thumbnails
from vesselapp.study.record import State
from vesselapp.study.study import Study
from vesselapp.ui.marks import mark_colour, paint_mark
from vesselapp.ui.panels.pictures import PicturesPanel
from vesselapp.ui.window import MainWindow

MANY = 3000


class NoThumbnails(Thumbnails):
    """Notes what is asked for, and makes nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__(lambda call: call(), folder)
        self.asked: list[Path] = []

    def want(self, paths: object) -> None:
        self.asked = list(paths)  # type: ignore[call-overload]


@pytest.fixture
def panel(qtbot: QtBot, tmp_path: Path) -> PicturesPanel:
    pictures = PictureList()
    panel = PicturesPanel(pictures, NoThumbnails(tmp_path))
    qtbot.addWidget(panel)
    panel.resize(210, 600)
    panel.show()
    return panel


def entries(count: int) -> list[Entry]:
    def read() -> None:
        raise AssertionError("not read")

    made = [Entry(Source(f"p{n}.png", read, Path(f"/p{n}.png"))) for n in range(count)]  # type: ignore[arg-type]
    made[1].state = State.REVIEWED
    made[1].note = "look"
    return made


def asked(panel: PicturesPanel) -> list[Path]:
    assert isinstance(panel.thumbnails, NoThumbnails)
    return panel.thumbnails.asked


def test_small_copies_are_asked_for_only_where_the_list_is_in_sight(
    qtbot: QtBot, panel: PicturesPanel
) -> None:
    panel.pictures.set_entries(entries(MANY))
    qtbot.waitUntil(lambda: bool(asked(panel)), timeout=5000)
    assert asked(panel)[0].name == "p0.png"
    assert len(asked(panel)) < 100
    panel.view.verticalScrollBar().setValue(panel.view.verticalScrollBar().maximum())
    qtbot.waitUntil(lambda: asked(panel)[0].name != "p0.png", timeout=5000)
    assert Path(f"/p{MANY - 1}.png") in asked(panel)
    assert len(asked(panel)) < 100


def test_rows_say_what_they_show(panel: PicturesPanel) -> None:
    panel.pictures.set_entries(entries(3))
    index = panel.model.index(1)
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "p1.png, reviewed, note: look"
    assert "look" in index.data(Qt.ItemDataRole.ToolTipRole)
    assert panel.count.text() == "1 of 3 reviewed"


def test_a_click_wants_a_picture_opened(qtbot: QtBot, panel: PicturesPanel) -> None:
    panel.pictures.set_entries(entries(3))
    chosen: list[Entry] = []
    panel.chosen.connect(chosen.append)
    panel.chosen.connect(panel.pictures.set_current)
    place = panel.view.visualRect(panel.model.index(2)).center()
    qtbot.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert [entry.name for entry in chosen] == ["p2.png"]


def test_each_sign_has_a_shape_of_its_own(qapp: QApplication) -> None:
    shapes = []
    for mark in Mark:
        image = QImage(48, 48, QImage.Format.Format_RGB32)
        image.fill(QColor("white"))
        painter = QPainter(image)
        paint_mark(painter, QRectF(0, 0, 48, 48), mark, QColor("black"), QColor("white"))
        painter.end()
        raw = np.frombuffer(image.constBits(), np.uint8).reshape(48, 48, 4)[:, :, 0]
        shapes.append(raw < 128)
    for place, shape in enumerate(shapes):
        assert shape.any()
        for other in shapes[:place]:
            assert (shape != other).mean() > 0.02
    colours = {mark_colour(mark, qapp.palette()).name() for mark in Mark}
    assert len(colours) >= 4


def test_a_study_of_thousands_lists_and_scrolls(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    first = folder / "0.png"
    PIL.Image.fromarray(np.full((40, 50, 3), 90, np.uint8)).save(first)
    for number in range(1, MANY):
        (folder / f"{number}.png").hardlink_to(first)
    Study.create(folder, "Many", model=str(tmp_path / "tiny.onnx"))
    window.open_paths([folder])
    qtbot.waitUntil(lambda: window.pictures.model.rowCount() == MANY, timeout=20000)
    wait_for_answer(qtbot, window)
    panel = window.pictures
    assert panel.count.text() == f"0 of {MANY} reviewed"
    for share in (0.2, 0.9, 0.5, 1.0):
        bar = panel.view.verticalScrollBar()
        bar.setValue(round(bar.maximum() * share))
        QApplication.processEvents()
        panel.view.grab()
    last = window.workspace.pictures.shown[-1]
    assert last.name == f"{MANY - 1}.png"
    assert last.path is not None
    qtbot.waitUntil(lambda: panel.thumbnails.get(last.path)[0], timeout=20000)
    kept = list((window.workspace.cache / "thumbnails").glob("*.jpg"))
    assert 0 < len(kept) < 300
    window.workspace.open(last)
    qtbot.waitUntil(lambda: window.windowTitle().startswith(last.name), timeout=20000)
    assert not window.action("next").isEnabled()


@pytest.mark.parametrize("field", ["note", "text_field", "view"])
def test_a_file_dropped_on_a_field_is_opened_and_is_no_text(
    qtbot: QtBot, window: MainWindow, pictures: Path, field: str
) -> None:
    window.open_paths([pictures / "a.png"])
    wait_for_answer(qtbot, window)
    target, files = getattr(window.pictures, field), QMimeData()
    files.setUrls([QUrl.fromLocalFile(str(pictures / "b.png"))])
    files.setText(str(pictures / "b.png"))  # as some file managers say too
    at = target.mapTo(window, target.rect().center())
    how = Qt.DropAction.CopyAction, files, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    for event in (QDragEnterEvent(at, *how), QDragMoveEvent(at, *how), QDropEvent(QPointF(at), *how)):
        QApplication.sendEvent(window.windowHandle(), event)
    qtbot.waitUntil(lambda: window.workspace.name == "b.png", timeout=20000)
    assert window.pictures.note.toPlainText() == ""
    assert window.pictures.text_field.text() == ""
