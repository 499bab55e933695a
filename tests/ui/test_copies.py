"""A picture that is in the list twice: work on one is shown with the other, wherever it is by then."""

import os
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.ui.conftest import document_of, wait_until_saved
from tests.ui.test_end_to_end import LEFT, drag
from tests.ui.test_studies import press, wait_for
from vesselapp.core.evidence import Correction
from vesselapp.core.files import file_sha256
from vesselapp.ui.window import MainWindow


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="which file is written is told there")
@pytest.mark.parametrize("from_the_start", [False, True])
def test_what_the_disk_refuses_of_one_copy_is_shown_with_the_other(
    qtbot: QtBot,
    window: MainWindow,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    from_the_start: bool,
) -> None:
    monkeypatch.setattr("vesselapp.state.sitting.RETRY_S", 0.05)
    monkeypatch.setattr("vesselapp.state.keeping.CLOSE_S", 0.2)
    shutil.copy(pictures / "a.png", pictures / "a copy.png")
    full, fsync = [from_the_start], os.fsync

    def checked(handle: int) -> None:
        if full[0] and "annotations" in str(Path(f"/proc/self/fd/{handle}").readlink()):
            raise OSError(28, os.strerror(28))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", checked)
    window.open_paths([pictures])
    wait_for(qtbot, window, "a copy.png")
    full[0] = True
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    for key, name in ((Qt.Key.Key_D, "a.png"), (Qt.Key.Key_A, "a copy.png"), (Qt.Key.Key_D, "a.png")):
        press(qtbot, window, key)
        wait_for(qtbot, window, name)
        assert document_of(window).corrections[150, 120] == Correction.FOREGROUND
        assert window.workspace.review is not None
        assert window.workspace.review.entry.name == name
    full[0] = False
    drag(qtbot, window, [(100, 200), (140, 200)], LEFT)
    wait_until_saved(qtbot, window)
    store = window.workspace.store.place(file_sha256(pictures / "a.png"))
    found = store.load(file_sha256(pictures / "a.png"), *document_of(window).corrections.shape)
    assert found is not None
    assert len(found.done) == 2
