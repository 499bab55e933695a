"""Learning from the open picture: how long it takes, and what corrections do to the pixels left untouched."""

from __future__ import annotations

import queue
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.bench.measure import Row, row, wanted
from tests.tiny_models import fundus_picture
from trainer.pictures import Picture, read_picture
from trainer.readers import Case, read_sets
from vesselapp.core.adapt import adapted, fit_head
from vesselapp.core.evidence import Correction, level_of, quantise
from vesselapp.core.geometry import Box
from vesselapp.core.image import Image
from vesselapp.core.pyramid import Pyramid, halve_pixels
from vesselapp.inference.catalog import find_model
from vesselapp.inference.features import features_of
from vesselapp.inference.model import Model, load_model
from vesselapp.inference.predict import predict
from vesselapp.state.asking import Asking
from vesselapp.state.document import Document
from vesselapp.state.jobs import Jobs
from vesselapp.state.learning import Learning
from vesselapp.state.settings import Settings

HRF_JUDGES = ("01_dr", "04_g", "04_h")
"""The HRF pictures that the shipped vessel model has never learnt."""
SHARE = 0.02
"""Of a picture's pixels that a person corrects."""
_SMALLEST_PX = 4
Mask = NDArray[np.bool_]


def correct_largest(mask: Mask, truth: Mask, inside: Mask, share: float) -> NDArray[np.uint8]:
    """Correct as a person would who has little time: the largest places that are wrong, one after another.

    Parameters
    ----------
    mask, truth, inside : (H, W) bool
    share : float
        Of the pixels inside that may be corrected.

    Returns
    -------
    (H, W) uint8
        `Correction` values.
    """
    wrong = (mask != truth) & inside
    _, places, figures, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8), connectivity=8)
    corrections, left = np.zeros(mask.shape, np.uint8), int(share * inside.sum())
    for place in 1 + np.argsort(-figures[1:, cv2.CC_STAT_AREA], kind="stable"):
        x, y, width, height, size = figures[place]
        if size < _SMALLEST_PX:
            break
        if size > left:
            continue
        box = slice(y, y + height), slice(x, x + width)
        chosen = places[box] == place
        said = np.where(truth[box], np.uint8(Correction.FOREGROUND), np.uint8(Correction.BACKGROUND))
        corrections[box][chosen] = said[chosen]
        left -= int(size)
    return corrections


def dice(mask: Mask, truth: Mask, among: Mask) -> float:
    """Give the Dice of a mask over some of the pixels."""
    both = int((mask & truth & among).sum())
    return 2 * both / max(1, int((mask & among).sum()) + int((truth & among).sum()))


def learn_from(model: Model, picture: Picture, share: float = SHARE) -> tuple[float, float, Mask]:
    """Correct a share of a picture, and learn; give Dice before and after of what is untouched, and where."""
    found, level = predict(model, picture.pixels), level_of(model.card.threshold)
    own = quantise(found.probability)
    corrections = correct_largest(own >= level, picture.mask, picture.inside, share)
    features = features_of(model, picture.pixels, found.frame)
    head = fit_head(features, own, own, corrections, level)
    after = own if head is None else adapted(features, own, head)
    untouched = picture.inside & (corrections == Correction.NONE)
    before = dice(own >= level, picture.mask, untouched)
    return before, dice(after >= level, picture.mask, untouched), untouched


def learn_here(
    name: str, base: Path, tuned: Path, cases: Sequence[Case], task: str, share: float = SHARE
) -> Iterator[Row]:
    """Measure what learning from the open picture brings, against the model that a fine-tune made.

    On each picture the largest mistakes of ``base`` are corrected, worth a share of its pixels; what counts
    is the mean Dice of the pixels left untouched: the model's own, adapted, and the fine-tuned model's.
    """
    model, other = load_model(base), load_model(tuned)
    level = level_of(other.card.threshold)
    before, after, best = list[float](), list[float](), list[float]()
    for case in cases:
        picture = read_picture(case, task)
        own, adapted_dice, untouched = learn_from(model, picture, share)
        said = quantise(predict(other, picture.pixels).probability) >= level
        before.append(own)
        after.append(adapted_dice)
        best.append(dice(said, picture.mask, untouched))
    means = [float(np.mean(values)) for values in (before, after, best)]
    for label, value in zip(("own", "adapted", "tuned"), means, strict=True):
        yield row(f"learn_here_{name}_{label}_dice", value, "Dice", 0.0, higher_is_better=True)
    # Where the fine-tuned model isn't better on these pixels, not to be worse is all there is to reach.
    way = (
        (means[1] - means[0]) / (means[2] - means[0]) if means[2] > means[0] else float(means[1] >= means[0])
    )
    yield row(f"learn_here_{name}_share", way, "share", 1 / 3, higher_is_better=True)


def real_pictures(names: Sequence[str], data: Path, base: Path, candidates: Sequence[Path]) -> Iterator[Row]:
    """Measure on HRF with a model that has never seen it, and on blood smears with the shipped cell model.

    ``candidates`` are what a fine-tune made of these, the last of a task counts; without one for vessels, the
    shipped model stands for it, which has learnt other HRF pictures. Without one, smears are left out, and so
    is HRF without ``base``: that is told.
    """
    by_task = {"vessels": find_model(task="vessels")} | {
        load_model(path).card.task: path for path in candidates
    }
    if wanted("learn_here_vessels", names):
        if base.is_file():
            hrf = [case for case in read_sets([data / "fundus/hrf"]) if case.name in HRF_JUDGES]
            yield from learn_here("vessels", base, by_task["vessels"], hrf, "vessels")
        else:
            print("learn_here_vessels is left out: give --base, or run vessels_3 too.", file=sys.stderr)
    if wanted("learn_here_cells", names):
        if "cells" in by_task:
            smears = read_sets([data / "cells/bccd"])[5:]
            yield from learn_here("cells", find_model(task="cells"), by_task["cells"], smears, "cells")
        else:
            print("learn_here_cells is left out: give --candidate, or run cells too.", file=sys.stderr)


class _Desk:
    """A 12 MP picture with its answer and corrections, and what learns from it; calls wait in a queue."""

    def __init__(self, folder: Path) -> None:
        small = fundus_picture(750, 1000, 725)
        pixels = np.ascontiguousarray(small.repeat(4, axis=0).repeat(4, axis=1))
        image = Image(pixels, folder / "a.png", "0" * 64)
        self._calls: queue.Queue[Callable[[], None]] = queue.Queue()
        self.jobs = Jobs(self._calls.put)
        self.asking = Asking(self.jobs, Settings())
        self.learning = Learning(self.jobs, self.asking)
        self.document = Document(image, Pyramid(pixels, halve_pixels), 0.5)
        self.asking.follow(self.document, "vessels")
        self.learning.follow(self.document)
        self.asking.answered.connect(self._note)
        self.asking.ask()
        self.wait(lambda: self.asking.answer is not None)
        self._correct()

    def close(self) -> None:
        """End the lane."""
        self.learning.follow(None)
        self.jobs.close()

    def _note(self) -> None:
        assert self.asking.answer is not None
        self.learning.note_answer(self.asking.answer)

    def _correct(self) -> None:
        """Add what the model all but found, in many places, and confirm some of the background there."""
        assert self.document.probability is not None
        level, answer = self.document.level, self.document.probability
        faint = (answer >= level - 60) & (answer < level)
        seen = np.zeros(answer.shape, bool)
        for y, x in np.random.default_rng(0).permutation(np.argwhere(faint))[:150]:
            seen[max(0, y - 30) : y + 30, max(0, x - 30) : x + 30] = True
        rows = np.arange(answer.shape[0])[:, None] % 9 == 0
        whole = Box(0, 0, answer.shape[1], answer.shape[0])
        self.document.change("Brush", [(whole, seen & faint)], Correction.FOREGROUND)
        self.document.change("Erase", [(whole, seen & rows & (answer < 10))], Correction.BACKGROUND)

    def wait(self, true: Callable[[], bool]) -> None:
        """Take calls until something is true."""
        while not true():
            self._calls.get(timeout=120)()

    def learn(self) -> float:
        """Give the seconds from the key to the adapted answer in sight."""
        begun, before = time.perf_counter(), self.document.adapted
        self.learning.learn()
        self.wait(lambda: self.document.adapted is not before)
        seconds = time.perf_counter() - begun
        self.wait(lambda: not self.learning.running)
        return seconds


def learning_seconds(rounds: int = 3) -> tuple[float, float]:
    """Give the seconds of learning from a 12 MP picture, best of several, and of the very first time.

    From the key to the adapted answer in the document, its evidence and their reduced levels made anew; all
    that is left is a frame of the canvas. The first time the net's features are computed too, which the app
    has ready once three corrections are made.
    """
    with tempfile.TemporaryDirectory() as folder:
        desk = _Desk(Path(folder))
        first, later = desk.learn(), []
        for _ in range(rounds):
            desk.learning.own_again()
            later.append(desk.learn())
        desk.close()
    return min(later), first


def run(names: Sequence[str]) -> Iterator[Row]:
    """Measure what was asked for."""
    if wanted("learn_here_12mp_s", names):
        later, first = learning_seconds()
        yield row("learn_here_12mp_s", later, "s", 1.0)
        yield row("learn_here_12mp_cold_s", first, "s", 5.0)
