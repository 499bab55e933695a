"""Figures in words, the same everywhere in the window."""


def duration(seconds: float) -> str:
    """Give a time in words."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def points(share: float) -> str:
    """Give a difference of two Dice values (0-1) in points of a hundred, with its sign."""
    return f"{round(share * 100, 1) + 0.0:+.1f}".replace("-", "−")


def dice(value: float | None, measure: str = "Dice") -> str:
    """Give a Dice value (0-1), a dash where there is none; one of another measure says so."""
    if value is None:
        return "–"
    return f"{value:.3f}" + (" spec." if measure == "specificity" else "")
