"""One picture in many encodings, for the tests of reading."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image as Pillow

Pixels = NDArray[np.uint8]
Writer = Callable[[Path, Pixels], object]


def colour_picture(height: int = 48, width: int = 65) -> Pixels:
    """Draw a picture that is alike in no direction and uses all of 0-255."""
    y, x = np.mgrid[0:height, 0:width]
    red = (x * 255) // (width - 1)
    green = (y * 255) // (height - 1)
    blue = (x * 7 + y * 13) % 256
    return np.stack([red, green, blue], axis=2).astype(np.uint8)


def few_colours(pixels: Pixels) -> Pixels:
    """Round colours so that a palette of 256 holds them."""
    return (pixels // 86 * 86).astype(np.uint8)


def gray_picture(height: int = 48, width: int = 65) -> Pixels:
    """Give three equal channels that use all of 0-255."""
    return np.repeat(colour_picture(height, width)[..., :1], 3, axis=2)


def _pillow(mode: str | None = None, **options: object) -> Writer:
    def write(path: Path, pixels: Pixels) -> None:
        picture = Pillow.fromarray(pixels)
        (picture.convert(mode) if mode else picture).save(path, **options)

    return write


def _tiff(change: Callable[[Pixels], NDArray] = lambda p: p, **options: object) -> Writer:
    def write(path: Path, pixels: Pixels) -> None:
        tifffile.imwrite(path, np.ascontiguousarray(change(pixels)), **options)

    return write


def _with_alpha(pixels: Pixels) -> Pixels:
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


def _inks(pixels: Pixels) -> Pixels:
    return np.dstack([255 - pixels, np.zeros(pixels.shape[:2], np.uint8)])


def _palette_png(path: Path, pixels: Pixels) -> None:
    colours, index = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    picture = Pillow.fromarray(index.reshape(pixels.shape[:2]).astype(np.uint8), "L").convert("P")
    picture.putdata(list(index.ravel()))
    picture.putpalette(colours.ravel().tolist())
    picture.save(path)


def _palette_tiff(path: Path, pixels: Pixels) -> None:
    colours, index = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    table = np.zeros((3, 256), np.uint16)
    table[:, : len(colours)] = colours.T.astype(np.uint16) * 257
    index = index.reshape(pixels.shape[:2]).astype(np.uint8)
    tifffile.imwrite(path, index, photometric="palette", colormap=table)


def png_bytes(values: NDArray, *, interlaced: bool = False) -> bytes:
    """Encode a PNG by hand (8 or 16 bits; gray, gray + alpha, RGB, RGBA), each row unfiltered."""
    values = values[..., None] if values.ndim == 2 else values
    height, width, channels = values.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    big = values.astype(values.dtype.newbyteorder(">"))
    passes = [(0, 0, 1, 1)]
    if interlaced:  # Adam7: row and column to start from, and steps
        passes = [
            (0, 0, 8, 8),
            (0, 4, 8, 8),
            (4, 0, 8, 4),
            (0, 2, 4, 4),
            (2, 0, 4, 2),
            (0, 1, 2, 2),
            (1, 0, 2, 1),
        ]
    rows = [b"\0" + row.tobytes() for t, s, dy, dx in passes for row in big[t::dy, s::dx] if row.size]
    header = struct.pack(
        ">IIBBBBB", width, height, values.dtype.itemsize * 8, colour_type, 0, 0, int(interlaced)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        png_chunk(kind, body)
        for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    )


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Give a PNG chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _hand_png(change: Callable[[Pixels], NDArray], *, interlaced: bool = False) -> Writer:
    return lambda path, pixels: path.write_bytes(png_bytes(change(pixels), interlaced=interlaced))


def _wide(pixels: Pixels) -> NDArray[np.uint16]:
    return pixels.astype(np.uint16) * 257


def _to_depth(bits: int) -> Callable[[Pixels], NDArray]:
    return lambda pixels: np.rint(pixels * (((1 << bits) - 1) / 255)).astype(np.uint16)


COLOUR: dict[str, tuple[str, Writer]] = {
    "png": ("png", _pillow()),
    "png interlaced": ("png", _hand_png(lambda p: p, interlaced=True)),
    "png rgba": ("png", _pillow("RGBA")),
    "png 16 bit": ("png", _hand_png(_wide)),
    "png 16 bit rgba": ("png", _hand_png(lambda p: _wide(_with_alpha(p)))),
    "png 16 bit interlaced": ("png", _hand_png(_wide, interlaced=True)),
    "png wrong suffix": ("jpg", _pillow(format="PNG")),
    "bmp": ("bmp", _pillow()),
    "webp": ("webp", _pillow(lossless=True)),
    "webp rgba": ("webp", _pillow("RGBA", lossless=True, exact=True)),
    "tiff": ("tif", _tiff(photometric="rgb")),
    "tiff deflate": ("tif", _tiff(photometric="rgb", compression="zlib", predictor=True)),
    "tiff lzw": ("tif", _tiff(photometric="rgb", compression="lzw")),
    "tiff zstd": ("tif", _tiff(photometric="rgb", compression="zstd")),
    "tiff packbits": ("tif", _tiff(photometric="rgb", compression="packbits")),
    "tiff tiled": ("tif", _tiff(photometric="rgb", tile=(16, 32))),
    "tiff strips": ("tif", _tiff(photometric="rgb", rowsperstrip=7)),
    "tiff planar": ("tif", _tiff(lambda p: np.moveaxis(p, 2, 0), photometric="rgb", planarconfig="separate")),
    "tiff big": ("btf", _tiff(photometric="rgb", bigtiff=True)),
    "tiff big-endian": ("tif", _tiff(photometric="rgb", byteorder=">")),
    "tiff 16 bit": ("tif", _tiff(_wide, photometric="rgb")),
    "tiff 16 bit big-endian": ("tif", _tiff(_wide, photometric="rgb", byteorder=">")),
    "tiff high byte": ("tif", _tiff(lambda p: p.astype(np.uint16) * 256, photometric="rgb")),
    "tiff low byte": ("tif", _tiff(lambda p: p.astype(np.uint16), photometric="rgb")),
    "tiff 10 in 16": ("tif", _tiff(_to_depth(10), photometric="rgb")),
    "tiff 12 in 16": ("tif", _tiff(_to_depth(12), photometric="rgb")),
    "tiff 14 in 16": ("tif", _tiff(_to_depth(14), photometric="rgb")),
    "tiff 32 bit": ("tif", _tiff(lambda p: p.astype(np.uint32) * 0x01010101, photometric="rgb")),
    "tiff float": ("tif", _tiff(lambda p: p.astype(np.float32) / 255, photometric="rgb")),
    "tiff float to 255": ("tif", _tiff(lambda p: p.astype(np.float32), photometric="rgb")),
    "tiff half": ("tif", _tiff(lambda p: (p / 255).astype(np.float16), photometric="rgb")),
    "tiff rgba": ("tif", _tiff(_with_alpha, photometric="rgb", extrasamples=["unassalpha"])),
    "tiff rgba associated": ("tif", _tiff(_with_alpha, photometric="rgb", extrasamples=["assocalpha"])),
    "tiff cmyk": ("tif", _tiff(_inks, photometric="separated")),
}

FEW_COLOURS: dict[str, tuple[str, Writer]] = {
    "png palette": ("png", _palette_png),
    "gif": ("gif", _palette_png),
    "bmp palette": ("bmp", _palette_png),
    "tiff palette": ("tif", _palette_tiff),
}

GRAY: dict[str, tuple[str, Writer]] = {
    "png gray": ("png", _pillow("L")),
    "png gray alpha": ("png", _pillow("LA")),
    "png 16 bit gray": ("png", _hand_png(lambda p: _wide(p[..., 0]))),
    "png 16 bit gray alpha": ("png", _hand_png(lambda p: _wide(_with_alpha(p)[..., 2:]))),
    "png 12 in 16 gray": ("png", _hand_png(lambda p: _to_depth(12)(p[..., 0]))),
    "bmp gray": ("bmp", _pillow("L")),
    "gif gray": ("gif", _pillow("L")),
    "tiff gray": ("tif", _tiff(lambda p: p[..., 0])),
    "tiff gray white is zero": ("tif", _tiff(lambda p: 255 - p[..., 0], photometric="miniswhite")),
    "tiff 16 bit gray": ("tif", _tiff(lambda p: _wide(p[..., 0]))),
    "tiff 16 bit white is zero": ("tif", _tiff(lambda p: 65535 - _wide(p[..., 0]), photometric="miniswhite")),
    "tiff gray alpha": (
        "tif",
        _tiff(lambda p: _with_alpha(p)[..., 2:], photometric="minisblack", extrasamples=["unassalpha"]),
    ),
    "tiff float gray": ("tif", _tiff(lambda p: p[..., 0].astype(np.float32) / 255)),
}
