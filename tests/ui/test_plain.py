"""Names that hold signs of Qt's: they are shown as they are."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextDocumentFragment
from PySide6.QtWidgets import QLabel, QMenu
from pytestqt.qtbot import QtBot

from vesselapp.state.pictures import Entry, PictureList
from vesselapp.state.sources import Source
from vesselapp.ui.export_dialog import ExportDialog
from vesselapp.ui.panels.picture_rows import PictureModel
from vesselapp.ui.plain import tip
from vesselapp.ui.window import MainWindow


def test_names_in_boxes_and_menus_keep_their_ampersand(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    dialog = ExportDialog(tmp_path, "H&E 40%_s01", ("mask",))
    qtbot.addWidget(dialog)
    assert "H&&E 40%_s01_mask.png" in dialog.boxes["mask"].text()
    window.workspace.settings.recent_studies = [str(tmp_path / "H&E study")]
    menu = QMenu()
    window.studies.fill_recent(menu)
    assert menu.actions()[0].text().startswith("H&&E study")
    window.notice.show_text("Not for it.", "Use H&E cells")
    assert window.notice.button.text() == "Use H&&E cells"


@pytest.mark.parametrize("name", ["<b>bold.png", "line\nbreak.png", "x" * 230 + ".png", "H&amp;E.png"])
def test_the_tooltip_of_a_picture_says_its_name_and_wraps_it(qtbot: QtBot, name: str) -> None:
    pictures = PictureList()
    view = QLabel()
    qtbot.addWidget(view)
    source = Source(name, lambda: None, Path("/pictures") / name)  # type: ignore[arg-type,return-value]
    pictures.set_entries([Entry(source)])
    said = PictureModel(pictures, view).index(0).data(Qt.ItemDataRole.ToolTipRole)
    plain = QTextDocumentFragment.fromHtml(said).toPlainText().replace("\u200b", "")
    assert plain == f"{Path('/pictures') / name}\nnew"
    widest = QLabel(said)
    qtbot.addWidget(widest)
    widest.setWordWrap(True)
    assert widest.minimumSizeHint().width() < 700


def test_nothing_has_no_tooltip() -> None:
    assert tip("", "") == ""


def test_what_is_taken_back_from_a_notice_leaves_the_rest_as_it_was(window: MainWindow) -> None:
    notice = window.notice
    notice.show_text("a  b.png is written.")
    notice.take_back("")
    notice.add_text("Not for it.", "Use cells")
    assert notice.label.text() == "a  b.png is written. Not for it."
    assert not notice.button.isHidden()
    notice.take_back("Not for it.")
    assert notice.label.text() == "a  b.png is written."
    assert notice.button.isHidden()
    notice.take_back("a  b.png is written.")
    assert notice.isHidden()
