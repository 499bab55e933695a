"""Pixel spacing is taken where a file really tells it."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from vesselapp.core.image import read_image

PIXELS = np.arange(200, dtype=np.uint8).reshape(10, 20)


@pytest.mark.parametrize(("unit", "factor"), [("µm", 1.0), ("nm", 1e-3), ("mm", 1e3)])
def test_ome(unit: str, factor: float, tmp_path: Path) -> None:
    metadata = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
    metadata |= {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}
    tifffile.imwrite(tmp_path / "a.ome.tif", PIXELS, metadata=metadata)
    assert read_image(tmp_path / "a.ome.tif").spacing_um == pytest.approx((0.25 * factor, 0.5 * factor))


@pytest.mark.parametrize("unit", ["micron", "um", "\\u00B5m"])
def test_imagej(unit: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, imagej=True, resolution=(2, 4), metadata={"unit": unit})
    assert read_image(tmp_path / "a.tif").spacing_um == pytest.approx((0.25, 0.5))


def test_a_turned_picture_has_turned_pixels(tmp_path: Path) -> None:
    metadata = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
    turn = [(274, "H", 1, 6, True)]
    tifffile.imwrite(tmp_path / "a.ome.tif", PIXELS, metadata=metadata, extratags=turn)
    image = read_image(tmp_path / "a.ome.tif")
    assert image.pixels.shape == (20, 10, 3)
    assert image.spacing_um == pytest.approx((0.5, 0.25))


@pytest.mark.parametrize(
    "options",
    [
        {"resolution": (72, 72), "resolutionunit": "INCH", "metadata": None},
        {"imagej": True, "resolution": (2, 4), "metadata": {"unit": "pixel"}},
        {"imagej": True},
        {"ome": True, "metadata": {"axes": "YX"}},
        {"ome": True, "metadata": {"axes": "YX", "PhysicalSizeX": 0.0, "PhysicalSizeY": 0.0}},
        {"ome": True, "metadata": {"axes": "YX", "PhysicalSizeX": 1, "PhysicalSizeXUnit": "parsec"}},
    ],
)
def test_what_is_not_told_is_not_made_up(options: dict, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, **options)
    assert read_image(tmp_path / "a.tif").spacing_um is None
