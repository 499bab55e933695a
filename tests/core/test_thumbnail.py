from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from vesselapp.core.errors import VesselError
from vesselapp.core.image import read_image
from vesselapp.core.thumbnail import thumbnail


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * y / height, 255 * x / width, 128 + 0 * x], axis=2).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_a_thumbnail_is_the_picture_made_small(tmp_path: Path, suffix: str) -> None:
    pixels = smooth(900, 1300)
    PIL.Image.fromarray(pixels).save(tmp_path / f"a.{suffix}")
    small = thumbnail(tmp_path / f"a.{suffix}", 100)
    assert small.shape == (69, 100, 3)
    expected = np.asarray(PIL.Image.fromarray(pixels).resize((100, 69), PIL.Image.Resampling.BOX), float)
    assert np.abs(small - expected).max() < 12


def test_a_turned_jpeg_is_upright(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.fromarray(smooth(400, 600)).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    small, whole = thumbnail(tmp_path / "turned.jpg", 60), read_image(tmp_path / "turned.jpg").pixels
    assert small.shape[0] > small.shape[1]
    corner = whole[:40, :40].mean(axis=(0, 1))
    assert np.abs(small[:4, :4].mean(axis=(0, 1)) - corner).max() < 12


def test_small_pictures_are_not_blown_up(tmp_path: Path) -> None:
    PIL.Image.fromarray(smooth(20, 30)).save(tmp_path / "a.png")
    assert thumbnail(tmp_path / "a.png", 100).shape == (20, 30, 3)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_damaged_picture_is_told(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a.{suffix}"
    PIL.Image.fromarray(smooth(300, 300)).save(file)
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(VesselError):
        thumbnail(file, 50)
