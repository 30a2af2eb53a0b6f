"""Granite-Docling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import nn

from vla_compose.check.graph import Graph
from vla_compose.hosts.base import Dims, Host, Inputs
from vla_compose.hosts.changes import Changes


class GraniteDocling(Host):
    """The connector at the end of the vision model, with a coarse and a fine route."""

    spec: ClassVar[str] = "granite-docling"
    models: ClassVar[tuple[str, ...]] = ("GraniteDoclingModel",)
    seat: ClassVar[str] = "vision_model.connector"
    members: ClassVar[tuple[str, ...]] = ("vision_model.connector",)
    seam: ClassVar[str] = (
        "the connector itself, because the vision model calls it with all layers and the choice of the route"
    )

    def place(self, model: nn.Module, adapter: nn.Module, changes: Changes) -> None:
        changes.swap(model, self.seat, adapter)

    def call(self, model: Any, inputs: Inputs) -> Any:
        x, layers = inputs["x"], inputs["deepstack"]
        return model.vision_model.connector(x, layers, fine=inputs.get("fine", False))

    def cases(self, dims: Dims) -> Iterator[tuple[str, Inputs]]:
        rows = dims["side"] ** 2
        for batch, fine in ((1, False), (1, True), (3, False), (2, True)):
            x, *layers = torch.randn(1 + dims["deepstack"], batch, rows, dims["vision"])
            name = f"{batch}x_{'fine' if fine else 'coarse'}"
            yield name, {"x": x, "deepstack": layers, "fine": fine}

    def objection(self, model: Any, graph: Graph) -> str | None:
        if model.config.vision_config.use_fine_route:
            return None
        return "the model has no fine route (use_fine_route = False), and the spec has one"
