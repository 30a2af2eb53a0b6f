"""The pilot specs: their originals, tiny configurations and geometries."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.llava_next.modeling_llava_next import image_size_to_num_patches

from tests.parity.harness import Case, Inputs, Reference
from tests.parity.pilot_wrappers import (
    PINPOINTS,
    ernie,
    glm4v,
    glm4v_features,
    granite_docling,
    idefics2,
    idefics3,
    internvl,
    llava,
    llava_next,
)

Dims = dict[str, int]
Original = Callable[..., nn.Module]


def reference(
    spec: str, original: Original, dims: Dims, cases: tuple[Case, ...], *, start: str, name: str = ""
) -> Reference:
    """A spec with these dims; the original's names begin with `start`."""
    return Reference(name or spec, spec, dims, partial(original, **dims), cases, {f"model.{start}": ""})


def again(first: Reference, name: str, dims: Dims, *cases: Case) -> Reference:
    """The same spec with other dims."""
    dims = dict(first.dims) | dims
    original = partial(first.original.func, **dims)  # type: ignore[attr-defined]
    return dataclasses.replace(first, name=f"{first.name}-{name}", dims=dims, original=original, cases=cases)


def randn(*shape: int, strided: bool = False) -> Tensor:
    """Random numbers; where strided, the first two axes are swapped in memory."""
    return torch.randn(shape[1], shape[0], *shape[2:]).transpose(0, 1) if strided else torch.randn(*shape)


# --- internvl: the CLS token and a square of patches --------------------------------------------------------


def tiles(name: str, batch: int, side: int, width: int = 16) -> Case:
    return Case(name, lambda: {"x": torch.randn(batch, 1 + side * side, width)})


INTERNVL = reference(
    "internvl",
    internvl,
    {"vision": 16, "text": 24},
    (
        tiles("one_token", 1, 2),
        tiles("one_token_each", 3, 2),
        tiles("4x4", 2, 4),
        tiles("6x6", 1, 6),
        tiles("14x14", 7, 14),
        Case("tiles_not_adjacent", lambda: {"x": torch.randn(6, 37, 16)[::2]}),
        Case("large_values", lambda: {"x": 40 * torch.randn(2, 17, 16) + 7}),
    ),
    start="multi_modal_projector.",
)
INTERNVL_MERGE_4 = again(INTERNVL, "merge4", {"merge": 4}, tiles("one_token", 2, 4), tiles("8x8", 3, 8))


# --- glm4v: packed patches in block order -------------------------------------------------------------------


def packed(
    name: str, *grids: tuple[int, int, int], width: int = 16, video: bool = False, gain: float = 1
) -> Case:
    """Images or videos of these sizes, in frames and patches, one after another."""
    sizes = torch.tensor(grids)
    rows = int(sizes.prod(-1).sum())

    def call(original: Any, inputs: Inputs) -> Tensor:
        return glm4v_features(original.model, inputs["x"], sizes, video=video)

    return Case(name, lambda: {"x": gain * torch.randn(rows, width)}, call)


GLM4V = reference(
    "glm4v",
    glm4v,
    {"vision": 16, "text": 24, "intermediate": 40},
    (
        packed("one_token", (1, 2, 2)),
        packed("row", (1, 2, 16)),
        packed("6x8", (1, 6, 8)),
        packed("14x10", (1, 14, 10)),
        packed("four_images", (1, 2, 2), (1, 2, 6), (1, 10, 6), (1, 4, 4)),
        packed("video", (3, 8, 6), video=True),
        packed("videos", (4, 2, 6), (1, 6, 2), (2, 4, 4), video=True),
        packed("large_values", (1, 4, 6), gain=40),
    ),
    start="visual.",
)
GLM4V_MERGE_3 = again(
    GLM4V, "merge3", {"merge": 3}, packed("one_token", (1, 3, 3)), packed("images", (1, 6, 9), (1, 9, 3))
)


# --- idefics2: a batch of images, and which of their patches are no padding ---------------------------------


def padded(name: str, count: int, *lengths: int, width: int = 16, strided: bool = False) -> Case:
    """A batch of images, of which only so many patches count."""
    mask = torch.arange(count) < torch.tensor(lengths)[:, None]
    return Case(name, lambda: {"x": randn(len(lengths), count, width, strided=strided), "mask": mask})


def scattered(name: str, count: int, batch: int, width: int = 16) -> Case:
    """Patches that count lie anywhere."""
    return Case(name, lambda: {"x": torch.randn(batch, count, width), "mask": torch.rand(batch, count) < 0.6})


def unmasked(name: str, count: int, batch: int, width: int = 16) -> Case:
    return Case(name, lambda: {"x": torch.randn(batch, count, width)})


IDEFICS2 = reference(
    "idefics2",
    idefics2,
    {
        "vision": 16,
        "text": 24,
        "hidden": 40,
        "queries": 8,
        "depth": 3,
        "heads": 4,
        "kv_heads": 2,
        "head_dim": 6,
    },
    (
        unmasked("no_mask", 30, 2),
        unmasked("one_token", 1, 1),
        unmasked("one_token_each", 1, 3),
        padded("mask_of_ones", 30, 30, 30),
        padded("one_image_padded", 35, 28),
        padded("three_images", 48, 48, 12, 30),
        padded("one_token_masked", 1, 1, 0),
        padded("an_image_of_padding", 20, 20, 0),
        padded("strided", 20, 20, 14, 3, strided=True),
        padded("strided_without_padding", 20, 20, 20, 20, strided=True),
        padded("many_patches", 300, 300, 170),
        scattered("scattered", 42, 4),
    ),
    start="connector.",
)
SOME_IDEFICS2 = (
    unmasked("no_mask", 12, 2),
    padded("mask_of_ones", 12, 12),
    padded("padded", 20, 20, 7),
    unmasked("one_token", 1, 2),
)
IDEFICS2_NO_GROUPS = again(IDEFICS2, "no-groups", {"kv_heads": 4}, *SOME_IDEFICS2)
IDEFICS2_ONE_KEY_HEAD = again(IDEFICS2, "one-key-head", {"kv_heads": 1, "depth": 1}, *SOME_IDEFICS2)
# Attention with one query packs the heads of a group instead of repeating the keys, where there is a mask.
IDEFICS2_ONE_QUERY = again(IDEFICS2, "one-query", {"queries": 1}, *SOME_IDEFICS2)


# --- ernie4-5-vl-moe: packed images and videos, and their grids ---------------------------------------------


def grids(
    name: str, *sizes: tuple[int, int, int], width: int = 16, strided: bool = False, gain: float = 1
) -> Case:
    """Images and videos of these sizes, in frames and patches, one after another."""
    grid = torch.tensor(sizes)
    rows = int(grid.prod(-1).sum())
    return Case(name, lambda: {"x": gain * randn(rows, width, strided=strided), "grid_thw": grid})


ERNIE = reference(
    "ernie4-5-vl-moe",
    ernie,
    {"vision": 16, "text": 24},
    (
        grids("one_token", (1, 2, 2)),
        grids("row", (1, 2, 12)),
        grids("6x8", (1, 6, 8)),
        grids("images", (1, 2, 2), (1, 14, 10), (1, 4, 8)),
        grids("video", (4, 6, 8)),
        grids("shortest_video", (2, 2, 2)),
        grids("videos", (4, 4, 6), (2, 8, 2), (6, 2, 2)),
        grids("images_and_videos", (1, 4, 6), (4, 6, 8), (1, 2, 2), (2, 2, 6), (1, 6, 2)),
        grids("rows_of_a_video", (8, 2, 10)),
        grids("strided", (1, 4, 6), (1, 6, 4), strided=True),
        grids("large_values", (1, 4, 6), gain=40),
    ),
    start="resampler_model.",
)
ERNIE_MERGE_3 = again(
    ERNIE, "merge3", {"merge": 3}, grids("image", (1, 6, 9)), grids("both", (2, 3, 6), (1, 3, 3), (4, 6, 3))
)


# --- llava-next: tiles of several images, and the sizes of these --------------------------------------------


def anyres(
    name: str, *sizes: tuple[int, int], side: int = 4, tile: int = 8, width: int = 16, strided: bool = False
) -> Case:
    """Images of these sizes, height and width in pixels; each a tile of the whole and tiles of its parts."""
    pinpoints = [[tile * height, tile * across] for height, across in PINPOINTS]
    count = sum(image_size_to_num_patches(size, pinpoints, tile) for size in sizes)
    image_sizes = torch.tensor(sizes)
    return Case(
        name, lambda: {"x": randn(count, 1 + side * side, width, strided=strided), "image_sizes": image_sizes}
    )


LLAVA_NEXT = reference(
    "llava-next",
    llava_next,
    {"vision": 16, "text": 24, "side": 4, "tile": 8},
    (
        anyres("one_image", (13, 20)),
        anyres("wide", (7, 31)),
        anyres("tall", (30, 9)),
        anyres("square", (21, 21)),
        anyres("no_padding", (8, 16), (16, 8), (16, 16), (24, 8), (8, 24)),
        anyres("five_images", (13, 20), (40, 11), (9, 9), (10, 50), (17, 23)),
        anyres("smaller_than_a_tile", (3, 5), (4, 4), (5, 2)),
        anyres("odd_padding", (10, 16), (16, 10), (15, 13)),
        # Here a side of the unpadded map is a whole number that floats do not quite reach.
        anyres("rounding", (47, 188), (588, 49)),
        # So narrow that no row or column of the parts is left, only the tile of the whole.
        anyres("nothing_left", (1, 400), (400, 1), (12, 12)),
        anyres("large_images", (480, 640), (1080, 1920), (2000, 500)),
        anyres("strided", (13, 20), (30, 9), strided=True),
    ),
    start="",
)
LLAVA_NEXT = dataclasses.replace(LLAVA_NEXT, rename={"model.": ""})
LLAVA_NEXT_ODD = again(
    LLAVA_NEXT,
    "odd-side",
    {"side": 3, "tile": 9},
    anyres("images", (13, 20), (40, 11), (9, 9), side=3, tile=9),
    anyres("odd_padding", (10, 18), (18, 11), (1, 300), side=3, tile=9),
)
LLAVA_NEXT_ONE_TOKEN = again(
    LLAVA_NEXT,
    "one-token-a-tile",
    {"side": 1},
    anyres("images", (13, 20), (40, 11), (9, 9), side=1),
    anyres("one_image", (8, 8), side=1),
)
LLAVA_NEXT_RELEASED_TILES = again(
    LLAVA_NEXT,
    "released-tiles",
    {"side": 24, "tile": 336},
    anyres("photos", (480, 640), (640, 427), (336, 336), side=24, tile=336),
    anyres("rounding", (88, 55), (55, 176), side=24, tile=336),
    anyres("documents", (3508, 2480), (600, 2100), side=24, tile=336),
)


# --- granite-docling: the last layer and some before it, and which route ------------------------------------


def layers(
    name: str,
    batch: int,
    side: int,
    *,
    count: int = 3,
    fine: bool | None = None,
    strided: bool = False,
    shared: bool = False,
) -> Case:
    """A batch of square tiles; without `fine` its default is used. `shared`: one tensor is every layer."""

    def inputs() -> Inputs:
        x, *deepstack = [randn(batch, side * side, 16, strided=strided) for _ in range(1 + count)]
        deepstack = [x] * count if shared else deepstack
        return {"x": x, "deepstack": deepstack} | ({} if fine is None else {"fine": fine})

    return Case(name, inputs)


GRANITE_DOCLING = reference(
    "granite-docling",
    granite_docling,
    {"vision": 16, "text": 24, "side": 8},
    (
        layers("coarse", 2, 8, fine=False),
        layers("fine", 2, 8, fine=True),
        layers("default_route", 1, 8),
        layers("one_tile_fine", 1, 8, fine=True),
        layers("many_tiles", 13, 8),
        layers("one_for_all", 2, 8, shared=True),
        layers("one_for_all_fine", 2, 8, fine=True, shared=True),
        layers("strided_coarse", 3, 8, strided=True),
        layers("strided_fine", 3, 8, fine=True, strided=True),
    ),
    start="connector.",
)
GRANITE_DOCLING_ONE_TOKEN = again(
    GRANITE_DOCLING,
    "one-token",
    {"side": 4},
    layers("coarse", 1, 4),
    layers("coarse_batch", 5, 4),
    layers("fine", 1, 4, fine=True),
)
GRANITE_DOCLING_RELEASED_TILES = again(
    GRANITE_DOCLING, "released-tiles", {"side": 32}, layers("coarse", 3, 32), layers("fine", 2, 32, fine=True)
)
GRANITE_DOCLING_SCALE_2 = again(
    GRANITE_DOCLING,
    "scale2",
    {"scale": 2, "side": 6, "deepstack": 2},
    layers("coarse", 2, 6, count=2),
    layers("fine", 2, 6, count=2, fine=True),
)


# --- llava: the class token and patches ---------------------------------------------------------------------


def tokens(name: str, batch: int, count: int, *, width: int = 16, strided: bool = False) -> Case:
    """A batch of images of so many patches, each after a class token."""
    return Case(name, lambda: {"x": randn(batch, 1 + count, width, strided=strided)})


LLAVA = reference(
    "llava",
    llava,
    {"vision": 16, "text": 24},
    (
        tokens("one_token", 1, 1),
        tokens("one_token_each", 3, 1),
        tokens("one_image", 1, 30),
        tokens("images", 3, 17),
        tokens("square", 2, 64),
        tokens("released_tiles", 2, 576),
        tokens("strided", 3, 20, strided=True),
        Case("large_values", lambda: {"x": 40 * torch.randn(2, 17, 16) + 7}),
    ),
    start="multi_modal_projector.",
)
LLAVA_SAME_WIDTH = again(
    LLAVA, "same-width", {"vision": 24}, tokens("one_image", 1, 30, width=24), tokens("two", 2, 9, width=24)
)


# --- idefics3: a square of patches --------------------------------------------------------------------------


def squares(name: str, batch: int, side: int) -> Case:
    """A batch of square grids."""
    return Case(name, lambda: {"x": torch.randn(batch, side * side, 16)})


IDEFICS3 = reference(
    "idefics3",
    idefics3,
    {"vision": 16, "text": 24},
    (
        squares("one_token", 1, 2),
        squares("one_token_each", 3, 2),
        squares("4x4", 3, 4),
        squares("6x6", 1, 6),
        squares("14x14", 2, 14),
        squares("released_tiles", 2, 26),
        Case("tiles_not_adjacent", lambda: {"x": torch.randn(6, 36, 16)[::2]}),
        Case("large_values", lambda: {"x": 40 * torch.randn(2, 16, 16) + 7}),
    ),
    start="connector.",
)
IDEFICS3_MERGE_3 = again(IDEFICS3, "merge3", {"merge": 3}, squares("one_token", 2, 3), squares("9x9", 3, 9))

PILOTS = [INTERNVL, GLM4V, IDEFICS2, ERNIE, LLAVA_NEXT, GRANITE_DOCLING, LLAVA, IDEFICS3]
"""One reference for each pilot spec."""
OTHER_DIMS = [
    INTERNVL_MERGE_4,
    GLM4V_MERGE_3,
    IDEFICS2_NO_GROUPS,
    IDEFICS2_ONE_KEY_HEAD,
    IDEFICS2_ONE_QUERY,
    ERNIE_MERGE_3,
    LLAVA_NEXT_ODD,
    LLAVA_NEXT_ONE_TOKEN,
    LLAVA_NEXT_RELEASED_TILES,
    GRANITE_DOCLING_ONE_TOKEN,
    GRANITE_DOCLING_RELEASED_TILES,
    GRANITE_DOCLING_SCALE_2,
    LLAVA_SAME_WIDTH,
    IDEFICS3_MERGE_3,
]

# --- mistakes -----------------------------------------------------------------------------------------------

SWAP_NORM = "- spatial_merge: {size: merge}\n  - norm: {name: layer_norm, kind: layer, eps: 1e-5}"
SDPA = "F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale, enable_gqa=shared)"
HEADS = "heads // key.shape[1], 1)"
SCORES = f"query @ key.repeat_interleave({HEADS}.transpose(-2, -1) * scale"
HIDDEN = "(0 if mask is None else torch.zeros_like(mask, dtype=query.dtype).masked_fill(~mask, -torch.inf))"
EAGER = f"({SCORES} + {HIDDEN}).softmax(-1, torch.float32).to(query.dtype) @ value.repeat_interleave({HEADS}"
PACKED = "torch.cat((whole, tiles.flatten(1, 2).transpose(0, 1)), dim=0)"
NEWLINE = "tiles = torch.cat((tiles, column.to(tiles.device, tiles.dtype)), dim=-1)"
KEPT = "min(int(width * scale) * int(height * scale), width * height)"
PIXEL_SHUFFLE = ".permute(0, 1, 3, 2, 4, 5)"
PILOT_MUTANTS: list[tuple[Any, ...]] = [
    ("eps 1e-5 -> 1e-6", INTERNVL, "bits", "eps: 1e-5", "eps: 1e-6"),
    ("gelu -> tanh", INTERNVL, "bits", "activation: gelu}", "activation: gelu_tanh}"),
    ("hwc -> chw", INTERNVL, "bits", "spatial_merge: {size: merge}",
     "spatial_merge: {size: merge, channels: chw}"),
    ("rows and columns of a block swapped", INTERNVL, "bits", PIXEL_SHUFFLE, ".permute(0, 1, 3, 4, 2, 5)",
     True),
    ("rows and columns of the grid swapped", INTERNVL, "bits", PIXEL_SHUFFLE, ".permute(0, 3, 1, 2, 4, 5)",
     True),
    ("class token kept", INTERNVL, "build", "  - drop: {first: 1}\n", ""),
    ("last token dropped", INTERNVL, "bits", "x[:, 1:]", "x[:, :-1]", True),
    ("norm before the merge", INTERNVL, "load", SWAP_NORM, "\n  ".join(SWAP_NORM.split("\n  ")[::-1])),
    ("hidden width of the input", INTERNVL, "load", "hidden: text", "hidden: same"),
    ("layer -> rms", INTERNVL, "load", "kind: layer", "kind: rms"),
    ("eps of the first norm", GLM4V, "bits", "rms, eps: 1e-5", "rms, eps: 1e-6"),
    ("eps of the second norm", GLM4V, "bits", "layer, eps: 1e-5", "layer, eps: 1e-6"),
    ("rms -> rms_fp32", GLM4V, "bits", "kind: rms", "kind: rms_fp32"),
    ("gelu -> tanh", GLM4V, "bits", "activation: gelu\n", "activation: gelu_tanh\n"),
    ("silu -> gelu", GLM4V, "bits", "activation: silu", "activation: gelu"),
    ("gate and up swapped", GLM4V, "load", "name: merger, hidden",
     "name: merger, names: [up_proj, gate_proj, down_proj], hidden"),
    ("gate used as up", GLM4V, "bits", "F.silu(self.merger.gate_proj(x)) * self.merger.up_proj(x)",
     "F.silu(self.merger.up_proj(x)) * self.merger.gate_proj(x)", True),
    ("tiles made contiguous", GLM4V, "bits", ".permute(0, 3, 1, 2)", ".permute(0, 3, 1, 2).contiguous()",
     True),
    ("rows and columns of a tile swapped", GLM4V, "bits", ".permute(0, 3, 1, 2)", ".permute(0, 3, 2, 1)",
     True),
    ("linear map in place of the convolution", GLM4V, "load",
     "- to_map                           # one small map a block\n"
     "  - conv2d: {name: downsample, out: text, kernel: merge, stride: merge}\n  - to_tokens",
     "- spatial_merge: {size: merge}\n  - linear: {name: downsample, out: text}"),
    ("bias of the projection", GLM4V, "load", ", bias: false", ""),
    ("order of steps", GLM4V, "load", "order: [merger, downsample, post_layernorm]\n", ""),
    ("activation before the norm", GLM4V, "bits",
     "- norm: {name: merger.post_projection_norm, kind: layer, eps: 1e-5}\n  - activation: gelu",
     "- activation: gelu\n  - norm: {name: merger.post_projection_norm, kind: layer, eps: 1e-5}"),
    *((f"eps of {norm}", IDEFICS2, "bits", f"name: {norm}, kind: rms, eps: 1e-6",
       f"name: {norm}, kind: rms, eps: 1e-5")
      for norm in ("input_latents_norm", "input_context_norm", "post_attention_layernorm", "norm")),
    ("rms -> rms_fp32", IDEFICS2, "bits", "kind: rms", "kind: rms_fp32"),
    ("silu -> gelu", IDEFICS2, "bits", "activation: silu", "activation: gelu"),
    ("latents do not read themselves", IDEFICS2, "bits", "keys: context_and_self", "keys: context"),
    ("latents before the context", IDEFICS2, "bits",
     "torch.cat([self.input_context_norm(context), x], dim=-2)",
     "torch.cat([x, self.input_context_norm(context)], dim=-2)", True),
    ("context norm left out", IDEFICS2, "load",
     "\n                    context_norm: {name: input_context_norm, kind: rms, eps: 1e-6}", ""),
    ("mask ignored", IDEFICS2, "bits", "    if mask is None:\n        return None", "    return None", True),
    ("mask inverted", IDEFICS2, "bits", "mask = mask.to(torch.bool)", "mask = ~mask.to(torch.bool)", True),
    ("latents masked", IDEFICS2, "bits", "mask.new_ones(", "mask.new_zeros(", True),
    ("attention spelled out", IDEFICS2, "bits", SDPA, EAGER, True),
    ("mask of ones kept", IDEFICS2, "bits", "and mask.all()", "and False", True),
    ("keys repeated without a mask", IDEFICS2, "bits", "groups > 1 and mask is None and dim <= 256", "False",
     True),
    ("heads of one query not packed", IDEFICS2_ONE_QUERY, "bits", "queries == 1", "queries == 0", True),
    ("other key head for a query head", IDEFICS2, "bits",
     "key = key[:, :, None].expand(-1, -1, groups, -1, -1)",
     "key = key[:, None].expand(-1, groups, -1, -1, -1)", True),
    ("scale of the head's width left out", IDEFICS2, "bits", "scale=scale", "scale=1.0", True),
    ("residual after the norm", IDEFICS2, "bits", "residual = x\n        x = self.input_latents_norm(x)",
     "x = self.input_latents_norm(x)\n        residual = x", True),
    ("no residual around the mlp", IDEFICS2, "bits", "x = residual_2 + x", "x = x + 0 * residual_2", True),
    ("one layer for all", IDEFICS2, "bits", "for layer in self.layers:", "for layer in [self.layers[0]] * 3:",
     True),
    ("layers in reverse", IDEFICS2, "bits", "in self.layers:", "in self.layers[::-1]:", True),
    ("context read by the next layer", IDEFICS2, "bits", "x = layer(x, context, mask_keys)",
     "x, context = layer(x, context, mask_keys), layer.input_context_norm(context)", True),
    ("one key head more", IDEFICS2, "load", "kv_heads: kv_heads", "kv_heads: 2 * kv_heads"),
    ("mlp of twice the width", IDEFICS2, "load", "4 * same", "2 * same"),
    ("last norm left out", IDEFICS2, "load", "\n      - norm: {name: norm, kind: rms, eps: 1e-6}", ""),
    *((f"eps of {norm}", ERNIE, "bits", f"name: {norm}, kind: layer, eps: 1e-6",
       f"name: {norm}, kind: layer, eps: 1e-5") for norm in ("spatial_linear.ln", "temporal_linear.ln")),
    ("eps of the last norm", ERNIE, "bits", "after_norm, kind: rms, eps: 1e-5",
     "after_norm, kind: rms, eps: 1e-6"),
    ("rms -> rms_fp32", ERNIE, "bits", "kind: rms", "kind: rms_fp32"),
    ("gelu -> tanh", ERNIE, "bits", "activation: gelu}", "activation: gelu_tanh}"),
    ("hwc -> chw", ERNIE, "bits", "spatial_merge: {size: merge}",
     "spatial_merge: {size: merge, channels: chw}"),
    ("odd frames first", ERNIE, "bits", "[torch.index_select(x, 0, first), torch.index_select(x, 0, second)]",
     "[torch.index_select(x, 0, second), torch.index_select(x, 0, first)]", True),
    ("first and last frame side by side", ERNIE, "bits", "at + 1 if count > 1 else at", "count - 1 - at",
     True),
    ("image beside nothing", ERNIE, "bits", "torch.index_select(x, 0, second)",
     "torch.index_select(x, 0, second) * (first != second)[:, None]", True),
    ("videos not told apart", ERNIE, "bits", "start = start + count * rows", "start = start + rows", True),
    ("frames merged before the spatial map", ERNIE, "build",
     "- spatial_merge: {size: merge}", "- temporal_merge: {size: frames}\n  - spatial_merge: {size: merge}"),
    ("hidden width of both frames", ERNIE, "load", "hidden: same // frames", "hidden: same"),
    ("frames and rows swapped", ERNIE, "run", "{grid: t h w}", "{grid: h t w}"),
    ("gelu -> tanh", LLAVA_NEXT, "bits", "activation: gelu}", "activation: gelu_tanh}"),
    ("class token kept", LLAVA_NEXT, "build", "  - drop: {first: 1}\n", ""),
    ("last token dropped", LLAVA_NEXT, "bits", "x[:, 1:]", "x[:, :-1]", True),
    ("patches made contiguous", LLAVA_NEXT, "bits", "x[:, 1:]", "x[:, 1:].contiguous()", True),
    ("names of another model", LLAVA_NEXT, "build", "multi_modal_projector.linear_1",
     "mm_projector.linear_1"),
    ("height and width swapped", LLAVA_NEXT, "bits", "for tiles, (height, width)",
     "for tiles, (width, height)", True),
    ("padding kept", LLAVA_NEXT, "bits", "        tiles = unpad(tiles, height, width)\n", "", True),
    ("padding of the other axis", LLAVA_NEXT, "bits", "if width / height > columns / rows:",
     "if width / height <= columns / rows:", True),
    ("padding cut at the end only", LLAVA_NEXT, "bits", "x[:, :, padding : columns - padding]",
     "x[:, :, : columns - 2 * padding]", True),
    ("odd padding rounded up", LLAVA_NEXT, "bits", "(rows - int(round(height * (columns / width), 7))) // 2",
     "(1 + rows - int(round(height * (columns / width), 7))) // 2", True),
    ("sides cut off, not rounded", LLAVA_NEXT, "bits", "int(round(height * (columns / width), 7))",
     "int(height * (columns / width))", True),
    ("sides rounded to the nearest", LLAVA_NEXT, "bits", "int(round(width * (rows / height), 7))",
     "round(width * (rows / height))", True),
    ("whole image last", LLAVA_NEXT, "bits", PACKED,
     "torch.cat((tiles.flatten(1, 2).transpose(0, 1), whole), dim=0)", True),
    ("no newline", LLAVA_NEXT, "bits", f"        {NEWLINE}\n", "", True),
    ("newline before each row", LLAVA_NEXT, "bits",
     "torch.cat((tiles, column.to(tiles.device, tiles.dtype)), dim=-1)",
     "torch.cat((column.to(tiles.device, tiles.dtype), tiles), dim=-1)", True),
    ("newline after the whole image", LLAVA_NEXT, "bits", PACKED,
     PACKED.replace("(whole,", "(whole, newline[None],"), True),
    ("tiles not laid out as a map", LLAVA_NEXT, "bits", ".permute(4, 0, 2, 1, 3)", ".permute(4, 0, 1, 2, 3)",
     True),
    ("map read by columns", LLAVA_NEXT, "bits", "tiles.flatten(1, 2).transpose(0, 1)",
     "tiles.transpose(1, 2).flatten(1, 2).transpose(0, 1)", True),
    ("order of the grids", LLAVA_NEXT, "bits", "[[1, 2], [2, 1],", "[[2, 1], [1, 2],"),
    ("one grid fewer", LLAVA_NEXT, "run", ", [1, 3]]", "]"),
    ("of equal grids the last", LLAVA_NEXT, "bits", "wasted < least", "wasted <= least", True),
    ("enlarged images count for more", LLAVA_NEXT, "run", KEPT, "int(width * scale) * int(height * scale)",
     True),
    *((f"eps of {norm}", GRANITE_DOCLING, "bits", f"name: {norm}, kind: layer, eps: 1e-5",
       f"name: {norm}, kind: layer, eps: 1e-6")
      for norm in ("ln_in", "layer_norm", "ln_mid", "ln_out")),
    ("gelu -> tanh", GRANITE_DOCLING, "bits", "- activation: gelu", "- activation: gelu_tanh"),
    ("gelu of the mergers -> tanh", GRANITE_DOCLING, "bits", "activation: gelu}", "activation: gelu_tanh}"),
    ("routes swapped", GRANITE_DOCLING, "bits", "from: {flag: fine, then: fine, else: coarse}",
     "from: {flag: fine, then: coarse, else: fine}"),
    ("fine by default", GRANITE_DOCLING, "bits", "fine: {flag: false}", "fine: {flag: true}"),
    ("mergers of the other route", GRANITE_DOCLING, "bits",
     "then: fine.deepstack_mergers, else: coarse.deepstack_mergers",
     "then: coarse.deepstack_mergers, else: fine.deepstack_mergers"),
    ("columns and rows of positions swapped", GRANITE_DOCLING, "bits", "torch.cat([columns, rows]",
     "torch.cat([rows, columns]", True),
    ("positions computed in float32", GRANITE_DOCLING_RELEASED_TILES, "bits", "dtype=torch.float64",
     "dtype=torch.float32", True, (("dtype=torch.float64", "dtype=torch.float32"),)),
    ("positions after the norm", GRANITE_DOCLING, "bits", "x = x + self.pos_embed.to(x.dtype)", "x = x", True,
     (("tokens = self.ln_mid(chosen)",
      "tokens = self.ln_mid(chosen) + (self.fine if fine else self.coarse).pos_embed.to(x.dtype)"),)),
    ("positions in the state dict", GRANITE_DOCLING, "load", ", persistent=False", "", True),
    ("DeepStack layers reversed", GRANITE_DOCLING, "bits", "zip(self.fine.deepstack_mergers, deepstack)",
     "zip(self.fine.deepstack_mergers, deepstack[::-1])", True),
    ("DeepStack layers through the first norm", GRANITE_DOCLING, "bits",
     "layer(tensor) for layer, tensor in zip(self.coarse",
     "layer(self.ln_in(tensor)) for layer, tensor in zip(self.coarse", True),
    ("DeepStack layers not flattened", GRANITE_DOCLING, "build", "      - flatten\n", ""),
    ("tokens not flattened", GRANITE_DOCLING, "bits",
     "  - flatten\noutputs:\n  tokens: (b fine_size fine_size) text",
     "outputs:\n  tokens: b (fine_size fine_size) text"),
    ("hwc -> chw", GRANITE_DOCLING, "bits", "spatial_merge: {size: scale}",
     "spatial_merge: {size: scale, channels: chw}"),
    ("both routes coarse", GRANITE_DOCLING, "build", "scale // 2", "scale"),
    ("activation before the norm", GRANITE_DOCLING, "bits",
     "- norm: {name: ln_mid, kind: layer, eps: 1e-5}\n  - activation: gelu",
     "- activation: gelu\n  - norm: {name: ln_mid, kind: layer, eps: 1e-5}"),
    ("bias of the projection", GRANITE_DOCLING, "load", "name: projection, out: text, bias: false",
     "name: projection, out: text"),
    ("gelu -> tanh", LLAVA, "bits", "activation: gelu}", "activation: gelu_tanh}"),
    ("gelu -> quick_gelu", LLAVA, "bits", "activation: gelu}", "activation: quick_gelu}"),
    ("class token kept", LLAVA, "build", "  - drop: {first: 1}\n", ""),
    ("last token dropped", LLAVA, "bits", "x[:, 1:]", "x[:, :-1]", True),
    ("first image dropped", LLAVA, "bits", "x[:, 1:]", "x.roll(1, 0)[:, 1:]", True),
    ("hidden width of the input", LLAVA, "load", "hidden: text", "hidden: same"),
    ("biases left out", LLAVA, "load", "activation: gelu}", "activation: gelu, bias: false}"),
    ("names of the original", LLAVA, "build", "[linear_1, linear_2]", "[mm.0, mm.2]"),
    ("activation left out", LLAVA, "bits", 'x = F.gelu(x)', "x = x + 0", True),
    ("hwc -> chw", IDEFICS3, "bits", "spatial_merge: {size: merge}",
     "spatial_merge: {size: merge, channels: chw}"),
    ("rows and columns of a block swapped", IDEFICS3, "bits", PIXEL_SHUFFLE, ".permute(0, 1, 3, 4, 2, 5)",
     True),
    ("rows and columns of the grid swapped", IDEFICS3, "bits", PIXEL_SHUFFLE, ".permute(0, 3, 1, 2, 4, 5)",
     True),
    ("bias of the projection", IDEFICS3, "load", ", bias: false", ""),
    ("merge of half the side", IDEFICS3, "load", "size: merge}", "size: 2 * merge}",
     False, (("s//merge s//merge", "s//(2*merge) s//(2*merge)"),)),
    ("projection before the merge", IDEFICS3, "load",
     "- spatial_merge: {size: merge}\n  - linear: {name: modality_projection.proj, out: text, bias: false}",
     "- linear: {name: modality_projection.proj, out: text // 4, bias: false}\n"
     "  - spatial_merge: {size: merge}"),
    ("blocks taken for a grid", IDEFICS3, "build", "x: b (s s) vision", "x: b n vision"),
    ("names of another model", IDEFICS3, "load", "modality_projection.proj", "modality_projection"),
]  # fmt: skip
"""Arguments of `Mutant`. `run` is caught by a `ValueError` when the module runs."""

PILOT_CONTROLS: list[tuple[Any, ...]] = [
    ("patches made contiguous", INTERNVL, "", "x[:, 1:]", "x[:, 1:].contiguous()", True),
    ("an image as wide as its map", LLAVA_NEXT, "", "width / height > col", "width / height >= col", True),
]  # fmt: skip
"""Edits that change nothing."""
