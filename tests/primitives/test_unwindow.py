import pytest
import torch

from tests.primitives.kit import after, built, close, draw, graph, refused

INDEX = "index: n"


def test_type_and_state():
    assert after("window(n) c", "- unwindow: {index: index}", INDEX) == "n c"
    assert (
        after("window(n m m) c", "- spatial_merge: {size: m}\n- unwindow: {index: index}", INDEX)
        == "n (m m c)"
    )
    assert graph("window(n) c", "- unwindow: {index: index}", INDEX).entries() == []


def test_numbers():
    x, index = draw(7, 6), torch.tensor([3, 0, 6, 2, 5, 1, 4])
    result = built("window(n) c", "- unwindow: {index: index}", INDEX)(x[index], index)
    close(result, x)


def test_guard():
    module = built("window(n) c", "- unwindow: {index: index}", INDEX)
    with pytest.raises(
        ValueError,
        match=r"^`index` must be integers `n` with n = 7, but is torch.int64 of the shape \[6\]: ",
    ):
        module(draw(7, 6), torch.arange(6))


def test_order_must_be_undone_first():
    refused("VC205", "window(n) c", "- §flatten")
    refused("VC202", "window(h w) c", "- §to_map", "size: {sizes: h w}")


def test_refused():
    refused("VC202", "n c", "- §unwindow: {index: index}", INDEX)
    refused("VC202", "b n c", "- §unwindow: {index: index}", INDEX)
    refused("VC303", "window(n) c", "- unwindow: {index: §idx}", INDEX)
    refused("VC201", "window(n) c", "- unwindow: {index: §index}", "index: k")
    refused("VC201", "window(n) c", "- unwindow: {index: §index}", "index: {type: n, optional: true}")
    refused("VC102", "window(n) c", "- §unwindow", INDEX)
