"""What the checker accepts builds and runs, and gives the shapes that it inferred."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor

import vla_compose
from tests.check.random_specs import Sample, arguments, chosen, number, samples, spec_text
from vla_compose.check.graph import Graph
from vla_compose.report.table import describe, render
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import read_text
from vla_compose.types.expression import parse_expression
from vla_compose.types.tensor import TensorType

BATCHES, BATCH = 6, 100
CUTS = ("queries:", "drop:", "row_end:", "outputs:")
"""What may leave results of steps before it unread."""


@pytest.mark.parametrize("batch", range(BATCHES))
def test_accepted_specs_run_and_give_what_was_inferred(batch: int) -> None:
    """One word for each spec: at least a third must be accepted, or the test shows little."""
    seen = Counter(outcome(seed) for seed in range(batch * BATCH, (batch + 1) * BATCH))
    assert seen["ran"] > BATCH // 4, seen
    assert seen["refused"] > BATCH // 8, seen
    assert seen["no sizes"] < BATCH // 8, seen


def outcome(seed: int) -> str:
    text = spec_text(seed)
    try:
        return run(text, seed)
    except Exception as error:
        error.add_note(f"seed {seed}:\n{text}")
        raise


def tidied(text: str) -> str:
    """Without the inputs that nothing reads, each of which is a mistake of its own."""
    unread = {found.span.line for found in vla_compose.check(text) if found.code == "VC307" and found.span}
    return "".join(line for at, line in enumerate(text.splitlines(True), start=1) if at not in unread)


def run(text: str, seed: int) -> str:
    text = tidied(text)
    found = vla_compose.check(text)
    if found:
        for diagnostic in found:
            assert diagnostic.span is not None
            assert diagnostic.help
            assert diagnostic.message
        return "refused"
    spec = load_spec(read_text(text))
    graph = vla_compose.compose(spec)
    assert render(describe(graph))
    module = vla_compose.build(spec)
    assert [(name, tuple(value.shape)) for name, value in module.state_dict().items()] == graph.entries()
    source = random.Random(seed)
    torch.manual_seed(seed)
    used: set[str] = set()
    for flag in (False, True) if "fine" in spec.inputs else (False,):
        sample = samples(graph, source)
        if sample is None:
            return "no sizes"
        results = module(**arguments(graph, sample, flag))
        results = results if len(graph.outputs) > 1 else (results,)
        known = {**sample.sizes}
        for name, value in chosen(graph, flag).items():
            known[name] = number(parse_expression(value), known)
        for (_, edge), result in zip(graph.outputs, results, strict=True):
            check_shape(edge.type.substitute(graph.values), result, Sample(known, sample.images))
        total: Any = sum(tensor.sum() for tensor in tensors(results))
        if total.requires_grad:
            total.backward()
        used |= {name for name, value in module.named_parameters() if value.grad is not None}
    if not any(word in text for word in CUTS):
        learned = {name for name, value in module.named_parameters() if value.requires_grad}
        assert learned - used <= unread(graph), learned - used
    return "ran"


def check_shape(type_: TensorType, result: Any, sample: Sample) -> None:
    if type_.each is None:
        assert tuple(result.shape) == sample.shape(type_), (type_, sample)
        return
    assert len(result) == number(type_.each, sample.sizes)
    for tensor in result:
        assert tuple(tensor.shape) == sample.shape(type_), (type_, sample)


def tensors(value: Any) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else [tensor for part in value for tensor in tensors(part)]


def unread(graph: Graph) -> set[str]:
    """Parameters that were declared unused."""
    found = set()
    for checked in graph.chains:
        prefix = "" if checked.chain.inline else f"{checked.chain.name}."
        found |= {f"{prefix}{member.path}" for member in checked.unused}
    return found
