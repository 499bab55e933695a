"""Small real files in many encodings, where they are at hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from vesselapp.core.errors import VesselError
from vesselapp.core.image import image_size, read_image

FORMATS = Path(__file__).parents[2].parent / "shared" / "data" / "formats"
pytestmark = [
    pytest.mark.skipif(
        not FORMATS.is_dir(), reason="the format samples (../shared/data/formats) aren't here"
    ),
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
]
FOLDERS = ("jpeg_webp", "png", "tiff", "corrupt", "dicom")
FILES = sorted(p for folder in FOLDERS for p in (FORMATS / folder).glob("*")) if FORMATS.is_dir() else []
MAY_FAIL = ("corrupt", "dicom")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_sample_gives_pixels_or_a_sentence(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    try:
        image = read_image(path)
    except VesselError:
        if path.parent.name not in MAY_FAIL:
            raise
    else:
        assert image.pixels.shape == (*image_size(path), 3)
        assert image.pixels.dtype == np.uint8
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", [f"hopper_orientation_{n}.jpg" for n in range(2, 9)])
def test_rotated_pictures_agree(name: str) -> None:
    folder = FORMATS / "jpeg_webp"
    pixels = read_image(folder / name).pixels.astype(int)
    with Pillow.open(folder / name) as picture:
        np.testing.assert_array_equal(pixels, np.asarray(ImageOps.exif_transpose(picture)))
    # They were turned before they were encoded, and JPEG thins colour more across than down.
    upright = read_image(folder / "hopper_orientation_2.jpg").pixels
    assert np.abs(pixels - upright).mean() < 4


def test_inks_of_tiff_and_jpeg_agree() -> None:
    jpeg = read_image(FORMATS / "jpeg_webp" / "pil_sample_cmyk.jpg").pixels
    for name in ("tiff_strip_cmyk_jpeg.tif", "tiff_tiled_cmyk_jpeg.tif"):
        np.testing.assert_allclose(read_image(FORMATS / "tiff" / name).pixels, jpeg, atol=2)


def test_sixteen_bit_layouts_agree() -> None:
    names = (
        "tiff_16bit_RGB",
        "tiff_16bit_RGBa",
        "tiff_strip_planar_16bit_RGB",
        "tiff_tiled_planar_16bit_RGBa",
    )
    first, *others = (read_image(FORMATS / "tiff" / f"{name}.tiff").pixels for name in names)
    assert np.ptp(first) > 100
    for other in others:
        np.testing.assert_array_equal(other, first)
