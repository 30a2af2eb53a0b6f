import pytest
import torch

from tests.primitives.kit import after, built, close, contracts, draw, refused

GRID = "grid: {grid: t h w}"


def naive(x, grid):
    rows, start = [], 0
    for t, h, w in grid:
        frames = x[start : start + t * h * w].reshape(t, h * w, -1)
        start += t * h * w
        for at in range(0, t, 2):
            rows.append(torch.cat([frames[at], frames[min(at + 1, t - 1)]], -1))
    return torch.cat(rows)


def test_type():
    assert after("packed(t h w) c", "- temporal_merge", GRID) == "packed((t+1)//2 h w) (2 c)"
    assert (
        after("packed(t h//m w//m m m) c", "- temporal_merge: {size: m}", GRID)
        == "packed((t+1)//2 h//m w//m m m) (m c)"
    )
    assert after("packed(t 4) c", "- temporal_merge", "grid: {grid: t}") == "packed((t+1)//2 4) (2 c)"


def test_numbers():
    grid = [[4, 1, 3], [1, 2, 5], [2, 3, 1], [1, 1, 1]]
    x = draw(12 + 10 + 6 + 1, 6)
    close(built("packed(t h w) c", "- temporal_merge", GRID)(x, torch.tensor(grid)), naive(x, grid))
    module = built("packed(t 4) c", "- temporal_merge", "grid: {grid: t}")
    close(module(draw(12, 6), torch.tensor([[1], [2]])), naive(draw(12, 6), [[1, 1, 4], [2, 1, 4]]))


def test_guards():
    assert "for every image, t is 1 or even (temporal_merge)" in contracts(
        "packed(t h w) c", "- temporal_merge", GRID
    )
    module = built("packed(t h w) c", "- temporal_merge", GRID)
    with pytest.raises(ValueError, match=r"even number of frames \(temporal_merge\), but has 3"):
        module(draw(6, 6), torch.tensor([[3, 1, 2]]))
    with pytest.raises(
        ValueError,
        match=r"^`x` must be floats `packed\(t h w\) 6`, but is torch.float64 of the shape \[7, 6\]",
    ):
        module(draw(7, 6), torch.tensor([[1, 1, 2], [2, 2, 1]]))


def test_refused():
    refused("VC202", "(t h w) c", "- §temporal_merge", GRID)
    refused("VC202", "b n c", "- §temporal_merge")
    refused("VC202", "packed(n) c", "- §temporal_merge", "grid: {grid: n}")
    refused("VC104", "packed(t h w) c", "- temporal_merge: {size: §3}", GRID)
    refused("VC206", "packed(t h w) c", "- temporal_merge: {size: §t}", GRID)
    refused("VC207", "packed(t h w) c", "- §temporal_merge")
    refused("VC207", "packed(t h w) c", "- §temporal_merge", "grid: {grid: h w}")
