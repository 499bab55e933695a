"""Strokes that come late, on top of what others did meanwhile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.state.test_document import make_document, stroke
from vesselapp.core.edits import digest_of
from vesselapp.state.brush import Brush
from vesselapp.state.document import Document
from vesselapp.state.merging import merged
from vesselapp.study.journal import Edited, Levelled, Operation
from vesselapp.study.kept import Kept
from vesselapp.study.replay import Replay

SIZE = (300, 310)
strokes = st.lists(
    st.one_of(
        st.none(),
        st.tuples(st.sampled_from(list(Brush)), st.integers(0, 310), st.integers(0, 300), st.integers(5, 60)),
    ),
    max_size=6,
)


def kept_of(document: Document, number: int) -> Kept:
    done, undone = list(document.history._done), list(document.history._undone)
    return Kept(document.corrections.copy(), None, done, undone, None, None, None, (), number)


def work(document: Document, wanted: list[tuple[Brush, int, int, int] | None]) -> list[Operation]:
    happened: list[Operation] = []
    document.happened.connect(happened.append)
    for one in wanted:
        if one is None:
            document.undo()
        else:
            stroke(document, one[0], one[3], (one[1], one[2]), (one[1] + 40, one[2] + 10))
    document.happened.disconnect()
    return happened


def edits_in(operations: list[Operation]) -> set[str]:
    return {digest_of(one.edit) for one in operations if isinstance(one, Edited)}


def twin(document: Document) -> Document:
    other = make_document(*SIZE)
    kept = kept_of(document, 0)
    other.replace_corrections(kept.corrections, kept.done, kept.undone, None)
    return other


@settings(max_examples=60)
@given(before=strokes, mine=strokes, theirs=strokes)
def test_mine_win_where_both_changed_a_pixel_and_theirs_stay_elsewhere(
    before: list[tuple[Brush, int, int, int] | None],
    mine: list[tuple[Brush, int, int, int] | None],
    theirs: list[tuple[Brush, int, int, int] | None],
) -> None:
    start = make_document(*SIZE)
    number = len(work(start, before))
    history = [digest_of(edit) for edit in start.history._done]
    known = {*history, *(digest_of(edit) for edit in start.history._undone)}
    ours, other = twin(start), twin(start)
    operations, their_operations = work(ours, mine), work(other, theirs)
    assume(not edits_in(operations) & edits_in(their_operations))  # mine are there then
    assume(not known & (edits_in(operations) | edits_in(their_operations)))  # the very stroke undone before
    assume(mine[:1] != [None] or theirs[:1] != [None])
    kept = kept_of(other, number + len(their_operations))
    todo = merged(kept, operations, number, history)
    if todo is None:
        # Only where they took back an edit and painted over it.
        digests = [digest_of(edit) for edit in [*kept.done, *reversed(kept.undone)]]
        assert digests[: len(history)] != history
        return
    replay = Replay(kept.corrections.copy(), 0, 0)
    replay.done, replay.undone = list(kept.done), list(kept.undone)
    for operation in todo:
        replay.take(operation)
    if not their_operations:
        assert np.array_equal(replay.plane, ours.corrections)
        return
    changed = ours.corrections != start.corrections
    assert np.array_equal(replay.plane[changed], ours.corrections[changed])
    assert np.array_equal(replay.plane[~changed], other.corrections[~changed])


def test_what_is_on_the_disk_already_changes_nothing() -> None:
    document = make_document(*SIZE)
    operations = work(document, [(Brush.PAINT, 50, 50, 20), (Brush.ERASE, 90, 90, 20)])
    todo = merged(kept_of(document, len(operations)), operations, 0, [])
    assert todo == []


@settings(max_examples=60)
@given(before=strokes, mine=strokes, after=strokes)
def test_what_is_on_the_disk_already_is_not_put_there_again(
    before: list[tuple[Brush, int, int, int] | None],
    mine: list[tuple[Brush, int, int, int] | None],
    after: list[tuple[Brush, int, int, int] | None],
) -> None:
    document = make_document(*SIZE)
    number = len(work(document, before))
    history = [digest_of(edit) for edit in document.history._done]
    operations = work(document, mine)
    assume(len(history) < document.history.edits_done)  # else nothing tells them from what others undid
    own = document.history.edits_done
    more = work(document, [one for one in after if one is not None])
    kept = kept_of(document, number + len(operations) + len(more))
    assume(document.history.edits_done - len(more) == own)
    assert merged(kept, operations, number, history) == []


@pytest.mark.parametrize("on_top", [[], [(Brush.ERASE, 50, 50, 60)], [None]])
def test_strokes_of_which_some_are_on_the_disk_go_on_after_those(
    on_top: list[tuple[Brush, int, int, int] | None],
) -> None:
    document = make_document(*SIZE)
    first = work(document, [(Brush.PAINT, 50, 50, 20), (Brush.PAINT, 150, 150, 20)])
    other = twin(document)
    operations = [*first, *work(document, [(Brush.PAINT, 250, 250, 20)])]
    more = len(work(other, on_top))
    todo = merged(kept_of(other, len(first) + more), operations, 0, [])
    assert todo is not None
    assert [type(one) for one in todo] == [Edited]
    assert isinstance(todo[0], Edited)
    before = other.corrections.copy()
    todo[0].edit.apply(other.corrections)
    changed = before != other.corrections
    assert not changed[:230].any()
    assert other.corrections[250, 260] == 2


@pytest.mark.parametrize("theirs", [[], [(Brush.UNSURE, 250, 250, 20)]])
def test_what_was_redone_is_known(theirs: list[tuple[Brush, int, int, int] | None]) -> None:
    document = make_document(*SIZE)
    number = len(work(document, [(Brush.PAINT, 50, 50, 20), (Brush.PAINT, 150, 150, 20), None]))
    history = [digest_of(edit) for edit in document.history._done]
    undone = [digest_of(edit) for edit in document.history._undone]
    before, happened = twin(document), list[Operation]()
    document.happened.connect(happened.append)
    document.redo()
    more = len(work(document, theirs))
    assert merged(kept_of(document, number + 1 + more), happened[:1], number, history, undone) == []
    assert merged(kept_of(before, number), happened[:1], number, history, undone) == happened[:1]
    todo = merged(kept_of(before, number + 1), happened[:1], number, history, undone)  # another has looked
    assert todo is not None
    assert [type(one) for one in todo] == [Edited]


def test_a_threshold_is_chosen_once() -> None:
    document = make_document(*SIZE)
    kept = replace(kept_of(document, 3), level=77)
    assert merged(kept, [Levelled(77)], 2, []) == []
    assert merged(replace(kept, level=90), [Levelled(77)], 2, []) == [Levelled(77)]
    assert merged(kept, [Levelled(77)], 3, []) == [Levelled(77)]


def test_several_late_strokes_become_one_edit() -> None:
    start = make_document(*SIZE)
    ours, other = twin(start), twin(start)
    operations = work(ours, [(Brush.PAINT, 50, 50, 20), (Brush.PAINT, 90, 90, 20)])
    their_operations = work(other, [(Brush.PAINT, 200, 200, 20)])
    todo = merged(kept_of(other, len(their_operations)), operations, 0, [])
    assert todo is not None
    assert [type(operation) for operation in todo] == [Edited]


def test_two_edits_that_change_the_same_are_two() -> None:
    start = make_document(*SIZE)
    ours, other = twin(start), twin(start)
    operations = work(ours, [(Brush.UNSURE, 100, 100, 40)])
    theirs: list[tuple[Brush, int, int, int] | None] = [
        (Brush.PAINT, 100, 100, 60),
        (Brush.RESTORE, 100, 100, 60),
    ]
    number = len(work(other, theirs))
    assert len({digest_of(edit) for edit in other.history._done}) == 1
    todo = merged(kept_of(other, number), operations, 0, [])
    assert todo is not None
    replay = Replay(other.corrections.copy(), 0, 0)
    for operation in todo:
        replay.take(operation)
    assert np.array_equal(replay.plane, ours.corrections)


def test_what_they_took_back_and_painted_over_is_not_guessed() -> None:
    start = make_document(*SIZE)
    number = len(work(start, [(Brush.PAINT, 100, 100, 40)]))
    history = [digest_of(edit) for edit in start.history._done]
    ours, other = twin(start), twin(start)
    operations = work(ours, [(Brush.ERASE, 100, 100, 40)])
    more = len(work(other, [None, (Brush.PAINT, 200, 200, 40)]))
    assert merged(kept_of(other, number + more), operations, number, history) is None


def test_the_same_number_after_other_strokes_is_not_the_same() -> None:
    start = make_document(*SIZE)
    ours, other = twin(start), twin(start)
    number = len(work(ours, [(Brush.PAINT, 50, 50, 20)]))
    history = [digest_of(edit) for edit in ours.history._done]
    operations = work(ours, [(Brush.ERASE, 50, 50, 20)])
    work(other, [(Brush.PAINT, 200, 200, 20)])  # steps were lost, and their numbers used again
    assert merged(kept_of(other, number), operations, number, history) is None


def test_strokes_go_on_where_only_what_could_be_undone_is_lost() -> None:
    document = make_document(*SIZE)
    number = len(work(document, [(Brush.PAINT, 50, 50, 20), (Brush.PAINT, 200, 200, 20)]))
    history = [digest_of(edit) for edit in document.history._done]
    kept = kept_of(document, number)
    operations = work(document, [(Brush.ERASE, 50, 50, 20), (Brush.ERASE, 90, 90, 20)])
    for done in ([], kept.done[1:]):
        kept.done[:] = done
        assert merged(kept, operations, number, history) == operations


def test_the_oldest_steps_may_have_been_let_go() -> None:
    start = make_document(*SIZE)
    number = len(work(start, [(Brush.PAINT, 50, 50, 40), (Brush.PAINT, 150, 150, 40)]))
    history = [digest_of(edit) for edit in start.history._done]
    ours, other = twin(start), twin(start)
    operations = work(ours, [(Brush.ERASE, 50, 50, 20)])
    more = len(work(other, [(Brush.ERASE, 150, 150, 20)]))
    kept = kept_of(other, number + more)
    del kept.done[0]
    todo = merged(kept, operations, number, history)
    assert todo is not None
    replay = Replay(kept.corrections.copy(), 0, 0)
    for operation in todo:
        replay.take(operation)
    assert replay.plane is not None
    assert (replay.plane[50, 60], replay.plane[150, 160]) == (1, 1)
