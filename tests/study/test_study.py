"""Studies: which pictures they hold, which annotation is whose, and what happens when things move."""

import contextlib
import errno
import itertools
import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.study.conftest import move_mount
from tests.study.studies import SIZE, draw, facts_of, let_no_one_list, make_study, picture_of, review
from tests.study.work import Work, state_of
from vesselapp.core.errors import VesselError
from vesselapp.study.annotation import read_record
from vesselapp.study.exchange import export_study
from vesselapp.study.lock import Lock, holder_of
from vesselapp.study.pictures import key_of, printable
from vesselapp.study.record import ImageFacts, State
from vesselapp.study.study import Study, is_study
from vesselapp.study.unusable import gone_told
from vesselapp.study.verify import verify_study


def names(study: Study) -> list[str]:
    return [picture.relative for picture in study.pictures()]


def problems(study: Study) -> list[str]:
    return [finding.sentence for finding in verify_study(study.folder) if finding.problem]


# -- making and listing -----------------------------------------------------------------------------------


def test_a_study_of_a_folder_beside_it(tmp_path: Path) -> None:
    made = make_study(tmp_path, ("b10.png", "b2.png", "deep/a.png", ".hidden.png"))
    study = Study.open(tmp_path / "study")
    assert (study.name, study.model, study.roots) == ("Trial", "", [tmp_path / "pictures"])
    assert study.created == made.created > "2000"
    assert names(study) == ["b2.png", "b10.png", "deep/a.png"]
    assert [picture.root for picture in study.pictures()] == [0, 0, 0]
    assert json.loads((tmp_path / "study" / "study.json").read_text())["roots"] == ["../pictures"]
    assert Study.open(tmp_path / "study" / "study.json").folder == study.folder
    assert is_study(study.folder)
    assert not is_study(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.timeout(30)
def test_a_pipe_is_no_picture_of_a_study(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png", "deep/a.png"))
    for name in ("b.png", "deep/b_mask.png"):
        os.mkfifo(tmp_path / "pictures" / name)
    assert names(study) == ["a.png", "deep/a.png"]


def test_a_study_in_place_does_not_take_its_own_files_for_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "all" / "pictures"
    draw(folder / "a.png")
    study = Study.create(folder, roots=[])
    assert (study.name, study.roots) == ("pictures", [folder])
    review(study, "a.png")
    draw(folder / "exports" / "a.png")
    assert names(study) == ["a.png"]
    assert (study.folder / "annotations").exists()
    outer = Study.create(tmp_path / "outer", roots=[tmp_path / "all"])
    assert [picture.path for picture in outer.pictures()] == [folder / "a.png"]


def test_several_folders_and_one_inside_another(tmp_path: Path) -> None:
    for place in ("one/a.png", "one/two/a.png", "three/a.png"):
        draw(tmp_path / place)
    roots = [tmp_path / "one", tmp_path / "one" / "two", tmp_path / "three", tmp_path / "one"]
    study = Study.create(tmp_path / "s", roots=roots)
    assert [(p.root, p.relative) for p in study.pictures()] == [(0, "a.png"), (0, "two/a.png"), (1, "a.png")]
    assert len({picture.key for picture in study.pictures()}) == 3


def test_what_cannot_be_a_study_is_told(tmp_path: Path) -> None:
    with pytest.raises(VesselError, match="isn't there"):
        Study.create(tmp_path / "s", roots=[tmp_path / "nowhere"])
    assert not (tmp_path / "s").exists()
    with pytest.raises(VesselError, match="no study"):
        Study.open(tmp_path)
    Study.create(tmp_path)
    with pytest.raises(VesselError, match="already"):
        Study.create(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "[" * 99999, '{"format": 1}', '{"format":1,"name":"x","roots":[3]}', "\0" * 9,
     '{"format":1,"name":"x","roots":"pictures"}', '{"format":"1","name":"x","roots":[]}'],
)  # fmt: skip
def test_a_damaged_study_file_is_told_and_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(VesselError, match="damaged"):
        Study.open(tmp_path)
    assert (tmp_path / "study.json").read_text() == text


def test_a_newer_study_is_refused_and_not_touched(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    file = study.folder / "study.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 2}))
    before = file.read_bytes()
    with pytest.raises(VesselError, match="newer version"):
        Study.open(study.folder)
    assert file.read_bytes() == before


def test_records_are_listed(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    review(study, "a.png")
    review(study, "b.png", state=State.FLAGGED, note="blurred")
    picture = picture_of(study, "c.png")
    writer = study.place(picture).open("ann", facts_of(picture))
    writer.append([Work(1, 40, 50).paint()])  # killed before a record was written
    found = dict(study.records())
    assert [found[p.key].state for p in study.pictures()] == ["reviewed", "flagged", "in-progress"]
    (study.folder / "annotations" / picture_of(study, "b.png").key / "record.json").write_text("{")
    assert len(dict(study.records())) == 3  # the journal still tells that there is something
    writer.abandon()


def test_changing_name_model_and_folder(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    own = study.folder / "models" / "mine.onnx"
    own.parent.mkdir()
    own.write_bytes(b"")
    study.set_name("Neu: Überblick", "ann")
    study.set_model(str(own), "ann")
    (tmp_path / "pictures").rename(tmp_path / "elsewhere")
    assert study.missing_roots == [tmp_path / "pictures"]
    key = key_of(0, "a.png")
    study.set_root(0, tmp_path / "elsewhere", "ann")
    study = Study.open(study.folder)
    assert (study.name, study.model) == ("Neu: Überblick", "models/mine.onnx")
    assert study.pictures()[0].key == key
    with pytest.raises(VesselError, match="isn't there"):
        study.set_root(0, tmp_path / "nowhere")
    own.unlink()
    assert problems(study) == []


def test_two_people_say_where_two_folders_are_now(tmp_path: Path) -> None:
    for name in ("one", "two", "new one", "new two"):
        draw(tmp_path / name / "a.png")
    study = Study.create(tmp_path / "deep" / "study", roots=[tmp_path / "one", tmp_path / "two"])
    other = Study.open(study.folder)
    other.set_root(0, tmp_path / "new one", "bob")
    study.set_root(1, tmp_path / "new two", "ann")
    assert study.roots == Study.open(study.folder).roots == [tmp_path / "new one", tmp_path / "new two"]


# -- what moves -------------------------------------------------------------------------------------------


def test_a_study_moves_as_a_whole(tmp_path: Path) -> None:
    study = make_study(tmp_path / "here")
    work, _ = review(study, "a.png")
    shutil.move(tmp_path / "here", tmp_path / "ganz woanders")
    study = Study.open(tmp_path / "ganz woanders" / "study")
    picture = picture_of(study, "a.png")
    assert study.note_opened(picture, facts_of(picture).sha256).what == "same"
    facts = facts_of(picture)
    kept = study.place(picture).load(facts.sha256, facts.height, facts.width)
    assert state_of(kept) == work.state
    assert problems(study) == []


def test_a_study_opens_when_its_pictures_are_not_there(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    review(study, "a.png")
    shutil.move(tmp_path / "pictures", tmp_path / "offline")
    study = Study.open(study.folder)
    assert study.pictures() == []
    assert study.missing_roots == [tmp_path / "pictures"]
    assert len(dict(study.records())) == 1
    assert problems(study) == ["This folder of pictures isn't there."]


@pytest.mark.parametrize("new", ["renamed.png", "sub folder/a.png", "ümläut 你好.png"])
def test_a_renamed_picture_finds_its_annotation(tmp_path: Path, new: str) -> None:
    study = make_study(tmp_path)
    work, _ = review(study, "a.png", note="keep me")
    target = tmp_path / "pictures" / new
    target.parent.mkdir(exist_ok=True)
    (tmp_path / "pictures" / "a.png").rename(target)
    study = Study.open(study.folder)
    picture = picture_of(study, target.name)
    facts = facts_of(picture)
    opened = study.note_opened(picture, facts.sha256, "ben")
    assert opened.what == "moved"
    assert "a.png" in opened.sentence
    kept = study.place(picture).load(facts.sha256, facts.height, facts.width)
    assert kept is not None
    assert state_of(kept) == work.state
    assert kept.record is not None
    assert (kept.record.note, kept.record.path, kept.record.who) == ("keep me", new, "ann")
    assert study.note_opened(picture, facts.sha256).what == "same"
    assert len(study.keys()) == 1
    assert problems(study) == []


def sees(study: Study, name: str) -> tuple[str, str]:
    """Open a picture as the window does, and close it; give what was found and the note that is kept."""
    picture = picture_of(study, name)
    facts = facts_of(picture)
    opened = study.note_opened(picture, facts.sha256, "ben")
    writer = study.place(picture).open("ben", facts)
    record = writer.record
    writer.close()
    return opened.what, record.note if record is not None else ""


def rename(tmp_path: Path, *pairs: tuple[str, str]) -> None:
    """Rename pictures at once, so that names may be swapped."""
    folder = tmp_path / "pictures"
    for old, new in pairs:
        (folder / old).rename(folder / f"{new}.tmp")
    for _, new in pairs:
        (folder / f"{new}.tmp").replace(folder / new)


@pytest.mark.parametrize("order", [("a.png", "b.png"), ("b.png", "a.png")])
def test_pictures_whose_names_were_swapped_keep_their_work(tmp_path: Path, order: tuple[str, str]) -> None:
    study = make_study(tmp_path)
    review(study, "a.png", note="of a")
    review(study, "b.png", note="of b", seed=2)
    rename(tmp_path, ("a.png", "b.png"), ("b.png", "a.png"))
    study = Study.open(study.folder)
    notes = {"a.png": "of b", "b.png": "of a"}
    for name in order:
        assert sees(study, name) == ("moved", notes[name])
    for name in order:
        assert sees(Study.open(study.folder), name) == ("same", notes[name])
    assert problems(study) == []


@pytest.mark.parametrize("order", [("1.png", "2.png"), ("2.png", "1.png")])
def test_renumbered_pictures_keep_their_work(tmp_path: Path, order: tuple[str, str]) -> None:
    names = ("1.png", "2.png", "3.png")
    study = make_study(tmp_path, names)
    for seed, name in enumerate(names):
        review(study, name, note=f"of {name}", seed=seed)
    (tmp_path / "pictures" / "1.png").unlink()
    rename(tmp_path, ("2.png", "1.png"), ("3.png", "2.png"))
    study = Study.open(study.folder)
    notes = {"1.png": "of 2.png", "2.png": "of 3.png"}
    for name in order:
        assert sees(study, name) == ("moved", notes[name])
    for name in order:
        assert sees(Study.open(study.folder), name) == ("same", notes[name])
    assert problems(study) == []
    draw(tmp_path / "pictures" / "9.png", 0)  # the first is there again, by another name
    assert sees(Study.open(study.folder), "9.png") == ("moved", "of 1.png")
    assert problems(study) == []


def test_pictures_renumbered_one_after_the_other_accuse_no_program(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("1.png", "2.png"))
    for seed, name in enumerate(("1.png", "2.png")):
        review(study, name, seed=seed)
    for pair in (("2.png", "3.png"), ("1.png", "2.png"), ("2.png", "1.png"), ("3.png", "2.png")):
        rename(tmp_path, pair)
        assert sees(Study.open(study.folder), pair[1])[0] == "moved"
        assert verify_study(study.folder) == []


def test_an_annotation_that_could_not_come_along_is_where_the_log_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given: object) -> None:
        raise PermissionError(13, "another program has it open")

    study = make_study(tmp_path)
    review(study, "a.png")
    rename(tmp_path, ("a.png", "d.png"))
    study = Study.open(study.folder)
    with monkeypatch.context() as broken:
        broken.setattr("vesselapp.study.homes.patiently", refuse)
        assert sees(study, "d.png")[0] == "taken"
    assert gone_told(study) == []
    (told,) = problems(study)
    assert "a.png is missing, or was renamed" in told
    assert sees(study, "d.png")[0] == "moved"
    assert verify_study(study.folder) == []


def test_a_move_that_was_cut_off_is_none_where_the_picture_has_its_name_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_given: object) -> None:
        raise KeyboardInterrupt

    study = make_study(tmp_path)
    review(study, "a.png")
    rename(tmp_path, ("a.png", "d.png"))
    study = Study.open(study.folder)
    with monkeypatch.context() as broken:
        broken.setattr("vesselapp.study.homes.patiently", kill)
        broken.setattr(Lock, "release", lambda *_given, **_kinds: None)
        with pytest.raises(KeyboardInterrupt):
            sees(study, "d.png")
    monkeypatch.setattr("vesselapp.study.lock._is_dead", lambda holder: holder.who == "ben")
    rename(tmp_path, ("d.png", "a.png"))
    study = Study.open(study.folder)
    assert sees(study, "a.png")[0] == "same"
    assert gone_told(study) == []
    assert verify_study(study.folder) == []


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("step", range(1, 9))
def test_a_move_that_is_cut_off_leaves_a_whole_annotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, crash: bool
) -> None:
    """A file can't be moved (or the app ends there): tried again, review and strokes are together."""
    study = make_study(tmp_path)
    work, _ = review(study, "a.png", note="of a")
    review(study, "b.png", note="of b", seed=2)
    rename(tmp_path, ("a.png", "b.png"), ("b.png", "a.png"))
    replace, calls = Path.replace, itertools.count(1)

    def failing(self: Path, target: Path) -> Path:
        count = next(calls)
        if count >= step if crash else count == step:
            raise OSError(errno.EACCES, "in use")
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", failing)
        study = Study.open(study.folder)
        picture = picture_of(study, "b.png")
        with contextlib.suppress(VesselError):
            opened = study.note_opened(picture, facts_of(picture).sha256, "ben")
            kept = study.place_of(opened.key).load(facts_of(picture).sha256, *SIZE)
            assert kept is None or kept.record is None or state_of(kept) == work.state
    study = Study.open(study.folder)
    assert sees(study, "b.png")[1] == "of a"
    facts = facts_of(picture_of(study, "b.png"))
    kept = study.place(picture_of(study, "b.png")).load(facts.sha256, facts.height, facts.width)
    assert state_of(kept) == work.state
    assert kept is not None
    assert kept.record is not None
    assert kept.record.state is State.REVIEWED
    assert sees(study, "a.png")[1] == "of b"
    assert problems(study) == []


def test_names_swapped_while_a_study_is_open(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    assert sees(study, "c.png") == ("new", "")
    review(study, "a.png", note="of a")
    rename(tmp_path, ("a.png", "b.png"), ("b.png", "a.png"))
    assert sees(study, "b.png") == ("moved", "of a")
    assert sees(study, "a.png") == ("new", "")


def test_a_copy_that_was_put_apart_under_this_name_goes_before_the_others_work(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    shutil.copy(tmp_path / "pictures" / "a.png", tmp_path / "pictures" / "b.png")
    review(study, "a.png", note="of a")
    review(study, "b.png", note="of the copy", seed=2)
    draw(tmp_path / "pictures" / "b.png", 88)
    assert sees(study, "b.png") == ("changed", "")
    (tmp_path / "pictures" / "a.png").replace(tmp_path / "pictures" / "b.png")
    study = Study.open(study.folder)
    assert sees(study, "b.png")[1] == "of the copy"
    record = read_record(study.folder / "annotations" / key_of(0, "a.png"))
    assert record is not None
    assert record.note == "of a"


def test_a_picture_put_before_the_others_keeps_their_work(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("1.png", "2.png"))
    review(study, "1.png", note="of 1")
    review(study, "2.png", note="of 2", seed=2)
    rename(tmp_path, ("1.png", "2.png"), ("2.png", "3.png"))
    draw(tmp_path / "pictures" / "1.png", 99)
    study = Study.open(study.folder)
    assert sees(study, "1.png") == ("changed", "")
    assert sees(study, "3.png") == ("moved", "of 2")
    assert sees(study, "2.png") == ("moved", "of 1")
    assert problems(study) == []


def test_a_copy_of_a_picture_begins_anew(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    review(study, "a.png")
    shutil.copy(tmp_path / "pictures" / "a.png", tmp_path / "pictures" / "copy.png")
    picture = picture_of(study, "copy.png")
    assert study.note_opened(picture, facts_of(picture).sha256).what == "new"


def test_a_copy_that_came_after_the_list_keeps_its_annotation(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    study.pictures()
    shutil.copy(tmp_path / "pictures" / "a.png", tmp_path / "pictures" / "copy.png")
    review(Study.open(study.folder), "copy.png")
    picture = next(picture for picture in Study.open(study.folder).pictures() if picture.name == "a.png")
    assert study.note_opened(picture, facts_of(picture).sha256).what == "new"
    assert problems(study) == []


def test_no_annotation_is_taken_from_a_folder_that_is_only_away(tmp_path: Path) -> None:
    draw(tmp_path / "one" / "a.png")
    draw(tmp_path / "two" / "other.png", 5)
    study = Study.create(tmp_path / "study", roots=[tmp_path / "one", tmp_path / "two"])
    review(study, "a.png")
    shutil.copy(tmp_path / "one" / "a.png", tmp_path / "two" / "same.png")
    (tmp_path / "one").rename(tmp_path / "away")
    picture = picture_of(study, "same.png")
    assert study.note_opened(picture, facts_of(picture).sha256).what == "new"


def test_no_annotation_is_taken_from_a_folder_that_can_not_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, folder = make_study(tmp_path, ("one/a.png", "b.png")), tmp_path / "pictures"
    review(study, "a.png", note="of a")
    review(study, "b.png", note="of b", seed=2)
    shutil.copy(folder / "one" / "a.png", folder / "same.png")
    rename(tmp_path, ("b.png", "renamed.png"))
    with monkeypatch.context() as patch:
        let_no_one_list(patch, folder / "one")
        study = Study.open(study.folder)
        assert names(study) == ["renamed.png", "same.png"]
        assert (study.unlisted, study.missing_roots) == ([folder / "one"], [])
        assert sees(study, "same.png") == ("new", "")
        assert sees(study, "renamed.png") == ("moved", "of b")  # it surely doesn't lie there
        assert problems(study) == ["This folder can't be listed just now."]
    study = Study.open(study.folder)
    assert sees(study, "a.png") == ("same", "of a")
    assert problems(study) == []


def test_a_folder_that_can_not_be_seen_counts_as_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, folder, stat = make_study(tmp_path), tmp_path / "pictures", os.stat

    def failing(path: Path | str, **named: object) -> object:
        if path == folder:
            raise OSError(errno.ESTALE, "stale")
        return stat(path, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", failing)
        assert study.missing_roots == [folder]


def test_a_renamed_picture_that_somebody_works_on_is_left_to_them(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    review(study, "a.png")
    picture = picture_of(study, "a.png")
    writer_key = picture.key
    writer = study.place(picture).open("eve", facts_of(picture))
    (tmp_path / "pictures" / "a.png").rename(tmp_path / "pictures" / "x.png")
    picture = picture_of(study, "x.png")
    opened = study.note_opened(picture, facts_of(picture).sha256)
    assert (opened.what, opened.key) == ("taken", writer_key)
    assert "eve" in opened.sentence
    writer.lock.check()
    writer.close()
    assert study.note_opened(picture, facts_of(picture).sha256).what == "moved"


def test_who_still_works_on_a_renamed_picture_here_is_waited_for(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    review(study, "a.png", note="of a")
    picture = picture_of(study, "a.png")
    writer = study.place(picture).open("ann", facts_of(picture))
    (tmp_path / "pictures" / "a.png").rename(tmp_path / "pictures" / "x.png")
    study = Study.open(study.folder)
    picture, waited = picture_of(study, "x.png"), []

    def ended(folder: Path) -> None:
        waited.append(folder.name)
        assert writer.record is not None
        writer.write_record(replace(writer.record, note="its last words"))
        writer.close()

    assert study.note_opened(picture, facts_of(picture).sha256, "ann", ended).what == "moved"
    assert [name[:2] for name in waited] == ["a-"]
    assert sees(study, "x.png") == ("same", "its last words")


def test_an_annotation_that_became_anothers_meanwhile_is_not_taken(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    review(study, "a.png", note="of a")
    (tmp_path / "pictures" / "a.png").rename(tmp_path / "pictures" / "x.png")
    study = Study.open(study.folder)
    picture = picture_of(study, "x.png")

    def ended(_folder: Path) -> None:  # another computer is at work there
        draw(tmp_path / "pictures" / "a.png", 88)
        review(Study.open(study.folder), "a.png", note="of another", seed=2)

    with pytest.raises(VesselError, match="no longer where it was"):
        study.note_opened(picture, facts_of(picture).sha256, "ben", ended)
    study = Study.open(study.folder)
    assert sees(study, "a.png") == ("same", "of another")
    assert sees(study, "x.png") == ("moved", "of a")
    assert problems(study) == []


def test_a_renamed_picture_whose_annotation_can_not_move_is_seen_where_that_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study(tmp_path)
    review(study, "a.png", note="of a")
    former = picture_of(study, "a.png").key
    (tmp_path / "pictures" / "a.png").rename(tmp_path / "pictures" / "x.png")
    study = Study.open(study.folder)
    picture = picture_of(study, "x.png")

    def refuse(*_: object, **__: object) -> None:
        raise VesselError("The drive is read-only.")

    monkeypatch.setattr(Lock, "take", refuse)
    opened = study.note_opened(picture, facts_of(picture).sha256, "ann")
    assert (opened.what, opened.key) == ("taken", former)
    assert "The drive is read-only" in opened.sentence


@pytest.mark.parametrize("size", [SIZE, (30, 64)])
def test_a_picture_that_changed_is_told_and_its_annotation_kept_apart(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    study = make_study(tmp_path)
    review(study, "a.png", note="of the first")
    draw(tmp_path / "pictures" / "a.png", 77, size)
    picture = picture_of(study, "a.png")
    facts = facts_of(picture)
    opened = study.note_opened(picture, facts.sha256)
    assert opened.what == "changed"
    assert "replaced" in opened.sentence
    assert any("changed since" in sentence for sentence in problems(study))
    writer = study.place(picture).open("ben", facts)
    assert writer.kept is not None
    assert writer.kept.record is None
    assert [note for note in writer.kept.notes if "replaced" not in note] == []  # nobody is suspected
    writer.close()
    assert problems(study) == []
    assert not any("another program" in finding.sentence for finding in verify_study(study.folder))
    apart = study.place(picture).folder / "former-1"
    assert json.loads((apart / "record.json").read_text())["note"] == "of the first"
    assert (apart / "journal.log").exists()


# -- names and places -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["with spaces and 'quotes'.png", "漢字と絵文字🙂.png", "n" * 200 + ".png", "ž" * 110 + ".PNG", "-.png",
     "..x.png", "CON.png", "a.b.c.png", "é.png", "Σίσυφος/Œuvre №5/%41.png"],
)  # fmt: skip
def test_any_name_works(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "Bilder für «alle» 🙂"
    draw(folder / "pictures" / name.lstrip("."))
    study = Study.create(folder / "eine Studie", roots=[folder / "pictures"])
    (picture,) = study.pictures()
    work, _ = review(study, picture.name)
    facts = facts_of(picture)
    kept = study.place(picture).load(facts.sha256, facts.height, facts.width)
    assert state_of(kept) == work.state
    assert len(os.fsencode(picture.key)) <= 255
    assert problems(study) == []


def test_folders_whose_accents_were_taken_apart_by_a_copy_are_found(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("Müller.png", "b.png"))
    work, _ = review(study, "Müller.png", note="keep me")
    key = picture_of(study, "Müller.png").key
    place = study.place_of(key).folder
    place.rename(place.with_name(unicodedata.normalize("NFD", key)))
    study = Study.open(study.folder)
    assert [(name, record.note) for name, record in study.records()] == [(key, "keep me")]
    assert problems(study) == []
    assert sees(study, "Müller.png") == ("same", "keep me")
    facts = facts_of(picture_of(study, "Müller.png"))
    kept = study.place_of(key).load(facts.sha256, facts.height, facts.width)
    assert state_of(kept) == work.state
    assert study.keys() == [key]
    assert problems(study) == []


@pytest.mark.skipif(os.name == "nt" or os.uname().sysname == "Darwin", reason="names are text there")
def test_a_name_that_is_no_text_works(tmp_path: Path) -> None:
    made = draw(tmp_path / "pictures" / "x.png")
    made.rename(os.fsdecode(os.fsencode(made.parent) + b"/caf\xe9.png"))
    study = Study.create(tmp_path / "study", roots=[tmp_path / "pictures"])
    (picture,) = study.pictures()
    facts = facts_of(picture)
    assert study.note_opened(picture, facts.sha256).what == "new"
    named = ImageFacts(printable(picture.name), facts.sha256, 40, 50, printable(picture.relative))
    writer = study.place(picture).open("ann", named)
    writer.append([Work(1, 40, 50).paint()])
    writer.close()
    ((_, record),) = study.records()
    assert record.image == "caf\\udce9.png"
    assert study.note_opened(picture, facts.sha256).what == "same"


def test_one_name_on_every_system(tmp_path: Path) -> None:
    assert key_of(0, "e\u0301.png") == key_of(0, "\u00e9.png")
    assert key_of(0, "a.png") != key_of(1, "a.png")
    assert key_of(0, "x/a.png") != key_of(0, "y/a.png")
    assert key_of(0, "Image_01 L (2).png").startswith("Image_01-L-2-")


@pytest.mark.skipif(sys.platform == "darwin", reason="they are one name there")
@pytest.mark.parametrize("place", ["{}.png", "{}/eye.png"])
def test_names_that_differ_in_their_accents_alone_are_two_pictures(tmp_path: Path, place: str) -> None:
    composed, apart = (place.format(name) for name in ("\u00e9", "e\u0301"))
    notes = {composed: "of the composed one", apart: "of the other"}
    study = make_study(tmp_path, (composed,))
    review(study, composed, note=notes[composed])
    (key,) = study.keys()
    draw(tmp_path / "pictures" / apart, 5)
    study = Study.open(study.folder)
    review(study, apart, note=notes[apart])
    one, other = study.pictures()
    assert {one.relative, other.relative} == {composed, apart}
    assert one.key == key != other.key
    assert {name: sees(study, name)[1] for name in notes} == notes
    assert problems(study) == []
    outcome = export_study(study, tmp_path / "out")
    assert (len(outcome.stems), outcome.left_out) == (2, [])
    one.path.unlink()
    study = Study.open(study.folder)
    (alone,) = study.pictures()
    assert alone.key == key
    assert sees(study, alone.relative)[1] == notes[alone.relative]
    assert problems(study) == []


def test_a_read_only_folder_of_pictures_is_never_written(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "pictures").rglob("*")}
    for path in [*before, tmp_path / "pictures"]:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        work, _ = review(study, "a.png")
        kept = study.place(picture_of(study, "a.png")).load(
            facts_of(picture_of(study, "a.png")).sha256, 40, 50
        )
        assert state_of(kept) == work.state
        assert problems(study) == []
    finally:
        for path in [tmp_path / "pictures", *before]:
            path.chmod(0o755)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "pictures").rglob("*")} == before


def test_pictures_on_a_disk_that_may_only_be_read(
    tmp_path: Path, read_only_copy: Callable[[Path], Path]
) -> None:
    draw(tmp_path / "pictures" / "a.png")
    study = Study.create(tmp_path / "study", roots=[read_only_copy(tmp_path / "pictures")])
    work, _ = review(study, "a.png")
    picture = picture_of(study, "a.png")
    assert state_of(study.place(picture).load(facts_of(picture).sha256, 40, 50)) == work.state
    assert problems(study) == []


def test_a_study_that_may_only_be_read_can_be_looked_at(
    tmp_path: Path, read_only_copy: Callable[[Path], Path]
) -> None:
    study = make_study(tmp_path / "a")
    work, _ = review(study, "a.png")
    study = Study.open(read_only_copy(tmp_path / "a") / "study")
    picture = picture_of(study, "a.png")
    facts = facts_of(picture)
    assert study.note_opened(picture, facts.sha256).what == "same"
    kept = study.place(picture).load(facts.sha256, facts.height, facts.width)
    assert state_of(kept) == work.state
    with pytest.raises(VesselError, match="read-only"):
        study.place(picture).open("ann", facts)
    assert holder_of(study.place(picture).folder) is None
    assert problems(study) == []


def test_a_study_on_a_drive_that_vanishes_is_told_and_comes_back(tiny_disk: Path) -> None:
    study = make_study(tiny_disk)
    work, _ = review(study, "a.png")
    picture = picture_of(study, "a.png")
    facts = facts_of(picture)
    away = tiny_disk.parent / "away"
    away.mkdir()
    move_mount(tiny_disk, away)
    with pytest.raises(VesselError, match="can't be read"):
        dict(study.records())
    with pytest.raises(VesselError, match="There is no study"):
        Study.open(study.folder)
    with pytest.raises(VesselError):
        study.set_name("x")
    assert study.missing_roots == study.roots
    assert study.pictures() == []
    with pytest.raises(VesselError, match="isn't there just now"):
        study.place(picture).load(facts.sha256, facts.height, facts.width)
    with pytest.raises(VesselError, match="isn't there just now"):
        study.place(picture).open("ann", facts)
    assert not list(tiny_disk.iterdir())  # nothing was put into the empty mount point
    move_mount(away, tiny_disk)
    assert len(Study.open(study.folder).pictures()) == 3
    assert state_of(study.place(picture).load(facts.sha256, facts.height, facts.width)) == work.state
    assert problems(study) == []
