"""An export that is imported again: what was unsure, and what nobody reviewed, stays so."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.study.studies import facts_of, make_study, picture_of, review
from vesselapp.core.evidence import Correction
from vesselapp.core.export import write_outputs
from vesselapp.study.exchange import export_study
from vesselapp.study.record import Record, State
from vesselapp.study.study import Study
from vesselapp.study.taking import import_masks

BOXES = ((0, 0, 30, 20), (40, 30, 50, 40))


def told_of(study: Study, name: str = "a.png") -> tuple[NDArray[np.uint8], Record]:
    picture = picture_of(study, name)
    facts = facts_of(picture)
    kept = study.place(picture).load(facts.sha256, facts.height, facts.width)
    assert kept is not None
    assert kept.record is not None
    return kept.corrections, kept.record


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Give a study whose picture is unsure in places and reviewed in part; its export is in ``out``."""
    study = make_study(tmp_path, ("a.png",))
    work, _ = review(study, "a.png", reviewed_boxes=BOXES)
    assert (work.corrections == Correction.UNSURE).any()
    export_study(study, tmp_path / "out")
    return study


@pytest.mark.parametrize("reviewed", [False, True])
@pytest.mark.parametrize("other", [False, True])
def test_what_is_unsure_and_what_nobody_reviewed_stays_so(
    tmp_path: Path, study: Study, other: bool, reviewed: bool
) -> None:
    unsure = told_of(study)[0] == Correction.UNSURE
    target = make_study(tmp_path / "two", ("a.png",)) if other else study
    told = import_masks(target, tmp_path / "out" / "masks", reviewed=reviewed, replace_corrections=True)
    corrections, record = told_of(target)
    assert np.array_equal(corrections == Correction.UNSURE, unsure)
    state = State.REVIEWED if reviewed else State.IN_PROGRESS
    assert (record.state, record.reviewed_boxes) == (state, BOXES if reviewed else ())
    assert record.corrected_share == pytest.approx(1 - unsure.mean())
    assert told.notes[0] == "In 1 picture some px are unsure, as in the export."
    assert told.notes[1:] == ["1 picture is reviewed in part, as in the export."] * reviewed
    if reviewed:
        export_study(target, tmp_path / "again")
        for name in ("masks", "unsure"):
            pixels = [(tmp_path / folder / name / "a.png").read_bytes() for folder in ("out", "again")]
            assert pixels[0] == pixels[1]


def break_unsure(out: Path) -> None:
    (out / "unsure" / "a.png").write_bytes(b"no picture")


def lose_unsure(out: Path) -> None:
    (out / "unsure" / "a.png").unlink()


def boxes(*said: object) -> Callable[[Path], None]:
    def change(out: Path) -> None:
        beside = out / "masks" / "a_mask.json"
        beside.write_text(json.dumps(json.loads(beside.read_text()) | {"reviewed_boxes": said}))

    return change


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lose_unsure, "where it was unsure can't be told ("),
        (break_unsure, "where it was unsure can't be told ("),
        (boxes([0, 0, 51, 20]), "which part of it was reviewed can't be told."),
        (boxes([5, 5, 5, 20]), "which part of it was reviewed can't be told."),
        (boxes([5, 5, 9]), "which part of it was reviewed can't be told."),
        (boxes(7), "which part of it was reviewed can't be told."),
        (boxes([0, 0, math.inf, 20]), "which part of it was reviewed can't be told."),
        (boxes(["a", "b", "c", "d"]), "which part of it was reviewed can't be told."),
    ],
)
def test_where_that_can_not_be_told_nothing_counts_as_reviewed(
    tmp_path: Path, study: Study, spoil: Callable[[Path], None], why: str
) -> None:
    spoil(tmp_path / "out")
    told = import_masks(study, tmp_path / "out" / "masks", reviewed=True, replace_corrections=True)
    assert told.pictures == ["a.png"]
    assert told.notes[0].startswith(f"The picture of a.png is in progress: {why}")
    assert told_of(study)[1].state is State.IN_PROGRESS


def test_the_export_of_an_open_picture_comes_back_the_same(tmp_path: Path) -> None:
    study, masks = make_study(tmp_path, ("a.png",)), tmp_path / "masks"
    masks.mkdir()
    mask, unsure = np.zeros((2, 40, 50), bool)
    mask[:9], unsure[20:, :7] = True, True
    facts = {"sha256": "", "reviewed_boxes": BOXES[:1]}
    pixels = np.zeros((40, 50, 3), np.uint8)
    write_outputs(masks, "a", ("mask",), pixels, mask, None, provenance=facts, unsure=unsure)
    told = import_masks(study, masks, reviewed=True)
    assert (told.pictures, told.left_out, len(told.notes)) == (["a.png"], [], 2)
    corrections, record = told_of(study)
    assert np.array_equal(corrections == Correction.UNSURE, unsure)
    assert np.array_equal(corrections == Correction.FOREGROUND, mask)
    assert record.reviewed_boxes == BOXES[:1]


@pytest.mark.parametrize("said", ["[]", '{"unsure": 7}', '{"unsure": {"pixels": 0}}', "{", '{"image": 3}'])
def test_what_is_no_export_beside_a_mask_says_nothing(tmp_path: Path, study: Study, said: str) -> None:
    for name in ("a_mask.json", "a_mask_mask.json"):
        (tmp_path / "out" / "masks" / name).write_text(said)
    (tmp_path / "out" / "masks" / "a.png").rename(tmp_path / "out" / "masks" / "a_mask.png")
    told = import_masks(study, tmp_path / "out" / "masks", reviewed=True, replace_corrections=True)
    assert (told.pictures, told.left_out, told.notes) == (["a.png"], [], [])
    assert told_of(study)[1].state is State.REVIEWED


@pytest.mark.parametrize("also", [False, True])
def test_a_mask_by_another_name_is_as_unsure_as_the_export_says(
    tmp_path: Path, study: Study, also: bool
) -> None:
    masks = tmp_path / "out" / "masks"
    (masks / "a_mask.png").write_bytes((masks / "a.png").read_bytes())
    if not also:
        (masks / "a.png").unlink()
    told = import_masks(study, masks, reviewed=True, replace_corrections=True)
    assert (told.pictures, len(told.left_out), len(told.notes)) == (["a.png"], int(also), 2)
    assert (told_of(study)[0] == Correction.UNSURE).any()
