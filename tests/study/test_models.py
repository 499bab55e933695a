"""A study's numbered models: never overwritten, traced back, rolled back."""

import json
import os
import re
import threading
from pathlib import Path

import pytest

from tests.study.studies import make_study, review
from tests.tiny_models import tiny_vessel_model
from vesselapp.core.errors import VesselError
from vesselapp.study import lock
from vesselapp.study.audit import AuditLog
from vesselapp.study.exchange import export_study
from vesselapp.study.lock import Lock
from vesselapp.study.models import Registry
from vesselapp.study.verify import verify_study


def model(folder: Path, number: int = 1) -> Path:
    folder.mkdir(exist_ok=True)
    return tiny_vessel_model(folder / f"tiny-{number}.onnx", name=f"Tiny {number}")


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


def test_a_list_that_an_editor_began_with_a_mark_is_read(tmp_path: Path):
    registry = Registry(tmp_path)
    registry.add(model(tmp_path / "a"))
    before, file = registry.entries(), tmp_path / "models" / "registry.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert registry.entries() == before


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


def test_what_the_list_says_of_a_model_is_held_against_the_log(tmp_path: Path):
    study = make_study(tmp_path).folder
    registry = Registry(study)
    registry.add(model(tmp_path / "a"), who="ann", run="r1")
    registry.use(registry.add(model(tmp_path / "a", 2), who="ann"), who="ann", reason="I saw it work")
    registry.use(2, who="ann", reason="I saw it work well")
    assert verify_study(study) == []
    listing = study / "models" / "registry.json"
    sound = listing.read_text()
    for old, new in (
        ("I saw", "We saw"),
        ('"r1"', '"r2"'),
        ('"who": "ann"', '"who": "eve"'),
        ("Tiny 1", "T"),
    ):
        listing.write_text(sound.replace(old, new))
        assert {finding.where for finding in verify_study(study)} == {"models/registry.json"}
    listing.write_text(sound)
    log = study / "audit.log"
    log.write_text(re.sub(r',"words":("\w+"|null)', "", log.read_text()))  # as an earlier version wrote it
    listing.write_text(sound.replace("I saw", "We saw"))
    assert {finding.where for finding in verify_study(study)} == {"audit.log"}


def test_words_that_an_earlier_version_changed_are_no_tampering(tmp_path: Path):
    study = make_study(tmp_path).folder
    registry = Registry(study)
    number = registry.add(model(tmp_path / "a"), who="ann")
    listing = study / "models" / "registry.json"
    values = json.loads(listing.read_text())
    values["models"][0]["reason"] = "I saw it work"
    listing.write_text(json.dumps(values | {"active": number}))
    AuditLog(study).append("bea", "model used", number=number, before=0)
    assert verify_study(study) == []


@pytest.mark.parametrize(
    "name",
    ["study (1).json", "audit (1).log", "audit-PC.head", "models/registry (1).json", "models/x.onnx.data"],
)
def test_copies_that_a_sync_tool_made_are_told(tmp_path: Path, name: str):
    study = make_study(tmp_path).folder
    Registry(study).add(model(tmp_path / "a"))
    (study / name).write_bytes(b"x")
    assert [finding.where for finding in verify_study(study)] == [name]


def test_choosing_again_what_is_in_use_mends_a_choice_that_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    study = make_study(tmp_path).folder
    registry = Registry(study)
    registry.add(model(tmp_path / "a"))
    with monkeypatch.context() as killed:
        killed.setattr(Registry, "_write", lambda *_given: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            registry.use(1)
    assert verify_study(study) != []
    registry.use(None)
    assert verify_study(study) == []
    lines = (study / "audit.log").read_bytes()
    registry.use(None)
    assert (study / "audit.log").read_bytes() == lines


def test_what_a_killed_process_left_is_removed_where_something_is_changed(tmp_path: Path):
    study = make_study(tmp_path)
    review(study, "a.png")
    registry = Registry(study.folder)
    registry.add(model(tmp_path / "a"))
    out = tmp_path / "out"
    export_study(study, out)
    left = [folder / ".vesselapp-0.tmp" for folder in (study.folder, registry.folder, out, out / "images")]
    for file in left:
        file.write_bytes(b"x")
        os.utime(file, (0, 0))
    registry.use(1)
    export_study(study, out)
    assert not any(file.exists() for file in left)
