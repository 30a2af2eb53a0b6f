"""The role of parameters, against the modules that torch holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

import vla_compose
from vla_compose.training.layers import weights

ROOT = Path(__file__).parents[2]
SPECS = [*vla_compose.list_specs(), *sorted((ROOT / "tests" / "specs" / "good").glob("*.yaml"))]
LAYERS = (nn.Linear, nn.Conv2d, nn.MultiheadAttention)


def layers(module: nn.Module) -> dict[str, nn.Module]:
    """Linear maps, convolutions and attentions by path; the parts of an attention are no layers."""
    found = {path: part for path, part in module.named_modules() if isinstance(part, LAYERS)}
    whole = tuple(f"{path}." for path, part in found.items() if isinstance(part, nn.MultiheadAttention))
    return {path: part for path, part in found.items() if not path.startswith(whole or (" ",))}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: getattr(spec, "stem", spec))
def test_roles_are_those_of_the_built_module(spec: str | Path) -> None:
    loaded = vla_compose.load(spec)
    for variant in (None, *loaded.variants):
        found = weights(vla_compose.compose(loaded, variant=variant))
        module = vla_compose.build(loaded, variant=variant, device="meta")
        assert sorted(weight.name for weight in found) == sorted(module.state_dict())
        real = layers(module)
        assert {weight.module for weight in found if weight.module} == set(real)
        matrices = {weight.name for weight in found if weight.matrix}
        for path, layer in real.items():
            inside = {f"{path}.{name}" for name, value in layer.named_parameters() if value.dim() > 1}
            assert inside <= matrices
            matrices -= inside
        # What is left is of `matmul`: bare, and no part of a layer.
        assert all(module.get_parameter(name).dim() == 2 for name in matrices)
        assert {weight.name for weight in found if weight.matrix and not weight.module} == matrices


def test_what_forward_never_reads() -> None:
    found = weights(vla_compose.compose("hunyuan-ocr"))
    assert [weight.name for weight in found if not weight.read] == ["image_sep"]


def test_bare_parameters() -> None:
    found = {weight.name: weight for weight in weights(vla_compose.compose("qwen-vl-full"))}
    assert found["proj"].matrix
    assert not found["proj"].module
    assert not found["attn_pool.query"].matrix
    assert not found["attn_pool.pos_embed"].matrix
    assert found["attn_pool.attn.out_proj.weight"].module == "attn_pool.attn"
