"""The open picture and all that is known of it: the model's answer, the corrections, the threshold."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from vesselapp.core import evidence as ev
from vesselapp.core.edits import Edit, EditRecorder
from vesselapp.core.evidence import Correction
from vesselapp.core.geometry import EMPTY, Box, Pixels, box_of
from vesselapp.core.image import Image
from vesselapp.core.learnt import Learnt
from vesselapp.core.pyramid import Pyramid, halve_evidence
from vesselapp.core.strokes import Point, stroke_pixels
from vesselapp.state.brush import Brush
from vesselapp.state.history import DEFAULT_CAP_BYTES, History
from vesselapp.study.journal import Edited, Levelled, Operation, Redone, Undone


def _evidence_of(
    shape: tuple[int, int], probability: NDArray[np.uint8] | None, corrections: NDArray[np.uint8] | None
) -> Pyramid:
    """Join an answer and corrections, each None where there is none yet; without either, at no cost."""
    if corrections is not None and not corrections.any():
        corrections = None
    if probability is None and corrections is None:
        return Pyramid.uniform(*shape, ev.LOWEST, halve_evidence)
    plane = np.full(shape, ev.LOWEST, np.uint8) if probability is None else probability.copy()
    if corrections is not None:
        ev.compose_into(plane, plane, corrections)
    return Pyramid(plane, halve_evidence)


class Document:
    """An image, the model's probability and the person's corrections; evidence is derived from the two.

    Parameters
    ----------
    image : Image
    pixels : Pyramid
        Of ``image.pixels``, built where the image was read.
    threshold : float
        0-1.
    history_bytes : int
        Cap of the undo history.
    corrections : (H, W) uint8, optional
        `Correction` values there are already; the document writes into them.
    probability : (H, W) uint8, optional
        Quantised, 1-253, where there is an answer already.

    Attributes
    ----------
    evidence : Pyramid
        Of the (H, W) uint8 evidence plane.
    changes : int
        How often any of it was written so far: while this and the level stay, the mask is the same.
    probability : (H, W) uint8 or None
        Quantised, 1-253; None until a model has answered.
    adapted : Learnt or None
        What the probability in sight was adapted by to this picture; None: it is the model's own.
    corrections : (H, W) uint8
        `Correction` values.
    locked : str
        Why nothing can be changed, as one sentence; empty where it can.
    happened : Signal
        Carries each `Operation` as soon as it is done, for the journal.
    refused : Signal
        Carries the reason when something would have been changed but for ``locked``.
    """

    evidence_changed = Signal(Box)
    probability_changed = Signal()
    threshold_changed = Signal()
    history_changed = Signal()
    happened = Signal(object)
    refused = Signal(str)

    def __init__(
        self,
        image: Image,
        pixels: Pyramid,
        threshold: float,
        history_bytes: int = DEFAULT_CAP_BYTES,
        *,
        corrections: NDArray[np.uint8] | None = None,
        probability: NDArray[np.uint8] | None = None,
    ) -> None:
        self.image = image
        self.pixels = pixels
        self.height, self.width = image.pixels.shape[:2]
        shape = (self.height, self.width)
        self.corrections = np.zeros(shape, np.uint8) if corrections is None else corrections
        self.probability = probability
        self.adapted: Learnt | None = None
        self.evidence = _evidence_of(shape, probability, corrections)
        self.changes = 0
        self.history = History(history_bytes)
        self.locked = ""
        self._before_parts: tuple[NDArray[np.uint8] | None, Learnt | None] | None = None
        self._level = ev.level_of(threshold)
        self._threshold_is_the_persons = False
        self._recorder: EditRecorder | None = None

    # -- threshold ------------------------------------------------------------------------------------------

    @property
    def level(self) -> int:
        """Lowest evidence value (2-253) that counts as foreground."""
        return self._level

    @property
    def threshold(self) -> float:
        """The level as a probability (0-1)."""
        return ev.threshold_of(self._level)

    def set_level(self, level: int) -> None:
        """Choose the threshold by its level; no pixel is written."""
        level = min(max(level, ev.LOWEST + 1), ev.HIGHEST)
        if level != self._level and self.refuses():
            self.threshold_changed.emit()  # what showed the new one shows the old one again
        elif level != self._level:
            self._level = level
            self._threshold_is_the_persons = True
            self.threshold_changed.emit()
            self.happened.emit(Levelled(level))

    def suggest_threshold(self, threshold: float) -> None:
        """Take a model's default threshold, unless a person has chosen one."""
        if not self._threshold_is_the_persons and ev.level_of(threshold) != self._level:
            self._level = ev.level_of(threshold)
            self.threshold_changed.emit()

    # -- the model's answer ---------------------------------------------------------------------------------

    def show_part(self, left: int, top: int, part: NDArray[np.uint8]) -> None:
        """Show a part ((h, w) uint8, 1-253) of an answer that is still being computed."""
        if self._before_parts is None:
            before = self.probability
            self._before_parts = (before, self.adapted)
            plane = (
                np.full((self.height, self.width), ev.LOWEST, np.uint8) if before is None else before.copy()
            )
            self.probability, self.adapted = plane, None
        assert self.probability is not None
        box = Box(left, top, left + part.shape[1], top + part.shape[0])
        self.probability[box.slices] = part
        self._recompose(box)

    def drop_parts(self) -> None:
        """Take back the parts of an answer that will not be completed."""
        if self._before_parts is not None:
            self.probability, self.adapted = self._before_parts
            self._before_parts = None
            self._recompose(box_of(self.corrections))

    def set_probability(self, probability: NDArray[np.uint8], adapted: Learnt | None = None) -> None:
        """Replace the model's answer ((H, W) uint8, 1-253); every correction stays.

        ``adapted`` is what it was adapted by, where it is not the model's own.
        """
        self.probability, self.adapted = probability, adapted
        self._before_parts = None
        self._recompose(box_of(probability))
        self.probability_changed.emit()

    @property
    def learnt(self) -> Learnt | None:
        """What the history says that the model's answer is adapted by; None: it is the model's own."""
        return self.history.learnt

    def learn(self, name: str, learnt: Learnt) -> bool:
        """Say, as one edit, what the model's answer is adapted by from now on; False where it can't be."""
        if self.refuses():
            return False
        self._add(Edit(name, EMPTY, (), learnt))
        return True

    # -- corrections ----------------------------------------------------------------------------------------

    @property
    def in_stroke(self) -> bool:
        """Whether a stroke has begun and not ended."""
        return self._recorder is not None

    def begin_stroke(self) -> bool:
        """Begin a gesture that becomes one edit; False where nothing can be changed.

        One under way ends: what it changed is an edit of its own.
        """
        if self.refuses():
            return False
        self.end_stroke("Stroke")
        self._recorder = EditRecorder(self.corrections)
        return True

    def paint(self, start: Point, end: Point, diameter: int, brush: Brush) -> Box:
        """Paint between two pointer positions of the stroke.

        Parameters
        ----------
        start, end : (x, y)
            Px; pixel corners at whole numbers.
        diameter : int
            Px, 1-400.
        brush : Brush

        Returns
        -------
        Box
            What changed; empty where nothing can be changed.
        """
        if self._recorder is None and self.locked:
            return EMPTY
        if self._recorder is None:
            raise RuntimeError("paint outside a stroke")
        parts = stroke_pixels(start, end, diameter, self.height, self.width)
        return self._correct(parts, brush.correction)

    def end_stroke(self, name: str) -> Edit | None:
        """End the gesture; give its edit, or None where it changed nothing."""
        if self._recorder is None:
            return None
        edit = self._recorder.finish(name)
        self._recorder = None
        if edit is not None:
            self._add(edit)
        return edit

    def _add(self, edit: Edit) -> None:
        self.history.add(edit)
        self.happened.emit(Edited(edit))
        self.history_changed.emit()

    def change(self, name: str, parts: Iterable[Pixels], correction: Correction) -> Edit | None:
        """Correct sets of pixels as one edit.

        Parameters
        ----------
        name : str
            What the person did, for the history.
        parts : iterable of (Box, (h, w) bool)
            Boxes inside the picture and which of their pixels are corrected.
        correction : Correction

        Returns
        -------
        Edit or None
            None where nothing changed.
        """
        return self.change_all(name, [(correction, parts)])

    def change_all(self, name: str, changes: Iterable[tuple[Correction, Iterable[Pixels]]]) -> Edit | None:
        """Make several kinds of correction, one after the other, as one edit (see `change`)."""
        if not self.begin_stroke():
            return None
        for correction, parts in changes:
            self._correct(parts, correction)
        return self.end_stroke(name)

    def _correct(self, parts: Iterable[Pixels], correction: Correction) -> Box:
        """Write corrections as a part of the stroke under way; give the box that this touched."""
        assert self._recorder is not None
        whole = EMPTY
        for box, chosen in parts:
            self._recorder.about_to_change(box)
            self.corrections[box.slices][chosen] = correction
            self._recompose(box, emit=False)
            whole = whole.united(box)
        if not whole.empty:
            self.evidence.update(whole)
            self.evidence_changed.emit(whole)
        return whole

    def abandon_stroke(self) -> None:
        """Take back the gesture that is under way."""
        if self._recorder is not None:
            box = self._recorder.revert()
            self._recorder = None
            self._recompose(box)

    def undo(self) -> bool:
        """Take back the newest edit; False where there is none or a stroke is under way."""
        return self._travel(self.history.undo, Undone())

    def redo(self) -> bool:
        """Bring back the edit undone last; False where there is none or a stroke is under way."""
        return self._travel(self.history.redo, Redone())

    def jump(self, done: int) -> None:
        """Undo or redo until so many of the edits kept are done."""
        now = len(self.history.names[0])
        step = self.undo if done < now else self.redo
        for _ in range(abs(done - now)):
            if not step():
                break

    # -- what is kept ---------------------------------------------------------------------------------------

    def restore(self, done: Sequence[Edit], undone: Sequence[Edit], level: int | None) -> None:
        """Take the undo history, and the threshold's level where a person chose it, as they were kept."""
        self.history.restore(done, undone)
        if level is not None:
            self._level = min(max(level, ev.LOWEST + 1), ev.HIGHEST)
            self._threshold_is_the_persons = True

    def replace_corrections(
        self,
        corrections: NDArray[np.uint8],
        done: Sequence[Edit],
        undone: Sequence[Edit],
        level: int | None,
    ) -> None:
        """Take corrections ((H, W) uint8) with their history from disk, in place of what is shown."""
        self.abandon_stroke()
        self.corrections[...] = corrections
        self.restore(done, undone, level)
        self._recompose(box_of(corrections))
        self.threshold_changed.emit()
        self.history_changed.emit()

    def lock(self, reason: str) -> None:
        """Let nothing be changed from now on (a stroke under way ends), or, where empty, let it again."""
        if reason:
            self.end_stroke("Stroke")
        self.locked = reason

    def refuses(self) -> bool:
        """Tell whether nothing can be changed, and tell the person why."""
        if self.locked:
            self.refused.emit(self.locked)
        return bool(self.locked)

    # -- derived --------------------------------------------------------------------------------------------

    def mask(self) -> NDArray[np.bool_]:
        """Give the (H, W) bool mask at the threshold, unsure left out."""
        return ev.mask_of(self.evidence.levels[0], self._level)

    def _travel(self, step: Callable[[NDArray[np.uint8]], Edit | None], operation: Operation) -> bool:
        if self._recorder is not None or self.refuses():
            return False
        edit = step(self.corrections)
        if edit is None:
            return False
        if not edit.box.empty:
            self._recompose(edit.box)
        self.happened.emit(operation)
        self.history_changed.emit()
        return True

    def _recompose(self, box: Box, *, emit: bool = True) -> None:
        """Derive the evidence anew inside a box."""
        self.changes += 1
        plane = self.evidence.levels[0][box.slices]
        if self.probability is None:
            ev.compose_into(plane, np.full_like(plane, ev.LOWEST), self.corrections[box.slices])
        else:
            ev.compose_into(plane, self.probability[box.slices], self.corrections[box.slices])
        if emit:
            self.evidence.update(box)
            self.evidence_changed.emit(box)
