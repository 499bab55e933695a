import csv
import dataclasses
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.inference.foreign_models import split_model
from tests.tiny_models import fundus_picture, tiny_vessel_model
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import level_of, mask_of, quantise
from vesselapp.core.export import write_outputs
from vesselapp.core.image import read_image
from vesselapp.inference import workers
from vesselapp.inference.batch import BatchSpec, Control, Outcome
from vesselapp.inference.many import predict_many
from vesselapp.inference.model import Model, load_model
from vesselapp.inference.predict import predict
from vesselapp.inference.session import DeviceError


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    paths = []
    for number in range(6):
        path = folder / f"eye {number}.png"
        Image.fromarray(fundus_picture(200 + number, 240, 180, seed=number)).save(path)
        paths.append(path)
    return paths


@pytest.fixture
def spec(tmp_path: Path) -> BatchSpec:
    model = tiny_vessel_model(tmp_path / "tiny.onnx")
    return BatchSpec(tmp_path / "out", model, "cpu", save=("mask", "probability"))


def _rows(spec: BatchSpec) -> list[dict[str, str]]:
    with (spec.out / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_other_weights_beside_a_model_are_another_model(pictures: list[Path], spec: BatchSpec) -> None:
    spec = replace(spec, model=split_model(spec.out.parent / "split.onnx"))
    first = list(predict_many(pictures[:1], spec))
    assert [one.resumed for one in predict_many(pictures[:1], spec, resume=True)] == [True]
    split_model(spec.model, 8.0)
    again = list(predict_many(pictures[:1], spec, resume=True))
    assert not again[0].resumed
    assert again[0].model_sha256 != first[0].model_sha256


@pytest.mark.parametrize("count", [1, 3, None])
def test_each_picture_gets_its_mask_and_a_line_in_the_manifest(
    pictures: list[Path], spec: BatchSpec, count: int | None
) -> None:
    outcomes = list(predict_many(pictures, spec, workers=count))
    assert {outcome.picture for outcome in outcomes} == set(pictures)
    model = load_model(spec.model, "cpu")
    for outcome in outcomes:
        assert outcome.problem == ""
        assert outcome.outputs is not None
        wanted = predict(model, read_image(outcome.picture).pixels).probability
        mask = np.asarray(Image.open(outcome.outputs["mask"])) > 0
        assert np.array_equal(mask, mask_of(quantise(wanted), level_of(0.5)))
        assert outcome.foreground_fraction == pytest.approx(mask.mean())
    rows = _rows(spec)
    assert [row["file"] for row in rows] == [str(path) for path in pictures]
    assert all(row["problem"] == "" and row["model_sha256"] == model.sha256 for row in rows)


def test_a_bad_picture_costs_no_other(pictures: list[Path], spec: BatchSpec) -> None:
    pictures[2].write_bytes(b"\x89PNG, or so it says")
    outcomes = {outcome.picture: outcome for outcome in predict_many(pictures, spec, workers=2)}
    assert len(outcomes) == 6
    assert [path for path in pictures if outcomes[path].problem] == [pictures[2]]
    assert _rows(spec)[2]["problem"]


def test_resume_does_only_what_is_missing_or_has_changed(pictures: list[Path], spec: BatchSpec) -> None:
    first = list(predict_many(pictures[:4], spec))
    changed, lost = pictures[1], first[[outcome.picture for outcome in first].index(pictures[3])]
    Image.fromarray(fundus_picture(210, 240, 190, seed=9)).save(changed)
    assert lost.outputs is not None
    lost.outputs["mask"].unlink()
    again = list(predict_many(pictures, spec, resume=True))
    assert {outcome.picture for outcome in again if outcome.resumed} == {pictures[0], pictures[2]}
    assert {outcome.picture for outcome in again} == set(pictures)
    assert len(_rows(spec)) == 6
    other = BatchSpec(spec.out, spec.model, "cpu", threshold=0.3, save=spec.save)
    assert not any(outcome.resumed for outcome in predict_many(pictures, other, resume=True))
    flipped = replace(other, flips=True)
    assert not any(outcome.resumed for outcome in predict_many(pictures, flipped, resume=True))
    assert all(outcome.resumed for outcome in predict_many(pictures, flipped, resume=True))


def test_a_persons_mask_is_never_taken_for_what_an_earlier_run_did(
    pictures: list[Path], spec: BatchSpec
) -> None:
    list(predict_many(pictures[:2], spec))
    image = read_image(pictures[0])
    theirs = np.zeros(image.pixels.shape[:2], bool)
    theirs[:32] = True
    facts, mine = {"sha256": image.sha256}, (spec.out, pictures[0].stem, ("mask",))
    written = write_outputs(*mine, image.pixels, theirs, None, provenance=facts)
    before = written["mask"].read_bytes()
    again = {outcome.picture: outcome for outcome in predict_many(pictures[:2], spec, resume=True)}
    assert not again[pictures[0]].resumed
    assert "tells of a person's corrections" in again[pictures[0]].problem
    assert again[pictures[1]].resumed
    assert written["mask"].read_bytes() == before


def test_a_manifest_cut_short_loses_only_its_last_line(pictures: list[Path], spec: BatchSpec) -> None:
    list(predict_many(pictures, spec))
    path = spec.out / "manifest.csv"
    path.write_bytes(path.read_bytes()[:-40])
    again = list(predict_many(pictures, spec, resume=True))
    assert sum(outcome.resumed for outcome in again) == 5


@pytest.mark.parametrize("closed", [True, False])
def test_a_manifest_that_is_looked_at_in_excel_holds_nothing_up(
    pictures: list[Path], spec: BatchSpec, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    there, opened, replace = spec.out / "manifest.csv", Path.open, Path.replace
    looked_at = [False]

    def opening(path: Path, mode: str = "r", *more: Any, **words: Any) -> Any:
        if looked_at[0] and path == there and mode not in ("r", "rb"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, mode, *more, **words)

    def replacing(path: Path, target: Path) -> Path:
        if looked_at[0] and target == there:
            raise PermissionError(13, "Access is denied", str(path))
        return replace(path, target)

    monkeypatch.setattr(Path, "open", opening)
    monkeypatch.setattr(Path, "replace", replacing)
    outcomes = predict_many(pictures, spec, workers=1)
    next(outcomes)
    looked_at[0] = True
    next(outcomes)
    assert len(_rows(spec)) == 1
    looked_at[0] = not closed
    if closed:
        next(outcomes)
        assert len(_rows(spec)) == 3
        list(outcomes)
    else:
        with pytest.raises(VesselError, match="lines of some are missing"):
            list(outcomes)
    assert len(list(spec.out.glob("*_mask.png"))) == len(pictures)


def test_a_foreign_manifest_is_left_alone(pictures: list[Path], spec: BatchSpec) -> None:
    spec.out.mkdir()
    (spec.out / "manifest.csv").write_text("ship,cargo\nAnna,coal\n", encoding="utf-8")
    with pytest.raises(VesselError, match="not a manifest of this app"):
        list(predict_many(pictures, spec))
    assert (spec.out / "manifest.csv").read_text(encoding="utf-8") == "ship,cargo\nAnna,coal\n"


def test_cancel_ends_the_batch_and_resume_goes_on(pictures: list[Path], spec: BatchSpec) -> None:
    control = Control()
    done: list[Outcome] = []
    for outcome in predict_many(pictures, spec, workers=1, control=control):
        done.append(outcome)
        control.cancel()
    assert 1 <= len(done) < 6
    assert len(_rows(spec)) == len(done)
    rest = list(predict_many(pictures, spec, resume=True))
    assert sum(outcome.resumed for outcome in rest) == len(done)
    assert len(rest) == 6


class Impatient(Control):
    """Cancels itself when it is asked for the nth time."""

    def __init__(self, patience: int) -> None:
        super().__init__()
        self.patience, self.asked = patience, 0

    def is_cancelled(self) -> bool:
        self.asked += 1
        return self.asked >= self.patience


@pytest.mark.parametrize("resume", [True, False])
def test_cancel_is_heeded_at_each_picture_while_a_batch_is_planned(
    pictures: list[Path], spec: BatchSpec, *, resume: bool
) -> None:
    list(predict_many(pictures, spec))
    before = (spec.out / "manifest.csv").read_bytes()
    for patience in range(1, 3 * len(pictures) + 1):
        control = Impatient(patience)
        assert not list(predict_many(pictures, spec, resume=resume, control=control))
        assert control.asked == patience
        assert (spec.out / "manifest.csv").read_bytes() == before
    assert not [path for path in spec.out.iterdir() if path.name.startswith(".")]


def test_a_consumer_that_stops_stops_the_workers(pictures: list[Path], spec: BatchSpec) -> None:
    outcomes = predict_many(pictures, spec, workers=2)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batch")]
    assert _rows(spec)


def test_a_paused_batch_begins_no_other_picture(pictures: list[Path], spec: BatchSpec) -> None:
    control = Control()
    control.pause()
    done: list[Outcome] = []
    consumer = threading.Thread(target=lambda: done.extend(predict_many(pictures, spec, control=control)))
    consumer.start()
    consumer.join(0.5)
    assert done == []
    assert consumer.is_alive()
    control.go_on()
    consumer.join(60)
    assert len(done) == 6


def test_a_picture_replaced_while_it_is_worked_on_is_done_anew(
    pictures: list[Path], spec: BatchSpec, tmp_path: Path
) -> None:
    old, new = pictures[0].stat(), tmp_path / "new.png"
    Image.fromarray(np.zeros((200, 240, 3), np.uint8)).save(new)

    def replaced(picture: Path, _share: float) -> None:
        if new.exists():
            new.replace(picture)

    (first,) = predict_many(pictures[:1], spec, on_share=replaced)
    assert not new.exists()
    assert (_rows(spec)[0]["bytes"], _rows(spec)[0]["modified_ns"]) == (
        str(old.st_size),
        str(old.st_mtime_ns),
    )
    (again,) = predict_many(pictures[:1], spec, resume=True)
    assert not again.resumed
    assert again.foreground_fraction > 0.9 > first.foreground_fraction
    (kept,) = predict_many(pictures[:1], spec, resume=True)
    assert kept.resumed


@pytest.mark.parametrize(("budget", "kinds"), [(50_000, ("mask",)), (130_000, ("objects",))])
def test_large_pictures_are_worked_on_one_at_a_time(
    pictures: list[Path],
    spec: BatchSpec,
    monkeypatch: pytest.MonkeyPatch,
    budget: int,
    kinds: tuple[str, ...],
) -> None:
    monkeypatch.setattr(workers, "_BUDGET_PX", budget)
    spec = dataclasses.replace(spec, save=kinds)
    most = most_at_once(monkeypatch)
    assert len(list(predict_many(pictures, spec, workers=3))) == 6
    assert most() == 1


def test_stacks_are_worked_on_one_at_a_time(
    spec: BatchSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stacks = [tmp_path / f"{number}.tif" for number in range(6)]
    for stack in stacks:
        tifffile.imwrite(stack, np.zeros((30, 60, 60, 3), np.uint8), photometric="rgb")
    monkeypatch.setattr(workers, "_BUDGET_PX", 50_000)
    most = most_at_once(monkeypatch)
    assert [outcome.problem for outcome in predict_many(stacks, spec, workers=3)] == [""] * 6
    assert most() == 1


def most_at_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Give what tells how many pictures were in work at once."""
    at_once, most, lock = 0, 0, threading.Lock()
    do = workers.do_errand

    def counted(*arguments: object) -> Outcome:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        try:
            time.sleep(0.02)
            return do(*arguments)  # type: ignore[arg-type]
        finally:
            with lock:
                at_once -= 1

    monkeypatch.setattr(workers, "do_errand", counted)
    return lambda: most


def test_results_never_replace_a_picture(pictures: list[Path], spec: BatchSpec) -> None:
    trap = pictures[0].with_name("eye 1_mask.png")
    pictures[0].rename(trap)
    inside = BatchSpec(trap.parent, spec.model, "cpu", save=("mask",))
    outcomes = {outcome.picture: outcome for outcome in predict_many([trap, *pictures[1:]], inside)}
    assert [path for path in outcomes if outcomes[path].problem] == [pictures[1]]
    assert "one of the pictures" in outcomes[pictures[1]].problem


def test_a_name_that_is_no_text_comes_through(pictures: list[Path], spec: BatchSpec) -> None:
    odd = Path(os.fsdecode(os.fsencode(pictures[0].parent) + b"/\xff\xfe eye.png"))
    try:
        pictures[0].rename(odd)
    except OSError:
        pytest.skip("this file system takes only text")
    assert [outcome.problem for outcome in predict_many([odd], spec)] == [""]
    assert [outcome.resumed for outcome in predict_many([odd], spec, resume=True)] == [True]


def test_the_manifest_is_in_natural_order(pictures: list[Path], spec: BatchSpec) -> None:
    tenth = pictures[0].rename(pictures[0].with_name("eye 10.png"))
    list(predict_many([tenth, *pictures[1:]], spec))
    assert [Path(row["file"]).stem for row in _rows(spec)][-2:] == ["eye 5", "eye 10"]


def test_workers_that_run_out_of_memory_together_ask_for_less_just_once(
    pictures: list[Path], spec: BatchSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, together = Model.run, threading.Barrier(3, timeout=20)
    models = set()

    def short_of_memory(self: Model, batch: np.ndarray, table: np.ndarray | None = None) -> np.ndarray:
        if self.tile_size == 128 and batch.shape[1] > 64:
            models.add(self)
            together.wait()
            raise DeviceError(MemoryError())
        return run(self, batch, table)

    monkeypatch.setattr(Model, "run", short_of_memory)
    outcomes = list(predict_many(pictures[:3], spec, workers=3))
    assert [outcome.problem for outcome in outcomes] == [""] * 3
    assert [model.tile_size for model in models] == [64]


@pytest.mark.parametrize("resume", [True, False])
def test_results_of_another_picture_of_that_name_stay(tmp_path: Path, spec: BatchSpec, resume: bool) -> None:
    pictures = []
    for day in (1, 2):
        pictures.append(tmp_path / f"day{day}" / "IM1.png")
        pictures[-1].parent.mkdir()
        Image.fromarray(fundus_picture(200, 240, 180, seed=day)).save(pictures[-1])
    masks = []
    for picture in pictures:
        (outcome,) = predict_many([picture], spec, resume=resume)
        assert outcome.outputs is not None
        masks.append(outcome.outputs["mask"])
    assert len(set(masks)) == 2
    assert [row["file"] for row in _rows(spec)] == [str(picture) for picture in pictures]
    before = [mask.read_bytes() for mask in masks]
    for picture, mask in zip(pictures, masks, strict=True):
        (outcome,) = predict_many([picture], spec, resume=True)
        assert outcome.resumed
        assert (outcome.outputs or {})["mask"] == mask
    assert [mask.read_bytes() for mask in masks] == before


def test_pictures_given_by_their_name_alone_are_told_apart(
    tmp_path: Path, spec: BatchSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (1, 2, 1):
        folder = tmp_path / f"day{day}"
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        if not Path("IM1.png").exists():
            Image.fromarray(fundus_picture(200, 240, 180, seed=day)).save("IM1.png")
        (outcome,) = predict_many([Path("IM1.png")], spec, resume=True)
        assert outcome.picture == Path("IM1.png")
    assert outcome.resumed
    assert len(_rows(spec)) == 2


def test_a_new_run_forgets_lines_whose_results_are_gone(pictures: list[Path], spec: BatchSpec) -> None:
    for outcome in predict_many(pictures[:2], spec):
        if outcome.picture == pictures[0]:
            for file in (outcome.outputs or {}).values():
                file.unlink()
    list(predict_many(pictures[2:3], spec))
    assert [row["file"] for row in _rows(spec)] == [str(path) for path in pictures[1:3]]


def test_results_stay_claimed_where_a_later_run_fails(tmp_path: Path, spec: BatchSpec) -> None:
    name = "a | b.png"  # what parts results in the manifest may be in a name
    first, second = tmp_path / "one" / name, tmp_path / "two" / name
    for seed, path in enumerate((first, second)):
        path.parent.mkdir()
        Image.fromarray(fundus_picture(210, 240, 190, seed=seed)).save(path)
    list(predict_many([first], spec))
    mask = (spec.out / "a | b_mask.png").read_bytes()
    good = first.read_bytes()
    first.write_bytes(b"cut off")
    (failed,) = predict_many([first], spec)
    assert failed.problem
    list(predict_many([second], spec))
    assert (spec.out / "a | b_mask.png").read_bytes() == mask
    assert len(_rows(spec)) == 2
    first.write_bytes(good)
    (again,) = predict_many([first], spec, resume=True)
    assert not again.resumed


def test_two_runs_at_once_into_one_folder_are_refused(pictures: list[Path], spec: BatchSpec) -> None:
    first = predict_many(pictures[:2], spec)
    next(first)
    with pytest.raises(VesselError, match="Another run is writing into"):
        list(predict_many(pictures[2:], spec))
    list(first)
    assert len(list(predict_many(pictures, spec, resume=True))) == 6
    assert len(_rows(spec)) == 6
    assert not [path for path in spec.out.iterdir() if path.name.startswith(".")]


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such names")
def test_a_picture_may_be_called_like_a_part_of_the_manifest(pictures: list[Path], spec: BatchSpec) -> None:
    names = ("x | mask=y", "x | overlay=y", "x", "a_mask.png | overlay=b", "new\nline")
    odd = [path.rename(path.with_name(f"{name}.png")) for path, name in zip(pictures, names, strict=False)]
    for save in (("mask",), ("overlay", "mask", "probability")):
        wanted = replace(spec, save=save)
        list(predict_many(odd, wanted))
        again = list(predict_many(odd, wanted, resume=True))
        assert [outcome.resumed for outcome in again] == [True] * 5
        for outcome in again:
            assert outcome.outputs is not None
            assert set(outcome.outputs) == set(save)
            assert all(path.is_file() for path in outcome.outputs.values())


def test_results_of_other_settings_go_and_those_of_the_same_stay(
    pictures: list[Path], spec: BatchSpec
) -> None:
    def there() -> set[str]:
        return {path.name for path in spec.out.iterdir()} - {"manifest.csv"}

    def named() -> set[str]:
        (row,) = _rows(spec)
        return {Path(part.partition("=")[2]).name for part in row["outputs"].split(" | ")}

    one = pictures[:1]
    list(predict_many(one, replace(spec, save=("mask", "overlay"))))
    list(predict_many(one, replace(spec, save=("probability",))))
    assert there() == named() == {"eye 0_mask.png", "eye 0_overlay.png", "eye 0_probability.tif"}
    list(predict_many(one, replace(spec, save=("overlay",), threshold=0.9), resume=True))
    assert there() == named() == {"eye 0_overlay.png"}
    image = read_image(one[0])
    mask = np.ones(image.pixels.shape[:2], bool)
    write_outputs(
        spec.out, "eye 0", ("mask", "overlay"), image.pixels, mask, None, provenance={"sha256": "1"}
    )
    list(predict_many(one, replace(spec, save=("probability",))))
    assert {"eye 0_mask.png", "eye 0_overlay.png"} < there()  # a person's by now


def test_what_an_earlier_run_did_of_a_picture_that_fails_now_stays(
    pictures: list[Path], spec: BatchSpec
) -> None:
    list(predict_many(pictures[:1], spec))
    pictures[0].write_bytes(b"none")
    list(predict_many(pictures[:1], replace(spec, threshold=0.9)))
    assert (spec.out / "eye 0_mask.png").is_file()
