"""A small Qwen2-VL of transformers with a composed merger in it, and one example to train on."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

import vla_compose
from tests.parity.harness import randomise
from tests.weights.models import SMALL, small_model

PATH = "model.visual.merger"
IMAGE, START = 90, 92


def small() -> tuple[Any, nn.Module]:
    """The model and the adapter, which is `model.model.visual.merger`."""
    model = small_model("qwen2-vl")
    dims: dict[str, Any] = dict(SMALL["qwen2-vl"].dims)
    adapter = randomise(vla_compose.build("qwen2-vl", **dims))
    model.model.visual.merger = adapter
    return model.train(), adapter


def example() -> dict[str, torch.Tensor]:
    """One image of 4 x 4 patches, so 4 tokens, and a few words."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.tensor([[5, START, IMAGE, IMAGE, IMAGE, IMAGE, 7, 8, 9]])
    return {
        "input_ids": ids,
        "labels": ids.where(ids < IMAGE, -100),
        "attention_mask": torch.ones_like(ids),
        "mm_token_type_ids": (ids == IMAGE).int(),
        "pixel_values": torch.randn(16, 3 * 2 * 4 * 4, generator=generator),
        "image_grid_thw": torch.tensor([[1, 4, 4]]),
    }


def snapshot(model: nn.Module) -> dict[str, torch.Tensor]:
    """Copies of all parameters and buffers, shared ones under every name."""
    named = dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers())
    return {name: value.detach().clone() for name, value in named.items()}


def changed(model: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    """The names whose values differ from a snapshot."""
    after = snapshot(model)
    assert after.keys() == before.keys()
    return {name for name, value in after.items() if not torch.equal(value, before[name])}
