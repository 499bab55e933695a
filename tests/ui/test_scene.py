import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ui.conftest import random_pixels
from vesselapp.core.geometry import Box
from vesselapp.core.image import Image
from vesselapp.core.pyramid import Pyramid, halve_pixels
from vesselapp.state.brush import Brush
from vesselapp.state.document import Document
from vesselapp.ui.qimages import view_of
from vesselapp.ui.scene import Scene
from vesselapp.ui.view import View

PIXELS = random_pixels(1100, 1300)


def make_document() -> Document:
    document = Document(Image(PIXELS, None, "0" * 64), Pyramid(PIXELS, halve_pixels), 0.5)
    document.set_probability(np.clip(PIXELS[:, :, 1], 1, 253))
    return document


def arrays(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    return view_of(scene._base).copy(), scene._seen.copy()


@settings(max_examples=40)
@given(
    st.sampled_from([0.13, 0.4, 1.0, 2.7, 9.0]),
    st.integers(-400, 300),
    st.integers(-400, 300),
    st.lists(st.tuples(st.integers(-170, 170), st.integers(-170, 170)), min_size=1, max_size=4),
    st.integers(0, 3),
)
def test_panning_shows_the_same_as_sampling_anew(
    zoom: float, x: int, y: int, moves: list[tuple[int, int]], turns: int
) -> None:
    document = make_document()
    view, panned, anew = View(zoom, x, y, 1100, 1300, turns), Scene(document), Scene(document)
    panned.resample(view, (150, 160), 1.0)
    for dx, dy in moves:
        view = view.moved(dx, dy)
        panned.resample(view, (150, 160), 1.0)
        document.begin_stroke()
        place = view.to_picture(80, 70)
        document.paint(place, place, 9, Brush.PAINT)
        document.end_stroke("Brush")
        panned.update(document.history._done[-1].box if document.history.undo_name else view_box(view))
    anew.resample(view, (150, 160), 1.0)
    for one, other in zip(arrays(panned), arrays(anew), strict=True):
        assert np.array_equal(one, other)


def view_box(view: View) -> Box:
    return view.box_in_picture(Box(0, 0, 160, 150)).clipped(1100, 1300)
