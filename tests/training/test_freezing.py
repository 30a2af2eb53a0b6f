"""Only the adapter trains, and it can be undone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import vla_compose
from tests.parity.harness import randomise
from tests.parity.references import HUNYUAN, QWEN2, QWEN_VL
from tests.training.models import PATH, changed, example, small, snapshot
from vla_compose import ModuleError, freeze_except, parameter_groups


def flags(model: nn.Module) -> dict[str, bool]:
    return {name: p.requires_grad for name, p in model.named_parameters(remove_duplicate=False)}


class Holder(nn.Module):
    def __init__(self, adapter: nn.Module) -> None:
        super().__init__()
        self.tower = nn.Linear(3, 3)
        self.register_buffer("scale", torch.ones(1))
        self.adapter = adapter


def test_a_step_changes_the_adapter_and_nothing_else() -> None:
    model, adapter = small()
    freeze_except(model, adapter)
    before = snapshot(model)
    optimizer = torch.optim.AdamW(parameter_groups(adapter, lr=1e-2, weight_decay=0.1))
    for _ in range(2):
        optimizer.zero_grad()
        model(**example()).loss.backward()
        optimizer.step()
    assert changed(model, before) == {f"{PATH}.{name}" for name, _ in adapter.named_parameters()}


def test_flags_and_undo() -> None:
    model, adapter = small()
    model.model.language_model.embed_tokens.weight.requires_grad_(False)
    adapter.ln_q.requires_grad_(False)
    before, values = flags(model), snapshot(model)
    done = freeze_except(model, adapter)
    assert {name for name, flag in flags(model).items() if flag} == {
        f"{PATH}.{name}" for name, _ in adapter.named_parameters()
    }
    assert done.shared == ()
    assert done.kept == ()
    assert changed(model, values) == set()
    assert model.training
    done.undo()
    assert flags(model) == before


def test_parameters_that_are_shared_are_named() -> None:
    model: Any = Holder(QWEN2.build())
    model.tower.weight = model.adapter.mlp[2].weight
    model.adapter.mlp[2].bias = model.tower.bias = nn.Parameter(torch.zeros(QWEN2.dims["text"]))
    done = freeze_except(model, model.adapter)
    assert done.shared == (("adapter.mlp.2.weight", "tower.weight"), ("adapter.mlp.2.bias", "tower.bias"))
    assert all(flags(model).values())
    assert "`adapter.mlp.2.weight` trains, and is also `tower.weight`" in str(done)
    done.undo()


def test_fixed_tables_and_what_is_never_read_stay_frozen() -> None:
    model: Any = Holder(QWEN_VL.build())
    done = freeze_except(model, model.adapter)
    assert done.kept == ("adapter.pos_embed",)
    assert {name for name, flag in flags(model).items() if not flag} == {
        "adapter.pos_embed",
        "tower.weight",
        "tower.bias",
    }
    assert "`adapter.pos_embed` stays as it is: a fixed table" in str(done)
    adapter: Any = HUNYUAN.build()
    done = freeze_except(adapter, adapter)
    assert done.kept == ("image_sep",)
    assert "`image_sep` stays as it is: `forward` never reads it" in str(done)


def test_every_parameter_that_trains_gets_a_gradient() -> None:
    """So that a wrapper which waits for all gradients does not wait for ever."""
    adapter: Any = randomise(HUNYUAN.build())
    freeze_except(adapter, adapter)
    torch.manual_seed(0)
    adapter(**HUNYUAN.cases[0].inputs()).sum().backward()
    assert all((p.grad is not None) == p.requires_grad for p in adapter.parameters())


def test_any_module_can_be_the_one() -> None:
    model, _ = small()
    freeze_except(model, model.lm_head)
    named = model.named_parameters(remove_duplicate=False)
    own = {name for name, parameter in named if parameter is model.lm_head.weight}
    assert "lm_head.weight" in own
    assert {name for name, flag in flags(model).items() if flag} == own


@pytest.mark.parametrize("found", ["another", "changed", "empty", "integers"])
def test_refusals_change_nothing(found: str) -> None:
    model: Any = Holder(QWEN2.build())
    adapter = model.adapter
    if found == "another":
        adapter, message = QWEN2.build(), r"this `Qwen2Vl` is no part of the `Holder`: pass the object"
    elif found == "changed":
        adapter.extra, message = nn.Linear(2, 2), r"no longer the `qwen2-vl`.*`extra.weight`"
    elif found == "empty":
        model.tower, message = nn.Identity(), r"this `Identity` has no parameter to train"
        adapter = model.tower
    else:
        weight = nn.Parameter(torch.ones(3, 3, dtype=torch.int8), requires_grad=False)
        model.tower.weight, message = weight, r"`weight` holds int8, which gets no gradient"
        adapter = model.tower
    before = flags(model)
    with pytest.raises(ModuleError, match=message):
        freeze_except(model, adapter)
    assert flags(model) == before


def test_lora_and_freezing_do_not_mix_by_accident() -> None:
    from peft import LoraConfig, get_peft_model

    adapter: Any = QWEN2.build()
    tuned = get_peft_model(adapter, LoraConfig(target_modules=vla_compose.lora_targets(adapter)))
    with pytest.raises(ModuleError, match="merge_and_unload"):
        freeze_except(tuned, adapter)
