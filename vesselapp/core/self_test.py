"""The picture a model is tried on when it is loaded: drawn from a recipe, the same on every machine."""

import numpy as np
from numpy.typing import NDArray


def self_test_picture(seed: int, size: int) -> NDArray[np.uint8]:
    """Draw a small picture with dark curved lines and bright discs on an uneven warm ground.

    Only integer hashing and exactly rounded arithmetic decide the pixels, so that they agree everywhere.

    Parameters
    ----------
    seed : int
    size : int
        Side in px.

    Returns
    -------
    (size, size, 3) uint8
    """
    random = np.random.Generator(np.random.PCG64(seed))
    y, x = np.mgrid[0:size, 0:size].astype(np.int64)
    shade = 120 + (x * 60) // size - (y * 40) // size
    for _ in range(4):
        cx, cy = (int(v) for v in random.integers(0, size, 2))
        radius = int(random.integers(size // 3, size))
        width = int(random.integers(1, 5))
        ring = np.abs((x - cx) ** 2 + (y - cy) ** 2 - radius * radius) <= 2 * radius * width
        shade = np.where(ring, shade - 45, shade)
    for _ in range(3):
        cx, cy = (int(v) for v in random.integers(0, size, 2))
        radius = int(random.integers(4, max(5, size // 8)))
        shade = np.where((x - cx) ** 2 + (y - cy) ** 2 <= radius * radius, shade + 40, shade)
    shade = shade + random.integers(-6, 7, (size, size))
    channels = [(shade * 5) // 4 + 20, (shade * 3) // 4, shade // 3]
    return np.asarray(np.clip(np.stack(channels, axis=2), 0, 255), np.uint8)


def raster_means(probability: NDArray[np.float32], grid: int) -> NDArray[np.float32]:
    """Give ``(grid * grid,) float32`` means of a square probability plane over a raster of equal cells."""
    side = probability.shape[0] // grid
    cells = probability[: side * grid, : side * grid].reshape(grid, side, grid, side)
    return np.asarray(cells.mean(axis=(1, 3), dtype=np.float64), np.float32).ravel()
