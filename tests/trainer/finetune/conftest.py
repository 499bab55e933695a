"""A tiny base that finds dark vessels, and studies of a camera whose vessels are faint."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.reviewing import new_study, review
from tests.trainer.conftest import PLAIN, draw_fundus, save, write_fundus_set
from trainer.finetune.plan import Request
from trainer.recipes import RECIPES
from trainer.run import RunOptions, train
from trainer.ship import ship
from vesselapp.core.evidence import quantise
from vesselapp.core.files import file_sha256
from vesselapp.core.image import read_image
from vesselapp.inference.model import load_model
from vesselapp.inference.predict import predict
from vesselapp.study.study import Study

QUICK = ("steps=60", "learning_rate=0.005", "folds=2", "precision=32")


@pytest.fixture(scope="session")
def old_ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn eyes with dark vessels."""
    return write_fundus_set(tmp_path_factory.mktemp("old") / "eyes", 20)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, old_ground: Path) -> Path:
    """A model that does well on the old ground (Dice 0.95 or so, so that there is room for more)."""
    torch.set_num_threads(1)  # tiny nets are slower on more
    recipe = dataclasses.replace(
        RECIPES["fundus-vessels"],
        architecture="own-unet",
        widths=(8, 16),
        size=128,
        crop=64,
        batch=4,
        steps=40,
        steps_per_epoch=20,
        validate_every=9,
        precision="32",
        workers=0,
        ema=0.9,
        learning_rate=1e-2,
        augment=PLAIN,
    )
    folder = tmp_path_factory.mktemp("base")
    train(
        recipe, RunOptions(out=folder / "run", data=(old_ground,), accelerator="cpu", devices=1, quiet=True)
    )
    ship(folder / "run", folder / "base.onnx", data=[])
    return folder / "base.onnx"


def faint(pixels: np.ndarray, vessels: np.ndarray) -> np.ndarray:
    """Show an eye as a camera of little contrast does: vessels are hardly darker than what is around them."""
    return np.where(vessels[..., None], np.minimum(pixels * 1.45, 255), pixels).astype(np.uint8)


def bright(pixels: np.ndarray, vessels: np.ndarray) -> np.ndarray:
    """Show an eye whose vessels are filled with dye: brighter than what is around them."""
    return np.where(vessels[..., None], np.minimum(pixels * 2.2, 255), pixels).astype(np.uint8)


@dataclass
class Made:
    """A study with what is true of its pictures."""

    study: Study
    truths: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.study.folder

    def request(self, *more: str, **others: object) -> Request:
        """Ask for a quick fine-tune."""
        return Request(self.folder, settings=(*QUICK, *more), accelerator="cpu", **others)  # type: ignore[arg-type]


MakeStudy = Callable[..., Made]


@pytest.fixture
def make_study(tmp_path: Path, base: Path) -> MakeStudy:
    """Make a study of faint eyes, some of them reviewed (by their exact masks, or by what ``said`` gives).

    ``said_by`` is the model whose answer the records say was corrected.
    """

    def make(
        count: int = 4,
        reviewed: int | None = None,
        said: Callable[[int, np.ndarray], np.ndarray] = lambda _number, truth: truth,
        model: Path = base,
        look: Callable[[np.ndarray, np.ndarray], np.ndarray] = faint,
        names: Sequence[str] = (),
        said_by: Path | None = None,
        **how: object,
    ) -> Made:
        pictures = tmp_path / "pictures"
        if said_by is not None:
            how |= {"model": said_by.stem, "model_sha256": file_sha256(said_by)}
        names = names or [f"eye{number:02d}.png" for number in range(count)]
        truths = {}
        for number, name in enumerate(names):
            pixels, vessels, _field = draw_fundus(100 + number)
            save(pictures / name, look(pixels, vessels))
            truths[name] = vessels
        made = Made(new_study(tmp_path / "study", pictures, model), truths)
        answering = load_model(model, "cpu")
        for number, picture in enumerate(made.study.pictures()):
            if number < (count if reviewed is None else reviewed):
                answer = quantise(predict(answering, read_image(picture.path).pixels).probability)
                review(made.study, picture, said(number, truths[picture.name]), answer, **how)  # type: ignore[arg-type]
        return made

    return make


def events_of(run: Path) -> list[dict[str, object]]:
    """Read what a run has told."""
    from vesselapp.study.run_events import EventTail

    return EventTail(run / "events.jsonl").read()


def only_run(study: Path) -> Path:
    """Give the one run of a study."""
    (run,) = (study / "runs").iterdir()
    return run
