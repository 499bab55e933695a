"""Opening a picture: its pixels and what is kept of the work on it, made into a document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.errors import VesselError
from vesselapp.core.image import Image
from vesselapp.core.pyramid import Pyramid, halve_pixels
from vesselapp.state.answers import Answer
from vesselapp.state.collection import Collection
from vesselapp.state.document import Document
from vesselapp.state.keeping import Keeper
from vesselapp.state.pictures import Entry
from vesselapp.state.standing import Hold, words_of
from vesselapp.study.lock import Taken
from vesselapp.study.lock_file import Holder
from vesselapp.study.record import ImageFacts

if TYPE_CHECKING:
    from vesselapp.inference.model import Model
    from vesselapp.study.annotation import AnnotationFolder, Writer
    from vesselapp.study.kept import Kept


WAITS = (
    "Earlier work on this picture waits in the rescue folder: not all of it is shown yet. It is put back as "
    "soon as the picture can be written."
)


@dataclass(frozen=True)
class Wishes:
    """How documents are made: threshold (0-1) of new ones, cap of undo history (bytes)."""

    threshold: float
    history_bytes: int


@dataclass(eq=False)
class Opened:
    """A picture as it was found.

    Attributes
    ----------
    entry : Entry
    image : Image
    pixels : Pyramid
    place : AnnotationFolder
    facts : ImageFacts
    document : Document
        With all that is kept.
    kept : Kept or None
    writer : Writer or None
        Where the lock was asked for, and had.
    holder : Holder or None
        Who has it otherwise.
    problems : list of VesselError
        Why what is kept can't be read, or nothing can be written; to be told.
    readable : bool
        False where what is kept can't be read just now, so that nothing may be done on top of it.
    notes : list of str
        What a person should know.
    found : (Model, Answer) or None
        What a model has said already.
    """

    entry: Entry
    image: Image
    pixels: Pyramid
    place: AnnotationFolder
    facts: ImageFacts
    document: Document = field(init=False)
    kept: Kept | None = None
    writer: Writer | None = None
    holder: Holder | None = None
    problems: list[VesselError] = field(default_factory=list)
    readable: bool = True
    notes: list[str] = field(default_factory=list)
    found: tuple[Model, Answer] | None = None

    @property
    def why_locked(self) -> str:
        """Why nothing can be changed for now, as a sentence; empty where it can."""
        if self.writer is not None:
            return ""
        if not self.readable:
            return "What is kept of this picture can't be read just now, so nothing can be changed."
        if self.holder is not None:
            return words_of(Hold.TAKEN, self.holder)
        return words_of(Hold.ASKED, None)  # by the sitting, which unlocks it also where that fails


def open_picture(
    entry: Entry, collection: Collection, keeper: Keeper, wishes: Wishes, *, to_write: bool
) -> Opened:
    """Read a picture and what is kept of it.

    Parameters
    ----------
    entry : Entry
    collection : Collection
    keeper : Keeper
        Strokes of an earlier run that could not be saved are put back from its rescue folder.
    wishes : Wishes
    to_write : bool
        Whether to take the lock; without it, nothing is put back either.

    Raises
    ------
    VesselError
        Where the picture can't be read, or its annotation is of a newer version.
    """
    image = entry.source.read()
    pixels = Pyramid(image.pixels, halve_pixels)
    facts = collection.facts(entry, image)
    place, sentence = collection.place(entry, image, keeper.who)
    keeper.ended(place.folder)
    opened = Opened(entry, image, pixels, place, facts)
    opened.notes = [note for note in (*image.notes, sentence) if note]
    try:
        if to_write:
            _take(opened, keeper, wishes)
        if opened.writer is None:
            _look(opened, wishes)
            if to_write and keeper.rescue.left_of(place, facts):
                opened.notes.append(WAITS)
        opened.document = make_document(opened, wishes)
    except BaseException:  # whatever it is: nobody holds the lock of a picture that isn't open
        if opened.writer is not None:
            opened.writer.abandon()
        raise
    return opened


def _take(opened: Opened, keeper: Keeper, wishes: Wishes) -> None:
    """Take the lock and read under it, with strokes that an earlier run could not save put back."""
    place, facts = opened.place, opened.facts
    try:
        writer = place.open(keeper.who, facts, cap_bytes=wishes.history_bytes)
    except Taken as taken:
        opened.holder = taken.holder
        return
    except VesselError as problem:
        opened.problems.append(problem)
        return
    opened.writer, opened.kept = writer, writer.kept
    opened.notes.extend([writer.gone] if writer.gone else [])
    opened.notes.extend(writer.kept.notes if writer.kept is not None else ())
    try:
        changed, told = keeper.rescue.put_back(writer, place, facts)
        opened.notes.extend([told] if told else [])
        if changed:
            opened.kept = place.load(facts.sha256, facts.height, facts.width, wishes.history_bytes)
    except VesselError as problem:
        # Some of it may be on the disk already: what was read before is no ground to work on.
        writer.abandon()
        opened.writer = opened.kept = None
        opened.problems.append(problem)


def _look(opened: Opened, wishes: Wishes) -> None:
    """Read without the lock."""
    facts = opened.facts
    try:
        opened.kept = opened.place.load(facts.sha256, facts.height, facts.width, wishes.history_bytes)
    except VesselError as problem:
        opened.readable = False
        opened.problems.append(problem)
    else:
        opened.notes.extend(opened.kept.notes if opened.kept is not None else ())


def make_document(opened: Opened, wishes: Wishes, probability: NDArray[np.uint8] | None = None) -> Document:
    """Make a document of what was found.

    Parameters
    ----------
    opened : Opened
    wishes : Wishes
    probability : (H, W) uint8, optional
        A model's answer, 1-253; the one that a person judged, where that is kept, goes before it.
    """
    kept = opened.kept
    if kept is None:
        return Document(
            opened.image, opened.pixels, wishes.threshold, wishes.history_bytes, probability=probability
        )
    judged = kept.record if kept.answer is not None else None
    document = Document(
        opened.image,
        opened.pixels,
        wishes.threshold if judged is None else judged.threshold,
        wishes.history_bytes,
        corrections=kept.corrections.copy(),
        probability=probability if kept.answer is None else kept.answer,
    )
    document.restore(kept.done, kept.undone, kept.level)
    document.adapted = kept.adapted
    return document


def judged_answer(kept: Kept) -> Answer:
    """Give the answer that a person judged earlier, as it was kept."""
    assert kept.answer is not None
    record = kept.record
    if record is None:
        return Answer(kept.answer, "", "", "", 0.5, judged=True)
    return Answer(
        kept.answer, record.model, record.model_version, record.model_sha256, record.threshold, judged=True
    )
