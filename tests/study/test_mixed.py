"""Files that a sync tool, a copy or an accident mixed: a review is of what is there, and nothing is lost."""

import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.study.studies import facts_of, make_study, picture_of, review
from tests.study.work import FACTS, HEIGHT, WIDTH, Work, load, record, state_of, undoes_to_nothing
from trainer.finetune.reviewed import find_reviewed, read_judgement
from vesselapp.core.errors import VesselError
from vesselapp.study.annotation import FILES, AnnotationFolder
from vesselapp.study.exchange import export_study
from vesselapp.study.journal import Redone
from vesselapp.study.kept import Kept
from vesselapp.study.record import State
from vesselapp.study.snapshot import write_snapshot
from vesselapp.study.verify import verify_study
from vesselapp.study.writer import Writer

Files = dict[str, bytes]
JOURNAL, SNAPSHOT, ANSWER, RECORD = FILES


def files_of(folder: Path) -> Files:
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


def put(folder: Path, files: Files) -> Path:
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def opened(folder: Path, who: str = "ann", seed: int = 0) -> tuple[Writer, Work]:
    """Open an annotation, and go on with the work that is there."""
    writer, work = AnnotationFolder(folder).open(who, FACTS), Work(seed)
    if writer.kept is not None:
        kept = writer.kept
        work.corrections[...] = kept.corrections
        work.done, work.undone, work.level, work.view = [*kept.done], [*kept.undone], kept.level, kept.view
    return writer, work


@dataclass
class Version:
    """An annotation's files at one time, and what was found in them then."""

    files: Files
    kept: Kept


@cache
def versions() -> list[Version]:
    """Two people go on from one reviewed copy, one of them is killed; a third one begins by herself."""
    with TemporaryDirectory() as place:
        folder, out = Path(place) / "a", list[Version]()

        def end(writer: Writer, *, killed: bool = False) -> None:
            if killed:
                writer.abandon()
            else:
                writer.close()
            kept = load(folder)
            assert kept is not None
            assert kept.notes == ()
            out.append(Version(files_of(folder), kept))

        def session(who: str, seed: int, strokes: int) -> Writer:
            writer, work = opened(folder, who, seed)
            writer.append([work.paint() for _ in range(strokes)])
            writer.append([work.set_level(90 + seed)])
            writer.write_answer(np.random.default_rng(seed).integers(1, 254, (HEIGHT, WIDTH), np.uint8))
            writer.write_record(record(State.REVIEWED, level=90 + seed, strokes=len(work.done)))
            return writer

        end(session("ann", 1, 3))
        end(session("ann", 2, 3))
        writer, work = opened(folder)
        writer._journal_slack = 0
        writer.append([work.undo(), work.paint(), work.undo()])
        writer.compact()
        writer.append([work.paint(), work.paint()])
        end(writer, killed=True)
        shutil.rmtree(folder)
        put(folder, out[0].files)
        end(session("bob", 3, 5))
        shutil.rmtree(folder)
        writer, _ = opened(folder, "eve")
        writer.write_record(record(State.REVIEWED, nothing_there=True))
        end(writer)
        return out


def is_of_review(kept: Kept, version: Version) -> bool:
    return (
        np.array_equal(kept.corrections, version.kept.corrections)
        and np.array_equal(kept.mask(), version.kept.mask())
        and kept.mask_level == version.kept.mask_level
    )


CHOICE = st.sampled_from(["missing", "empty", 0, 1, 2, 3, 4])


@settings(max_examples=60, deadline=None)
@given(choices=st.fixed_dictionaries(dict.fromkeys(FILES, CHOICE)))
@example(choices={JOURNAL: "missing", SNAPSHOT: "missing", ANSWER: 0, RECORD: 0})
@example(choices={JOURNAL: 1, SNAPSHOT: 3, ANSWER: 1, RECORD: 1})
@example(choices={JOURNAL: 0, SNAPSHOT: 0, ANSWER: 0, RECORD: 1})
@example(choices={JOURNAL: 1, SNAPSHOT: 0, ANSWER: 1, RECORD: 1})
@example(choices={JOURNAL: 0, SNAPSHOT: 1, ANSWER: 1, RECORD: 1})
def test_however_files_are_mixed_a_review_is_of_what_is_there(choices: dict[str, str | int]) -> None:
    known, files = versions(), Files()
    for name, choice in choices.items():
        data = (
            b"" if choice == "empty" else None if isinstance(choice, str) else known[choice].files.get(name)
        )
        if data is not None:
            files[name] = data
    with TemporaryDirectory() as place:
        folder = put(Path(place) / "a", files)
        seen = load(folder)
        reviewed = seen is not None and seen.record is not None and seen.record.state is State.REVIEWED
        said = choices[RECORD]
        if seen is not None and reviewed:
            assert isinstance(said, int)
            assert is_of_review(seen, known[said])
        if isinstance(said, int) and files == known[said].files:
            assert seen is not None
            assert seen.notes == ()
            assert reviewed is (said != 2)
        writer = AnnotationFolder(folder).open("ann", FACTS)
        assert state_of(writer.kept) == state_of(seen)
        writer.close()
        kept = load(folder)
        assert state_of(kept) == state_of(seen)
        assert kept is None or kept.notes == ()
        assert (
            kept is not None and kept.record is not None and kept.record.state is State.REVIEWED
        ) is reviewed
        steps = {edit.name for edit in [*kept.done, *kept.undone]} if kept is not None else set()
        journal = choices[JOURNAL]
        if isinstance(journal, int) and journal != 4:
            theirs = known[journal].kept
            in_use = {edit.name for edit in [*theirs.done, *theirs.undone]} == steps
            assert in_use or (folder / "aside-1" / JOURNAL).read_bytes() == files[JOURNAL]


PLACED = st.tuples(st.sampled_from(FILES), st.sampled_from(["missing", "empty", 0, 1, 3]))
ACTION = st.one_of(
    st.sampled_from(["stroke", "compact", "review", "renew", "answer"]),
    st.lists(PLACED, min_size=1, max_size=4),
)


@settings(max_examples=50, deadline=None)
@given(begun=st.sampled_from([None, 0, 1]), actions=st.lists(ACTION, min_size=1, max_size=8))
@example(begun=0, actions=[[(JOURNAL, 1), (SNAPSHOT, 1), (RECORD, 1)], "stroke", "review"])
@example(begun=0, actions=["stroke", [(SNAPSHOT, 1)], "stroke", "stroke", "review"])
@example(begun=0, actions=["stroke", [(JOURNAL, 1)], "review"])
@example(begun=0, actions=[[(JOURNAL, 1)], "stroke"])
@example(begun=0, actions=[[(JOURNAL, "missing")], "compact", [(JOURNAL, 0)]])
@example(begun=1, actions=[[(ANSWER, "missing")], "stroke", [(ANSWER, 1)], "review"])
def test_what_comes_in_while_a_picture_is_open_is_kept_beside_the_work(
    begun: int | None, actions: list[str | list[tuple[str, str | int]]]
) -> None:
    known = versions()
    with TemporaryDirectory() as place:
        folder = Path(place) / "a"
        if begun is not None:
            put(folder, known[begun].files)
        writer, work = opened(folder, "bob", 7)
        foreign, ours = Files(), set(files_of(folder).items())  # what comes back of ours is no stranger's

        def is_kept(name: str, data: bytes) -> bool:
            return any(
                file.read_bytes() == data
                for file in [folder / name, *folder.glob(f"aside-*/{name}")]
                if file.exists()
            )

        def act(action: str) -> None:
            if action == "stroke":
                writer.append([work.paint()])
            elif action == "answer":
                writer.write_answer(np.full((HEIGHT, WIDTH), 1 + len(work.done), np.uint8))
            elif action == "review":
                writer.write_answer(np.full((HEIGHT, WIDTH), 50, np.uint8))
                writer.write_record(record(State.REVIEWED, strokes=len(work.done)))
            else:
                writer._journal_slack = 0 if action == "renew" else 2**18
                writer.compact()

        for action in [*actions, "stroke", "review"]:
            if isinstance(action, str):
                act(action)
                for name, data in foreign.items():
                    assert is_kept(name, data)
                ours |= files_of(folder).items() - foreign.items()
                continue
            for name, choice in action:
                (folder / name).unlink(missing_ok=True)
                foreign.pop(name, None)
                if choice != "missing":
                    put_in = b"" if isinstance(choice, str) else known[choice].files[name]
                    (folder / name).write_bytes(put_in)
                    if put_in and (name, put_in) not in ours:
                        foreign[name] = put_in
        writer.close()
        kept = load(folder)
        assert kept is not None
        assert kept.notes == ()
        assert state_of(kept) == work.state
        assert undoes_to_nothing(kept)
        assert kept.record is not None
        assert kept.record.state is State.REVIEWED


@pytest.mark.parametrize("name", FILES)
def test_what_comes_in_after_the_last_stroke_is_found_out_at_the_end(tmp_path: Path, name: str) -> None:
    put(tmp_path / "a", versions()[0].files)
    writer, work = opened(tmp_path / "a", "bob", 7)
    writer.append([work.paint()])
    writer.write_record(record())
    put(tmp_path / "a", {name: versions()[3].files[name]})
    writer.close()
    kept = load(tmp_path / "a")
    assert kept is not None
    assert state_of(kept) == work.state
    assert kept.notes == ()


def test_steps_of_others_behind_ours_are_kept_and_told(tmp_path: Path) -> None:
    writer, work = opened(tmp_path / "a")
    writer.append([work.paint(), work.undo()])
    journal = tmp_path / "a" / JOURNAL
    more = Work(3)
    theirs, _ = opened(put(tmp_path / "b", {JOURNAL: journal.read_bytes()}), "ben")
    theirs.append([Redone(), more.paint()])
    theirs.abandon()
    whole = (tmp_path / "b" / JOURNAL).read_bytes()
    with journal.open("ab") as file:  # in place, as some tools write
        file.write(whole[journal.stat().st_size :])
    writer.append([work.redo()])
    assert (tmp_path / "a" / "aside-1" / JOURNAL).read_bytes() == whole
    assert "aside-1" in writer.told
    writer.close()
    assert state_of(load(tmp_path / "a")) == work.state


@pytest.mark.parametrize("when", ["older", "theirs", "gone"])
def test_a_history_cut_by_its_cap_is_kept_whole_whatever_comes_in(tmp_path: Path, when: str) -> None:
    folder = put(tmp_path / "a", versions()[0].files)
    writer, work = opened(folder)
    writer.cap_bytes, writer._journal_slack = 2000, 0
    writer.append([work.paint() for _ in range(30)])
    writer.compact()
    writer.append([work.paint()])
    if when == "gone":
        (folder / SNAPSHOT).unlink()
    else:
        put(folder, {SNAPSHOT: versions()[0 if when == "older" else 3].files[SNAPSHOT]})
    writer.append([work.paint()])
    writer.write_answer(np.full((HEIGHT, WIDTH), 50, np.uint8))
    writer.write_record(record(State.REVIEWED))
    writer.close()
    assert (when == "gone") == (not (folder / "aside-1").exists())
    kept = load(folder)
    assert kept is not None
    assert np.array_equal(kept.corrections, work.corrections)
    assert kept.record is not None
    assert (kept.record.state, kept.notes) == (State.REVIEWED, ())


def test_a_journal_that_begins_later_is_not_put_upon_corrections_of_others(tmp_path: Path) -> None:
    folder = put(tmp_path / "a", versions()[0].files)
    writer, work = opened(folder)
    writer.cap_bytes, writer._journal_slack = 2000, 0
    writer.append([work.paint() for _ in range(30)])
    writer.compact()
    writer.append([work.paint()])
    writer.abandon()
    whole = (folder / JOURNAL).read_bytes()
    theirs = load(put(tmp_path / "b", versions()[3].files))
    assert theirs is not None
    write_snapshot(folder / SNAPSHOT, theirs.corrections, writer.number - 1)
    kept = load(folder)
    assert kept is not None
    assert np.array_equal(kept.corrections, theirs.corrections)
    assert any("isn't of these corrections" in note for note in kept.notes)
    opened(folder)[0].close()
    assert (folder / "aside-1" / JOURNAL).read_bytes() == whole
    kept = load(folder)
    assert kept is not None
    assert kept.notes == ()
    assert np.array_equal(kept.corrections, theirs.corrections)


def test_neither_export_nor_trainer_takes_what_nobody_judged(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png", "b.png"))
    review(study, "a.png", strokes=2)
    review(study, "b.png")
    picture = picture_of(study, "a.png")
    place, facts = study.place(picture), facts_of(picture)
    for name in (JOURNAL, SNAPSHOT):
        (place.folder / name).unlink()
    outcome = export_study(study, tmp_path / "out")
    assert outcome.stems == ["b"]
    assert "a.png was left out: it is no longer reviewed" in outcome.left_out[0]
    with pytest.raises(VesselError, match="not what was reviewed"):
        read_judgement(study, find_reviewed(study)[0][picture.key], 10)
    writer = place.open("bob", facts)
    assert writer.kept is not None
    assert any("not what was reviewed" in note for note in writer.kept.notes)
    said = place.record()
    assert said is not None
    assert said.state is State.IN_PROGRESS
    writer.close()
    assert [finding for finding in verify_study(study.folder) if finding.problem] == []


@pytest.mark.parametrize("lost", [False, True])
def test_a_review_that_does_not_say_what_it_is_of_holds_unless_files_are_lost(
    tmp_path: Path, lost: bool
) -> None:
    files = versions()[0].files
    judged = versions()[0].kept.record
    assert judged is not None
    text = files[RECORD].decode().replace(judged.judged, "")
    put(tmp_path / "a", files | {RECORD: text.encode()})
    if lost:
        (tmp_path / "a" / JOURNAL).unlink()
        (tmp_path / "a" / SNAPSHOT).unlink()
    writer, _ = opened(tmp_path / "a")
    assert writer.kept is not None
    assert bool(writer.kept.notes) is lost
    writer.close()
    kept = load(tmp_path / "a")
    assert kept is not None
    assert kept.record is not None
    assert (kept.record.state is State.REVIEWED) is not lost
