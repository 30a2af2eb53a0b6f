import torch

from tests.primitives.kit import after, built, close, draw, fresh, graph, refused, text
from vla_compose import check


def test_type():
    assert after("b (h w) c", "- linear: {name: p, out: 2 * same + 1}") == "b (h w) 2*c+1"
    assert after("c", "- linear: {name: p, out: d}") == "d"
    assert after("b (n m m) c", "- linear: {name: p, out: same, in: c}") == "b (n m m) c"


def test_state():
    assert graph("b n c", "- linear: {name: a.0.p, out: d}").entries() == [
        ("a.0.p.weight", (10, 6)),
        ("a.0.p.bias", (10,)),
    ]
    assert graph("b n c", "- linear: {name: p, out: d, bias: false}").entries() == [("p.weight", (10, 6))]


def test_numbers():
    for bias in ("true", "false"):
        module, x = built("b n c", f"- linear: {{name: p, out: d, bias: {bias}}}"), draw(3, 5, 6)
        expected = torch.einsum("bni,oi->bno", x, module.p.weight)
        close(module(x), expected if module.p.bias is None else expected + module.p.bias)


def test_initial_values():
    module = fresh("b n c", "- linear: {name: p, out: d, init: {constant: 0.5, bias: zeros}}")
    assert module.p.weight.eq(0.5).all()
    assert module.p.bias.eq(0).all()
    torch.manual_seed(0)
    module = fresh("b n c", "- linear: {name: p, out: 4000, init: {normal: c^-0.5}}")
    assert abs(module.p.weight.std().item() - 6**-0.5) < 0.01
    module = fresh("b n c", "- linear: {name: p, out: 4000, init: {trunc_normal: 3.0}}")
    assert module.p.weight.abs().max() <= 2


def test_refused():
    refused("VC205", "b c h w", "- §linear: {name: p, out: d}")
    refused("VC206", "b n c", "- linear: {name: p, out: §n}")
    refused("VC305", "b n c", "- linear: {name: p, out: §dd}")
    refused("VC204", "b n c", "- linear: {name: p, out: §c - 6}")
    refused("VC204", "b n c", "- linear: {name: p, out: §c // (c - 6)}")
    refused("VC106", "b n c", "- linear: {name: p, out: §c /}")
    refused("VC103", "b n c", "- linear: {name: p, out: §1.5}")
    refused("VC102", "b n c", "- §linear: {name: p}")
    refused("VC101", "b n c", "- linear: {name: p, out: d, §biass: true}")
    refused("VC103", "b n c", "- linear: {name: p, out: d, bias: §1}")
    refused("VC109", "b n c", "- linear: {name: §1p, out: d}")
    refused("VC302", "b n c", "- linear: {name: §p.forward, out: d}")
    refused("VC302", "b n c", "- linear: {name: §class, out: d}")
    refused("VC104", "b n c", "- linear: {name: p, out: d, init: {normal: §0}}")
    refused("VC101", "b n c", "- linear: {name: p, out: d, init: {§std: 1}}")


def test_asserted_width():
    assert "is told to take 10 channels" in refused("VC201", "b n c", "- linear: {name: p, in: §d, out: d}")
    found = check(text("b n c", "- linear: {name: p, in: 4 * c, out: d}"))[0]
    assert "spatial_merge: {size: 2}" in str(found.help)
    assert (found.found, found.expected) == ("6", "24")
    assert found.labels[0].span.line == 5
