"""What an earlier version wrote is brought forward, with a backup; cut off in the midst, nothing is lost."""

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.study.faults import Faults
from tests.study.work import FACTS, HEIGHT, WIDTH, Work, load
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import level_of
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.migrate import BACKUP_NAME
from vesselapp.study.record import State
from vesselapp.study.store import AnnotationStore

CORRECTIONS = np.random.default_rng(0).integers(0, 4, (HEIGHT, WIDTH), np.uint8)


def write_format_1(folder: Path) -> dict[str, bytes]:
    """Write an annotation as the first version did; give its files."""
    folder.mkdir(parents=True)
    picture = PIL.Image.fromarray(CORRECTIONS, "P")
    picture.putpalette([0, 0, 0, 0, 114, 178, 213, 94, 0, 240, 228, 66])
    picture.save(folder / "corrections.png", compress_level=1)
    record = {
        "image": "eye 1.png",
        "sha256": FACTS.sha256,
        "height": HEIGHT,
        "width": WIDTH,
        "threshold": 0.25,
        "format": 1,
        "model": "fundus-vessels",
        "model_sha256": "cd" * 32,
        "saved": "2025-05-05T10:00:00+00:00",
        "software": "vesselapp 0.1.0",
    }
    (folder / "record.json").write_text(json.dumps(record, indent=1))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check(folder: Path) -> None:
    kept = load(folder)
    assert kept is not None
    assert np.array_equal(kept.corrections, CORRECTIONS)
    assert (kept.done, kept.undone, kept.notes) == ([], [], ())
    assert kept.level == level_of(0.25)
    assert kept.record is not None
    assert (kept.record.state, kept.record.threshold) == (State.IN_PROGRESS, 0.25)
    assert (kept.record.model, kept.record.model_sha256) == ("fundus-vessels", "cd" * 32)
    assert kept.record.created == "2025-05-05T10:00:00+00:00"


def test_it_is_read_as_it_is(tmp_path: Path) -> None:
    before = write_format_1(tmp_path / "x")
    check(tmp_path / "x")
    assert {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()} == before


def test_opening_brings_it_forward_with_a_backup(tmp_path: Path) -> None:
    place = AnnotationStore(tmp_path).place(FACTS.sha256)
    before = write_format_1(place.folder)
    writer = place.open("ann", FACTS)
    assert writer.kept is not None
    work = Work(3)
    work.corrections[...] = CORRECTIONS
    writer.append([work.paint()])
    writer.append([work.undo()])
    writer.close()
    check_again = load(place.folder)
    assert check_again is not None
    assert np.array_equal(check_again.corrections, CORRECTIONS)
    assert len(check_again.undone) == 1
    backup = place.folder / BACKUP_NAME
    assert {path.name: path.read_bytes() for path in backup.iterdir()} == before
    assert json.loads((place.folder / "record.json").read_text())["format"] == 2


def test_a_cut_at_any_call_loses_nothing(tmp_path: Path) -> None:
    write_format_1(tmp_path / "count")
    with Faults() as faults:
        AnnotationFolder(tmp_path / "count").open("ann", FACTS).close()
    for at in range(1, faults.count + 1):
        folder = tmp_path / str(at)
        before = write_format_1(folder)
        with Faults(at, 5):
            try:
                AnnotationFolder(folder).open("ann", FACTS).close()
            except VesselError as problem:
                assert str(problem)  # noqa: PT017
        check(folder)
        AnnotationFolder(folder).open("ann", FACTS).close()
        check(folder)
        kept = {p.name: p.read_bytes() for p in (folder / BACKUP_NAME).iterdir() if p.name[0] != "."}
        assert kept == before


@pytest.mark.parametrize("broken", ["record.json", "corrections.png"])
def test_a_broken_one_is_kept_apart_and_the_picture_opens(tmp_path: Path, broken: str) -> None:
    before = write_format_1(tmp_path / "x")
    (tmp_path / "x" / broken).write_bytes(before[broken][:40])
    writer = AnnotationFolder(tmp_path / "x").open("ann", FACTS)
    assert writer.kept is not None
    assert writer.kept.notes
    assert (tmp_path / "x" / "aside-1" / broken).read_bytes() == before[broken][:40]
    if broken == "record.json":
        assert np.array_equal(writer.kept.corrections, CORRECTIONS)
    writer.append([Work(1).paint()])
    writer.close()
    kept = load(tmp_path / "x")
    assert kept is not None
    assert kept.notes == ()
