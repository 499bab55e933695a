"""What was learnt from a picture, on the disk and in what is exported."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.reviewing import new_study, review
from tests.study.work import FACTS, HEIGHT, WIDTH, Work
from tests.tiny_models import GREEN_OF_ZERO, tiny_vessel_model
from vesselapp.core.edits import Edit
from vesselapp.core.evidence import quantise
from vesselapp.core.files import file_sha256
from vesselapp.core.geometry import EMPTY
from vesselapp.core.image import read_image
from vesselapp.core.learnt import Head, Learnt
from vesselapp.inference.model import load_model
from vesselapp.inference.predict import predict
from vesselapp.state.history import History
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.exchange import export_study
from vesselapp.study.journal import Edited, Undone
from vesselapp.study.kept import Kept
from vesselapp.study.record import ImageFacts, Record, State
from vesselapp.study.study import Study, StudyPicture

HEAD = Head((0.0, -0.02, 0.0), 1.5)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    chance = np.random.default_rng(0)
    PIL.Image.fromarray(chance.integers(0, int(GREEN_OF_ZERO), (60, 80, 3), np.uint8)).save(
        pictures / "a.png"
    )
    return new_study(tmp_path / "study", pictures, tiny_vessel_model(tmp_path / "m.onnx", task="other"))


def learn(study: Study, picture: StudyPicture, learnt: Learnt) -> None:
    """Add a step of learning to a picture's history."""
    height, width = read_image(picture.path).pixels.shape[:2]
    facts = ImageFacts(picture.name, file_sha256(picture.path), height, width, picture.relative)
    writer = study.place(picture).open("ann", facts)
    writer.append([Edited(Edit("Learn from this picture", EMPTY, (), learnt))])
    writer.close()


def exported(study: Study, out: Path) -> tuple[np.ndarray, dict[str, object]]:
    export_study(study, out, "folder", everything=True)
    facts = json.loads((out / "masks" / "a_mask.json").read_text("utf-8"))
    return np.asarray(PIL.Image.open(out / "masks" / "a.png")) > 0, facts


def test_a_mask_computed_at_export_is_adapted_as_the_person_saw_it(study: Study, tmp_path: Path) -> None:
    (picture,) = study.pictures()
    model = load_model(tmp_path / "m.onnx", "cpu")
    answer = quantise(predict(model, read_image(picture.path).pixels).probability)
    review(study, picture, answer >= 127, answer, state=State.IN_PROGRESS)
    (study.place(picture).folder / "answer.png").unlink()  # nothing was judged yet
    own, facts = exported(study, tmp_path / "own")
    assert facts["adapted_px"] == 0
    learn(study, picture, Learnt(HEAD, model.sha256, 321))
    mask, facts = exported(study, tmp_path / "adapted")
    assert facts["adapted_px"] == 321
    assert (mask != own).any()
    learn(study, picture, Learnt(HEAD, "0" * 64, 55))
    mask, facts = exported(study, tmp_path / "other")  # of another model: its own answer, and so it says
    assert facts["adapted_px"] == 0
    np.testing.assert_array_equal(mask, own)


def kept(record: Record | None, *learnt: Learnt, answer: bool = True) -> Kept:
    plane = np.full((4, 5), 9, np.uint8)
    steps = [Edit("x", EMPTY, (), one) for one in learnt]
    return Kept(np.zeros_like(plane), record, steps, [], None, None, plane if answer else None)


def test_what_a_kept_answer_is_adapted_by_is_what_the_record_says() -> None:
    record = Record("a.png", "0" * 64, 4, 5, model_sha256="ab", adapted_px=7)
    learnt = Learnt(HEAD, "ab", 7)
    assert kept(record, learnt).adapted == learnt
    assert kept(replace(record, adapted_px=0), learnt).adapted is None
    assert kept(record, learnt, answer=False).adapted is None
    assert kept(None, learnt).adapted is None
    # Undone where the model's own answer could not be had: what is kept is adapted all the same.
    assert kept(record).adapted == Learnt(None, "ab", 7)
    assert kept(record, learnt, Learnt(None, "ab")).adapted == Learnt(None, "ab", 7)
    assert kept(replace(record, model_sha256="cd"), learnt).adapted == Learnt(None, "cd", 7)


@pytest.mark.parametrize("reopened", [False, True])
def test_past_the_cap_window_and_disk_take_back_the_same(tmp_path: Path, reopened: bool) -> None:
    place, work, cap = AnnotationFolder(tmp_path / "a"), Work(), 40_000
    writer, history = place.open("ann", FACTS, cap_bytes=cap), History(cap)
    edit, size = Edit("Learn", EMPTY, (), Learnt(HEAD, "ab", 7)), 0
    while size < 1.4 * cap:
        history.add(edit)
        writer.append([Edited(edit)])
        edit = work.paint().edit
        size += edit.size
    edit.apply(work.corrections)  # the last one was not done
    assert history.learnt is not None
    assert "Learn" not in history.names[0]  # nothing takes it back any longer
    if reopened:
        writer.close()
        writer, history = place.open("ann", FACTS, cap_bytes=cap), History(cap)
        assert writer.kept is not None
        assert len(writer.kept.done) < len(writer._state.done)  # what is on the disk is more than the cap
        history.restore(writer.kept.done, writer.kept.undone)
    for _ in range(2):
        while history.undo(work.corrections) is not None:
            writer.append([Undone()])
        assert history.undo_name is None
        assert history.names[0] == []
        assert history.learnt is not None
        found = place.load(FACTS.sha256, HEIGHT, WIDTH, cap)
        assert found is not None
        assert np.array_equal(found.corrections, work.corrections)
        assert found.learnt == history.learnt
        writer.close()
        writer, history = place.open("ann", FACTS, cap_bytes=cap), History(cap)
        assert writer.kept is not None
        history.restore(writer.kept.done, writer.kept.undone)
    writer.close()
