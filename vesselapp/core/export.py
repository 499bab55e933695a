"""Masks, overlays and probabilities as files that any other program can read."""

import contextlib
import hashlib
import json
import shutil
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

import vesselapp
from vesselapp.core.errors import VesselError
from vesselapp.core.files import (
    TEMPORARY_PREFIX,
    atomic_write,
    file_sha256,
    is_of_browser,
    is_special,
    is_there,
    patiently,
    reason,
    sync_folder,
    telling,
)
from vesselapp.core.overlay import UNSURE_COLOUR, UNSURE_OPACITY, overlay_pixels

SUFFIXES = {
    "mask": "_mask.png",
    "overlay": "_overlay.png",
    "probability": "_probability.tif",
    "objects": "_objects.png",
}
PROVENANCE_SUFFIX = "_mask.json"
UNSURE_SUFFIX = "_unsure.png"

_MARK = b"vesselapp"
_HEAD_BYTES = 1024
_MOST_OBJECTS = 2**16 - 1
_PNG_HEADER_END = 33


def write_mask(path: Path, mask: NDArray[np.bool_]) -> None:
    """Write a mask (``(H, W) bool``) as 8-bit gray PNG: 0 outside, 255 inside."""
    _write(path, _png(mask.astype(np.uint8) * np.uint8(255)))


def write_objects(path: Path, numbers: NDArray[np.int32]) -> None:
    """Write object numbers (``(H, W) int32``, 0 background) as 16-bit gray PNG (VesselError above 65535)."""
    if int(numbers.max(initial=0)) > _MOST_OBJECTS:
        raise VesselError(
            f"There are more than {_MOST_OBJECTS} objects, which a 16-bit picture can't number.",
            "Cut the picture into parts.",
        )
    _write(path, _png(numbers.astype(np.uint16)))


def write_overlay(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write ``(H, W, 3) uint8`` sRGB pixels as PNG."""
    _write(path, _png(pixels))


def write_probability(path: Path, probability: NDArray[np.float32]) -> None:
    """Write probabilities (``(H, W) float32``, 0-1) as a losslessly packed 32-bit float TIFF."""
    import tifffile

    def save(file: BinaryIO) -> None:
        tifffile.imwrite(
            file,
            np.ascontiguousarray(probability, np.float32),
            photometric="minisblack",
            compression="zlib",
            compressionargs={"level": 1},
            metadata=None,
            description="vesselapp: probability of foreground, 0-1",  # holds the mark, near the file's head
        )

    _refuse_foreign(path)
    atomic_write(path, save)


def write_provenance(path: Path, facts: Mapping[str, object]) -> None:
    """Write where a mask comes from (values of JSON): model, threshold, who, when, how much was corrected."""
    text = json.dumps({"software": f"{_MARK.decode()} {vesselapp.__version__}"} | dict(facts), indent=1)
    _write(path, text.encode())


def write_outputs(
    folder: Path,
    stem: str,
    kinds: Sequence[str],
    pixels: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    probability: NDArray[np.float32] | None,
    *,
    colour: tuple[int, int, int] = (255, 0, 0),
    opacity: float = 0.45,
    provenance: Mapping[str, object] | None = None,
    unsure: NDArray[np.bool_] | None = None,
    objects: NDArray[np.int32] | None = None,
) -> dict[str, Path]:
    """Write the wanted files of one picture: all of them, or, where one can't be written, no new one.

    A mask whose provenance lies beside it is a person's: only one with provenance replaces it.

    Parameters
    ----------
    folder : Path
        Must exist.
    stem : str
        What the file names begin with.
    kinds : sequence of str
        Of `SUFFIXES`.
    pixels : (H, W, 3) uint8
    mask : (H, W) bool
    probability : (H, W) float32, 0-1, or None
        None only where it isn't among the kinds.
    colour : (r, g, b)
        Of the overlay.
    opacity : float, 0-1
        Of the overlay.
    provenance : mapping, optional
        Written beside the mask, as ``provenance`` among the paths, with the hash of each file: others there
        are of another export.
    unsure : (H, W) bool, optional
        Where a person could not decide: tinted in the overlay, and, where there are any such px, beside the
        mask as ``unsure`` among the paths; counted in the provenance.
    objects : (H, W) int32, optional
        Object numbers, 0 background; None only where they aren't among the kinds.

    Returns
    -------
    dict
        Path by kind.

    Raises
    ------
    VesselError
        Where a file can't be written, or one would be replaced that isn't ours to replace.
    """
    paths = planned_outputs(folder, stem, kinds, told=provenance, unsure=unsure)
    former = folder / f"{stem}{UNSURE_SUFFIX}"
    stale = "provenance" in paths and "unsure" not in paths and written_by_vesselapp(former)
    with _all_at_once(folder, stem, former if stale else None) as fresh:
        new = {kind: fresh / path.name for kind, path in paths.items()}
        if "mask" in new:
            write_mask(new["mask"], mask)
        if "overlay" in new:
            overlay = overlay_pixels(pixels, mask, colour, opacity)
            if unsure is not None:
                overlay = overlay_pixels(overlay, unsure, UNSURE_COLOUR, UNSURE_OPACITY)
            write_overlay(new["overlay"], overlay)
        if "probability" in new and probability is not None:
            write_probability(new["probability"], probability)
        if "objects" in new and objects is not None:
            write_objects(new["objects"], objects)
        if "provenance" in new and provenance is not None:
            told = _write_unsure(fresh / f"{stem}{UNSURE_SUFFIX}", unsure)
            own = {path.name: file_sha256(path) for kind, path in new.items() if kind != "provenance"}
            write_provenance(new["provenance"], dict(provenance) | {"unsure": told, "files": own})
    return paths


@contextlib.contextmanager
def _all_at_once(folder: Path, stem: str, stale: Path | None) -> Iterator[Path]:
    """Give a folder to write files into that take their places only when all are there.

    It has one name for each stem: what a killed process left goes when the same is written again.

    So a full disk, or a file that another program holds, leaves the files of an earlier export as they were,
    all of them. Of these, the `stale` one goes.
    """
    mark = hashlib.sha256(stem.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    fresh = folder / f"{TEMPORARY_PREFIX}{mark}"
    with telling(f"{folder} can't be written to"):
        if is_there(fresh):
            shutil.rmtree(fresh)
        fresh.mkdir()
    try:
        yield fresh
        _take_places(fresh, folder, stale)
        sync_folder(folder)
    except OSError as problem:
        raise VesselError(f"{folder} can't be written to: {reason(problem)}.") from problem
    except VesselError as problem:  # of the file that was to take its place
        raise VesselError(problem.message.replace(str(fresh), str(folder)), problem.hint) from problem
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _take_places(fresh: Path, folder: Path, stale: Path | None) -> None:
    """Move all files to their places; where one can't be moved, put the former ones back."""
    names = {path.name for path in fresh.iterdir()}
    # `._x` is Finder's beside x alone: a picture may be called so.
    theirs = {name for name in names if is_of_browser(name) and (name[:2] != "._" or name[2:] in names)}
    files = [fresh / name for name in sorted(names - theirs)]
    former = fresh / "former"
    former.mkdir()
    for file in files:
        if is_there(folder / file.name):
            _copy(folder / file.name, former / file.name)
    moved: list[Path] = []
    try:
        for file in files:
            patiently(file.replace, folder / file.name)
            moved.append(folder / file.name)
        if stale is not None:
            patiently(stale.unlink)
    except OSError:
        for path in moved:
            with contextlib.suppress(OSError):
                if is_there(former / path.name):
                    patiently((former / path.name).replace, path)
                else:
                    patiently(path.unlink)
        raise


def _copy(path: Path, target: Path) -> None:
    """Keep a file under a second name; its bytes are copied only where the disk knows no such names."""
    try:
        target.hardlink_to(path)
    except OSError:
        shutil.copy2(path, target)


def planned_outputs(
    folder: Path,
    stem: str,
    kinds: Sequence[str],
    *,
    told: Mapping[str, object] | None,
    unsure: NDArray[np.bool_] | None,
) -> dict[str, Path]:
    """Give the path of each file that `write_outputs` would write, by kind.

    Raises
    ------
    VesselError
        Where one would be replaced that isn't ours to replace.
    """
    paths = {kind: folder / f"{stem}{SUFFIXES[kind]}" for kind in kinds}
    beside = folder / f"{stem}{PROVENANCE_SUFFIX}"
    if told is None and is_there(beside) and paths.keys() & {"mask", "overlay"}:
        raise VesselError(
            f"{beside} tells of a person's corrections, so the mask there is left as it is.",
            "Choose another folder.",
        )
    if told is not None and "mask" in paths:
        paths["provenance"] = beside
        if unsure is not None and unsure.any():
            paths["unsure"] = folder / f"{stem}{UNSURE_SUFFIX}"
    if told is not None and is_there(beside) and _picture_in(beside) not in ("", told.get("sha256")):
        raise VesselError(
            f"In {folder} lie the exported files of another picture that is called {stem} too.",
            "Choose another folder.",
        )
    for path in paths.values():
        _refuse_foreign(path)
    return paths


def _picture_in(beside: Path) -> str:
    """Give the hash of the picture that a provenance file is of; empty where it doesn't say."""
    try:
        return str(json.loads(beside.read_bytes())["sha256"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _write_unsure(path: Path, unsure: NDArray[np.bool_] | None) -> dict[str, object]:
    """Write where a person was unsure, if anywhere, and tell what was written."""
    if unsure is not None and unsure.any():
        write_mask(path, unsure)
        return {"pixels": int(unsure.sum()), "file": path.name}
    return {"pixels": 0, "file": ""}


def written_by_vesselapp(path: Path) -> bool:
    """Tell whether a file carries the mark of the writers above, by its name and its first bytes."""
    if not path.name.endswith((*SUFFIXES.values(), PROVENANCE_SUFFIX, UNSURE_SUFFIX)):
        return False
    try:
        if is_special(path):
            return False
        with path.open("rb") as file:
            return _MARK in file.read(_HEAD_BYTES)
    except OSError:
        return False


def _write(path: Path, data: bytes) -> None:
    _refuse_foreign(path)
    atomic_write(path, data)


def _refuse_foreign(path: Path) -> None:
    """Keep originals safe: only a file of our own is replaced."""
    if is_there(path) and not written_by_vesselapp(path):
        raise VesselError(
            f"{path} was there before and wasn't written by vesselapp, so it is left as it is.",
            "Choose another folder, or move that file away.",
        )


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode quickly rather than tightly, with our mark as the software that wrote it."""
    from imagecodecs import PNG, png_encode

    filtered = {"filter": PNG.FILTER.SUB} if pixels.ndim == 3 else {}
    data = bytes(png_encode(np.ascontiguousarray(pixels), level=1, **filtered))
    text = b"tEXtSoftware\0" + _MARK
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    return data[:_PNG_HEADER_END] + chunk + data[_PNG_HEADER_END:]
