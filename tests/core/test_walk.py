"""Which pictures a folder gives."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.study.studies import let_no_one_list
from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.export import write_outputs
from vesselapp.core.walk import find_pictures
from vesselapp.study.pictures import walk_in


def lay(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def both_ways(folder: Path) -> list[str]:
    """Give what a folder holds, as a batch and a study see it: alike."""
    found = [path.relative_to(folder).as_posix() for path in find_pictures([folder])]
    assert found == [picture.relative for picture in walk_in(folder, 0)]
    return found


def test_what_a_study_keeps_and_exports_is_no_picture(tmp_path: Path) -> None:
    study = tmp_path / "study"
    lay(study, "study.json", "a.png", "annotations/a-1/answer.png", "models/m.png", "runs/1/r.png")
    lay(study, "exports/1/images/a.png", "sub/annotations/b.png")
    lay(tmp_path, "out/images/a.png", "out/masks/a.png")
    (tmp_path / "out/export.json").write_text(json.dumps({"kind": "", "exported": "", "files": {}}))
    lay(tmp_path, "other/export.json", "other/c.png")
    assert both_ways(study) == ["a.png", "sub/annotations/b.png"]
    assert both_ways(tmp_path) == ["other/c.png", "study/a.png", "study/sub/annotations/b.png"]
    assert both_ways(tmp_path / "out") == ["images/a.png"]


def test_nothing_that_was_written_for_a_picture_is_one(tmp_path: Path) -> None:
    lay(tmp_path, "a.png", "mine_unsure.png")
    plane = np.ones((9, 9), bool)
    kinds = ("mask", "overlay", "probability", "objects")
    pixels, probability, objects = np.zeros((9, 9, 3), np.uint8), plane.astype("f4"), plane.astype("i4")
    facts = {"sha256": "1"}
    written = write_outputs(
        tmp_path, "a", kinds, pixels, plane, probability, provenance=facts, unsure=plane, objects=objects
    )
    assert {"unsure", *kinds} < written.keys()
    assert both_ways(tmp_path) == ["a.png", "mine_unsure.png"]


def test_a_subfolder_that_can_not_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(tmp_path, "a.png", "sub/b.png")
    let_no_one_list(monkeypatch, tmp_path / "sub")
    told: list[str] = []
    assert find_pictures([tmp_path], told.append) == [tmp_path / "a.png"]
    (sentence,) = told
    assert sentence.startswith(f"{tmp_path / 'sub'} can't be listed (")
    (tmp_path / "a.png").unlink()
    with pytest.raises(VesselError, match="sub can't be read"):
        find_pictures([tmp_path])


def test_where_pictures_lie_is_asked_once_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(tmp_path, *(f"{folder}/{number}.png" for folder in "ab" for number in range(9)))
    asked: list[Path] = []
    realpath = os.path.realpath

    def asking(path: Path) -> str:
        asked.append(path)
        return realpath(path)

    monkeypatch.setattr(os.path, "realpath", asking)
    assert len(find_pictures([tmp_path])) == 18
    assert asked == [tmp_path / "a", tmp_path / "b"]


def test_a_picture_that_is_linked_to_is_taken_once(tmp_path: Path) -> None:
    lay(tmp_path, "a/1.png", "2.png", "elsewhere/3.png")
    link(tmp_path / "a/4.png", tmp_path / "a/1.png")
    link(tmp_path / "a/5.png", tmp_path / "elsewhere/3.png")
    link(tmp_path / "linked", tmp_path / "a")
    found = find_pictures([tmp_path / "a", tmp_path / "linked", tmp_path / "elsewhere/3.png", tmp_path])
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["a/1.png", "a/5.png", "2.png"]


def link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("no links here")


def test_a_search_goes_no_further_than_it_may(tmp_path: Path) -> None:
    lay(tmp_path, "1.png", "2.png", "3.png")
    for paths in ([tmp_path], sorted(tmp_path.iterdir())):
        for times in range(3):
            answers = iter([False] * times)
            with pytest.raises(Cancelled):
                find_pictures(paths, stopped=lambda answers=answers: next(answers, True))  # type: ignore[misc]
