"""Idefics2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import nn

from vla_compose.hosts.base import Dims, Host, Inputs
from vla_compose.hosts.changes import Changes


class Idefics2(Host):
    """The connector after the vision tower: a gated MLP and a perceiver."""

    spec: ClassVar[str] = "idefics2"
    models: ClassVar[tuple[str, ...]] = ("Idefics2Model",)
    seat: ClassVar[str] = "connector"
    members: ClassVar[tuple[str, ...]] = ("connector",)
    seam: ClassVar[str] = (
        "the connector itself, with its `attention_mask` handed over as `mask`, because the two have other "
        "names for it"
    )

    def place(self, model: nn.Module, adapter: nn.Module, changes: Changes) -> None:
        changes.swap(model, self.seat, adapter)
        changes.hook(adapter.register_forward_pre_hook(masked, with_kwargs=True))

    def call(self, model: Any, inputs: Inputs) -> Any:
        x, mask = inputs["x"], inputs.get("mask")
        return model.connector(x, torch.ones(x.shape[:2], dtype=torch.bool) if mask is None else mask)

    def cases(self, dims: Dims) -> Iterator[tuple[str, Inputs]]:
        for name, lengths in {"one_image": (30,), "two_images": (12, 12), "padded": (20, 7, 13)}.items():
            mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
            yield name, {"x": torch.randn(*mask.shape, dims["vision"]), "mask": mask}
        yield "no_mask", {"x": torch.randn(2, 16, dims["vision"])}


def masked(_: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The model's keyword under the name that the spec gives it."""
    return args, {"mask" if name == "attention_mask" else name: value for name, value in kwargs.items()}
