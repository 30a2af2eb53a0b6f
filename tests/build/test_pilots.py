"""Torch features of the six pilots: what their originals allow, and a word where a loop forbids it."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch.export import export

import vla_compose
from tests.parity.harness import Reference, flatten, leaves, randomise
from tests.parity.pilots import ERNIE, GLM4V, GRANITE_DOCLING, IDEFICS2, INTERNVL, LLAVA_NEXT, PILOTS

TRACED = [INTERNVL, GLM4V, IDEFICS2, GRANITE_DOCLING]
LOOPS = [ERNIE, LLAVA_NEXT]


def inputs_of(reference: Reference) -> dict[str, object]:
    torch.manual_seed(0)
    found: dict[str, object] = leaves(reference.cases[0].inputs(), torch.float32)
    return found


def same(left: object, right: object) -> bool:
    return all(torch.equal(a, b) for a, b in zip(flatten(left), flatten(right), strict=True))


@pytest.mark.parametrize("reference", TRACED, ids=lambda reference: reference.name)
def test_compiles_without_graph_breaks(reference: Reference) -> None:
    torch._dynamo.reset()
    module = randomise(reference.build()).eval()
    fast = torch.compile(module, backend="eager", fullgraph=True)
    assert same(fast(**inputs_of(reference)), module(**inputs_of(reference)))


@pytest.mark.parametrize("reference", TRACED, ids=lambda reference: reference.name)
def test_exports(reference: Reference) -> None:
    module = randomise(reference.build()).eval()
    inputs = inputs_of(reference)
    program = export(module, (), kwargs=inputs)
    assert same(program.module()(**inputs), module(**inputs))


@pytest.mark.parametrize("reference", LOOPS, ids=lambda reference: reference.name)
def test_show_says_that_tracing_may_not_follow_a_loop_over_data(reference: Reference) -> None:
    stated = [str(r) for chain in vla_compose.compose(reference.spec).chains for r in chain.requirements]
    assert any("torch.compile" in text and "torch.export" in text for text in stated)
    torch._dynamo.reset()
    module = reference.build()
    with pytest.raises(Exception, match=r"(?i)data.dependent|graph break|unsupported"):
        torch.compile(module, backend="eager", fullgraph=True)(**inputs_of(reference))


@pytest.mark.parametrize("reference", PILOTS, ids=lambda reference: reference.name)
def test_copies_pickles_and_saves(reference: Reference) -> None:
    module = randomise(reference.build()).eval()
    inputs = inputs_of(reference)
    expected = module(**inputs)
    assert same(copy.deepcopy(module)(**inputs), expected)
    assert same(pickle.loads(pickle.dumps(module))(**inputs), expected)
    stored = io.BytesIO()
    torch.save(module.state_dict(), stored)
    stored.seek(0)
    other = reference.build().eval()
    other.load_state_dict(torch.load(stored, weights_only=True))
    assert same(other(**inputs), expected)


@pytest.mark.parametrize("reference", PILOTS, ids=lambda reference: reference.name)
def test_loads_on_meta(reference: Reference) -> None:
    module = randomise(reference.build()).eval()
    empty = reference.build(device="meta").eval()
    assert all(parameter.is_meta for parameter in empty.parameters())
    empty.load_state_dict(module.state_dict(), assign=True)
    inputs = inputs_of(reference)
    assert same(empty(**inputs), module(**inputs))
