"""Qwen3-VL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import nn

from vla_compose.hosts.base import Dims, Host, Inputs
from vla_compose.hosts.changes import Changes
from vla_compose.hosts.geometries import IMAGES, VIDEOS, packed
from vla_compose.hosts.stand_in import First


class Qwen3VL(Host):
    """The merger at the end of the vision tower, and one more for each DeepStack layer.

    Outputs and the adapter's gradients are those of the original, bit for bit. A DeepStack layer of the tower
    sums its gradients in another order, so that those of the tower agree up to rounding.
    """

    spec: ClassVar[str] = "qwen3-vl"
    models: ClassVar[tuple[str, ...]] = ("Qwen3VLModel", "Qwen3VLMoeModel")
    seat: ClassVar[str] = "visual.adapter"
    members: ClassVar[tuple[str, ...]] = ("visual.merger", "visual.deepstack_merger_list")
    seam: ClassVar[str] = (
        "the output of the tower, because it calls its mergers one by one, layer after layer, and an adapter "
        "takes all layers at once"
    )

    def place(self, model: nn.Module, adapter: nn.Module, changes: Changes) -> None:
        layers = model.get_submodule("visual.deepstack_merger_list")
        assert isinstance(layers, nn.ModuleList)
        changes.swap(model, "visual.merger", First())
        changes.swap(model, "visual.deepstack_merger_list", nn.ModuleList(First() for _ in layers))
        changes.add(model, self.seat, adapter)
        changes.hook(model.get_submodule("visual").register_forward_hook(merged))

    def call(self, model: Any, inputs: Inputs) -> Any:
        layers = zip(model.visual.deepstack_merger_list, inputs["deepstack"], strict=True)
        return model.visual.merger(inputs["x"]), [merger(x) for merger, x in layers]

    def cases(self, dims: Dims) -> Iterator[tuple[str, Inputs]]:
        for name, x, _ in packed(dims["merge"], dims["vision"], IMAGES | VIDEOS):
            yield name, {"x": x, "deepstack": [torch.randn_like(x) for _ in range(dims["deepstack"])]}


def merged(visual: Any, _: Any, output: Any) -> Any:
    """The output of the tower with the features of its layers merged by the adapter."""
    if isinstance(output, tuple):
        last, x, layers, *others = output
        tokens, deepstack = visual.adapter(x, list(layers))
        return (last, tokens, deepstack, *others)
    output.pooler_output, output.deepstack_features = visual.adapter(
        output.pooler_output, list(output.deepstack_features)
    )
    return output
