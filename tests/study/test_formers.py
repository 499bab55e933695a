"""What is kept apart in an annotation's folder is held against the audit log too."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.study.studies import draw, facts_of, make_study, picture_of, review
from tests.study.work import Work
from vesselapp.core.errors import VesselError
from vesselapp.core.files import patiently
from vesselapp.study.lock import Lock
from vesselapp.study.pictures import key_of
from vesselapp.study.study import Study
from vesselapp.study.verify import verify_study

HOME = f"annotations/{key_of(0, 'c.png')}"


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Give a study whose picture c.png was reviewed, replaced by another, and that one was begun."""
    study = make_study(tmp_path)
    review(study, "a.png")
    review(study, "c.png", seed=5)
    shutil.copy(study.roots[0] / "c.png", tmp_path / "c.png")
    draw(study.roots[0] / "c.png", 77)
    work_on(study, "c.png", stroke=True)
    assert problems(study) == []
    return study


def work_on(study: Study, name: str, *, stroke: bool = False) -> None:
    picture = picture_of(study, name)
    facts = facts_of(picture)
    study.note_opened(picture, facts.sha256, "ann")
    writer = study.place(picture).open("ann", facts)
    if stroke:
        writer.append([Work(3, facts.height, facts.width).paint()])
    writer.close()


def problems(study: Study) -> list[str]:
    return [finding.where for finding in verify_study(study.folder) if finding.problem]


TAMPERINGS: dict[str, tuple[Callable[[Path], object], str]] = {
    "removed": (lambda home: shutil.rmtree(home / "former-1"), "former-1"),
    "all removed": (shutil.rmtree, "former-1"),
    "corrections": (
        lambda home: (home / "former-1/corrections.png").write_bytes(b""),
        "former-1/corrections.png",
    ),
    "record": (lambda home: (home / "former-1/record.json").write_bytes(b"{}"), "former-1/record.json"),
    "journal": (lambda home: (home / "former-1/journal.log").unlink(), "former-1/journal.log"),
    "one added": (lambda home: shutil.copytree(home / "former-1", home / "former-2"), "former-2"),
    "damaged files added": (lambda home: (home / "aside-1").mkdir(), "aside-1"),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_with_a_former_annotation_is_found_and_named(study: Study, what: str) -> None:
    tamper, where = TAMPERINGS[what]
    tamper(study.folder / HOME)
    assert f"{HOME}/{where}" in problems(study)


def test_one_that_comes_back_or_goes_along_is_no_longer_looked_for(study: Study, tmp_path: Path) -> None:
    shutil.copy(study.roots[0] / "c.png", tmp_path / "other.png")
    shutil.copy(tmp_path / "c.png", study.roots[0] / "c.png")
    work_on(study, "c.png")  # back, and what was begun meanwhile is kept apart
    assert problems(study) == []
    shutil.copy(tmp_path / "other.png", study.roots[0] / "d.png")
    work_on(study, "d.png")  # goes along from where it is kept apart
    assert problems(study) == []


def test_all_that_is_kept_apart_goes_along_with_a_picture_that_is_renamed(study: Study) -> None:
    (study.roots[0] / "c.png").rename(study.roots[0] / "d.png")
    work_on(study, "d.png")
    assert problems(study) == []
    shutil.rmtree(study.folder / "annotations" / key_of(0, "d.png") / "former-1")
    assert problems(study) == [f"annotations/{key_of(0, 'd.png')}/former-1"]


def test_what_changes_names_with_another_is_no_tampering(study: Study) -> None:
    root = study.roots[0]
    for old, new in (("a.png", "x"), ("c.png", "a.png"), ("x", "c.png")):
        (root / old).rename(root / new)
    for name in ("a.png", "c.png", "a.png"):
        work_on(study, name)
        work_on(study, name, stroke=name == "a.png")
    assert problems(study) == []


def test_one_put_apart_after_a_crash_is_held_against_what_it_was_then(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = picture_of(study, "a.png")
    writer = study.place(picture).open("eve", facts_of(picture))
    writer.append([Work(9, 40, 50).set_level(30)])
    writer._journal.close()
    monkeypatch.setattr("vesselapp.study.lock._is_dead", lambda holder: holder.who == "eve")
    draw(picture.path, 78)
    work_on(study, "a.png")
    assert problems(study) == []


@pytest.mark.parametrize("step", range(1, 5))
def test_putting_apart_and_bringing_back_go_on_where_they_were_cut_off(
    study: Study, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, step: int
) -> None:
    def refuse(move: Callable[..., object], *given: object) -> object:
        if getattr(move, "__name__", "") == "replace":
            steps.append(1)
            if len(steps) >= step:
                raise OSError(5, "the drive doesn't answer")
        return patiently(move, *given)

    for file in (tmp_path / "c.png", draw(tmp_path / "new.png", 99)):  # back, then apart
        shutil.copy(file, study.roots[0] / "c.png")
        steps: list[int] = []
        with monkeypatch.context() as broken:
            broken.setattr("vesselapp.study.apart.patiently", refuse)
            with pytest.raises(VesselError):
                work_on(study, "c.png")
        work_on(study, "c.png")
        assert problems(study) == []


@pytest.mark.parametrize("ends", ["killed", "refused"])
@pytest.mark.parametrize("returns", [False, True])
def test_one_that_was_not_put_apart_is_not_missing_there(
    study: Study, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ends: str, returns: bool
) -> None:
    def stop(move: Callable[..., object], *given: object) -> object:
        if getattr(move, "__name__", "") == "replace":
            raise KeyboardInterrupt if ends == "killed" else PermissionError(13, "another has it open")
        return patiently(move, *given)

    file = study.roots[0] / "a.png"
    shutil.copy(file, tmp_path / "a.png")
    draw(file, 78)
    with monkeypatch.context() as broken:
        broken.setattr("vesselapp.study.apart.patiently", stop)
        if ends == "killed":
            broken.setattr(Lock, "release", lambda *_given, **_kinds: None)
        with pytest.raises((KeyboardInterrupt, VesselError)):
            work_on(study, "a.png")
    monkeypatch.setattr("vesselapp.study.lock._is_dead", lambda holder: holder.who == "ann")
    if ends == "refused":
        assert problems(study) == [str(file)]  # the picture alone was changed
    if returns:
        shutil.copy(tmp_path / "a.png", file)
    work_on(study, "a.png")
    assert problems(study) == []
    assert len(list((study.folder / "annotations" / key_of(0, "a.png")).glob("former-*"))) == (not returns)
    work_on(study, "a.png", stroke=True)
    assert problems(study) == []
