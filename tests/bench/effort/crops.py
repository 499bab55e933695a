"""The crops of real pictures that are corrected, with the shipped model's answer and an observer's mask."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image as Pictures

from tests.bench.effort.desk import Desk
from vesselapp.core.evidence import level_of, quantise
from vesselapp.core.geometry import Box
from vesselapp.core.image import read_image

DATA = Path(__file__).parents[4] / "shared" / "data" / "fundus"
CROPS = (
    ("chase_db1/images/Image_01L.jpg", "chase_db1/masks/Image_01L_1stHO.png", Box(520, 120, 920, 520)),
    ("chase_db1/images/Image_05R.jpg", "chase_db1/masks/Image_05R_1stHO.png", Box(150, 450, 550, 850)),
    ("hrf/images/01_h.jpg", "hrf/masks/01_h.tif", Box(2000, 500, 2500, 1000)),
)


def desks() -> Iterator[tuple[str, Callable[[], Desk]]]:
    """Give each crop by its picture's name; the model sees the whole picture."""
    from vesselapp.inference.catalog import find_model
    from vesselapp.inference.model import load_model
    from vesselapp.inference.predict import predict

    model = load_model(find_model(None), "cpu")
    for picture, truth, box in CROPS:
        if not (DATA / picture).exists():
            continue
        pixels = read_image(DATA / picture).pixels
        evidence = quantise(predict(model, pixels).probability)
        observer = np.asarray(Pictures.open(DATA / truth).convert("L")) > 127
        parts = [np.ascontiguousarray(plane[box.slices]) for plane in (pixels, evidence, observer)]
        level = level_of(model.card.threshold)
        yield Path(picture).stem, lambda parts=parts, level=level: Desk(parts[0], parts[1], level, parts[2])
