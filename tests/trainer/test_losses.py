import numpy as np
import pytest
import torch

from trainer.losses import LOSSES, bce, cldice, cross_entropy, dice, focal, parse_loss, soft_skeleton
from vesselapp.core.errors import VesselError

LOGITS = torch.tensor([[[[0.0, 2.0]]]], dtype=torch.float64)
TRUTH = torch.tensor([[[[1.0, 0.0]]]], dtype=torch.float64)
ALL = torch.ones_like(TRUTH)
P1, P2 = 0.5, 1 / (1 + np.exp(-2.0))


def test_bce_by_hand():
    assert bce(LOGITS, TRUTH, ALL).item() == pytest.approx((np.log(2) - np.log(1 - P2)) / 2)


def test_invalid_pixels_do_not_count():
    only_first = torch.tensor([[[[1.0, 0.0]]]], dtype=torch.float64)
    assert bce(LOGITS, TRUTH, only_first).item() == pytest.approx(np.log(2))
    changed = LOGITS.clone()
    changed[..., 1] = -50
    for name in ("bce", "focal", "dice"):
        assert LOSSES[name](LOGITS, TRUTH, only_first) == LOSSES[name](changed, TRUTH, only_first)


def test_dice_by_hand():
    expected = 1 - (2 * P1 + 1) / (P1**2 + P2**2 + 1 + 1)
    assert dice(LOGITS, TRUTH, ALL).item() == pytest.approx(expected)


def test_focal_by_hand():
    expected = (np.log(2) * 0.5**2 - np.log(1 - P2) * P2**2) / 2
    assert focal(LOGITS, TRUTH, ALL).item() == pytest.approx(expected)


def test_cross_entropy_by_hand():
    logits = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64).view(1, 3, 1, 1)
    truth = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64).view(1, 3, 1, 1)
    expected = np.log(np.exp([1.0, 2.0, 3.0]).sum()) - 2
    assert cross_entropy(logits, truth, torch.ones(1, 1, 1, 1)).item() == pytest.approx(expected)
    share = np.exp(2) / np.exp([1.0, 2.0, 3.0]).sum()
    assert focal(logits, truth, torch.ones(1, 1, 1, 1)).item() == pytest.approx(expected * (1 - share) ** 2)


def test_cldice_of_a_perfect_and_of_a_missing_line():
    truth = torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    truth[..., 7:10, :] = 1
    valid = torch.ones_like(truth)
    assert cldice((truth - 0.5) * 100, truth, valid).item() == pytest.approx(0, abs=1e-6)
    skeleton = soft_skeleton(truth, 8).sum().item()
    recall = 1 / (skeleton + 1)  # nothing is found; smoothing leaves precision 1
    expected = 1 - 2 * recall / (1 + recall)
    assert cldice(torch.full_like(truth, -100.0), truth, valid).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_gradients(name: str):
    random = torch.Generator().manual_seed(0)
    channels = 3 if name == "ce" else 1
    logits = torch.randn(1, channels, 5, 5, generator=random, dtype=torch.float64, requires_grad=True)
    truth = (torch.rand(1, channels, 5, 5, generator=random, dtype=torch.float64) > 0.6).double()
    valid = torch.ones(1, 1, 5, 5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, truth, valid), (logits,))


def test_sums():
    total = parse_loss("bce + 0.5*dice")(LOGITS, TRUTH, ALL)
    assert total.item() == pytest.approx((bce(LOGITS, TRUTH, ALL) + dice(LOGITS, TRUTH, ALL) / 2).item())


@pytest.mark.parametrize("text", ["bce+nice", "x*dice", "", "nan*bce", "-1*bce", "inf*dice", "0*bce"])
def test_unknown_loss_is_one_sentence(text: str):
    with pytest.raises(VesselError, match="loss"):
        parse_loss(text)


def test_cldice_weighs_pixels_but_thins_probabilities():
    truth = torch.zeros(1, 1, 24, 24)
    truth[:, :, 6:11, 3:21] = 1
    right = (truth - 0.5) * 40
    weight = torch.ones_like(truth)
    weight[:, :, :, 12:] = 10
    assert cldice(right, truth, weight).item() == pytest.approx(0, abs=1e-3)
    half = right.clone()
    half[:, :, :, 12:] = -20  # wrong where much counts
    assert 0.7 < cldice(half, truth, weight).item() <= 1
    other = right.clone()
    other[:, :, :, :12] = -20  # wrong where little counts
    assert 0 <= cldice(other, truth, weight).item() < 0.15
