"""Whatever is wrong: a sentence, exit status 1, the other pictures done, nothing half-written."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Outcome, save_picture
from tests.core.pictures import png_chunk
from tests.core.test_image_bad import huge_png


def names_in(folder: Path) -> list[str]:
    """Name the files in a folder, but for the manifest."""
    names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    return [name for name in names if name != "manifest.csv"]


def told(outcome: Outcome, *words: str) -> None:
    """Check that stderr holds sentences with these words, and nothing of Python."""
    for word in words:
        assert word in outcome.err
    assert "Traceback" not in outcome.err
    assert "Error" not in outcome.err
    assert all(line.startswith("vesselapp: ") for line in outcome.err.splitlines()), outcome.err


BAD = {
    "letter.png": (b"Dear aunt, this is no picture", "not a picture"),
    "empty.png": (b"", "empty"),
    "cut.png": (None, "damaged or cut short"),
    "huge.png": (huge_png(100_000), "100000 x 100000"),
    "noise.png": (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", b"\xff" * 13), "damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_named_and_the_others_done(name: str, run, model: Path, work: Path) -> None:
    content, words = BAD[name]
    good = save_picture(work / "pictures" / "good.png")
    save_picture(work / "pictures" / "zebra.jpg")
    whole = good.read_bytes()
    (work / "pictures" / name).write_bytes(whole[: len(whole) // 2] if content is None else content)
    outcome = run("predict", "pictures", "--out", "out", "--model", model, "--json")
    assert outcome.status == 1
    told(outcome, name, words, "2 done, 1 failed")
    assert names_in(work / "out") == [
        "good_mask.png",
        "good_overlay.png",
        "zebra_mask.png",
        "zebra_overlay.png",
    ]
    failed = [record for record in outcome.records if "error" in record]
    assert [Path(record["file"]).name for record in failed] == [name]
    assert len(outcome.records) == 3


def test_a_missing_file_and_an_empty_folder_are_named(run, model: Path, picture: Path, work: Path) -> None:
    (work / "bare").mkdir()
    (work / "bare" / "notes.txt").write_text("nothing to see")
    outcome = run("predict", "nowhere.png", "bare", picture, "--out", "out", "--model", model)
    assert outcome.status == 1
    told(outcome, "nowhere.png", "bare", "no pictures", "1 done, 2 failed")
    assert names_in(work / "out") == ["eye_mask.png", "eye_overlay.png"]
    outcome = run("predict", "bare", "--out", "out2", "--model", model)
    assert outcome.status == 1
    told(outcome, "no pictures")
    assert not (work / "out2").exists()


@pytest.mark.parametrize("content", [b"", b"this is no model", bytes(5000), None])
def test_a_model_that_is_none_is_told(
    content: bytes | None, run, model: Path, picture: Path, work: Path
) -> None:
    bad = work / "bad.onnx"
    whole = model.read_bytes()
    bad.write_bytes(whole[: len(whole) // 2] if content is None else content)
    outcome = run("predict", picture, "--out", "out", "--model", bad)
    assert outcome.status == 1
    told(outcome, "bad.onnx")
    assert not (work / "out").exists()


def test_a_missing_model_is_told(run, picture: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = run("predict", picture, "--out", "out", "--model", "nothing-of-that-name")
    assert outcome.status == 1
    told(outcome, "nothing-of-that-name")
    monkeypatch.setattr("vesselapp.inference.catalog.shipped_folder", lambda: work / "nowhere")
    outcome = run("predict", picture, "--out", "out")
    assert outcome.status == 1
    told(outcome, "no model")
    assert not (work / "out").exists()


def test_an_output_folder_that_is_a_file_is_told(run, model: Path, picture: Path, work: Path) -> None:
    (work / "out").write_text("a file")
    outcome = run("predict", picture, "--out", "out", "--model", model)
    assert outcome.status == 1
    told(outcome, "out is a file")
    assert (work / "out").read_text() == "a file"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere"
)
def test_a_read_only_output_folder_is_told(run, model: Path, picture: Path, work: Path) -> None:
    (work / "out").mkdir(mode=0o555)
    outcome = run("predict", picture, "--out", "out", "--model", model)
    assert outcome.status == 1
    told(outcome, "permission")
    assert not names_in(work / "out")


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EROFS, "read-only"), (errno.ENOSPC, "disk is full"), (errno.EACCES, "permission")],
)
def test_a_disk_that_refuses_is_told_and_left_clean(
    number: int, words: str, run, model: Path, picture: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("vesselapp.core.files.os.fsync", refuse)
    outcome = run("predict", picture, "--out", "out", "--model", model)
    assert outcome.status == 1
    told(outcome, "manifest.csv", words)
    assert list((work / "out").iterdir()) == []


def test_a_disk_that_fills_up_halfway_leaves_no_part_of_a_set(
    run, model: Path, picture: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.fsync, []

    def fill_up(handle: int) -> None:
        calls.append(handle)
        if len(calls) > 4:  # the manifest and its folder, the mask and its folder
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr("vesselapp.core.files.os.fsync", fill_up)
    outcome = run("predict", picture, "--out", "out", "--model", model)
    assert outcome.status == 1
    told(outcome, "eye_overlay.png", "disk is full")
    assert names_in(work / "out") == []


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_to_nothing_in_a_folder_costs_no_other_picture(run, model: Path, work: Path) -> None:
    save_picture(work / "in" / "good.png")
    (work / "in" / "gone.png").symlink_to(work / "nowhere.png")
    (work / "in" / "loop.png").symlink_to(work / "in" / "loop.png")
    outcome = run("predict", "in", "--out", "out", "--model", model)
    assert outcome.status == 1
    told(outcome, "gone.png", "loop.png", "1 done, 2 failed")
    assert names_in(work / "out") == ["good_mask.png", "good_overlay.png"]


def test_originals_are_never_overwritten(run, model: Path, picture: Path, work: Path) -> None:
    by_hand = work / "eye_mask.png"
    by_hand.write_bytes(b"drawn by an expert")
    outcome = run("predict", picture, "--out", ".", "--model", model)
    assert outcome.status == 1
    told(outcome, "eye_mask.png")
    assert by_hand.read_bytes() == b"drawn by an expert"
    assert names_in(work) == ["eye.png", "eye_mask.png"]


def test_a_picture_that_was_given_is_never_a_target(run, model: Path, picture: Path, work: Path) -> None:
    assert run("predict", picture, "--out", ".", "--model", model, "--save", "mask").status == 0
    before = (work / "eye_mask.png").read_bytes()
    outcome = run("predict", picture, "eye_mask.png", "--out", ".", "--model", model, "--save", "mask")
    assert outcome.status == 1
    told(outcome, "one of the pictures that were given")
    assert (work / "eye_mask.png").read_bytes() == before


def test_an_error_of_the_runtime_costs_one_picture(
    run, model: Path, work: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vesselapp.inference import batch

    real = batch.read_image
    for name in ("a.png", "b.png"):
        save_picture(work / name)

    def fail_on_a(path: Path) -> object:
        if path.name == "a.png":
            raise ZeroDivisionError("a bug")
        return real(path)

    monkeypatch.setattr(batch, "read_image", fail_on_a)
    outcome = run("predict", "a.png", "b.png", "--out", "out", "--model", model)
    assert outcome.status == 1
    assert "a.png" in outcome.err
    assert "Traceback" not in outcome.err
    assert names_in(work / "out") == ["b_mask.png", "b_overlay.png"]
    (log,) = home.rglob("vesselapp.log")
    assert "ZeroDivisionError: a bug" in log.read_text()


def test_a_bug_is_a_sentence_with_the_place_of_the_log(
    run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> int:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("vesselapp.cli.doctor.examine", broken)
    outcome = run("doctor")
    assert outcome.status == 1
    (log,) = home.rglob("vesselapp.log")
    assert str(log) in outcome.err
    assert "Traceback" not in outcome.err
    assert "Traceback" in log.read_text()


def test_a_home_that_takes_no_log_stops_nobody(
    run, model: Path, picture: Path, home: Path, work: Path
) -> None:
    home.write_text("a file where a folder should be")
    assert run("predict", picture, "--out", "out", "--model", model).status == 0
    assert len(names_in(work / "out")) == 2


@pytest.mark.parametrize(
    "arguments",
    [("predict", "eye.png", "--out", "out"), ("models", "list"), ("models", "show"), ("doctor",)],
    ids=" ".join,
)
def test_a_full_disk_behind_stdout_is_told(
    arguments: tuple[str, ...], model: Path, picture: Path, work: Path
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("a device of Linux")
    chosen = {"predict": ["--model", model], "models show": [model]}
    words = [*arguments, *chosen.get(arguments[0], chosen.get(" ".join(arguments), []))]
    command = [sys.executable, "-m", "vesselapp", *words]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with full.open("w") as stdout:
        done = subprocess.run(
            command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "vesselapp: The results can't be printed: the disk is full.\n"
