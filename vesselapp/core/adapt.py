"""Fitting a model's answer to one picture: a small head on its last features, learnt from corrections.

The head adds to the model's log-odds a sum that is linear in the net's last features at the pixel. It is a
logistic regression with the model's answer as offset, fitted by Newton's method with a ridge penalty: with
nothing to learn from, the answer stays the model's own. Corrected pixels are few, and chosen because the
model is wrong there; alone they would turn everything over. The examples are therefore

- corrected pixels, with what the person said; many of one place count no more than some, and all of them less
  the fewer places there are;
- pixels near them that the person saw and left: halfway between the mask in sight and the model's answer;
- pixels of the whole picture, counting little, with the model's answer.

Everything that counts is counted in px of the features. What was tried, with figures, is in docs/learning.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.evidence import HIGHEST, LOWEST, Correction, quantise
from vesselapp.core.field_of_view import FieldOfView
from vesselapp.core.geometry import Box
from vesselapp.core.learnt import Head

UNIT = 32.0
"""Codes for one unit of a feature."""

_MOST = 8000
"""Examples of each kind; of more, so many are drawn at random, and each stands for several."""
_PLACE = 32
"""Side of a place, whose pixels are much alike."""
_MOST_OF_PLACE = 128.0
_FEW_PLACES = 20.0
"""From so many places the corrections count half."""
_SEEN = 40
"""How far around a correction a person is taken to have looked."""
_SEEN_HARD = 0.5
_REST = 0.03
_RIDGE = 1000.0
_WORTH = 0.15
"""A head must put right so many corrected px for each px that it changes of those seen and left."""
_UNSEEN = 0.6
"""Where less of the picture is unseen, less is left to win: a head must put right more in proportion."""
_ROUNDS = 12
_CELL = 8
_STEPS_PER_UNIT = 128
_LARGEST_SHIFT = 12.0
_STRIP_PX = 2**20

Floats = NDArray[np.float64]
Places = tuple[NDArray[np.intp], NDArray[np.intp], Floats]
"""Rows and columns (px of the picture), and how much each counts."""


@dataclass(frozen=True, eq=False)
class Features:
    """A net's last features for one picture.

    Attributes
    ----------
    codes : (h, w, F) uint8
        `UNIT` codes for one; the features end with a ReLU, so none is negative.
    box : Box
        What of the picture they cover, px.
    field_of_view : FieldOfView or None
        Nothing outside it is ever foreground.
    """

    codes: NDArray[np.uint8]
    box: Box
    field_of_view: FieldOfView | None


@dataclass(frozen=True, eq=False)
class _Examples:
    """Pixels to learn from: features and a one, the model's log-odds, what is right (0-1), its weight."""

    inputs: Floats
    offset: Floats
    right: Floats
    weight: Floats

    def loss(self, weights: Floats) -> float:
        """Give the log loss with some weights of the inputs."""
        total = self.offset + self.inputs @ weights
        return float(self.weight @ (np.logaddexp(0, total) - self.right * total))

    def changes(self, weights: Floats, level: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell what is in the mask at a level without and with some weights of the inputs."""
        log_odds = _LOG_ODDS[level]
        return self.offset >= log_odds, self.offset + self.inputs @ weights >= log_odds


def fit_head(
    features: Features,
    answer: NDArray[np.uint8],
    shown: NDArray[np.uint8],
    corrections: NDArray[np.uint8],
    level: int,
) -> Head | None:
    """Learn a head from the corrections of a picture; the same corrections give the same head.

    Parameters
    ----------
    features : Features
    answer : (H, W) uint8, 1-253
        The model's own quantised probability.
    shown : (H, W) uint8, 1-253
        The probability the person saw.
    corrections : (H, W) uint8
        `Correction` values.
    level : int
        Of the mask the person saw, 2-253.

    Returns
    -------
    Head or None
        None where the features don't tell what was corrected from the rest, or hardly: more would be changed
        of what the person saw and left than is put right.
    """
    sample = _Sample(features, corrections)
    near = sample.near_corrections()
    said, seen, rest = sample.corrected(), sample.others(near), sample.others(sample.cells)
    if not len(said[0]) or not len(rest[0]):
        return None
    inputs = [_inputs(features, *part[:2]) for part in (said, seen, rest)]
    means, spread = inputs[2].mean(axis=0), inputs[2].std(axis=0) + 1.0
    soft = [_PROBABILITY[answer[part[:2]]] for part in (said, seen, rest)]
    mask = shown[seen[:2]] >= level
    right = [
        (corrections[said[:2]] == Correction.FOREGROUND).astype(np.float64),
        _SEEN_HARD * mask + (1 - _SEEN_HARD) * soft[1],
        soft[2],
    ]
    count = [said[2], seen[2], _REST * rest[2]]
    parts = [
        _Examples(_standardised(x, means, spread), _LOG_ODDS[answer[place[:2]]], y, weight)
        for x, place, y, weight in zip(inputs, (said, seen, rest), right, count, strict=True)
    ]
    weights = _newton(parts)
    if not parts[0].loss(weights) < parts[0].loss(np.zeros_like(weights)):
        return None
    before, after = parts[0].changes(weights, level)
    put_right = sample.said_px * float(np.mean((after == right[0]) * 1.0 - (before == right[0])))
    before, after = parts[1].changes(weights, level)
    if put_right * sample.left_to_win(near) <= _WORTH * float(parts[1].weight @ (before != after)):
        return None
    slopes = weights[:-1] / spread
    return Head(tuple(slopes.tolist()), float(weights[-1] - slopes @ means))


def adapted(features: Features, answer: NDArray[np.uint8], head: Head) -> NDArray[np.uint8]:
    """Give the answer as a head changes it.

    Parameters
    ----------
    features : Features
    answer : (H, W) uint8, 1-253
        The model's own quantised probability.
    head : Head

    Returns
    -------
    (H, W) uint8, 1-253
        The model's own outside the features' box; `LOWEST` outside the field of view.

    Raises
    ------
    ValueError
        Where the head is for other features.
    """
    box, out = features.box, answer.copy()
    height, width = box.bottom - box.top, box.right - box.left
    shift = np.asarray(cv2.resize(_shift(features, head), (width, height)), np.int16)
    rows = max(1, _STRIP_PX // max(1, width))
    for top in range(0, height, rows):
        strip = out[box.top + top : min(box.bottom, box.top + top + rows), box.left : box.right]
        steps = _TO_STEP[strip]
        steps += shift[top : top + rows]
        np.take(_FROM_STEP, steps, out=strip, mode="clip")
        if features.field_of_view is not None:
            inside = features.field_of_view.mask(*strip.shape, left=box.left, top=box.top + top)
            np.copyto(strip, np.uint8(LOWEST), where=inside == 0)
    return out


class _Sample:
    """Draws the pixels of a picture to learn from, the same ones each time."""

    def __init__(self, features: Features, corrections: NDArray[np.uint8]) -> None:
        box, (height, width) = features.box, features.codes.shape[:2]
        self._box, self._corrections = box, corrections[box.slices]
        touched = np.flatnonzero(self._corrections != Correction.NONE)  # of flags: far faster than of numbers
        self._touched = np.divmod(touched, self._corrections.shape[1])
        self.said_px = 0.0  # px of the features that were corrected
        self._chance = np.random.default_rng(0)
        self._share = height * width / max(1, self._corrections.size)  # px of the features per px
        self._side = max(1, round(_CELL / self._share**0.5))
        shape = -(-self._corrections.shape[0] // self._side), -(-self._corrections.shape[1] // self._side)
        self.cells = np.ones(shape, bool)
        if features.field_of_view is not None:
            drawn = features.field_of_view.mask(*shape, scale=1 / self._side, left=box.left, top=box.top)
            self.cells = drawn.astype(bool)

    def corrected(self) -> Places:
        """Give pixels that were corrected to one of the two classes."""
        rows, columns = self._touched
        said = self._corrections[rows, columns] != Correction.UNSURE
        rows, columns = rows[said], columns[said]
        side = _PLACE / self._share**0.5
        place = (rows // side).astype(np.intp) * int(self._corrections.shape[1] // side + 1)
        place += (columns // side).astype(np.intp)
        held = np.bincount(place) * self._share
        weight = self._share * np.minimum(1.0, _MOST_OF_PLACE / held[place])
        places = float(np.count_nonzero(held))
        total = float(weight.sum()) * places / (places + _FEW_PLACES)
        self.said_px = len(rows) * self._share
        if len(rows) > _MOST:
            drawn = np.sort(self._chance.choice(len(rows), _MOST, replace=False))
            rows, columns, weight = rows[drawn], columns[drawn], weight[drawn]
        return self._placed(rows, columns, weight * (total / max(1e-9, float(weight.sum()))))

    def near_corrections(self) -> NDArray[np.bool_]:
        """Give the cells that a person is taken to have looked at."""
        rows, columns = self._touched
        near = np.zeros(self.cells.shape, np.uint8)
        near[rows // self._side, columns // self._side] = 1
        reach = _SEEN // _CELL
        near = np.asarray(cv2.dilate(near, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)), np.uint8)
        return near.astype(bool) & self.cells

    def left_to_win(self, near: NDArray[np.bool_]) -> float:
        """Give 1 where enough of the picture lies unseen, and less in proportion where it doesn't."""
        unseen = 1 - int(np.count_nonzero(near)) / max(1, int(np.count_nonzero(self.cells)))
        return min(1.0, unseen / _UNSEEN)

    def others(self, cells: NDArray[np.bool_]) -> Places:
        """Draw from the uncorrected pixels of some cells."""
        chosen = np.flatnonzero(cells)
        if not len(chosen):
            nothing = np.empty(0, np.intp)
            return nothing, nothing, np.empty(0)
        rows, columns = np.divmod(self._chance.choice(chosen, _MOST), cells.shape[1])
        rows = rows * self._side + self._chance.integers(0, self._side, _MOST)
        columns = columns * self._side + self._chance.integers(0, self._side, _MOST)
        height, width = self._corrections.shape
        rows, columns = np.minimum(rows, height - 1), np.minimum(columns, width - 1)
        free = self._corrections[rows, columns] == Correction.NONE
        each = len(chosen) * self._side**2 * self._share / _MOST
        return self._placed(rows[free], columns[free], np.full(int(free.sum()), each))

    def _placed(self, rows: NDArray[np.intp], columns: NDArray[np.intp], weight: Floats) -> Places:
        return rows + self._box.top, columns + self._box.left, weight


def _inputs(features: Features, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
    """Look up the features at px of the picture."""
    box, (height, width) = features.box, features.codes.shape[:2]
    y = ((rows - box.top + 0.5) * height / (box.bottom - box.top)).astype(np.intp)
    x = ((columns - box.left + 0.5) * width / (box.right - box.left)).astype(np.intp)
    return np.asarray(features.codes[y, x], np.float64)


def _standardised(inputs: Floats, means: Floats, spread: Floats) -> Floats:
    return np.asarray(np.hstack([(inputs - means) / spread, np.ones((len(inputs), 1))]), np.float64)


def _newton(parts: list[_Examples]) -> Floats:
    """Minimise log loss plus ridge penalty over the weights of the inputs."""
    inputs = np.vstack([part.inputs for part in parts])
    offset, right, weight = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("offset", "right", "weight")
    )

    def cost(weights: Floats) -> float:
        return sum(part.loss(weights) for part in parts) + _RIDGE / 2 * float(weights @ weights)

    weights: Floats = np.zeros(inputs.shape[1])
    now = cost(weights)
    for _ in range(_ROUNDS):
        chance = _sigmoid(offset + inputs @ weights)
        slope = inputs.T @ (weight * (chance - right)) + _RIDGE * weights
        curve = (inputs.T * (weight * chance * (1 - chance))) @ inputs + _RIDGE * np.eye(len(weights))
        step = np.asarray(np.linalg.solve(curve, slope), np.float64)
        then = cost(weights - step)
        while then > now and np.abs(step).max() > 1e-6:
            step /= 2
            then = cost(weights - step)
        if not then < now:
            break
        weights, gained, now = weights - step, now - then, then
        if gained < 1e-7 * now:
            break
    return weights


def _shift(features: Features, head: Head) -> NDArray[np.int16]:
    """Give ``(h, w) int16``: what a head adds to the log-odds, in steps."""
    height, width, channels = features.codes.shape
    if len(head.weights) != channels:
        raise ValueError("the head is for other features")
    weights = np.array(head.weights, np.float32) * np.float32(_STEPS_PER_UNIT)
    bias, most = np.float32(head.bias * _STEPS_PER_UNIT), _LARGEST_SHIFT * _STEPS_PER_UNIT
    out = np.empty((height, width), np.int16)
    rows = max(1, _STRIP_PX // max(1, width * channels))
    for top in range(0, height, rows):
        steps = features.codes[top : top + rows].astype(np.float32) @ weights + bias
        out[top : top + rows] = np.clip(steps, -most, most).round()
    return out


def _sigmoid(values: Floats) -> Floats:
    return 0.5 * np.tanh(0.5 * values) + 0.5


_PROBABILITY = np.clip((np.arange(256) - LOWEST) / (HIGHEST - LOWEST), 0.0, 1.0)
_LOG_ODDS = np.log(np.clip(_PROBABILITY, 0.001, 0.999) / (1 - np.clip(_PROBABILITY, 0.001, 0.999)))
_MIDDLE = 4096
_TO_STEP = (np.round(_LOG_ODDS * _STEPS_PER_UNIT) + _MIDDLE).astype(np.int16)
_ALL_STEPS = np.arange(2 * _MIDDLE) - _MIDDLE
_FROM_STEP = quantise(_sigmoid(_ALL_STEPS / _STEPS_PER_UNIT).astype(np.float32)[None])[0]
