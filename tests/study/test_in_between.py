"""What is read while somebody else goes on: a review is never told of what it wasn't of."""

from pathlib import Path

import numpy as np
import pytest

from tests.study.studies import facts_of, make_study, picture_of, review
from tests.study.work import FACTS, HEIGHT, WIDTH, Work, load, record
from vesselapp.study import reading
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.exchange import export_study
from vesselapp.study.reading import Found
from vesselapp.study.record import State
from vesselapp.study.study import Study


@pytest.mark.parametrize("strokes", [1, 99])
def test_a_stroke_made_while_it_is_read_is_never_told_as_reviewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strokes: int
) -> None:
    writer, work = AnnotationFolder(tmp_path / "a").open("ann", FACTS), Work()
    writer.append([work.paint()])
    writer.write_answer(np.full((HEIGHT, WIDTH), 9, np.uint8))
    writer.write_record(record(State.REVIEWED))
    real, made = reading._read_answer, 0

    def slow(folder: Path, found: Found, height: int, width: int) -> None:
        nonlocal made
        real(folder, found, height, width)
        if made < strokes:
            made += 1
            writer.append([work.paint()])
            if strokes > 1:
                writer.write_record(record(State.REVIEWED, note=str(made)))

    monkeypatch.setattr(reading, "_read_answer", slow)
    kept = load(tmp_path / "a")
    assert kept is not None
    assert kept.record is not None
    assert np.array_equal(kept.corrections, work.corrections)
    assert kept.record.state is State.IN_PROGRESS
    writer.abandon()


def change(study: Study, name: str) -> None:
    """Make a stroke in a picture, as somebody else does."""
    picture = picture_of(study, name)
    writer = study.place(picture).open("bob", facts_of(picture))
    writer.append([Work(7, 40, 50).paint()])
    writer.close()


@pytest.mark.parametrize("everything", [False, True])
def test_what_is_no_longer_reviewed_while_an_export_runs_is_left_out(
    tmp_path: Path, everything: bool
) -> None:
    study = make_study(tmp_path, ("a.png", "b.png"))
    review(study, "a.png")
    review(study, "b.png")

    def progress(share: float) -> None:
        if share == 0.5:
            change(study, "b.png")

    outcome = export_study(study, tmp_path / "out", everything=everything, progress=progress)
    assert outcome.stems == (["a", "b"] if everything else ["a"])
    told = [] if everything else ["b.png was left out: it is no longer reviewed."]
    assert outcome.left_out == told
    assert (tmp_path / "out/masks/b.png").exists() == everything
