import numpy as np
import pytest

from tests.state.test_document import make_document
from vesselapp.core.geometry import Box
from vesselapp.state.cleanup import CLEANUPS, Cleanup, Found, Frozen
from vesselapp.state.cleanup import found_by as found_in
from vesselapp.state.document import Document

BY_NAME = {cleanup.name: cleanup for cleanup in CLEANUPS}


def found_by(cleanup: Cleanup, document: Document, size: int, box: Box | None = None) -> Found:
    return found_in(cleanup, Frozen.of(document), size, box)


def drawn() -> Document:
    """A vessel with a gap and a spur, a block with a hole, and specks of 1 and 30 px."""
    document = make_document()
    document.image.pixels[...] = 180
    plane = np.ones((document.height, document.width), np.uint8)
    plane[100:107, 50:200] = plane[100:107, 208:400] = 250
    plane[88:100, 120:123] = 250
    plane[300:340, 300:340] = 250
    plane[310:313, 310:313] = 1
    plane[450, 60] = 250
    plane[460:465, 80:86] = 250
    document.image.pixels[plane == 250] = 90
    document.set_probability(plane)
    return document


def applied(document: Document, cleanup: Cleanup, size: int) -> np.ndarray:
    document.change(cleanup.name, found_by(cleanup, document, size).parts, cleanup.correction)
    return document.mask()


def test_specks_go_and_larger_pieces_stay() -> None:
    document = drawn()
    mask = applied(document, BY_NAME["Remove specks"], 20)
    assert not mask[450, 60]
    assert mask[460:465, 80:86].all()
    mask = applied(document, BY_NAME["Remove specks"], 31)
    assert not mask[460:465, 80:86].any()
    assert mask[100:107, 50:200].all()


def test_holes_are_filled() -> None:
    mask = applied(drawn(), BY_NAME["Fill holes"], 30)
    assert mask[300:340, 300:340].all()


@pytest.mark.parametrize(
    ("name", "size", "place"), [("Remove specks", 30, (82, 462)), ("Fill holes", 9, (311, 311))]
)
def test_things_of_the_very_size_are_meant_too(name: str, size: int, place: tuple[int, int]) -> None:
    x, y = place
    before = drawn().mask()[y, x]
    assert applied(drawn(), BY_NAME[name], size - 1)[y, x] == before
    assert applied(drawn(), BY_NAME[name], size)[y, x] != before


@pytest.mark.parametrize("wide", [1, 3])
def test_a_spur_of_the_very_size_goes_too(wide: int) -> None:
    document = make_document()
    plane = np.ones((document.height, document.width), np.uint8)
    plane[100:107, 50:400] = plane[90:100, 120 : 120 + wide] = plane[88:100, 250 : 250 + wide] = 250
    document.set_probability(plane)
    mask = applied(document, BY_NAME["Prune spurs"], 10)
    assert not mask[90:97, 120].any()
    assert mask[89:100, 250].all()


def test_gaps_are_bridged_at_the_vessels_width() -> None:
    mask = applied(drawn(), BY_NAME["Bridge gaps"], 15)
    assert mask[103, 50:400].all()
    assert 4 <= mask[90:120, 204].sum() <= 10


def test_spurs_are_pruned_and_the_trunk_stays() -> None:
    mask = applied(drawn(), BY_NAME["Prune spurs"], 25)
    assert not mask[88:95, 120:123].any()
    assert mask[102:105, 60:190].all()


def test_edges_move_by_one_px() -> None:
    document = drawn()
    before = document.mask().sum()
    wider = applied(document, BY_NAME["Widen by 1 px"], 0)
    assert wider[99, 60]
    assert wider.sum() > before
    document.undo()
    assert document.mask().sum() == before
    thinner = applied(document, BY_NAME["Thin by 1 px"], 0)
    assert not thinner[100, 60]
    assert thinner[101, 60]


@pytest.mark.parametrize(
    "name", ["Remove specks", "Fill holes", "Prune spurs", "Widen by 1 px", "Thin by 1 px"]
)
def test_what_is_previewed_in_sight_is_what_will_be_changed_there(name: str) -> None:
    document, cleanup, box = drawn(), BY_NAME[name], Box(40, 60, 330, 463)
    seen, whole = np.zeros((2, document.height, document.width), bool)
    for part, chosen in found_by(cleanup, document, 31, box).parts:
        seen[part.slices] |= chosen
    for part, chosen in found_by(cleanup, document, 31).parts:
        whole[part.slices] |= chosen
    inner = box.grown(-12)
    assert np.array_equal(seen[inner.slices], whole[inner.slices])
    assert whole.any()


@pytest.mark.parametrize(
    ("name", "size", "amount", "told"),
    [
        ("Remove specks", 30, "2 specks, 31 px", "Removed 2 specks"),
        ("Fill holes", 30, "1 hole, 9 px", "Filled 1 hole"),
        ("Fill holes", 8, "Nothing to do", "Nothing to do"),
    ],
)
def test_a_cleanup_says_how_much_it_finds(name: str, size: int, amount: str, told: str) -> None:
    cleanup = BY_NAME[name]
    found = found_by(cleanup, drawn(), size)
    assert cleanup.amount(found) == amount
    assert cleanup.told(found) == told


@pytest.mark.parametrize(("name", "piece"), [("Bridge gaps", "1 gap, "), ("Prune spurs", "1 spur, ")])
def test_gaps_and_spurs_are_counted(name: str, piece: str) -> None:
    document, cleanup = drawn(), BY_NAME[name]
    found = found_by(cleanup, document, 25)
    before = document.mask()
    changed = int((applied(document, cleanup, 25) != before).sum())
    assert cleanup.amount(found) == f"{piece}{changed} px"


@pytest.mark.parametrize("name", ["Widen by 1 px", "Thin by 1 px"])
def test_edges_are_counted_in_px_alone(name: str) -> None:
    document, cleanup = drawn(), BY_NAME[name]
    found, before = found_by(cleanup, document, 0), document.mask()
    changed = int((applied(document, cleanup, 0) != before).sum())
    assert cleanup.amount(found) == f"{changed} px"
    assert cleanup.told(found).endswith(f"by 1 px: {changed} px")


def test_a_piece_in_several_tiles_is_one_and_pieces_out_of_sight_are_not_counted() -> None:
    document = make_document()
    plane = np.ones((document.height, document.width), np.uint8)
    plane[250:260, 250:260] = 250  # in four tiles
    plane[255, 100:104] = plane[256, 104:108] = 250  # one by a corner, in two tiles
    plane[300:302, 300:302] = 250
    document.set_probability(plane)
    specks = BY_NAME["Remove specks"]
    assert specks.amount(found_by(specks, document, 200)) == "3 specks, 112 px"
    assert specks.amount(found_by(specks, document, 200, Box(90, 200, 280, 280))) == "2 specks, 108 px"
    holes = BY_NAME["Fill holes"]
    document.set_probability(251 - plane)
    assert holes.amount(found_by(holes, document, 200)) == "4 holes, 112 px"
