"""Where the picture lies on the canvas: zoom and offset, in device pixels."""

from dataclasses import dataclass, replace

LOWEST_ZOOM = 1 / 256
HIGHEST_ZOOM = 64.0


@dataclass(frozen=True)
class View:
    """How picture coordinates become places on the canvas.

    Attributes
    ----------
    zoom : float
        Device px per px of the picture.
    x, y : int
        Where the picture's top left corner lies, in device px of the canvas. Whole numbers, so that the
        picture stands still to the pixel while other things change.
    """

    zoom: float = 1.0
    x: int = 0
    y: int = 0

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """Turn a place on the canvas (device px) into px of the picture; pixel corners at whole numbers."""
        return (x - self.x) / self.zoom, (y - self.y) / self.zoom

    def to_canvas(self, x: float, y: float) -> tuple[float, float]:
        """Turn px of the picture into a place on the canvas (device px)."""
        return x * self.zoom + self.x, y * self.zoom + self.y

    def zoomed(self, factor: float, x: float, y: float) -> "View":
        """Zoom with the picture held fast under a place on the canvas (device px)."""
        zoom = min(max(self.zoom * factor, LOWEST_ZOOM), HIGHEST_ZOOM)
        px, py = self.to_picture(x, y)
        return View(zoom, round(x - px * zoom), round(y - py * zoom))

    def moved(self, dx: int, dy: int) -> "View":
        """Shift the picture by whole device px."""
        return replace(self, x=self.x + dx, y=self.y + dy)

    def kept_in_sight(self, picture: tuple[int, int], canvas: tuple[int, int]) -> "View":
        """Keep the picture from leaving the canvas; (height, width) of both, a picture's in its own px."""
        height, width = picture[0] * self.zoom, picture[1] * self.zoom
        margin_x, margin_y = canvas[1] // 2, canvas[0] // 2
        x = min(max(self.x, round(margin_x - width)), canvas[1] - margin_x)
        y = min(max(self.y, round(margin_y - height)), canvas[0] - margin_y)
        return replace(self, x=x, y=y)


def fitting(picture: tuple[int, int], canvas: tuple[int, int], margin: int = 0) -> View:
    """Give the view that shows all of a picture; (height, width) of both in px, margin in device px."""
    high, wide = max(1, canvas[0] - 2 * margin), max(1, canvas[1] - 2 * margin)
    zoom = min(max(min(high / picture[0], wide / picture[1]), LOWEST_ZOOM), HIGHEST_ZOOM)
    return centred(picture, canvas, zoom)


def centred(picture: tuple[int, int], canvas: tuple[int, int], zoom: float) -> View:
    """Give the view that holds a picture in the middle of the canvas at a zoom."""
    return View(zoom, round((canvas[1] - picture[1] * zoom) / 2), round((canvas[0] - picture[0] * zoom) / 2))
