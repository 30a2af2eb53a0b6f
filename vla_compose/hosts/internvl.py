"""InternVL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import nn

from vla_compose.check.graph import Graph
from vla_compose.hosts.base import Dims, Host, Inputs
from vla_compose.hosts.changes import Changes
from vla_compose.hosts.errors import AttachError
from vla_compose.hosts.geometries import squares
from vla_compose.hosts.selection import selects_one_layer_of_patches
from vla_compose.hosts.stand_in import Features, standing


class InternVL(Host):
    """The class token's end, the pixel shuffle and the projector after the vision tower."""

    spec: ClassVar[str] = "internvl"
    models: ClassVar[tuple[str, ...]] = ("InternVLModel",)
    seat: ClassVar[str] = "multi_modal_projector"
    members: ClassVar[tuple[str, ...]] = ("multi_modal_projector",)
    seam: ClassVar[str] = (
        "`get_image_features`, because the model drops the class token and shuffles pixels there, and the "
        "spec does so itself"
    )

    def place(self, model: nn.Module, adapter: nn.Module, changes: Changes) -> None:
        try:
            from vla_compose.hosts.internvl_features import get_image_features
        except ImportError:
            raise AttachError(
                "InternVL's features are selected by code of a newer transformers: "
                "run `pip install 'transformers>=5.24'`"
            ) from None
        changes.swap(model, self.seat, adapter)
        changes.method(model, get_image_features)

    def call(self, model: Any, inputs: Inputs) -> Any:
        with standing(model, {"vision_tower": Features(inputs["x"])}):
            return model.get_image_features(torch.empty(0)).pooler_output

    def cases(self, dims: Dims) -> Iterator[tuple[str, Inputs]]:
        for name, x in squares(dims["merge"], dims["vision"], before=1, cells=(1, 2, 7)):
            yield name, {"x": x}

    def objection(self, model: Any, graph: Graph) -> str | None:
        return selects_one_layer_of_patches(model)
