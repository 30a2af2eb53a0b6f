import math

import pytest
import torch
from transformers.activations import ACT2FN

from tests.primitives.kit import after, built, close, draw, fresh, graph, refused

NAIVE = {
    "gelu": lambda x: x * 0.5 * (1 + torch.erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "gelu_new": lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "quick_gelu": lambda x: x / (1 + torch.exp(-1.702 * x)),
    "silu": lambda x: x / (1 + torch.exp(-x)),
    "relu": lambda x: torch.where(x > 0, x, 0 * x),
    "relu2": lambda x: torch.where(x > 0, x * x, 0 * x),
}
IN_TRANSFORMERS = {
    "gelu": "gelu",
    "gelu_tanh": "gelu_pytorch_tanh",
    "gelu_new": "gelu_new",
    "quick_gelu": "quick_gelu",
    "silu": "silu",
    "relu": "relu",
    "relu2": "relu2",
}


@pytest.mark.parametrize("kind", NAIVE)
def test_numbers(kind):
    x = draw(3, 5, 7) * 4
    close(built("b n 7", f"- activation: {kind}")(x), NAIVE[kind](x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", NAIVE)
def test_bits_of_transformers(kind, dtype):
    x = (draw(3, 5, 7) * 4).to(dtype)
    assert torch.equal(fresh("b n 7", f"- activation: {kind}")(x), ACT2FN[IN_TRANSFORMERS[kind]](x))


def test_type_and_state():
    assert after("b (h w) c", "- activation: gelu") == "b (h w) c"
    assert after("b c h w", "- activation: {kind: silu}") == "b c h w"
    assert graph("b n c", "- activation: relu").entries() == []


def test_refused():
    assert "`swish`" in refused("VC104", "b n c", "- activation: §swish")
    refused("VC102", "b n c", "- §activation")
    refused("VC101", "b n c", "- activation: {kind: gelu, §name: p}")
    refused("VC104", "b n c", "- activation: {kind: §1}")
