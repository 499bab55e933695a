"""A whole annotation that was removed between two sittings is told; what was never there isn't."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.study.studies import draw, facts_of, make_study, picture_of, review
from tests.study.work import Work, record
from vesselapp.core.errors import VesselError
from vesselapp.study.apart import FILES
from vesselapp.study.audit import AuditLog
from vesselapp.study.exchange import export_study
from vesselapp.study.record import State
from vesselapp.study.study import Study
from vesselapp.study.unusable import gone_told
from vesselapp.study.verify import verify_study
from vesselapp.study.writer import Writer


class Killed(BaseException):
    """The app ends here."""


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Give a study with two reviewed pictures."""
    study = make_study(tmp_path)
    review(study, "a.png", seed=1)
    review(study, "b.png", seed=2)
    return study


def open_one(study: Study, name: str, who: str = "eve") -> Writer:
    picture = picture_of(study, name)
    facts = facts_of(picture)
    study.note_opened(picture, facts.sha256, who)
    return study.place(picture).open(who, facts)


def home(study: Study, name: str) -> Path:
    return study.place(picture_of(study, name)).folder


def drop_files(folder: Path) -> None:
    for name in FILES:
        (folder / name).unlink(missing_ok=True)


def problems(study: Study) -> list[str]:
    return [finding.sentence for finding in verify_study(study.folder) if finding.problem]


def kill_while_open(monkeypatch: pytest.MonkeyPatch, study: Study, name: str) -> Writer:
    """Leave the lock as a process that is no more leaves it."""
    writer = open_one(study, name)
    writer._journal.close()
    monkeypatch.setattr("vesselapp.study.lock._is_dead", lambda holder: holder.who == "eve")
    return writer


@pytest.mark.parametrize("remove", [shutil.rmtree, drop_files])
def test_an_annotation_that_is_gone_is_told_logged_and_remembered(
    study: Study, remove: Callable[[Path], object], tmp_path: Path
) -> None:
    remove(home(study, "b.png"))
    for _ in range(2):
        writer = open_one(study, "b.png")
        assert writer.kept is None
        assert "is gone" in writer.gone
        writer.close()
    told = [
        line for line in AuditLog(study.folder).lines() if line and line.values["what"] == "found changed"
    ]
    assert len(told) == 1
    assert problems(study) == ["The annotation is missing."]
    exported = export_study(study, tmp_path / "out")
    assert any("is gone" in why for why in exported.left_out)
    writer = open_one(study, "b.png")
    writer.append([Work(5, 40, 50).paint()])
    writer.close()
    (note,) = verify_study(study.folder)
    assert "removed" in note.sentence
    assert "eve" in note.sentence
    assert open_one(study, "b.png").gone == ""


@pytest.mark.parametrize("remove", [shutil.rmtree, drop_files])
def test_one_that_is_gone_is_told_before_its_picture_is_opened(
    study: Study, remove: Callable[[Path], object]
) -> None:
    assert gone_told(study) == []
    remove(home(study, "b.png"))
    assert gone_told(study) == [f"What was kept in annotations/{home(study, 'b.png').name} is gone."]


def test_one_that_comes_back_as_it_was_is_no_longer_gone(study: Study, tmp_path: Path) -> None:
    shutil.move(home(study, "b.png"), tmp_path / "away")
    writer = open_one(study, "b.png")
    assert writer.gone
    writer.close()
    shutil.move(tmp_path / "away", home(study, "b.png"))
    writer = open_one(study, "b.png")
    assert writer.gone == ""
    assert writer.kept is not None
    assert writer.kept.notes == ()
    writer.close()
    assert problems(study) == []


def test_what_went_elsewhere_is_not_gone(study: Study) -> None:
    root = study.roots[0]
    (root / "a.png").rename(root / "moved.png")
    draw(root / "a.png", 50)
    assert open_one(study, "moved.png").gone == ""
    assert open_one(study, "a.png").gone == ""
    draw(root / "b.png", 51)
    writer = open_one(study, "b.png")
    assert writer.gone == ""
    writer.close()
    assert open_one(study, "b.png").gone == ""


def test_one_removed_after_a_crash_is_missing_and_told(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_while_open(monkeypatch, study, "a.png")
    assert problems(study) == []
    drop_files(home(study, "a.png"))
    assert problems(study) == ["The annotation is missing."]
    writer = open_one(study, "a.png", "ann")
    assert "is gone" in writer.gone
    writer.close()
    assert problems(study) == ["The annotation is missing."]


@pytest.mark.parametrize("ends", ["killed", "refused"])
def test_a_first_record_that_was_never_written_is_not_missing(
    study: Study, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    def fail(*_given: object) -> None:
        raise Killed if ends == "killed" else VesselError("the disk is full")

    writer = open_one(study, "c.png")
    with monkeypatch.context() as broken:
        broken.setattr(Writer, "_put_record", fail)
        with pytest.raises((Killed, VesselError)):
            writer.write_record(record(State.FLAGGED))
    if ends == "killed":
        monkeypatch.setattr("vesselapp.study.lock._is_dead", lambda holder: holder.who == "eve")
    else:
        writer.abandon()
    assert problems(study) == []
    assert gone_told(study) == []
    writer = open_one(study, "c.png", "ann")
    assert "flagged" in writer.gone
    assert "is gone" not in writer.gone
    writer.close()
    assert verify_study(study.folder) == []
    assert open_one(study, "c.png").gone == ""


def test_a_long_log_is_gone_through_once_and_one_that_is_another_anew(study: Study, tmp_path: Path) -> None:
    log = AuditLog(study.folder)
    key = picture_of(study, "a.png").key

    def numbers() -> list[int]:
        return [line.number for line in log.about(key)]

    def all_through() -> list[int]:
        lines = [line for line in log.lines() if line is not None]
        return [line.number for line in reversed(lines) if line.values.get("picture") == key]

    assert numbers() == all_through() != []
    former = log.path.read_bytes()
    review(study, "b.png", seed=3)
    review(study, "a.png", seed=4)
    with log.path.open("ab") as file:
        file.write(b'{"picture":"' + key.encode())
    assert numbers() == all_through()
    log.path.write_bytes(former)
    assert numbers() == all_through()
    log.path.write_bytes(former[former.index(b"\n") + 1 :] * 2)
    assert numbers() == all_through()
    log.path.unlink()
    assert numbers() == []
    log.append("ann", "moved", picture="é-0123456789", before=f"{key}/former-1")
    assert numbers() == [line.number for line in log.about("é-0123456789")] != []
