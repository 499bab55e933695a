import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vesselapp.inference.tiles import cut, cut_axis, take_tile

any_cut = given(
    length=st.integers(1, 900),
    size=st.integers(1, 300),
    overlap=st.integers(0, 200),
    stride=st.sampled_from([1, 2, 8, 16, 32]),
    fixed=st.booleans(),
)


@any_cut
def test_weights_add_up_to_one_everywhere(
    length: int, size: int, overlap: int, stride: int, fixed: bool
) -> None:
    axis = cut_axis(length, size, overlap, stride, fixed=fixed)
    total = np.zeros(length + 2 * axis.side)
    for index, start in enumerate(axis.starts):
        low, high = axis.span(index)
        weights = axis.weights(index)
        assert start <= low < high <= start + axis.side
        assert not weights[: low - start].any()
        total[start : start + axis.side] += weights
    np.testing.assert_allclose(total[:length], 1.0, atol=1e-6)


@any_cut
def test_neighbours_keep_the_overlap_as_context(
    length: int, size: int, overlap: int, stride: int, fixed: bool
) -> None:
    axis = cut_axis(length, size, overlap, stride, fixed=fixed)
    side = size if fixed else max(4 * stride, size // stride * stride)
    context = min(overlap, side // 2) // 2
    for index, start in enumerate(axis.starts):
        low, high = axis.span(index)
        if index > 0:
            assert low - start >= context - 1
        if index + 1 < len(axis.starts):
            assert high >= length or start + axis.side - high >= context - 1
            assert axis.starts[index + 1] > start


@given(length=st.integers(1, 900), size=st.integers(1, 300), stride=st.sampled_from([1, 8, 32]))
def test_free_tiles_are_multiples_of_the_stride_and_no_larger_than_asked(
    length: int, size: int, stride: int
) -> None:
    axis = cut_axis(length, size, 32, stride, fixed=False)
    assert axis.side % stride == 0
    assert axis.side <= max(size, 4 * stride)
    assert all(start % stride == 0 for start in axis.starts)


def test_each_pixel_is_owned_once() -> None:
    grid = cut((333, 517), (128, 128), 32, 16, fixed=True)
    owners = np.zeros((333, 517), int)
    for tile in grid.tiles():
        left, top, right, bottom = grid.own(tile)
        owners[top:bottom, left:right] += 1
    assert (owners == 1).all()


def test_adding_the_plane_to_itself_in_tiles_gives_it_back() -> None:
    plane = np.random.default_rng(3).random((333, 517), np.float32)
    pixels = np.repeat((plane * 255).astype(np.uint8)[..., None], 3, axis=2)
    grid = cut((333, 517), (128, 128), 32, 16, fixed=False)
    out = np.zeros_like(plane)
    for tile in grid.tiles():
        answer = take_tile(pixels, tile, grid.tile_shape)[..., 0].astype(np.float32)
        grid.add(out, tile, answer)
    np.testing.assert_allclose(out, pixels[..., 0], atol=1e-3)


def test_a_tile_past_the_edge_is_mirrored() -> None:
    pixels = np.arange(5, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    tile = next(cut((1, 5), (16, 16), 0, 16, fixed=True).tiles())
    row = take_tile(pixels, tile, (2, 12))[1, :, 0]
    assert row.tolist() == [0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 3]
