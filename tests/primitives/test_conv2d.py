import pytest
import torch

from tests.primitives.kit import after, built, close, contracts, draw, graph, refused


def naive(x, weight, bias, stride, padding):
    b, c, h, w = x.shape
    o, _, k, _ = weight.shape
    padded = torch.zeros(b, c, h + 2 * padding, w + 2 * padding, dtype=x.dtype)
    padded[:, :, padding : padding + h, padding : padding + w] = x
    rows, columns = (h + 2 * padding - k) // stride + 1, (w + 2 * padding - k) // stride + 1
    y = torch.empty(b, o, rows, columns, dtype=x.dtype)
    for i in range(rows):
        for j in range(columns):
            patch = padded[:, :, i * stride : i * stride + k, j * stride : j * stride + k]
            y[:, :, i, j] = torch.einsum("bcij,ocij->bo", patch, weight)
    return y if bias is None else y + bias[None, :, None, None]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(2, 2, 0), (3, 1, 1), (3, 2, 0), (1, 1, 0), (2, 3, 2), (3, 3, 0)]
)
@pytest.mark.parametrize("bias", ["true", "false"])
def test_numbers_and_size(kernel, stride, padding, bias):
    step = (
        f"- conv2d: {{name: p, out: d, kernel: {kernel}, stride: {stride}, padding: {padding}, bias: {bias}}}"
    )
    module, x = built("b c h w", step), draw(3, 6, 7, 10)
    y = module(x)
    close(y, naive(x, module.p.weight, module.p.bias, stride, padding))
    type_ = graph("b c h w", step).outputs[0][1].type
    assert [axis.size.substitute({"b": 3, "h": 7, "w": 10, "d": 10}).constant for axis in type_.axes] == list(
        y.shape
    )


def test_type():
    assert after("b c h w", "- conv2d: {name: p, out: 2 * same, kernel: m, stride: m}") == "b 2*c h//m w//m"
    assert after("b c h w", "- conv2d: {name: p, out: d, kernel: k, padding: 1}") == "b d h w"
    assert after("(n m m) c", "- to_map\n- conv2d: {name: p, out: d, kernel: m, stride: m}") == "n d 1 1"


def test_state():
    assert graph("b c h w", "- conv2d: {name: p.0, out: d, kernel: k}").entries() == [
        ("p.0.weight", (10, 6, 3, 3)),
        ("p.0.bias", (10,)),
    ]
    assert graph("b c h w", "- conv2d: {name: p, out: d, kernel: k, bias: false}").entries() == [
        ("p.weight", (10, 6, 3, 3))
    ]


def test_contract():
    step = "- conv2d: {name: p, out: d, kernel: 3}"
    assert contracts("b c h w", step) == [
        "h is at least 3 (kernel of `p`)",
        "w is at least 3 (kernel of `p`)",
    ]
    assert contracts("b c h w", "- conv2d: {name: p, out: d, kernel: 3, padding: 1}") == []
    with pytest.raises(ValueError, match=r"`h` of `x` must be at least 3 \(kernel of `p`\), but is 2"):
        built("b c h w", step)(draw(2, 6, 2, 5))


def test_refused():
    refused("VC205", "b n c", "- §conv2d: {name: p, out: d, kernel: 1}")
    refused("VC203", "(n m m) c", "- to_map\n- §conv2d: {name: p, out: d, kernel: 3}")
    refused("VC204", "b c h w", "- conv2d: {name: p, out: d, kernel: §0}")
    refused("VC204", "b c h w", "- conv2d: {name: p, out: d, kernel: 1, stride: §0}")
    refused("VC204", "b c h w", "- conv2d: {name: p, out: d, kernel: 1, padding: §-1}")
    refused("VC206", "b c h w", "- conv2d: {name: p, out: d, kernel: §h}")
    refused("VC305", "b c h w", "- conv2d: {name: p, out: d, kernel: §same}")
    refused("VC206", "b c h w", "- conv2d: {name: p, out: §h, kernel: 1}")
