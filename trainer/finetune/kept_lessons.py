"""The masks that a run learns from, kept with it: later corrections don't change what it goes on with."""

import contextlib
from pathlib import Path

import cv2
import numpy as np

from trainer.finetune.lessons import Judgement
from trainer.finetune.reviewed import ReviewedPicture
from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write, file_sha256, make_folder
from vesselapp.core.image import read_image

FOLDER = "lessons"


def keep_judgement(run: Path, picture: ReviewedPicture, judged: Judgement) -> None:
    """Keep what was said of a picture with the run: one gray PNG, truth in the lowest bit, weight above.

    Raises
    ------
    VesselError
        Where the run can't be written.
    """
    plane = (judged.weight << 1) | judged.truth.astype(np.uint8)
    folder = make_folder(run / FOLDER)
    atomic_write(folder / f"{picture.key}.png", cv2.imencode(".png", plane)[1].tobytes())


def kept_sha256(run: Path, picture: ReviewedPicture) -> str:
    """Give the hash of what the run has kept of a picture (OSError where that can't be read)."""
    return file_sha256(run / FOLDER / f"{picture.key}.png")


def kept_judgement(run: Path, picture: ReviewedPicture) -> Judgement:
    """Give a picture with what the run has kept of it.

    Raises
    ------
    VesselError
        Where the picture is gone or another one.
    """
    found = None
    with contextlib.suppress(OSError, cv2.error):  # imread can't open every name on Windows
        data = np.frombuffer((run / FOLDER / f"{picture.key}.png").read_bytes(), np.uint8)
        found = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    if found is None:
        raise VesselError(f"What this run learnt of {picture.name} can't be read.", "Start a new run.")
    plane = np.asarray(found, np.uint8)
    if not picture.path.is_file() or file_sha256(picture.path) != picture.sha256:
        raise VesselError(f"The picture {picture.name} is gone or changed.", "Put it back, then go on.")
    truth, weight = (plane & 1) > 0, np.asarray(plane >> 1, np.uint8)
    return Judgement(read_image(picture.path).pixels, truth, weight, picture.object_diameter)
