"""How training crops are varied: geometry first, then light, colour and the camera's faults.

Every function takes a numpy random generator, so that one seed gives one picture.
"""

from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from trainer.pictures import Scaled
from trainer.recipes import Augment

Pixels = NDArray[Any]  # uint8 throughout; OpenCV's own types don't say so


def take_crop(
    picture: Scaled, side: int, augment: Augment, random: Generator
) -> tuple[Pixels, Pixels, Pixels]:
    """Cut a varied crop whose middle lies in the valid area.

    Returns
    -------
    pixels, truth, valid : (side, side, 3), (side, side, C), (side, side) uint8
    """
    height, width = picture.valid.shape
    cx, cy = width / 2, height / 2
    for _ in range(20):
        x, y = random.uniform(0, width), random.uniform(0, height)
        if picture.valid[int(y), int(x)]:
            cx, cy = x, y
            break
    else:
        places = np.argwhere(picture.valid)  # few px count: one of them, surely
        if len(places):
            cy, cx = places[int(random.integers(len(places)))] + 0.5
    if random.random() < augment.warp:
        angle = random.uniform(0, 2 * np.pi)
        scale = float(np.exp(random.uniform(*np.log(augment.scale))))
        how = cv2.INTER_CUBIC
    else:
        angle, scale, how = 0.0, 1.0, cv2.INTER_NEAREST
        cx, cy = np.floor(cx), np.floor(cy)
    matrix = _matrix(cx, cy, angle, scale, side)
    beyond = cv2.BORDER_REFLECT_101 if augment.mirror else cv2.BORDER_CONSTANT
    arrays = [
        cv2.warpAffine(plane, matrix, (side, side), flags=flag | cv2.WARP_INVERSE_MAP, borderMode=border)
        for plane, flag, border in (
            (picture.pixels, how, cv2.BORDER_REFLECT_101),
            (picture.truth, min(how, cv2.INTER_LINEAR), beyond),
            (picture.valid, cv2.INTER_NEAREST, beyond),
        )
    ]
    if random.random() < augment.elastic:
        arrays = _elastic(arrays, random, beyond)
    turns, flip = int(random.integers(4)), bool(random.integers(2))
    out = []
    for plane in arrays:
        plane = np.rot90(plane, turns)
        out.append(np.ascontiguousarray(plane[:, ::-1] if flip else plane))
    pixels, truth, valid = out
    return pixels, truth.reshape(side, side, -1), valid


def _matrix(cx: float, cy: float, angle: float, scale: float, side: int) -> NDArray[np.float64]:
    """Give the 2x3 matrix from crop to picture: ``scale`` > 1 makes things bigger in the crop."""
    c, s = np.cos(angle) / scale, np.sin(angle) / scale
    half = side / 2
    return np.array([[c, -s, cx - c * half + s * half], [s, c, cy - s * half - c * half]])


def _elastic(arrays: list[Pixels], random: Generator, beyond: int) -> list[Pixels]:
    """Bend all planes by one smooth random field of up to a few px (Simard et al., ICDAR 2003)."""
    side = arrays[0].shape[0]
    grid = random.normal(0, random.uniform(2, 6), (2, 6, 6)).astype(np.float32)
    shift = [cv2.resize(plane, (side, side), interpolation=cv2.INTER_CUBIC) for plane in grid]
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    flags = (cv2.INTER_LINEAR, cv2.INTER_LINEAR, cv2.INTER_NEAREST)
    borders = (cv2.BORDER_REFLECT_101, beyond, beyond)
    return [
        np.asarray(cv2.remap(plane, x + shift[0], y + shift[1], flag, borderMode=border), np.uint8)
        for plane, flag, border in zip(arrays, flags, borders, strict=True)
    ]


def vary_look(pixels: Pixels, augment: Augment, random: Generator) -> Pixels:
    """Change light, colour, sharpness and noise of a (side, side, 3) crop."""
    a = augment
    if random.random() < a.equalise:
        pixels = _equalised(pixels)
    if random.random() < a.low_resolution:
        pixels = _low_resolution(pixels, a, random)
    if a.expose and random.random() < a.expose:
        pixels = _exposed(pixels, random)
    if random.random() < a.blur:
        pixels = cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.4, 1.8))
    elif random.random() < a.sharpen:
        soft = cv2.GaussianBlur(pixels, (0, 0), random.uniform(1, 2))
        amount = random.uniform(0.3, 1.2)
        pixels = cv2.addWeighted(pixels, 1 + amount, soft, -amount, 0)
    if random.random() < a.stain:
        pixels = _stain(pixels, random)
    if random.random() < a.colour_mix:
        mix = np.eye(3) + random.normal(0, 0.15, (3, 3))
        pixels = cv2.transform(pixels, mix)
    if random.random() < a.gray:
        weights = random.dirichlet([1, 3, 1])
        pixels = cv2.transform(pixels, np.repeat(weights[None], 3, axis=0))
    pixels = cv2.LUT(pixels, _tone_tables(a, random))
    if random.random() < a.shading:
        pixels = _shaded(pixels, random)
    if random.random() < a.invert:
        pixels = 255 - pixels
    if random.random() < a.noise:
        # In a dim picture the noise is as dim, or its cells could be seen by nobody.
        light = min(1.0, float(np.percentile(pixels, 99.5)) / 160) if a.expose else 1.0
        pixels = _noisy(pixels, random, light)
    if random.random() < a.jpeg:
        pixels = _packed(pixels, random)
    return np.ascontiguousarray(pixels, np.uint8)


def _tone_tables(a: Augment, random: Generator) -> Pixels:
    """Give (256, 1, 3) uint8 tables: gamma, gain and offset, shared by all channels and a little of each."""
    levels = np.linspace(0, 1, 256)[:, None]
    gamma = np.exp(random.normal(0, a.gamma) + random.normal(0, a.gamma / 3, 3))
    gain = np.exp(random.normal(0, a.gain) + random.normal(0, a.gain / 2, 3))
    offset = random.normal(0, a.offset) / 2 + random.normal(0, a.offset, 3) / 2
    table = levels**gamma * 255
    table = (table - 110) * gain + 110 * (1 + gain) / 2 + offset
    return np.clip(np.round(table), 0, 255).astype(np.uint8)[None].reshape(256, 1, 3)


def _exposed(pixels: Pixels, random: Generator) -> Pixels:
    """Give a picture another exposure: its brightest parts land anywhere from dim to full."""
    brightest = max(8.0, float(np.percentile(pixels, 99.8)))
    wanted = random.uniform(min(brightest, 40.0), 255.0)
    values = np.arange(256) / brightest
    table = values ** np.exp(random.normal(0, 0.3)) * wanted
    return np.asarray(cv2.LUT(pixels, np.clip(np.round(table), 0, 255).astype(np.uint8)), np.uint8)


def _equalised(pixels: Pixels) -> Pixels:
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
    lab[:, :, 0] = cv2.createCLAHE(2.0, (8, 8)).apply(np.ascontiguousarray(lab[:, :, 0]))
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)


def _low_resolution(pixels: Pixels, a: Augment, random: Generator) -> Pixels:
    """Show the crop as a smaller camera would have, with its faults: shrunk by area, grown again by cubic."""
    side = pixels.shape[0]
    small = max(8, round(side * random.uniform(0.25, 0.8)))
    shrunk = cv2.resize(pixels, (small, small), interpolation=cv2.INTER_AREA)
    if not a.expose and random.random() < 0.5:
        shrunk = _noisy(shrunk, random)
    if random.random() < a.jpeg:
        shrunk = _packed(shrunk, random)
    return np.asarray(cv2.resize(shrunk, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def _shaded(pixels: Pixels, random: Generator) -> Pixels:
    """Multiply by a smooth light field."""
    side = pixels.shape[0]
    grid = np.exp(random.normal(0, 0.2, (3, 3))).astype(np.float32)
    light = cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.clip(pixels * light[:, :, None], 0, 255).astype(np.uint8)


def _noisy(pixels: Pixels, random: Generator, strength: float = 1.0) -> Pixels:
    """Add Gaussian noise, gray or coloured, fine or grained."""
    height, width = pixels.shape[:2]
    grain = int(random.integers(1, 3))
    channels = 3 if random.random() < 0.7 else 1
    noise = random.standard_normal((height // grain + 1, width // grain + 1, channels), np.float32)
    noise *= np.float32(random.uniform(1, 9) * strength)
    if grain > 1:
        size = (noise.shape[1] * grain, noise.shape[0] * grain)
        noise = np.asarray(cv2.resize(noise, size), np.float32)
    noise = noise.reshape(*noise.shape[:2], -1)[:height, :width]
    return np.asarray(np.clip(pixels + noise, 0, 255), np.uint8)


def _packed(pixels: Pixels, random: Generator) -> Pixels:
    """Save as JPEG of some quality, and read that."""
    packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(35, 95))])[1]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def _stain(pixels: Pixels, random: Generator) -> Pixels:
    """Vary the dyes: scale each channel's optical density (after Tellez et al., IEEE TMI 2018)."""
    density = -np.log((pixels.astype(np.float32) + 1) / 256)
    amount = random.uniform(0.6, 1.5, 3).astype(np.float32)
    return np.asarray(np.clip(256 * np.exp(-density * amount) - 1, 0, 255), np.uint8)
