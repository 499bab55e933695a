"""The list of pictures: filter, order, and what comes next."""

from pathlib import Path

import pytest

from vesselapp.state.pictures import Entry, Mark, Order, PictureList, Show
from vesselapp.state.sources import Source
from vesselapp.study.record import State


def entry(name: str, **facts: object) -> Entry:
    path = Path("/pictures", name)

    def read() -> None:
        raise AssertionError("not read")

    return Entry(Source(path.name, read, path), **facts)  # type: ignore[arg-type]


@pytest.fixture
def pictures() -> PictureList:
    pictures = PictureList()
    pictures.set_entries(
        [
            entry("b10.png", state=State.REVIEWED),
            entry("b2.png", doubt=3.0),
            entry("a.png", state=State.IN_PROGRESS, note="Look again"),
            entry("c.png", state=State.REVIEWED, nothing_there=True, doubt=7.0),
            entry("d.png", state=State.FLAGGED),
        ]
    )
    return pictures


def names(pictures: PictureList) -> list[str]:
    return [entry.name for entry in pictures.shown]


def test_names_are_in_natural_order(pictures: PictureList) -> None:
    assert names(pictures) == ["a.png", "b2.png", "b10.png", "c.png", "d.png"]
    pictures.set_entries([entry("x/b.png"), entry("a.png"), entry("x/a.png")])
    assert [str(one.path) for one in pictures.shown] == [
        "/pictures/a.png",
        "/pictures/x/a.png",
        "/pictures/x/b.png",
    ]


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        (Show.ALL, ["a.png", "b2.png", "b10.png", "c.png", "d.png"]),
        (Show.TO_DO, ["a.png", "b2.png", "d.png"]),
        (Show.NEW, ["b2.png"]),
        (Show.IN_PROGRESS, ["a.png"]),
        (Show.REVIEWED, ["b10.png", "c.png"]),
        (Show.NOTHING_THERE, ["c.png"]),
        (Show.FLAGGED, ["d.png"]),
        (Show.NOTED, ["a.png"]),
    ],
)
def test_filters(pictures: PictureList, show: Show, expected: list[str]) -> None:
    pictures.arrange(show)
    assert names(pictures) == expected


def test_text_is_looked_for_in_names_and_notes(pictures: PictureList) -> None:
    pictures.arrange(text=" B1")
    assert names(pictures) == ["b10.png"]
    pictures.arrange(text="look AGAIN")
    assert names(pictures) == ["a.png"]
    pictures.arrange(text="")
    assert len(pictures.shown) == 5


def test_orders(pictures: PictureList) -> None:
    pictures.arrange(order=Order.STATE)
    assert [one.mark for one in pictures.shown] == [
        Mark.FLAGGED,
        Mark.IN_PROGRESS,
        Mark.NEW,
        Mark.REVIEWED,
        Mark.NOTHING_THERE,
    ]
    pictures.arrange(order=Order.DOUBT)
    assert names(pictures) == ["c.png", "b2.png", "a.png", "b10.png", "d.png"]


def test_going_on_follows_filter_and_order(pictures: PictureList) -> None:
    pictures.arrange(Show.TO_DO, Order.DOUBT)
    assert names(pictures) == ["b2.png", "a.png", "d.png"]
    pictures.set_current(pictures.shown[0])
    following = pictures.beside(1)
    assert following is not None
    assert following.name == "a.png"
    assert pictures.beside(-1) is None
    pictures.set_current(pictures.shown[2])
    assert pictures.beside(1) is None


def test_the_open_picture_stays_until_it_is_left(pictures: PictureList) -> None:
    pictures.arrange(Show.NEW)
    (first,) = pictures.shown
    more = entry("e.png")
    pictures.set_entries([*pictures.entries, more])
    pictures.set_current(first)
    first.state = State.REVIEWED
    pictures.touched.emit(first)
    assert names(pictures) == ["b2.png", "e.png"]
    following = pictures.beside(1)
    assert following is more
    pictures.set_current(more)
    assert names(pictures) == ["e.png"]
    assert pictures.reviewed == 3


def test_an_entry_that_is_hidden_comes_into_sight_when_it_is_opened(pictures: PictureList) -> None:
    pictures.arrange(Show.FLAGGED)
    hidden = pictures.entries[0]
    pictures.set_current(hidden)
    assert hidden in pictures.shown


def test_nothing_stands_still_where_there_is_nothing() -> None:
    pictures = PictureList()
    assert pictures.beside(1) is None
    pictures.set_entries([])
    assert pictures.shown == []
