"""A loaded model: a session on the device that really works, and its card."""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from pydantic import ValidationError

from vesselapp.core.errors import VesselError
from vesselapp.core.model_card import METADATA_KEY, ModelCard
from vesselapp.core.self_test import raster_means, self_test_picture
from vesselapp.inference.graph import GraphInfo, read_graph
from vesselapp.inference.providers import CPU, Provider, providers_to_try, session_options

log = logging.getLogger(__name__)


class Model:
    """A model, ready to run. Made by `load_model`.

    Attributes
    ----------
    card : ModelCard
    path : Path
    sha256 : str
        Of the file, hexadecimal.
    provider : str
        Short name of what really runs: ``cpu``, ``cuda``...
    provider_note : str
        Why nothing faster runs; empty where nothing is to be said.
    """

    def __init__(self, path: Path, card: ModelCard, sha256: str, threads: int | None) -> None:
        self.path = path
        self.card = card
        self.sha256 = sha256
        self.provider = ""
        self.provider_note = ""
        self._threads = threads
        self._session: Any = None
        self._device: Provider = CPU
        self._run_options = onnxruntime.RunOptions()
        self._run_options.only_execute_path_to_fetches = True
        self._run_options.log_severity_level = 4

    @property
    def device(self) -> Provider:
        """What really runs, with its habits (tiles at once, fixed tile sizes)."""
        return self._device

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Answer for a batch of tiles.

        Parameters
        ----------
        batch : (N, H, W, 3) uint8
            sRGB at the model's working scale; H and W fit the card's tile.

        Returns
        -------
        (N, H, W, C) float32
            Probability (0-1) of each of the card's output channels.
        """
        return self._fetch(self.card.output.name, batch)

    def foreground(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Answer for a batch of tiles: ``(N, H, W) float32``, probability (0-1) of foreground (see `run`)."""
        answer = self.run(batch)
        wanted = self.card.output.foreground
        if len(wanted) == 1:
            return answer[..., wanted[0]]
        return np.asarray(answer[..., list(wanted)].sum(axis=-1), np.float32)

    def features(self, batch: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Give the net's last features ``(N, H, W, F) float32`` for a batch, or None where it gives none."""
        name = self.card.output.features
        return None if name is None else self._fetch(name, batch)

    def _fetch(self, name: str, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        (answer,) = self._session.run([name], {self.card.input.name: batch}, self._run_options)
        return np.asarray(answer, np.float32)

    def start(self, device: Provider) -> str:
        """Make a session on a device and try it.

        Returns
        -------
        str
            Why it doesn't work there; empty where it does, and the model then runs on it.
        """
        try:
            session = _open_session(self.path, device, self._threads)
        except VesselError:
            raise
        except Exception as error:  # noqa: BLE001 - providers raise their own kinds of errors; each means: not here
            return _short(error)
        running = session.get_providers()[0]
        if running != device.runtime_name:
            return f"ONNX Runtime set it aside and took {running}"
        previous = (self._session, self._device)
        self._session, self._device = session, device
        try:
            problem = self.self_test()
        except Exception as error:  # noqa: BLE001 - as above
            problem = _short(error)
        if problem:
            self._session, self._device = previous
            return problem
        self.provider = device.name
        return ""

    def fall_back_to_cpu(self, reason: str) -> None:
        """Go on with the CPU after a device failed at work, and say so."""
        note = f"{self.provider} failed at work ({reason}), so the CPU computes."
        problem = self.start(CPU)
        if problem:
            raise VesselError(
                f"The model {self.card.name} runs on no device: {problem}.", "Choose another model."
            )
        self.provider_note = note
        log.warning(note)

    def self_test(self) -> str:
        """Compare the answer to the card's test picture with the one the card expects.

        Returns
        -------
        str
            What is wrong; empty where the answer is right, or where the card holds no test and it ran at all.
        """
        test = self.card.self_test
        if test is None:
            stride, tile = self.card.tile.stride, self.card.tile
            side = tile.size if tile.fixed else max(stride, 64 // stride * stride)
            answer = self.foreground(self_test_picture(0, side)[None])
            return "" if np.isfinite(answer).all() else "its answer is not a number"
        answer = self.foreground(self_test_picture(test.seed, test.size)[None])[0]
        if not np.isfinite(answer).all():
            return "its answer to the self-test is not a number"
        if not test.expected:
            return ""
        off = float(np.abs(raster_means(answer, test.grid) - np.array(test.expected, np.float32)).max())
        if off > test.tolerance:
            return f"its answer to the self-test is off by {off:.3f} (allowed: {test.tolerance:g})"
        return ""


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
    card = card_of(info, path)
    model = Model(path, card, file_sha256(path), threads)
    candidates, reason = providers_to_try(provider)
    reasons = [reason] if reason else []
    for device in candidates:
        problem = model.start(device)
        if not problem:
            model.provider_note = " ".join(reasons)
            return model
        reasons.append(f"{device.name} was set aside: {problem}.")
        log.info(reasons[-1])
    raise VesselError(f"The model {path.name} does not run: {problem}.", "Choose another model.")


def card_of(info: GraphInfo, path: Path) -> ModelCard:
    """Give the model card that a file carries.

    Raises
    ------
    VesselError
        If it has none, or a damaged one.
    """
    text = info.metadata.get(METADATA_KEY)
    if text is None:
        raise VesselError(f"{path.name} carries no model card.", "Choose a model made by this app's trainer.")
    try:
        card = ModelCard.model_validate_json(text)
    except ValidationError as error:
        raise VesselError(f"The model card in {path.name} is damaged.", "Export the model again.") from error
    names: Mapping[str, list[str]] = {
        "input": [tensor.name for tensor in info.inputs],
        "output": [tensor.name for tensor in info.outputs],
    }
    # A card may leave the names out where there is just one thing to name.
    changes = {
        part: {"name": names[part][0]} for part in names if not getattr(card, part).name and names[part]
    }
    return ModelCard.model_validate(_merged(json.loads(card.model_dump_json()), changes)) if changes else card


def _merged(card: dict[str, Any], changes: dict[str, dict[str, str]]) -> dict[str, Any]:
    return card | {part: card[part] | change for part, change in changes.items()}


def file_sha256(path: Path) -> str:
    """Give the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open_session(path: Path, device: Provider, threads: int | None) -> Any:
    providers: list[Any] = [(device.runtime_name, dict(device.options))]
    if device.runtime_name != CPU.runtime_name:
        providers.append(CPU.runtime_name)
    return onnxruntime.InferenceSession(str(path), session_options(threads), providers=providers)


def _short(error: Exception) -> str:
    """Give the first line of a runtime's message, without its code prefix and at a readable length."""
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    parts = line.split(" : ")
    return parts[-1].strip().rstrip(".")[:200] if parts else line[:200]
