import pytest
import torch
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm
from transformers.models.gemma3n.modeling_gemma3n import Gemma3nRMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.nemotron_h.modeling_nemotron_h import NemotronHRMSNorm

from tests.parity.harness import randomise
from tests.primitives.kit import after, built, close, draw, fresh, graph, refused

ORIGINALS = {
    "layer": lambda: torch.nn.LayerNorm(7, eps=1e-3),
    "rms": lambda: LlamaRMSNorm(7, eps=1e-3),
    "rms_fp32": lambda: NemotronHRMSNorm(7, eps=1e-3),
    "rms_gemma": lambda: Gemma3RMSNorm(7, eps=1e-3),
    "rms_pow": lambda: Gemma3nRMSNorm(7, eps=1e-3),
}


def naive(kind, x, weight, bias):
    if kind == "layer":
        x = x - x.mean(-1, keepdim=True)
    x = x / (x.square().mean(-1, keepdim=True) + 1e-3).sqrt()
    if weight is None:
        return x
    return x * (1 + weight if kind == "rms_gemma" else weight) + (bias if bias is not None else 0)


@pytest.mark.parametrize("affine", ["true", "false"])
@pytest.mark.parametrize("kind", ORIGINALS)
def test_numbers(kind, affine):
    """RMS norms compute in float32 whatever comes in, as the originals do."""
    module = built("b n 7", f"- norm: {{name: p, kind: {kind}, eps: 1e-3, affine: {affine}}}")
    x = draw(3, 5, 7)
    result = module(x)
    weight, bias = getattr(module.p, "weight", None), getattr(module.p, "bias", None)
    expected = naive(kind, x, weight, bias)
    assert result.dtype == torch.float64
    if kind == "layer":
        close(result, expected)
    else:
        torch.testing.assert_close(result, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ORIGINALS)
def test_bits_of_the_original(kind, dtype):
    module = fresh("b n 7", f"- norm: {{name: p, kind: {kind}, eps: 1e-3}}")
    original = ORIGINALS[kind]()
    assert all(
        torch.equal(value, original.state_dict()[name]) for name, value in module.p.state_dict().items()
    )
    randomise(module).to(dtype)
    original.to(dtype).load_state_dict(module.p.state_dict())
    x = draw(3, 5, 7).to(dtype) * 3
    assert torch.equal(module(x), original(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_bits_without_weight(dtype):
    module = fresh("b n 7", "- norm: {name: p, kind: rms_pow, eps: 1e-3, affine: false}")
    x = draw(3, 5, 7).to(dtype) * 3
    assert torch.equal(module(x), Gemma3nRMSNorm(7, eps=1e-3, with_scale=False)(x))
    module = fresh("b n 7", "- norm: {name: p, kind: rms, eps: 1e-3, affine: false}")
    assert torch.equal(module(x), LlamaRMSNorm(7, eps=1e-3).to(dtype)(x))


def test_type_and_state():
    assert after("b (h w) c", "- norm: {name: p}") == "b (h w) c"
    assert graph("b n c", "- norm: {name: p.q}").entries() == [("p.q.weight", (6,)), ("p.q.bias", (6,))]
    assert graph("b n c", "- norm: {name: p, kind: rms}").entries() == [("p.weight", (6,))]
    for kind in ORIGINALS:
        assert graph("b n c", f"- norm: {{name: p, kind: {kind}, affine: false}}").entries() == []


def test_a_norm_without_weight_keeps_its_name():
    refused("VC301", "b n c", "- norm: {name: p, affine: false}\n- linear: {name: §p, out: d}")
    refused(
        "VC301", "b n c", "- norm: {name: p, affine: false}\n- norm: {name: §p, affine: false, eps: 1e-3}"
    )


def test_refused():
    refused("VC205", "b c h w", "- §norm: {name: p}")
    refused("VC102", "b n c", "- §norm")
    refused("VC104", "b n c", "- norm: {name: p, kind: §rmsnorm}")
    refused("VC104", "b n c", "- norm: {name: p, eps: §0.0}")
    refused("VC104", "b n c", "- norm: {name: p, eps: §2.0}")
    refused("VC103", "b n c", "- norm: {name: p, eps: §'1e-6'}")
    refused("VC103", "b n c", "- norm: {name: p, affine: §yes_}")
