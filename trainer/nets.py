"""Nets: any of segmentation-models-pytorch's, and a small U-Net and W-Net of our own.

Every net here answers ``(logits, features)`` for normalised pictures. `Segmenter` adds what the app relies
on: uint8 pixels in, normalisation inside.
"""

import difflib
import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.losses import probabilities
from trainer.recipes import WITH_CHANNELS, Recipe
from vesselapp.core.errors import VesselError
from vesselapp.core.files import reason

MAX_FEATURES = 16
_DEEPEST = 5
"""How often an encoder of segmentation-models-pytorch can halve a picture."""


class Segmenter(nn.Module):
    """A net with its normalisation inside.

    Attributes
    ----------
    body : nn.Module
        (N, 3 or 6, H, W) float32 to logits (N, C, H, W) and features (N, <= 16, H, W).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, body: nn.Module, *, log: bool = False) -> None:
        super().__init__()
        self.body = body
        self.log = log
        self.register_buffer("mean", torch.tensor([0.5, 0.35, 0.25]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.25, 0.2, 0.2]).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Answer (N, H, W, 3) uint8 pixels with logits (N, C, H, W) and features (N, <= 16, H, W)."""
        x = image.permute(0, 3, 1, 2).float() / 255
        normal = (x - self.mean) / self.std
        if self.log:
            normal = torch.cat([normal, 2 * torch.log(x * 64 + 1) - 4], dim=1)
        logits, features = self.body(normal)
        return logits, features


class SmpBody(nn.Module):
    """An architecture of segmentation-models-pytorch, with the decoder's features as a second answer."""

    net: Any

    def __init__(self, net: nn.Module, dropout: float) -> None:
        super().__init__()
        self.net = net
        self.dropout = nn.Dropout2d(dropout)
        self.factors = 1.0, 1.0

    def fit_to(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Find by how much both answers are smaller than a picture; give them at its size."""
        sides = [answer.shape[-1] for answer in self._answers(picture)]
        self.factors = picture.shape[-1] / sides[0], picture.shape[-1] / sides[1]
        return self.forward(picture)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give logits and features at the picture's own size."""
        logits, features = self._answers(x)
        return _enlarged(logits, self.factors[0], "bilinear"), _enlarged(features, self.factors[1], "nearest")

    def _answers(self, x: Tensor) -> tuple[Tensor, Tensor]:
        decoded = self.net.decoder(self.net.encoder(x))
        return self.net.segmentation_head(self.dropout(decoded)), decoded[:, :MAX_FEATURES]


class Unused(nn.Module):
    """What stands where a part was that has no share in the answer."""

    def forward(self, x: Any, *_: Any) -> Any:
        """Give on what came."""
        return x


def _enlarged(plane: Tensor, factor: float, mode: str) -> Tensor:
    """Enlarge an answer by a factor that doesn't depend on the picture: exported graphs want it so."""
    return plane if factor == 1 else nn.functional.interpolate(plane, scale_factor=factor, mode=mode)


class Block(nn.Sequential):
    """Two 3x3 convolutions, each with batch norm and ReLU (in the order that ONNX Runtime can fold)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class SmallUnet(nn.Module):
    """A plain U-Net (Ronneberger et al., MICCAI 2015): ``widths`` channels a level, nearest upsampling."""

    def __init__(self, inputs: int, classes: int, widths: tuple[int, ...], dropout: float = 0.0) -> None:
        super().__init__()
        self.down = nn.ModuleList(Block(a, b) for a, b in zip((inputs, *widths[:-1]), widths, strict=True))
        self.up = nn.ModuleList(
            Block(deep + skip, skip) for deep, skip in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.dropout = nn.Dropout2d(dropout)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give logits and the last features."""
        skips: list[Tensor] = []
        for block in self.down:
            if skips:
                x = nn.functional.max_pool2d(x, 2)
            x = block(x)
            skips.append(x)
        x = skips.pop()
        for block in self.up:
            x = nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat([x, skips.pop()], dim=1))
        return self.head(self.dropout(x)), x


class SmallWnet(nn.Module):
    """Two small U-Nets in a row; the second also sees the first's answer (Galdran et al., Sci. Rep. 2022)."""

    def __init__(self, inputs: int, classes: int, widths: tuple[int, ...], dropout: float = 0.0) -> None:
        super().__init__()
        self.first = SmallUnet(inputs, classes, widths, dropout)
        self.second = SmallUnet(inputs + classes, classes, widths, dropout)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give the sum of both answers' logits and the second net's last features."""
        coarse, _ = self.first(x)
        fine, features = self.second(torch.cat([x, probabilities(coarse)], dim=1))
        return coarse + fine, features


def build_net(recipe: Recipe, *, pretrained: bool = True) -> Segmenter:
    """Build the net a recipe asks for, with fresh weights.

    With ``pretrained``, with the encoder weights that the recipe names; they may be downloaded, so it is
    False where other weights are loaded right after.
    """
    classes, log = len(recipe.channels), recipe.inputs == "rgb+log"
    inputs = 6 if log else 3
    body: nn.Module
    if recipe.architecture == "own-unet":
        body = SmallUnet(inputs, classes, recipe.widths, recipe.dropout)
    elif recipe.architecture == "own-wnet":
        body = SmallWnet(inputs, classes, recipe.widths, recipe.dropout)
    else:
        body = _smp_body(recipe, inputs, classes, recipe.encoder_weights if pretrained else None)
    if recipe.norm == "group":
        _group_norm(body)
    return Segmenter(body, log=log).to(memory_format=torch.channels_last)


@torch.no_grad()
def answer_whole(net: nn.Module, pixels: NDArray[np.uint8], stride: int) -> NDArray[np.float32]:
    """Give a net's (H, W, C) probabilities for a whole (H, W, 3) picture, mirrored on to its stride."""
    height, width = pixels.shape[:2]
    pad = [(0, -height % stride), (0, -width % stride), (0, 0)]
    device = next(net.parameters()).device
    image = torch.from_numpy(np.pad(pixels, pad, mode="symmetric"))[None].to(device)
    net.eval()
    logits, _features = net(image)
    answer = probabilities(logits.float())[0, :, :height, :width].permute(1, 2, 0)
    return np.asarray(answer.cpu().numpy(), np.float32)


def name_of(recipe: Recipe) -> str:
    """Give a net's name as people chose it."""
    if recipe.architecture.startswith("own-"):
        return f"'{recipe.architecture}'"
    return f"'{recipe.architecture}' with encoder '{recipe.encoder}'"


def stride_of(recipe: Recipe) -> int:
    """Give what the sides of a picture must be multiples of (px)."""
    if recipe.architecture.startswith("own-"):
        return int(2 ** (len(recipe.widths) - 1))
    return max(8, int(2**recipe.encoder_depth))


def _smp_body(recipe: Recipe, inputs: int, classes: int, weights: str | None) -> SmpBody:
    import segmentation_models_pytorch as smp  # type: ignore[import-untyped]  # it ships no types

    _check_encoder(recipe.encoder, weights, smp.encoders.encoders)
    extra = {"decoder_channels": recipe.decoder_channels} if recipe.architecture in WITH_CHANNELS else {}
    try:
        net = smp.create_model(
            recipe.architecture,
            encoder_name=recipe.encoder,
            encoder_depth=recipe.encoder_depth,
            encoder_weights=weights,
            in_channels=inputs,
            classes=classes,
            **extra,
        )
        body = SmpBody(net, recipe.dropout)
        _drop_unused(body, inputs, stride_of(recipe))
        _try_smallest(body, inputs, recipe)
    except (KeyError, ValueError, TypeError, RuntimeError, OSError, AssertionError, AttributeError) as error:
        if weights is not None and isinstance(error, OSError):
            raise VesselError(
                f"The weights '{weights}' of the encoder '{recipe.encoder}' can't be had: {reason(error)}.",
                "They are downloaded: see whether there is a network, or leave encoder_weights out.",
            ) from error
        said = str(error).strip(chr(34)).splitlines() or [type(error).__name__]
        raise VesselError(
            f"The net {name_of(recipe)} can't be built: {textwrap.shorten(said[0], 200, placeholder=' …')}",
            "docs/models.md lists what can be taken.",
        ) from error
    return body


def _check_encoder(name: str, weights: str | None, encoders: dict[str, Any]) -> None:
    """Refuse names that nothing goes by, and say the nearest that there are."""
    if name.startswith(("tu-", "timm-")):  # any of timm's, whose own sentence is short
        return
    if name not in encoders:
        raise VesselError(f"There is no encoder '{name}'.", _nearest(name, encoders))
    known = encoders[name].get("pretrained_settings", {})
    if weights is not None and weights not in known:
        raise VesselError(f"The encoder '{name}' has no weights '{weights}'.", _nearest(weights, known))


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 3, 0) or ["none"]
    return f"Take {' or '.join(near)}, say; docs/models.md tells more."


def _drop_unused(body: SmpBody, inputs: int, stride: int) -> None:
    """Take out what a shallow net never runs: it only makes files big and DDP unhappy."""
    side = stride * max(1, 64 // stride)
    body.eval()
    with torch.enable_grad():
        logits, features = body.fit_to(torch.zeros(1, inputs, side, side))
        (logits.sum() + features.sum()).backward()  # type: ignore[no-untyped-call]
    _drop_without_gradient(body.net)
    body.zero_grad()
    body.train()


@torch.no_grad()
def _try_smallest(body: SmpBody, inputs: int, recipe: Recipe) -> None:
    """Try a net on the smallest picture that may come; say so where that takes a deeper encoder."""
    stride = stride_of(recipe)
    body.eval()
    try:
        body(torch.zeros(1, inputs, stride, stride))
    except RuntimeError as error:
        if stride >= 2**_DEEPEST:
            raise
        body(torch.zeros(1, inputs, 2**_DEEPEST, 2**_DEEPEST))
        with_channels = recipe.architecture in WITH_CHANNELS
        more = f" and decoder_channels to {_DEEPEST} numbers" if with_channels else ""
        raise VesselError(
            f"The net {name_of(recipe)} can't answer {stride} x {stride} px, the smallest picture at "
            f"encoder_depth={recipe.encoder_depth}.",
            f"Set encoder_depth to {_DEEPEST}{more}.",
        ) from error
    body.train()


def _drop_without_gradient(module: nn.Module) -> None:
    """Replace every part, however deep, whose weights have no share in the answer."""
    for name, child in module.named_children():
        weights = list(child.parameters())
        if weights and all(weight.grad is None for weight in weights):
            setattr(module, name, Unused())
        else:
            _drop_without_gradient(child)


def _group_norm(module: nn.Module) -> None:
    """Replace batch norm by group norm, in place."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            groups = next(g for g in (8, 4, 2, 1) if child.num_features % g == 0)
            norm = nn.GroupNorm(groups, child.num_features)
            more = list(child.children())  # timm's batch norm holds drop and activation too
            setattr(module, name, nn.Sequential(norm, *more) if more else norm)
        else:
            _group_norm(child)
