"""Choosing models in the window: the card, foreign files, cell sizes, big pictures by parts."""

import dataclasses
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from pytestqt.qtbot import QtBot

from tests.inference.foreign_models import disc_picture, foreign_model, lost_in_red
from tests.tiny_models import tiny_vessel_model
from tests.ui.conftest import document_of, wait_for_answer
from vesselapp.core.model_card import Figures, ModelCard, Source
from vesselapp.inference import suitability
from vesselapp.inference.cards import kept_card
from vesselapp.inference.catalog import ModelEntry
from vesselapp.state import asking
from vesselapp.state.brush import Brush
from vesselapp.ui.model_dialog import card_html
from vesselapp.ui.window import MainWindow


def test_a_foreign_model_can_be_corrected_while_watching(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    picture, disc = disc_picture()
    PIL.Image.fromarray(picture).save(tmp_path / "disc.png")
    window.workspace.use_model(str(foreign_model(tmp_path / "foreign.onnx")))
    window.open_paths([tmp_path / "disc.png"])
    wait_for_answer(qtbot, window)
    document, model = window.workspace.document, window.workspace.model
    assert document is not None
    assert model is not None
    assert np.mean(document.mask() == disc) > 0.97
    window.commands.show_model()
    dialog = window.commands.model_dialog
    assert dialog is not None
    assert dialog.fields["output.meaning"].isVisible()
    field = dialog.fields["input.high"]
    assert field.currentText() == "0 to 1"
    field.setCurrentText("0 to 255")
    answers: list[int] = []
    window.workspace.answered.connect(lambda: answers.append(1))
    field.activated.emit(field.currentIndex())
    qtbot.waitUntil(lambda: bool(answers), timeout=20000)
    assert not document.mask().any() or np.mean(document.mask() == disc) < 0.9
    kept = kept_card(model.sha256)
    assert kept is not None
    assert kept.input.high == 255.0
    assert "input.high" not in kept.guessed


def test_an_answer_that_is_no_number_is_told_and_costs_nothing(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SHOW_PARTS_PX", 1)
    pixels = np.asarray(PIL.Image.open(pictures / "a.png")).copy()
    pixels[100:120, 100:120] = (255, 0, 0)
    PIL.Image.fromarray(pixels).save(pictures / "a.png")
    window.open_paths([pictures / "a.png"])
    wait_for_answer(qtbot, window)
    document, sound = window.workspace.document, window.workspace.answer
    assert document is not None
    document.begin_stroke()
    document.paint((150, 150), (170, 150), 9, Brush.PAINT)
    document.end_stroke("Brush")
    before, answered = document.mask(), document.probability
    window.workspace.use_model(str(lost_in_red(tmp_path / "lost.onnx", "Sqrt")))
    words = "Lost in red failed: its answer holds values that are no numbers"
    qtbot.waitUntil(lambda: words in window.notice.label.text(), timeout=20000)
    assert window.notice.isVisible()
    assert not window.workspace.asking.running
    assert window.workspace.answer is sound
    assert document.probability is answered
    assert np.array_equal(document.mask(), before)


def test_a_model_with_a_card_shows_it_and_asks_nothing(
    qtbot: QtBot, window: MainWindow, pictures: Path
) -> None:
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)
    window.controls.model.about_button.click()
    dialog = window.commands.model_dialog
    assert dialog is not None
    assert not dialog.fields["input.high"].isVisible()


def test_a_warning_goes_with_the_answer_it_was_of(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    window.open_paths([pictures / "a.png"])
    wait_for_answer(qtbot, window)
    asked, sound = window.workspace.asking, window.workspace.answer
    assert sound is not None
    asked.take(None, dataclasses.replace(sound, warnings=("This looks like something else.",)))
    assert window.notice.isVisible()
    assert window.notice.label.text() == "This looks like something else."
    asked.take(None, sound)
    assert not window.notice.isVisible()
    window.notice.show_text("The disk is full.")
    asked.take(None, sound)
    assert window.notice.isVisible()


def test_why_a_model_could_not_answer_goes_when_another_does(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    window.open_paths([pictures / "a.png"])
    wait_for_answer(qtbot, window)
    answers: list[int] = []
    window.workspace.answered.connect(lambda: answers.append(1))
    window.workspace.use_model(str(tmp_path / "gone.onnx"))
    qtbot.waitUntil(lambda: "There is no model" in window.notice.label.text(), timeout=20000)
    assert window.notice.isVisible()
    window.workspace.use_model(str(tmp_path / "tiny.onnx"))
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=20000)
    assert not window.notice.isVisible()
    window.workspace.use_model(str(tmp_path / "gone.onnx"))
    qtbot.waitUntil(window.notice.isVisible, timeout=20000)
    window.notice.show_text("The disk is full.")
    window.workspace.use_model(str(tmp_path / "tiny.onnx"))
    qtbot.waitUntil(lambda: len(answers) == 2, timeout=20000)
    assert window.notice.isVisible()


def test_a_picture_of_the_other_kind_offers_its_model(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    window.open_paths([pictures / "a.png"])
    wait_for_answer(qtbot, window)
    sound = window.workspace.answer
    assert sound is not None
    panel = window.controls.model
    panel.show_models([ModelEntry("smears", tmp_path / "smears.onnx", False, "cells")])
    asked = window.workspace.asking
    asked.take(None, dataclasses.replace(sound, warnings=(suitability.NOT_FUNDUS,)))
    assert window.notice.button.isVisible()
    assert window.notice.button.text() == "Use smears"
    window.notice.button.click()
    assert window.workspace.wanted_model()[0] == str(tmp_path / "smears.onnx")
    asked.take(None, dataclasses.replace(sound, warnings=(suitability.BLURRED,)))
    assert not window.notice.button.isVisible()
    asked.take(None, dataclasses.replace(sound, warnings=(suitability.FUNDUS,)))
    assert not window.notice.button.isVisible(), "no model for vessels is listed"


def test_the_card_is_shown_with_everything_it_says_and_no_markup_of_its_own() -> None:
    card = ModelCard(
        name="<b>x</b>",
        threshold=0.4,
        limits=("fails on <cats>",),
        training_data=(
            Source(name="SET", licence="CC BY 4.0", credit="A & B", pictures=7),
            Source(name="drawn", licence="own"),
            Source(name="encoder", licence="not stated", pictures=None),
        ),
        validation=(
            Figures(name="held back", pictures=5, values={"dice": 0.8}, intervals={"dice": (0.7, 0.9)}),
        ),
    )
    page = card_html(card, "cpu")
    for words in (
        "&lt;b&gt;x&lt;/b&gt;",
        "fails on &lt;cats&gt;",
        "SET, 7 pictures",
        "drawn, pictures drawn as it learnt, own",
        "encoder, an unknown number of pictures, not stated",
        "A &amp; B",
        "0.800 (0.700 to 0.900)",
    ):
        assert words in page


def test_a_big_picture_is_shown_by_parts_from_what_is_in_sight(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SHOW_PARTS_PX", 1)
    pixels = np.random.default_rng(0).integers(0, 255, (900, 1200, 3), np.uint8)
    PIL.Image.fromarray(pixels).save(tmp_path / "big.png")
    model = tiny_vessel_model(tmp_path / "as_is.onnx", tile=128, overlap=32)
    window.workspace.use_model(str(model))
    window.open_paths([tmp_path / "big.png"])
    qtbot.waitUntil(lambda: window.workspace.document is not None, timeout=20000)
    document = document_of(window)
    parts: list[tuple[int, int]] = []
    show = document.show_part

    def watched(left: int, top: int, part: np.ndarray) -> None:
        parts.append((left, top))
        show(left, top, part)

    monkeypatch.setattr(document, "show_part", watched)
    wait_for_answer(qtbot, window)
    assert parts
    by_parts = document.evidence.levels[0].copy()
    document.drop_parts()
    assert np.array_equal(document.evidence.levels[0], by_parts)
