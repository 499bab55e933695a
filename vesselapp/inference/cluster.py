"""Many pictures on a Dask cluster (``pip install vesselapp[cluster]``): the same results from many machines.

Pictures and results lie in folders that all machines see under one path. A copy of the model lies beside the
results while they are made, so that every worker runs the very same one. A picture whose worker died is given
to another; results are written whole or not at all, so doing one twice does no harm.
"""

import contextlib
import functools
import importlib.util
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from typing import Any

from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write, file_sha256
from vesselapp.core.model_card import METADATA_KEY, ModelCard
from vesselapp.inference.batch import BatchSpec, Control, Errand, Outcome, do_errand
from vesselapp.inference.cards import keep_card
from vesselapp.inference.checks import external_files
from vesselapp.inference.graph import read_graph
from vesselapp.inference.model import Model, load_model
from vesselapp.inference.providers import physical_cores

RETRIES = 3
_POLL_S = 0.05
_REACH_S = 10
_NO_WORKER_S = 60
_AWAY_AT_ONCE = 500


def run_on_cluster(
    errands: Sequence[Errand], spec: BatchSpec, address: str, *, control: Control
) -> Iterator[Outcome]:
    """Do all errands on a cluster, and give what became of each as it is done.

    Parameters
    ----------
    errands : sequence of Errand
    spec : BatchSpec
    address : str
        Of a Dask scheduler (``tcp://host:8786``), or ``local:N`` for N processes here (see `check_address`).
    control : Control

    Yields
    ------
    Outcome
        In the order of completion.

    Raises
    ------
    VesselError
        If the scheduler can't be reached or is lost.
    """
    if not errands:
        return
    card = _card_to_send(spec.model)
    there = replace(spec, out=spec.out.absolute(), model=_model_beside_results(spec))
    try:
        with _client(address) as client:
            work = _Work(client, deque(errands), there, card, control)
            for outcome in work.outcomes(address):
                yield replace(outcome, model=spec.model.stem)
    finally:
        there.model.unlink(missing_ok=True)


def _model_beside_results(spec: BatchSpec) -> Path:
    """Copy the model to the folder of the results: the one place that all machines see for certain."""
    if external_files(spec.model):
        raise VesselError(
            f"{spec.model.name} keeps weights in other files and can't travel.", "Save it as one file."
        )
    path = spec.out.absolute() / f".vesselapp-model-{file_sha256(spec.model)[:16]}.onnx"
    atomic_write(path, spec.model.read_bytes())
    return path


def _card_to_send(path: Path) -> str | None:
    """Load a model, which refuses a bad one before it travels; give its card where the file holds none."""
    card = load_model(path, "cpu").card
    own = METADATA_KEY in read_graph(path, metadata_only=True).metadata
    return None if own else card.model_dump_json()


class _Work:
    """Pictures on their way: never more than a few for each worker, so that a million fit."""

    def __init__(
        self, client: Any, waiting: deque[Errand], spec: BatchSpec, card: str | None, control: Control
    ) -> None:
        self._client, self._waiting, self._spec, self._card, self._control = (
            client,
            waiting,
            spec,
            card,
            control,
        )
        self._away: dict[Any, Errand] = {}

    def outcomes(self, address: str) -> Iterator[Outcome]:
        """Give outcomes as they come; take the work back when the requester stops.

        Raises
        ------
        VesselError
            If the scheduler is lost, or has no workers.
        """
        heard = time.monotonic()
        try:
            while (self._waiting or self._away) and not self._control.is_cancelled():
                self._send()
                done = [future for future in self._away if future.done()]
                if self._client.status == "closed":
                    raise self._lost(address)
                for future in done:
                    try:
                        outcome = _outcome_of(future, self._away[future])
                    except TimeoutError:  # the worker that held it died just now: it is done anew
                        continue
                    except CancelledError as problem:  # by nobody else than Dask, when it loses the scheduler
                        raise self._lost(address) from problem
                    del self._away[future]
                    yield outcome
                if done:
                    heard = time.monotonic()
                elif time.monotonic() - heard > _NO_WORKER_S and not self._client.nthreads():
                    raise VesselError(
                        f"The Dask scheduler at {address} has no workers.", "Start some: dask worker ADDRESS."
                    )
                else:
                    time.sleep(_POLL_S)
        finally:
            if self._away and self._client.status == "running":
                self._client.cancel(list(self._away), force=True)

    def _lost(self, address: str) -> VesselError:
        left = len(self._waiting) + len(self._away)
        return VesselError(
            f"The Dask scheduler at {address} was lost with {left} pictures to do.",
            "Start it again and go on with --resume.",
        )

    def _send(self) -> None:
        while self._waiting and len(self._away) < _AWAY_AT_ONCE and not self._control.is_paused():
            errand = self._waiting.popleft()
            away = replace(errand, picture=errand.picture.absolute())
            future = self._client.submit(
                _errand_on_worker, away, self._spec, self._card, pure=False, retries=RETRIES
            )
            self._away[future] = errand


def _outcome_of(future: Any, errand: Errand) -> Outcome:
    if future.status == "error":
        error = future.exception()
        return Outcome(errand.picture, problem=f"{errand.picture}: {type(error).__name__}: {error}")
    outcome: Outcome = future.result(timeout=_REACH_S)
    return replace(outcome, picture=errand.picture)  # known here by the path it was given by


def check_address(address: str) -> None:
    """Tell what is wrong before anything is written.

    Raises
    ------
    VesselError
        If Dask is not installed, or the address is none, or ``local:`` without a number of processes.
    """
    if importlib.util.find_spec("distributed") is None:
        raise VesselError("Dask is not installed; to get it: python -m pip install 'vesselapp[cluster]'.")
    count = address.removeprefix("local:")
    if count != address and (not count.isdecimal() or int(count) < 1):
        raise VesselError(f"'{address}' names no number of processes.", "Write it as local:4.")
    if count == address:
        from distributed.comm.addressing import get_address_host_port

        try:  # what Dask's client refuses only when it is half made, and then complains of at the end
            get_address_host_port(address)
        except ValueError as problem:
            text = f"'{address}' is no address of a Dask scheduler."
            raise VesselError(text, "Write it as tcp://scheduler:8786.") from problem


@contextlib.contextmanager
def _client(address: str) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    with contextlib.ExitStack() as stack:
        if address.startswith("local:"):
            count = int(address.removeprefix("local:"))
            cluster = LocalCluster(
                n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None
            )
            target: Any = stack.enter_context(cluster)
        else:
            target = address
        try:
            client = stack.enter_context(Client(target, timeout=_REACH_S, set_as_default=False))
        except (OSError, ValueError) as error:
            raise VesselError(
                f"No Dask scheduler answers at {address}.", "Is it running, and is the address right?"
            ) from error
        yield client


def _errand_on_worker(errand: Errand, spec: BatchSpec, card: str | None) -> Outcome:
    """Do one errand in a worker's process."""
    from distributed import get_worker

    threads = max(1, physical_cores() // max(1, get_worker().state.nthreads))
    with _one_at_a_time:
        model = _load_once(spec.model, card, spec.provider, threads)
    return do_errand(errand, spec, model)


_one_at_a_time = threading.Lock()


@functools.lru_cache(maxsize=2)
def _load_once(path: Path, card: str | None, provider: str, threads: int) -> Model:
    """Load the model when a worker gets its first picture; the file's name holds its hash."""
    if card is not None:
        keep_card(file_sha256(path), ModelCard.model_validate_json(card))
    return load_model(path, provider, threads=threads)
