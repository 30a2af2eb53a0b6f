"""The seed systems: their originals, tiny configurations and geometries."""

from __future__ import annotations

import torch
from torch import nn
from transformers.models.hunyuan_vl.configuration_hunyuan_vl import HunYuanVLVisionConfig
from transformers.models.hunyuan_vl.modeling_hunyuan_vl import HunYuanVLVisionPatchMerger
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLPatchMerger
from transformers.models.qwen2_vl.modeling_qwen2_vl import PatchMerger
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLVisionConfig
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLVisionPatchMerger

from tests.parity.harness import Case, Inputs, Reference
from tests.parity.qwen_vl import Resampler, Tail


def packed(name: str, *rows: int, width: int = 20) -> Case:
    """Patches of one or several images, one after another."""
    return Case(name, lambda: {"x": torch.randn(sum(rows), width)})


PACKED = (
    packed("one_token", 4),
    packed("6x8", 48),
    packed("14x10", 140),
    packed("three_images", 4, 2 * 6, 10 * 6),
    packed("video", 3 * 8 * 6),
    Case("large_values", lambda: {"x": 40 * torch.randn(24, 20) + 7}),
)
COLUMNS = Case("channels_not_adjacent", lambda: {"x": torch.randn(20, 24).T})

QWEN2 = Reference(
    "qwen2-vl", "qwen2-vl", {"vision": 20, "text": 28}, lambda: PatchMerger(28, 20), (*PACKED, COLUMNS)
)
QWEN2_MERGE_3 = Reference(
    "qwen2-vl-merge3",
    "qwen2-vl",
    {"vision": 12, "text": 16, "merge": 3},
    lambda: PatchMerger(16, 12, 3),
    (packed("6x9", 54, width=12), packed("9x3", 27, width=12)),
)
QWEN2_5 = Reference(
    "qwen2.5-vl", "qwen2.5-vl", {"vision": 20, "text": 28}, lambda: Qwen2_5_VLPatchMerger(28, 20), PACKED
)


class DeepStack(nn.Module):
    """The mergers of Qwen3-VL's vision model, under its names."""

    def __init__(self, count: int = 3) -> None:
        super().__init__()
        config = Qwen3VLVisionConfig(hidden_size=20, out_hidden_size=28)
        self.merger = Qwen3VLVisionPatchMerger(config, use_postshuffle_norm=False)
        mergers = [Qwen3VLVisionPatchMerger(config, use_postshuffle_norm=True) for _ in range(count)]
        self.deepstack_merger_list = nn.ModuleList(mergers)

    def forward(self, x: torch.Tensor, deepstack: list[torch.Tensor]) -> tuple:
        layers = zip(self.deepstack_merger_list, deepstack, strict=True)
        found = [merger(tensor) for merger, tensor in layers]  # as the tower does, before the last layer
        return self.merger(x), found


def layers(name: str, rows: int, count: int = 3) -> Case:
    """The last layer of the vision tower and some before it."""
    return Case(
        name, lambda: {"x": torch.randn(rows, 20), "deepstack": [torch.randn(rows, 20) for _ in range(count)]}
    )


def one_for_all() -> Inputs:
    """One tensor as every layer: its gradient is a sum whose order shows."""
    x = torch.randn(48, 20)
    return {"x": x, "deepstack": [x, x, x]}


QWEN3 = Reference(
    "qwen3-vl",
    "qwen3-vl",
    {"vision": 20, "text": 28},
    DeepStack,
    (
        layers("one_token", 4),
        layers("6x8", 48),
        layers("14x10", 140),
        layers("three_images", 4 + 12 + 60),
        Case("one_for_all", one_for_all),
    ),
)
QWEN3_ONE_LAYER = Reference(
    "qwen3-vl-one-layer",
    "qwen3-vl",
    {"vision": 20, "text": 28, "deepstack": 1},
    lambda: DeepStack(1),
    (layers("6x8", 48, 1),),
)


def grid(name: str, batch: int, height: int, width: int) -> Case:
    """A batch of images of one size, patches in raster order."""
    return Case(name, lambda: {"x": torch.randn(batch, height * width, 16), "size": (height, width)})


def default_size(original: nn.Module, inputs: Inputs) -> torch.Tensor:
    """Our forward has a default size, the original has none."""
    return original(inputs["x"], inputs.get("size", (16, 16)))


def hunyuan(**options: int) -> nn.Module:
    """The patch merger of HunYuan-VL."""
    return HunYuanVLVisionPatchMerger(HunYuanVLVisionConfig(hidden_size=16, text_hidden_size=24, **options))


HUNYUAN = Reference(
    "hunyuan-ocr",
    "hunyuan-ocr",
    {"vision": 16, "text": 24},
    hunyuan,
    (
        grid("6x8", 1, 6, 8),
        grid("batch3_6x8", 3, 6, 8),
        grid("odd_7x9", 1, 7, 9),
        grid("batch2_odd_7x9", 2, 7, 9),
        grid("4x14", 2, 4, 14),
        grid("smallest", 1, 2, 2),
        grid("row", 2, 3, 12),
        Case("default_size", lambda: {"x": torch.randn(1, 256, 16)}, default_size),
        Case("strided", lambda: {"x": torch.randn(48, 2, 16).transpose(0, 1), "size": (6, 8)}),
    ),
    rename={"proj_conv.": "proj.0.", "proj_out.": "proj.2."},
)
HUNYUAN_MERGE_3 = Reference(
    "hunyuan-ocr-merge3",
    "hunyuan-ocr",
    {"vision": 16, "text": 24, "merge": 3},
    lambda: hunyuan(spatial_merge_size=3),
    (grid("odd_10x7", 2, 10, 7),),
    rename=HUNYUAN.rename,
)


def square(
    name: str, side: int, *, batch: int = 2, width: int = 24, mask: str = "", queries: int = 16
) -> Case:
    """A square grid of patches, and a mask of that kind."""

    def inputs() -> Inputs:
        found: Inputs = {"x": torch.randn(batch, side * side, width)}
        if mask == "bool":
            found["attn_mask"] = torch.rand(queries, side * side) < 0.4
            found["attn_mask"][:, 0] = False
        if mask == "float":
            found["attn_mask"] = torch.randn(queries, side * side)
        if mask == "infinite":
            found["attn_mask"] = torch.randn(queries, side * side).masked_fill(
                torch.rand(side * side) < 0.3, -torch.inf
            )
        return found

    return Case(name, inputs)


RESAMPLER = {"vision": 24, "text": 32, "queries": 16, "heads": 4}
QWEN_VL = Reference(
    "qwen-vl",
    "qwen-vl",
    RESAMPLER,
    lambda: Resampler(width=32, side=4, heads=4, vision=24),
    (
        square("same_grid", 4),
        square("larger_grid", 7),
        square("smaller_grid", 3, batch=1),
        square("one_key", 1),
        square("bool_mask", 4, mask="bool"),
        square("bool_mask_resized", 6, mask="bool", batch=3),
        square("float_mask", 4, mask="float"),
        square("float_mask_resized", 5, mask="float"),
        square("infinite_mask", 5, mask="infinite"),
    ),
    tolerance=1e-12,
)
QWEN_VL_IDENTITY = Reference(
    "qwen-vl-identity",
    "qwen-vl",
    RESAMPLER | {"vision": 32},
    lambda: Resampler(width=32, side=4, heads=4, vision=None),
    (square("same_grid", 4, width=32), square("resized", 6, width=32, mask="bool")),
    tolerance=1e-12,
)
QWEN_VL_FULL = Reference(
    "qwen-vl-full",
    "qwen-vl-full",
    RESAMPLER,
    lambda: Tail(width=32, side=4, heads=4, vision=24),
    (
        square("same_grid", 4),
        square("larger_grid", 7, batch=3),
        square("smaller_grid", 2),
        square("one_image", 5, batch=1),
    ),
    tolerance=1e-12,
)

EXACT = [QWEN2, QWEN2_MERGE_3, QWEN2_5, QWEN3, QWEN3_ONE_LAYER, HUNYUAN, HUNYUAN_MERGE_3]
CLOSE = [QWEN_VL, QWEN_VL_IDENTITY, QWEN_VL_FULL]
SEEDS = [QWEN2, QWEN2_5, QWEN3, HUNYUAN, QWEN_VL, QWEN_VL_FULL]
"""One reference for each shipped seed spec."""
