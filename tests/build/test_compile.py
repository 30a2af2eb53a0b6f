"""`torch.compile` and `torch.export`.

What can be dynamic in an exported program:

- packed patches (`(n m m) c`): the number of tokens, written `m * m * Dim("n")`, from two tokens on: torch
  assumes that a dynamic size is not 1.
- HunyuanOCR: the batch, and the grid with `Dim.AUTO` for the tokens and the two integers of `size`.
- Qwen-VL: the batch. The number of patches is fixed at export, because its square root decides the shape of
  the resized positions, and torch cannot prove `int(n ** 0.5) ** 2 == n` for a symbolic `n`.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.export import Dim, export

from tests.parity.harness import Reference, flatten, leaves, loss, randomise
from tests.parity.references import HUNYUAN, QWEN2, QWEN2_5, QWEN3, QWEN_VL, QWEN_VL_FULL, SEEDS


def assert_equal(found: Any, expected: Any) -> None:
    for ours, theirs in zip(flatten(found), flatten(expected), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("reference", SEEDS, ids=lambda reference: reference.name)
def test_compile_without_graph_breaks(reference: Reference) -> None:
    torch._dynamo.reset()
    module = randomise(reference.build())
    fast = torch.compile(module, backend="eager", fullgraph=True)
    for case in reference.cases[:3]:
        torch.manual_seed(0)
        inputs = case.inputs()
        mine, plain = leaves(inputs, torch.float32), leaves(inputs, torch.float32)
        found, expected = fast(**mine), module(**plain)
        assert_equal(found, expected)
        module.zero_grad()
        loss(flatten(found)).backward()
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        module.zero_grad()
        loss(flatten(expected)).backward()
        assert_equal(gradients, [p.grad for p in module.parameters() if p.grad is not None])
        assert_equal([x.grad for x in flatten(mine)], [x.grad for x in flatten(plain)])


def test_compile_with_dynamic_shapes_compiles_once() -> None:
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounter()
    module = QWEN2.build()
    fast = torch.compile(module, backend=counter, fullgraph=True, dynamic=True)
    for rows in (8, 24, 400):
        x = torch.randn(rows, 20)
        assert torch.equal(fast(x), module(x))
    assert counter.frame_count == 1


@pytest.mark.parametrize("reference", [QWEN2, QWEN2_5], ids=lambda reference: reference.name)
def test_export_packed_tokens(reference: Reference) -> None:
    module = randomise(reference.build()).eval()
    program = export(module, (torch.randn(24, 20),), dynamic_shapes=({0: 4 * Dim("n")},))
    for rows in (8, 16, 400):
        x = torch.randn(rows, 20)
        assert_equal(program.module()(x), module(x))


def test_export_deepstack() -> None:
    module = randomise(QWEN3.build()).eval()
    rows = {0: 4 * Dim("n")}
    example = (torch.randn(24, 20), [torch.randn(24, 20) for _ in range(3)])
    program = export(module, example, dynamic_shapes=(rows, [rows] * 3))
    for count in (8, 16, 200):
        x, deepstack = torch.randn(count, 20), [torch.randn(count, 20) for _ in range(3)]
        assert_equal(program.module()(x, deepstack), module(x, deepstack))


def test_export_map_with_a_dynamic_batch() -> None:
    module = randomise(HUNYUAN.build()).eval()
    program = export(module, (torch.randn(2, 63, 16), (7, 9)), dynamic_shapes=({0: Dim("b")}, (None, None)))
    for batch in (1, 2, 5):
        x = torch.randn(batch, 63, 16)
        assert_equal(program.module()(x, (7, 9)), module(x, (7, 9)))


def test_export_map_with_a_dynamic_grid() -> None:
    module = randomise(HUNYUAN.build()).eval()
    shapes = ({0: Dim("b"), 1: Dim.AUTO}, (Dim.AUTO, Dim.AUTO))
    program = export(module, (torch.randn(2, 63, 16), (7, 9)), dynamic_shapes=shapes)
    for batch, height, width in ((1, 6, 8), (3, 8, 6), (2, 7, 9), (1, 4, 15)):
        x = torch.randn(batch, height * width, 16)
        assert_equal(program.module()(x, (height, width)), module(x, (height, width)))


@pytest.mark.parametrize("reference", [QWEN_VL, QWEN_VL_FULL], ids=lambda reference: reference.name)
@pytest.mark.parametrize("side", [4, 7])
def test_export_resampler_with_a_dynamic_batch(reference: Reference, side: int) -> None:
    module = randomise(reference.build()).eval()
    program = export(module, (torch.randn(3, side * side, 24),), dynamic_shapes=({0: Dim("b")},))
    for batch in (1, 2, 8):
        x = torch.randn(batch, side * side, 24)
        assert_equal(program.module()(x), module(x))


def test_export_resampler_with_a_mask() -> None:
    module = randomise(QWEN_VL.build()).eval()
    mask = torch.rand(16, 49) < 0.3
    program = export(module, (torch.randn(3, 49, 24), mask), dynamic_shapes=({0: Dim("b")}, None))
    x = torch.randn(2, 49, 24)
    assert_equal(program.module()(x, ~mask), module(x, ~mask))


def test_export_cannot_make_the_square_grid_dynamic() -> None:
    """A limit of torch; when this fails, the grid can be dynamic and the text above is out of date."""
    shapes = ({0: Dim("b"), 1: Dim.DYNAMIC},)
    with pytest.raises(torch._dynamo.exc.UserError, match="specialized it to be a constant"):
        export(QWEN_VL.build().eval(), (torch.randn(3, 49, 24),), dynamic_shapes=shapes)
