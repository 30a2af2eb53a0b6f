import pytest

from tests.primitives.kit import after, built, close, draw, refused

SIZE = "size: {sizes: h w}"


def test_type():
    assert after("b (h w) c", "- to_map", SIZE) == "b c h w"
    assert after("b (s s) c", "- to_map") == "b c s s"
    assert after("(n m k) c", "- to_map") == "n c m k"
    assert after("(h w) c", "- to_map", SIZE) == "1 c h w"
    assert after("b (side m) c", "- to_map") == "b c side m"


def test_numbers():
    x = draw(3, 10, 6)
    y = built("b (h w) c", "- to_map", SIZE)(x, (2, 5))
    assert y.shape == (3, 6, 2, 5)
    for i in range(2):
        for j in range(5):
            close(y[:, :, i, j], x[:, i * 5 + j])
    y = built("(n m k) c", "- to_map")(x[:, :6].reshape(18, 6))
    assert y.shape == (3, 6, 2, 3)
    close(y[1, :, 1, 2], x[:, :6].reshape(18, 6)[6 + 3 + 2])


def test_channels_stay_side_by_side():
    assert built("b (h w) c", "- to_map", SIZE)(draw(3, 10, 6), (2, 5)).stride(1) == 1
    assert built("(n m k) c", "- to_map")(draw(18, 6)).stride(1) == 1


def test_guards():
    module = built("b (h w) c", "- to_map", SIZE)
    with pytest.raises(
        ValueError,
        match=r"^`x` must be floats `b \(h w\) 6` with h = 3, w = 3, but is torch.float64",
    ):
        module(draw(3, 10, 6), (3, 3))
    with pytest.raises(
        ValueError,
        match=r"^`x` must be floats `\(n 2 3\) 6`, but is torch.float64 of the shape \[7, 6\]$",
    ):
        built("(n m k) c", "- to_map")(draw(7, 6))


def test_refused():
    refused("VC205", "b c h w", "- §to_map")
    refused("VC205", "c", "- §to_map")
    refused("VC202", "b n c", "- §to_map")
    refused("VC202", "b 1+(s s) c", "- §to_map")
    refused("VC202", "b (t h w) c", "- §to_map")
    refused("VC202", "(n) c", "- §to_map")
    refused("VC202", "packed(t h w) c", "- §to_map", "grid: {grid: t h w}")
    assert "no input gives it" in refused("VC207", "b (h w) c", "- §to_map")
