"""A page to look at: picture, truth, answer and errors, one row a case."""

import base64
import html
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.evaluate import answer_picture
from trainer.pictures import read_picture
from trainer.readers import Case
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import level_of
from vesselapp.core.files import atomic_write
from vesselapp.core.scaling import resize_pixels
from vesselapp.inference.model import Model

_WIDTH, _HEIGHT, _BETWEEN = 420, 4000, 4
_SHEET = 12_000
_HIT, _WRONG, _MISSED = (255, 255, 255), (230, 80, 30), (60, 130, 255)


def error_picture(
    mask: NDArray[np.bool_], truth: NDArray[np.bool_], inside: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Draw right px white, px too many orange, missed px blue: (H, W, 3) uint8."""
    out = np.zeros((*mask.shape, 3), np.uint8)
    for where, colour in ((mask & truth, _HIT), (mask & ~truth, _WRONG), (~mask & truth, _MISSED)):
        out[where & inside] = colour
    return out


def write_gallery(model: Model, cases: list[Case], out: Path, threshold: float | None = None) -> None:
    """Write ``gallery.html``, a row a case with picture, truth, answer and errors, and ``gallery.png``.

    The page is written row by row, so that memory is the same for any number of cases; the PNG holds as many
    of its first rows as `_SHEET` px hold.
    """
    level = level_of(model.card.threshold if threshold is None else threshold)
    sheet: list[NDArray[np.uint8]] = []

    def write(file: BinaryIO) -> None:
        file.write(_HEAD.format(name=html.escape(model.card.name)).encode())
        height = 0
        for case in cases:
            row = _row(model, case, level)
            source = base64.b64encode(_packed(row)).decode()
            file.write(f'<h2>{html.escape(case.key)}</h2><img src="data:image/png;base64,{source}">'.encode())
            height += row.shape[0] + _BETWEEN
            if height <= _SHEET:
                sheet.append(row)

    out.mkdir(parents=True, exist_ok=True)
    atomic_write(out / "gallery.html", write)
    width = max(row.shape[1] for row in sheet)
    padded = [np.pad(row, ((0, _BETWEEN), (0, width - row.shape[1]), (0, 0))) for row in sheet]
    atomic_write(out / "gallery.png", _packed(np.vstack(padded)))


def _row(model: Model, case: Case, level: int) -> NDArray[np.uint8]:
    picture = read_picture(case, model.card.task)
    answer = answer_picture(model, picture.pixels, level)
    truth, mask = (np.repeat(np.uint8(255) * m[:, :, None], 3, axis=2) for m in (picture.mask, answer.mask))
    errors = error_picture(answer.mask, picture.mask, picture.inside)
    return np.hstack([_small(plane) for plane in (picture.pixels, truth, mask, errors)])


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring a picture to `_WIDTH` px, or to `_HEIGHT` px where it is taller than that."""
    height, width = pixels.shape[:2]
    scale = min(_WIDTH / width, _HEIGHT / height)
    return resize_pixels(pixels, max(1, round(height * scale)), max(1, round(width * scale)))


def _packed(pixels: NDArray[np.uint8]) -> bytes:
    done, packed = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    if not done:
        raise VesselError("A picture of the gallery can't be packed as PNG.")
    return packed.tobytes()


_HEAD = """<!doctype html><meta charset="utf-8"><title>{name}</title>
<style>body{{background:#16181c;color:#ddd;font:14px sans-serif}}
h2{{font-size:14px;margin:14px 0 4px}}</style>
<h1>{name}</h1><p>Picture, truth, answer, errors (white: right, orange: too much, blue: missed).</p>
"""
