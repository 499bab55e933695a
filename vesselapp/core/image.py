"""Pictures from disk: any common encoding in, one kind of image out.

The format is told by a file's content, never by its name. Whatever the encoding, the result is upright sRGB
in eight bits: the same picture saved without loss in two formats gives the same pixels. Colour profiles are
not applied.
"""

import contextlib
import hashlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.errors import VesselError
from vesselapp.core.files import FileState, is_special
from vesselapp.core.image_decode import (
    HEAD_BYTES,
    MAX_PIXELS,
    Damaged,
    Decoded,
    Unsupported,
    decode,
    decode_orientation,
    decode_size,
    picture_kind,
)

MAX_FILE_BYTES = 8 * 2**30
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".btf", ".bmp", ".webp", ".gif")

KINDS_HINT = "PNG, JPEG, TIFF, BMP, WebP and GIF can be opened."

_DAMAGED_HINT = "Fetch the file again, or save it anew with another program."


@dataclass(frozen=True, eq=False)
class Image:
    """A picture in memory.

    Attributes
    ----------
    pixels : (H, W, 3) uint8
        Upright sRGB, C-contiguous.
    path : Path or None
        Where it was read from.
    sha256 : str
        Hash of the file's bytes, in hexadecimal.
    spacing_um : (float, float) or None
        Height and width of a pixel in µm, where the file tells it.
    notes : tuple of str
        What a person should know about how the file was read, one sentence each.
    file : FileState or None
        The file's when it was read.
    """

    pixels: NDArray[np.uint8]
    path: Path | None
    sha256: str
    spacing_um: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    file: FileState | None = None


def read_image(path: str | os.PathLike[str]) -> Image:
    """Read a picture.

    Eight bits a sample are taken as they are. Wider values are brought to 0-255 from the smallest of 8,
    10, 12, 14 and 16 bits that holds the highest of them; float values from 0-1 where they lie in it.
    Transparent parts are laid on black. Of several pages or frames the first is taken, with a note.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    Image

    Raises
    ------
    VesselError
        Where there is no picture to be had, whatever the reason.
    """
    path = Path(path)
    with _told(path):
        data, file = _read_bytes(path)
        with io.BytesIO(data) as stream:
            _check_size(path.name, *decode_size(stream))
        decoded: Decoded = decode(data)
    digest = hashlib.sha256(data).hexdigest()
    return Image(decoded.pixels, path, digest, decoded.spacing_um, decoded.notes, file)


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Give height and width in px of the upright picture, without decoding it.

    Raises
    ------
    VesselError
        Where the file's head can't be read.
    """
    path = Path(path)
    with _told(path), path.open("rb") as file:
        return decode_size(file)


def is_stored_turned(path: str | os.PathLike[str]) -> bool:
    """Tell whether a picture is stored turned or mirrored, and upright only by its EXIF data.

    Raises
    ------
    VesselError
        Where the file's head can't be read.
    """
    path = Path(path)
    with _told(path), path.open("rb") as file:
        return 2 <= decode_orientation(file) <= 8


def natural_key(name: str) -> list[tuple[int, str]]:
    """Give a sort key under which ``a2`` comes before ``a10`` and upper and lower case are alike."""
    pieces = re.split(r"(\d+)", name.casefold())
    return [(int(piece), "") if piece.isdecimal() else (0, piece) for piece in pieces]


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong inside into one sentence about the file."""
    name = path.name or str(path)
    try:
        if path.is_dir():
            raise VesselError(f"{name} is a folder, not a picture.", "Choose a picture in it.")
        if is_special(path):
            raise VesselError(f"{name} is a pipe or a device, not a picture.", "Choose a picture's file.")
        yield
    except Unsupported as problem:
        raise VesselError(f"{name} can't be read: {problem}.", KINDS_HINT) from problem
    except Damaged as problem:
        raise VesselError(f"{name} is damaged or cut short, so it can't be read.", _DAMAGED_HINT) from problem
    except MemoryError as problem:
        text = f"{name} is too big for this computer's memory."
        raise VesselError(text, "Close other programs.") from problem
    except FileNotFoundError as problem:
        raise VesselError(f"{path} doesn't exist.", "Check how the name is spelt.") from problem
    except (OSError, ValueError) as problem:
        raise VesselError(f"{name} can't be opened: {_reason(problem)}.") from problem


def _read_bytes(path: Path) -> tuple[bytes, FileState]:
    """Read a whole file, once it is plain from its head that it is a picture of a kind we know."""
    with path.open("rb") as file:
        state = FileState.told_by(os.fstat(file.fileno()))
        picture_kind(file.read(HEAD_BYTES))
        if state.size > MAX_FILE_BYTES:
            raise VesselError(f"{path.name} is a file of {state.size / 2**30:.0f} GiB, which is too big.")
        file.seek(0)
        return file.read(), state


def _reason(problem: Exception) -> str:
    if isinstance(problem, PermissionError):
        return "you have no permission to read it"
    text = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
    return text[:1].lower() + text[1:]


def _check_size(name: str, height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise VesselError(
            f"{name} says it has {width} x {height} pixels ({height * width / 1e6:,.0f} megapixels), "
            f"more than the {MAX_PIXELS // 10**6} megapixels that can be opened.",
            "Save a smaller copy of it.",
        )
    if height < 1 or width < 1:
        raise VesselError(f"{name} has no pixels.", _DAMAGED_HINT)
