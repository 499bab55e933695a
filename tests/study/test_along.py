"""Work on a picture alone comes along into a study."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.study.studies import draw, facts_of, make_study, picture_of, review
from tests.study.work import Work
from vesselapp.core.errors import VesselError
from vesselapp.study import along
from vesselapp.study.along import bring_along
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.record import Record, State
from vesselapp.study.store import AnnotationStore
from vesselapp.study.study import Study
from vesselapp.study.verify import verify_study


def worked_alone(tmp_path: Path, study: Study) -> tuple[Work, AnnotationFolder]:
    """Work on ``a.png`` outside the study, and review it."""
    facts = facts_of(picture_of(study, "a.png"))
    place = AnnotationStore(tmp_path / "store").place(facts.sha256)
    writer, work = place.open("ann", facts), Work(1, facts.height, facts.width)
    writer.append([work.paint(), work.paint()])
    writer.write_record(
        Record("other name.png", facts.sha256, facts.height, facts.width, state=State.FLAGGED, note="look")
    )
    writer.close()
    return work, place


def test_it_comes_along_once_and_stays_where_it_was(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    work, alone = worked_alone(tmp_path, study)
    picture = picture_of(study, "a.png")
    facts = facts_of(picture)
    assert "brought along" in bring_along(study, picture, facts.sha256, alone, "ben")[1]
    for place in (study.place(picture), alone):
        found = place.load(facts.sha256, facts.height, facts.width)
        assert found is not None
        assert (found.corrections == work.corrections).all()
        assert len(found.done) == 2
    record = study.place(picture).record()
    assert record is not None
    assert (record.image, record.path, record.state, record.note) == ("a.png", "a.png", State.FLAGGED, "look")
    assert bring_along(study, picture, facts.sha256, alone, "ben")[1] == ""
    assert [one.sentence for one in verify_study(study.folder) if one.problem] == []


def test_what_is_written_until_the_lock_is_had_comes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study(tmp_path)
    _work, alone = worked_alone(tmp_path, study)
    picture = picture_of(study, "a.png")
    facts = facts_of(picture)

    def last_words(*_: object) -> bool:
        writer = alone.open("ann", facts)
        assert writer.record is not None
        writer.write_record(replace(writer.record, note="last words"))
        writer.close()
        return True

    monkeypatch.setattr(along, "_is_free", last_words)
    assert "brought along" in bring_along(study, picture, facts.sha256, alone, "ben")[1]
    record = study.place(picture).record()
    assert record is not None
    assert (record.note, record.image) == ("last words", "a.png")


def test_what_is_open_elsewhere_or_of_another_picture_stays_there(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    _work, alone = worked_alone(tmp_path, study)
    picture, other = picture_of(study, "a.png"), picture_of(study, "b.png")
    assert bring_along(study, other, facts_of(other).sha256, alone)[1] == ""
    writer = alone.open("eve", facts_of(picture))
    assert "still open elsewhere" in bring_along(study, picture, facts_of(picture).sha256, alone)[1]
    writer.close()
    assert study.keys() == []


def test_what_is_begun_in_the_study_stays(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    _work, alone = worked_alone(tmp_path, study)
    picture = picture_of(study, "a.png")
    facts = facts_of(picture)
    writer = study.place(picture).open("ben", facts)
    assert bring_along(study, picture, facts.sha256, alone)[1] == ""  # somebody is there
    begun = Work(2, facts.height, facts.width)
    writer.append([begun.paint()])
    writer.abandon()  # it ends before a record is written
    assert bring_along(study, picture, facts.sha256, alone)[1] == ""
    found = study.place(picture).load(facts.sha256, facts.height, facts.width)
    assert found is not None
    assert (found.corrections == begun.corrections).all()


def test_a_lock_left_behind_is_no_hindrance(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    _work, alone = worked_alone(tmp_path, study)
    picture = picture_of(study, "a.png")
    facts = facts_of(picture)
    study.place(picture).open("ben", facts).abandon()
    assert "brought along" in bring_along(study, picture, facts.sha256, alone)[1]


def test_a_full_disk_leaves_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = make_study(tmp_path)
    _work, alone = worked_alone(tmp_path, study)
    picture = picture_of(study, "a.png")
    copied: list[Path] = []

    def full(source: Path, target: Path) -> None:
        if copied:
            raise VesselError(f"{target} can't be written: the disk is full.")
        copied.append(source)

    with monkeypatch.context() as filled:
        filled.setattr(along, "copy_file", full)
        assert "the disk is full" in bring_along(study, picture, facts_of(picture).sha256, alone)[1]
    assert list((study.folder / "annotations").iterdir()) == []
    assert "brought along" in bring_along(study, picture, facts_of(picture).sha256, alone)[1]


def test_cut_off_in_the_midst_it_is_brought_to_its_end_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study(tmp_path)
    work, alone = worked_alone(tmp_path, study)
    picture = picture_of(study, "a.png")
    facts, place = facts_of(picture), study.place(picture)

    def killed(*_given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr(along, "write_named", killed)
        with pytest.raises(KeyboardInterrupt):
            bring_along(study, picture, facts.sha256, alone)
    assert study.note_opened(picture, facts.sha256).what == "new"
    assert bring_along(study, picture, facts.sha256, alone)[1] == ""
    writer = place.open("ben", facts)
    assert writer.kept is not None
    assert (writer.kept.corrections == work.corrections).all()
    (note,) = writer.kept.notes
    assert "brought back" in note
    assert "picture has returned" not in note
    writer.close()
    record = place.record()
    assert record is not None
    assert (record.image, record.path) == ("a.png", "a.png")
    assert [one.sentence for one in verify_study(study.folder) if one.problem] == []


def test_it_comes_along_where_the_place_was_another_pictures(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    work, alone = worked_alone(tmp_path, study)
    wanted = (tmp_path / "pictures" / "a.png").read_bytes()
    draw(tmp_path / "pictures" / "a.png", 88)
    review(study, "a.png", note="of another")
    (tmp_path / "pictures" / "a.png").write_bytes(wanted)
    picture = picture_of(study, "a.png")
    facts = facts_of(picture)
    assert study.note_opened(picture, facts.sha256, "ben").what == "changed"
    assert "brought along" in bring_along(study, picture, facts.sha256, alone, "ben")[1]
    found = study.place(picture).load(facts.sha256, facts.height, facts.width)
    assert found is not None
    assert (found.corrections == work.corrections).all()
    assert len(list(study.place(picture).folder.glob("former-*/record.json"))) == 1
    assert bring_along(study, picture, facts.sha256, alone, "ben")[1] == ""
    assert [one.sentence for one in verify_study(study.folder) if one.problem] == []
