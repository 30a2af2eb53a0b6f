"""LLaVA."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import nn

from vla_compose.check.graph import Graph
from vla_compose.hosts.base import Dims, Host, Inputs
from vla_compose.hosts.changes import Changes
from vla_compose.hosts.selection import selects_one_layer_of_patches
from vla_compose.hosts.stand_in import Features, standing

WHOLE = "full"
"""Features with their class token."""


class Llava(Host):
    """The projector after the vision tower."""

    spec: ClassVar[str] = "llava"
    models: ClassVar[tuple[str, ...]] = ("LlavaModel",)
    seat: ClassVar[str] = "multi_modal_projector"
    members: ClassVar[tuple[str, ...]] = ("multi_modal_projector",)
    seam: ClassVar[str] = (
        "`get_image_features`, because the model drops the class token there and the spec does so itself"
    )

    def place(self, model: nn.Module, adapter: nn.Module, changes: Changes) -> None:
        changes.swap(model, self.seat, adapter)
        changes.method(model, get_image_features)

    def call(self, model: Any, inputs: Inputs) -> Any:
        with standing(model, {"vision_tower": Features(inputs["x"])}):
            features = model.get_image_features(torch.empty(0), image_sizes=None)
        return torch.stack(tuple(features.pooler_output))

    def cases(self, dims: Dims) -> Iterator[tuple[str, Inputs]]:
        for batch, patches in ((1, 1), (1, 16), (3, 36), (2, 144)):
            yield f"{batch}x_{patches}_patches", {"x": torch.randn(batch, 1 + patches, dims["vision"])}

    def objection(self, model: Any, graph: Graph) -> str | None:
        return selects_one_layer_of_patches(model)


def get_image_features(
    self: Any,
    pixel_values: Any,
    vision_feature_layer: Any = None,
    vision_feature_select_strategy: Any = None,
    image_sizes: Any = None,
    **kwargs: Any,
) -> Any:
    """The model's own method, which hands the features over with their class token."""
    return type(self).get_image_features(
        self,
        pixel_values,
        vision_feature_layer=vision_feature_layer,
        vision_feature_select_strategy=WHOLE,
        image_sizes=image_sizes,
        **kwargs,
    )
