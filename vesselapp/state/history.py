"""Undo and redo: edits that can be taken back and brought again."""

from collections import deque
from collections.abc import Sequence

from vesselapp.core.edits import Corrections, Edit, learnt_in, newest_within
from vesselapp.core.learnt import Learnt

DEFAULT_CAP_BYTES = 256 * 2**20


class History:
    """Edits that can be undone and redone; the oldest are let go when all take more than a cap of bytes."""

    def __init__(self, cap_bytes: int = DEFAULT_CAP_BYTES) -> None:
        self.cap_bytes = cap_bytes
        self._done: deque[Edit] = deque()
        self._undone: list[Edit] = []
        self._size = 0
        self.forgotten = 0

    @property
    def size(self) -> int:
        """Bytes that all kept edits take."""
        return self._size

    @property
    def undo_name(self) -> str | None:
        """What undo would take back, or None."""
        return self._done[-1].name if self._can_undo else None

    @property
    def _can_undo(self) -> bool:
        return bool(self._done) and not self._done[-1].lasting

    @property
    def redo_name(self) -> str | None:
        """What redo would bring again, or None."""
        return self._undone[-1].name if self._undone else None

    @property
    def state(self) -> object:
        """What tells one state of the corrections from another: the newest edit done, or the start."""
        return self._done[-1] if self._done else self.forgotten

    def leads_on_from(self, state: object) -> bool:
        """Tell whether nothing that was done at a state (`state`) has been undone since."""
        at_the_start = not isinstance(state, Edit)  # before all edits, which nothing takes back
        return at_the_start or any(edit is state for edit in self._done)

    @property
    def names(self) -> tuple[list[str], list[str]]:
        """Names of the edits that can be undone (oldest first), and of those undone (next to redo first)."""
        can_be_undone = (edit.name for edit in self._done if not edit.lasting)
        return list(can_be_undone), [edit.name for edit in reversed(self._undone)]

    @property
    def learnt(self) -> Learnt | None:
        """What the newest edit done says that the model's answer is changed by; None where none does."""
        return learnt_in(self._done)

    @property
    def ends_learnt(self) -> bool:
        """Whether the newest edit done is that something was learnt."""
        newest = self._done[-1].learnt if self._done else None
        return newest is not None and newest.head is not None

    @property
    def edits_done(self) -> int:
        """How many edits are done, of those kept."""
        return len(self._done)

    @property
    def edits_so_far(self) -> int:
        """How many edits are done, with those no longer kept: one less for each that is undone."""
        return self.forgotten + len(self._done)

    def add(self, edit: Edit) -> None:
        """Add a new edit; what was undone before it is gone."""
        self._size += edit.size - sum(gone.size for gone in self._undone)
        self._undone.clear()
        self._done.append(edit)
        self._keep_to_cap()

    def restore(self, done: Sequence[Edit], undone: Sequence[Edit]) -> None:
        """Take edits as they were kept: those done, oldest first, and those undone, the next to redo last."""
        self._done, self._undone = deque(done), list(undone)
        self._size = sum(edit.size for edit in (*done, *undone))
        self._keep_to_cap()

    def set_cap(self, cap_bytes: int) -> None:
        """Allow so many bytes from now on."""
        self.cap_bytes = cap_bytes
        self._keep_to_cap()

    def _keep_to_cap(self) -> None:
        if self._size > self.cap_bytes:
            kept = newest_within(self._done, self._undone, self.cap_bytes)
            self.forgotten += len(self._done) - len(kept)
            self._done = deque(kept)
            self._size = sum(edit.size for edit in (*kept, *self._undone))

    def undo(self, corrections: Corrections) -> Edit | None:
        """Take back the newest edit in place; give it, or None where there is none."""
        if not self._can_undo:
            return None
        edit = self._done[-1]
        edit.apply(corrections)
        self._undone.append(self._done.pop())
        return edit

    def redo(self, corrections: Corrections) -> Edit | None:
        """Bring back the edit undone last, in place; give it, or None where there is none."""
        if not self._undone:
            return None
        edit = self._undone[-1]
        edit.apply(corrections)
        self._undone.pop()
        self._done.append(edit)
        return edit
