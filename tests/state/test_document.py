"""The document under any sequence of strokes, undo, redo, thresholds and answers."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vesselapp.core import evidence as ev
from vesselapp.core.edits import TILE
from vesselapp.core.geometry import Box
from vesselapp.core.image import Image
from vesselapp.core.pyramid import Pyramid, halve_evidence, halve_pixels
from vesselapp.state.brush import Brush
from vesselapp.state.document import Document
from vesselapp.state.history import History

HEIGHT, WIDTH = 530, 600
points = st.tuples(st.integers(-50, WIDTH + 50), st.integers(-50, HEIGHT + 50))


def make_document(height: int = HEIGHT, width: int = WIDTH) -> Document:
    pixels = np.zeros((height, width, 3), np.uint8)
    return Document(Image(pixels, None, "0" * 64), Pyramid(pixels, halve_pixels), 0.5)


def stroke(document: Document, brush: Brush, diameter: int, *places: tuple[float, float]) -> None:
    document.begin_stroke()
    for start, end in zip(places, places[1:] or places, strict=False):
        document.paint(start, end, diameter, brush)
    document.end_stroke(brush.value)


class Editing(RuleBasedStateMachine):
    """Holds the document against a plain list of all corrections there ever were."""

    def __init__(self) -> None:
        super().__init__()
        self.document = make_document()
        self.past = [self.document.corrections.copy()]
        self.at = 0

    @rule(
        brush=st.sampled_from(list(Brush)),
        diameter=st.integers(1, 90),
        places=st.lists(points, min_size=1, max_size=4),
    )
    def paint(self, brush: Brush, diameter: int, places: list[tuple[float, float]]) -> None:
        stroke(self.document, brush, diameter, *places)
        if not np.array_equal(self.document.corrections, self.past[self.at]):
            self.past = [*self.past[: self.at + 1], self.document.corrections.copy()]
            self.at += 1

    @rule()
    def undo(self) -> None:
        assert self.document.undo() is (self.at > 0)
        self.at = max(0, self.at - 1)

    @rule()
    def redo(self) -> None:
        assert self.document.redo() is (self.at + 1 < len(self.past))
        self.at = min(len(self.past) - 1, self.at + 1)

    @rule(level=st.integers(2, 253))
    def threshold(self, level: int) -> None:
        self.document.set_level(level)

    @rule(seed=st.integers(0, 5))
    def answer(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.document.set_probability(random.integers(1, 254, (HEIGHT, WIDTH), np.uint8))

    @invariant()
    def corrections_are_kept_exactly(self) -> None:
        assert np.array_equal(self.document.corrections, self.past[self.at])

    @invariant()
    def evidence_is_what_both_say(self) -> None:
        probability = self.document.probability
        if probability is None:
            probability = np.full((HEIGHT, WIDTH), ev.LOWEST, np.uint8)
        expected = Pyramid(ev.compose(probability, self.document.corrections), halve_evidence)
        for kept, derived in zip(self.document.evidence.levels, expected.levels, strict=True):
            assert np.array_equal(kept, derived)


Editing.TestCase.settings = settings(max_examples=25, stateful_step_count=20)
TestEditing = Editing.TestCase


def test_an_edit_takes_few_bytes() -> None:
    document = make_document(4000, 6000)
    stroke(document, Brush.PAINT, 40, (0, 0), (6000, 4000))
    assert 0 < document.history.size <= 100_000


def test_a_stroke_that_changes_nothing_is_no_edit() -> None:
    document = make_document()
    stroke(document, Brush.RESTORE, 30, (100, 100))
    assert document.history.undo_name is None


def test_the_oldest_edits_go_when_the_cap_is_reached() -> None:
    document = make_document()
    document.history = History(cap_bytes=2000)
    for step in range(60):
        stroke(document, Brush.PAINT, 20, (10 + 9 * step, 200))
    assert document.history.size <= 2000
    kept = document.corrections.copy()
    steps = 0
    while document.undo():
        steps += 1
    assert 0 < steps < 60
    while document.redo():
        pass
    assert np.array_equal(document.corrections, kept)


def test_a_new_edit_forgets_what_was_undone() -> None:
    document = make_document()
    stroke(document, Brush.PAINT, 20, (100, 100))
    document.undo()
    stroke(document, Brush.PAINT, 20, (300, 300))
    assert not document.redo()
    assert document.history.size == sum(edit.size for edit in document.history._done)


def test_a_state_leads_on_until_what_was_done_at_it_is_undone() -> None:
    document = make_document()
    start = document.history.state
    stroke(document, Brush.PAINT, 20, (100, 100))
    first = document.history.state
    stroke(document, Brush.PAINT, 20, (300, 300))
    assert document.history.leads_on_from(start)
    assert document.history.leads_on_from(first)
    document.undo()
    assert document.history.leads_on_from(first)
    document.undo()
    assert not document.history.leads_on_from(first)
    assert document.history.leads_on_from(start)


def test_undo_waits_for_the_end_of_a_stroke() -> None:
    document = make_document()
    stroke(document, Brush.PAINT, 20, (100, 100))
    document.begin_stroke()
    document.paint((50, 50), (60, 60), 10, Brush.PAINT)
    assert not document.undo()
    document.end_stroke("Brush")
    assert document.undo()
    assert document.corrections[100, 100] == 2
    assert document.corrections[55, 55] == 0


def test_a_change_in_the_middle_of_a_stroke_keeps_the_strokes_pixels_in_the_history() -> None:
    document = make_document()
    document.begin_stroke()
    document.paint((50, 50), (60, 60), 10, Brush.PAINT)
    document.change("Fill", [(Box(200, 200, 210, 210), np.ones((10, 10), bool))], ev.Correction.FOREGROUND)
    assert len(document.history.names[0]) == 2
    assert document.undo()
    assert document.corrections[55, 55] == 2
    assert document.undo()
    assert not document.corrections.any()


def test_an_abandoned_stroke_leaves_no_trace() -> None:
    document = make_document()
    stroke(document, Brush.PAINT, 20, (100, 100))
    before = document.corrections.copy()
    document.begin_stroke()
    document.paint((90, 90), (TILE + 40, TILE + 40), 50, Brush.ERASE)
    document.abandon_stroke()
    assert np.array_equal(document.corrections, before)
    assert document.history.undo_name == "Brush"


def test_a_models_threshold_never_replaces_a_persons() -> None:
    document = make_document()
    document.suggest_threshold(0.4)
    assert document.level == ev.level_of(0.4)
    document.set_level(200)
    document.suggest_threshold(0.3)
    assert document.level == 200


def test_painting_outside_a_stroke_is_a_mistake() -> None:
    with pytest.raises(RuntimeError):
        make_document().paint((1, 1), (2, 2), 3, Brush.PAINT)


def test_parts_of_an_answer_are_shown_and_taken_back() -> None:
    document = make_document()
    stroke(document, Brush.PAINT, 20, (100, 100))
    empty = document.evidence.levels[0].copy()
    document.show_part(50, 60, np.full((100, 200), 200, np.uint8))
    assert document.evidence.levels[0][70, 60] == 200
    assert document.evidence.levels[0][100, 100] == ev.FOREGROUND
    document.drop_parts()
    assert document.probability is None
    assert np.array_equal(document.evidence.levels[0], empty)
    document.set_probability(np.full((HEIGHT, WIDTH), 90, np.uint8))
    document.show_part(0, 0, np.full((50, 50), 200, np.uint8))
    document.drop_parts()
    assert document.probability is not None
    assert (document.probability == 90).all()
    document.show_part(0, 0, np.full((50, 50), 200, np.uint8))
    document.set_probability(np.full((HEIGHT, WIDTH), 120, np.uint8))
    document.drop_parts()
    assert (document.probability == 120).all()


def test_every_change_of_the_evidence_is_counted() -> None:
    document = make_document()
    answer = np.full((document.height, document.width), 40, np.uint8)

    def part() -> None:
        document.show_part(0, 0, np.full((20, 20), 200, np.uint8))

    def abandoned() -> None:
        document.begin_stroke()
        document.paint((60, 60), (90, 60), 9, Brush.PAINT)
        document.abandon_stroke()

    for step in (
        lambda: document.set_probability(answer),
        lambda: stroke(document, Brush.PAINT, 9, (10, 10), (40, 10)),
        document.undo,
        document.redo,
        part,
        document.drop_parts,
        abandoned,
        lambda: document.replace_corrections(np.zeros_like(answer), [], [], None),
    ):
        before = document.changes
        step()
        assert document.changes > before
    before = document.changes
    document.set_level(document.level + 1)
    document.mask()
    assert document.changes == before
