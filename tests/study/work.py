"""A person's work in memory, made by chance from a seed: what must be found on disk afterwards."""

import random
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.edits import Edit, EditRecorder
from vesselapp.core.geometry import Box
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.journal import Edited, Levelled, Operation, Redone, Undone, Viewed
from vesselapp.study.kept import Kept
from vesselapp.study.record import ImageFacts, Record, State

HEIGHT, WIDTH = 300, 530
FACTS = ImageFacts("eye 1.png", "ab" * 32, HEIGHT, WIDTH, "eye 1.png")


class Work:
    """Corrections, undo history, threshold and view as a person sees them; `step` does anything by chance."""

    def __init__(self, seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> None:
        self.corrections = np.zeros((height, width), np.uint8)
        self.done: list[Edit] = []
        self.undone: list[Edit] = []
        self.level: int | None = None
        self.view: dict[str, Any] | None = None
        self._chance = random.Random(seed)

    def step(self) -> Operation:
        """Do something and give it as an operation."""
        kind = self._chance.random()
        if self.done and kind < 0.15:
            return self.undo()
        if self.undone and kind < 0.3:
            return self.redo()
        if kind < 0.35:
            return self.set_level(self._chance.randint(2, 253))
        if kind < 0.4:
            self.view = {"zoom": self._chance.random(), "at": [self._chance.randint(0, 99), 1]}
            return Viewed(self.view)
        return self.paint()

    def paint(self) -> Edited:
        """Make a stroke that changes something."""
        height, width = self.corrections.shape
        while True:
            left, top = self._chance.randrange(width), self._chance.randrange(height)
            side = self._chance.choice((1, 5, 40, 200))
            box = Box(left, top, left + side, top + side).clipped(height, width)
            recorder = EditRecorder(self.corrections)
            recorder.about_to_change(box)
            self.corrections[box.slices] = self._chance.randrange(4)
            edit = recorder.finish(f"stroke {self._chance.randrange(10**9)}")
            if edit is not None:
                self.done.append(edit)
                self.undone.clear()
                return Edited(edit)

    def undo(self) -> Undone:
        """Take the newest edit back."""
        edit = self.done.pop()
        edit.apply(self.corrections)
        self.undone.append(edit)
        return Undone()

    def redo(self) -> Redone:
        """Bring the edit undone last back."""
        edit = self.undone.pop()
        edit.apply(self.corrections)
        self.done.append(edit)
        return Redone()

    def set_level(self, level: int) -> Levelled:
        """Choose a threshold."""
        self.level = level
        return Levelled(level)

    @property
    def state(self) -> tuple[object, ...]:
        """All that must be on disk, to be compared."""
        return _state(self.corrections, self.done, self.undone, self.level, self.view)


def state_of(kept: Kept | None) -> tuple[object, ...]:
    """Give what was found on disk in the same form as `Work.state`."""
    if kept is None:
        return Work().state
    return _state(kept.corrections, kept.done, kept.undone, kept.level, kept.view)


def _state(
    corrections: NDArray[np.uint8],
    done: list[Edit],
    undone: list[Edit],
    level: int | None,
    view: dict[str, Any] | None,
) -> tuple[object, ...]:
    return (
        corrections.tobytes(),
        [(edit.name, edit.tiles) for edit in done],
        [(edit.name, edit.tiles) for edit in undone],
        level,
        view,
    )


def record(state: State = State.IN_PROGRESS, **values: Any) -> Record:
    """Give a record of the picture of these tests."""
    return Record(FACTS.image, FACTS.sha256, FACTS.height, FACTS.width, FACTS.path, state=state, **values)


def load(folder: Path, cap_bytes: int = 2**28) -> Kept | None:
    """Read the annotation in a folder."""
    return AnnotationFolder(folder).load(FACTS.sha256, HEIGHT, WIDTH, cap_bytes)


def undoes_to_nothing(kept: Kept) -> bool:
    """Tell whether undoing all that is kept leads back to an untouched picture."""
    plane = kept.corrections.copy()
    for edit in reversed(kept.done):
        edit.apply(plane)
    return not plane.any()
