from pathlib import Path

import numpy as np
import pytest

from vesselapp.core.errors import VesselError
from vesselapp.core.image import Image
from vesselapp.study.annotation import AnnotationStore, Record


def make_image(height: int = 30, width: int = 40) -> Image:
    return Image(np.zeros((height, width, 3), np.uint8), None, "ab" * 32)


def make_record(image: Image) -> Record:
    height, width = image.pixels.shape[:2]
    return Record(image="x.png", sha256=image.sha256, height=height, width=width, threshold=0.25)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    image, store = make_image(), AnnotationStore(tmp_path / "a ünïcode place")
    corrections = np.random.default_rng(0).integers(0, 4, (30, 40), np.uint8)
    assert store.load(image) is None
    store.save(image, corrections, make_record(image))
    loaded = store.load(image)
    assert loaded is not None
    assert np.array_equal(loaded.corrections, corrections)
    assert loaded.record.threshold == 0.25
    assert loaded.record.saved


@pytest.mark.parametrize("broken", ["record.json", "corrections.png"])
def test_a_broken_annotation_is_told_and_set_aside_not_lost(tmp_path: Path, broken: str) -> None:
    image, store = make_image(), AnnotationStore(tmp_path)
    store.save(image, np.ones((30, 40), np.uint8), make_record(image))
    file = store.folder_of(image) / broken
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(VesselError):
        store.load(image)
    store.set_aside(image)
    assert store.load(image) is None
    assert len(list(tmp_path.glob("*.aside1/*"))) == 2
    store.save(image, np.ones((30, 40), np.uint8), make_record(image))
    store.set_aside(image)
    assert len(list(tmp_path.glob("*.aside2/*"))) == 2


def test_corrections_of_another_size_are_refused(tmp_path: Path) -> None:
    image, store = make_image(), AnnotationStore(tmp_path)
    store.save(image, np.ones((31, 40), np.uint8), make_record(image))
    with pytest.raises(VesselError, match="size"):
        store.load(image)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    image, store = make_image(), AnnotationStore(tmp_path / "file")
    with pytest.raises(VesselError, match="folder"):
        store.save(image, np.ones((30, 40), np.uint8), make_record(image))
