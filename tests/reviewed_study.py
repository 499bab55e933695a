"""Studies with reviewed pictures, as the app leaves them on disk."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from tests.tiny_models import fundus_picture, tiny_probability
from vesselapp.core.edits import EditRecorder
from vesselapp.core.evidence import Correction, level_of, quantise, threshold_of
from vesselapp.core.geometry import Box
from vesselapp.core.image import read_image
from vesselapp.study.journal import Edited
from vesselapp.study.record import ImageFacts, Record, State
from vesselapp.study.study import Study, StudyPicture


def drawn_study(folder: Path, count: int = 3, *, height: int = 120, width: int = 130) -> Study:
    """Make a study of drawn fundus pictures ``p0.png``, ``p1.png``..., none of them looked at yet."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for number in range(count):
        pixels = fundus_picture(height, width, 0.85 * height, seed=number)
        PIL.Image.fromarray(pixels).save(pictures / f"p{number}.png")
    return Study.create(folder, "Drawn", [pictures], who="tester")


def review(
    study: Study,
    picture: StudyPicture,
    *,
    answer: NDArray[np.uint8] | None = None,
    boxes: Sequence[Box] = (),
    **changes: object,
) -> None:
    """Mark a picture as reviewed; what lies in ``boxes`` (px) was corrected to foreground.

    ``answer`` is the judged probability ((H, W) uint8, 1-253); the tiny model's where None. ``changes`` are
    other values of the record.
    """
    image = read_image(picture.path)
    height, width = image.pixels.shape[:2]
    plane = quantise(tiny_probability(image.pixels)) if answer is None else answer
    facts = ImageFacts(picture.name, image.sha256, height, width, picture.relative)
    corrections = np.zeros((height, width), np.uint8)
    operations = []
    for box in boxes:
        recorder = EditRecorder(corrections)
        recorder.about_to_change(box)
        corrections[box.slices] = Correction.FOREGROUND
        edit = recorder.finish("Brush")
        assert edit is not None
        operations.append(Edited(edit))
    writer = study.place(picture).open("tester", facts)
    writer.append(operations)
    writer.write_answer(plane)
    level = level_of(0.5)
    values = {
        "state": State.REVIEWED,
        "level": level,
        "threshold": threshold_of(level),
        "strokes": len(boxes),
        "corrected_share": float((corrections > 0).mean()),
        "who": "tester",
        **changes,
    }
    writer.write_record(Record(picture.name, image.sha256, height, width, picture.relative, **values))  # type: ignore[arg-type]
    writer.close()
