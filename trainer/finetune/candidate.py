"""From a tuned net to the candidate's file: its weights, its card, and the check that the file is the net."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.export import Shipped, export_like
from trainer.nets import Segmenter, stride_of
from trainer.recipes import Recipe
from trainer.ship import NOT_STATED, UNKNOWN_TERMS
from vesselapp.core.errors import VesselError
from vesselapp.core.model_card import Figures, ModelCard, Source
from vesselapp.core.stamps import time_stamp
from vesselapp.inference.model import load_model
from vesselapp.study.verdict import Verdict

PARITY = 1e-3
"""So much a file's answer may differ from its net's (probability)."""
_PART = 512


def blended(base: Segmenter, tuned: dict[str, torch.Tensor], share: float) -> dict[str, torch.Tensor]:
    """Average two nets' weights: ``share`` (0-1) of the tuned ones, the rest of the base's."""
    out = {}
    for key, old in base.state_dict().items():
        new = tuned[key].to(old.device)
        out[key] = old.lerp(new.to(old.dtype), share) if old.is_floating_point() else new
    return out


def write_candidate(
    net: Segmenter,
    recipe: Recipe,
    base: Path,
    path: Path,
    card: ModelCard,
    pictures: Sequence[NDArray[np.uint8]],
) -> float:
    """Write a candidate's file and hold it to its net on real pictures, through the app's engine.

    Parameters
    ----------
    net : Segmenter
    recipe : Recipe
        The base's.
    base : Path
        File whose graph is taken.
    path : Path
    card : ModelCard
    pictures : sequence of (H, W, 3) uint8
        At working scale.

    Returns
    -------
    float
        The largest difference in probability, 0-1.

    Raises
    ------
    VesselError
        Where the file answers otherwise than the net.
    """
    export_like(base, net, path, card)
    shipped = Shipped(net.eval().float().cpu(), recipe.views).eval()
    model, stride, largest = load_model(path, "cpu"), stride_of(recipe), 0.0
    for pixels in pictures:
        part = _part(pixels, stride)
        with torch.no_grad():
            wanted = shipped(torch.from_numpy(part[None]))[0].numpy()
        largest = max(largest, float(np.abs(model.run(part[None]) - wanted).max()))
    if not largest < PARITY:
        path.unlink(missing_ok=True)
        raise VesselError(
            f"The exported file answers differently from the net (by {largest:.4f}).", "Train anew."
        )
    return largest


def tuned_card(
    base: ModelCard,
    *,
    parent: str,
    study: str,
    threshold: float,
    learnt: int,
    replayed: Sequence[Source],
    config: dict[str, Any],
    command: str,
) -> ModelCard:
    """Give a candidate's card: its parent's, with what was learnt since, ``replayed`` of old ground."""
    again = [source.model_copy(update={"name": f"{source.name}, replayed"}) for source in replayed]
    stated = all(source.licence != NOT_STATED for source in replayed)
    source = Source(name=f"study {study}", licence="the study's own", pictures=learnt)
    first = base.name.partition(", tuned")[0]
    limit = f"Fine-tuned on {learnt} pictures of one study; on other pictures it may do worse than before."
    limits = [one for one in base.limits if not one.startswith("Fine-tuned on ")]
    return base.model_copy(
        update={
            "name": f"{first}, tuned on {study}",
            "parent": parent,
            "threshold": threshold,
            "timestamp": time_stamp(),
            "command": command,
            "training_data": (*base.training_data, *again, source),
            "licence": base.licence if stated else UNKNOWN_TERMS,
            "validation": (),
            "limits": (*limits, limit),
            "config": {**base.config, "finetune": config},
        }
    )


def judged_card(card: ModelCard, verdict: Verdict, *, crossed: bool = False) -> ModelCard:
    """Give a candidate's card with what the gate found.

    Parameters
    ----------
    card : ModelCard
    verdict : Verdict
    crossed : bool
        Whether the candidate has learnt the pictures that judge, and others made like it were judged.
    """
    by_others = ", by models made like this one that had not learnt them"
    figures = tuple(
        Figures(
            name=row.set + (by_others if crossed and row.ground == "new" else ""),
            pictures=row.pictures,
            values={row.measure.lower(): round(row.candidate, 4), "before": round(row.incumbent, 4)},
        )
        for row in verdict.table
    )
    plain = dataclasses.asdict(verdict)
    kept = {key: plain[key] for key in ("verdict", "sentence", "offered", "table", "incumbent_sha256")}
    tuned = {**card.config["finetune"], "verdict": kept}
    return card.model_copy(update={"validation": figures, "config": {**card.config, "finetune": tuned}})


def _part(pixels: NDArray[np.uint8], stride: int) -> NDArray[np.uint8]:
    """Cut the middle of a picture, its sides multiples of the stride."""
    rows, columns = (min(_PART, side // stride * stride) for side in pixels.shape[:2])
    if not rows or not columns:
        rows, columns = (-(-side // stride) * stride for side in pixels.shape[:2])
        more = (rows - pixels.shape[0], columns - pixels.shape[1])
        return np.pad(pixels, ((0, more[0]), (0, more[1]), (0, 0)), mode="symmetric")
    top, left = (pixels.shape[0] - rows) // 2, (pixels.shape[1] - columns) // 2
    return np.ascontiguousarray(pixels[top : top + rows, left : left + columns])
