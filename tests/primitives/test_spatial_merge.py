import pytest
import torch

from tests.primitives.kit import after, built, close, contracts, draw, fresh, graph, refused

SIZE = "size: {sizes: h w}"


def naive_block(x, m, order):
    """Rows of one merge cell follow each other."""
    lead, c = x.shape[:-2], x.shape[-1]
    x = x.reshape(-1, x.shape[-2], c)
    y = torch.empty(x.shape[0], x.shape[1] // (m * m), m * m * c, dtype=x.dtype)
    for n in range(y.shape[1]):
        for cell in range(m * m):
            for channel in range(c):
                to = cell * c + channel if order == "hwc" else channel * m * m + cell
                y[:, n, to] = x[:, n * m * m + cell, channel]
    return y.reshape(*lead, y.shape[-2], y.shape[-1])


def naive_raster(x, frames, h, w, m, order):
    lead, c = x.shape[:-2], x.shape[-1]
    x = x.reshape(-1, x.shape[-2], c)
    y = torch.empty(x.shape[0], frames * (h // m) * (w // m), m * m * c, dtype=x.dtype)
    for t in range(frames):
        for row in range(h):
            for column in range(w):
                token = (t * (h // m) + row // m) * (w // m) + column // m
                cell = (row % m) * m + column % m
                for channel in range(c):
                    to = cell * c + channel if order == "hwc" else channel * m * m + cell
                    y[:, token, to] = x[:, (t * h + row) * w + column, channel]
    return y.reshape(*lead, y.shape[-2], y.shape[-1])


@pytest.mark.parametrize(
    ("x", "type_"),
    [
        ("(n m m) c", "n (m m c)"),
        ("b (n m m) c", "b n (m m c)"),
        ("(m m) c", "1 (m m c)"),
        ("b (s s) c", "b (s//m s//m) (m m c)"),
        ("b (t s s) c", "b (t s//m s//m) (m m c)"),
        ("b (side side) c", "b (side//m side//m) (m m c)"),
        ("b (2*s 4) c", None),
        ("packed(h//m w//m m m) c", "packed(h//m w//m) (m m c)"),
    ],
)
def test_type(x, type_):
    inputs = "grid: {grid: h w}" if "packed" in x else "size: {sizes: t s}" if "t s s" in x else ""
    if type_ is None:
        refused("VC202", x, "- §spatial_merge: {size: m}")
    else:
        assert after(x, "- spatial_merge: {size: m}", inputs) == type_


def test_channel_order_of_types():
    assert after("(n m m) c", "- spatial_merge: {size: m, channels: chw}") == "n (c m m)"


@pytest.mark.parametrize("order", ["hwc", "chw"])
def test_block_numbers(order):
    step = f"- spatial_merge: {{size: k, channels: {order}}}"
    close(built("(n k k) c", step)(draw(27, 6)), naive_block(draw(27, 6), 3, order))
    close(built("b (n k k) c", step)(draw(2, 27, 6)), naive_block(draw(2, 27, 6), 3, order))
    close(built("b (k k) c", step)(draw(2, 9, 6)), naive_block(draw(2, 9, 6), 3, order))


@pytest.mark.parametrize("order", ["hwc", "chw"])
def test_raster_numbers(order):
    step = f"- spatial_merge: {{size: m, channels: {order}}}"
    close(
        built("b (h w) c", step, SIZE)(draw(2, 24, 6), (4, 6)),
        naive_raster(draw(2, 24, 6), 1, 4, 6, 2, order),
    )
    close(built("(h w) c", step, SIZE)(draw(24, 6), (6, 4)), naive_raster(draw(24, 6), 1, 6, 4, 2, order))
    close(built("b (s s) c", step)(draw(3, 36, 6)), naive_raster(draw(3, 36, 6), 1, 6, 6, 2, order))
    close(built("b (side side) c", step)(draw(3, 16, 6)), naive_raster(draw(3, 16, 6), 1, 4, 4, 2, order))
    module = built("b (t h w) c", step, SIZE)
    close(module(draw(2, 72, 6), (4, 6)), naive_raster(draw(2, 72, 6), 3, 4, 6, 2, order))
    one = "- spatial_merge: {size: 1}"
    close(built("b (h w) c", one, SIZE)(draw(2, 15, 6), (3, 5)), draw(2, 15, 6))


def test_equal_dims_of_other_names_are_a_grid():
    """With `side` equal to `m`, the grid is one cell and gives the same."""

    step = "- spatial_merge: {size: m}"
    assert str(graph("b (side side) c", step, side=2).outputs[0][1].type) == "b (side//m side//m) (m m c)"
    module = fresh("b (side side) c", step, side=2).double()
    close(module(draw(3, 4, 6)), naive_block(draw(3, 4, 6), 2, "hwc"))


def test_contract_and_guard():
    assert contracts("b (h w) c", "- spatial_merge: {size: m}", SIZE) == [
        "h is a multiple of 2 (spatial_merge)",
        "w is a multiple of 2 (spatial_merge)",
    ]
    assert contracts("b (s s) c", "- spatial_merge: {size: 1}") == []
    assert contracts("b (2*h 2*w) c", "- spatial_merge: {size: m}", SIZE) == []
    module = built("b (h w) c", "- spatial_merge: {size: m}", SIZE)
    with pytest.raises(
        ValueError, match=r"^`w` of `size` must be a multiple of 2 \(spatial_merge\), but is 5$"
    ):
        module(draw(1, 20, 6), (4, 5))
    with pytest.raises(
        ValueError, match=r"^`x` must be floats `\(n 2 2\) 6`, but is torch.float64 of the shape \[6, 6\]$"
    ):
        built("(n m m) c", "- spatial_merge: {size: m}")(draw(6, 6))


def test_contract_on_a_difference():
    """The rows that a convolution leaves are `h - 1`, of which the remainder counts, not of the 1."""
    steps = "- conv2d: {name: p, out: same, kernel: 2}\n- to_tokens\n- spatial_merge: {size: 3}"
    module = built("b c h w", steps)
    assert module(draw(1, 6, 4, 7)).shape == (1, 2, 54)
    with pytest.raises(
        ValueError, match=r"^`h-1` of `x` must be a multiple of 3 \(spatial_merge\), but is 4$"
    ):
        module(draw(1, 6, 5, 7))


def test_refused():
    refused("VC205", "b c h w", "- §spatial_merge: {size: m}")
    refused("VC205", "c", "- §spatial_merge: {size: m}")
    refused("VC202", "b n c", "- §spatial_merge: {size: m}")
    refused("VC202", "b 1+(s s) c", "- §spatial_merge: {size: m}")
    refused("VC202", "b (n k) c", "- §spatial_merge: {size: m}")
    refused("VC202", "packed(t h w) c", "- §spatial_merge: {size: m}", "grid: {grid: t h w}")
    refused("VC203", "b (side side) c", "- §spatial_merge: {size: k}")
    refused("VC207", "b (h w) c", "- §spatial_merge: {size: m}")
    refused("VC207", "b (f t h w) c", "- §spatial_merge: {size: m}", SIZE)
    refused("VC206", "b (s s) c", "- spatial_merge: {size: §s}")
    refused("VC204", "b (s s) c", "- spatial_merge: {size: §0}")
    refused("VC104", "b (s s) c", "- spatial_merge: {size: m, channels: §cwh}")
    refused("VC102", "b (s s) c", "- §spatial_merge")


def test_a_batch_without_images():
    module = built("b (h w) c", "- spatial_merge: {size: 2}", SIZE)
    assert module(draw(0, 24, 6), (4, 6)).shape == (0, 6, 24)
