"""A page to look at: picture, truth, answer and errors, one row a case."""

import base64
import html
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.evaluate import answer_picture
from trainer.pictures import read_picture
from trainer.readers import Case
from vesselapp.core.evidence import level_of
from vesselapp.core.files import atomic_write
from vesselapp.core.scaling import resize_pixels
from vesselapp.inference.model import Model

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
    """Write ``gallery.html`` and ``gallery.png``: a row a case with picture, truth, answer, errors."""
    level = level_of(model.card.threshold if threshold is None else threshold)
    rows, parts = [], []
    for case in cases:
        picture = read_picture(case, model.card.task)
        answer = answer_picture(model, picture.pixels, level)
        truth, mask = (
            np.repeat(np.uint8(255) * m[:, :, None], 3, axis=2) for m in (picture.mask, answer.mask)
        )
        errors = error_picture(answer.mask, picture.mask, picture.inside)
        row = np.hstack([_small(plane) for plane in (picture.pixels, truth, mask, errors)])
        rows.append(row)
        packed = cv2.imencode(".png", cv2.cvtColor(row, cv2.COLOR_RGB2BGR))[1].tobytes()
        source = base64.b64encode(packed).decode()
        parts.append(f'<h2>{html.escape(case.key)}</h2><img src="data:image/png;base64,{source}">')
    out.mkdir(parents=True, exist_ok=True)
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 4), (0, width - row.shape[1]), (0, 0))) for row in rows]
    sheet = cv2.imencode(".png", cv2.cvtColor(np.vstack(padded), cv2.COLOR_RGB2BGR))[1].tobytes()
    atomic_write(out / "gallery.png", sheet)
    atomic_write(
        out / "gallery.html", _PAGE.format(name=html.escape(model.card.name), rows="".join(parts)).encode()
    )


def _small(pixels: NDArray[np.uint8], width: int = 420) -> NDArray[np.uint8]:
    return resize_pixels(pixels, max(1, round(pixels.shape[0] * width / pixels.shape[1])), width)


_PAGE = """<!doctype html><meta charset="utf-8"><title>{name}</title>
<style>body{{background:#16181c;color:#ddd;font:14px sans-serif}}
h2{{font-size:14px;margin:14px 0 4px}}</style>
<h1>{name}</h1><p>Picture, truth, answer, errors (white: right, orange: too much, blue: missed).</p>{rows}
"""
