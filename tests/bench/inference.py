"""What the engine costs over the bare runtime: time, memory, how soon the visible part is there."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.bench.measure import Row, row, seconds, side_by_side, wanted
from tests.tiny_models import fundus_picture, tiny_vessel_model
from vesselapp.core.image import read_image
from vesselapp.inference.batch import BatchSpec
from vesselapp.inference.catalog import find_model
from vesselapp.inference.many import predict_many
from vesselapp.inference.model import Model, load_model
from vesselapp.inference.predict import predict


def recorded_batches(model: Model, pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Give the very batches that `predict` hands to the runtime for a picture."""
    batches = []
    run = model.run

    def keep(batch: NDArray[np.uint8], table: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        batches.append(batch.copy())
        return run(batch, table)

    model.run = keep  # type: ignore[method-assign]
    predict(model, pixels)
    del model.run
    return batches


def predict_overhead() -> float:
    """Give whole `predict` of a decoded 12 MP picture over bare ``session.run`` of the same tiles."""
    model = load_model(find_model(), "cpu")
    pixels = fundus_picture(3000, 4000, 2900)
    batches = recorded_batches(model, pixels)

    def bare() -> None:
        for batch in batches:
            model._session.run([model.card.output.name], {model.card.input.name: batch})

    return side_by_side(lambda: predict(model, pixels), bare, rounds=7)


def ort_vs_torch() -> float:
    """Give our run over the same net in PyTorch eager, both on 2 threads, on 1024 x 1024 px."""
    import torch

    from trainer.export import Shipped, net_from_onnx

    torch.set_num_threads(2)
    path = find_model()
    model = load_model(path, "cpu", threads=2)
    recipe, trained = net_from_onnx(path)
    net = Shipped(trained.to(memory_format=torch.channels_last), recipe.views).eval()
    tile = fundus_picture(1024, 1024, 1200)[None]
    given = torch.from_numpy(tile)

    def eager() -> None:
        with torch.inference_mode():
            net(given)

    return side_by_side(lambda: model.run(tile), eager, rounds=5)


def extra_memory(megapixels: int, scaled: bool) -> float:
    """Give `predict`'s peak memory (MB) above input and output, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.inference", str(megapixels), str(int(scaled))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)["megabytes"])


def measure_memory(megapixels: int, scaled: bool) -> float:
    """Run in a fresh process: what the net itself needs for its tiles counts, the loaded model does not."""
    with tempfile.TemporaryDirectory() as folder:
        path = find_model() if scaled else tiny_vessel_model(Path(folder) / "m.onnx", task="other", tile=512)
        model = load_model(path, "cpu")
        side = round((megapixels * 1e6) ** 0.5)
        small = fundus_picture(side // 10, side // 10, side / 10.4)
        pixels = np.ascontiguousarray(small.repeat(10, axis=0).repeat(10, axis=1))
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
        before = memory("VmRSS")
        answer = predict(model, pixels)
        return memory("VmHWM") - before - answer.probability.nbytes / 1e6


def memory(what: str) -> float:
    """Read one of the process's memory figures (MB)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"no {what} in /proc/self/status")


def first_visible(rounds: int = 4) -> tuple[float, float]:
    """Give the time to what a 1920 x 1080 window shows of a 100 MP picture over the time for all of it.

    First the median once the net has met its tile shape, then that of the very first run.
    """
    with tempfile.TemporaryDirectory() as folder:
        model = load_model(tiny_vessel_model(Path(folder) / "m.onnx", task="other", tile=512), "cpu")
        pixels = np.ascontiguousarray(fundus_picture(1000, 1000, 960).repeat(10, axis=0).repeat(10, axis=1))
        shares = [_visible_share(model, pixels) for _ in range(rounds)]
    return statistics.median(shares[1:]), shares[0]


def _visible_share(model: Model, pixels: NDArray[np.uint8]) -> float:
    """Give when all of a window is covered by tiles, as a share of the whole run."""
    box = (4100, 4600, 4100 + 1920, 4600 + 1080)
    missing = np.ones((1080, 1920), bool)
    shown: list[float] = []

    def on_tile(place: tuple[int, int, int, int], values: NDArray[np.float32]) -> None:
        rows = slice(max(0, place[1] - box[1]), max(0, place[3] - box[1]))
        missing[rows, max(0, place[0] - box[0]) : max(0, place[2] - box[0])] = False
        if not shown and not missing.any():
            shown.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    whole = seconds(lambda: predict(model, pixels, first=box, on_tile=on_tile))
    return shown[0] / whole


def batch_throughput(count: int = 32) -> float:
    """Give pictures a second from file to files over those of the same net called bare on decoded tiles."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number in range(count):
            paths.append(Path(folder) / f"eye{number}.jpg")
            pixels = fundus_picture(960, 999, 924, seed=number)
            cv2.imwrite(str(paths[-1]), pixels[..., ::-1])
        model = load_model(find_model(), "cpu")
        batches = [recorded_batches(model, read_image(path).pixels) for path in paths]
        spec = BatchSpec(Path(folder) / "out", find_model(), "cpu", save=("mask", "overlay"))

        def bare(some: list[list[NDArray[np.uint8]]]) -> None:
            for tiles in some:
                for tile in tiles:
                    model._session.run([model.card.output.name], {model.card.input.name: tile})

        # Half before and half after, so that a machine that slows down meets both alike.
        first = seconds(lambda: bare(batches[::2]))
        whole = seconds(lambda: list(predict_many(paths, spec)))
        return (first + seconds(lambda: bare(batches[1::2]))) / whole


def run(names: Sequence[str]) -> Iterator[Row]:
    """Measure what was asked for."""
    if wanted("predict_overhead", names):
        yield row("predict_overhead", predict_overhead(), "ratio", 1.08)
    if wanted("ort_vs_torch", names):
        yield row("ort_vs_torch", ort_vs_torch(), "ratio", 0.8)
    if wanted("tiled_memory", names):
        for name, scaled in (("tiled_memory_growth", False), ("scaled_memory_growth", True)):
            if Path("/proc/self/clear_refs").exists():
                small, large = extra_memory(10, scaled), extra_memory(100, scaled)
                # Under 8 MB the figures are page noise, and nothing grows that anybody would notice.
                yield row(name, max(large, 8.0) / max(small, 8.0), "ratio", 1.1)
                yield row(name.replace("growth", "100mp_mb"), large, "MB", 600)
    if wanted("batch_throughput_ratio", names):
        yield row("batch_throughput_ratio", batch_throughput(), "ratio", 0.9, higher_is_better=True)
    if wanted("first_visible", names):
        warm, cold = first_visible()
        yield row("first_visible_ms_ratio", warm, "ratio", 0.1)
        yield row("first_visible_cold_ratio", cold, "ratio", 0.1)


if __name__ == "__main__":
    print(json.dumps({"megabytes": measure_memory(int(sys.argv[1]), bool(int(sys.argv[2])))}))
