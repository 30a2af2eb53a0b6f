"""What `forward` says about inputs that do not fit."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from tests.parity.harness import Reference
from tests.parity.references import HUNYUAN, QWEN2, QWEN3, QWEN_VL, QWEN_VL_FULL


def x(*shape: int) -> torch.Tensor:
    return torch.zeros(*shape)


WRONG: dict[str, tuple[Reference, tuple[Any, ...], str]] = {
    "width": (QWEN2, (x(8, 21),), "`x` must be `(n 2 2) 20`, but has the shape [8, 21]"),
    "rank": (QWEN2, (x(1, 8, 20),), "`x` must be `(n 2 2) 20`, but has the shape [1, 8, 20]"),
    "13 rows": (QWEN2, (x(13, 20),), "`x` must be `(n 2 2) 20`, but has the shape [13, 20]"),
    "short list": (QWEN3, (x(8, 20), [x(8, 20)] * 2), "`deepstack` must be a list of 3 tensors, but has 2"),
    "long list": (QWEN3, (x(8, 20), [x(8, 20)] * 4), "`deepstack` must be a list of 3 tensors, but has 4"),
    "empty list": (QWEN3, (x(8, 20), []), "`deepstack` must be a list of 3 tensors, but has 0"),
    "first of a list": (
        QWEN3, (x(8, 20), [x(12, 20), x(8, 20), x(8, 20)]),
        "`deepstack[0]` must be `(n 2 2) 20`, but has the shape [12, 20]",
    ),
    "map width": (HUNYUAN, (x(2, 48, 17), (6, 8)), "`x` must be `b (h w) 16`, but has the shape [2, 48, 17]"),
    "map rank": (HUNYUAN, (x(48, 16), (6, 8)), "`x` must be `b (h w) 16`, but has the shape [48, 16]"),
    "other size": (HUNYUAN, (x(2, 48, 16), (6, 9)), "`x` must be `b (h w) 16`"),
    "size forgotten": (HUNYUAN, (x(2, 48, 16),), "`x` must be `b (h w) 16`"),
    "one row": (HUNYUAN, (x(2, 8, 16), (1, 8)), "`h` must be at least 2 (kernel of `proj.0`), but is 1"),
    "one column": (HUNYUAN, (x(2, 8, 16), (8, 1)), "`w` must be at least 2 (kernel of `proj.0`), but is 1"),
    "negative size": (HUNYUAN, (x(2, 48, 16), (-6, -8)), "`h` must be at least 2 (kernel of `proj.0`)"),
    "size of one": (HUNYUAN, (x(2, 48, 16), (48,)), "expected 2"),
    "size of three": (HUNYUAN, (x(2, 48, 16), (6, 8, 1)), "expected 2"),
    "no square": (
        QWEN_VL, (x(2, 48, 24),),
        "`x` must be `b (s s) 24` (one name, one size), but has the shape [2, 48, 24]",
    ),
    "square width": (QWEN_VL, (x(2, 49, 25),), "`x` must be `b (s s) 24`"),
    "square rank": (QWEN_VL, (x(49, 24),), "`x` must be `b (s s) 24`"),
    "mask size": (
        QWEN_VL, (x(2, 49, 24), x(16, 48)),
        "`attn_mask` must be `16 (s s)` (one name, one size), but has the shape [16, 48]",
    ),
    "mask rank": (QWEN_VL, (x(2, 49, 24), x(1, 16, 49)), "`attn_mask` must be `16 (s s)`"),
    "no square in a chain": (QWEN_VL_FULL, (x(2, 48, 24),), "`x` must be `b (s s) 24`"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input(name: str) -> None:
    reference, arguments, message = WRONG[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        reference.build()(*arguments)


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("shape", [(8, 21), (12, 20), (20,), (1, 8, 20), (13, 20)], ids=str)
def test_any_tensor_of_a_list(at: int, shape: tuple[int, ...]) -> None:
    deepstack = [x(8, 20), x(8, 20), x(8, 20)]
    deepstack[at] = x(*shape)
    with pytest.raises(ValueError, match=r"must be `\(n 2 2\) 20`") as caught:
        QWEN3.build()(x(8, 20), deepstack)
    assert str(caught.value) == f"`deepstack[{at}]` must be `(n 2 2) 20`, but has the shape {list(shape)}"


def test_first_input_is_blamed_before_the_list() -> None:
    with pytest.raises(ValueError, match=r"^`x` must be"):
        QWEN3.build()(x(13, 20), [x(12, 20)] * 3)


def test_other_size_is_named() -> None:
    with pytest.raises(ValueError, match=r"h = 6, w = 9"):
        HUNYUAN.build()(x(2, 48, 16), (6, 9))


def test_size_may_be_a_list() -> None:
    module, patches = HUNYUAN.build(), torch.randn(2, 48, 16)
    assert torch.equal(module(patches, [6, 8]), module(patches, (6, 8)))


def test_no_patches() -> None:
    assert QWEN2.build()(x(0, 20)).shape == (0, 28)
