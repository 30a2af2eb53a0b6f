import pytest
import torch

from tests.primitives.kit import after, built, close, draw, graph, refused
from tests.primitives.test_activation import NAIVE


def test_type():
    assert after("b (h w) c", "- mlp: {name: p, hidden: d, out: 2 * same, activation: gelu}") == "b (h w) 2*c"


def test_state():
    named = graph("b n c", "- mlp: {names: [a.x, b], hidden: d, out: m, activation: gelu}").entries()
    assert named == [("a.x.weight", (10, 6)), ("a.x.bias", (10,)), ("b.weight", (2, 10)), ("b.bias", (2,))]
    bare = graph("b n c", "- mlp: {name: p, hidden: d, out: m, activation: relu, bias: false}").entries()
    assert bare == [("p.0.weight", (10, 6)), ("p.2.weight", (2, 10))]


@pytest.mark.parametrize("kind", NAIVE)
def test_numbers(kind):
    for bias in ("true", "false"):
        module = built(
            "b n c", f"- mlp: {{names: [one, two], hidden: d, out: k, activation: {kind}, bias: {bias}}}"
        )
        x = draw(4, 5, 6)
        y = torch.einsum("bni,oi->bno", x, module.one.weight)
        y = NAIVE[kind](y if module.one.bias is None else y + module.one.bias)
        y = torch.einsum("bni,oi->bno", y, module.two.weight)
        close(module(x), y if module.two.bias is None else y + module.two.bias)


@pytest.mark.parametrize("kind", ["gelu", "gelu_tanh", "silu", "relu"])
def test_sequential_is_the_same(kind):
    one = built("b n c", f"- mlp: {{names: [one, two], hidden: d, out: k, activation: {kind}}}")
    other = built("b n c", f"- mlp: {{name: p, hidden: d, out: k, activation: {kind}}}")
    other.load_state_dict(dict(zip(other.state_dict(), one.state_dict().values(), strict=True)))
    assert torch.equal(one(draw(4, 5, 6)), other(draw(4, 5, 6)))


def test_refused():
    refused("VC205", "b c h w", "- §mlp: {name: p, hidden: d, out: d, activation: gelu}")
    assert "not both" in refused("VC104", "b n c", "- mlp: §{hidden: d, out: d, activation: gelu}")
    refused("VC104", "b n c", "- mlp: §{name: p, names: [a, b], hidden: d, out: d, activation: gelu}")
    assert "torch module" in refused(
        "VC104", "b n c", "- mlp: §{name: p, hidden: d, out: d, activation: relu2}"
    )
    refused("VC206", "b n c", "- mlp: {name: p, hidden: §n, out: d, activation: gelu}")
    refused("VC206", "b n c", "- mlp: {name: p, hidden: d, out: §n, activation: gelu}")
    refused("VC102", "b n c", "- §mlp: {name: p, hidden: d, out: d}")
    refused("VC104", "b n c", "- mlp: {names: §[a], hidden: d, out: d, activation: gelu}")
    refused("VC109", "b n c", "- mlp: {names: [a, §2], hidden: d, out: d, activation: gelu}")
