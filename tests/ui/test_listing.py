"""What is kept of the pictures is listed while a person is at work on them already."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.reviewing import picture_named
from tests.ui.test_studies import kept, open_study, press, study, until_kept, wait_for
from vesselapp.core.errors import VesselError
from vesselapp.core.files import file_sha256
from vesselapp.state.pictures import Mark
from vesselapp.study.record import ImageFacts, Record, State
from vesselapp.study.study import Study
from vesselapp.ui.window import MainWindow

__all__ = ["study"]


@pytest.fixture
def slow_listing(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Records are read at once, and handed over when the event is set."""
    go_on, records = threading.Event(), Study.records

    def slow(self: Study, unreadable: dict[str, VesselError]) -> Iterator[tuple[object, Record]]:
        found = list(records(self, unreadable))
        assert go_on.wait(30)
        yield from found

    monkeypatch.setattr(Study, "records", slow)
    yield go_on
    go_on.set()


def write_record(study: Study, name: str, state: State) -> None:
    picture = picture_named(study, name)
    facts = ImageFacts(name, file_sha256(picture.path), *size_of(picture.path), picture.relative)
    writer = study.place(picture).open("ann", facts)
    writer.write_record(Record(name, facts.sha256, facts.height, facts.width, facts.path, state=state))
    writer.close()


def size_of(path: Path) -> tuple[int, int]:
    import PIL.Image

    with PIL.Image.open(path) as picture:
        return picture.height, picture.width


def test_an_older_record_doesnt_take_a_states_place(
    qtbot: QtBot, window: MainWindow, study: Study, slow_listing: threading.Event
) -> None:
    for name in ("a.png", "b.png"):
        write_record(study, name, State.IN_PROGRESS)
    write_record(study, "c.png", State.FLAGGED)
    open_study(qtbot, window, study)
    press(qtbot, window, Qt.Key.Key_Q)
    wait_for(qtbot, window, "b.png")
    press(qtbot, window, Qt.Key.Key_2)
    slow_listing.set()
    marks = [Mark.REVIEWED, Mark.REVIEWED, Mark.FLAGGED]
    shown = window.workspace.pictures.shown
    qtbot.waitUntil(lambda: shown[2].mark is Mark.FLAGGED, timeout=20000)
    assert [entry.mark for entry in shown] == marks
    assert window.pictures.count.text() == "2 of 3 reviewed"
    until_kept(qtbot, study, "b.png", lambda found: found.answer is not None)
    assert window.close()
    assert kept(study, "a.png").record.state is State.REVIEWED  # type: ignore[union-attr]
