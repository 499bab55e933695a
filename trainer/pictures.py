"""Cases as arrays: read from disk, and brought to a recipe's working scale."""

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.metrics import pieces
from trainer.readers import Case
from trainer.recipes import Recipe, scale_of
from vesselapp.core.errors import VesselError
from vesselapp.core.field_of_view import FieldOfView, find_field_of_view
from vesselapp.core.image import PICTURE_SUFFIXES, read_image
from vesselapp.core.image_values import stored_values
from vesselapp.core.mask_file import MaskFile, open_stored, read_mask
from vesselapp.core.scaling import resize_pixels, resize_probability
from vesselapp.inference.objects import median_diameter, typical_diameter

MOST_GROWN = 4.0
_LARGEST = 4096
_LARGEST_NUMBER = 2**16 - 1


@dataclass(frozen=True, eq=False)
class Picture:
    """One case at its own size.

    Attributes
    ----------
    case : Case
    pixels : (H, W, 3) uint8
    mask : (H, W) bool
    inside : (H, W) bool
        Where scores count: the set's own field of view, else the one found, else everywhere.
    field : FieldOfView or None
        The field our own code finds (not for cells).
    second : (H, W) bool or None
    instances : (H, W) int32 or None
    """

    case: Case
    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    field: FieldOfView | None
    second: NDArray[np.bool_] | None = None
    instances: NDArray[np.int32] | None = None


@dataclass(frozen=True, eq=False)
class Scaled:
    """One case at working scale, ready for crops.

    Attributes
    ----------
    set_name, name : str
    pixels : (H, W, 3) uint8
    truth : (H, W, C) uint8
        0-255 for 0-1, soft where the mask was shrunk.
    valid : (H, W) uint8
        How often a px counts in the loss: 0 not at all.
    look : str
        Pictures of one subject, or of like colours, have the same.
    """

    set_name: str
    name: str
    pixels: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    valid: NDArray[np.uint8]
    look: str = ""


def read_picture(case: Case, task: str) -> Picture:
    """Read a case from disk and check that its parts fit.

    Where it isn't known what a model finds (``other``), a round field of view counts as it does for vessels,
    so that figures of two models on the same pictures can be compared.
    """
    pixels = read_pixels(case.image)
    size = pixels.shape[0], pixels.shape[1]
    mask, instances = _read_truth(case, size)
    field = find_field_of_view(pixels) if task != "cells" else None
    if task == "other" and field is not None and not field.circular:
        field = None
    if case.fov is not None:
        inside = _read_mask(case, case.fov, size).marked
        if not inside.any():
            raise VesselError(
                f"In the field of view {case.fov} nothing is marked: no px of {case.image.name} would count.",
                "Mark where the eye is, or take the file away.",
            )
    elif field is not None:
        inside = field.mask(*size) > 0
    else:
        inside = np.ones(size, bool)
    second = _read_mask(case, case.second, size).marked if case.second is not None else None
    return Picture(case, pixels, mask, inside, field, second, instances)


def with_numbers(cases: list[Case]) -> list[Case]:
    """Mark the cases of sets in which some mask numbers several objects: it numbers one, or none, alike."""
    found: set[str] = set()
    for case in cases:
        known = case.apart or case.instances is not None or case.set_name in found
        if not known and _read_mask(case, case.masks[0]).numbers is not None:
            found.add(case.set_name)
    return [dataclasses.replace(case, numbered=case.set_name in found) for case in cases]


def _read_truth(case: Case, size: tuple[int, int]) -> tuple[NDArray[np.bool_], NDArray[np.int32] | None]:
    """Read a case's mask, and the numbers of its objects where they are known."""
    numbers = None if case.instances is None else _read_numbers(case, case.instances, size)
    if len(case.masks) == 1:
        mask = _read_mask(case, case.masks[0], size)
        if numbers is None:
            one = case.apart or (case.numbered and mask.numbers is None and pieces(mask.marked) < 2)
            numbers = mask.marked.astype(np.int32) if one else mask.numbers
        return mask.marked, None if numbers is None else _counted(numbers)
    if numbers is None:
        numbers = np.zeros(size, np.int32)
        for number, path in enumerate(case.masks, 1):
            numbers[_read_mask(case, path, size).marked] = number
    return numbers > 0, numbers


def _read_numbers(case: Case, path: Path, size: tuple[int, int]) -> NDArray[np.int32]:
    with _named(case, path):
        numbers = stored_values(open_stored(path, size))
    if numbers.ndim != 2:
        raise VesselError(
            f"{path} has {numbers.shape[2]} channels, but object numbers are one.",
            "Save it as a picture of one channel (uint16) that holds each object's number.",
        )
    return _counted(np.maximum(numbers, 0))


def _counted(numbers: NDArray[Any]) -> NDArray[np.int32]:
    """Give object numbers as int32, 0 background; large ones, which take much memory, are counted anew."""
    if numbers.max() > _LARGEST_NUMBER:
        found = np.unique(numbers[numbers > 0])
        numbers = np.where(numbers > 0, np.searchsorted(found, numbers) + 1, 0)
    return numbers.astype(np.int32)


def _read_mask(case: Case, path: Path, size: tuple[int, int] | None = None) -> MaskFile:
    with _named(case, path):
        return read_mask(path, size)


@contextlib.contextmanager
def _named(case: Case, path: Path) -> Iterator[None]:
    """Name the file in what is said of a mask."""
    try:
        yield
    except VesselError as problem:
        text = f"The mask {path} of {case.image.name} can't be used: {problem.message}"
        raise VesselError(text, problem.hint) from problem


def vessel_picture(picture: Picture, recipe: Recipe) -> Scaled:
    """Crop a fundus picture to its field of view and bring that to the working diameter."""
    field = picture.field
    assert field is not None
    height, width = picture.mask.shape
    left, top, right, bottom = field.box(height, width)
    scale = scale_of(recipe).working_diameter(field.diameter) / field.diameter
    size = round((bottom - top) * scale), round((right - left) * scale)
    pixels = resize_pixels(np.ascontiguousarray(picture.pixels[top:bottom, left:right]), *size)
    soft = resize_probability(picture.mask[top:bottom, left:right].astype(np.float32), *size)
    valid = field.mask(*size, scale=scale, left=left, top=top)
    if picture.case.fov is not None:
        valid *= _scaled_area(picture.inside[top:bottom, left:right], *size)
        if not valid.any():
            raise VesselError(
                f"The field of view {picture.case.fov} lies apart from the eye that is found in "
                f"{picture.case.image.name}: no px would count.",
                "Mark where the eye is, or take the file away.",
            )
    truth = np.round(soft * 255).astype(np.uint8)[:, :, None]
    return Scaled(picture.case.set_name, picture.case.name, pixels, truth, valid, picture.case.subject)


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """Read a picture as (H, W, 3) uint8, by the app's own reader where that knows the format."""
    if path.name.lower().endswith(PICTURE_SUFFIXES):
        return read_image(path).pixels
    try:
        return np.ascontiguousarray(np.asarray(open_stored(path).convert("RGB")))
    except VesselError as problem:
        raise VesselError(f"The picture {path} can't be read: {problem.message}") from problem


def cell_picture(picture: Picture, recipe: Recipe) -> Scaled:
    """Bring a picture of cells to the working scale: its median object gets ``recipe.size`` px across."""
    objects, height, width = picture.instances, *picture.mask.shape
    if objects is None:  # pieces of a mask: specks, however many, must not decide
        objects = cv2.connectedComponents(picture.mask.astype(np.uint8), connectivity=4)[1].astype(np.int32)
        diameter = typical_diameter(objects)
    else:
        diameter = median_diameter(objects)
    factor = bounded(recipe.size / (diameter or recipe.size), height, width)
    pixels, truth = scaled_cells(picture.pixels, objects, factor)
    valid = _scaled_area(picture.inside, *truth.shape[:2])
    return Scaled(picture.case.set_name, picture.case.name, pixels, truth, valid, picture.case.subject)


def _scaled_area(inside: NDArray[np.bool_], height: int, width: int) -> NDArray[np.uint8]:
    """Scale where scores count: 1 for each px that covers some of it, else 0."""
    covered = cv2.resize(inside.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return (covered > 0).astype(np.uint8)


def scaled_cells(
    pixels: NDArray[np.uint8], objects: NDArray[np.int32], factor: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Scale a picture of cells and its objects; give the pixels, and the truth (see `cell_truth`)."""
    height, width = (max(8, round(side * factor)) for side in objects.shape)
    fitted = cv2.resize(objects.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST)
    if factor > 1.5:
        fitted = cv2.medianBlur(fitted, 5)  # takes the steps of enlarged px off the outlines
    return resize_pixels(pixels, height, width), cell_truth(fitted.astype(np.int32))


def bounded(factor: float, height: int, width: int) -> float:
    """Bound what brings a picture (px) of cells to scale: specks would ask for any, and memory is bounded."""
    return min(factor, MOST_GROWN, _LARGEST / max(height, width))


def cell_truth(objects: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Turn object numbers into inside, border (the outermost 2 px of each object) and background.

    Returns
    -------
    (H, W, 3) uint8
        0 or 255.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    numbers = objects.astype(np.float32)
    alike = cv2.erode(numbers, kernel) == cv2.dilate(numbers, kernel)
    inside, cell = (objects > 0) & alike, objects > 0
    return np.stack([inside, cell & ~inside, ~cell], axis=2).astype(np.uint8) * 255


def true_foreground(truth: NDArray[np.uint8], recipe: Recipe) -> NDArray[np.bool_]:
    """Tell which px of a training picture's truth ((..., C) uint8, see `Scaled`) are foreground."""
    return np.asarray(truth[..., list(recipe.foreground)].sum(axis=-1, dtype=np.uint16) >= 128)


def foreground_in(answer: NDArray[np.float32], recipe: Recipe) -> NDArray[np.float32]:
    """Give the foreground's probability (0-1) in an answer of all channels ((..., C), 0-1)."""
    return np.ascontiguousarray(answer[..., list(recipe.foreground)].sum(axis=-1), np.float32)


def prepare(picture: Picture, recipe: Recipe) -> Scaled:
    """Bring a picture to a recipe's working scale."""
    return (vessel_picture if recipe.task == "vessels" else cell_picture)(picture, recipe)
