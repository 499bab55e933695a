"""A real cluster of two worker processes; one of them is killed at work."""

import os
import signal
import socket
from collections import deque
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tiny_models import fundus_picture, tiny_vessel_model
from vesselapp.core.errors import VesselError
from vesselapp.inference import cluster as cluster_module
from vesselapp.inference.batch import BatchSpec, Errand, Outcome
from vesselapp.inference.many import predict_many

distributed = pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # a killed worker makes Dask complain on its way
    pytest.mark.timeout(180),
]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = []
    for number in range(8):
        paths.append(tmp_path / f"eye{number}.png")
        Image.fromarray(fundus_picture(400, 440, 380, seed=number)).save(paths[-1])
    return paths


def test_a_killed_workers_pictures_are_done_by_another_and_all_is_as_on_one_machine(
    tmp_path: Path, pictures: list[Path]
) -> None:
    model = tiny_vessel_model(tmp_path / "tiny.onnx")
    here = BatchSpec(tmp_path / "here", model, "cpu", save=("mask",))
    there = BatchSpec(tmp_path / "there", model, "cpu", save=("mask",))
    alone = {outcome.picture: outcome for outcome in predict_many(pictures, here)}
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        outcomes = predict_many(pictures, there, dask=cluster.scheduler_address)
        first = next(outcomes)
        os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
        together = {outcome.picture: outcome for outcome in [first, *outcomes]}
    assert set(together) == set(pictures)
    for picture, outcome in together.items():
        assert outcome.problem == ""
        assert outcome.model == "tiny"
        assert outcome.foreground_fraction == alone[picture].foreground_fraction
        a, b = ((spec.out / f"{picture.stem}_mask.png") for spec in (here, there))
        assert np.array_equal(np.asarray(Image.open(a)), np.asarray(Image.open(b)))
    assert not list(there.out.glob(".vesselapp*"))


class Future:
    """A future that was done, and no longer is when its result is asked for."""

    def __init__(self, *results: Outcome | Exception) -> None:
        self.status, self._results = "pending", list(results)

    def done(self) -> bool:
        return True

    def result(self, timeout: float) -> Outcome:
        assert timeout < 60
        result = self._results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    def exception(self) -> None:
        return None


class Client:
    """Gives futures away, one after another."""

    status = "running"

    def __init__(self, *futures: Future) -> None:
        self._futures = list(futures)

    def submit(self, *_arguments: object, **_options: object) -> Future:
        return self._futures.pop(0)

    def nthreads(self) -> dict[str, int]:
        return {"one": 1}

    def cancel(self, _futures: list[Future], *, force: bool) -> None:
        assert force


def outcomes_of(tmp_path: Path, *futures: Future) -> list[Outcome]:
    errands = deque(Errand(Path(f"eye{number}.png"), f"eye{number}") for number in range(len(futures)))
    spec = BatchSpec(tmp_path, tmp_path / "tiny.onnx", "cpu", save=("mask",))
    work = cluster_module._Work(Client(*futures), errands, spec, None, cluster_module.Control())
    return list(work.outcomes("here"))


def test_a_result_that_dies_with_its_worker_is_waited_for_anew(tmp_path: Path) -> None:
    done = Outcome(Path("/there/eye.png"), model="tiny")
    outcomes = outcomes_of(tmp_path, Future(TimeoutError(), done), Future(done))
    assert {outcome.picture.name for outcome in outcomes} == {"eye0.png", "eye1.png"}
    assert not any(outcome.problem for outcome in outcomes)


def test_a_scheduler_lost_while_a_result_is_fetched_is_told(tmp_path: Path) -> None:
    with pytest.raises(VesselError, match="was lost with 2 pictures to do"):
        outcomes_of(tmp_path, Future(CancelledError()), Future())


def test_a_lost_scheduler_is_told(tmp_path: Path, pictures: list[Path]) -> None:
    spec = BatchSpec(tmp_path / "out", tiny_vessel_model(tmp_path / "tiny.onnx"), "cpu", save=("mask",))
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        outcomes = predict_many(pictures, spec, dask=cluster.scheduler_address)
        next(outcomes)
        cluster.close()
        with pytest.raises(VesselError, match="was lost"):
            list(outcomes)


def test_a_cluster_without_workers_is_told(
    tmp_path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "_NO_WORKER_S", 0.5)
    spec = BatchSpec(tmp_path / "out", tiny_vessel_model(tmp_path / "tiny.onnx"), "cpu", save=("mask",))
    with (
        distributed.LocalCluster(n_workers=0, processes=True, dashboard_address=None) as cluster,
        pytest.raises(VesselError, match="has no workers"),
    ):
        list(predict_many(pictures, spec, dask=cluster.scheduler_address))


def test_no_scheduler_and_a_wrong_address_are_told(
    tmp_path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "_REACH_S", 1)
    spec = BatchSpec(tmp_path / "out", tiny_vessel_model(tmp_path / "tiny.onnx"), "cpu", save=("mask",))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    for address in ("nonsense", "tcp://scheduler", "other://scheduler:8786"):
        with pytest.raises(VesselError, match="no address of a Dask scheduler"):
            list(predict_many(pictures, spec, dask=address))
    for address in (f"tcp://127.0.0.1:{port}", "local:many"):
        with pytest.raises(VesselError):
            list(predict_many(pictures, spec, dask=address))
