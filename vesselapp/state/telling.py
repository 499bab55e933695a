"""What a person is told with a picture: what is told before it is there goes with the former one."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class Telling:
    """Keeps sentences until the next picture is there.

    Parameters
    ----------
    tell : callable
        Tells a sentence now.
    coming : callable
        Says whether a picture is just coming.
    """

    def __init__(self, tell: Callable[[str], object], coming: Callable[[], bool]) -> None:
        self._tell, self._coming = tell, coming
        self._with_next: list[str] = []
        self._of_list: Sequence[str] = ()

    def with_next(self, *sentences: str) -> None:
        """Tell sentences once the next picture is there."""
        self._with_next += sentences

    def also_with_next(self, sentence: str) -> None:
        """Tell a sentence now, and once more where another picture is just coming."""
        self._tell(sentence)
        if self._coming():
            self.with_next(sentence)

    def of_list(self, sentences: Sequence[str]) -> None:
        """Tell sentences about a list with its first picture, in place of those about another list."""
        self._of_list = sentences

    def tell(self, *sentences: str) -> list[str]:
        """Tell sentences of a picture that is there now, after those that waited for it; give all."""
        told = [*self._with_next, *self._of_list, *sentences]
        self._with_next, self._of_list = [], ()
        if told:
            self._tell(" ".join(told))
        return told
