"""Losses on logits, each averaged over the pixels that count, and sums of them written as text.

Shapes: logits and truth (N, C, H, W), truth 0-1 (soft values allowed), valid (N, 1, H, W): 0 where a pixel
does not count, 1 where it does, n where it counts n times. One channel means a sigmoid, more a softmax.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from vesselapp.core.errors import VesselError

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def probabilities(logits: Tensor) -> Tensor:
    """Give sigmoid (one channel) or softmax (several) of (N, C, H, W) logits."""
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)


def bce(logits: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Binary cross-entropy with logits, mean over valid pixels and channels."""
    each = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return _mean(each, valid)


def cross_entropy(logits: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Cross-entropy of the softmax with soft truth, mean over valid pixels."""
    each = -(truth * logits.log_softmax(dim=1)).sum(dim=1, keepdim=True)
    return _mean(each, valid)


def focal(logits: Tensor, truth: Tensor, valid: Tensor, gamma: float = 2.0) -> Tensor:
    """Focal loss (Lin et al., ICCV 2017): cross-entropy weighted by (1 - p of the truth) ** gamma."""
    if logits.shape[1] == 1:
        each = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        p = logits.sigmoid()
        miss = (p - truth).abs()
    else:
        each = -(truth * logits.log_softmax(dim=1)).sum(dim=1, keepdim=True)
        miss = 1 - (truth * logits.softmax(dim=1)).sum(dim=1, keepdim=True)
    return _mean(each * miss**gamma, valid)


def dice(logits: Tensor, truth: Tensor, valid: Tensor, smooth: float = 1.0) -> Tensor:
    """One minus soft Dice (Milletari et al., 3DV 2016), over the whole batch, mean over channels.

    The denominator holds the squares' sum, so that soft truth is best answered with itself.
    """
    p = probabilities(logits)
    both = (valid * p * truth).sum(dim=(0, 2, 3))
    total = (valid * (p * p + truth * truth)).sum(dim=(0, 2, 3))
    return (1 - (2 * both + smooth) / (total + smooth)).mean()


def cldice(logits: Tensor, truth: Tensor, valid: Tensor, rounds: int = 8, smooth: float = 1.0) -> Tensor:
    """One minus soft centreline Dice (Shit et al., CVPR 2021) of the first channel.

    Skeletons are of probabilities, 0-1; how often a px counts enters the sums alone.
    """
    p, t = ((plane * (valid > 0))[:, :1] for plane in (probabilities(logits), truth))
    thin_p, thin_t = valid * soft_skeleton(p, rounds), valid * soft_skeleton(t, rounds)
    precision = ((thin_p * t).sum() + smooth) / (thin_p.sum() + smooth)
    recall = ((thin_t * p).sum() + smooth) / (thin_t.sum() + smooth)
    return 1 - 2 * precision * recall / (precision + recall)


def soft_skeleton(p: Tensor, rounds: int) -> Tensor:
    """Thin (N, 1, H, W) probabilities by repeated soft opening."""
    skeleton = functional.relu(p - _soft_dilate(_soft_erode(p)))
    for _ in range(rounds):
        p = _soft_erode(p)
        rest = functional.relu(p - _soft_dilate(_soft_erode(p)))
        skeleton = skeleton + functional.relu(rest - skeleton * rest)
    return skeleton


def _soft_erode(p: Tensor) -> Tensor:
    return torch.min(
        -functional.max_pool2d(-p, (3, 1), 1, (1, 0)), -functional.max_pool2d(-p, (1, 3), 1, (0, 1))
    )


def _soft_dilate(p: Tensor) -> Tensor:
    return functional.max_pool2d(p, 3, 1, 1)


def _mean(each: Tensor, valid: Tensor) -> Tensor:
    return (each * valid).sum() / (valid.sum() * each.shape[1]).clamp(min=1)


LOSSES: dict[str, Loss] = {"bce": bce, "ce": cross_entropy, "focal": focal, "dice": dice, "cldice": cldice}


def parse_loss(text: str) -> Loss:
    """Turn ``bce+0.5*dice`` into a loss."""
    terms: list[tuple[float, Loss]] = []
    for term in text.replace(" ", "").split("+"):
        weight, _, name = term.rpartition("*")
        if name not in LOSSES:
            raise VesselError(f"There is no loss '{name}'.", f"Known losses: {', '.join(LOSSES)}.")
        try:
            share = float(weight or 1)
        except ValueError:
            share = math.nan
        if not 0 < share < math.inf:
            raise VesselError(f"'{weight}' is no weight for the loss '{name}'.", "Take a number above 0.")
        terms.append((share, LOSSES[name]))

    def total(logits: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
        parts = [weight * loss(logits, truth, valid) for weight, loss in terms]
        return torch.stack(parts).sum()

    return total
