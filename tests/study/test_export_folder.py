"""An export over an earlier one: whatever becomes of it, no earlier file is lost before its time."""

import contextlib
import errno
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.study.faults import Faults
from tests.study.studies import make_study, picture_of, review
from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.evidence import Correction
from vesselapp.study.exchange import export_study
from vesselapp.study.export_folder import Kind
from vesselapp.study.record import State
from vesselapp.study.study import Study


def files_of(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "export.json"
    }


def told_of(out: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((out / "export.json").read_text())
    return told


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Give a study with three reviewed pictures, one of which is unsure in places."""
    study = make_study(tmp_path)
    for seed, name in enumerate(("a.png", "b.png", "c.png"), 1):
        review(study, name, seed=seed)
    return study


@pytest.mark.parametrize("kind", ["folder", "coco"])
@pytest.mark.parametrize("first", ["folder", "coco"])
def test_one_that_is_stopped_leaves_what_it_did_not_come_to(
    tmp_path: Path, study: Study, first: Kind, kind: Kind
) -> None:
    out = tmp_path / "out"
    export_study(study, out, first, objects=False)
    assert told_of(out)["finished"] is True
    before = files_of(out)
    review(study, "c.png", state=State.FLAGGED)

    def stop(share: float) -> None:
        if share:
            shutil.copytree(out, tmp_path / "killed")
            raise Cancelled

    with pytest.raises(Cancelled):
        export_study(study, out, kind, objects=False, progress=stop)
    for folder in (out, tmp_path / "killed"):
        after = files_of(folder)
        assert before.keys() <= after.keys()
        assert [name for name in before if Path(name).stem[0] in "bc" and after[name] != before[name]] == []
        told = told_of(folder)
        assert told["finished"] is False
        assert set(after) <= set(told["files"])
        export_study(study, folder, kind, objects=False)
        export_study(study, tmp_path / "new", kind, objects=False)
        assert files_of(folder).keys() == files_of(tmp_path / "new").keys()
        assert set(told_of(folder)["files"]) == set(files_of(folder))
        shutil.rmtree(tmp_path / "new")


@pytest.mark.parametrize("kind", ["folder", "coco"])
def test_wherever_the_disk_is_full_no_earlier_file_is_lost(tmp_path: Path, study: Study, kind: Kind) -> None:
    out = tmp_path / "out"
    export_study(study, out, kind, objects=False)
    before = files_of(out)
    at = 1
    while True:
        with Faults(at, errno.ENOSPC, lasting=True) as faults, contextlib.suppress(VesselError):
            export_study(study, out, kind, objects=False)
        assert before.keys() <= files_of(out).keys(), at
        if not faults.hit:
            break
        at += 5
    assert at > 20
    assert told_of(out)["finished"] is True


def test_what_is_no_longer_unsure_is_gone_when_all_is_written(tmp_path: Path, study: Study) -> None:
    out = tmp_path / "out"
    export_study(study, out)
    name = next((out / "unsure").iterdir()).name
    for seed in range(5, 30):
        shutil.rmtree(study.place(picture_of(study, name)).folder)
        work, _ = review(study, name, seed=seed)
        if not (work.corrections == Correction.UNSURE).any():
            break
    export_study(study, out)
    assert f"unsure/{name}" not in files_of(out)
    assert set(told_of(out)["files"]) == set(files_of(out))


def test_where_a_file_of_the_earlier_export_can_not_be_removed_the_list_still_tells_what_was_written(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given: object) -> None:
        raise PermissionError(13, "another program has it open")

    out = tmp_path / "out"
    export_study(study, out)
    review(study, "b.png", state=State.FLAGGED)
    with monkeypatch.context() as broken:
        broken.setattr("vesselapp.study.export_folder.patiently", refuse)
        with pytest.raises(VesselError, match="can't be removed"):
            export_study(study, out)
    assert told_of(out)["finished"] is False
    assert set(told_of(out)["files"]) == set(files_of(out))
    (out / "masks" / "a.png").write_bytes(b"changed by a person")
    with pytest.raises(VesselError, match="changed or added since the earlier export"):
        export_study(study, out)
