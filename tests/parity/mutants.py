"""Small mistakes in a spec or in its source, and how the parity tests notice them.

Run `python -m tests.parity.mutants` to print the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

import vla_compose
from tests.parity.harness import Reference, assert_parity, load_weights, run_source
from tests.parity.references import HUNYUAN, QWEN2, QWEN2_5, QWEN3, QWEN_VL, QWEN_VL_FULL
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import read_text


@dataclass(frozen=True)
class Mutant:
    """An edit: `old` becomes `new`, once, in the YAML text or (`source`) in the ejected Python.

    `caught` says how: `build` (the spec is no longer valid), `load` (other names, order or shapes) or `bits`
    (other outputs or gradients). `also` are further edits of the same text.
    """

    name: str
    reference: Reference
    caught: str
    old: str
    new: str
    source: bool = False
    also: tuple[tuple[str, str], ...] = ()

    @property
    def spec(self) -> str:
        return str(self.reference.spec)

    def edit(self, text: str) -> str:
        for old, new in ((self.old, self.new), *self.also):
            assert old in text, f"{self.name}: nothing to edit in {self.spec}"
            text = text.replace(old, new, 1)
        return text

    def build(self) -> nn.Module:
        if self.source:
            return run_source(self.edit(vla_compose.eject(self.spec, **self.reference.dims)))
        text = self.edit(vla_compose.load(self.spec).text)
        return vla_compose.build(load_spec(read_text(text)), **self.reference.dims)

    def found(self) -> tuple[str, str]:
        """How it is noticed, and by what; an empty string when it is not."""
        try:
            made = self.build()
        except vla_compose.SpecError as error:
            return "build", error.diagnostics[0].message
        try:
            load_weights(made, self.reference.original(), self.reference)
        except (AssertionError, RuntimeError):
            return "load", "other names, order or shapes"
        dtypes = (torch.float64,) if self.reference.tolerance else (torch.float32, torch.bfloat16)
        for dtype in dtypes:
            for case in self.reference.cases:
                try:
                    assert_parity(self.reference, case, dtype, build=self.build)
                except AssertionError as error:
                    return "bits", f"{case.name}, {dtype}: {error}".splitlines()[0]
        return "", ""


def specs(*references: Reference) -> Callable[..., list[Mutant]]:
    """The same mutant for several specs."""

    def make(name: str, caught: str, old: str, new: str, **options: Any) -> list[Mutant]:
        return [Mutant(name, reference, caught, old, new, **options) for reference in references]

    return make


in_qwen2, in_qwen2_5 = partial(Mutant, reference=QWEN2), partial(Mutant, reference=QWEN2_5)
in_qwen3, in_hunyuan = partial(Mutant, reference=QWEN3), partial(Mutant, reference=HUNYUAN)
in_qwen_vl, in_full = partial(Mutant, reference=QWEN_VL), partial(Mutant, reference=QWEN_VL_FULL)

NORM_LATE = ("- norm: {name: ln_q, kind: layer, eps: 1e-6}\n  - spatial_merge: {size: merge}",
             "- spatial_merge: {size: merge}\n  - norm: {name: ln_q, kind: layer, eps: 1e-6}")  # fmt: skip
RMS_LATE = (NORM_LATE[0].replace("layer", "rms"), NORM_LATE[1].replace("layer", "rms"))
COLUMN = "self.image_newline.reshape(1, -1, 1, 1).expand(x.shape[0], -1, x.shape[2], 1)"
MERGE = "spatial_merge: {size: merge}"
REPEATED = "return table[torch.arange(size[0] * size[1]) % table.shape[0]]"
RASTER = "spatial_merge: {size: merge, channels: chw}"
MUTANTS: list[Mutant] = [
    *specs(QWEN2, QWEN2_5, QWEN3, QWEN_VL)("eps 1e-6 -> 1e-5", "bits", "eps: 1e-6", "eps: 1e-5"),
    in_hunyuan(name="eps 1e-5 -> 1e-6", caught="bits", old="eps: 1e-5", new="eps: 1e-6"),
    *specs(QWEN2, QWEN2_5, QWEN3)("gelu -> tanh", "bits", "activation: gelu}", "activation: gelu_tanh}"),
    *specs(QWEN2, QWEN3)("gelu -> silu", "bits", "activation: gelu}", "activation: silu}"),
    in_qwen3(
        name="gelu -> quick_gelu", caught="bits", old="activation: gelu}", new="activation: quick_gelu}"
    ),
    in_qwen3(
        name="gelu -> tanh formula", caught="bits", old="activation: gelu}", new="activation: gelu_new}"
    ),
    *specs(QWEN2, QWEN2_5, QWEN3)("hwc -> chw", "bits", MERGE, RASTER),
    *specs(QWEN2, QWEN2_5, QWEN3)(
        "bias dropped", "load", "activation: gelu}", "activation: gelu, bias: false}"
    ),
    *specs(QWEN2, QWEN3)("order of patches not known", "build", "(n merge merge)", "(n merge)"),
    *specs(QWEN2, QWEN2_5)("raster order taken for blocks", "build", "(n merge merge)", "(n h w)"),
    in_qwen2(name="norm after the merge", caught="load", old=NORM_LATE[0], new=NORM_LATE[1]),
    in_qwen2(name="norm without affine", caught="load", old="eps: 1e-6}", new="eps: 1e-6, affine: false}"),
    in_qwen2(name="layer -> rms", caught="load", old="kind: layer", new="kind: rms"),
    in_qwen2(name="hidden width doubled", caught="load", old="hidden: same", new="hidden: 2 * same"),
    in_qwen2(
        name="norm left out of the gradient",
        caught="bits",
        source=True,
        old="x = self.ln_q(x)",
        new="x = self.ln_q(x.detach()) + (x - x.detach())",
    ),
    in_qwen2_5(name="norm after the merge", caught="load", old=RMS_LATE[0], new=RMS_LATE[1]),
    in_qwen2_5(name="rms -> rms_fp32", caught="bits", old="kind: rms", new="kind: rms_fp32"),
    in_qwen2_5(name="rms -> rms_pow", caught="bits", old="kind: rms", new="kind: rms_pow"),
    in_qwen2_5(name="rms -> rms_gemma", caught="bits", old="kind: rms", new="kind: rms_gemma"),
    in_qwen2_5(name="rms -> layer", caught="load", old="kind: rms", new="kind: layer"),
    in_qwen2_5(
        name="eps outside of the root",
        caught="bits",
        source=True,
        old="torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)",
        new="(x.pow(2).mean(-1, keepdim=True).sqrt() + self.eps).reciprocal()",
    ),
    in_qwen2_5(
        name="norm in the dtype of x",
        caught="bits",
        source=True,
        old="x = x.to(torch.float32)",
        new="x = x + 0",
    ),
    in_qwen3(
        name="norm after the merge",
        caught="load",
        old="- norm: {name: norm, kind: layer, eps: 1e-6}\n      - spatial_merge: {size: merge}",
        new="- spatial_merge: {size: merge}\n      - norm: {name: norm, kind: layer, eps: 1e-6}",
    ),
    in_qwen3(
        name="DeepStack norm before the merge",
        caught="load",
        old="- spatial_merge: {size: merge}\n      - norm: {name: norm, kind: layer, eps: 1e-6}",
        new="- norm: {name: norm, kind: layer, eps: 1e-6}\n      - spatial_merge: {size: merge}",
    ),
    in_qwen3(
        name="one DeepStack layer fewer", caught="load", old="each: deepstack", new="each: deepstack - 1"
    ),
    in_qwen3(
        name="DeepStack layers reversed",
        caught="bits",
        source=True,
        old="zip(self.deepstack_merger_list, deepstack)",
        new="zip(self.deepstack_merger_list, deepstack[::-1])",
    ),
    in_qwen3(
        name="outputs swapped",
        caught="bits",
        old="{tokens: merger, deepstack: deepstack_merger_list}",
        new="{deepstack: deepstack_merger_list, tokens: merger}",
    ),
    in_qwen3(name="names of another model", caught="load", old="linear_fc1", new="linear_1"),
    in_hunyuan(name="rms -> rms_fp32", caught="bits", old="kind: rms", new="kind: rms_fp32"),
    in_hunyuan(name="gelu -> tanh", caught="bits", old="activation: gelu", new="activation: gelu_tanh"),
    in_hunyuan(name="gelu -> silu", caught="bits", old="activation: gelu", new="activation: silu"),
    in_hunyuan(
        name="begin and end swapped",
        caught="load",
        old="start: image_begin, end: image_end",
        new="start: image_end, end: image_begin",
    ),
    in_hunyuan(
        name="begin and end joined in reverse",
        caught="bits",
        source=True,
        old="[first, x, last]",
        new="[last, x, first]",
    ),
    in_hunyuan(name="end left out", caught="build", old=", end: image_end", new=""),
    in_hunyuan(
        name="norm before begin and end",
        caught="bits",
        old="- tokens: {start: image_begin, end: image_end}\n"
        "  - norm: {name: after_rms, kind: rms, eps: 1e-5}",
        new="- norm: {name: after_rms, kind: rms, eps: 1e-5}\n"
        "  - tokens: {start: image_begin, end: image_end}",
    ),
    in_hunyuan(
        name="newline after the projection",
        caught="build",
        old="- tokens: {row_end: image_newline, init: {normal: text^-0.5}}\n  - to_tokens\n"
        "  - linear: {name: mlp, out: text}",
        new="- to_tokens\n  - linear: {name: mlp, out: text}\n  - tokens: {row_end: image_newline}",
    ),
    in_hunyuan(
        name="newline before the activation",
        caught="load",
        old="- activation: gelu\n  - conv2d: {name: proj.2, out: 4 * vision, kernel: 1}\n"
        "  - tokens: {row_end: image_newline, init: {normal: text^-0.5}}",
        new="- tokens: {row_end: image_newline}\n  - activation: gelu\n"
        "  - conv2d: {name: proj.2, out: 4 * vision, kernel: 1}",
    ),
    in_hunyuan(
        name="newline one column early",
        caught="bits",
        source=True,
        old="torch.cat([x, column.to(x.dtype)], dim=-1)",
        new="torch.cat([x[..., :-1], column.to(x.dtype), x[..., -1:]], dim=-1)",
    ),
    in_hunyuan(
        name="newline under every column",
        caught="bits",
        source=True,
        old="x = torch.cat([x, column.to(x.dtype)], dim=-1)",
        new="x = torch.cat([x, self.image_newline.reshape(1, -1, 1, 1)"
        ".expand(x.shape[0], -1, 1, x.shape[3])], dim=2)",
    ),
    in_hunyuan(
        name="no newline in the last row",
        caught="bits",
        source=True,
        old=COLUMN,
        new=f"torch.cat([{COLUMN}[:, :, 1:], x[:, :, :1, :1] * 0], dim=2)",
    ),
    in_hunyuan(name="rows and columns swapped", caught="bits", old="{sizes: h w,", new="{sizes: w h,"),
    in_hunyuan(
        name="convolution padded", caught="build", old="stride: merge}", new="stride: merge, padding: 1}"
    ),
    in_hunyuan(name="stride 1", caught="build", old=", stride: merge", new=""),
    in_hunyuan(
        name="bias dropped", caught="load", old="out: 2 * vision,", new="out: 2 * vision, bias: false,"
    ),
    in_hunyuan(
        name="bias of the projection dropped", caught="load", old="out: text}", new="out: text, bias: false}"
    ),
    in_hunyuan(name="unused token dropped", caught="load", old="unused: {image_sep: text}", new="unused: {}"),
    in_hunyuan(
        name="order of the state dict",
        caught="load",
        old="[proj, mlp, before_rms, after_rms]",
        new="[proj, mlp, after_rms]",
    ),
    in_hunyuan(
        name="contiguous before the projection",
        caught="bits",
        source=True,
        old="-1).permute(0, 2, 1)",
        new="-1).permute(0, 2, 1).contiguous()",
    ),
    *specs(QWEN_VL, QWEN_VL_FULL)(
        "keys' positions not resized",
        "bits",
        "if size == (side, side):",
        "if True:",
        source=True,
        also=((" return table", f" {REPEATED}"),),
    ),
    in_qwen_vl(
        name="positions resized bilinearly", caught="bits", source=True, old='"bicubic"', new='"bilinear"'
    ),
    in_qwen_vl(
        name="positions resized by corners",
        caught="bits",
        source=True,
        old="align_corners=False",
        new="align_corners=True",
    ),
    in_qwen_vl(
        name="rows and columns of positions swapped",
        caught="bits",
        source=True,
        old="permute(0, 2, 3, 1).flatten",
        new="permute(0, 3, 2, 1).flatten",
    ),
    in_qwen_vl(name="positions left out", caught="build", old="positions: {", new="# positions: {"),
    in_qwen_vl(
        name="positions added to values",
        caught="bits",
        source=True,
        old="self.attn(x, keys, values,",
        new="self.attn(x, keys, keys,",
    ),
    in_qwen_vl(
        name="queries without positions",
        caught="bits",
        source=True,
        old="x = x + self.pos_embed.unsqueeze(1)",
        new="x = x + 0",
    ),
    in_qwen_vl(
        name="queries not normed",
        caught="bits",
        source=True,
        old="x = self.ln_q(x)",
        new="x = x + 0 * self.ln_q(x)",
    ),
    in_qwen_vl(
        name="mask inverted",
        caught="bits",
        source=True,
        old="attn_mask=attn_mask)",
        new="attn_mask=None if attn_mask is None else "
        "(attn_mask if attn_mask.is_floating_point() else ~attn_mask))",
    ),
    in_qwen_vl(name="mask ignored", caught="bits", source=True, old=", attn_mask=attn_mask)", new=")"),
    in_qwen_vl(name="one head more", caught="bits", old="heads: heads", new="heads: 2 * heads"),
    in_qwen_vl(name="key projection with bias", caught="load", old="bias: false", new="bias: true"),
    in_qwen_vl(
        name="key projection left out", caught="build", old="when: vision != text", new="when: vision == text"
    ),
    in_qwen_vl(
        name="norm before the key projection",
        caught="load",
        old="- linear: {name: kv_proj, out: text, bias: false,",
        new="- norm: {name: ln_kv, kind: layer, eps: 1e-6}\n"
        "  - linear: {name: kv_proj, out: text, bias: false,",
        also=(("\n  - norm: {name: ln_kv, kind: layer, eps: 1e-6}\n  - queries", "\n  - queries"),),
    ),
    in_full(
        name="eps of the last norm",
        caught="bits",
        old="ln_post, kind: layer, eps: 1e-6",
        new="ln_post, kind: layer, eps: 1e-5",
    ),
    in_full(
        name="projection before the norm",
        caught="bits",
        old="- norm: {name: ln_post, kind: layer, eps: 1e-6}\n"
        "  - matmul: {name: proj, out: text, init: {normal: text^-0.5}}",
        new="- matmul: {name: proj, out: text, init: {normal: text^-0.5}}\n"
        "  - norm: {name: ln_post, kind: layer, eps: 1e-6}",
    ),
    in_full(
        name="projection as a linear map",
        caught="load",
        old="matmul: {name: proj, out: text, init: {normal: text^-0.5}}",
        new="linear: {name: proj, out: text, bias: false}",
    ),
    in_full(name="projection transposed", caught="bits", source=True, old="@ self.proj", new="@ self.proj.T"),
]

CONTROLS = [
    in_qwen2(name="another summary", caught="", old="summary: ", new="summary: Another "),
    in_qwen2(name="copy", caught="", source=True, old="self.mlp(x)", new="self.mlp(x.clone())"),
    in_qwen3(name="view", caught="", source=True, old="x.reshape(-1, 80)", new="x.view(-1, 80)"),
    in_hunyuan(name="expand without a cast", caught="", source=True, old="column.to(x.dtype)", new="column"),
    in_qwen_vl(
        name="positions added first",
        caught="",
        source=True,
        old="keys = values + positions.unsqueeze(1)",
        new="keys = positions.unsqueeze(1) + values",
    ),
]
"""Edits that change nothing, to show that the tests do not simply fail for every edit."""


def table() -> str:
    """The mutants, what each changes, and how it is noticed."""
    rows = [("mutant", "spec", "caught by", "details")]
    rows += [(mutant.name, mutant.spec, *mutant.found()) for mutant in MUTANTS]
    wide = [max(len(row[at]) for row in rows) for at in range(3)]
    return "\n".join("  ".join([*(row[at].ljust(wide[at]) for at in range(3)), row[3]]) for row in rows)


if __name__ == "__main__":
    print(table())
