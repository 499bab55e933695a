"""Learning from the open picture without a window: what happens meanwhile, whose answer stays in sight."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.bars import SIDE, bars
from tests.tiny_models import tiny_vessel_model
from vesselapp.core.evidence import Correction, mask_of
from vesselapp.core.geometry import Box
from vesselapp.core.image import Image
from vesselapp.core.learnt import Learnt
from vesselapp.core.pyramid import Pyramid, halve_pixels
from vesselapp.core.tools.doubtful import doubtful_places
from vesselapp.state.asking import Asking
from vesselapp.state.document import Document
from vesselapp.state.jobs import Jobs
from vesselapp.state.learning import NAME, Learning
from vesselapp.state.settings import Settings

WHOLE = Box(0, 0, SIDE, SIDE)


class Desk:
    """An open picture with its answer, and what learns from it; calls wait until they are taken."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls = folder, queue.Queue[Callable[[], None]]()
        self.jobs = Jobs(self.calls.put)
        self.asking = Asking(self.jobs, Settings())
        self.learning = Learning(self.jobs, self.asking)
        self.said: list[str] = []
        self.learning.told.connect(self.said.append)
        self.learning.failed.connect(lambda error: self.said.append(str(error)))
        pixels, self.truth = bars()
        image = Image(pixels, folder / "a.png", "0" * 64)
        self.document = Document(image, Pyramid(pixels, halve_pixels), 0.5)
        self.asking.answered.connect(self._note)
        self.asking.follow(self.document, None)
        self.learning.follow(self.document)
        self.use("one")

    def use(self, name: str) -> None:
        """Ask a model, which is another one under another name."""
        self.asking.choose(str(tiny_vessel_model(self.folder / f"{name}.onnx", name=name, task="other")))
        self.asking.ask()
        self.settle()

    def _note(self) -> None:
        assert self.asking.answer is not None
        self.learning.note_answer(self.asking.answer)

    def settle(self) -> None:
        """Take calls until nothing is under way."""
        while self.asking.running or self.learning.running:
            self.calls.get(timeout=60)()

    def correct(self, rows: slice = slice(0, 100)) -> None:
        """Correct what is wrong in some rows, and confirm some of the background."""
        mask, inside = self.document.mask(), np.zeros((SIDE, SIDE), bool)
        inside[rows] = True
        some = np.arange(SIDE)[:, None] % 7 == 0
        self.document.change("Brush", [(WHOLE, inside & self.truth & ~mask)], Correction.FOREGROUND)
        self.document.change("Erase", [(WHOLE, inside & ~self.truth & some)], Correction.BACKGROUND)

    def learn(self) -> None:
        self.learning.learn()
        self.settle()

    def judge(self) -> None:
        """Take what is in sight as read from disk, where a person judged it."""
        answer, plane = self.asking.answer, self.document.probability
        assert answer is not None
        assert plane is not None
        self.asking.take(None, replace(answer, probability=plane, judged=True, frame=None))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.learning.follow(None)
    desk.jobs.close()


def test_what_is_undone_meanwhile_is_not_learnt_from_and_can_be_redone(desk: Desk) -> None:
    desk.correct()
    own = desk.document.probability
    desk.learning.learn()
    desk.document.undo()
    desk.settle()
    assert "undone meanwhile" in desk.said[-1]
    assert desk.document.probability is own
    assert desk.document.history.redo_name == "Erase"
    assert NAME not in desk.document.history.names[0]


def test_what_is_corrected_meanwhile_can_be_learnt_from_afterwards(desk: Desk) -> None:
    desk.correct(slice(0, 100))
    desk.learning.learn()
    desk.correct(slice(100, 140))
    desk.settle()
    first = desk.document.adapted
    assert first is not None
    desk.learn()
    assert desk.document.adapted is not None
    assert desk.document.adapted.pixels > first.pixels
    desk.learn()
    assert "Nothing was corrected since" in desk.said[-1]


def test_where_nothing_may_be_changed_any_more_nothing_is_said_to_be_learnt(desk: Desk) -> None:
    desk.correct()
    own = desk.document.probability
    desk.learning.learn()
    desk.document.lock("Somebody else has it.")
    desk.settle()
    assert desk.said == []
    assert desk.document.probability is own
    assert desk.document.adapted is None
    assert not desk.document.history.ends_learnt


def test_while_the_model_is_being_asked_it_says_so(desk: Desk) -> None:
    desk.correct()
    desk.asking.ask(fresh=True)
    desk.learning.learn()
    assert "wait for the model" in desk.said[-1]
    assert not desk.learning.running
    desk.settle()
    desk.learn()
    assert desk.document.adapted is not None


def test_another_model_chosen_in_the_midst_stops_it(desk: Desk) -> None:
    desk.correct()
    desk.learning.learn()
    desk.learning.cancel()  # as the desk does before it asks
    desk.use("two")
    assert desk.document.adapted is None
    assert not desk.document.history.ends_learnt
    desk.learn()
    assert desk.document.adapted is not None


def test_what_was_learnt_with_another_model_can_be_learnt_again(desk: Desk) -> None:
    desk.correct()
    desk.learn()
    first = desk.document.adapted
    desk.use("two")
    assert desk.document.adapted is None
    assert "of another model" in desk.learning.unused
    desk.learn()
    assert desk.document.adapted not in (None, first)
    assert not desk.learning.unused


def test_a_judged_answer_of_another_model_is_not_replaced(desk: Desk) -> None:
    desk.correct()
    desk.judge()
    seen = desk.document.probability
    two = tiny_vessel_model(desk.folder / "two.onnx", name="two", task="other")
    desk.asking.choose(str(two))
    desk.learn()
    assert "not of the model in use" in desk.said[-1]
    assert desk.document.probability is seen
    assert not desk.document.history.ends_learnt


def test_a_judged_answer_of_the_same_model_is_learnt_on(desk: Desk) -> None:
    desk.correct()
    desk.judge()
    seen = desk.document.probability
    desk.learn()
    assert desk.document.adapted is not None
    desk.document.undo()
    desk.settle()
    assert seen is not None
    assert desk.document.probability is not None
    np.testing.assert_array_equal(desk.document.probability, seen)


def test_undoing_before_a_judged_answer_of_another_model_leaves_it_and_says_so(desk: Desk) -> None:
    desk.correct()
    desk.learn()
    desk.judge()
    seen, adapted = desk.document.probability, desk.document.adapted
    desk.learning.follow(None)
    desk.learning.follow(desk.document)  # opened again, by a person who uses another model
    desk._note()
    desk.asking.choose(str(tiny_vessel_model(desk.folder / "two.onnx", name="two", task="other")))
    desk.document.undo()
    desk.settle()
    assert "it stays" in desk.said[-1]
    assert desk.document.probability is seen
    assert desk.document.adapted == adapted
    count = len(desk.said)
    desk.document.redo()
    desk.settle()
    assert desk.document.probability is seen
    assert len(desk.said) == count


def test_threshold_and_doubtful_places_follow_the_adapted_answer(desk: Desk) -> None:
    desk.correct()
    before = doubtful_places(desk.document.evidence.levels[0], desk.document.level)
    desk.learn()
    document = desk.document
    assert document.probability is not None
    free = document.corrections == Correction.NONE
    for level in (60, 127, 200):
        document.set_level(level)
        wanted = mask_of(document.probability, level)
        np.testing.assert_array_equal(document.mask()[free], wanted[free])
        said = document.corrections == Correction.FOREGROUND
        assert document.mask()[said].all()
    document.set_level(127)
    assert doubtful_places(document.evidence.levels[0], 127) != before


def test_a_picture_left_and_come_back_to_keeps_what_was_learnt(desk: Desk) -> None:
    desk.correct()
    desk.learn()
    seen, answer = desk.document.probability, desk.asking.answer
    adapted = desk.document.adapted
    assert isinstance(adapted, Learnt)
    desk.learning.follow(None)
    desk.asking.follow(None, None)
    desk.asking.follow(desk.document, None)
    desk.learning.follow(desk.document)
    assert answer is not None
    desk.asking.take(None, answer)
    desk.settle()
    assert desk.document.probability is seen
    assert desk.document.adapted == adapted
