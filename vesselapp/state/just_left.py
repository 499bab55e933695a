"""Pictures that were left and aren't on the disk yet: coming back goes on with them as they were."""

from __future__ import annotations

from vesselapp.state.answers import Answer
from vesselapp.state.collection import Collection
from vesselapp.state.keeping import Keeper
from vesselapp.state.opening import Opened
from vesselapp.state.pictures import Entry
from vesselapp.state.review import Review
from vesselapp.state.sitting import Sitting


class JustLeft:
    """Holds reviews on their way to the disk, each with the answer that was in sight, if it may stay.

    Parameters
    ----------
    keeper : Keeper
        Tells what can't be saved.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._all: list[tuple[Review, Answer | None]] = []

    def __len__(self) -> int:
        return len(self._all)

    def add(self, review: Review, answer: Answer | None) -> None:
        """Take a review whose sitting was told to end."""
        self._all.append((review, answer))

    def take_back(
        self, entry: Entry, collection: Collection, found: Opened | None = None
    ) -> tuple[Review, Answer | None] | None:
        """Give the review of a picture of a list, which isn't ended then; None where there is none.

        Of a picture as it was found on the disk, it is also one that was left under another name.
        """
        for one in self._all:
            sitting = one[0].sitting
            if sitting is None:
                continue
            same = found is not None and _is_at(sitting, found)
            if (same or self._is_of(one[0], sitting, entry, collection)) and sitting.stay():
                self._all.remove(one)
                return one
        return None

    def forget_answers(self) -> None:
        """Let go of answers that no person has judged: another model is asked from now on."""
        self._all = [(review, review.lasting(answer)) for review, answer in self._all]

    def forget_ended(self) -> None:
        """Let go of those that are on the disk."""
        self._all = [one for one in self._all if not one[0].ended]

    def forget(self, sitting: Sitting) -> None:
        """Let go of the one of a sitting: the disk holds something else."""
        self._all = [one for one in self._all if one[0].sitting is not sitting]

    def _is_of(self, review: Review, sitting: Sitting, entry: Entry, collection: Collection) -> bool:
        """Tell whether a review is of a picture of the list.

        Of a list that was read anew it is where it can't be saved: else the picture's file is read anew, too.
        """
        if review.entry is entry:
            return True
        stuck = any(unsaved is sitting for unsaved, _ in self._keeper.unsaved())
        return stuck and collection.holds(entry, sitting.place, review.entry.path)


def _is_at(sitting: Sitting, found: Opened) -> bool:
    """Tell whether a sitting keeps the very image that was found, in the same place."""
    return sitting.place.folder == found.place.folder and sitting.facts.sha256 == found.facts.sha256
