"""ERNIE 4.5 VL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from torch import nn

from vla_compose.hosts.base import Dims, Host, Inputs
from vla_compose.hosts.changes import Changes
from vla_compose.hosts.geometries import IMAGES, VIDEOS, packed

FRAMES = "temporal_merge_size"


class Ernie45VLMoe(Host):
    """The resampler after the vision tower."""

    spec: ClassVar[str] = "ernie4-5-vl-moe"
    models: ClassVar[tuple[str, ...]] = ("Ernie4_5_VLMoeModel",)
    seat: ClassVar[str] = "resampler_model"
    members: ClassVar[tuple[str, ...]] = ("resampler_model",)
    seam: ClassVar[str] = (
        f"the resampler itself, with its `{FRAMES}`, because the model counts the tokens of videos by it"
    )

    def place(self, model: nn.Module, adapter: nn.Module, changes: Changes) -> None:
        own = model.get_submodule(self.seat)
        changes.swap(model, self.seat, adapter)
        changes.attribute(adapter, FRAMES, getattr(own, FRAMES))

    def call(self, model: Any, inputs: Inputs) -> Any:
        return model.resampler_model(inputs["x"], inputs["grid_thw"])

    def cases(self, dims: Dims) -> Iterator[tuple[str, Inputs]]:
        for name, x, grid in packed(dims["merge"], dims["vision"], IMAGES | VIDEOS):
            yield name, {"x": x, "grid_thw": grid}
