"""A candidate becomes the study's model: by its verdict, or by a reason that is kept with it."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.study.test_models import model
from vesselapp.core.errors import VesselError
from vesselapp.core.files import file_sha256
from vesselapp.study import promote as promoting
from vesselapp.study.audit import AuditLog
from vesselapp.study.models import Registry
from vesselapp.study.promote import promote, why_not_compared
from vesselapp.study.run_folder import RunFolder
from vesselapp.study.study import Study
from vesselapp.study.verdict import Ground, ThresholdChange, Verdict, read_verdict
from vesselapp.study.verify import verify_study


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study that began with a model file of its own folder."""
    folder = tmp_path / "study"
    Study.create(folder, model=str(model(folder, 9)))
    return folder


def verdict_on(file: Path, study: Path, *, offered: bool) -> Verdict:
    row = Ground("new", "judge pictures", 3, 0.9, 0.95, 0.05, 0.02, 0.08)
    word = "better" if offered else "worse"
    return Verdict(
        word, f"It is {word}.", offered, (row,), threshold=ThresholdChange(0.5, 0.4),
        candidate=file.name, candidate_sha256=file_sha256(file),
        incumbent_sha256=file_sha256(study / "tiny-9.onnx"), in_use_sha256=file_sha256(study / "tiny-9.onnx"),
    )  # fmt: skip


def run_with(study: Path, file: Path, *, offered: bool, name: str = "20250101T000000Z") -> RunFolder:
    run = RunFolder(study / "runs" / name)
    run.folder.mkdir(parents=True)
    (run.folder / "candidate.onnx").write_bytes(file.read_bytes())
    run.write_verdict(verdict_on(run.folder / "candidate.onnx", study, offered=offered))
    return run


def test_a_log_that_can_not_be_written_leaves_all_as_it_was(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = run_with(study, model(tmp_path / "a"), offered=True)
    write = AuditLog.append
    for refused in ("model added", "model used"):

        def append(self: AuditLog, who: str, what: str, *, no: str = refused, **facts: object) -> str:
            if what == no:
                raise VesselError("audit.log can't be written: the disk is full.")
            return write(self, who, what, **facts)

        monkeypatch.setattr(AuditLog, "append", append)
        with pytest.raises(VesselError, match="the disk is full"):
            promote(study, run, who="ann")
        assert Registry(study).active() is None
        assert run.decision() is None
    monkeypatch.setattr(AuditLog, "append", write)
    assert promote(study, run, who="ann") == 1
    said = [line.values for line in AuditLog(study).lines() if line is not None]
    added = [(one["what"], one["number"]) for one in said[1:]]
    assert added == [("model added", 1), ("model used", 1)]


def test_a_run_of_another_study_is_not_promoted(study: Path, tmp_path: Path):
    run = run_with(study, model(tmp_path / "a"), offered=True)
    with pytest.raises(VesselError, match="of another study"):
        promote(tmp_path / "two", run, who="ann")
    assert not (tmp_path / "two").exists()


def test_an_offered_candidate_is_promoted_once(study: Path, tmp_path: Path):
    run = run_with(study, model(tmp_path / "a"), offered=True)
    assert promote(study, run, who="ann") == 1
    assert promote(study, run, who="ann") == 1
    active = Registry(study).active()
    assert active is not None
    assert (active.number, active.verdict, active.run, active.who) == (1, "better", run.name, "ann")
    decision = run.decision()
    assert decision is not None
    assert (decision.decision, decision.number) == ("promoted", 1)


def test_a_candidate_is_offered_only_in_place_of_what_it_was_compared_with(study: Path, tmp_path: Path):
    first = run_with(study, model(tmp_path / "a", 1), offered=True)
    second = run_with(study, model(tmp_path / "b", 2), offered=True, name="20250102T000000Z")
    promote(study, first, who="ann")
    with pytest.raises(VesselError, match="another model by now"):
        promote(study, second, who="ann")
    active = Registry(study).active()
    assert active is not None
    assert active.number == 1
    assert promote(study, second, who="ann", overrule="looked at both") == 2
    verdict = second.verdict()
    assert verdict.overruled is not None
    assert verdict.overruled.reason == "looked at both"


def test_overruling_needs_a_reason_which_is_kept(study: Path, tmp_path: Path):
    run = run_with(study, model(tmp_path / "a"), offered=False)
    with pytest.raises(VesselError, match="not offered"):
        promote(study, run, who="ann")
    with pytest.raises(VesselError, match="not offered"):
        promote(study, run, who="ann", overrule="  ")
    assert Registry(study).active() is None
    promote(study, run, who="ann", overrule="only this camera is used here")
    active = Registry(study).active()
    assert active is not None
    assert active.reason == "only this camera is used here"
    overruled = read_verdict(run.folder / "verdict.json").overruled
    assert overruled is not None
    assert (overruled.who, overruled.reason) == ("ann", "only this camera is used here")


def test_another_file_than_the_judged_one_is_refused(study: Path, tmp_path: Path):
    run = run_with(study, model(tmp_path / "a"), offered=True)
    (run.folder / "candidate.onnx").write_bytes(model(tmp_path / "a", 2).read_bytes())
    with pytest.raises(VesselError, match="not the one that was judged"):
        promote(study, run)
    (run.folder / "candidate.onnx").unlink()
    with pytest.raises(VesselError, match="is gone"):
        promote(study, run)


def test_a_first_model_that_was_replaced_is_not_the_one_compared_with(study: Path, tmp_path: Path):
    run = run_with(study, model(tmp_path / "a"), offered=True)
    (study / "tiny-9.onnx").write_bytes(model(tmp_path / "b", 2).read_bytes())
    with pytest.raises(VesselError, match="another model by now"):
        promote(study, run, who="ann")
    assert Registry(study).entries() == ()


def test_where_the_file_in_use_is_gone_the_first_model_is_the_one_in_use(study: Path, tmp_path: Path):
    registry = Registry(study)
    registry.use(registry.add(model(tmp_path / "b", 2)))
    run = run_with(study, model(tmp_path / "a"), offered=True)
    one = registry.entry(1).sha256
    verdict = replace(run.verdict(), incumbent_sha256=one, in_use_sha256=one)
    assert why_not_compared(study, verdict) == ""
    registry.entry(1).path.unlink()
    assert "another model by now" in why_not_compared(study, verdict)
    assert why_not_compared(study, run.verdict()) == ""


def test_a_base_that_is_to_be_beaten_instead_need_not_be_in_use(study: Path, tmp_path: Path):
    run = run_with(study, model(tmp_path / "a"), offered=True)
    first = run.verdict().incumbent_sha256
    base = model(tmp_path / "b", 2)
    verdict = replace(run.verdict(), incumbent_sha256=file_sha256(base), in_use_sha256=first)
    assert why_not_compared(study, verdict) == ""
    registry = Registry(study)
    registry.use(registry.add(base))
    assert why_not_compared(study, verdict) == ""
    registry.use(registry.add(model(tmp_path / "b", 3)))
    assert "another model by now" in why_not_compared(study, verdict)


def test_a_verdict_of_an_earlier_version_holds_as_long_as_no_numbered_model_is_in_use(
    study: Path, tmp_path: Path
):
    base = model(tmp_path / "b", 2)
    of_before = {"incumbent_sha256": file_sha256(base), "in_use_sha256": ""}
    verdict = replace(run_with(study, model(tmp_path / "a"), offered=True).verdict(), **of_before)
    assert why_not_compared(study, verdict) == ""
    registry = Registry(study)
    registry.use(registry.add(model(tmp_path / "b", 3)))
    assert "another model by now" in why_not_compared(study, verdict)


def test_of_two_promoted_at_once_one_is_refused(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    runs = [
        run_with(study, model(tmp_path / "a", number), offered=True, name=f"2025010{number}T000000Z")
        for number in (1, 2)
    ]
    both, look, first = threading.Barrier(2), why_not_compared, threading.local()

    def together(*given: object) -> str:
        found = look(*given)  # type: ignore[arg-type]
        if not hasattr(first, "looked"):
            first.looked = True
            both.wait(20)
        return found

    monkeypatch.setattr(promoting, "why_not_compared", together)
    refused: list[str] = []

    def go(run: RunFolder) -> None:
        try:
            promote(study, run, who="ann")
        except VesselError as error:
            refused.append(error.message)

    threads = [threading.Thread(target=go, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(refused) == 1
    assert "another model by now" in refused[0]
    decided = [decision.number for run in runs if (decision := run.decision()) is not None]
    active = Registry(study).active()
    assert active is not None
    assert decided == [active.number]


def test_a_reason_goes_with_the_promotion_that_it_was_given_for(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = run_with(study, model(tmp_path / "a"), offered=True)
    registry = Registry(study)
    other = registry.add(model(tmp_path / "b", 2), who="ann")
    registry.use(other)
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_verdict", _full)
        with pytest.raises(VesselError, match="disk is full"):
            promote(study, run, who="ann", overrule="I know better")
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "use", _full)
        with pytest.raises(VesselError, match="disk is full"):
            promote(study, run, who="ann", overrule="I know better")
    registry.use(None)
    number = promote(study, run, who="bob")
    assert registry.entry(number).reason == ""
    assert run.verdict().overruled is None
    registry.use(other)
    assert promote(study, run, who="ann", overrule="seen on both") == number
    assert registry.entry(number).reason == "seen on both"


def test_a_reason_stays_where_only_the_decision_could_not_be_written(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = run_with(study, model(tmp_path / "a"), offered=True)
    registry = Registry(study)
    registry.use(registry.add(model(tmp_path / "b", 2), who="ann"))
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "decide", _full)
        with pytest.raises(VesselError, match="disk is full"):
            promote(study, run, who="ann", overrule="seen on both")
    number = promote(study, run, who="ann")
    decision, overruled = run.decision(), run.verdict().overruled
    assert decision is not None
    assert overruled is not None
    assert {registry.entry(number).reason, decision.reason, overruled.reason} == {"seen on both"}


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("before", [(AuditLog, "append"), (Registry, "_write")])
def test_what_a_killed_promotion_left_is_taken_by_the_next(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: tuple[type, str]
):
    def kill(*_given: object, **_more: object) -> None:
        raise Killed

    run = run_with(study, model(tmp_path / "a"), offered=True)
    with monkeypatch.context() as patch:
        patch.setattr(*before, kill)
        with pytest.raises(Killed):
            promote(study, run, who="ann")
    assert any("without the app" in found.sentence for found in verify_study(study))
    assert Registry(study).add(model(tmp_path / "b", 2)) == 2
    assert promote(study, run, who="ann") == 1
    assert verify_study(study) == []


def _full(*_given: object, **_more: object) -> None:
    raise VesselError("It can't be written: the disk is full.")
