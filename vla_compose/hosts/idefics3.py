"""Idefics3, and SmolVLM, which is built alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from torch import nn

from vla_compose.hosts.base import Dims, Host, Inputs
from vla_compose.hosts.changes import Changes
from vla_compose.hosts.geometries import squares


class Idefics3(Host):
    """The connector after the vision tower: a pixel shuffle and a linear map."""

    spec: ClassVar[str] = "idefics3"
    models: ClassVar[tuple[str, ...]] = ("Idefics3Model", "SmolVLMModel")
    seat: ClassVar[str] = "connector"
    members: ClassVar[tuple[str, ...]] = ("connector",)
    seam: ClassVar[str] = "the connector itself, because it does the pixel shuffle too"

    def place(self, model: nn.Module, adapter: nn.Module, changes: Changes) -> None:
        changes.swap(model, self.seat, adapter)

    def call(self, model: Any, inputs: Inputs) -> Any:
        return model.connector(inputs["x"])

    def cases(self, dims: Dims) -> Iterator[tuple[str, Inputs]]:
        for name, x in squares(dims["merge"], dims["vision"], cells=(1, 2, 7)):
            yield name, {"x": x}
