"""An annotation on disk: what was acknowledged is there, and what is damaged is told and kept."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.study.work import FACTS, HEIGHT, WIDTH, Work, load, record, state_of, undoes_to_nothing
from vesselapp.core.errors import VesselError
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.journal import Redone, Undone
from vesselapp.study.lock import Taken, holder_of
from vesselapp.study.record import ImageFacts, State
from vesselapp.study.writer import Writer


def begin(folder: Path, steps: int = 0, seed: int = 0, **options: int) -> tuple[Writer, Work]:
    writer, work = AnnotationFolder(folder).open("ann", FACTS, **options), Work(seed)
    for _ in range(steps):
        writer.append([work.step()])
    return writer, work


def written(folder: Path, steps: int = 30, *, compact_after: int | None = None, seed: int = 0) -> Work:
    """Write an annotation and leave it as a crash would: the process ends, the lock with it."""
    writer, work = begin(folder, 0, seed)
    for done in range(steps):
        writer.append([work.step()])
        if done + 1 == compact_after:
            writer.compact()
    writer.abandon()
    return work


# -- what is written is there -----------------------------------------------------------------------------


def test_where_there_is_nothing_there_is_none(tmp_path: Path) -> None:
    assert load(tmp_path / "nothing") is None
    writer, _ = begin(tmp_path / "a")
    assert writer.kept is None
    writer.close()
    assert not (tmp_path / "a").exists()  # a picture that was only looked at leaves nothing


def test_each_step_is_there_at_once(tmp_path: Path) -> None:
    writer, work = begin(tmp_path / "ä b")
    for _ in range(60):
        writer.append([work.step()])
        assert state_of(load(tmp_path / "ä b")) == work.state
    writer.close()
    kept = load(tmp_path / "ä b")
    assert kept is not None
    assert state_of(kept) == work.state
    assert undoes_to_nothing(kept)
    assert kept.notes == ()
    assert sorted(p.name for p in (tmp_path / "ä b").iterdir()) == [
        "corrections.png",
        "journal.log",
        "record.json",
    ]


def test_a_batch_is_one_write(tmp_path: Path) -> None:
    writer, work = begin(tmp_path)
    writer.append([work.step() for _ in range(20)])
    writer.append([])
    assert state_of(load(tmp_path)) == work.state


def test_the_writer_finds_what_was_there(tmp_path: Path) -> None:
    work = written(tmp_path, 25, compact_after=10)
    writer = AnnotationFolder(tmp_path).open("ben", FACTS)
    assert state_of(writer.kept) == work.state
    assert writer.number == 25
    writer.append([work.step()])
    writer.close()
    assert state_of(load(tmp_path)) == work.state


def test_record_and_answer_are_kept(tmp_path: Path) -> None:
    writer, _ = begin(tmp_path, 3)
    answer = np.random.default_rng(0).integers(1, 254, (HEIGHT, WIDTH), np.uint8)
    writer.write_answer(answer)
    boxes = ((0, 0, 20, 30), (5, 5, 9, 9))
    writer.write_record(record(State.REVIEWED, note="schön", reviewed_boxes=boxes, active_seconds=3.5))
    writer.close()
    kept = load(tmp_path)
    assert kept is not None
    assert kept.answer is not None
    assert np.array_equal(kept.answer, answer)
    assert kept.record is not None
    assert kept.record.state is State.REVIEWED
    assert (kept.record.note, kept.record.reviewed_boxes) == ("schön", boxes)
    assert kept.record.who == "ann"
    assert kept.record.saved >= kept.record.created > "2000"
    assert kept.record.software.startswith("vesselapp ")


def test_created_stays_as_it_was(tmp_path: Path) -> None:
    writer, _ = begin(tmp_path, 1)
    writer.write_record(record(created="2020-01-01T00:00:00+00:00"))
    writer.write_record(record(note="later"))
    writer.close()
    kept = load(tmp_path)
    assert kept is not None
    assert kept.record is not None
    assert kept.record.created == "2020-01-01T00:00:00+00:00"


def test_a_record_is_made_where_none_was_written(tmp_path: Path) -> None:
    writer, work = begin(tmp_path)
    writer.append([work.paint(), work.set_level(77)])
    writer.close()
    kept = load(tmp_path)
    assert kept is not None
    assert kept.record is not None
    assert (kept.record.state, kept.record.level, kept.record.strokes) == (State.IN_PROGRESS, 77, 1)
    assert kept.record.path == FACTS.path


def test_the_mask_is_the_answers_at_the_persons_level_with_corrections(tmp_path: Path) -> None:
    writer, work = begin(tmp_path)
    writer.append([work.paint(), work.set_level(100)])
    answer = np.full((HEIGHT, WIDTH), 99, np.uint8)
    answer[:10] = 100
    writer.write_answer(answer)
    writer.close()
    kept = load(tmp_path)
    assert kept is not None
    assert not kept.needs_answer
    expected = np.where(work.corrections == 0, answer >= 100, work.corrections == 2)
    assert np.array_equal(kept.mask(), expected)


def test_a_mask_without_an_answer_needs_corrections_everywhere(tmp_path: Path) -> None:
    writer, work = begin(tmp_path)
    writer.append([work.paint()])
    kept = load(tmp_path)
    assert kept is not None
    assert kept.needs_answer
    with pytest.raises(ValueError, match="answer"):
        kept.mask()
    kept.corrections[...] = 2
    assert kept.mask().all()


def test_undo_of_nothing_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    writer, work = begin(tmp_path, 0)
    first = work.paint()
    for operations in ([Undone()], [Redone()], [first, Undone(), Undone()]):
        with pytest.raises(ValueError, match="nothing"):
            writer.append(operations)
    assert load(tmp_path) is None
    writer.append([first])
    assert state_of(load(tmp_path)) == work.state


# -- snapshot and journal ---------------------------------------------------------------------------------


def test_compacting_changes_nothing_that_is_seen(tmp_path: Path) -> None:
    writer, work = begin(tmp_path)
    for _ in range(12):
        for _ in range(5):
            writer.append([work.step()])
        writer.compact()
        assert state_of(load(tmp_path)) == work.state
    assert (tmp_path / "corrections.png").exists()


def test_old_edits_fall_away_beyond_the_cap_and_corrections_stay(tmp_path: Path) -> None:
    cap = 20_000
    writer, work = begin(tmp_path, cap_bytes=cap)
    writer._journal_slack = 0
    for _ in range(400):
        writer.append([work.paint()])
    before = (tmp_path / "journal.log").stat().st_size
    writer.compact()
    assert (tmp_path / "journal.log").stat().st_size < before
    kept = load(tmp_path, cap)
    assert kept is not None
    assert np.array_equal(kept.corrections, work.corrections)
    assert 1 < len(kept.done) < 400
    assert sum(edit.size for edit in kept.done) <= cap
    assert [edit.name for edit in kept.done] == [edit.name for edit in work.done[-len(kept.done) :]]
    writer.append([work.undo(), work.step()])
    writer.close()
    kept = load(tmp_path)
    assert kept is not None
    assert np.array_equal(kept.corrections, work.corrections)


def test_undone_edits_survive_a_new_journal(tmp_path: Path) -> None:
    writer, work = begin(tmp_path, cap_bytes=10_000)
    writer._journal_slack = 0
    writer.append([work.paint() for _ in range(150)])
    writer.append([work.undo() for _ in range(9)])
    writer.append([work.redo() for _ in range(2)])
    writer.compact()
    kept = load(tmp_path)
    assert kept is not None
    assert [edit.name for edit in kept.undone] == [edit.name for edit in work.undone]
    plane = kept.corrections.copy()
    for edit in reversed(kept.undone):
        edit.apply(plane)
    for _ in range(7):
        work.redo()
    assert np.array_equal(plane, work.corrections)


def test_the_cap_of_loading_keeps_the_newest(tmp_path: Path) -> None:
    work = written(tmp_path, 80)
    kept = load(tmp_path, 3000)
    assert kept is not None
    assert 0 < len(kept.done) < len(work.done)
    assert kept.done[-1].name == work.done[-1].name


class OnDisk(RuleBasedStateMachine):
    """Holds an annotation on disk against the same work in memory, whatever happens in whatever order."""

    @initialize(seed=st.integers(0, 2**30))
    def start(self, seed: int) -> None:
        import tempfile

        self.folder = Path(tempfile.mkdtemp())
        self.work = Work(seed)
        self.writer = AnnotationFolder(self.folder / "x").open("ann", FACTS, cap_bytes=2**28)

    @rule(strokes=st.integers(1, 3))
    def edit(self, strokes: int) -> None:
        self.writer.append([self.work.paint() for _ in range(strokes)])

    @precondition(lambda self: self.work.done)
    @rule()
    def undo(self) -> None:
        self.writer.append([self.work.undo()])

    @precondition(lambda self: self.work.undone)
    @rule()
    def redo(self) -> None:
        self.writer.append([self.work.redo()])

    @rule(level=st.integers(2, 253))
    def threshold(self, level: int) -> None:
        self.writer.append([self.work.set_level(level)])

    @rule()
    def compact(self) -> None:
        self.writer.compact()

    @rule()
    def write_the_journal_anew(self) -> None:
        self.writer._journal_slack = 0
        self.writer.compact()
        self.writer._journal_slack = 2**18

    @rule()
    def record(self) -> None:
        self.writer.write_record(record(note=str(len(self.work.done))))

    @rule(cleanly=st.booleans())
    def reopen(self, cleanly: bool) -> None:
        if cleanly:
            self.writer.close()
        else:
            self.writer.abandon()
        self.writer = AnnotationFolder(self.folder / "x").open("ann", FACTS)
        assert state_of(self.writer.kept) == self.work.state

    @invariant()
    def what_is_on_disk_is_what_was_done(self) -> None:
        kept = load(self.folder / "x")
        assert state_of(kept) == self.work.state
        assert kept is None or (kept.notes == () and undoes_to_nothing(kept))

    def teardown(self) -> None:
        self.writer.abandon()
        shutil.rmtree(self.folder)


TestOnDisk = OnDisk.TestCase
TestOnDisk.settings = settings(max_examples=25, stateful_step_count=25)


# -- who may write ----------------------------------------------------------------------------------------


def test_the_second_reads_and_learns_who_writes(tmp_path: Path) -> None:
    writer, work = begin(tmp_path, 5)
    with pytest.raises(Taken) as caught:
        AnnotationFolder(tmp_path).open("ben", FACTS)
    assert caught.value.holder.who == "ann"
    assert "ann" in str(caught.value)
    assert holder_of(tmp_path) == caught.value.holder
    assert state_of(load(tmp_path)) == work.state
    writer.close()
    assert holder_of(tmp_path) is None
    AnnotationFolder(tmp_path).open("ben", FACTS).close()


# -- damage -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compacted", [False, True])
def test_a_torn_last_record_is_cut_at_every_byte(tmp_path: Path, compacted: bool) -> None:
    work = written(tmp_path / "a", 12, compact_after=6 if compacted else None)
    before = work.state
    writer = AnnotationFolder(tmp_path / "a").open("ann", FACTS)
    length = (tmp_path / "a" / "journal.log").stat().st_size
    writer.append([work.paint()])
    writer.abandon()
    whole = (tmp_path / "a" / "journal.log").read_bytes()
    after = work.state
    for end in range(length, len(whole) + 1):
        (tmp_path / "a" / "journal.log").write_bytes(whole[:end])
        kept = load(tmp_path / "a")
        assert kept is not None
        assert kept.notes == ()
        assert state_of(kept) == (after if end == len(whole) else before)
    # and one of the cut ones can be written to
    (tmp_path / "a" / "journal.log").write_bytes(whole[: length + 7])
    more = Work(99)
    more.corrections[...] = np.frombuffer(before[0], np.uint8).reshape(HEIGHT, WIDTH)  # type: ignore[call-overload]
    writer = AnnotationFolder(tmp_path / "a").open("ann", FACTS)
    writer.append([more.paint()])
    writer.close()
    kept = load(tmp_path / "a")
    assert kept is not None
    assert np.array_equal(kept.corrections, more.corrections)


def test_zeros_behind_the_last_line_are_cut(tmp_path: Path) -> None:
    work = written(tmp_path, 9)
    with (tmp_path / "journal.log").open("ab") as file:
        file.write(bytes(5000))
    kept = load(tmp_path)
    assert kept is not None
    assert kept.notes == ()
    assert state_of(kept) == work.state


def lines_of(folder: Path) -> list[bytes]:
    return (folder / "journal.log").read_bytes().splitlines(keepends=True)


def put_lines(folder: Path, lines: list[bytes]) -> None:
    (folder / "journal.log").write_bytes(b"".join(lines))


def spoiled(line: bytes) -> bytes:
    return line[:20] + bytes([line[20] ^ 1]) + line[21:]


def test_damage_in_the_middle_keeps_all_before_it_and_the_rest_apart(tmp_path: Path) -> None:
    writer, work = begin(tmp_path)
    states = [work.state]
    for _ in range(20):
        writer.append([work.step()])
        states.append(work.state)
    writer.abandon()
    lines = lines_of(tmp_path)
    whole = b"".join(lines)
    lines[8] = spoiled(lines[8])  # line 0 is the header, so this is step 8
    put_lines(tmp_path, lines)
    kept = load(tmp_path)
    assert kept is not None
    assert state_of(kept) == states[7]
    assert "step 8" in kept.notes[0]
    writer = AnnotationFolder(tmp_path).open("ann", FACTS)
    assert writer.kept is not None
    assert any("aside-1" in note for note in writer.kept.notes)
    assert (tmp_path / "aside-1" / "journal.log").read_bytes() == b"".join(lines) != whole
    writer.close()
    kept = load(tmp_path)
    assert kept is not None
    assert state_of(kept) == states[7]
    assert kept.notes == ()


def test_damage_to_what_the_snapshot_holds_costs_older_undo_steps_only(tmp_path: Path) -> None:
    writer, work = begin(tmp_path)
    for _ in range(20):
        writer.append([work.paint()])
    writer.compact()
    for _ in range(5):
        writer.append([work.paint()])
    writer.abandon()
    lines = lines_of(tmp_path)
    lines[7] = spoiled(lines[7])
    put_lines(tmp_path, lines)
    kept = load(tmp_path)
    assert kept is not None
    assert np.array_equal(kept.corrections, work.corrections)
    assert [edit.name for edit in kept.done] == [edit.name for edit in work.done[7:]]
    writer = AnnotationFolder(tmp_path).open("ann", FACTS)
    writer.append([work.undo()])
    writer.close()
    kept = load(tmp_path)
    assert kept is not None
    assert kept.notes == ()
    assert np.array_equal(kept.corrections, work.corrections)


@pytest.mark.parametrize("place", [0, 3, 11])
def test_any_lost_line_leaves_corrections_that_once_were(tmp_path: Path, place: int) -> None:
    writer, work = begin(tmp_path)
    states = [work.corrections.tobytes()]
    for n in range(20):
        writer.append([work.step()])
        states.append(work.corrections.tobytes())
        if n == 9:
            writer.compact()
    writer.abandon()
    lines = lines_of(tmp_path)
    del lines[place]
    put_lines(tmp_path, lines)
    kept = load(tmp_path)
    assert kept is not None
    # What the snapshot holds is never lost, and nothing is put upon what it doesn't build on.
    assert kept.corrections.tobytes() == states[20 if place < 11 else 10]
    assert kept.notes


def test_a_line_twice_is_taken_once(tmp_path: Path) -> None:
    work = written(tmp_path, 10)
    lines = lines_of(tmp_path)
    put_lines(tmp_path, [*lines[:6], lines[5], *lines[6:]])
    kept = load(tmp_path)
    assert kept is not None
    assert state_of(kept) == work.state


@pytest.mark.parametrize("how", ["cut", "noise", "gone", "other size"])
def test_a_spoiled_snapshot_is_made_anew_from_the_journal(tmp_path: Path, how: str) -> None:
    work = written(tmp_path, 20, compact_after=15)
    file = tmp_path / "corrections.png"
    data = file.read_bytes()
    if how == "gone":
        file.unlink()
    else:
        from vesselapp.study.plane_png import encode_plane

        other = encode_plane(np.zeros((5, 5), np.uint8))
        noise = data[:60] + bytes(byte ^ 255 for byte in data[60:80]) + data[80:]
        file.write_bytes({"cut": data[: len(data) // 2], "noise": noise, "other size": other}[how])
    kept = load(tmp_path)
    assert kept is not None
    assert state_of(kept) == work.state
    if how != "gone":
        assert kept.notes
    writer = AnnotationFolder(tmp_path).open("ann", FACTS)
    writer.close()
    kept = load(tmp_path)
    assert kept is not None
    assert kept.notes == ()
    assert state_of(kept) == work.state


def test_a_lost_journal_leaves_the_corrections(tmp_path: Path) -> None:
    work = written(tmp_path, 20, compact_after=20)
    (tmp_path / "journal.log").unlink()
    writer = AnnotationFolder(tmp_path).open("ann", FACTS)
    assert writer.kept is not None
    assert np.array_equal(writer.kept.corrections, work.corrections)
    assert writer.number == 20
    writer.append([work.paint()])
    writer.close()
    kept = load(tmp_path)
    assert kept is not None
    assert np.array_equal(kept.corrections, work.corrections)
    assert [edit.name for edit in kept.done] == [work.done[-1].name]


@pytest.mark.parametrize("name", ["record.json", "answer.png", "journal.log", "corrections.png"])
@pytest.mark.parametrize("content", [b"", b"\0" * 300, b"{}", b"[" * 100_000, "no".encode("utf-16")])
def test_no_file_whatever_it_holds_keeps_a_picture_from_opening(
    tmp_path: Path, name: str, content: bytes
) -> None:
    writer, work = begin(tmp_path, 5)
    writer.write_answer(np.full((HEIGHT, WIDTH), 7, np.uint8))
    writer.write_record(record())
    writer.close()
    (tmp_path / name).write_bytes(content)
    kept = load(tmp_path)
    assert kept is not None
    writer = AnnotationFolder(tmp_path).open("ann", FACTS)
    assert writer.kept is not None
    assert np.array_equal(writer.kept.corrections, work.corrections)  # one of the two always tells them
    apart = tmp_path / "aside-1" / name
    assert apart.read_bytes() == content
    writer.append([work.paint()])
    writer.close()
    kept = load(tmp_path)
    assert kept is not None
    assert kept.notes == ()
    assert np.array_equal(kept.corrections, work.corrections)


def test_all_files_spoiled_is_told_and_work_goes_on(tmp_path: Path) -> None:
    written(tmp_path, 5, compact_after=5)
    for file in tmp_path.iterdir():
        file.write_bytes(b"nonsense\n")
    writer = AnnotationFolder(tmp_path).open("ann", FACTS)
    assert writer.kept is not None
    assert writer.kept.notes
    assert not writer.kept.corrections.any()
    work = Work(3)
    writer.append([work.paint()])
    writer.close()
    assert state_of(load(tmp_path)) == work.state


def test_an_edit_with_damaged_data_but_a_right_checksum_changes_nothing(tmp_path: Path) -> None:
    from vesselapp.core.edits import Edit
    from vesselapp.core.geometry import Box
    from vesselapp.study.journal import Edited, encode

    work = written(tmp_path, 4)
    bomb = Edit("bomb", Box(0, 0, 1, 1), ((0, 0, b"not zlib"),))
    with (tmp_path / "journal.log").open("ab") as file:
        file.write(encode(5, Edited(bomb)))
    kept = load(tmp_path)
    assert kept is not None
    assert state_of(kept) == work.state
    assert kept.notes
    with pytest.raises(VesselError, match="damaged"):
        bomb.apply(kept.corrections)


# -- another image, another version -----------------------------------------------------------------------


def test_another_image_of_that_name_keeps_the_former_ones_annotation_apart(
    tmp_path: Path,
) -> None:
    first = written(tmp_path, 10, compact_after=5)
    other = ImageFacts("eye 1.png", "cd" * 32, 50, 60, "eye 1.png")
    place = AnnotationFolder(tmp_path)
    seen = place.load(other.sha256, 50, 60)
    assert seen is not None
    assert not seen.corrections.any()
    assert "replaced" in seen.notes[0]
    writer = place.open("ann", other)
    assert writer.kept is not None
    assert "former-1" in writer.kept.notes[0]
    second = Work(5, 50, 60)
    writer.append([second.paint()])
    writer.close()
    writer = place.open("ann", FACTS)
    assert state_of(writer.kept) == first.state
    writer.close()
    writer = place.open("ann", other)
    assert state_of(writer.kept) == second.state
    writer.close()


@pytest.mark.parametrize("name", ["record.json", "journal.log"])
def test_a_newer_format_is_refused_and_not_touched(tmp_path: Path, name: str) -> None:
    import zlib

    writer, _ = begin(tmp_path, 3)
    writer.close()
    if name == "record.json":
        values = json.loads((tmp_path / name).read_text()) | {"format": 99}
        (tmp_path / name).write_text(json.dumps(values))
    else:
        lines = lines_of(tmp_path)
        text = lines[0][9:-1].replace(b'"format":1', b'"format":99')
        put_lines(tmp_path, [b"%08x %s\n" % (zlib.crc32(text), text), *lines[1:]])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for attempt in (lambda: load(tmp_path), lambda: AnnotationFolder(tmp_path).open("ann", FACTS)):
        with pytest.raises(VesselError, match="newer version"):
            attempt()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
