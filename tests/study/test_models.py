"""A study's numbered models: never overwritten, traced back, rolled back."""

import json
import threading
from pathlib import Path

import pytest

from tests.tiny_models import tiny_vessel_model
from vesselapp.core.errors import VesselError
from vesselapp.study import lock
from vesselapp.study.audit import AuditLog
from vesselapp.study.lock import Lock
from vesselapp.study.models import Registry
from vesselapp.study.promote import promote
from vesselapp.study.run_folder import RunFolder
from vesselapp.study.verdict import Ground, ThresholdChange, Verdict, read_verdict


def model(folder: Path, number: int = 1) -> Path:
    folder.mkdir(exist_ok=True)
    return tiny_vessel_model(folder / f"tiny-{number}.onnx", name=f"Tiny {number}")


def verdict_on(file: Path, *, offered: bool) -> Verdict:
    from vesselapp.core.files import file_sha256

    row = Ground("new", "judge pictures", 3, 0.9, 0.95, 0.05, 0.02, 0.08)
    word = "better" if offered else "worse"
    return Verdict(
        word, f"It is {word}.", offered, (row,), threshold=ThresholdChange(0.5, 0.4),
        candidate=file.name, candidate_sha256=file_sha256(file),
    )  # fmt: skip


def run_with(study: Path, file: Path, *, offered: bool, name: str = "20250101T000000Z") -> RunFolder:
    run = RunFolder(study / "runs" / name)
    run.folder.mkdir(parents=True)
    (run.folder / "candidate.onnx").write_bytes(file.read_bytes())
    run.write_verdict(verdict_on(run.folder / "candidate.onnx", offered=offered))
    return run


def test_numbers_rise_and_files_stay(tmp_path: Path):
    registry = Registry(tmp_path)
    assert registry.entries() == ()
    assert registry.active() is None
    first = registry.add(model(tmp_path / "a"), who="ann")
    second = registry.add(model(tmp_path / "a", 2), who="ann")
    assert (first, second) == (1, 2)
    before = registry.entry(1).path.read_bytes()
    (tmp_path / "models" / "registry.json").unlink()
    third = registry.add(model(tmp_path / "a", 3))
    assert third == 3  # a lost list doesn't make a number free again
    assert next((tmp_path / "models").glob("0001-*")).read_bytes() == before


def test_used_and_rolled_back(tmp_path: Path):
    registry = Registry(tmp_path)
    for number in (1, 2):
        registry.add(model(tmp_path / "a", number), who="ann")
    registry.use(2, who="ann")
    assert registry.active() == registry.entry(2)
    Registry(tmp_path).use(1, who="bea")
    assert Registry(tmp_path).active() == registry.entry(1)
    registry.use(None)
    assert registry.active() is None
    assert len(registry.entries()) == 2
    told = [json.loads(line)["what"] for line in (tmp_path / "audit.log").read_text().splitlines()]
    assert told == ["model added", "model added", "model used", "model used", "model used"]


def test_what_can_not_be_used_changes_nothing(tmp_path: Path):
    registry = Registry(tmp_path)
    registry.add(model(tmp_path / "a"))
    registry.use(1)
    with pytest.raises(VesselError, match="has no model 7"):
        registry.use(7)
    registry.add(model(tmp_path / "a", 2))
    registry.entry(2).path.write_bytes(b"something else")
    with pytest.raises(VesselError, match="was changed since it was added"):
        registry.use(2)
    with pytest.raises(VesselError):
        registry.add(tmp_path / "no.onnx")
    assert registry.active() == registry.entry(1)


@pytest.mark.parametrize("text", ["{", "[]", '{"models": [{"number": "x"}]}', '{"format": 99}', "[" * 10_000])
def test_a_damaged_list_is_one_sentence(tmp_path: Path, text: str):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "registry.json").write_text(text)
    with pytest.raises(VesselError):
        Registry(tmp_path).entries()


def test_a_name_in_the_list_stays_in_the_folder(tmp_path: Path):
    (tmp_path / "models").mkdir()
    entry = {"number": 1, "name": "x", "file": "../../secret.onnx", "sha256": ""}
    (tmp_path / "models" / "registry.json").write_text(json.dumps({"format": 1, "models": [entry]}))
    assert Registry(tmp_path).entry(1).path.parent == tmp_path / "models"


def test_full_disk_leaves_the_list_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    registry = Registry(tmp_path)
    registry.add(model(tmp_path / "a"))

    def full(*_args: object, **_more: object) -> None:
        raise VesselError("registry.json can't be written: the disk is full.")

    monkeypatch.setattr("vesselapp.study.models.atomic_write", full)
    with pytest.raises(VesselError, match="the disk is full"):
        registry.add(model(tmp_path / "a", 2))
    assert [entry.number for entry in registry.entries()] == [1]
    assert len(list((tmp_path / "models").glob("*.onnx"))) == 1


def test_a_log_that_can_not_be_written_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = run_with(tmp_path, model(tmp_path / "a"), offered=True)
    write = AuditLog.append
    for refused in ("model added", "model used"):

        def append(self: AuditLog, who: str, what: str, *, no: str = refused, **facts: object) -> str:
            if what == no:
                raise VesselError("audit.log can't be written: the disk is full.")
            return write(self, who, what, **facts)

        monkeypatch.setattr(AuditLog, "append", append)
        with pytest.raises(VesselError, match="the disk is full"):
            promote(tmp_path, run, who="ann")
        assert Registry(tmp_path).active() is None
        assert run.decision() is None
    monkeypatch.setattr(AuditLog, "append", write)
    assert promote(tmp_path, run, who="ann") == 1
    said = [line.values for line in AuditLog(tmp_path).lines() if line is not None]
    assert [(one["what"], one["number"]) for one in said] == [("model added", 1), ("model used", 1)]


def test_a_run_of_another_study_is_not_promoted(tmp_path: Path):
    run = run_with(tmp_path / "one", model(tmp_path / "a"), offered=True)
    with pytest.raises(VesselError, match="of another study"):
        promote(tmp_path / "two", run, who="ann")
    assert not (tmp_path / "two").exists()


def test_an_offered_candidate_is_promoted_once(tmp_path: Path):
    run = run_with(tmp_path, model(tmp_path / "a"), offered=True)
    assert promote(tmp_path, run, who="ann") == 1
    assert promote(tmp_path, run, who="ann") == 1
    active = Registry(tmp_path).active()
    assert active is not None
    assert (active.number, active.verdict, active.run, active.who) == (1, "better", run.name, "ann")
    decision = run.decision()
    assert decision is not None
    assert (decision.decision, decision.number) == ("promoted", 1)


def test_a_candidate_is_offered_only_in_place_of_what_it_was_compared_with(tmp_path: Path):
    first = run_with(tmp_path, model(tmp_path / "a", 1), offered=True)
    second = run_with(tmp_path, model(tmp_path / "b", 2), offered=True, name="20250102T000000Z")
    promote(tmp_path, first, who="ann")
    with pytest.raises(VesselError, match="another model by now"):
        promote(tmp_path, second, who="ann")
    active = Registry(tmp_path).active()
    assert active is not None
    assert active.number == 1
    assert promote(tmp_path, second, who="ann", overrule="looked at both") == 2
    verdict = second.verdict()
    assert verdict.overruled is not None
    assert verdict.overruled.reason == "looked at both"


def test_overruling_needs_a_reason_which_is_kept(tmp_path: Path):
    run = run_with(tmp_path, model(tmp_path / "a"), offered=False)
    with pytest.raises(VesselError, match="not offered"):
        promote(tmp_path, run, who="ann")
    with pytest.raises(VesselError, match="not offered"):
        promote(tmp_path, run, who="ann", overrule="  ")
    assert Registry(tmp_path).active() is None
    promote(tmp_path, run, who="ann", overrule="only this camera is used here")
    active = Registry(tmp_path).active()
    assert active is not None
    assert active.reason == "only this camera is used here"
    overruled = read_verdict(run.folder / "verdict.json").overruled
    assert overruled is not None
    assert (overruled.who, overruled.reason) == ("ann", "only this camera is used here")


def test_another_file_than_the_judged_one_is_refused(tmp_path: Path):
    run = run_with(tmp_path, model(tmp_path / "a"), offered=True)
    (run.folder / "candidate.onnx").write_bytes(model(tmp_path / "a", 2).read_bytes())
    with pytest.raises(VesselError, match="not the one that was judged"):
        promote(tmp_path, run)
    (run.folder / "candidate.onnx").unlink()
    with pytest.raises(VesselError, match="is gone"):
        promote(tmp_path, run)


def test_a_list_that_is_being_changed_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    registry = Registry(tmp_path)
    registry.add(model(tmp_path / "a"), who="ann")
    taken = Lock.take(registry.folder, "bob", name="registry.lock")
    threading.Timer(0.3, taken.release).start()
    registry.use(1, who="ann")
    assert registry.active() == registry.entry(1)
    taken = Lock.take(registry.folder, "bob", name="registry.lock")
    monkeypatch.setattr(lock, "_PATIENCE_SECONDS", 0.05)
    with pytest.raises(VesselError, match="is being changed by bob") as told:
        registry.use(None, who="ann")
    assert told.value.hint == "Try again."
    taken.release()
