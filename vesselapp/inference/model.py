"""A loaded model: a session on the device that really works, and its card."""

import contextlib
import hashlib
import logging
import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.errors import VesselError
from vesselapp.core.model_card import ModelCard
from vesselapp.core.self_test import raster_means, self_test_picture
from vesselapp.inference.cards import keep_card, kept_card, own_card
from vesselapp.inference.checks import check_graph, may_run_away, model_sha256
from vesselapp.inference.conventions import foreground_of, mirrored_on, to_input, to_probability, value_table
from vesselapp.inference.foreign import fixed_batch
from vesselapp.inference.graph import read_graph
from vesselapp.inference.providers import CPU, Provider, providers_to_try, tiles_at_once
from vesselapp.inference.session import DeviceError, open_session, run_session, set_aside_by_runtime
from vesselapp.inference.trial import try_foreign

log = logging.getLogger(__name__)

_LIKE_CPU = 0.02


class Model:
    """A model, ready to run. Made by `load_model`.

    Attributes
    ----------
    card : ModelCard
    path : Path
    sha256 : str
        Of its file or files, hexadecimal (`vesselapp.inference.checks.model_sha256`).
    provider : str
        Short name of what really runs: ``cpu``, ``cuda``...
    provider_note : str
        Why nothing faster runs; empty where nothing is to be said.
    tile_size, batch : int
        Side of a tile (px) and tiles at once: halved when the device runs out of memory.
    """

    def __init__(self, path: Path, card: ModelCard, sha256: str, threads: int | None) -> None:
        self.path = path
        self.card = card
        self.sha256 = sha256
        self.provider = ""
        self.provider_note = ""
        self.tile_size = card.tile.size
        self.batch = 1
        self._table = value_table(card.input)
        self._threads = threads
        self._session: Any = None
        self._device: Provider = CPU
        self._fixed_batch: int | None = None
        self._cpu_answer: NDArray[np.float32] | None = None
        self._turn, self._retreating = threading.Lock(), threading.Lock()

    @property
    def device(self) -> Provider:
        """What really runs, with its habits (tiles at once, fixed tile sizes)."""
        return self._device

    @property
    def reading(self) -> str:
        """What tells its answers from others': a hash of its file's and its card, which may be corrected."""
        return hashlib.sha256(f"{self.sha256} {self.card.model_dump_json()}".encode()).hexdigest()

    def run(self, batch: NDArray[np.uint8], table: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Answer for a batch of tiles.

        Parameters
        ----------
        batch : (N, H, W, 3) uint8
            sRGB at the model's working scale; H and W fit the card's tile.
        table : (256, C) float32, optional
            What the graph is handed for each pixel value, where that depends on the picture as a whole
            (`vesselapp.inference.conventions.value_table`).

        Returns
        -------
        (N, H, W, C) float32
            Probability (0-1) of each of the card's output channels.

        Raises
        ------
        DeviceError
            If the device failed at it, or the answer lacks channels or holds values that are no numbers.
        """
        given = to_input(
            mirrored_on(batch, self.card.output.margin),
            self.card.input,
            self._table if table is None else table,
        )
        if self._fixed_batch is not None and len(batch) < self._fixed_batch:
            given = np.concatenate([given, *[given[:1]] * (self._fixed_batch - len(batch))])
        answer = self._fetch(self.card.output.name, given)
        try:
            planes = to_probability(answer, self.card.output, len(given), *batch.shape[1:3])[: len(batch)]
        except ValueError as error:
            raise DeviceError(error) from error
        if planes.shape[-1] != len(self.card.output.channels):
            names = ", ".join(self.card.output.channels)
            told = f"its card names the channels {names}, but it answers {planes.shape[-1]}"
            raise DeviceError(ValueError(told))
        if not np.isfinite(planes).all():
            raise DeviceError(ValueError("its answer holds values that are no numbers"))
        return planes

    def foreground(
        self, batch: NDArray[np.uint8], table: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Answer for a batch of tiles: ``(N, H, W) float32``, probability (0-1) of foreground (see `run`)."""
        return foreground_of(self.run(batch, table), self.card.output)

    def features(self, batch: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Give the net's last features ``(N, H, W, F) float32`` for a batch, or None where it gives none."""
        name = self.card.output.features
        if name is None:
            return None
        return np.asarray(self._fetch(name, to_input(batch, self.card.input, self._table)), np.float32)

    def _fetch(self, name: str, given: NDArray[Any]) -> NDArray[Any]:
        # The CPU serves several threads at once; another device's memory holds one batch at a time.
        with self._turn if self._device is not CPU else contextlib.nullcontext():
            return run_session(self._session, [name], {self.card.input.name: given})[0]

    def start(self, device: Provider) -> str:
        """Make a session on a device and try it.

        Returns
        -------
        str
            Why it doesn't work there; empty where it does, and the model then runs on it.
        """
        try:
            session = open_session(self.path, device, self._threads)
        except DeviceError as error:
            return error.message
        if problem := set_aside_by_runtime(session, device):
            return problem
        previous = (self._session, self._device)
        self._session, self._device, self._fixed_batch = session, device, fixed_batch(session)
        try:
            problem = self.self_test()
        except DeviceError as error:
            problem = error.message
        if problem:
            self._session, self._device = previous
            return problem
        self.provider, self.batch = device.name, self._fixed_batch or tiles_at_once(device)
        return ""

    @property
    def effort(self) -> tuple[str, int, int]:
        """What is asked of the device now: its name, tiles at once, side of a tile (px)."""
        return self.provider, self.batch, self.tile_size

    def retreat(self, trouble: DeviceError, effort: tuple[str, int, int]) -> None:
        """Ask less of a device that failed at work: fewer tiles, smaller tiles, then the CPU; and say so.

        Parameters
        ----------
        trouble : DeviceError
        effort : tuple
            What was asked of the device when it failed; nothing is done where another thread has already
            asked less since.

        Raises
        ------
        VesselError
            If nothing is left to try.
        """
        with self._retreating:
            if self.effort == effort:
                self._ask_less(trouble)

    def _ask_less(self, trouble: DeviceError) -> None:
        tile = self.card.tile
        smaller = self.tile_size // 2 // tile.stride * tile.stride
        if trouble.memory and self.batch > 1 and self._fixed_batch is None:
            self.batch //= 2
            self.provider_note = f"Memory of {self.provider} is short: {self.batch} tiles at once."
        elif trouble.memory and not tile.fixed and smaller >= 4 * tile.stride:
            self.tile_size = smaller
            self.provider_note = f"Memory of {self.provider} is short: tiles of {smaller} px."
        elif self._device is not CPU:
            note = f"{self.provider} failed at work ({trouble.message}), so the CPU computes."
            problem = self.start(CPU)
            if problem:
                raise VesselError(f"{self.card.name} runs on no device: {problem}.", "Try another model.")
            self.tile_size, self.provider_note = tile.size, note
        elif trouble.memory:
            raise VesselError(
                f"There is not enough memory to run {self.card.name}.",
                "Close other programs, or use a smaller model.",
            ) from trouble
        else:
            raise VesselError(
                f"{self.card.name} failed: {trouble.message}.", "Try another model."
            ) from trouble
        log.warning(self.provider_note)

    def self_test(self) -> str:
        """Compare the answer to the card's test picture with the one the card expects.

        Returns
        -------
        str
            What is wrong; empty where the answer is right, or, where the card expects none, as the CPU's.
        """
        test = self.card.self_test
        if test is None or not test.expected:
            return self._compared_with_cpu()
        answer = self.foreground(self_test_picture(test.seed, test.size)[None])[0]
        off = float(np.abs(raster_means(answer, test.grid) - np.array(test.expected, np.float32)).max())
        if off > test.tolerance:
            return f"its answer to the self-test is off by {off:.3f} (allowed: {test.tolerance:g})"
        return ""

    def _compared_with_cpu(self) -> str:
        """Hold a card that expects no answer to what the CPU answered when the model was loaded."""
        height, width = trial_shape(self.card)
        answer = self.foreground(self_test_picture(0, max(height, width))[None, :height, :width])
        if self._device is CPU or self._cpu_answer is None:
            self._cpu_answer = answer
            return ""
        off = float(np.quantile(np.abs(answer - self._cpu_answer), 0.99))
        return "" if off <= _LIKE_CPU else f"its answer is off the CPU's by {off:.3f} (allowed: {_LIKE_CPU})"


def trial_shape(card: ModelCard) -> tuple[int, int]:
    """Give height and width (px) of a small picture that a model can run on."""
    tile = card.tile
    if tile.fixed:
        return tile.size, tile.width or tile.size
    side = math.ceil(64 / tile.stride) * tile.stride
    return side, side


def load_model(path: Path, provider: str = "auto", *, threads: int | None = None) -> Model:
    """Load a model on the best device that passes the model's self-test.

    Parameters
    ----------
    path : Path
        ONNX file.
    provider : str
        ``auto``, or the short name of a provider to prefer.
    threads : int, optional
        Threads on the CPU; all physical cores where None.

    Returns
    -------
    Model

    Raises
    ------
    VesselError
        If the file is no model that can be used, or it runs on no device.
    """
    info = read_graph(path)
    check_graph(info, path)
    sha256 = model_sha256(path)
    own = own_card(info, path)
    if own is not None and may_run_away(info):
        try_foreign(path)
    kept = kept_card(sha256) if own is None else None
    model = Model(path, own or kept or _new_card(path, sha256), sha256, threads)
    problem = _start_best(model, provider)
    if problem and kept is not None:
        log.warning("the kept card of %s does not fit it: %s", path, problem)
        model = Model(path, _new_card(path, sha256), sha256, threads)
        problem = _start_best(model, provider)
        note = "What was corrected does not fit this model, so it was guessed anew."
        model.provider_note = f"{note} {model.provider_note}".strip()
    if problem:
        raise VesselError(f"The model {path.name} does not run: {problem}.", "Choose another model.")
    return model


def _start_best(model: Model, provider: str) -> str:
    """Start a model on the best device that works; say why none does, or nothing."""
    candidates, reason = providers_to_try(provider)
    reasons, problem = [reason] if reason else [], ""
    test = model.card.self_test
    if (test is None or not test.expected) and candidates[0] is not CPU:
        problem = model.start(CPU)  # its answer is what the others are held to
    for device in candidates:
        problem = model.start(device)
        if not problem:
            model.provider_note = " ".join(reasons)
            return ""
        reasons.append(f"{device.name} was set aside: {problem}.")
        log.info(reasons[-1])
    return problem


def _new_card(path: Path, sha256: str) -> ModelCard:
    """Guess the card of a file that is met for the first time, and keep it."""
    card = try_foreign(path)
    try:
        keep_card(sha256, card)
    except VesselError as error:
        log.warning("The guessed card of %s could not be kept: %s", path.name, error)
    return card
