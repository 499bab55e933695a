"""On Windows no file can be renamed or removed while another program has it open, if for a moment only."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.study.studies import facts_of, make_study, picture_of, review
from tests.study.work import Work
from vesselapp.core import files
from vesselapp.study.along import bring_along
from vesselapp.study.record import Record
from vesselapp.study.store import AnnotationStore
from vesselapp.study.verify import verify_study


@pytest.fixture(autouse=True)
def refused(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, ...]]:
    """Refuse each renaming and removing once."""
    refused: set[tuple[str, ...]] = set()

    def guarded(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def guard(*paths: object, **words: Any) -> Any:
            what = (name, *map(str, paths))
            if what not in refused and words.get("dir_fd") is None:
                refused.add(what)
                raise PermissionError(errno.EACCES, "another program has it open", what[1])
            return step(*paths, **words)

        return guard

    monkeypatch.setattr(files, "_PAUSES_S", (0.0,))
    for name in ("replace", "rename", "unlink", "link"):
        monkeypatch.setattr(os, name, guarded(name, getattr(os, name)))
    return refused


def test_work_is_saved_moved_and_brought_along(tmp_path: Path, refused: set[tuple[str, ...]]) -> None:
    study = make_study(tmp_path)
    work, _answer = review(study, "a.png")
    files.patiently((tmp_path / "pictures" / "a.png").rename, tmp_path / "pictures" / "z.png")
    moved = picture_of(study, "z.png")
    assert study.note_opened(moved, facts_of(moved).sha256, "ann").what == "moved"
    picture = picture_of(study, "b.png")
    facts = facts_of(picture)
    alone = AnnotationStore(tmp_path / "store").place(facts.sha256)
    writer = alone.open("ann", facts)
    writer.append([Work(2, facts.height, facts.width).paint()])
    writer.write_record(Record("b.png", facts.sha256, facts.height, facts.width))
    writer.close()
    assert "brought along" in bring_along(study, picture, facts.sha256, alone, "ann")[1]
    kept = study.place(moved).load(facts_of(moved).sha256, facts.height, facts.width)
    assert kept is not None
    assert (kept.corrections == work.corrections).all()
    assert {what[0] for what in refused} == {"replace", "rename", "unlink", "link"}
    assert not [file for file in tmp_path.rglob("*") if ".lock" in file.name or "lock." in file.name]
    assert not list(tmp_path.rglob(f"{files.TEMPORARY_PREFIX}*"))
    assert [one.sentence for one in verify_study(study.folder) if one.problem] == []
