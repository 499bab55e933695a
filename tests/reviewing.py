"""Studies with reviewed pictures, made through the study's own face, as by hand."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vesselapp.core.edits import EditRecorder
from vesselapp.core.evidence import Correction, level_of, mask_of
from vesselapp.core.files import file_sha256
from vesselapp.core.geometry import Box
from vesselapp.study.journal import Edited, Levelled
from vesselapp.study.record import ImageFacts, Record, State
from vesselapp.study.study import Study, StudyPicture


def review(
    study: Study,
    picture: StudyPicture,
    truth: np.ndarray,
    answer: np.ndarray,
    *,
    threshold: float = 0.5,
    unsure: np.ndarray | None = None,
    boxes: Sequence[tuple[int, int, int, int]] = (),
    nothing_there: bool = False,
    state: State = State.REVIEWED,
    model: str = "",
    model_sha256: str = "",
) -> None:
    """Correct a picture where the model is wrong, and mark it as reviewed.

    Parameters
    ----------
    truth : (H, W) bool
        What the mask is afterwards.
    answer : (H, W) uint8, 1-253
        The model's quantised probability.
    unsure : (H, W) bool, optional
    boxes : sequence of (left, top, right, bottom)
        Where the person looked; everywhere where empty.
    model, model_sha256 : str
        Whose answer it says it was.
    """
    height, width = truth.shape
    level = level_of(threshold)
    corrections = np.zeros((height, width), np.uint8)
    recorder = EditRecorder(corrections)
    recorder.about_to_change(Box(0, 0, width, height))
    said = mask_of(answer, level)
    corrections[truth & ~said] = Correction.FOREGROUND
    corrections[~truth & said] = Correction.BACKGROUND
    if unsure is not None:
        corrections[unsure] = Correction.UNSURE
    edit = recorder.finish("Correct")
    facts = ImageFacts(picture.name, file_sha256(picture.path), height, width, picture.relative)
    writer = study.place(picture).open("ann", facts)
    try:
        writer.append([Levelled(level), *([Edited(edit)] if edit else [])])
        writer.write_answer(answer)
        writer.write_record(
            Record(
                picture.name,
                facts.sha256,
                height,
                width,
                path=picture.relative,
                state=state,
                nothing_there=nothing_there,
                reviewed_boxes=tuple(boxes),
                threshold=threshold,
                level=level,
                model=model,
                model_sha256=model_sha256,
                who="ann",
                corrected_share=float((corrections > 0).mean()),
            )
        )
    finally:
        writer.close()


def picture_named(study: Study, name: str) -> StudyPicture:
    """Give a study's picture by its file name."""
    return next(picture for picture in study.pictures() if picture.name == name)


def new_study(folder: Path, pictures: Path, model: Path | str) -> Study:
    """Make a study of a folder of pictures."""
    return Study.create(folder, folder.name, [pictures], str(model), "ann")
