"""Qwen2.5-VL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from torch import nn

from vla_compose.hosts.base import Dims, Host, Inputs
from vla_compose.hosts.changes import Changes
from vla_compose.hosts.geometries import IMAGES, VIDEOS, packed


class Qwen25VL(Host):
    """The patch merger at the end of the vision tower."""

    spec: ClassVar[str] = "qwen2.5-vl"
    models: ClassVar[tuple[str, ...]] = ("Qwen2_5_VLModel",)
    seat: ClassVar[str] = "visual.merger"
    members: ClassVar[tuple[str, ...]] = ("visual.merger",)
    seam: ClassVar[str] = (
        "the merger itself, because the tower calls it with patches window by window and reorders the tokens"
    )

    def place(self, model: nn.Module, adapter: nn.Module, changes: Changes) -> None:
        changes.swap(model, self.seat, adapter)

    def call(self, model: Any, inputs: Inputs) -> Any:
        return model.visual.merger(inputs["x"])

    def cases(self, dims: Dims) -> Iterator[tuple[str, Inputs]]:
        for name, x, _ in packed(dims["merge"], dims["vision"], IMAGES | VIDEOS):
            yield name, {"x": x}
