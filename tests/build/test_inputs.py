"""What `forward` says about inputs that do not fit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

import vla_compose
from tests.parity.harness import Reference
from tests.parity.pilots import ERNIE, IDEFICS2
from tests.parity.references import HUNYUAN, QWEN2, QWEN3, QWEN_VL, QWEN_VL_FULL


def x(*shape: int) -> torch.Tensor:
    return torch.zeros(shape)


IS = "but is torch.float32 of the shape"
MAP = "`x` must be floats `b (h w) 16`"
FEW = "of `size` must be at least 2 (kernel of `proj.0`), but is 1"
SIZE = "`size` must be 2 positive Python integers `h w`, but is"
WRONG: dict[str, tuple[Reference, tuple[Any, ...], str]] = {
    "width": (QWEN2, (x(8, 21),), f"`x` must be floats `(n 2 2) 20`, {IS} [8, 21]"),
    "rank": (QWEN2, (x(1, 8, 20),), f"`x` must be floats `(n 2 2) 20`, {IS} [1, 8, 20]"),
    "13 rows": (QWEN2, (x(13, 20),), f"`x` must be floats `(n 2 2) 20`, {IS} [13, 20]"),
    "short list": (QWEN3, (x(8, 20), [x(8, 20)] * 2), "`deepstack` must be a list of 3 tensors, but has 2"),
    "long list": (QWEN3, (x(8, 20), [x(8, 20)] * 4), "`deepstack` must be a list of 3 tensors, but has 4"),
    "empty list": (QWEN3, (x(8, 20), []), "`deepstack` must be a list of 3 tensors, but has 0"),
    "first of a list": (
        QWEN3, (x(8, 20), [x(12, 20), x(8, 20), x(8, 20)]),
        f"`deepstack[0]` must be floats `(n 2 2) 20` with n = 2, {IS} [12, 20]",
    ),
    "map width": (HUNYUAN, (x(2, 48, 17), (6, 8)), f"{MAP} with h = 6, w = 8, {IS} [2, 48, 17]"),
    "map rank": (HUNYUAN, (x(48, 16), (6, 8)), f"{MAP} with h = 6, w = 8, {IS} [48, 16]"),
    "other size": (HUNYUAN, (x(2, 48, 16), (6, 9)), "`x` must be floats `b (h w) 16`"),
    "size forgotten": (HUNYUAN, (x(2, 48, 16),), "`x` must be floats `b (h w) 16`"),
    "one row": (HUNYUAN, (x(2, 8, 16), (1, 8)), f"`h` {FEW}"),
    "one column": (HUNYUAN, (x(2, 8, 16), (8, 1)), f"`w` {FEW}"),
    "negative size": (HUNYUAN, (x(2, 48, 16), (-6, -8)), f"{SIZE} (-6, -8)"),
    "size of one": (HUNYUAN, (x(2, 48, 16), (48,)), f"{SIZE} (48,)"),
    "size of three": (HUNYUAN, (x(2, 48, 16), (6, 8, 1)), f"{SIZE} (6, 8, 1)"),
    "no square": (
        QWEN_VL, (x(2, 48, 24),),
        f"`x` must be floats `b (s s) 24` (one name, one size), {IS} [2, 48, 24]",
    ),
    "square width": (QWEN_VL, (x(2, 49, 25),), "`x` must be floats `b (s s) 24`"),
    "square rank": (QWEN_VL, (x(49, 24),), "`x` must be floats `b (s s) 24`"),
    "mask size": (
        QWEN_VL, (x(2, 49, 24), x(16, 48)),
        f"`attn_mask` must be booleans or floats `16 (s s)` (one name, one size) with s = 7, {IS} [16, 48]",
    ),
    "mask rank": (QWEN_VL, (x(2, 49, 24), x(1, 16, 49)), "`attn_mask` must be booleans or floats `16 (s s)`"),
    "no patches": (QWEN2, (None,), "`x` must be floats `(n 2 2) 20`, but is None"),
    "integers": (QWEN2, (x(8, 20).long(),), "but is torch.int64 of the shape [8, 20]"),
    "complex": (QWEN2, (x(8, 20).to(torch.complex64),), "but is torch.complex64 of the shape [8, 20]"),
    "numpy": (QWEN2, (x(8, 20).numpy(),), "`x` must be floats `(n 2 2) 20`, but is array([["),
    "no list": (QWEN3, (x(8, 20), None), "`deepstack` must be a list of 3 tensors, but is None"),
    "list of none": (QWEN3, (x(8, 20), [None] * 3), "`deepstack[0]` must be floats `(n 2 2) 20`"),
    "list of integers": (QWEN3, (x(8, 20), [x(8, 20).int()] * 3), "`deepstack[0]` must be floats"),
    "nothing beside a list": (QWEN3, (None, [x(8, 20)] * 3), "`x` must be floats `(n 2 2) 20`, but is None"),
    "size of text": (HUNYUAN, (x(2, 48, 16), "68"), f"{SIZE} '68'"),
    "no size": (HUNYUAN, (x(2, 48, 16), None), f"{SIZE} None"),
    "size of floats": (HUNYUAN, (x(2, 48, 16), (6.0, 8)), "`size` must be 2 positive Python integers `h w`"),
    "map of integers": (HUNYUAN, (x(2, 48, 16).long(), (6, 8)), "`x` must be floats `b (h w) 16`"),
    "mask of text": (QWEN_VL, (x(2, 49, 24), "mask"), "`attn_mask` must be booleans or floats `16 (s s)`"),
    "float mask": (
        IDEFICS2, (x(2, 9, 16), x(2, 9)),
        "`mask` must be booleans or integers `b n` with b = 2, n = 9, but is torch.float32",
    ),
    "nothing beside a mask": (IDEFICS2, (None, x(2, 9).bool()), "`x` must be floats"),
    "no grid": (ERNIE, (x(16, 20), None), "`grid_thw` must have one row an image with the columns `t h w`"),
    "grid of floats": (ERNIE, (x(16, 20), x(1, 3) + 4), "but is torch.float32 of the shape [1, 3]"),
    "empty grid": (ERNIE, (x(0, 20), x(0, 3).long()), "but is torch.int64 of the shape [0, 3]: []"),
    "grid of two columns": (ERNIE, (x(16, 20), x(1, 2).long()), "but is torch.int64 of the shape [1, 2]"),
    "zero in a grid": (ERNIE, (x(16, 20), x(1, 3).long()), "of the shape [1, 3]: [[0, 0, 0]]"),
    "no square in a chain": (QWEN_VL_FULL, (x(2, 48, 24),), "`x` must be floats `b (s s) 24`"),
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
    with pytest.raises(ValueError, match=r"must be floats `\(n 2 2\) 20`") as caught:
        QWEN3.build()(x(8, 20), deepstack)
    assert (
        str(caught.value) == f"`deepstack[{at}]` must be floats `(n 2 2) 20` with n = 2, {IS} {list(shape)}"
    )


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


HEAD = "spec_version: 1\nname: t\ndims: {c: 4, d: 6, heads: 2}\n"
LINEAR = "steps: [{linear: {name: p, out: d}}]\n"
TWO = "chains:\n  a: {from: left, STEPS}\n  e: {from: right, STEPS}\nfrom: {add: [a, e]}\n"
ATTENTION = "steps: [{queries: {name: q, count: 3}}, {KIND: {name: m, heads: heads, mask: mask}}]\n"
OWN: dict[str, tuple[str, tuple[Any, ...], str]] = {
    "one row is not repeated": (
        "inputs: {x: b (h w) c, y: b (h w) c}\nfrom: {add: [x, y]}\n" + LINEAR,
        (x(2, 35, 4), x(2, 1, 4)),
        f"`y` must be floats `b (h w) 4` with b = 2, h * w = 35, {IS} [2, 1, 4]",
    ),
    "beside a fixed token": (
        "inputs: {x: b (h w) c, y: b 1+(h w) c}\nfrom: {concat: [x, y], axis: tokens}\n" + LINEAR,
        (x(2, 35, 4), x(2, 35, 4)),
        f"`y` must be floats `b 1+(h w) 4` with b = 2, h * w = 35, {IS} [2, 35, 4]",
    ),
    "packed without a grid": (
        "inputs: {x: packed(h w) c, y: packed(h w) c}\nfrom: {add: [x, y]}\n" + LINEAR,
        (x(35, 4), x(1, 4)),
        f"`y` must be floats `packed(h w) 4`, {IS} [1, 4]",
    ),
    "lists": (
        "inputs: {x: b (h w) c, y: {type: b (h w) c, each: 2}}\nfrom: x\n"
        + LINEAR
        + "chains: {a: {from: y, each: true, steps: [{linear: {name: q, out: d}}]}}\n",
        (x(2, 35, 4), [x(2, 35, 4), x(2, 34, 4)]),
        f"`y[1]` must be floats `b (h w) 4` with b = 2, h * w = 35, {IS} [2, 34, 4]",
    ),
    "nothing in a list": (
        "inputs: {y: {type: b (h w) c, each: 2}}\nfrom: {concat: [y]}\n" + LINEAR,
        ([None, x(2, 34, 4)],),
        "`y[0]` must be floats `b (h w) 4`, but is None",
    ),
    "a chain's own input": (
        "inputs: {left: b (h w) c, right: b (h w) d}\n" + TWO,
        (x(2, 35, 5), x(2, 35, 6)),
        f"`left` must be floats `b (h w) 4`, {IS} [2, 35, 5]",
    ),
    "rank of a chain's own input": (
        "inputs: {left: b (h w) c, right: b (h w) d}\n" + TWO,
        (x(35, 4), x(2, 35, 6)),
        f"`left` must be floats `b (h w) 4`, {IS} [35, 4]",
    ),
    "no axes": (
        "inputs: {left: b (h w) c, right: b (h w) d}\n" + TWO,
        (x(), x(2, 35, 6)),
        f"`left` must be floats `b (h w) 4`, {IS} []",
    ),
    "nothing before a square": (
        "inputs: {x: b 1+(s s) c}\nsteps: [{drop: {first: 1}}, {linear: {name: p, out: d}}]\n",
        (x(2, 0, 4),),
        f"`x` must be floats `b 1+(s s) 4` (one name, one size), {IS} [2, 0, 4]",
    ),
    "fewer than are fixed": (
        "inputs: {x: b 2+n c}\nsteps: [{drop: {first: 2}}, {linear: {name: p, out: d}}]\n",
        (x(2, 1, 4),),
        f"`x` must be floats `b 2+n 4`, {IS} [2, 1, 4]",
    ),
    "a contract names the input": (
        "inputs: {x: b (s s) c}\nsteps: [{spatial_merge: {size: 2}}]\n",
        (x(2, 25, 4),),
        "`s` of `x` must be a multiple of 2 (spatial_merge), but is 5",
    ),
    "a contract names the grid": (
        "inputs: {x: packed(h w) c, grid: {grid: h w}}\n"
        "chains: {a: {from: x, per_image: grid, steps: [{spatial_merge: {size: 2}}]}}\n",
        (x(15, 4), torch.tensor([[3, 5]])),
        "`h` of `grid` must be a multiple of 2 (spatial_merge), but is 3",
    ),
    "a length that later inputs tell": (
        "inputs: {x: b (h w) c, y: h c, z: w c}\nchains:\n"
        "  a: {from: x, STEPS}\n  e: {from: y, STEPS}\n  f: {from: z, STEPS}\n",
        (x(2, 35, 4), x(5, 4), x(6, 4)),
        "`x` must have h * w = 30 tokens by the other inputs, but has 35",
    ),
    "no multiple of a size that is known": (
        "inputs: {x: b w c, y: b (n w) c}\nchains:\n  a: {from: x, STEPS}\n  e: {from: y, STEPS}\n",
        (x(2, 7, 4), x(2, 6, 4)),
        f"`y` must be floats `b (n w) 4` with b = 2, w = 7, {IS} [2, 6, 4]",
    ),
    "no whole images": (
        "inputs: {x: packed(4 4) c}\n" + LINEAR,
        (x(33, 4),),
        f"`x` must be floats `packed(4 4) 4`, {IS} [33, 4]",
    ),
    "nothing before a square in a list": (
        "inputs: {y: {type: b 1+(s s) c, each: 2}}\nfrom: {concat: [y]}\n" + LINEAR,
        ([x(2, 0, 4)] * 2,),
        f"`y[0]` must be floats `b 1+(s s) 4` (one name, one size), {IS} [2, 0, 4]",
    ),
    "a contract of a chain names its input": (
        "inputs: {left: b (s s) c, x: b n c}\nchains:\n"
        "  a: {from: left, steps: [{spatial_merge: {size: 2}}]}\n"
        "  e: {from: x, STEPS}\n",
        (x(2, 25, 4), x(2, 7, 4)),
        "`s` of `left` must be a multiple of 2 (spatial_merge), but is 5",
    ),
    "a flag of text": (
        "inputs: {x: b n c, fine: {flag: true}}\n"
        "chains: {a: {from: x, STEPS}, e: {from: x, STEPS}}\n"
        "outputs: {o: {from: {flag: fine, then: a, else: e}}}\n",
        (x(2, 7, 4), "false"),
        "`fine` must be `True` or `False`, but is 'false'",
    ),
    "booleans are no index": (
        "inputs: {x: window(n) c, order: n}\nsteps: [{unwindow: {index: order}}]\n",
        (x(3, 4), torch.ones(3, dtype=torch.bool)),
        "`order` must be integers `n` with n = 3, but is torch.bool of the shape [3]",
    ),
    "integers are no scores": (
        "inputs: {x: b n c, mask: 3 n}\n" + ATTENTION.replace("KIND", "multihead_attention"),
        (x(2, 5, 4), x(3, 5).long()),
        "`mask` must be booleans or floats `3 n` with n = 5, but is torch.int64 of the shape [3, 5]",
    ),
    "floats are no mask": (
        "inputs: {x: b n c, mask: b n}\n" + ATTENTION.replace("KIND", "attention"),
        (x(2, 5, 4), x(2, 5)),
        "`mask` must be booleans or integers `b n` with b = 2, n = 5, but is torch.float32",
    ),
}


@pytest.mark.parametrize("name", OWN)
def test_wrong_input_of_a_spec_of_ones_own(name: str, tmp_path: Path) -> None:
    text, arguments, message = OWN[name]
    path = tmp_path / "t.yaml"
    path.write_text(HEAD + text.replace("STEPS", LINEAR.strip()))
    module = vla_compose.build(path)
    with pytest.raises(ValueError, match=re.escape(message)):
        module(*arguments)


BRANCHES = (
    "inputs: {x: b (h w) c, size: {sizes: h w}, fine: {flag: false}}\n"
    "chains:\n"
    "  co:\n    from: x\n    inline: true\n"
    "    steps: [{spatial_merge: {size: 2}}, {linear: {name: p, out: d}}, flatten]\n"
    "  fi: {from: x, inline: true, steps: [{linear: {name: q, out: d}}, flatten]}\n"
    "from: {flag: fine, then: fi, else: co}\nsteps: [{norm: {name: n, kind: layer, eps: 1e-5}}]\n"
)
RIGHT: dict[str, tuple[str, tuple[Any, ...], tuple[int, ...]]] = {
    "packed of fixed sizes": (
        "inputs: {x: packed(4 4) c, y: packed(2 2) c}\n"
        "chains: {a: {from: x, STEPS}, e: {from: y, STEPS}}\noutputs: {o: e, p: a}\n",
        (x(32, 4), x(8, 4)),
        (8, 6),
    ),
    "no image at all": ("inputs: {x: packed(4 4) c}\n" + LINEAR, (x(0, 4),), (0, 6)),
    "a token more for each image": (
        "inputs: {x: packed(h w) c, y: packed(h w)+1 c}\n"
        "chains: {a: {from: x, STEPS}, e: {from: y, STEPS}}\noutputs: {o: e, p: a}\n",
        (x(12, 4), x(14, 4)),
        (14, 6),
    ),
    "a contract of the branch that does not run": (BRANCHES, (x(2, 15, 4), (3, 5), True), (30, 6)),
    "the other branch": (BRANCHES, (x(2, 8, 4), (2, 4), False), (4, 6)),
    "a stacked list": (
        "inputs: {y: {type: b n c, each: 3}}\nfrom: {concat: [y]}\n" + LINEAR,
        (x(3, 2, 7, 4),),
        (2, 7, 6),
    ),
    "a multiple of a size that is known": (
        "inputs: {x: b w c, y: b (n w) c}\nchains:\n"
        "  a: {from: x, STEPS}\n  e: {from: y, STEPS}\noutputs: {o: e, p: a}\n",
        (x(2, 0, 4), x(2, 0, 4)),
        (2, 0, 6),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_input_of_a_spec_of_ones_own(name: str, tmp_path: Path) -> None:
    text, arguments, shape = RIGHT[name]
    path = tmp_path / "t.yaml"
    path.write_text(HEAD + text.replace("STEPS", LINEAR.strip()))
    found = vla_compose.build(path)(*arguments)
    assert (found[0] if isinstance(found, tuple) else found).shape == shape


def test_a_contract_of_the_branch_that_runs(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(HEAD + BRANCHES)
    with pytest.raises(
        ValueError, match=r"`h` of `size` must be a multiple of 2 \(spatial_merge\), but is 3"
    ):
        vla_compose.build(path)(x(2, 15, 4), (3, 5), False)
