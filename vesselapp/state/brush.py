"""What the brushes say."""

from enum import Enum

from vesselapp.core.evidence import Correction


class Brush(Enum):
    """What a brush says about the pixels it touches."""

    PAINT = "Brush"
    ERASE = "Erase"
    RESTORE = "Restore"
    UNSURE = "Unsure"

    @property
    def correction(self) -> Correction:
        """The correction this brush leaves."""
        return _CORRECTION[self]

    @property
    def opposite(self) -> "Brush":
        """What the other mouse button does."""
        return _OPPOSITE[self]


_CORRECTION = {
    Brush.PAINT: Correction.FOREGROUND,
    Brush.ERASE: Correction.BACKGROUND,
    Brush.RESTORE: Correction.NONE,
    Brush.UNSURE: Correction.UNSURE,
}
_OPPOSITE = {
    Brush.PAINT: Brush.ERASE,
    Brush.ERASE: Brush.PAINT,
    Brush.RESTORE: Brush.PAINT,
    Brush.UNSURE: Brush.RESTORE,
}
