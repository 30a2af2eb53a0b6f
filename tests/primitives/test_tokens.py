import pytest
import torch

from tests.primitives.kit import after, built, close, draw, fresh, graph, refused


def test_type():
    assert after("b c h w", "- tokens: {row_end: r}") == "b c h w+1"
    assert after("b (h w) c", "- tokens: {start: s, end: e}") == "b 1+(h w)+1 c"
    assert after("b (h w) c", "- tokens: {start: s}\n- drop: {first: 1}") == "b (h w) c"
    assert after("b n c", "- tokens: {end: e}") == "b n+1 c"


def test_state():
    assert graph("b n c", "- linear: {name: p, out: d}\n- tokens: {start: s, end: e.x}").entries() == [
        ("s", (10,)),
        ("e.x", (10,)),
        ("p.weight", (10, 6)),
        ("p.bias", (10,)),
    ]


def test_numbers():
    module, x = built("b n c", "- tokens: {start: s, end: e}"), draw(3, 5, 6)
    y = module(x)
    assert y.shape == (3, 7, 6)
    close(y[:, 1:-1], x)
    close(y[:, 0], torch.stack([module.s] * 3))
    close(y[:, -1], torch.stack([module.e] * 3))
    module, x = built("b c h w", "- tokens: {row_end: r}"), draw(3, 6, 2, 5)
    y = module(x)
    assert y.shape == (3, 6, 2, 6)
    close(y[..., :5], x)
    for i in range(2):
        close(y[:, :, i, 5], torch.stack([module.r] * 3))


def test_dtype_follows_the_stream():
    module = fresh("b n c", "- tokens: {start: s}")
    assert module(draw(2, 3, 6).bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("init", ["", ", init: {normal: 0.5}", ", init: {trunc_normal: c^-0.5}"])
def test_initial_values(init):
    torch.manual_seed(0)
    module = fresh("b n c", f"- linear: {{name: p, out: 4096}}\n- tokens: {{start: s{init}}}")
    std = {"": 4096**-0.5, ", init: {normal: 0.5}": 0.5}.get(init, 6**-0.5)
    assert abs(module.s.std().item() / std - 1) < 0.1


def test_refused():
    refused("VC205", "b n c", "- tokens: {row_end: §r}")
    refused("VC205", "b c h w", "- §tokens: {start: s}")
    refused("VC205", "n c", "- §tokens: {end: e}")
    refused("VC104", "b n c", "- §tokens")
    refused("VC104", "b c h w", "- tokens: §{row_end: r, start: s}")
    refused("VC301", "b n c", "- tokens: §{start: s, end: s}")
    refused("VC109", "b n c", "- tokens: §{start: a.0}")
