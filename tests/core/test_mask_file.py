"""How masks made elsewhere are read, whatever values they are written with and however they are turned."""

import gzip
import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vesselapp.core.errors import VesselError
from vesselapp.core.image_values import upright
from vesselapp.core.mask_file import read_mask

SIZE = (40, 50)


def blob(height: int = 40, width: int = 50) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (x - 20) ** 2 + (y - 18) ** 2 < 11**2


RED = blob()[:, :, None] * np.array([255, 0, 0], np.uint8)


def blocks(side: int) -> np.ndarray:
    """Numbers of square objects that touch, in an order of their own."""
    rows, columns = np.mgrid[:40, :50] // side
    return np.asarray(1 + (rows * 37 + columns * 101) % 300)


@pytest.mark.parametrize(
    "values",
    [
        blob(),
        blob() * np.uint8(1),
        blob() * np.uint8(76),
        blob() * np.uint8(255),
        blob() * np.uint16(65535),
        blob() * np.float32(1),
        RED,
        np.repeat(blob()[..., None], 3, 2) * np.array([0, 200, 0], np.uint8),
        np.dstack([np.full((*SIZE, 3), 255, np.uint8), blob() * np.uint8(255)]),
    ],
    ids=["bits", "one", "gray", "white", "16 bit", "float", "red", "green", "alpha"],
)
def test_of_two_values_the_higher_is_foreground(tmp_path: Path, values: np.ndarray) -> None:
    file = tmp_path / ("a.tif" if values.dtype.kind == "f" else "a.png")
    PIL.Image.fromarray(values).save(file)
    assert np.array_equal(read_mask(file, SIZE).marked, blob())
    assert read_mask(file).numbers is None
    PIL.Image.fromarray(np.zeros_like(values)).save(file)
    assert not read_mask(file).marked.any()


def test_of_two_values_above_0_the_higher_is_foreground(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.where(blob(), 200, 90).astype(np.uint8)).save(tmp_path / "a.png")
    assert np.array_equal(read_mask(tmp_path / "a.png").marked, blob())


@pytest.mark.parametrize("written", [(0, 2**32 - 1), (0, 2**31 + 7), (0, 2**31 + 7, 2**32 - 1)])
def test_numbers_of_32_bit_without_a_sign_are_marked(tmp_path: Path, written: tuple[int, ...]):
    """A label of objects is often written so; Pillow takes such numbers for negative ones."""
    order = blob().astype(int)
    order[:8] = len(written) - 1
    tifffile.imwrite(tmp_path / "a.tif", np.array(written, np.uint32)[order])
    found = read_mask(tmp_path / "a.tif", SIZE)
    assert np.array_equal(found.marked, order > 0)
    assert found.numbers is None or np.array_equal(found.numbers, order)


@pytest.mark.parametrize("side", [1, 3, 9])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("most", [3, 250, 300])
def test_numbers_of_objects_are_foreground(tmp_path: Path, side: int, kind: type, most: int) -> None:
    numbers = blocks(side) * blob()
    if side == 1:  # lone px
        numbers = np.where((np.indices(SIZE) % 2).any(axis=0), 0, numbers)
    numbers = numbers % 4 if most == 3 else np.minimum(numbers, most)
    tifffile.imwrite(tmp_path / "a.tif", numbers.astype(kind))
    if most == 300 and kind is np.uint8:
        return  # they don't fit
    mask = read_mask(tmp_path / "a.tif", SIZE)
    assert np.array_equal(mask.marked, numbers > 0)
    assert mask.numbers is not None
    assert np.array_equal(mask.numbers, numbers)


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.float32])
@pytest.mark.parametrize("most", [1, 2, 100])
def test_what_is_below_0_is_no_foreground(tmp_path: Path, kind: type, most: int) -> None:
    numbers = np.where(blob(), 1 + np.indices(SIZE)[1] // 5 % most, 0)
    left_out = np.where(np.indices(SIZE)[0] == 18, -1, numbers).astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", left_out)
    mask = read_mask(tmp_path / "a.tif", SIZE)
    assert np.array_equal(mask.marked, left_out > 0)
    if most > 1:
        assert np.array_equal(mask.numbers, np.maximum(left_out, 0))
    tifffile.imwrite(tmp_path / "none.tif", np.minimum(left_out, 0) - (left_out < 0))
    assert not read_mask(tmp_path / "none.tif").marked.any()


@pytest.mark.parametrize("numbers", [(57, 212), (5, 130), (1000, 300), (100, 200)])
@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32, np.uint8])
def test_two_objects_with_large_numbers_are_both_foreground(
    tmp_path: Path, numbers: tuple[int, int], kind: type
) -> None:
    plane = np.zeros(SIZE, kind)
    plane[4:30, 3:20], plane[10:36, 20:48] = (np.array(number).astype(kind) for number in numbers)
    tifffile.imwrite(tmp_path / "a.tif", plane)
    mask = read_mask(tmp_path / "a.tif", SIZE)
    assert np.array_equal(mask.marked, plane > 0)
    assert mask.numbers is not None
    assert np.array_equal(mask.numbers, plane)


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
@pytest.mark.parametrize("first", [950, 300])
def test_numbers_that_lie_close_together_are_numbers(tmp_path: Path, kind: type, first: int) -> None:
    plane = (np.where(blocks(8) > 0, 960 + blocks(8) % 40, 0) * blob()).astype(kind)
    plane[:6, :9] = first
    tifffile.imwrite(tmp_path / "a.tif", plane)
    mask = read_mask(tmp_path / "a.tif", SIZE)
    assert mask.numbers is not None
    assert np.array_equal(mask.numbers, plane)


def test_colours_of_objects_are_their_numbers(tmp_path: Path) -> None:
    numbers = blocks(7) * blob()
    colours = np.random.default_rng(3).integers(40, 255, (400, 3), np.uint8)
    colours[0] = 0
    PIL.Image.fromarray(colours[numbers]).save(tmp_path / "a.png")
    mask = read_mask(tmp_path / "a.png", SIZE)
    assert np.array_equal(mask.marked, numbers > 0)
    assert mask.numbers is not None
    pairs = np.unique(np.stack([mask.numbers.ravel(), numbers.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(numbers)) == len(np.unique(mask.numbers))


@pytest.mark.parametrize(("gray", "counts"), [(127, False), (128, True)])
@pytest.mark.parametrize("deep", [False, True])
def test_of_a_bright_mask_with_gray_areas_the_upper_half_is_foreground(
    tmp_path: Path, gray: int, counts: bool, deep: bool
) -> None:
    plane = blob() * np.uint8(255)
    plane[32:38, 10:40] = gray
    values = plane * np.uint16(257) if deep else plane
    PIL.Image.fromarray(values).save(tmp_path / "a.png")
    mask = read_mask(tmp_path / "a.png")
    assert mask.marked[32:38, 10:40].all() == mask.marked[32:38, 10:40].any() == counts
    assert mask.marked[blob()].all()
    assert mask.numbers is None


def test_soft_edges_are_cut_at_half(tmp_path: Path) -> None:
    for width in (300, 60):  # a large thing, and a thin one
        large = PIL.Image.fromarray(np.pad(np.full((600, width), 255, np.uint8), 200))
        small = large.resize((large.width // 10, large.height // 10), PIL.Image.Resampling.BICUBIC)
        small.rotate(7, PIL.Image.Resampling.BICUBIC).save(tmp_path / "a.png")
        mask = read_mask(tmp_path / "a.png")
        values = np.asarray(PIL.Image.open(tmp_path / "a.png"))
        assert len(np.unique(values)) > 5
        assert mask.numbers is None
        assert np.array_equal(mask.marked, values > 127)


def test_of_a_probability_the_upper_half_is_foreground(tmp_path: Path) -> None:
    probability = np.tile(np.linspace(0, 1, 50, dtype=np.float32), (40, 1))
    tifffile.imwrite(tmp_path / "p.tif", probability)
    assert np.array_equal(read_mask(tmp_path / "p.tif", SIZE).marked, probability > 0.5)
    gray = np.round(probability * 255).astype(np.uint8)
    gray[::2] = np.maximum(gray[::2], 1) - 1  # no two rows alike
    PIL.Image.fromarray(gray).save(tmp_path / "p.png")
    assert np.array_equal(read_mask(tmp_path / "p.png").marked, gray > 127)


@pytest.mark.parametrize("plane", [blob() * np.uint8(255), RED], ids=["white", "red"])
def test_noise_of_jpeg_is_no_foreground(tmp_path: Path, plane: np.ndarray) -> None:
    PIL.Image.fromarray(plane).save(tmp_path / "a.jpg", quality=85)
    assert np.mean(read_mask(tmp_path / "a.jpg").marked != blob()) < 0.02
    PIL.Image.fromarray(blob() * np.uint8(1)).save(tmp_path / "a.jpg", quality=85)
    assert not read_mask(tmp_path / "a.jpg").marked.any()


@pytest.mark.parametrize("values", [blob(), blob().astype(np.uint8) * 255])
def test_a_mask_that_calls_0_white_is_read_as_it_is_stored(tmp_path: Path, values: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "mask.tif", values, photometric="miniswhite")  # its choice for bool
    assert np.array_equal(read_mask(tmp_path / "mask.tif", SIZE).marked, blob())


@pytest.mark.parametrize("ending", ["tif", "jpg"])
@pytest.mark.parametrize("inks", [slice(3), slice(3, 4)], ids=["colours", "black"])
def test_a_mask_in_inks_is_read_as_it_looks(tmp_path: Path, inks: slice, ending: str) -> None:
    values = np.zeros((*SIZE, 4), np.uint8)
    values[~blob(), inks] = 255
    PIL.Image.fromarray(values, "CMYK").save(tmp_path / f"mask.{ending}")
    assert np.mean(read_mask(tmp_path / f"mask.{ending}").marked != blob()) < 0.02


@pytest.mark.parametrize("colour", [(255, 255, 255), (255, 0, 0), (0, 160, 0)])
@pytest.mark.parametrize("kind", ["gif", "quantised", "adaptive"])
def test_a_mask_with_a_palette_that_a_program_made_is_read_as_it_looks(
    tmp_path: Path, colour: tuple[int, int, int], kind: str
) -> None:
    picture = PIL.Image.fromarray(blob()[..., None] * np.array(colour, np.uint8))
    file = tmp_path / ("a.gif" if kind == "gif" else "a.png")
    if kind == "quantised":
        picture = picture.quantize(2)
    elif kind == "adaptive":
        picture = picture.convert("P", palette=PIL.Image.Palette.ADAPTIVE, colors=2)
    picture.save(file)
    assert np.array_equal(read_mask(file, SIZE).marked, blob())


def test_a_palette_of_white_outside_and_red_inside_is_read_by_its_numbers(tmp_path: Path) -> None:
    palette = PIL.Image.fromarray(blob().astype(np.uint8), "P")
    palette.putpalette([255, 255, 255, 200, 0, 0])
    palette.save(tmp_path / "palette.png")
    assert np.array_equal(read_mask(tmp_path / "palette.png", SIZE).marked, blob())


def test_labels_with_a_palette_are_read_by_their_numbers(tmp_path: Path) -> None:
    labels = blob() * np.tile(np.arange(50, dtype=np.uint8) % 3 + 1, (40, 1))
    picture = PIL.Image.fromarray(labels.astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 0, 0, 0])  # the third label has no colour of its own
    picture.save(tmp_path / "labels.png")
    mask = read_mask(tmp_path / "labels.png", SIZE)
    assert np.array_equal(mask.marked, blob())
    assert np.array_equal(mask.numbers, labels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "a.tif.gz"])
def test_a_mask_is_turned_as_its_orientation_says(tmp_path: Path, orientation: int, name: str) -> None:
    file, values, exif = io.BytesIO(), blob() * np.uint8(255), PIL.Image.Exif()
    exif[0x0112] = orientation
    if ".tif" in name:
        tag = (0x0112, "H", 1, orientation, True)
        tifffile.imwrite(file, values, photometric="minisblack", extratags=[tag], metadata=None)
    else:
        PIL.Image.fromarray(values).save(file, "PNG" if name == "a.png" else "JPEG", exif=exif)
    data = file.getvalue()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    marked = upright(values, orientation) > 0
    found = read_mask(tmp_path / name, marked.shape).marked
    assert found.shape == marked.shape
    assert np.mean(found != marked) < (0.02 if name == "a.jpg" else 1e-9)
    height, width = marked.shape
    with pytest.raises(VesselError, match=f"it is {width} x {height} px, its picture {height} x {width} px"):
        read_mask(tmp_path / name, (width, height))


def test_a_tiff_that_only_its_xmp_data_turn_is_turned(tmp_path: Path) -> None:
    tag = (700, "B", 21, b'tiff:Orientation="6"\0', True)
    tifffile.imwrite(
        tmp_path / "a.tif", blob() * np.uint8(255), photometric="minisblack", extratags=[tag], metadata=None
    )
    with pytest.raises(VesselError, match="it is 40 x 50 px, its picture 50 x 40 px"):
        read_mask(tmp_path / "a.tif", SIZE)
    assert np.array_equal(read_mask(tmp_path / "a.tif", (50, 40)).marked, np.rot90(blob(), -1))


def test_a_packed_mask_is_unpacked(tmp_path: Path) -> None:
    PIL.Image.fromarray(blob()).save(tmp_path / "a.png")
    (tmp_path / "a.png.gz").write_bytes(gzip.compress((tmp_path / "a.png").read_bytes()))
    assert np.array_equal(read_mask(tmp_path / "a.png.gz").marked, blob())


def test_what_is_no_mask_is_refused_with_a_sentence(tmp_path: Path) -> None:
    PIL.Image.fromarray(blob()).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:-30])
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png.gz").write_bytes(gzip.compress(whole)[:-9])
    header = bytearray(b"BM" + bytes(8) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little") + bytes(36))
    header[18:26], header[28] = b"\xff\xff\xff\xff" * 2, 24
    (tmp_path / "huge.bmp").write_bytes(header)
    tifffile.imwrite(tmp_path / "inf.tif", np.where(blob(), -np.inf, 1).astype(np.float32))
    tifffile.imwrite(tmp_path / "nan.tif", np.where(blob(), np.nan, 0).astype(np.float32))
    for name, sentence in {
        "cut.png": "it can't be read",
        "huge.bmp": "it can't be read",
        "text.png": "it is no picture, or it is damaged",
        "cut.png.gz": "it can't be read",
        "gone.png": "it can't be read",
        "inf.tif": "it holds values that are no numbers",
        "nan.tif": "it holds values that are no numbers",
    }.items():
        with pytest.raises(VesselError, match=f"(?i){sentence}"):
            read_mask(tmp_path / name)
    with pytest.raises(VesselError, match="it is 50 x 40 px, its picture 50 x 41 px"):
        read_mask(tmp_path / "a.png", (41, 50))


@given(values=hnp.arrays(st.sampled_from([np.uint8, np.uint16, np.int32]), (7, 9)))
def test_any_values_give_a_mask_and_numbers_that_agree(values: np.ndarray, tmp_path_factory) -> None:
    file = tmp_path_factory.getbasetemp() / "any.tif"
    tifffile.imwrite(file, values)
    mask = read_mask(file, (7, 9))
    assert mask.marked.shape == (7, 9)
    assert mask.marked.dtype == bool
    if mask.numbers is not None:
        assert np.array_equal(mask.numbers != 0, mask.marked)
