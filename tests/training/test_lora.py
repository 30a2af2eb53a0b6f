"""LoRA target names, tried with peft."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

import vla_compose
from tests.parity.harness import Reference, flatten, leaves, randomise
from tests.parity.pilots import GLM4V, IDEFICS2, INTERNVL
from tests.parity.references import HUNYUAN, QWEN2, QWEN3, QWEN_VL, QWEN_VL_FULL
from tests.training.models import PATH, changed, example, small, snapshot
from vla_compose import ModuleError, lora_targets

ROOT = Path(__file__).parents[2]
# Linear maps, `each` lists, convolutions, torch's attention, repeated layers, chains.
ADAPTERS = [QWEN2, QWEN3, HUNYUAN, QWEN_VL, IDEFICS2, INTERNVL, GLM4V]


def wrapped(model: nn.Module, targets: list[str]) -> PeftModel:
    torch.manual_seed(0)
    config = LoraConfig(r=2, target_modules=targets, init_lora_weights=False)
    found: PeftModel = get_peft_model(model, config)
    return found


def layers(model: nn.Module) -> set[str]:
    """The paths that peft wrapped."""
    return {
        path.removeprefix("base_model.model.")
        for path, part in model.named_modules()
        if hasattr(part, "lora_A") and part.lora_A
    }


# --- names ----------------------------------------------------------------------------------------------


def test_names() -> None:
    assert lora_targets("qwen2-vl") == ["mlp.0", "mlp.2"]
    assert lora_targets("qwen2-vl", prefix=PATH) == [f"{PATH}.mlp.0", f"{PATH}.mlp.2"]
    assert lora_targets("qwen2-vl", prefix=f"{PATH}.") == lora_targets("qwen2-vl", prefix=PATH)
    assert lora_targets("qwen-vl") == ["kv_proj", "attn"]
    assert lora_targets("qwen-vl-full") == ["attn_pool.kv_proj", "attn_pool.attn"]  # `proj` is bare
    assert lora_targets(vla_compose.load("qwen3-vl"))[:4] == [
        "merger.linear_fc1",
        "merger.linear_fc2",
        "deepstack_merger_list.0.linear_fc1",
        "deepstack_merger_list.0.linear_fc2",
    ]


def test_a_graph_and_a_module_have_their_own_dims() -> None:
    assert len(lora_targets(vla_compose.compose("qwen3-vl", deepstack=1))) == 4
    assert len(lora_targets(vla_compose.build("qwen3-vl", deepstack=1, device="meta"))) == 4
    assert len(lora_targets("qwen3-vl")) == 8
    same = vla_compose.compose("qwen-vl", vision=128, text=128)  # there is no `kv_proj` then
    assert lora_targets(same) == ["attn"]


def test_specs_are_read_without_torch() -> None:
    code = "import sys, vla_compose; vla_compose.lora_targets('idefics2'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


def test_other_modules() -> None:
    with pytest.raises(ModuleError, match="not made by vla_compose"):
        lora_targets(nn.Linear(2, 2))
    module: Any = QWEN2.build()
    wrapped(module, lora_targets(module))
    with pytest.raises(ModuleError, match="merge_and_unload"):
        lora_targets(module)


# --- peft -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", ADAPTERS, ids=lambda reference: reference.name)
def test_an_adapter_alone(reference: Reference) -> None:
    """Only LoRA trains, all of it; merged, the names are ours again and the outputs nearly those before."""
    module: Any = randomise(reference.build())
    names, targets = sorted(module.state_dict()), lora_targets(module)
    model: Any = wrapped(module, targets)
    assert layers(model) >= set(targets)
    inputs = leaves(reference.cases[0].inputs(), torch.float32)
    before = snapshot(model)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        sum(output.float().square().mean() for output in flatten(model(**inputs))).backward()  # type: ignore[union-attr]
        optimizer.step()
    # Both factors of every wrapped map moved, and nothing else did; torch's attention moves by rounding.
    attention = {
        f"base_model.model.{path}."
        for path, part in model.base_model.model.named_modules()
        if isinstance(part, nn.MultiheadAttention)
    }
    moved = {
        name for name in changed(model, before) if "lora_" in name or not name.startswith(tuple(attention))
    }
    assert moved == {name for name in before if "lora_" in name}
    with torch.no_grad():
        outputs = flatten(model.eval()(**inputs))
        merged = model.merge_and_unload()
        assert merged is module
        assert sorted(module.state_dict()) == names
        for one, other in zip(outputs, flatten(module(**inputs)), strict=True):
            assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)
    assert vla_compose.lora_targets(module) == targets  # it is whole again


@pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing`:FutureWarning"
)  # peft asks it of transformers
def test_inside_a_model() -> None:
    model, adapter = small()
    names = list(model.state_dict())
    targets = lora_targets(adapter, prefix=PATH)
    tuned = wrapped(model, targets)
    assert layers(tuned) == set(targets)
    before = snapshot(tuned)
    optimizer = torch.optim.SGD([p for p in tuned.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(2):
        optimizer.zero_grad()
        tuned(**example()).loss.backward()
        optimizer.step()
    moved = changed(tuned, before)
    assert moved == {name for name in before if "lora_" in name}
    assert len(moved) == 2 * len(targets)
    assert list(tuned.merge_and_unload().state_dict()) == names


def test_the_prefix_keeps_layers_of_the_same_name_out() -> None:
    """Without it, peft takes every path that ends the same way."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vision = nn.ModuleDict({"mlp": nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4))})
            self.merger = QWEN2.build()

    assert layers(wrapped(Two(), lora_targets("qwen2-vl"))) == {
        "merger.mlp.0",
        "merger.mlp.2",
        "vision.mlp.0",
        "vision.mlp.2",
    }
    targets = lora_targets("qwen2-vl", prefix="merger")
    assert layers(wrapped(Two(), targets)) == set(targets) == {"merger.mlp.0", "merger.mlp.2"}


def test_peft_refuses_attention_with_keys_of_another_width() -> None:
    """What the docstring of `lora_targets` says of peft; ours always have equal widths."""
    with pytest.raises(ValueError, match="Only same embed for query/key/value is supported"):
        wrapped(nn.ModuleDict({"attn": nn.MultiheadAttention(8, 2, kdim=6)}), ["attn"])
    for name in vla_compose.list_specs():
        for part in vla_compose.build(name, device="meta").modules():
            assert not isinstance(part, nn.MultiheadAttention) or part._qkv_same_embed_dim


def test_a_bare_weight_trains_in_full() -> None:
    """What the docstring says of `matmul`."""
    module: Any = randomise(QWEN_VL_FULL.build())
    names = sorted(module.state_dict())
    model: Any = wrapped(module, lora_targets(module))
    module.proj.requires_grad_(True)
    trains = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name for name in trains if "lora_" not in name} == {"base_model.model.proj"}
    before = module.proj.detach().clone()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    model(**QWEN_VL_FULL.cases[0].inputs()).square().mean().backward()
    optimizer.step()
    assert not torch.equal(module.proj, before)
    assert sorted(model.merge_and_unload().state_dict()) == names


def test_torch_attention_moves_by_rounding_in_peft() -> None:
    """What the docstring says of its frozen weights."""
    drift = []
    for dtype in (torch.float32, torch.bfloat16):
        module: Any = randomise(QWEN_VL.build(dtype=dtype))
        before = module.attn.in_proj_weight.detach().clone()
        model: Any = wrapped(module, lora_targets(module))
        for _ in range(5):
            model(**leaves(QWEN_VL.cases[0].inputs(), dtype))
        drift.append((module.attn.base_layer.in_proj_weight - before).abs().max().item())
    assert 0 < drift[0] < 1e-6
    assert drift[1] > 1e-3
