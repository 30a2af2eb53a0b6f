"""GLM-4.1V."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import nn

from vla_compose.hosts.base import Dims, Host, Inputs
from vla_compose.hosts.changes import Changes
from vla_compose.hosts.geometries import IMAGES, VIDEOS, packed
from vla_compose.hosts.stand_in import First, standing


class Glm4v(Host):
    """The tail of the vision tower: a norm, a convolution for each block, and the merger."""

    spec: ClassVar[str] = "glm4v"
    models: ClassVar[tuple[str, ...]] = ("Glm4vModel",)
    seat: ClassVar[str] = "visual.downsample"
    members: ClassVar[tuple[str, ...]] = ("visual.merger", "visual.downsample", "visual.post_layernorm")
    seam: ClassVar[str] = (
        "the convolution, with its blocks laid out as patches again, because the tower calls norm, "
        "convolution and merger one after another and the spec is all three"
    )

    def place(self, model: nn.Module, adapter: nn.Module, changes: Changes) -> None:
        changes.swap(model, "visual.post_layernorm", First())
        changes.swap(model, "visual.merger", First())
        changes.swap(model, self.seat, adapter)
        changes.hook(adapter.register_forward_pre_hook(patches))

    def call(self, model: Any, inputs: Inputs) -> Any:
        x, visual = inputs["x"], model.visual
        side = visual.spatial_merge_size
        names = ("patch_embed", "post_conv_layernorm", "embeddings", "rotary_pos_emb")
        tower: dict[str, nn.Module] = {f"visual.{name}": First() for name in names}
        with standing(model, tower | {"visual.blocks": nn.ModuleList()}):
            return visual(x, torch.tensor([[1, side, len(x) // side]])).pooler_output

    def cases(self, dims: Dims) -> Iterator[tuple[str, Inputs]]:
        for name, x, _ in packed(dims["merge"], dims["vision"], IMAGES | VIDEOS):
            yield name, {"x": x}


def patches(_: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Blocks as small maps, `n c m m`, as rows of patches again."""
    x, *others = args
    return (x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]) if x.dim() == 4 else x, *others)
