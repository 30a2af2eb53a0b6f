"""Recorded inputs, weights, outputs and gradients of the original code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

import vla_compose

FILES = sorted((Path(__file__).parent / "data").glob("*.safetensors"))

# Our dims by the original's constructor arguments.
DIMS = {
    "qwen-vl": {"vision": "kv_dim", "text": "embed_dim", "heads": "num_heads"},
    "qwen2-vl": {"vision": "context_dim", "text": "dim", "merge": "spatial_merge_size"},
    "qwen2.5-vl": {"vision": "context_dim", "text": "dim", "merge": "spatial_merge_size"},
    "qwen3-vl": {
        "vision": "hidden_size",
        "text": "out_hidden_size",
        "merge": "spatial_merge_size",
        "deepstack": "deepstack",
    },
    "hunyuan-ocr": {"vision": "in_channels", "text": "out_channels", "merge": "spatial_merge_size"},
}


class Golden:
    """One file."""

    def __init__(self, path: Path) -> None:
        with safe_open(path, "pt") as file:
            meta = file.metadata()
        self.system: str = meta["system"]
        self.settings: dict[str, Any] = json.loads(meta["settings"])
        self.dtype: torch.dtype = getattr(torch, meta["dtype"])
        self.tensors: dict[str, Tensor] = load_file(path)

    def part(self, name: str) -> dict[str, Tensor]:
        return {
            key.removeprefix(f"{name}."): value
            for key, value in self.tensors.items()
            if key.startswith(f"{name}.")
        }

    def build(self) -> nn.Module:
        dims = {ours: self.settings[theirs] for ours, theirs in DIMS[self.system].items()}
        if self.system == "qwen-vl":
            dims["queries"] = self.settings["grid_size"] ** 2
        tail = self.settings.get("scope", "").startswith("vision tower tail")
        return vla_compose.build("qwen-vl-full" if tail else self.system, dtype=self.dtype, **dims)

    def close(self, ours: dict[str, Any], theirs: dict[str, Tensor]) -> None:
        assert ours.keys() == theirs.keys()
        limit = None if self.dtype == torch.bfloat16 else 1e-5
        for name, value in theirs.items():
            try:
                torch.testing.assert_close(ours[name], value, rtol=limit, atol=limit)
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}") from None


def numbered(name: str, value: Any) -> dict[str, Tensor]:
    return (
        {f"{name}.{at}": tensor for at, tensor in enumerate(value)}
        if isinstance(value, list)
        else {name: value}
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden(path: Path) -> None:
    golden = Golden(path)
    module = golden.build()
    fresh = {name: value.clone() for name, value in module.state_dict().items() if name.endswith("pos_embed")}
    weights = golden.part("weight")
    module.load_state_dict(weights)
    # The position table of a fresh module is the one of the checkpoint.
    golden.close(fresh, {name: weights[name] for name in fresh})

    expected, input_gradients = golden.part("output"), golden.part("grad_input")
    inputs = golden.part("input")
    for name in input_gradients:
        inputs[name].requires_grad_()
    arguments: dict[str, Any] = {name: value for name, value in inputs.items() if "." not in name}
    if any(name.startswith("deepstack.") for name in inputs):
        arguments["deepstack"] = [inputs[f"deepstack.{at}"] for at in range(golden.settings["deepstack"])]
    if "size" in golden.settings:
        arguments["size"] = tuple(golden.settings["size"])

    result = module(**arguments)
    outputs = numbered("tokens", result) if isinstance(result, Tensor) else {}
    if not outputs:
        outputs = numbered("tokens", result[0]) | numbered("deepstack", result[1])
    golden.close(outputs, expected)

    scale = [
        (output, torch.linspace(-1, 1, output.numel()).reshape(output.shape)) for output in outputs.values()
    ]
    torch.stack([(output.float() * weight).sum() for output, weight in scale]).sum().backward()
    gradients = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    golden.close(gradients, golden.part("grad"))
    golden.close({name: inputs[name].grad for name in input_gradients}, input_gradients)


def test_all_systems_are_recorded() -> None:
    assert {Golden(path).system for path in FILES} == set(DIMS)
    assert len(FILES) == 16
