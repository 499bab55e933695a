"""How pixels go into a graph, and how a foreground probability comes out: what a model card says, done.

Our own models take raw pixels and answer probabilities, so both ways they pass untouched. Foreign graphs want
gray or blue-green-red pixels, values in 0-1, mean and deviation, channels first; they answer logits, softmax
or masks.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.model_card import COLOUR_CHANNELS, InputSpec, OutputSpec

_STRIP_PX = 2**22


def takes_raw_pixels(spec: InputSpec) -> bool:
    """Tell whether pixels go in as they are."""
    return (spec.dtype, spec.layout, spec.colour, spec.equalise) == ("uint8", "NHWC", "rgb", False)


def value_table(spec: InputSpec, pixels: NDArray[np.uint8] | None = None) -> NDArray[np.float32]:
    """Give what a graph is handed for each of the 256 pixel values.

    Parameters
    ----------
    spec : InputSpec
    pixels : (H, W, 3) uint8, optional
        The picture at working scale, whose histogram is levelled where the card asks for it.

    Returns
    -------
    (256, C) float32
        C is 1 or 3.
    """
    channels = COLOUR_CHANNELS[spec.colour]
    levels = np.repeat(np.arange(256, dtype=np.float64)[:, None], channels, axis=1)
    if spec.equalise and pixels is not None:
        levels = _equalised_levels(pixels, spec)
    values = spec.low + levels * (spec.high - spec.low) / 255.0
    mean, std = np.asarray(spec.mean, np.float64), np.asarray(spec.std, np.float64)
    return np.asarray((values - mean) / std, np.float32)


def _equalised_levels(pixels: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.float64]:
    """Give ``(256, C)`` levels 0-255 that spread a picture's values evenly (histogram equalisation)."""
    rows = max(1, _STRIP_PX // pixels.shape[1])
    counts = np.zeros((256, COLOUR_CHANNELS[spec.colour]))
    for top in range(0, pixels.shape[0], rows):
        strip = _coloured(pixels[None, top : top + rows], spec.colour)
        for channel in range(counts.shape[1]):
            counts[:, channel] += np.bincount(strip[..., channel].ravel(), minlength=256)
    below = np.cumsum(counts, axis=0)
    lowest = np.take_along_axis(below, (counts > 0).argmax(axis=0)[None], axis=0)
    spread = below[-1] - lowest
    same = np.arange(256, dtype=np.float64)[:, None]
    return np.where(spread > 0, np.round((below - lowest) / np.maximum(spread, 1) * 255), same).clip(0, 255)


def to_input(batch: NDArray[np.uint8], spec: InputSpec, table: NDArray[np.float32]) -> NDArray[Any]:
    """Turn pixels into what the graph is handed.

    Parameters
    ----------
    batch : (N, H, W, 3) uint8
        sRGB.
    spec : InputSpec
    table : (256, C) float32
        From `value_table`.

    Returns
    -------
    (N, H, W, C) or (N, C, H, W) uint8, float32 or float16
    """
    if takes_raw_pixels(spec):
        return batch
    coloured = _coloured(batch, spec.colour)
    count, height, width, channels = coloured.shape
    flat = np.ascontiguousarray(coloured).reshape(count * height, width, channels)
    values = np.asarray(cv2.LUT(flat, table.reshape(1, 256, channels)))
    values = values.reshape(count, height, width, channels)
    if spec.layout == "NCHW":
        values = values.transpose(0, 3, 1, 2)
    if spec.dtype == "uint8":
        return np.ascontiguousarray(np.clip(np.round(values), 0, 255), np.uint8)
    return np.ascontiguousarray(values, np.float16 if spec.dtype == "float16" else np.float32)


def mirrored_on(batch: NDArray[np.uint8], margin: int) -> NDArray[np.uint8]:
    """Add ``margin`` px to each side of ``(N, H, W, 3)`` pixels, mirrored, for nets that answer for less."""
    if margin == 0:
        return batch
    return np.pad(batch, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="symmetric")


def _coloured(batch: NDArray[np.uint8], colour: str) -> NDArray[np.uint8]:
    """Give ``(N, H, W, C)`` pixels in the colours asked for; gray is luma (ITU-R BT.601)."""
    if colour == "rgb":
        return batch
    if colour == "bgr":
        return batch[..., ::-1]
    if colour == "green":
        return batch[..., 1:2]
    flat = np.ascontiguousarray(batch).reshape(-1, *batch.shape[2:])
    return np.asarray(cv2.cvtColor(flat, cv2.COLOR_RGB2GRAY), np.uint8).reshape(*batch.shape[:3], 1)


def to_probability(
    answer: NDArray[Any], spec: OutputSpec, count: int, height: int, width: int
) -> NDArray[np.float32]:
    """Turn a graph's answer into probabilities.

    Parameters
    ----------
    answer : array
        Numbers of any kind, with the axes that `whole_shape` reads.
    spec : OutputSpec
    count, height, width : int
        How many pictures went in, and their size in px; an answer of another size is scaled to it.

    Returns
    -------
    (count, height, width, C) float32, 0-1

    Raises
    ------
    ValueError
        Where it can't be an answer for so many pictures.
    """
    planes = answer.reshape(whole_shape(answer.shape, spec.layout, count, height, width))
    if planes.ndim != 4 or len(planes) != count:
        raise ValueError(f"it answers {count} pictures with {times(answer.shape)}")
    if spec.layout == "NCHW":
        planes = planes.transpose(0, 2, 3, 1)
    if spec.meaning == "mask":
        planes = planes / np.float32(255) if spec.soft else planes > 0
    values: NDArray[np.float32] = np.asarray(planes, np.float32)
    if spec.meaning == "logits":
        values = _sigmoid(values)
    elif spec.meaning == "softmax_logits":
        values = _softmax(values)
    if values.shape[1:3] != (height, width):
        values = np.stack([_resized(plane, height, width) for plane in values])
    return values


def foreground_of(planes: NDArray[np.float32], spec: OutputSpec) -> NDArray[np.float32]:
    """Give the probability of foreground, from that of each channel.

    Of several channels it is their sum where they exclude each other, else the highest. They do after a
    softmax, and as probabilities unless all of them are foreground.

    Parameters
    ----------
    planes : (N, H, W, C) float32, 0-1
    spec : OutputSpec

    Returns
    -------
    (N, H, W) float32
    """
    if len(spec.foreground) == 1:
        return planes[..., spec.foreground[0]]
    wanted = planes[..., list(spec.foreground)]
    some = spec.meaning == "probability" and len(spec.foreground) < len(spec.channels)
    if some or spec.meaning == "softmax_logits":
        return np.asarray(wanted.sum(axis=-1), np.float32)
    return np.asarray(wanted.max(axis=-1), np.float32)


def whole_shape(shape: tuple[int, ...], layout: str, count: int, height: int, width: int) -> tuple[int, ...]:
    """Give an answer's shape with the axes that it lacks, and px in one row unfolded.

    Besides all four these are read: ``(N, H, W)`` and ``(N, H * W, C)``; of one picture also ``(H, W)``,
    ``(C, H, W)`` and ``(H, W, C)``. Others stay as they are.
    """
    if len(shape) == 3 and shape[0] == count:
        if layout == "NHWC" and shape[1:] != (height, width) and shape[1] == height * width:
            return count, height, width, shape[2]
        return (count, 1, *shape[1:]) if layout == "NCHW" else (*shape, 1)
    if count == 1 and len(shape) == 2:
        return (1, 1, *shape) if layout == "NCHW" else (1, *shape, 1)
    return (1, *shape) if count == 1 and len(shape) == 3 else shape


def times(shape: tuple[int | None, ...]) -> str:
    """Write a shape out for people; None is any size."""
    return " x ".join("any" if size is None else str(size) for size in shape)


def _resized(plane: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    resized = cv2.resize(np.ascontiguousarray(plane), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32).reshape(height, width, plane.shape[-1])


def _sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(0.5 * np.tanh(0.5 * values) + 0.5, np.float32)


def _softmax(values: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)
