import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.inference.foreign_models import lost_in_red, small_unet
from tests.tiny_models import fundus_picture, tiny_probability, tiny_vessel_model, with_card
from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.model_card import ScaleSpec, TileSpec
from vesselapp.inference.model import Model, load_model
from vesselapp.inference.predict import predict
from vesselapp.inference.providers import Provider
from vesselapp.inference.session import DeviceError


def test_the_answer_has_the_pictures_size_and_is_zero_outside_the_field(tiny_model: Model) -> None:
    pixels = fundus_picture(300, 341)
    answer = predict(tiny_model, pixels)
    assert answer.probability.shape == (300, 341)
    assert answer.probability.dtype == np.float32
    assert answer.provider == "cpu"
    assert answer.frame.field_of_view is not None
    assert answer.frame.field_of_view.found
    inside = answer.frame.field_of_view.mask(300, 341) == 1
    assert not answer.probability[~inside].any()
    np.testing.assert_allclose(answer.probability[inside], tiny_probability(pixels)[inside], atol=2e-6)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 300), (64, 64), (129, 127), (300, 301)])
def test_any_size_works(tiny_model: Model, height: int, width: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    answer = predict(tiny_model, pixels)
    assert not answer.frame.field_of_view or not answer.frame.field_of_view.found
    np.testing.assert_allclose(answer.probability, tiny_probability(pixels), atol=2e-6)


@pytest.fixture(scope="module")
def blurring(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Model]:
    """Nets whose receptive field is known: means over 1, 15, 31 and 47 px."""
    folder = tmp_path_factory.mktemp("blurring")
    paths = {
        side: tiny_vessel_model(folder / f"{side}.onnx", blur=side, task="other") for side in (1, 15, 31, 47)
    }
    return {side: load_model(path, "cpu") for side, path in paths.items()}


@settings(max_examples=40)
@given(data=st.data())
def test_tiles_give_the_same_answer_as_the_whole_where_the_receptive_field_fits_the_overlap(
    blurring: dict[int, Model], data: st.DataObject
) -> None:
    height, width = data.draw(st.integers(1, 400)), data.draw(st.integers(1, 400))
    blur = data.draw(st.sampled_from(sorted(blurring)))
    overlap = data.draw(st.integers(blur, 64))
    stride = data.draw(st.sampled_from([1, 8, 16, 32]))
    size = data.draw(st.integers(2 * overlap, 200))
    fixed = data.draw(st.booleans())
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    model = blurring[blur]
    tile = TileSpec(size=max(size, 4 * stride), overlap=overlap, stride=stride, fixed=fixed)
    tiled = predict(with_card(model, model.card.model_copy(update={"tile": tile})), pixels).probability
    whole_tile = TileSpec(size=1024, stride=stride)
    whole = predict(with_card(model, model.card.model_copy(update={"tile": whole_tile})), pixels).probability
    border = blur // 2
    inner = (slice(border, max(border, height - border)), slice(border, max(border, width - border)))
    assert np.abs(tiled - whole)[inner].max(initial=0) < 3e-5  # of sums of 47 x 47 px


def test_tiles_of_a_net_with_pooling_lie_on_its_raster(tmp_path: Path) -> None:
    model = load_model(small_unet(tmp_path / "deep.onnx", depth=3), "cpu")
    pixels = np.random.default_rng(2).integers(0, 256, (500, 620, 3), np.uint8)
    answers = []
    for size in (256, 1024):
        tile = TileSpec(size=size, overlap=128, stride=8)
        answers.append(predict(with_card(model, model.card.model_copy(update={"tile": tile})), pixels))
    off = np.abs(answers[0].probability - answers[1].probability)[64:-64, 64:-64]
    assert answers[1].probability.std() > 0.01
    assert off.max() < 1 / 255


def test_cameras_of_all_sizes_meet_the_model_at_one_scale(tmp_path: Path) -> None:
    model = load_model(
        tiny_vessel_model(tmp_path / "m.onnx", scale=ScaleSpec(kind="field_of_view", size=280)), "cpu"
    )
    small = predict(model, fundus_picture(300, 340, 280))
    large = predict(model, fundus_picture(900, 1020, 840))
    assert large.probability.shape == (900, 1020)
    shrunk = large.probability.reshape(300, 3, 340, 3).mean(axis=(1, 3))
    inside = small.frame.field_of_view.mask(300, 340) == 1 if small.frame.field_of_view else None
    assert inside is not None
    assert np.abs(shrunk - small.probability)[inside].mean() < 0.05


def test_progress_rises_to_one_and_cancel_stops_within_a_tile(tiny_model: Model) -> None:
    pixels = fundus_picture(700, 700, 680)
    shares: list[float] = []
    predict(tiny_model, pixels, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 4
    stop = threading.Event()
    seen: list[float] = []

    def on_progress(share: float) -> None:
        seen.append(share)
        stop.set()

    with pytest.raises(Cancelled):
        predict(tiny_model, pixels, progress=on_progress, cancelled=stop.is_set)
    assert len(seen) == 1


def test_wrong_pixels_are_refused_in_a_sentence(tiny_model: Model) -> None:
    with pytest.raises(VesselError, match="8-bit colour"):
        predict(tiny_model, np.zeros((4, 4), np.uint8))


def test_what_the_person_looks_at_comes_first_and_is_delivered_at_once(tiny_model: Model) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (900, 900, 3), np.uint8)
    boxes: list[tuple[int, int, int, int]] = []
    preview = np.full((900, 900), np.nan, np.float32)

    def on_tile(box: tuple[int, int, int, int], values: np.ndarray) -> None:
        boxes.append(box)
        preview[box[1] : box[3], box[0] : box[2]] = values

    answer = predict(tiny_model, pixels, first=(700, 650, 890, 880), on_tile=on_tile)
    touching = [b for b in boxes if b[2] > 700 and b[3] > 650]
    assert boxes[: len(touching)] == touching
    assert len(touching) < len(boxes) / 3
    np.testing.assert_allclose(preview, answer.probability, atol=2e-6)


def test_parts_of_a_scaled_picture_are_delivered_in_its_own_pixels(tmp_path: Path) -> None:
    scale = ScaleSpec(kind="field_of_view", size=300)
    model = load_model(tiny_vessel_model(tmp_path / "m.onnx", scale=scale, blur=9), "cpu")
    pixels = fundus_picture(800, 900, 760)
    preview = np.zeros((800, 900), np.float32)

    def on_tile(box: tuple[int, int, int, int], values: np.ndarray) -> None:
        preview[box[1] : box[3], box[0] : box[2]] = values

    answer = predict(model, pixels, on_tile=on_tile)
    assert np.quantile(np.abs(preview - answer.probability), 0.999) < 0.03


def test_mirror_images_are_averaged_on_request(tiny_model: Model) -> None:
    pixels = np.random.default_rng(6).integers(0, 256, (200, 150, 3), np.uint8)
    answer = predict(tiny_model, pixels, flips=True)
    np.testing.assert_allclose(answer.probability, tiny_probability(pixels), atol=2e-6)


def test_objects_are_brought_to_the_models_size(tmp_path: Path) -> None:
    scale = ScaleSpec(kind="object_diameter", size=20)
    path = tiny_vessel_model(tmp_path / "m.onnx", scale=scale, blur=21, overlap=32, task="cells")
    model = load_model(path, "cpu")
    small = np.full((150, 170, 3), 200, np.uint8)
    small[60:80, 70:90] = 0
    large = small.repeat(3, axis=0).repeat(3, axis=1)
    plain = predict(model, small, object_diameter=20).probability
    scaled = predict(model, large, object_diameter=60).probability
    assert scaled.shape == (450, 510)
    assert np.abs(scaled.reshape(150, 3, 170, 3).mean(axis=(1, 3)) - plain).max() < 0.02


def squares_model(folder: Path) -> tuple[Model, np.ndarray]:
    """Give a model of dark objects of 20 px, and a picture of such of 40 px."""
    scale = ScaleSpec(kind="object_diameter", size=20)
    model = load_model(tiny_vessel_model(folder / "m.onnx", scale=scale, task="cells"), "cpu")
    pixels = np.full((400, 480, 3), 200, np.uint8)
    for top in range(20, 400, 80):
        for left in range(20, 480, 80):
            pixels[top : top + 36, left : left + 36] = 0
    return model, pixels


def run_short_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let models run on a device that takes no more than 64 rows."""
    run = Model.run

    def short_of_memory(self: Model, batch: np.ndarray, table: np.ndarray | None = None) -> np.ndarray:
        if batch.shape[1] > 64:
            raise DeviceError(RuntimeError("Failed to allocate memory for requested buffer of size 9"))
        return run(self, batch, table)

    monkeypatch.setattr(Model, "run", short_of_memory)


def test_short_memory_does_not_keep_the_size_of_objects_from_being_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, pixels = squares_model(tmp_path)
    wanted = predict(model, pixels)
    assert wanted.frame.magnify == pytest.approx(0.5, rel=0.1)
    run_short_of_memory(monkeypatch)
    answer = predict(model, pixels)
    assert answer.frame.magnify == pytest.approx(wanted.frame.magnify)
    assert np.abs(answer.probability - wanted.probability).mean() < 0.01
    assert any("tiles of 64 px" in warning for warning in answer.warnings)


def test_finding_the_size_of_objects_can_be_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, pixels = squares_model(tmp_path)
    runs: list[int] = []
    run = Model.run

    def counted(self: Model, batch: np.ndarray, table: np.ndarray | None = None) -> np.ndarray:
        runs.append(len(batch))
        return run(self, batch, table)

    monkeypatch.setattr(Model, "run", counted)
    with pytest.raises(Cancelled):
        predict(model, pixels, cancelled=lambda: bool(runs))
    assert len(runs) == 1


def test_short_memory_halves_the_tiles_and_then_says_so(
    tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_short_of_memory(monkeypatch)
    pixels = np.random.default_rng(7).integers(0, 256, (300, 300, 3), np.uint8)
    answer = predict(tiny_model, pixels)
    np.testing.assert_allclose(answer.probability, tiny_probability(pixels), atol=2e-6)
    assert any("tiles of 64 px" in warning for warning in answer.warnings)


def test_no_memory_at_all_is_said_in_a_sentence(tiny_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(self: Model, batch: np.ndarray, table: np.ndarray | None = None) -> np.ndarray:
        raise DeviceError(MemoryError())

    monkeypatch.setattr(Model, "run", no_memory)
    with pytest.raises(VesselError, match="not enough memory"):
        predict(tiny_model, np.zeros((300, 300, 3), np.uint8))


def test_a_device_that_breaks_at_work_is_replaced_by_the_cpu(
    tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_model._device = Provider("cuda", "CUDAExecutionProvider")
    tiny_model.provider = "cuda"
    run = Model.run

    def broken(self: Model, batch: np.ndarray, table: np.ndarray | None = None) -> np.ndarray:
        if self.provider == "cuda":
            raise DeviceError(RuntimeError("CUDA failure 700: illegal address"))
        return run(self, batch, table)

    monkeypatch.setattr(Model, "run", broken)
    tiny_model._device = Provider("cuda", "CUDAExecutionProvider")
    start = Model.start

    def start_as_cpu(self: Model, device: Provider) -> str:
        self.provider = device.name
        return start(self, device)

    monkeypatch.setattr(Model, "start", start_as_cpu)
    answer = predict(tiny_model, np.zeros((300, 300, 3), np.uint8))
    assert answer.provider == "cpu"
    assert "CUDA failure 700" in answer.warnings[-1]


@pytest.mark.parametrize("operation", ["Sqrt", "Reciprocal"])
@pytest.mark.parametrize("flips", [False, True])
def test_an_answer_that_is_no_number_is_refused(tmp_path: Path, operation: str, flips: bool) -> None:
    model = load_model(lost_in_red(tmp_path / "lost.onnx", operation), "cpu")
    pixels = np.full((60, 70, 3), 30, np.uint8)
    assert np.isfinite(predict(model, pixels, flips=flips).probability).all()
    pixels[20:40, 20:40] = (255, 0, 0)
    with pytest.raises(VesselError, match=r"^Lost in red failed: its answer holds values that are no numb"):
        predict(model, pixels, flips=flips)


def test_a_device_whose_answer_is_no_number_is_replaced_by_the_cpu(
    tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = Model._fetch

    def broken(self: Model, name: str, given: np.ndarray) -> np.ndarray:
        answer = fetch(self, name, given)
        return answer * np.float32(np.nan) if self.device.name == "cuda" else answer

    monkeypatch.setattr(Model, "_fetch", broken)
    tiny_model._device = Provider("cuda", "CUDAExecutionProvider")
    tiny_model.provider = "cuda"
    answer = predict(tiny_model, np.zeros((300, 300, 3), np.uint8))
    assert answer.provider == "cpu"
    assert "cuda failed at work (its answer holds values that are no numbers)" in answer.warnings[-1]
    assert answer.probability.min() > 0.999


@pytest.mark.parametrize(("diameter", "working"), [(500.0, 1400.0), (2500.0, 1750.0), (9000.0, 2240.0)])
def test_fine_pictures_keep_more_of_their_px(diameter: float, working: float) -> None:
    scale = ScaleSpec(kind="field_of_view", size=1400, largest=2240, share=0.7)
    assert scale.working_diameter(diameter) == pytest.approx(working)
    assert ScaleSpec(kind="field_of_view", size=1400).working_diameter(diameter) == 1400
