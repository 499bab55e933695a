"""``vesselapp predict``: what it writes, prints and answers for good input."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from tests.cli.conftest import save_nuclei, save_picture
from tests.tiny_models import tiny_vessel_model
from vesselapp.cli.arguments import KINDS, SAMPLE_NAMES
from vesselapp.core.errors import Cancelled
from vesselapp.core.evidence import level_of, mask_of, quantise
from vesselapp.core.export import SUFFIXES
from vesselapp.core.image import read_image
from vesselapp.core.model_card import ScaleSpec
from vesselapp.core.overlay import overlay_pixels
from vesselapp.core.samples import SAMPLES
from vesselapp.inference.model import Model, load_model
from vesselapp.inference.predict import predict


def names_in(folder: Path) -> list[str]:
    """Name the files in a folder, but for the manifest."""
    return sorted(path.name for path in folder.iterdir() if path.name != "manifest.csv")


def test_names_of_the_parser_are_those_of_the_core() -> None:
    assert set(KINDS) == set(SUFFIXES)
    assert set(SAMPLE_NAMES) == set(SAMPLES)


def test_files_are_what_the_engine_says(run, model: Path, picture: Path, work: Path) -> None:
    saved = ",".join(set(KINDS) - {"objects"})
    outcome = run("predict", picture, "--out", "out", "--model", model, "--save", saved, "--threshold", 0.3)
    assert outcome.status == 0
    assert names_in(work / "out") == ["eye_mask.png", "eye_overlay.png", "eye_probability.tif"]
    image = read_image(picture)
    probability = predict(load_model(model), image.pixels).probability
    mask = mask_of(quantise(probability), level_of(0.3))
    assert 0 < mask.mean() < 1
    with Pillow.open(work / "out" / "eye_mask.png") as stored:
        assert stored.mode == "L"
        np.testing.assert_array_equal(np.asarray(stored), np.where(mask, 255, 0))
    with Pillow.open(work / "out" / "eye_overlay.png") as stored:
        np.testing.assert_array_equal(np.asarray(stored), overlay_pixels(image.pixels, mask))
    stored = tifffile.imread(work / "out" / "eye_probability.tif")
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(stored, probability)


def test_single_cells_are_numbered(run, work: Path) -> None:
    places = save_nuclei(work / "nuclei.png")
    outcome = run("predict", "nuclei.png", "--out", "out", "--model", "cells", "--save", "mask,objects")
    assert outcome.status == 0
    mask = np.asarray(Pillow.open(work / "out" / "nuclei_mask.png"))
    with Pillow.open(work / "out" / "nuclei_objects.png") as stored:
        assert stored.mode == "I;16"
        numbers = np.asarray(stored)
    assert not numbers[mask == 0].any()
    assert np.unique(numbers).tolist() == list(range(6))
    assert len({int(numbers[y, x]) for x, y in places}) == 5
    assert cv2.connectedComponents((mask > 0).astype(np.uint8))[0] - 1 == 4


def test_a_model_of_vessels_numbers_nothing(run, model: Path, picture: Path, work: Path) -> None:
    outcome = run("predict", picture, "--out", "out", "--model", model, "--save", "mask,objects")
    assert outcome.status == 1
    assert "doesn't tell single cells" in outcome.err
    assert names_in(work / "out") == []


def test_the_size_of_cells_can_be_given(run, work: Path) -> None:
    scale = ScaleSpec(kind="object_diameter", size=20)
    model = tiny_vessel_model(work / "squares.onnx", scale=scale, blur=21, task="cells")
    pixels = np.full((200, 240, 3), 200, np.uint8)
    pixels[10:46, 10:46] = pixels[90:126, 90:126] = 0
    Pillow.fromarray(pixels).save(work / "squares.png")
    options = ("predict", "squares.png", "--out", "out", "--model", model, "--save", "mask", "--json")
    masks = {}
    for size in (None, 10, 60.5):
        outcome = run(*options, *(() if size is None else ("--cell-size", size)), "--resume")
        (record,) = outcome.records
        assert (record["object_diameter"], record["resumed"]) == (size, False)
        masks[size] = np.asarray(Pillow.open(work / "out" / "squares_mask.png")) > 0
        answer = predict(load_model(model, "cpu"), pixels, object_diameter=size)
        assert np.array_equal(masks[size], mask_of(quantise(answer.probability), level_of(0.5)))
    assert not np.array_equal(masks[10], masks[None])
    assert run(*options, "--cell-size", "60.5", "--resume").records[0]["resumed"]


def test_a_size_of_cells_that_nothing_would_heed_is_refused(
    run, model: Path, picture: Path, work: Path
) -> None:
    options = ("predict", picture, "--out", "out", "--model", model, "--cell-size")
    outcome = run(*options, "12")
    assert outcome.status == 1
    assert "--cell-size is for models of cells" in outcome.err
    assert not (work / "out").exists()
    for odd in ("0", "-3", "nan", "inf", "wide"):
        assert run(*options, odd).status == 2


def test_json_tells_what_was_done(run, model: Path, picture: Path, work: Path) -> None:
    outcome = run("predict", picture, "--out", "out", "--model", model, "--json")
    (record,) = outcome.records
    assert outcome.status == 0
    assert outcome.err == ""
    assert record["file"] == str(picture)
    assert record["outputs"] == {
        "mask": str(Path("out", "eye_mask.png")),
        "overlay": str(Path("out", "eye_overlay.png")),
    }
    assert record["model"] == "tiny"
    assert record["provider"] == "cpu"
    assert record["threshold"] == 0.5
    assert record["seconds"] > 0
    assert record["notes"] == []
    assert record["resumed"] is False
    mask = np.asarray(Pillow.open(work / "out" / "eye_mask.png"))
    assert record["foreground_fraction"] == pytest.approx((mask > 0).mean())


def test_a_folder_is_taken_whole_and_a_picture_once(run, model: Path, picture: Path, work: Path) -> None:
    save_picture(work / "more" / "b10.png", 1)
    save_picture(work / "more" / "b2.jpg", 2)
    save_picture(work / "more" / "deep" / "c.tif", 3)
    (work / "more" / "readme.txt").write_text("no picture")
    paths = [picture, "more", picture, Path("more", "..", "eye.png")]
    outcome = run("predict", *paths, "--out", "out", "--model", model, "--save", "mask", "--json")
    assert outcome.status == 0
    assert [Path(record["file"]).name for record in outcome.records] == [
        "eye.png",
        "b2.jpg",
        "b10.png",
        "c.tif",
    ]
    assert names_in(work / "out") == ["b10_mask.png", "b2_mask.png", "c_mask.png", "eye_mask.png"]


def test_pictures_of_one_stem_do_not_overwrite_each_other(run, model: Path, work: Path) -> None:
    for number, name in enumerate(("left/a.png", "right/a.png", "right/a.jpg")):
        save_picture(work / name, number)
    outcome = run("predict", "left", "right", "--out", "out", "--model", model, "--save", "mask", "--json")
    assert outcome.status == 0
    written = [record["outputs"]["mask"] for record in outcome.records]
    assert len(set(written)) == 3
    assert names_in(work / "out") == sorted(Path(path).name for path in written)


def test_a_folder_can_be_its_own_output_again_and_again(run, model: Path, picture: Path, work: Path) -> None:
    before = picture.read_bytes()
    for _ in range(2):
        outcome = run("predict", ".", "--out", ".", "--model", model, "--json")
        assert outcome.status == 0
        assert len(outcome.records) == 1
    assert picture.read_bytes() == before
    assert names_in(work) == ["eye.png", "eye_mask.png", "eye_overlay.png"]


def test_the_threshold_moves_the_mask(run, model: Path, picture: Path) -> None:
    fractions = []
    for threshold in (0.0, 0.6, 1.0):
        outcome = run(
            "predict", picture, "--out", "out", "--model", model, "--threshold", threshold, "--json"
        )
        fractions += [record["foreground_fraction"] for record in outcome.records]
    assert fractions[0] > fractions[1] > fractions[2]


def test_the_default_model_is_found_and_names_work(run, shipped: Path, picture: Path) -> None:
    assert run("predict", picture, "--out", "out", "--json").records[0]["model"] == shipped.stem
    assert run("predict", picture, "--out", "out", "--model", shipped.stem).status == 0


def test_a_provider_that_is_not_there_is_told_and_the_cpu_works(run, model: Path, picture: Path) -> None:
    from vesselapp.inference.providers import PROVIDERS, offered_providers

    offered = {provider.name for provider in offered_providers()}
    absent = next(provider.name for provider in PROVIDERS if provider.name not in offered)
    outcome = run("predict", picture, "--out", "out", "--model", model, "--provider", absent, "--json")
    assert outcome.status == 0
    assert outcome.records[0]["provider"] == "cpu"
    assert absent in outcome.err


def test_text_output_names_picture_and_files(run, model: Path, picture: Path) -> None:
    outcome = run("predict", picture, "--out", "out", "--model", model)
    assert str(picture) in outcome.out
    assert "eye_mask.png" in outcome.out
    assert outcome.err == ""  # no progress bar where stderr is no terminal


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict"],
        ["predict", "a.png"],
        ["predict", "--out", "out"],
        ["predict", "a.png", "--out", "out", "--threshold", "1.5"],
        ["predict", "a.png", "--out", "out", "--threshold", "much"],
        ["predict", "a.png", "--out", "out", "--threshold", "nan"],
        ["predict", "a.png", "--out", "out", "--threshold", "half"],
        ["predict", "a.png", "--out", "out", "--save", "mask,smell"],
        ["predict", "a.png", "--out", "out", "--save", ""],
        ["predict", "a.png", "--out", "out", "--provider", "abacus"],
        ["predict", "a.png", "--out", "out", "--workers", "0"],
        ["predict", "a.png", "--out", "out", "--workers", "many"],
        ["predict", "a.png", "--out", "out", "--workers", "2", "--dask", "local:2"],
        ["predict", "a.png", "--out", "out", "--smell"],
        ["doctor", "--smell"],
        ["--sample", "holiday"],
        ["--sample", "fundus", "a.png"],
        ["--smell"],
    ],
)
def test_wrong_usage_is_two(run, arguments: list[str], work: Path) -> None:
    outcome = run(*arguments)
    assert outcome.status == 2
    assert "_share" not in outcome.err
    assert "_count" not in outcome.err
    assert "usage:" in outcome.err
    assert not names_in(work)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["predict", "--help"], ["doctor", "--help"]]
)
def test_help_and_version(run, arguments: list[str]) -> None:
    outcome = run(*arguments)
    assert outcome.status == 0
    assert "vesselapp" in outcome.out


@pytest.fixture
def listening() -> Iterator[None]:
    """Hear Ctrl+C, also where the tests were started in the background, which shells make deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl+C another way")
def test_ctrl_c_is_a_sentence_and_stops_the_workers(
    run, model: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[str] = []

    def interrupted(_model: Model, _pixels: object, *, cancelled: Callable[[], bool], **_: object) -> None:
        time.sleep(0.3)  # until the main thread listens to the workers
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        deadline = time.monotonic() + 20
        while not cancelled() and time.monotonic() < deadline:
            time.sleep(0.01)
        stopped.append("stopped")
        raise Cancelled

    monkeypatch.setattr("vesselapp.inference.batch.predict", interrupted)
    outcome = run("predict", picture, "--out", "out", "--model", model)
    assert outcome.status == 130
    assert "Stopped: 0 of 1" in outcome.err
    assert "Traceback" not in outcome.err
    assert stopped


@pytest.mark.usefixtures("listening")
@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl+C another way")
def test_a_real_ctrl_c_leaves_whole_files_only(model: Path, work: Path) -> None:
    for number in range(150):
        save_picture(work / "many" / f"{number}.png")
    command = [
        sys.executable,
        "-m",
        "vesselapp",
        "predict",
        "many",
        "--out",
        "out",
        "--model",
        str(model),
        "--json",
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Stopped" in err
    assert "Traceback" not in err
    written = names_in(work / "out")
    assert 0 < len(written) < 300
    for name in written:
        with Pillow.open(work / "out" / name) as stored:
            stored.load()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems refuse such names")
@pytest.mark.parametrize(
    "name", [b"\xff\xfe.png", "Zürich 眼 'x'.png".encode(), b"-dash.png", b"[bold]x.png"]
)
def test_any_file_name_will_do(name: bytes, run, model: Path, work: Path) -> None:
    path = save_picture(work / "in" / os.fsdecode(name))
    for option in ([], ["--json"]):
        assert run("predict", "in", "--out", "out", "--model", model, *option).status == 0
    (record,) = run("predict", path, "--out", "out", "--model", model, "--json").records
    assert os.fsencode(record["file"]) == os.fsencode(path)
    assert Path(record["outputs"]["mask"]).exists()
