import pytest
import torch

from tests.primitives.kit import after, built, close, draw, fresh, graph, refused
from tests.primitives.test_attention import naive
from tests.primitives.test_positions import table

QUERIES = "- queries: {name: s, count: 4, batch: false}\n"


def attended(module, query, key, value, heads, hidden=None):
    width = query.shape[-1]
    maps = [module.in_proj_weight[at * width : (at + 1) * width] for at in range(3)]
    biases = [module.in_proj_bias[at * width : (at + 1) * width] for at in range(3)]
    q, k, v = (x @ w.T + b for x, w, b in zip((query, key, value), maps, biases, strict=True))
    return (
        naive(q, k, v, heads, heads, width // heads, hidden) @ module.out_proj.weight.T + module.out_proj.bias
    )


def test_type_and_state():
    step = "- multihead_attention: {name: a, heads: heads, positions: {name: pos}}"
    assert after("b (s s) w8", QUERIES + step) == "b 4 w8"
    assert (
        after("b n c", "- queries: {name: s, count: q}\n- multihead_attention: {name: a, heads: 2}")
        == "b q c"
    )
    assert graph("b (s s) w8", QUERIES + step).entries() == [
        ("s", (4, 8)),
        ("pos", (4, 8)),
        ("a.in_proj_weight", (24, 8)),
        ("a.in_proj_bias", (24,)),
        ("a.out_proj.weight", (8, 8)),
        ("a.out_proj.bias", (8,)),
    ]


@pytest.mark.parametrize("batch", ["true", "false"])
@pytest.mark.parametrize("heads", [1, 2, 3])
def test_numbers(batch, heads):
    step = (
        f"- queries: {{name: s, count: 5, batch: {batch}}}\n"
        f"- multihead_attention: {{name: a, heads: {heads}}}"
    )
    module, x = built("b n c", step), draw(3, 4, 6)
    close(module(x), attended(module.a, torch.stack([module.s] * 3), x, x, heads))


def test_positions_of_the_same_grid():
    step = "- multihead_attention: {name: a, heads: 2, positions: {name: pos}}"
    module, x = built("b (s s) w8", QUERIES + step), draw(3, 4, 8)
    module.pos.data = table(8, 2)
    query = torch.stack([module.s + module.pos] * 3)
    close(module(x), attended(module.a, query, x + module.pos, x, 2))


def test_positions_of_another_grid():
    step = "- multihead_attention: {name: a, heads: 2, positions: {name: pos}}"
    module, x = built("b (s s) w8", QUERIES + step), draw(3, 9, 8)
    grid = module.pos.float().reshape(1, 2, 2, 8).permute(0, 3, 1, 2)
    grid = torch.nn.functional.interpolate(grid, size=(3, 3), mode="bicubic", align_corners=False)
    keys = x + grid.permute(0, 2, 3, 1).reshape(9, 8).double()
    close(module(x), attended(module.a, torch.stack([module.s + module.pos] * 3), keys, x, 2))


def test_table_is_fixed():

    step = "- multihead_attention: {name: a, heads: 2, positions: {name: pos}}"
    module = fresh("b (s s) w8", QUERIES + step)
    assert not module.pos.requires_grad
    torch.testing.assert_close(module.pos.double(), table(8, 2), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_mask(kind):
    step = QUERIES + "- multihead_attention: {name: a, heads: 2, mask: mask}"
    module, x = built("b n c", step, "mask: {optional: true, type: 4 n}"), draw(3, 5, 6)
    hidden = torch.zeros(4, 5, dtype=torch.bool)
    hidden[:, [1, 4]] = True
    mask = (
        hidden if kind == "bool" else torch.zeros(4, 5, dtype=torch.float64).masked_fill(hidden, -torch.inf)
    )
    expected = attended(module.a, torch.stack([module.s] * 3), x, x, 2, hidden[:1].expand(3, -1))
    close(module(x, mask), expected)
    close(module(x), module(x, torch.zeros_like(hidden)))


def test_refused():
    step = "- §multihead_attention: {name: a, heads: 2}"
    refused("VC205", "b n c", step)
    refused(
        "VC205",
        "b n c",
        f"{QUERIES}{step}".replace("batch: false", "batch: true").replace("- §", "- flatten\n- §"),
    )
    refused("VC201", "b n c", f"{QUERIES}- linear: {{name: p, out: d}}\n{step}")
    refused("VC203", "b n c", QUERIES + "- multihead_attention: {name: a, heads: §4}")
    refused("VC206", "b n c", QUERIES + "- multihead_attention: {name: a, heads: §n}")
    positions = "- multihead_attention: {name: a, heads: 2, positions: §{name: pos}}"
    refused("VC202", "b n w8", QUERIES + positions)
    refused("VC203", "b (s s) c", QUERIES + positions)
    refused("VC203", "b (s s) w8", QUERIES.replace("4", "5") + positions)
    refused("VC207", "b (h w) w8", QUERIES + positions.replace("§", "").replace("- m", "- §m"))
    refused(
        "VC104",
        "b (s s) w8",
        QUERIES + "- multihead_attention: {name: a, heads: 2, positions: {name: p, kind: §x}}",
    )
    mask = QUERIES + "- multihead_attention: {name: a, heads: 2, mask: §mask}"
    refused("VC303", "b n c", mask)
    refused("VC201", "b n c", mask, "mask: {optional: true, type: b n}")
    refused("VC205", "b n c", mask, "mask: {each: 2, type: 4 n}")
