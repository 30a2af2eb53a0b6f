"""Every parameter in exactly one group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import vla_compose
from tests.training.models import small
from vla_compose import ModuleError, parameter_groups

ROOT = Path(__file__).parents[2]
SPECS = [*vla_compose.list_specs(), *sorted((ROOT / "tests" / "specs" / "good").glob("*.yaml"))]
LAYERS = (nn.Linear, nn.Conv2d, nn.MultiheadAttention)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: getattr(spec, "stem", spec))
def test_total(spec: str | Path) -> None:
    module: Any = vla_compose.build(spec, device="meta")
    wanted = [id(parameter) for parameter in module.parameters() if parameter.requires_grad]
    if not wanted:
        with pytest.raises(ModuleError, match="no parameter of this adapter requires a gradient"):
            parameter_groups(module, lr=1e-3, weight_decay=0.1)
        return
    groups = parameter_groups(module, lr=1e-3, weight_decay=0.1)
    found = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(found) == sorted(wanted)
    decayed = {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            if isinstance(part, LAYERS):
                assert (id(parameter) in decayed) == (parameter.dim() > 1), name
            elif parameter.dim() == 1:
                assert id(parameter) not in decayed, name


def names(module: nn.Module, group: dict) -> list[str]:
    known = {id(parameter): name for name, parameter in module.named_parameters()}
    return sorted(known[id(parameter)] for parameter in group["params"])


def test_qwen_vl() -> None:
    """Queries are two-dimensional and do not decay; `proj` is bare and does."""
    module: Any = vla_compose.build("qwen-vl-full", vision=24, text=32, queries=16, heads=4)
    decay, keep = parameter_groups(module, lr=3e-4, weight_decay=0.05)
    assert names(module, decay) == [
        "attn_pool.attn.in_proj_weight",
        "attn_pool.attn.out_proj.weight",
        "attn_pool.kv_proj.weight",
        "proj",
    ]
    assert "attn_pool.query" in names(module, keep)
    assert "attn_pool.pos_embed" not in names(module, keep) + names(module, decay)  # a fixed table
    assert (decay["lr"], decay["weight_decay"], keep["lr"], keep["weight_decay"]) == (3e-4, 0.05, 3e-4, 0.0)


def test_shared_parameters_are_in_one_group() -> None:
    module: Any = vla_compose.build("qwen2-vl", vision=8, text=32)
    module.mlp[2].weight = module.mlp[0].weight
    module.mlp[2].bias = module.ln_q.bias = nn.Parameter(torch.zeros(32))
    module.ln_q.bias = module.mlp[0].bias
    groups = parameter_groups(vla_compose.build("qwen2-vl", vision=8, text=32), lr=1, weight_decay=1)
    assert sum(len(group["params"]) for group in groups) == 6
    with pytest.raises(ModuleError, match=r"`ln_q.bias` is \(32,\), not \(8,\)"):
        parameter_groups(module, lr=1, weight_decay=1)
    module.ln_q.bias = nn.Parameter(torch.zeros(8))
    groups = parameter_groups(module, lr=1, weight_decay=1)
    found = [id(parameter) for group in groups for parameter in group["params"]]
    assert len(found) == len(set(found)) == 5


def test_only_what_trains() -> None:
    module: Any = vla_compose.build("qwen2-vl", vision=8, text=12)
    module.mlp.requires_grad_(False)
    (group,) = parameter_groups(module, lr=1, weight_decay=1)
    assert names(module, group) == ["ln_q.bias", "ln_q.weight"]
    assert group["weight_decay"] == 0
    module.requires_grad_(False)
    with pytest.raises(ModuleError, match=r"freeze_except\(model, adapter\)"):
        parameter_groups(module, lr=1, weight_decay=1)


def test_other_modules() -> None:
    with pytest.raises(ModuleError, match="not made by vla_compose"):
        parameter_groups(nn.Linear(2, 2), lr=1, weight_decay=1)


def test_an_optimizer_decays_what_it_should() -> None:
    model, adapter = small()
    vla_compose.freeze_except(model, adapter)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.fill_(1.0)
            parameter.grad = torch.zeros_like(parameter)
    optimizer = torch.optim.AdamW(parameter_groups(adapter, lr=0.1, weight_decay=0.5))
    optimizer.step()
    left = {name: round(parameter.mean().item(), 6) for name, parameter in adapter.named_parameters()}
    assert left == {
        "ln_q.weight": 1.0,
        "ln_q.bias": 1.0,
        "mlp.0.weight": 0.95,
        "mlp.0.bias": 1.0,
        "mlp.2.weight": 0.95,
        "mlp.2.bias": 1.0,
    }
