"""Adapters that `attach` put into real models: the same functions, at the path that it reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

import vla_compose
from tests.parity.harness import randomise
from tests.weights.models import SMALL, small_model


def attached(name: str) -> tuple[Any, Any, str]:
    model = small_model(name)
    dims: dict[str, Any] = dict(SMALL[name].dims)
    adapter = randomise(vla_compose.build(name, **dims))
    return model, adapter, vla_compose.attach(model, adapter).path


@pytest.mark.parametrize("name", SMALL)
def test_freezing_targets_and_saving(tmp_path: Path, name: str) -> None:
    model, adapter, path = attached(name)
    done = vla_compose.freeze_except(model, adapter)
    kept = {kept.removeprefix(f"{path}.") for kept in done.kept}
    wanted = {id(p) for name, p in adapter.named_parameters() if name not in kept}
    assert {id(p) for p in model.parameters() if p.requires_grad} == wanted
    groups = vla_compose.parameter_groups(adapter, lr=1e-3, weight_decay=0.1)
    assert {id(p) for group in groups for p in group["params"]} == wanted
    places = dict(model.named_modules())
    targets = vla_compose.lora_targets(adapter, prefix=path)
    assert targets
    assert all(places[target] is adapter.get_submodule(target[len(path) + 1 :]) for target in targets)
    vla_compose.save_pretrained(adapter, tmp_path / "x")
    again = vla_compose.from_pretrained(tmp_path / "x").state_dict()
    assert all(torch.equal(value, again[name]) for name, value in adapter.state_dict().items())


@pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing`:FutureWarning"
)  # peft asks it of transformers
@pytest.mark.parametrize("name", ["qwen3-vl", "internvl"])
def test_lora_in_a_model_with_other_names(name: str) -> None:
    """Merged, the model has its own names again, and other layers of the same names were never touched."""
    model, adapter, path = attached(name)
    names, before = set(model.state_dict()), {n: value.clone() for n, value in adapter.state_dict().items()}
    targets = vla_compose.lora_targets(adapter, prefix=path)
    tuned = get_peft_model(model, LoraConfig(r=2, target_modules=targets, init_lora_weights=False))
    wrapped = {place for place, part in tuned.named_modules() if hasattr(part, "lora_A")}
    assert {place.removeprefix("base_model.model.") for place in wrapped} == set(targets)
    merged: Any = tuned.merge_and_unload()
    assert merged is model
    assert set(model.state_dict()) == names
    after = adapter.state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed == {f"{target[len(path) + 1 :]}.weight" for target in targets}
    assert vla_compose.lora_targets(adapter, prefix=path) == targets
