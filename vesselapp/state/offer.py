"""What a study offers to learn from: its reviewed pictures, and what to look at twice before learning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
from psygnal import Signal

from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.evidence import compose, mask_of
from vesselapp.state.jobs import Job, Jobs
from vesselapp.study.record import Record, State
from vesselapp.study.study import Study, StudyPicture
from vesselapp.study.subjects import subject_of
from vesselapp.study.unusable import (
    copies_told,
    few_told,
    missing_pictures,
    missing_told,
    one_subject_told,
    only_one_told,
    unknown_told,
)

_FAR = 4.0
"""A foreground share this many times above or below the median of the others is far from them."""


@dataclass(frozen=True)
class OfferedPicture:
    """A reviewed picture.

    Attributes
    ----------
    name, key, relative, subject : str
        ``relative`` is its path inside the study's root.
    corrected_share : float
        Share of its pixels that a person corrected, 0-1.
    strokes : int
    nothing_there : bool
    foreground_share : float or None
        Share of what was looked at that is in the mask, 0-1; None until the mask was read.
    doubt : str
        Why to look at it again; empty where there is no reason.
    """

    name: str
    key: str
    relative: str
    subject: str
    corrected_share: float
    strokes: int
    nothing_there: bool
    foreground_share: float | None = None
    doubt: str = ""


@dataclass(frozen=True)
class Offer:
    """What a study offers to learn from.

    Attributes
    ----------
    pictures : tuple of OfferedPicture
        The reviewed ones.
    total, flagged, in_progress : int
        How many pictures the study has, and how many of them are left out for now.
    warnings : tuple of str
        About the pictures as a whole.
    unused : tuple of str
        Sentences on annotations that can't be used.
    missing : tuple of str
        Reviewed pictures whose file isn't there.
    """

    pictures: tuple[OfferedPicture, ...]
    total: int
    flagged: int
    in_progress: int
    warnings: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def corrected_share(self) -> float:
        """Mean share of corrected pixels, 0-1."""
        shares = [picture.corrected_share for picture in self.pictures]
        return sum(shares) / len(shares) if shares else 0.0

    @property
    def doubtful(self) -> tuple[OfferedPicture, ...]:
        """The pictures to look at again."""
        return tuple(picture for picture in self.pictures if picture.doubt)


def look_at(study: Study, *, first: Callable[[Offer], object], cancelled: Callable[[], bool]) -> Offer:
    """Find what a study offers; slow, since every reviewed mask is read.

    Parameters
    ----------
    study : Study
    first : callable
        Given what the records alone tell, before the masks are read.
    cancelled : callable
        Asked before each mask.

    Raises
    ------
    Cancelled
        Where ``cancelled`` answers True.
    VesselError
        Where the study can't be read.
    """
    listed = {picture.key: picture for picture in study.pictures()}
    kept = dict(study.records())
    records = {key: record for key, record in kept.items() if key in listed}
    states = Counter(record.state for record in records.values())
    found = ((picture, records.get(key)) for key, picture in listed.items())
    reviewed = [(picture, record) for picture, record in found if record and record.state is State.REVIEWED]
    offer = Offer(
        tuple(_offered(picture, record) for picture, record in reviewed),
        len(listed),
        states[State.FLAGGED],
        states[State.IN_PROGRESS],
        unused=(*unknown_told(study, list(listed.values())), *copies_told(study)),
        missing=tuple(missing_pictures(listed, kept)),
    )
    first(with_warnings(offer))
    seen = []
    for offered, (picture, record) in zip(offer.pictures, reviewed, strict=True):
        if cancelled():
            raise Cancelled
        seen.append(replace(offered, foreground_share=_foreground_share(study, picture, record)))
    return with_warnings(replace(offer, pictures=tuple(seen)))


def _offered(picture: StudyPicture, record: Record) -> OfferedPicture:
    return OfferedPicture(
        picture.name,
        picture.key,
        picture.relative,
        subject_of(f"{picture.root}/{picture.relative}"),
        record.corrected_share,
        record.strokes,
        record.nothing_there,
    )


def _foreground_share(study: Study, picture: StudyPicture, record: Record) -> float | None:
    """Give the share of the mask in what was looked at; None where it can't be told."""
    try:
        kept = study.place(picture).load(record.sha256, record.height, record.width, 0)
    except VesselError:
        return None
    if kept is None or kept.answer is None:
        return None
    mask = mask_of(compose(kept.answer, kept.corrections), record.level)
    if not record.reviewed_boxes:
        return float(mask.mean())
    looked = np.zeros(mask.shape, bool)
    for left, top, right, bottom in record.reviewed_boxes:
        looked[top:bottom, left:right] = True
    return float(mask[looked].mean()) if looked.any() else None


def with_warnings(offer: Offer) -> Offer:
    """Say what is doubtful of each picture, and of all of them."""
    pictures = tuple(replace(one, doubt=_doubt(one, offer.pictures)) for one in offer.pictures)
    warnings = []
    if len(pictures) == 1:
        warnings.append(str(only_one_told()))
    elif pictures:
        warnings += [few_told(len(pictures)), one_subject_told({one.subject for one in pictures})]
    warnings += offer.unused
    if offer.missing:
        warnings.append(str(missing_told(offer.missing, len(pictures))))
    return replace(offer, pictures=pictures, warnings=tuple(filter(None, warnings)))


def _doubt(picture: OfferedPicture, all_of_them: Sequence[OfferedPicture]) -> str:
    """Say why a picture should be looked at again before a model learns from it."""
    others = [one.foreground_share for one in all_of_them if one is not picture and one.foreground_share]
    if picture.nothing_there:
        return _doubt_of_nothing(picture, others)
    share = picture.foreground_share
    if share == 0:
        return 'Its mask is empty, but it is not marked "nothing there".'
    if share and len(others) >= 2:
        usual = median(others)
        if not usual / _FAR <= share <= usual * _FAR:
            return f"{share:.1%} of it is foreground; of the others, {usual:.1%} are."
    if picture.corrected_share == 0:
        return "Nobody corrected anything in it; a model learns nothing new where it was right."
    return ""


def _doubt_of_nothing(picture: OfferedPicture, others: Sequence[float]) -> str:
    """Say why a picture marked "nothing there" should be looked at again."""
    if picture.foreground_share:
        return 'It is marked "nothing there", but its mask isn\'t empty.'
    taken = picture.corrected_share
    if others and taken > median(others) / _FAR:
        usual = f"{median(others):.1%} of the others is foreground"
        return f'It is marked "nothing there", which took {taken:.1%} of it out of the mask; {usual}.'
    return ""


class OfferLook:
    """Looks at what a study offers, in a lane beside the open picture's.

    Parameters
    ----------
    jobs : Jobs
    wait_saved : callable
        Given a study's folder, waits until what was done there is on the disk; where it raises a VesselError,
        the offer is of what lies there, and warns of what doesn't.

    Attributes
    ----------
    found : Signal
        Carries an `Offer`: first what the records tell, then with the masks read.
    changed : Signal
        Carries the `Offer` that was found again, where it is another one.
    failed : Signal
        Carries a VesselError.
    """

    found = Signal(object)
    changed = Signal(object)
    failed = Signal(object)

    def __init__(self, jobs: Jobs, wait_saved: Callable[[Path], None] = lambda folder: None) -> None:
        self._jobs, self._wait_saved = jobs, wait_saved
        self._job: Job | None = None
        self._last: Offer | None = None

    def ask(self, folder: Path) -> None:
        """Look at a study's folder; a look that is under way is dropped."""
        self._last = None
        self._submit(folder, lambda job, offer: job.deliver(lambda: self._on_found(offer)), self._on_found)

    def ask_again(self, folder: Path) -> None:
        """Look once more, telling only of what is another offer by now, once the masks are read."""
        self._submit(folder, lambda _job, _offer: None, self._on_found_again)

    def _submit(
        self, folder: Path, first: Callable[[Job, Offer], object], done: Callable[[Offer], None]
    ) -> None:
        self.cancel()

        def work(job: Job) -> Offer:
            unsaved: tuple[str, ...] = ()
            try:
                self._wait_saved(folder)
            except VesselError as problem:
                unsaved = (problem.message,)

            def warned(offer: Offer) -> Offer:
                return replace(offer, warnings=(*unsaved, *offer.warnings))

            study = Study.open(folder)
            return warned(
                look_at(study, first=lambda offer: first(job, warned(offer)), cancelled=job.cancelled)
            )

        self._job = self._jobs.submit("offer", work, done, self._on_failed)

    def _on_found(self, offer: Offer) -> None:
        self._last = offer
        self.found.emit(offer)

    def _on_found_again(self, offer: Offer) -> None:
        if offer != self._last:
            self._last = offer
            self.changed.emit(offer)

    def _on_failed(self, error: VesselError) -> None:
        self._last = None
        self.failed.emit(error)

    def cancel(self) -> None:
        """Look no further."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
