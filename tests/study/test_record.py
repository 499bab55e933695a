"""Records say on disk what they said in memory, and what isn't a record is told from what is a newer one."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.study.work import record
from vesselapp.core.errors import VesselError
from vesselapp.study.json_text import parse_object
from vesselapp.study.record import Record, State, record_bytes, record_from

whole = st.integers(0, 10**6)
records = st.builds(
    Record,
    image=st.text(),
    sha256=st.text(),
    height=whole,
    width=whole,
    path=st.text(),
    state=st.sampled_from(State),
    nothing_there=st.booleans(),
    reviewed_boxes=st.lists(st.tuples(whole, whole, whole, whole), max_size=3).map(tuple),
    note=st.text(),
    threshold=st.floats(0, 1),
    active_seconds=st.floats(0, 1e9),
    strokes=whole,
    object_diameter=st.none() | st.floats(1, 500),
)


@given(records)
def test_there_and_back(given_record: Record) -> None:
    assert record_from(parse_object(record_bytes(given_record))) == given_record


def test_a_record_of_before_cells_had_a_size_is_read_and_so_is_one_that_says_more() -> None:
    values = json.loads(record_bytes(record(object_diameter=24.0)))
    values["later"] = 3
    assert record_from(values).object_diameter == 24.0
    del values["object_diameter"]
    assert record_from(values) == record()


def test_half_a_character_does_not_make_a_record_unreadable() -> None:
    odd = replace(record(), note="a\ud83d b", who="caf\udce9")
    read = record_from(parse_object(record_bytes(odd)))
    assert (read.note, read.who) == ("a? b", "caf?")


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b"nul", b'{"image": 3}', b"[" * 10**6, b'{"a":' * 10**5, b"\xff\xfe{"]
)
def test_anything_else_is_no_record(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which words doesn't matter
        record_from(parse_object(text))


def test_unknown_values_of_a_known_format_are_refused() -> None:
    values = json.loads(record_bytes(record())) | {"state": "enlightened"}
    with pytest.raises(ValueError, match="state"):
        record_from(parse_object(json.dumps(values).encode()))


@pytest.mark.parametrize("size", ["NaN", "Infinity", "0", "-4", '"wide"'])
def test_a_size_of_cells_that_is_none_is_refused(size: str) -> None:
    text = record_bytes(record()).replace(b'"object_diameter": null', f'"object_diameter": {size}'.encode())
    with pytest.raises(ValueError, match="object_diameter"):
        record_from(parse_object(text))


def test_a_newer_record_is_refused_politely() -> None:
    values = json.loads(record_bytes(record())) | {"format": 3, "state": "enlightened"}
    with pytest.raises(VesselError, match="newer version"):
        record_from(parse_object(json.dumps(values).encode()))
