"""``vesselapp predict`` on many pictures: workers, resume, manifest, cluster."""

import csv
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.cli.conftest import save_picture
from tests.study.studies import let_no_one_list
from vesselapp.inference import batch
from vesselapp.inference.batch import Outcome


@pytest.fixture
def folder(work: Path) -> Path:
    """Give a folder of five pictures."""
    for number in range(5):
        save_picture(work / "in" / f"eye{number}.png", number)
    return work / "in"


def masks_in(folder: Path) -> dict[str, bytes]:
    return {path.name: np.asarray(Pillow.open(path)).tobytes() for path in folder.glob("*_mask.png")}


def test_workers_change_nothing_but_the_time(run, model: Path, folder: Path, work: Path) -> None:
    for workers in (1, 3):
        outcome = run(
            "predict", "in", "--out", f"out{workers}", "--model", model, "--workers", workers, "--json"
        )
        assert outcome.status == 0
        assert [Path(record["file"]).stem for record in outcome.records] == [f"eye{i}" for i in range(5)]
    assert masks_in(work / "out1") == masks_in(work / "out3")
    assert len(masks_in(work / "out1")) == 5


def test_results_come_in_order_though_the_first_takes_longest(
    run, model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others_done = threading.Semaphore(0)
    do = batch.do_errand

    def first_last(errand: batch.Errand, *arguments: object) -> Outcome:
        if errand.stem == "eye0":
            for _ in range(4):
                assert others_done.acquire(timeout=60)
        outcome = do(errand, *arguments)  # type: ignore[arg-type]
        others_done.release()
        return outcome

    monkeypatch.setattr("vesselapp.inference.workers.do_errand", first_last)
    outcome = run("predict", "in", "--out", "out", "--model", model, "--workers", 2, "--json")
    assert [Path(record["file"]).stem for record in outcome.records] == [f"eye{i}" for i in range(5)]


def test_the_manifest_lists_what_was_done_and_what_failed(run, model: Path, folder: Path, work: Path) -> None:
    (folder / "eye2.png").write_bytes(b"no picture")
    assert run("predict", "in", "--out", "out", "--model", model).status == 1
    with (work / "out" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["file"]).name for row in rows] == [f"eye{i}.png" for i in range(5)]
    assert [bool(row["problem"]) for row in rows] == [False, False, True, False, False]


def test_resume_keeps_what_is_done(run, model: Path, folder: Path, work: Path) -> None:
    arguments = ("predict", "in", "--out", "out", "--model", model, "--resume")
    assert run(*arguments).status == 0
    kept = (work / "out" / "eye1_mask.png").stat().st_mtime_ns
    (work / "out" / "eye3_mask.png").unlink()
    outcome = run(*arguments, "--json")
    assert outcome.status == 0
    assert [record["resumed"] for record in outcome.records] == [True, True, True, False, True]
    assert (work / "out" / "eye1_mask.png").stat().st_mtime_ns == kept
    assert (work / "out" / "eye3_mask.png").exists()
    assert "done before" in run(*arguments).out


def test_flips_reach_the_model(run, model: Path, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    real = batch.predict

    def watched(*arguments: object, **options: object) -> object:
        seen.append(options["flips"])
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(batch, "predict", watched)
    for option in ([], ["--flips"]):
        assert run("predict", picture, "--out", "out", "--model", model, *option).status == 0
    assert seen == [False, True]


def test_without_dask_one_sentence_says_how_to_get_it(
    run, model: Path, picture: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    outcome = run("predict", picture, "--out", "out", "--model", model, "--dask", "local:2")
    assert outcome.status == 1
    assert outcome.err == (
        "vesselapp: Dask is not installed; to get it: python -m pip install 'vesselapp[cluster]'.\n"
    )
    assert not (work / "out").exists()


def test_a_wrong_dask_address_is_told(run, model: Path, picture: Path, work: Path) -> None:
    pytest.importorskip("distributed")
    outcome = run("predict", picture, "--out", "out", "--model", model, "--dask", "local:many")
    assert outcome.status == 1
    assert "local:many" in outcome.err
    assert not (work / "out").exists()


@pytest.mark.timeout(180)
def test_local_processes_of_dask_give_the_same_masks(run, model: Path, folder: Path, work: Path) -> None:
    pytest.importorskip("distributed")
    assert run("predict", "in", "--out", "here", "--model", model).status == 0
    command = [sys.executable, "-m", "vesselapp", "predict", "in", "--out", "there", "--model", str(model)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [*command, "--dask", "local:1", "--json"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(record["file"]).stem for record in records] == [f"eye{i}" for i in range(5)]
    assert masks_in(work / "here") == masks_in(work / "there")


def test_a_folder_that_can_not_be_listed_counts_as_failed(
    run, model: Path, folder: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_picture(folder / "more" / "eye9.png")
    let_no_one_list(monkeypatch, Path("in/more"))
    outcome = run("predict", "in", "--out", "out", "--model", model)
    assert outcome.status == 1
    assert "in/more can't be listed" in outcome.err.replace(os.sep, "/")
    assert "5 done, 1 failed." in outcome.err
