import pytest
import torch

from tests.primitives.kit import after, built, close, draw, graph, refused
from tests.primitives.test_activation import NAIVE


def test_type_and_state():
    assert after("b (h w) c", "- gated_mlp: {name: p, hidden: 4 * same, out: d}") == "b (h w) d"
    assert graph("b n c", "- gated_mlp: {name: p, hidden: d, out: k}").entries() == [
        ("p.gate_proj.weight", (10, 6)),
        ("p.up_proj.weight", (10, 6)),
        ("p.down_proj.weight", (3, 10)),
    ]
    names = [
        name
        for name, _ in graph(
            "b n c", "- gated_mlp: {names: [g, u, e], hidden: d, out: k, bias: true}"
        ).entries()
    ]
    assert names == ["g.weight", "g.bias", "u.weight", "u.bias", "e.weight", "e.bias"]


@pytest.mark.parametrize("kind", NAIVE)
def test_numbers(kind):
    module = built("b n c", f"- gated_mlp: {{hidden: d, out: k, activation: {kind}, bias: true}}")
    x = draw(4, 5, 6)

    def apply(layer, y):
        return torch.einsum("bni,oi->bno", y, layer.weight) + layer.bias

    close(
        module(x), apply(module.down_proj, NAIVE[kind](apply(module.gate_proj, x)) * apply(module.up_proj, x))
    )


def test_refused():
    refused("VC205", "b c h w", "- §gated_mlp: {hidden: d, out: d}")
    refused("VC206", "b n c", "- gated_mlp: {hidden: §n, out: d}")
    refused("VC206", "b n c", "- gated_mlp: {hidden: d, out: §n}")
    refused("VC104", "b n c", "- gated_mlp: {hidden: d, out: d, names: §[a, b]}")
    refused("VC102", "b n c", "- §gated_mlp: {hidden: d}")
