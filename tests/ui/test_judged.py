"""What a person judged stays as it is, whatever is asked of the model afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.tiny_models import tiny_vessel_model
from tests.ui.conftest import document_of, wait_for_answer, wait_for_rest, wait_until_saved
from tests.ui.test_studies import again, kept, open_study, press, study, until_kept, wait_for
from vesselapp.state.workspace import Workspace
from vesselapp.study.kept import Kept
from vesselapp.study.record import State
from vesselapp.study.study import Study
from vesselapp.ui.window import MainWindow

__all__ = ["again", "study"]

CHANGES: dict[str, Callable[[Workspace], None]] = {
    "another provider": Workspace.reload_model,
    "another size of objects": lambda workspace: workspace.set_object_diameter(31.0),
    "a corrected card": lambda workspace: workspace.correct_model({"threshold": 0.2}),
}


def review_with_another_model(qtbot: QtBot, window: MainWindow, study: Study, tmp_path: Path) -> Kept:
    """Review a.png, then choose a model that answers otherwise."""
    open_study(qtbot, window, study)
    press(qtbot, window, Qt.Key.Key_2)
    before = until_kept(qtbot, study, "a.png", is_reviewed)
    other = tiny_vessel_model(tmp_path / "other.onnx", name="Other", threshold=0.2, blur=9)
    window.workspace.use_model(str(other))
    return before


def is_reviewed(found: Kept) -> bool:
    return found.answer is not None and found.record is not None and found.record.state is State.REVIEWED


def assert_untouched(found: Kept, before: Kept) -> None:
    assert before.answer is not None
    assert before.record is not None
    assert is_reviewed(found)
    assert found.record is not None
    assert (found.record.model, found.record.who) == (before.record.model, before.record.who)
    assert np.array_equal(found.answer, before.answer)
    assert np.array_equal(found.mask(), before.mask())


@pytest.mark.parametrize("change", list(CHANGES))
def test_another_setting_of_the_model_leaves_it(
    qtbot: QtBot, window: MainWindow, study: Study, tmp_path: Path, change: str
) -> None:
    before = review_with_another_model(qtbot, window, study, tmp_path)
    CHANGES[change](window.workspace)
    assert "keeps its answer" in window.notice.label.text()
    wait_for_rest(qtbot, window)
    assert np.array_equal(window.workspace.document.mask(), before.mask())  # type: ignore[union-attr]
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "b.png")
    assert window.close()
    assert_untouched(kept(study, "a.png"), before)


def test_run_on_ones_own_reviewed_picture_is_told(
    qtbot: QtBot, window: MainWindow, study: Study, tmp_path: Path
) -> None:
    review_with_another_model(qtbot, window, study, tmp_path)
    window.action("run").trigger()
    qtbot.waitUntil(lambda: "in progress again" in window.notice.label.text(), timeout=20000)
    review = window.workspace.review
    assert review is not None
    assert review.record.state is State.IN_PROGRESS
    wait_until_saved(qtbot, window)


def test_run_with_the_same_answer_leaves_it_reviewed(
    qtbot: QtBot, window: MainWindow, study: Study, tmp_path: Path
) -> None:
    open_study(qtbot, window, study)
    press(qtbot, window, Qt.Key.Key_2)
    before = until_kept(qtbot, study, "a.png", is_reviewed)
    window.action("run").trigger()
    assert window.workspace.desk.busy
    wait_for_rest(qtbot, window)
    assert not window.notice.isVisible()
    assert window.close()
    assert_untouched(kept(study, "a.png"), before)


def test_nothing_is_written_from_a_picture_that_can_only_be_looked_at(
    qtbot: QtBot,
    window: MainWindow,
    study: Study,
    tmp_path: Path,
    again: Callable[[], MainWindow],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vesselapp.state.sitting.KNOCK_S", 0.1)
    before = review_with_another_model(qtbot, window, study, tmp_path)
    second = again()
    second.open_paths([study.folder])
    qtbot.waitUntil(second.banner.isVisible, timeout=20000)
    wait_for_answer(qtbot, second)
    second.workspace.asking.choose(str(tmp_path / "other.onnx"))
    second.action("run").trigger()
    assert "only be looked at" in second.notice.label.text()
    second.workspace.reload_model()
    wait_for_rest(qtbot, second)
    assert window.close()
    document = document_of(second)
    qtbot.waitUntil(lambda: not document.locked, timeout=20000)
    assert np.array_equal(document.mask(), before.mask())
    assert second.close()
    assert_untouched(kept(study, "a.png"), before)
