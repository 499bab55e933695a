"""Small studies of drawn pictures, and a person who reviews them."""

import errno
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from tests.study.work import Work
from vesselapp.core.image import image_size
from vesselapp.study.record import ImageFacts, Record, State
from vesselapp.study.study import Study, StudyPicture

SIZE = (40, 50)


def draw(path: Path, seed: int = 0, size: tuple[int, int] = SIZE) -> Path:
    """Draw a picture of noise into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Pillow.fromarray(pixels).save(path)
    return path


def make_study(folder: Path, names: tuple[str, ...] = ("a.png", "b.png", "c.png")) -> Study:
    """Make a study of drawn pictures in a folder beside it."""
    for seed, name in enumerate(names):
        draw(folder / "pictures" / name, seed)
    return Study.create(folder / "study", "Trial", [folder / "pictures"], "", "ann")


def let_no_one_list(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let a folder be one that can't be listed just now."""
    scandir = os.scandir

    def failing(path: Path | str | int = ".") -> object:
        if not isinstance(path, int) and Path(path) == folder:
            raise OSError(errno.EIO, "the drive doesn't answer", str(path))
        return scandir(path)

    patch.setattr(os, "scandir", failing)


def picture_of(study: Study, name: str) -> StudyPicture:
    """Give a picture by its name."""
    return next(picture for picture in study.pictures() if picture.name == name)


def facts_of(picture: StudyPicture) -> ImageFacts:
    """Give what tells a picture from others."""
    digest = hashlib.sha256(picture.path.read_bytes()).hexdigest()
    return ImageFacts(picture.name, digest, *image_size(picture.path), picture.relative)


def review(
    study: Study, name: str, *, state: State = State.REVIEWED, seed: int = 1, **values: object
) -> tuple[Work, NDArray[np.uint8]]:
    """Open a picture, correct it, mark it, and close it; give the work and the answer that was judged."""
    picture = picture_of(study, name)
    facts = facts_of(picture)
    study.note_opened(picture, facts.sha256, "ann")
    writer = study.place(picture).open("ann", facts)
    work = Work(seed, facts.height, facts.width)
    answer = np.random.default_rng(seed).integers(1, 254, (facts.height, facts.width), np.uint8)
    writer.append([work.paint(), work.paint(), work.set_level(100)])
    writer.write_answer(answer)
    record = Record(facts.image, facts.sha256, facts.height, facts.width, facts.path, state=state)
    writer.write_record(record if not values else _with(record, values))
    writer.close()
    return work, answer


def _with(record: Record, values: dict[str, object]) -> Record:
    from dataclasses import replace

    return replace(record, **values)  # type: ignore[arg-type]


def mask_from(counts: list[int], height: int, width: int) -> NDArray[np.bool_]:
    """Give the mask ((H, W) bool) that COCO's counts stand for."""
    assert sum(counts) == height * width
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape(width, height).T
