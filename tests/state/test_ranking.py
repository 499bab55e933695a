"""Pictures ranked by how doubtful a model's answers are."""

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.inference.foreign_models import foreign_model
from tests.study.studies import draw
from tests.tiny_models import tiny_vessel_model
from vesselapp.core.image import Image as Picture
from vesselapp.core.image import read_image
from vesselapp.inference.cards import correct_card, keep_card
from vesselapp.inference.model import load_model
from vesselapp.state.finding import Question
from vesselapp.state.pictures import Entry
from vesselapp.state.ranking import Doubts, Ranking
from vesselapp.state.sources import Source


@pytest.mark.parametrize("turned", [False, True])
def test_a_ranking_ends_where_another_model_answers_meanwhile(tmp_path: Path, turned: bool) -> None:
    paths = [draw(tmp_path / f"{number}.png", number) for number in range(6)]
    entries = [Entry(Source(path.name, partial(read_image, path), path)) for path in paths]
    model = tiny_vessel_model(tmp_path / "tiny.onnx")
    ranking, ended, told = (
        Ranking(lambda work: work(), Doubts(tmp_path), lambda: False),
        threading.Event(),
        [],
    )

    def turn(_: Entry) -> None:
        if ranking.done == 3 and turned:
            ranking.recall(entries, "f" * 64)

    def end(words: str) -> None:
        told.append(words)
        ended.set()

    ranking.found.connect(turn)
    ranking.ended.connect(end)
    ranking.start(entries, Question(str(model), "vessels", "cpu"))
    assert ended.wait(30)
    assert told == ["Ranking was stopped." if turned else "Ranked by doubt."]
    assert [entry.doubt is None for entry in entries] == [turned] * 6


def rank(entry: Entry, model: Path, folder: Path) -> float | None:
    """Rank one picture alone, and give its doubt."""
    ranking, ended = Ranking(lambda work: work(), Doubts(folder), lambda: False), threading.Event()
    ranking.ended.connect(lambda _: ended.set())
    ranking.start([entry], Question(str(model), "vessels", "cpu"))
    assert ended.wait(30)
    return entry.doubt


@pytest.mark.parametrize("in_sight", [False, True])
def test_the_doubt_in_a_picture_is_not_taken_for_that_in_one_put_in_its_place(
    tmp_path: Path, in_sight: bool
) -> None:
    path, new = tmp_path / "a.png", draw(tmp_path / "new.png", 1)
    Image.fromarray(np.full((300, 300, 3), 255, np.uint8)).save(path)
    model = tiny_vessel_model(tmp_path / "tiny.onnx")

    def read_before_it_is_replaced() -> Picture:
        image = read_image(path)
        new.replace(path)
        return image

    entry = Entry(Source("a.png", read_before_it_is_replaced, path), "")
    if in_sight:
        ranking, seen = Ranking(lambda work: work(), Doubts(tmp_path / "doubts"), lambda: False), []
        ranking.found.connect(seen.append)
        doubtless = np.full((300, 300), 1, np.uint8)
        reading = load_model(model, "cpu").reading
        answer = SimpleNamespace(probability=doubtless, threshold=0.5, reading=reading)
        ranking.note(entry, read_before_it_is_replaced(), answer)  # type: ignore[arg-type]
        wait_for(lambda: seen)
    else:
        rank(entry, model, tmp_path / "doubts")
    assert entry.doubt == 0
    entry = Entry(Source("a.png", partial(read_image, path), path))
    doubt = rank(entry, model, tmp_path / "doubts")
    assert doubt
    assert doubt == rank(entry, model, tmp_path / "other doubts")


def test_a_corrected_model_is_asked_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    y, x = np.mgrid[:200, :240]
    waves = 127 + 60 * np.sin(x / 20) * np.sin(y / 25)
    Image.fromarray(waves.astype(np.uint8)).save(path)
    entry = Entry(Source("a.png", partial(read_image, path), path))
    foreign = foreign_model(tmp_path / "foreign.onnx", answer="logit")
    guessed = rank(entry, foreign, tmp_path / "doubts")
    model = load_model(foreign, "cpu")
    assert Doubts(tmp_path / "doubts").get(model.reading, path) == pytest.approx(guessed)
    keep_card(model.sha256, correct_card(model.card, {"input.mean": [0.1]}))
    corrected = rank(entry, foreign, tmp_path / "doubts")
    assert corrected != pytest.approx(guessed)
    assert corrected == rank(entry, foreign, tmp_path / "other doubts")


def wait_for(met: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not met() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert met()


def test_nothing_is_told_once_it_is_closed(tmp_path: Path) -> None:
    path = draw(tmp_path / "a.png", 1)
    entry, waiting, told = Entry(Source("a.png", partial(read_image, path), path)), [], []
    ranking = Ranking(waiting.append, Doubts(tmp_path), lambda: False)
    ranking.found.connect(told.append)
    ranking.recalled.connect(told.append)
    answer = SimpleNamespace(probability=np.full((4, 4), 99, np.uint8), threshold=0.5, reading="f" * 64)
    ranking.note(entry, read_image(path), answer)  # type: ignore[arg-type]
    ranking.recall([entry], "f" * 64)
    wait_for(lambda: len(waiting) == 2)
    waiting.pop(0)()
    assert len(told) == 1
    ranking.close(1.0)
    waiting.pop(0)()
    assert len(told) == 1
