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
    internvl,
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
    name: str, batch: int, side: int, *, count: int = 3, fine: bool | None = None, strided: bool = False
) -> Case:
    """A batch of square tiles; without `fine` its default is used."""

    def inputs() -> Inputs:
        x, *deepstack = [randn(batch, side * side, 16, strided=strided) for _ in range(1 + count)]
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

PILOTS = [INTERNVL, GLM4V, IDEFICS2, ERNIE, LLAVA_NEXT, GRANITE_DOCLING]
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
]
