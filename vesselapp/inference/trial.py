"""The first try of a foreign file, in a process of its own: what hangs, eats memory or crashes harms nobody.

``python -m vesselapp.inference.trial FILE`` prints the guessed card, or the sentence that says what is wrong,
as one JSON object.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from pydantic import ValidationError

from vesselapp.core.errors import VesselError
from vesselapp.core.model_card import ModelCard
from vesselapp.inference.checks import check_graph
from vesselapp.inference.foreign import guess_card
from vesselapp.inference.graph import read_graph
from vesselapp.inference.providers import CPU
from vesselapp.inference.session import DeviceError, open_session

TIME_LIMIT_S = 60.0
MEMORY_LIMIT = 6 * 2**30


def try_foreign(path: Path, *, time_limit: float = TIME_LIMIT_S) -> ModelCard:
    """Guess a foreign file's card in a child process.

    Parameters
    ----------
    path : Path
    time_limit : float
        Seconds.

    Raises
    ------
    VesselError
        If the file can't be used.
    """
    if getattr(sys, "frozen", False):  # a packaged app has no interpreter to start
        return guess_in_this_process(path)
    root = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "vesselapp.inference.trial", str(path)],
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            timeout=time_limit,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # Windows would flash a console
        )
    except subprocess.TimeoutExpired:
        raise VesselError(
            f"{path.name} gave no answer to a small picture within {time_limit:.0f} s.",
            "Use a smaller model.",
        ) from None
    try:
        answer = json.loads(done.stdout)
        if "error" in answer:
            raise VesselError(answer["error"], answer["hint"])
        return ModelCard.model_validate(answer)
    except (ValueError, ValidationError):
        raise VesselError(
            f"{path.name} broke down when it was tried on a small picture.",
            "Don't use it: it may be damaged.",
        ) from None


def guess_in_this_process(path: Path) -> ModelCard:
    """Guess a foreign file's card here and now (see `try_foreign`)."""
    info = read_graph(path)
    check_graph(info, path)
    try:
        session = open_session(path, CPU, None)
    except DeviceError as error:
        raise VesselError(f"{path.name} can't be run: {error.message}.", "Choose another model.") from error
    return guess_card(info, path, session)


def _limit_memory() -> None:
    """Let the system refuse what no small picture needs (where it can)."""
    if sys.platform == "win32" or sys.platform == "darwin":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


def _main(path: Path) -> None:
    _limit_memory()
    try:  # ASCII, since Windows gives a pipe another encoding than ours
        print(json.dumps(guess_in_this_process(path).model_dump(mode="json")))
    except VesselError as error:
        print(json.dumps({"error": error.message, "hint": error.hint}))
    except MemoryError:
        print(json.dumps({"error": f"{path.name} asks for too much memory.", "hint": "Use a smaller model."}))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
