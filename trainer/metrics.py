"""Measures of a mask and of probabilities against truth, all from counts that can be pooled over pictures."""

from dataclasses import astuple, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit
from skimage.morphology import skeletonize

from vesselapp.core.errors import VesselError

BINS = 4096
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Shapes:
    """What the measures of lines and of single objects are made of; nothing, where none are measured.

    Attributes
    ----------
    line, right : int
        Pixels of the mask's skeleton, and how many of them the truth covers.
    true_line, found : int
        Pixels of the truth's skeleton, and how many of them the mask covers.
    said, there, hits : int
        Objects of the answer and of the truth, and pairs of them that overlap by an IoU above 0.5.
    overlap : float
        The sum of these pairs' IoU.
    lines, objects : int
        Pictures in which lines and single objects were measured.
    """

    line: int = 0
    right: int = 0
    true_line: int = 0
    found: int = 0
    said: int = 0
    there: int = 0
    hits: int = 0
    overlap: float = 0.0
    lines: int = 0
    objects: int = 0

    def __add__(self, other: "Shapes") -> "Shapes":
        return Shapes(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, eq=False)
class Counts:
    """What all measures are made of that can be pooled.

    Attributes
    ----------
    true, false : (BINS,) int64
        How many foreground and background pixels got a probability in each of `BINS` equal steps of 0-1.
    tp, fp, fn, tn : int
        Pixels of the mask that are right and wrong, and of what it leaves out.
    shapes : Shapes
    """

    true: NDArray[np.int64]
    false: NDArray[np.int64]
    tp: int
    fp: int
    fn: int
    tn: int
    shapes: Shapes = Shapes()

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


def count(
    probability: NDArray[np.float32] | None, mask: Mask, truth: Mask, inside: Mask, shapes: Shapes = Shapes()
) -> Counts:
    """Count the pixels of one picture.

    Parameters
    ----------
    probability : (H, W) float32, 0-1, or None
        None for a person's mask.
    mask, truth : (H, W) bool
    inside : (H, W) bool
        Only these pixels count.
    shapes : Shapes, optional
        What was counted of its lines and objects.

    Raises
    ------
    VesselError
        Where a probability is no number.
    """
    m, t = mask[inside], truth[inside]
    tp, said, is_true = int((m & t).sum()), int(m.sum()), int(t.sum())
    values = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
    if probability is not None:
        if not np.isfinite(probability[inside]).all():
            raise VesselError("The model's answer holds values that are no numbers: it can't be measured.")
        steps = np.minimum((probability[inside] * BINS).astype(np.int32), BINS - 1)
        values = np.bincount(steps[t], minlength=BINS), np.bincount(steps[~t], minlength=BINS)
    return Counts(values[0], values[1], tp, said - tp, is_true - tp, m.size - said - is_true + tp, shapes)


def measures(c: Counts) -> dict[str, float]:
    """Give all measures that can be pooled: of pixels, of lines, of single objects."""
    return pixel_measures(c) | shape_measures(c.shapes)


def pixel_measures(c: Counts) -> dict[str, float]:
    """Give all pixel measures (0-1, MCC -1-1), without those that are not defined.

    Those of the probability need one, sensitivity needs true foreground, specificity true background,
    precision something that was found, and MCC all of these and something that was left out.
    """
    tp, fp, fn, tn = (float(v) for v in (c.tp, c.fp, c.fn, c.tn))
    out = {
        "dice": _share(2 * tp, 2 * tp + fp + fn, 1.0),
        "iou": _share(tp, tp + fp + fn, 1.0),
        "accuracy": _share(tp + tn, tp + fp + fn + tn, 1.0),
        **_mcc(tp, fp, fn, tn),
    }
    shares = (("sensitivity", tp, tp + fn), ("specificity", tn, tn + fp), ("precision", tp, tp + fp))
    out |= {name: part / whole for name, part, whole in shares if whole}
    if c.true.sum() and c.false.sum():
        out |= {"auc": auc(c), "pr_auc": average_precision(c), "ece": calibration_error(c)}
    return out


def auc(c: Counts) -> float:
    """Give the area under the ROC curve: the chance that a true px gets more than another (ties half)."""
    below = np.cumsum(c.false) - c.false
    return float((c.true * (below + c.false / 2)).sum() / (c.true.sum() * c.false.sum()))


def average_precision(c: Counts) -> float:
    """Give the area under the precision-recall curve as the step sum (scikit-learn's average precision)."""
    true, false = c.true[::-1].cumsum(), c.false[::-1].cumsum()
    precision = true / np.maximum(true + false, 1)
    return float((precision * c.true[::-1]).sum() / c.true.sum())


def calibration_error(c: Counts, bins: int = 16) -> float:
    """Give the expected calibration error (Naeini et al., AAAI 2015) over equal bins of probability."""
    middle = (np.arange(BINS) + 0.5) / BINS
    every = c.true + c.false
    said = (every * middle).reshape(bins, -1).sum(axis=1)
    found = c.true.reshape(bins, -1).sum(axis=1)
    return float(np.abs(said - found).sum() / every.sum())


def dice(mask: Mask, truth: Mask, counts: Mask) -> float:
    """Give Dice (0-1) of two masks where ``counts``; 1 where both are empty."""
    said, there = mask & counts, truth & counts
    return _share(2 * int((said & there).sum()), int(said.sum()) + int(there.sum()), 1.0)


def count_lines(mask: Mask, truth: Mask) -> Shapes:
    """Count the pixels of both skeletons, and those that the other mask covers."""
    thin: Any = skeletonize
    thin_mask, thin_truth = thin(mask), thin(truth)
    sums = (thin_mask, thin_mask & truth, thin_truth, thin_truth & mask)
    return Shapes(*(int(plane.sum()) for plane in sums), lines=1)


def count_objects(answer: NDArray[np.int32], truth: NDArray[np.int32]) -> Shapes:
    """Count objects, and match those that overlap by an IoU above 0.5.

    Parameters
    ----------
    answer, truth : (H, W) int32
        Object numbers, 0 background.
    """
    overlaps = matched_overlaps(answer, truth)
    said, there = len(np.unique(answer[answer > 0])), len(np.unique(truth[truth > 0]))
    return Shapes(said=said, there=there, hits=len(overlaps), overlap=sum(overlaps), objects=1)


def shape_measures(s: Shapes) -> dict[str, float]:
    """Give the measures of lines and of single objects, of one picture or of several pooled.

    Returns
    -------
    dict
        ``cldice``, centreline Dice (Shit et al., CVPR 2021): how much of each skeleton the other mask covers;
        ``f1``; ``ap50`` = TP / (TP + FP + FN), as in the 2018 Data Science Bowl; ``pq``, panoptic quality
        (Kirillov et al., CVPR 2019); ``count_error``, how far off the number of objects is, relative. Of
        pooled pictures that is the number of all their objects: too many in one make up for too few in
        another. Those of lines, or of objects, are missing where none were measured.
    """
    out = {}
    if s.lines:
        precision, recall = _share(s.right, s.line, 1.0), _share(s.found, s.true_line, 1.0)
        out["cldice"] = _share(2 * precision * recall, precision + recall, 0.0)
    if s.objects:
        half = (s.said + s.there) / 2
        out["f1"] = _share(s.hits, half, 1.0)
        out["ap50"] = _share(s.hits, s.said + s.there - s.hits, 1.0)
        out["pq"] = _share(s.overlap, half, 1.0)
        out["count_error"] = abs(s.said - s.there) / max(s.there, 1)
    return out


def betti0_error(mask: Mask, truth: Mask) -> int:
    """Give how many connected pieces (8 neighbours) the mask has too many or too few.

    It isn't pooled: its mean over pictures says all there is, and of the pieces of all pictures together too
    many in one would make up for too few in another.
    """
    return abs(pieces(mask) - pieces(truth))


def bootstrap_interval(
    values: list[float], groups: list[str], rounds: int = 2000
) -> tuple[float, float] | None:
    """Give the 95 % percentile interval of the mean, drawing whole groups (a person's pictures) anew.

    None with one group. It describes; with few groups it is far too narrow to decide by (see
    `difference_interval`).
    """
    if len(set(groups)) < 2:
        return None
    low, high = np.quantile(_drawn_means(values, groups, rounds), [0.025, 0.975])
    return float(low), float(high)


def pooled_intervals(
    counts: list[Counts], groups: list[str], rounds: int = 500
) -> dict[str, tuple[float, float]]:
    """Give the 95 % percentile interval of each measure of pooled pictures, drawing whole groups anew.

    Returns
    -------
    dict
        By measure; empty where there is one group.
    """
    names = sorted(set(groups))
    if len(names) < 2:
        return {}
    parts = [[c for c, g in zip(counts, groups, strict=True) if g == name] for name in names]
    drawn = np.random.default_rng(0).multinomial(len(names), [1 / len(names)] * len(names), rounds) * 1.0
    true, false, squares, shapes = (
        drawn @ np.array([np.sum([of(c) for c in part], axis=0) for part in parts])
        for of in (lambda c: c.true, lambda c: c.false, lambda c: (c.tp, c.fp, c.fn, c.tn), _sums)
    )
    true, false, squares = (np.rint(plane).astype(np.int64) for plane in (true, false, squares))
    rows = [
        measures(Counts(t, f, *map(int, four), Shapes(*sums.tolist())))
        for t, f, four, sums in zip(true, false, squares, shapes, strict=True)
    ]
    out = {}
    for measure in dict.fromkeys(key for row in rows for key in row):
        low, high = np.quantile([row[measure] for row in rows if measure in row], [0.025, 0.975])
        out[measure] = float(low), float(high)
    return out


def difference_interval(
    gains: list[float], groups: list[str], rounds: int = 2000
) -> tuple[float, float] | None:
    """Give the 95 % interval of a mean paired difference, honest also with few groups; None with one.

    The bootstrap's standard error over whole groups is widened by sqrt(n / (n - 1)), n being the number of
    groups, and multiplied by Student's t for n - 1 degrees of freedom: percentile intervals are too narrow by
    about these two factors (Hesterberg, The American Statistician 69(4), 371-386, 2015).
    """
    n = len(set(groups))
    if n < 2:
        return None
    error = float(_drawn_means(gains, groups, rounds).std()) * (n / (n - 1)) ** 0.5
    half, middle = float(stdtrit(n - 1, 0.975)) * error, float(np.mean(gains))
    return middle - half, middle + half


def _drawn_means(values: list[float], groups: list[str], rounds: int) -> NDArray[np.float64]:
    """Give the means of samples in which whole groups are drawn with replacement."""
    names = sorted(set(groups))
    sums = np.array([sum(v for v, g in zip(values, groups, strict=True) if g == n) for n in names])
    sizes = np.array([groups.count(n) for n in names])
    picks = np.random.default_rng(0).integers(len(names), size=(rounds, len(names)))
    return np.asarray(sums[picks].sum(axis=1) / sizes[picks].sum(axis=1))


def matched_overlaps(answer: NDArray[np.int32], truth: NDArray[np.int32]) -> list[float]:
    """Give the IoU of each pair of objects that overlap by more than half (such a pair is unique)."""
    both = (answer > 0) & (truth > 0)
    pairs, shared = np.unique(np.stack([answer[both], truth[both]]), axis=1, return_counts=True)
    areas = np.bincount(answer.ravel()), np.bincount(truth.ravel())
    unions = areas[0][pairs[0]] + areas[1][pairs[1]] - shared
    overlaps = shared / unions
    return [float(v) for v in overlaps[overlaps > 0.5]]


def _sums(c: Counts) -> tuple[float, ...]:
    return astuple(c.shapes)


def pieces(mask: Mask) -> int:
    """Count the connected pieces of a mask (8 neighbours)."""
    return int(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0]) - 1


def _share(part: float, whole: float, empty: float) -> float:
    return float(part / whole) if whole else empty


def _mcc(tp: float, fp: float, fn: float, tn: float) -> dict[str, float]:
    """Give Matthews' correlation (Biochim. Biophys. Acta 1975); nothing where it is not defined."""
    root = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
    return {"mcc": float((tp * tn - fp * fn) / root)} if root else {}
