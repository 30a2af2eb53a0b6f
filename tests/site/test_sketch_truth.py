"""Diagrams tell the truth: a token depends on the patches of its colour, where the numbers say they are."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import vla_compose
from vla_compose.site.example import example
from vla_compose.site.sketch import Cell, Sketch, sketches
from vla_compose.spec.inputs import GridInput, SizesInput

DIMS: dict[str, dict[str, Any]] = {
    "ernie4-5-vl-moe": {"vision": 4, "text": 6},
    "glm4v": {"vision": 4, "text": 6, "intermediate": 8},
    "granite-docling": {"vision": 4, "text": 8, "side": 8, "scale": 4},
    "hunyuan-ocr": {"vision": 4, "text": 6},
    "idefics3": {"vision": 4, "text": 6},
    "internvl": {"vision": 4, "text": 6},
    "qwen2-vl": {"vision": 4, "text": 6},
    "qwen2.5-vl": {"vision": 4, "text": 6},
    "qwen3-vl": {"vision": 4, "text": 6},
}


def cells(sketch: Sketch | None) -> list[Cell]:
    """The cells of a sketch in the order of the sequence."""
    assert sketch is not None
    found = [cell for part in sketch.parts for cell in part.cells]
    return sorted(found, key=lambda cell: cell.number)


@pytest.mark.parametrize("name", DIMS)
def test_a_token_depends_on_the_patches_of_its_colour(name: str) -> None:
    graph = vla_compose.compose(name, **DIMS[name])
    values = example(graph).values
    given: dict[str, Any] = {}
    for label, value in graph.spec.inputs.items():
        if isinstance(value, SizesInput):
            given[label] = tuple(values[size] for size in value.names)
        elif isinstance(value, GridInput):
            given[label] = torch.tensor([[values[size] for size in value.names]])
        elif label in graph.inputs:
            edge = graph.inputs[label]
            shape = [axis.size.substitute(values).constant or 0 for axis in edge.type.axes]
            many = edge.each.substitute(values).constant if edge.each is not None else None
            made = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for _ in range(many or 1)]
            given[label] = made if many is not None else made[0]
    module = vla_compose.build(name, dtype=torch.float64, **DIMS[name])
    out = module(**given)
    tokens = (out if isinstance(out, torch.Tensor) else out[0]).flatten(0, -2)

    found = sketches(graph)
    patches, drawn = cells(found.inputs["x"]), cells(found.outputs["tokens"])
    assert tokens.shape[0] == len(drawn)
    weights = torch.rand(tokens.shape[1], dtype=torch.float64)
    for cell, token in zip(drawn, tokens, strict=True):
        (slope,) = torch.autograd.grad(token @ weights, given["x"], retain_graph=True, materialize_grads=True)
        read = slope.flatten(0, -2).abs().sum(-1).nonzero().flatten().tolist()
        same = [patch for patch in patches if patch.colour is not None and patch.colour == cell.colour]
        assert read == [patch.number for patch in same], cell
