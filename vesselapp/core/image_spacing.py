"""Pixel spacing from what microscopy programs write into TIFF files (OME-XML, ImageJ).

Plain resolution tags are not believed: most programs write 72 dots an inch there without having measured
anything.
"""

import re
from typing import Any

_UM = {"nm": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "mm": 1e3, "cm": 1e4}
_MOST_UM = 1e5


def tiff_spacing(file: Any, page: Any) -> tuple[float, float] | None:
    """Give height and width of a pixel in µm, or None where the file doesn't tell it.

    Parameters
    ----------
    file : tifffile.TiffFile
    page : tifffile.TiffPage
        The page whose pixels are read.
    """
    try:
        if file.is_ome:
            across, down = (_ome_size(file.ome_metadata or "", axis) for axis in "XY")
        elif file.is_imagej:
            unit = str((file.imagej_metadata or {}).get("unit", "")).replace("\\u00B5", "µ")
            across, down = (_imagej_size(page, unit, axis) for axis in "XY")
        else:
            return None
    except Exception:  # noqa: BLE001 - broken metadata must not cost the picture
        return None
    return None if across is None or down is None else (down, across)


def _ome_size(xml: str, axis: str) -> float | None:
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", xml)
    text = pixels.group() if pixels else ""
    size = re.search(rf'\bPhysicalSize{axis}="([^"]+)"', text)
    unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]+)"', text)
    return _in_um(size.group(1) if size else "", unit.group(1) if unit else "µm")


def _imagej_size(page: Any, unit: str, axis: str) -> float | None:
    tag = page.tags.get(f"{axis}Resolution")
    if tag is None or not isinstance(tag.value, tuple) or not tag.value[0]:
        return None
    return _in_um(str(tag.value[1] / tag.value[0]), unit)


def _in_um(number: str, unit: str) -> float | None:
    try:
        size = float(number) * _UM[unit]
    except (ValueError, KeyError):
        return None
    return size if 0 < size < _MOST_UM else None
