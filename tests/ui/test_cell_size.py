"""The size of cells that a person sets is kept with the picture, and asked with ever after."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.tiny_models import tiny_vessel_model
from tests.ui.conftest import document_of, export, wait_for_rest, wait_until_saved
from tests.ui.test_end_to_end import LEFT, drag
from tests.ui.test_studies import (
    again,
    kept,
    open_study,
    press,
    until_kept,
    wait_for,
    wait_until_free,
)
from tests.ui.test_two_windows import looked_on
from vesselapp.core.evidence import quantise
from vesselapp.core.learnt import Head, Learnt
from vesselapp.core.model_card import ScaleSpec
from vesselapp.inference.model import load_model
from vesselapp.inference.predict import predict
from vesselapp.study.exchange import export_study
from vesselapp.study.kept import Kept
from vesselapp.study.record import State
from vesselapp.study.study import Study
from vesselapp.ui.window import MainWindow

__all__ = ["again"]  # a fixture
SIZE = 10


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """A model of dark cells, whose answer is blurred by as much as it takes the cells for large."""
    scale = ScaleSpec(kind="object_diameter", size=20)
    return tiny_vessel_model(tmp_path / "cells.onnx", name="Cells", scale=scale, blur=21, task="cells")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three pictures of dark squares."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed, name in enumerate("abc"):
        pixels = np.random.default_rng(seed).integers(180, 220, (200, 240, 3), np.uint8)
        for top in range(10, 200, 80):
            for left in range(10, 240, 80):
                pixels[top : top + 36, left : left + 36] = 10 * seed
        PIL.Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def study(pictures: Path, cells: Path) -> Study:
    """A study of the three pictures with the model of cells."""
    return Study.create(pictures, "Cells", model=str(cells))


def answer_at(cells: Path, picture: Path, size: float | None) -> np.ndarray:
    """Give what the model answers for cells of a size (px; None: as it finds them)."""
    with PIL.Image.open(picture) as stored:
        pixels = np.array(stored)
    return quantise(predict(load_model(cells, "cpu"), pixels, object_diameter=size).probability)


def set_size(qtbot: QtBot, window: MainWindow, size: int) -> None:
    """Move the slider, and wait for the answer."""
    assert not window.controls.model._size_row.isHidden()
    window.controls.model.size_slider.setValue(size)
    wait_for_rest(qtbot, window)


def size_shown(window: MainWindow) -> tuple[int, str]:
    panel = window.controls.model
    return panel.size_slider.value(), panel._size_words.text()


def is_kept(found: Kept) -> bool:
    return found.record is not None and found.record.object_diameter == SIZE


def close(window: MainWindow) -> None:
    assert window.close()
    window.workspace.jobs.close()


def test_in_a_study_it_is_asked_again_and_exported(
    qtbot: QtBot,
    window: MainWindow,
    study: Study,
    cells: Path,
    pictures: Path,
    tmp_path: Path,
    again: Callable[[], MainWindow],
) -> None:
    open_study(qtbot, window, study)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    found = document_of(window).mask()
    set_size(qtbot, window, SIZE)
    seen = document_of(window).mask()
    assert not np.array_equal(seen, found)
    export(qtbot, window, tmp_path / "one", "mask")
    assert json.loads((tmp_path / "one" / "a_mask.json").read_text())["object_diameter"] == SIZE
    until_kept(qtbot, study, "a.png", is_kept)
    close(window)
    outcome = export_study(study, tmp_path / "all", everything=True)
    assert outcome.stems == ["a", "b", "c"]
    with PIL.Image.open(tmp_path / "all" / "masks" / "a.png") as stored:
        assert np.array_equal(np.array(stored) > 0, seen)
    told = [json.loads((tmp_path / f"all/masks/{stem}_mask.json").read_text()) for stem in "ab"]
    assert [(facts["answer"], facts["object_diameter"]) for facts in told] == [
        ("computed at export", SIZE),
        ("computed at export", None),
    ]
    second = again()
    open_study(qtbot, second, study)
    assert np.array_equal(document_of(second).mask(), seen)
    assert size_shown(second) == (SIZE, f"{SIZE} px")
    set_size(qtbot, second, 7)  # found by the app again
    assert np.array_equal(document_of(second).mask(), found)
    close(second)
    record = kept(study, "a.png").record
    assert record is not None
    assert record.object_diameter is None


def test_of_a_picture_alone_it_is_kept_too(
    qtbot: QtBot, window: MainWindow, cells: Path, pictures: Path, again: Callable[[], MainWindow]
) -> None:
    window.workspace.use_model(str(cells))
    window.open_paths([pictures / "a.png"])
    wait_for(qtbot, window, "a.png")
    set_size(qtbot, window, SIZE)
    seen = document_of(window).mask()
    wait_until_saved(qtbot, window)
    close(window)
    second = again()
    second.workspace.use_model(str(cells))
    second.open_paths([pictures / "a.png"])
    wait_for(qtbot, second, "a.png")
    assert size_shown(second) == (SIZE, f"{SIZE} px")
    assert np.array_equal(document_of(second).mask(), seen)
    assert second.workspace.review is not None
    assert second.workspace.review.record.state is State.NEW  # as with a threshold alone


def test_each_picture_has_its_own_and_a_new_one_the_last_that_was_set(
    qtbot: QtBot, window: MainWindow, study: Study, cells: Path, pictures: Path
) -> None:
    open_study(qtbot, window, study)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    wait_for_rest(qtbot, window)
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "b.png")
    set_size(qtbot, window, SIZE)
    press(qtbot, window, Qt.Key.Key_A)
    wait_for(qtbot, window, "a.png")
    assert size_shown(window) == (7, "found")
    for name in ("b.png", "c.png"):
        wait_for_rest(qtbot, window)  # so that the next one is made ready ahead
        press(qtbot, window, Qt.Key.Key_D)
        wait_for(qtbot, window, name)
        assert size_shown(window) == (SIZE, f"{SIZE} px")
        assert np.array_equal(document_of(window).probability, answer_at(cells, pictures / name, SIZE))
    press(qtbot, window, Qt.Key.Key_A)
    wait_for(qtbot, window, "b.png")
    press(qtbot, window, Qt.Key.Key_A)
    wait_for(qtbot, window, "a.png")
    assert np.array_equal(document_of(window).probability, answer_at(cells, pictures / "a.png", None))
    close(window)
    sizes = [record.object_diameter for _key, record in study.records()]
    assert sizes == [None, SIZE]  # of c.png, which was only looked at, nothing is kept


def test_a_review_holds_where_the_same_is_asked_again(
    qtbot: QtBot, window: MainWindow, study: Study, again: Callable[[], MainWindow]
) -> None:
    open_study(qtbot, window, study)
    set_size(qtbot, window, SIZE)
    press(qtbot, window, Qt.Key.Key_2)
    before = until_kept(qtbot, study, "a.png", lambda found: found.answer is not None and is_kept(found))
    close(window)
    second = again()
    open_study(qtbot, second, study)
    assert size_shown(second)[0] == SIZE
    second.action("run").trigger()
    wait_for_rest(qtbot, second)
    assert size_shown(second)[0] == SIZE
    set_size(qtbot, second, 30)  # it keeps its answer, and what that was asked with
    assert "keeps its answer" in second.notice.label.text()
    close(second)
    after = kept(study, "a.png")
    assert after.record is not None
    assert (after.record.state, after.record.object_diameter) == (State.REVIEWED, SIZE)
    assert np.array_equal(after.mask(), before.mask())


def test_where_the_run_is_stopped_the_size_of_the_answer_in_sight_stays(
    qtbot: QtBot, window: MainWindow, study: Study
) -> None:
    open_study(qtbot, window, study)
    set_size(qtbot, window, SIZE)
    seen, review = document_of(window).mask(), window.workspace.review
    assert review is not None
    window.controls.model.size_slider.setValue(30)
    assert review.record.object_diameter == 30
    window.workspace.cancel()
    wait_for_rest(qtbot, window)
    qtbot.waitUntil(lambda: review.record.object_diameter == SIZE, timeout=20000)
    assert size_shown(window)[0] == SIZE
    assert np.array_equal(document_of(window).mask(), seen)
    close(window)
    assert is_kept(kept(study, "a.png"))


def test_a_size_that_was_set_just_before_leaving_is_asked_on_coming_back(
    qtbot: QtBot, window: MainWindow, study: Study, cells: Path, pictures: Path
) -> None:
    open_study(qtbot, window, study)
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    wait_for_rest(qtbot, window)
    for size in (SIZE, 30):
        window.controls.model.size_slider.setValue(size)
        press(qtbot, window, Qt.Key.Key_D)
        press(qtbot, window, Qt.Key.Key_A)
        wait_for(qtbot, window, "a.png")
        wait_for_rest(qtbot, window)
        assert size_shown(window)[0] == size
        assert np.array_equal(document_of(window).probability, answer_at(cells, pictures / "a.png", size))
    close(window)
    record = kept(study, "a.png").record
    assert record is not None
    assert record.object_diameter == 30


def test_who_looked_on_takes_the_size_that_another_has_set(
    qtbot: QtBot, window: MainWindow, study: Study, again: Callable[[], MainWindow]
) -> None:
    second = looked_on(qtbot, window, study, again)
    wait_for_rest(qtbot, second)
    set_size(qtbot, window, SIZE)
    seen = document_of(window).mask()
    close(window)
    wait_until_free(qtbot, second)
    wait_for_rest(qtbot, second)
    assert np.array_equal(document_of(second).mask(), seen)
    assert size_shown(second)[0] == SIZE
    close(second)
    assert is_kept(kept(study, "a.png"))


def test_a_model_that_works_at_no_size_says_nothing_of_it(
    qtbot: QtBot, window: MainWindow, study: Study, tmp_path: Path
) -> None:
    open_study(qtbot, window, study)
    set_size(qtbot, window, SIZE)
    window.workspace.use_model(str(tmp_path / "tiny.onnx"))
    wait_for_rest(qtbot, window)
    press(qtbot, window, Qt.Key.Key_D)
    wait_for(qtbot, window, "b.png")
    drag(qtbot, window, [(100, 150), (140, 150)], LEFT)
    export(qtbot, window, tmp_path / "out", "mask")
    assert json.loads((tmp_path / "out" / "b_mask.json").read_text())["object_diameter"] is None
    close(window)
    assert [record.object_diameter for _key, record in study.records()] == [SIZE, None]


def test_another_size_ends_no_lesson(qtbot: QtBot, window: MainWindow, pictures: Path, cells: Path) -> None:
    window.workspace.use_model(str(cells))
    window.open_paths([pictures / "a.png"])
    wait_for(qtbot, window, "a.png")
    opened = document_of(window)
    of_model = window.workspace.model
    assert of_model is not None
    lesson = Learnt(Head((0.01,) * 3, 0.0), of_model.sha256, 500)
    opened.learn("Learn", lesson)
    wait_for_rest(qtbot, window)
    assert opened.adapted == lesson
    before = opened.probability
    set_size(qtbot, window, SIZE)
    assert opened.adapted == lesson
    assert not np.array_equal(opened.probability, before)
