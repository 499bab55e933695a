"""Whatever is changed, removed or added from outside is found, and the finding says where."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.study.studies import draw, facts_of, make_study, picture_of, review
from tests.study.work import Work, record
from vesselapp.core.errors import VesselError
from vesselapp.core.files import file_sha256
from vesselapp.study import verify
from vesselapp.study.audit import AuditLog
from vesselapp.study.json_text import parse_object
from vesselapp.study.lock import holder_of
from vesselapp.study.models import Registry
from vesselapp.study.pictures import key_of
from vesselapp.study.plane_png import encode_plane
from vesselapp.study.record import State, record_from
from vesselapp.study.seal import seal_of
from vesselapp.study.snapshot import read_snapshot, write_snapshot
from vesselapp.study.study import Study
from vesselapp.study.verify import Finding, verify_study

KEY = key_of(0, "a.png")
HOME = f"annotations/{KEY}"
CORRECTIONS, ANSWER = f"{HOME}/corrections.png", f"{HOME}/answer.png"
JOURNAL, RECORD = f"{HOME}/journal.log", f"{HOME}/record.json"


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Give a study with reviewed pictures, a model, and some history."""
    study = make_study(tmp_path)
    review(study, "a.png", seed=1)
    review(study, "b.png", seed=2)
    review(study, "a.png", seed=3, note="again")
    (tmp_path / "one.onnx").write_bytes(b"a model")
    (tmp_path / "two.onnx").write_bytes(b"another")
    study.set_name("Trial 2", "ann")
    log = AuditLog(study.folder)
    log.append("ann", "looked at", what_else="nothing")
    assert verify_study(study.folder) == []
    return study


def problems(study: Study) -> list[Finding]:
    return [finding for finding in verify_study(study.folder) if finding.problem]


def change_a_byte(path: Path, after: bytes = b"") -> None:
    """Change the byte in the middle, or the one after some others."""
    data = bytearray(path.read_bytes())
    data[data.index(after) + len(after) if after else len(data) // 2] ^= 1
    path.write_bytes(data)


def replace_text(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


def edit_json(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values, indent=1))


def repaint(study: Study) -> None:
    """Put other corrections there that are as sound a file as the ones before."""
    path = study.folder / HOME / "corrections.png"
    plane, sequence = read_snapshot(path.read_bytes(), 40, 50)
    plane[3, 3] = (plane[3, 3] + 1) % 4
    write_snapshot(path, plane, sequence)


def drop_lines(path: Path, which: slice) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[which]
    path.write_bytes(b"".join(lines))


def swap(study: Study, name: str) -> None:
    """Put another picture's file there."""
    shutil.copy(study.folder / "annotations" / key_of(0, "b.png") / name, study.folder / HOME / name)


def forge_line(study: Study, **values: object) -> None:
    """Change what a line of the log says."""
    log = study.folder / "audit.log"
    lines = log.read_text().splitlines()
    line = json.loads(lines[2]) | values
    log.write_text("\n".join([*lines[:2], json.dumps(line, separators=(",", ":")), *lines[3:]]) + "\n")


TAMPERINGS: dict[str, tuple[Callable[[Study], object], str]] = {
    "corrections changed": (
        lambda s: change_a_byte(s.folder / CORRECTIONS),
        CORRECTIONS,
    ),
    "corrections repainted": (repaint, CORRECTIONS),
    "corrections removed": (
        lambda s: (s.folder / CORRECTIONS).unlink(),
        CORRECTIONS,
    ),
    "corrections of another": (lambda s: swap(s, "corrections.png"), CORRECTIONS),
    "answer changed": (lambda s: change_a_byte(s.folder / ANSWER), ANSWER),
    "answer replaced": (
        lambda s: (s.folder / ANSWER).write_bytes(encode_plane(np.full((40, 50), 9, np.uint8))),
        ANSWER,
    ),
    "answer removed": (lambda s: (s.folder / ANSWER).unlink(), ANSWER),
    "journal changed": (lambda s: change_a_byte(s.folder / JOURNAL), JOURNAL),
    "journal cut at a line": (
        lambda s: drop_lines(s.folder / JOURNAL, slice(-1, None)),
        JOURNAL,
    ),
    "journal removed": (lambda s: (s.folder / JOURNAL).unlink(), JOURNAL),
    "journal of another": (lambda s: swap(s, "journal.log"), JOURNAL),
    "note changed": (lambda s: edit_json(s.folder / RECORD, note="x"), RECORD),
    "reviewer changed": (
        lambda s: edit_json(s.folder / RECORD, who="eve"),
        RECORD,
    ),
    "seal changed": (
        lambda s: edit_json(s.folder / RECORD, audit="0" * 64),
        RECORD,
    ),
    "record damaged": (lambda s: change_a_byte(s.folder / RECORD, b'"state": "'), RECORD),
    "record's key misspelt": (
        lambda s: replace_text(s.folder / RECORD, "strokes", "strokez"),
        RECORD,
    ),
    "record removed": (lambda s: (s.folder / RECORD).unlink(), RECORD),
    "annotation removed": (lambda s: shutil.rmtree(s.folder / HOME), HOME),
    "annotation added": (
        lambda s: shutil.copytree(s.folder / HOME, s.folder / "annotations" / key_of(0, "c.png")),
        f"annotations/{key_of(0, 'c.png')}",
    ),
    "file added": (lambda s: (s.folder / HOME / "other.png").write_bytes(b""), f"{HOME}/other.png"),
    "picture changed": (lambda s: draw(s.roots[0] / "a.png", 99), "a.png"),
    "picture removed": (lambda s: (s.roots[0] / "a.png").unlink(), "a.png"),
    "study renamed by hand": (lambda s: edit_json(s.folder / "study.json", name="Other"), "study.json"),
    "log line changed": (lambda s: forge_line(s, who="eve"), "audit.log"),
    "log line removed": (lambda s: drop_lines(s.folder / "audit.log", slice(2, 3)), "audit.log"),
    "first log line removed": (lambda s: drop_lines(s.folder / "audit.log", slice(0, 1)), "audit.log"),
    "last log line removed": (lambda s: drop_lines(s.folder / "audit.log", slice(-1, None)), "audit.log"),
    "log truncated in a line": (
        lambda s: (s.folder / "audit.log").write_bytes((s.folder / "audit.log").read_bytes()[:-20]),
        "audit.log",
    ),
    "log emptied": (lambda s: (s.folder / "audit.log").write_bytes(b""), "audit.log"),
    "log removed": (lambda s: (s.folder / "audit.log").unlink(), "audit.log"),
    "log line doubled": (
        lambda s: (s.folder / "audit.log").write_bytes(
            (s.folder / "audit.log").read_bytes() + (s.folder / "audit.log").read_bytes().splitlines(True)[-1]
        ),
        "audit.log",
    ),
    "head removed": (lambda s: (s.folder / "audit.head").unlink(), "audit.head"),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_found_and_named(study: Study, what: str) -> None:
    tamper, where = TAMPERINGS[what]
    tamper(study)
    found = problems(study)
    assert found
    assert any(finding.where.endswith(where) for finding in found), found
    assert all(finding.sentence for finding in found)


@pytest.mark.parametrize("what", [name for name in TAMPERINGS if "log" in name or "head" in name])
def test_going_on_does_not_cover_a_tampered_log(study: Study, what: str) -> None:
    TAMPERINGS[what][0](study)
    if what == "head removed":
        return  # the next line makes a new one, and the chain is whole
    review(study, "c.png")
    assert [finding for finding in problems(study) if finding.where.startswith("audit")]


def test_no_byte_of_a_record_can_be_changed_unseen(study: Study) -> None:
    data = (study.folder / RECORD).read_bytes()
    seal, audit = seal_of(data), record_from(parse_object(data)).audit
    for place in range(len(data)):
        for flip in (1, 2, 32):
            changed = data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
            try:
                same = seal_of(changed) == seal and record_from(parse_object(changed)).audit == audit
            except ValueError:
                continue
            assert not same or json.loads(changed) == json.loads(data)


def test_an_older_state_put_back_is_found(study: Study, tmp_path: Path) -> None:
    shutil.copytree(study.folder / HOME, tmp_path / "old")
    review(study, "a.png", seed=9, note="newer")
    assert problems(study) == []
    shutil.rmtree(study.folder / HOME)
    shutil.copytree(tmp_path / "old", study.folder / HOME)
    assert {Path(finding.where).name for finding in problems(study)} >= {"record.json", "journal.log"}


@pytest.mark.parametrize(
    "what", ["corrections repainted", "answer replaced", "note changed", "journal cut at a line"]
)
def test_opening_tells_what_was_changed_and_the_log_remembers(study: Study, what: str) -> None:
    TAMPERINGS[what][0](study)
    name = Path(TAMPERINGS[what][1]).name
    picture = picture_of(study, "a.png")
    writer = study.place(picture).open("eve", facts_of(picture))
    assert writer.kept is not None
    assert any(name in note for note in writer.kept.notes)
    writer.close()
    found = verify_study(study.folder)
    assert not any(finding.problem for finding in found)
    assert any(name in finding.sentence and "eve" in finding.sentence for finding in found)
    writer = study.place(picture).open("eve", facts_of(picture))
    assert writer.kept is not None
    assert writer.kept.notes == ()
    writer.close()


def test_models_are_held_against_log_and_registry(study: Study, tmp_path: Path) -> None:
    registry = Registry(study.folder)
    models = study.folder / "models"
    models.mkdir()
    entries = []
    for number, name in ((1, "one"), (2, "two")):
        file = models / f"{number:04d}-{name}.onnx"
        shutil.copy(tmp_path / f"{name}.onnx", file)
        entries.append({"number": number, "name": name, "file": file.name, "sha256": file_sha256(file)})
        facts = {key: entries[-1][key] for key in ("number", "file", "sha256")}
        AuditLog(study.folder).append("ann", "model added", **facts)
    listing = models / "registry.json"
    listing.write_text(json.dumps({"format": 1, "active": 2, "models": entries}))
    AuditLog(study.folder).append("ann", "model used", number=2, before=0)
    assert registry.active() is not None
    assert problems(study) == []
    sound = listing.read_text()

    def found(change: Callable[[], object]) -> list[str]:
        change()
        wheres = [finding.where for finding in problems(study)]
        shutil.copy(tmp_path / "one.onnx", models / "0001-one.onnx")
        (models / "0003-x.onnx").unlink(missing_ok=True)
        listing.write_text(sound)
        assert problems(study) == []
        return wheres

    assert found(lambda: change_a_byte(models / "0001-one.onnx")) == ["models/0001-one.onnx"]
    assert found(lambda: (models / "0001-one.onnx").unlink()) == ["models/0001-one.onnx"]
    assert found(lambda: (models / "0003-x.onnx").write_bytes(b"")) == ["models/0003-x.onnx"]
    assert found(lambda: edit_json(listing, active=1)) == ["models/registry.json"]
    assert "models/registry.json" in found(lambda: edit_json(listing, models=entries[:1], active=None))
    forged = [entries[0] | {"sha256": "0" * 64}, entries[1]]
    assert "models/0001-one.onnx" in found(lambda: edit_json(listing, models=forged))
    assert found(lambda: listing.write_text("{")) == ["models/registry.json"]


def test_what_finder_and_explorer_leave_is_no_tampering(study: Study) -> None:
    (study.folder / "models").mkdir(exist_ok=True)
    for folder in (study.folder, study.folder / HOME, study.folder / "annotations", study.folder / "models"):
        for name in (".DS_Store", "._a.png", "._0001-one.onnx", "Thumbs.db", "desktop.ini"):
            (folder / name).write_bytes(b"x")
    assert problems(study) == []
    (study.folder / HOME / "mine.txt").write_bytes(b"x")
    assert [finding.where for finding in problems(study)] == [f"{HOME}/mine.txt"]


def test_what_a_sync_tool_left_in_an_annotation_is_told_when_it_is_opened(study: Study) -> None:
    name = "record (Ann's conflicted copy).json"
    shutil.copy(study.folder / RECORD, study.folder / HOME / name)
    picture = picture_of(study, "a.png")
    lines = len(list(AuditLog(study.folder).lines()))
    for _ in range(2):
        writer = study.place(picture).open("eve", facts_of(picture))
        assert writer.kept is not None
        (note,) = writer.kept.notes
        assert name in note
        writer.close()
    assert len(list(AuditLog(study.folder).lines())) == lines  # who only looks writes nothing
    assert [finding.where for finding in problems(study)] == [f"{HOME}/{name}"]


def test_work_under_way_is_no_problem_and_told(study: Study) -> None:
    picture = picture_of(study, "a.png")
    writer = study.place(picture).open("eve", facts_of(picture))
    work = Work(4, 40, 50)
    work.corrections[...] = 0 if writer.kept is None else writer.kept.corrections
    writer.append([work.paint()])
    found = verify_study(study.folder)
    assert [finding.problem for finding in found] == [False]
    assert "eve works on it" in found[0].sentence
    writer.compact()
    assert problems(study) == []
    repaint(study)
    assert [finding.where for finding in problems(study)] == [f"{HOME}/corrections.png"]


def test_who_works_while_one_verifies_is_not_accused(study: Study) -> None:
    def work_on(share: float) -> None:
        if share == 0:
            return
        for name in ("a.png", "b.png", "c.png"):
            review(study, name, seed=7, note="meanwhile")
        (study.roots[0] / "c.png").rename(study.roots[0] / "d.png")
        picture = picture_of(study, "d.png")
        assert study.note_opened(picture, facts_of(picture).sha256, "ann").what == "moved"

    assert verify_study(study.folder, work_on) == []
    assert verify_study(study.folder) == []


def test_a_picture_opened_while_one_verifies_is_in_work(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look for a lock and the look at the files, somebody opens it and draws."""
    picture, real, opened = picture_of(study, "a.png"), verify._check_sealed, []

    def check(folder: Path, *given: object) -> Iterator[Finding]:
        if not opened and folder.name == KEY:
            writer = study.place(picture).open("eve", facts_of(picture))
            work = Work(4, 40, 50)
            work.corrections[...] = 0 if writer.kept is None else writer.kept.corrections
            writer.append([work.paint()])
            opened.append(writer)
        return real(folder, *given)

    monkeypatch.setattr(verify, "_check_sealed", check)
    (found,) = verify_study(study.folder)
    assert not found.problem
    assert "eve works on it" in found.sentence
    opened[0].close()


def test_lines_being_written_are_no_tampering(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    real, before = AuditLog.read_head, []

    def read_head(log: AuditLog) -> tuple[int, str]:
        found = real(log)
        if not before:
            before.append(found)
            log.append("eve", "wrote meanwhile")
            study.set_name("Trial 3", "eve")
        return found

    monkeypatch.setattr(AuditLog, "read_head", read_head)
    assert verify_study(study.folder) == []
    before.clear()
    (study.folder / HOME / "answer.png").unlink()
    assert [finding.where for finding in problems(study)] == [ANSWER]


def test_our_own_end_without_a_seal_accuses_nobody(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = picture_of(study, "a.png")
    place, facts = study.place(picture), facts_of(picture)

    def full(*_given: object, **_named: object) -> str:
        raise VesselError("The disk is full.")

    writer = place.open("ann", facts)
    work = Work(4, 40, 50)
    work.corrections[...] = 0 if writer.kept is None else writer.kept.corrections
    writer.append([work.paint()])
    with monkeypatch.context() as broken:
        broken.setattr(AuditLog, "append", full)
        with pytest.raises(VesselError, match="full"):
            writer.close()
        writer.abandon()
    assert holder_of(place.folder) is None
    assert [finding.problem for finding in verify_study(study.folder)] == [False]
    with monkeypatch.context() as broken:  # opening fails too: it is as unsealed as before
        broken.setattr("vesselapp.study.annotation.Writer", full)
        with pytest.raises(VesselError, match="full"):
            place.open("eve", facts)
    writer = place.open("eve", facts)
    assert writer.kept is not None
    assert writer.kept.notes == ()
    assert np.array_equal(writer.kept.corrections, work.corrections)
    writer.close()
    assert verify_study(study.folder) == []


@pytest.mark.parametrize("left", ["half a line", "nothing"])
def test_a_journal_that_is_not_as_it_was_written_is_mended_before_it_is_sealed(
    study: Study, left: str
) -> None:
    picture = picture_of(study, "a.png")
    place, facts = study.place(picture), facts_of(picture)
    writer = place.open("ann", facts)
    work = Work(4, 40, 50)
    work.corrections[...] = 0 if writer.kept is None else writer.kept.corrections
    writer.append([work.paint()])
    if left == "half a line":  # the app dies while it writes the next
        writer.abandon()
        with (study.folder / JOURNAL).open("ab") as file:
            file.write(b'0a1b2c3d {"n":9,"op":"edit","na')
        assert problems(study) == []
        writer = place.open("ann", facts)
        assert writer.kept is not None
        assert writer.kept.notes == ()
    else:
        (study.folder / JOURNAL).unlink()
    writer.close()
    assert problems(study) == []
    kept = place.load(facts.sha256, facts.height, facts.width)
    assert kept is not None
    assert np.array_equal(kept.corrections, work.corrections)
    assert kept.done[-1].name == work.done[-1].name


def test_progress_is_told(study: Study) -> None:
    shares: list[float] = []
    verify_study(study.folder, shares.append)
    assert shares == sorted(shares)
    assert len(shares) == 2


def test_no_study_no_answer(tmp_path: Path) -> None:
    with pytest.raises(VesselError, match="no study"):
        verify_study(tmp_path)


def test_a_state_changed_is_a_line_at_once_and_the_rest_at_the_end(study: Study) -> None:
    """The log tells what matters when it happens, and doesn't grow with each stroke."""
    picture = picture_of(study, "c.png")
    writer = study.place(picture).open("ann", facts_of(picture))
    lines = AuditLog(study.folder).lines
    before, work = len(list(lines())), Work(1, 40, 50)
    for _ in range(20):
        writer.append([work.step()])
        writer.write_record(record(State.IN_PROGRESS, active_seconds=3.0))
    assert len(list(lines())) == before + 1
    writer.write_record(record(State.REVIEWED))
    assert len(list(lines())) == before + 2
    writer.close()
    assert len(list(lines())) <= before + 3


def test_a_line_that_was_being_written_is_cut_and_the_log_goes_on(study: Study) -> None:
    log = study.folder / "audit.log"
    with log.open("ab") as file:
        file.write(b'{"n":99,"time":"20')
    AuditLog(study.folder).append("ann", "went on")
    assert problems(study) == []


def test_a_folder_that_cannot_be_read_is_told_and_the_rest_looked_at(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    (study.folder / "annotations" / key_of(0, "b.png") / "answer.png").unlink()
    listing = Path.iterdir
    problem: OSError = PermissionError(13, "Permission denied")

    def refuse(self: Path) -> Iterator[Path]:
        if self.name == KEY:
            raise problem
        return listing(self)

    monkeypatch.setattr(Path, "iterdir", refuse)
    unreadable, missing = problems(study)
    assert unreadable == Finding(HOME, "It can't be read: you have no permission there.")
    assert missing.sentence == "It is missing."
    problem = FileNotFoundError(2, "No such file or directory")  # moved while the others were looked at
    assert problems(study) == [missing]


def test_a_study_that_goes_away_meanwhile_is_not_as_it_was_left(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(self: Path) -> Iterator[Path]:
        study.folder.rename(study.folder.with_name("gone"))
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Path, "iterdir", vanish)
    with pytest.raises(VesselError, match="can't be read"):
        verify_study(study.folder)
